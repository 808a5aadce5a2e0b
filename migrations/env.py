"""Alembic's entry: migrates the database that the settings name."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from app.core.db import Base, Json, UtcDateTime, open_engine
from app.rows import ROWS
from app.settings import load_settings

assert ROWS  # importing them fills Base.metadata


def run() -> None:
    """Run the migrations over one connection, in one transaction."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
        return
    engine = open_engine(load_settings().database_url)
    with engine.begin() as opened:
        _migrate(opened)


def _migrate(connection: sa.Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, render_item=_rendered)
    with context.begin_transaction():
        context.run_migrations()


def _rendered(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Our own types by the names that script.py.mako defines: a migration must not change when the app does."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "MOMENT"
    if kind == "type" and isinstance(item, type(Json)) and item is Json:
        return "JSON"
    return False


run()
