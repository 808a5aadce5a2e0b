"""The stores that tests run on: a private PostgreSQL and Valkey, or the servers that the environment names."""

import contextlib
import os
import uuid

import pytest
import sqlalchemy as sa

from tests.stores import private_postgresql, private_valkey


@pytest.fixture(scope="session")
def redis_url():
    """A private Valkey; or the server that ALERTING_TEST_REDIS_URL names, whose database is emptied."""
    given = os.environ.get("ALERTING_TEST_REDIS_URL")
    with contextlib.nullcontext(given) if given else private_valkey() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_url():
    """A fresh database of a private PostgreSQL; or of the server that ALERTING_TEST_POSTGRESQL_URL names."""
    given = os.environ.get("ALERTING_TEST_POSTGRESQL_URL")
    with contextlib.nullcontext(given) if given else private_postgresql() as server_url:
        name = f"test_{uuid.uuid4().hex[:12]}"
        engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()
