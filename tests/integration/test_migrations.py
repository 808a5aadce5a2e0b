"""The migrations and the row classes describe the same schema, on both databases, forth and back."""

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from app.core.db import Base, open_engine
from app.release import migrate, pending
from app.rows import ROWS

assert ROWS


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_engine(request, tmp_path):
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
        yield engine
    else:
        url = sa.make_url(request.getfixturevalue("postgresql_url"))
        admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql("DROP DATABASE IF EXISTS empty WITH (FORCE)")
            connection.exec_driver_sql("CREATE DATABASE empty")
        admin.dispose()
        engine = open_engine(url.set(database="empty").render_as_string(hide_password=False))
        yield engine
    engine.dispose()


def test_migrated_tables_are_the_row_classes_tables(empty_engine):
    assert pending(empty_engine)
    migrate(empty_engine)
    assert pending(empty_engine) == []
    with empty_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_can_be_taken_back(empty_engine):
    migrate(empty_engine)
    config = Config("alembic.ini")
    with empty_engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(sa.inspect(empty_engine).get_table_names()) <= {"alembic_version"}
