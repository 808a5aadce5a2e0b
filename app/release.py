"""What every new version does to its database before its processes start: migrate, then lay the first things in."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from app.auth.domain import Role
from app.auth.service import ensure_token
from app.notifications.service import ensure_default_channels
from app.rules.service import ensure_starter_rules
from app.settings import Settings

_ROOT = Path(__file__).parents[1]
_LOCK = 0x616C6572  # any number that no other program takes: two releases of one database wait for each other


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database to `revision`; nothing is left half done, because it is one transaction."""
    config = _config()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def pending(engine: sa.Engine) -> Sequence[str]:
    """The migrations that the database still waits for, oldest first."""
    scripts = ScriptDirectory.from_config(_config())
    with engine.connect().execution_options(readonly=True) as connection:
        current = MigrationContext.configure(connection).get_current_revision() or "base"
    return [script.revision for script in reversed(list(scripts.iterate_revisions("head", current)))]


def seed(session: Session, settings: Settings, now: datetime) -> list[str]:
    """Make what a first start needs and is not there yet: tokens, channels, starter rules; returns what was made."""
    made: list[str] = []
    if ensure_token(session, "admin", Role.ADMIN, settings.bootstrap_token, now):
        made.append("the admin token")
    if ensure_token(session, "collector", Role.INGEST, settings.collector_token, now):
        made.append("the collector's token")
    made += [f"channel {name}" for name in ensure_default_channels(session, now)]
    made += [f"rule {name}" for name in ensure_starter_rules(session, now, settings.evaluation_interval)]
    return made


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_ROOT / "migrations").replace("%", "%%"))
    return config
