"""An open runtime and the Flask app over it, on SQLite and on PostgreSQL, with a real Redis."""

import pytest

from app.auth.domain import Role
from app.auth.service import create_token
from app.core.clock import utcnow
from app.core.db import Base, open_engine
from app.core.queue import open_celery
from app.core.runtime import open_runtime
from app.release import migrate
from app.rows import ROWS
from app.settings import Settings
from app.web import create_app

SECRET = "a secret of the tests, long enough"
assert ROWS


@pytest.fixture(scope="session")
def sqlite_url(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'alerting.db'}"


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request):
    url = request.getfixturevalue(f"{request.param}_url")
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    return url


@pytest.fixture
def settings(database_url, redis_url, tmp_path):
    return settings_for(database_url, redis_url, tmp_path)


def settings_for(database_url, redis_url, home, **more):
    """Settings as an operator would give them, by name in the environment."""
    environ = {
        "ALERTING_HOME": str(home),
        "ALERTING_DATABASE_URL": database_url,
        "ALERTING_REDIS_URL": redis_url,
        "ALERTING_SECRET_KEY": SECRET,
        "ALERTING_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
        "ALERTING_LOG_LEVEL": "warning",
        "ALERTING_COLLECTOR_INTERVAL": "1h",  # the series of the tests' own requests are written when a test says so
        **{f"ALERTING_{name.upper()}": str(value) for name, value in more.items()},
    }
    return Settings.from_env(environ).with_secrets()


@pytest.fixture
def app(settings):
    made = create_app(settings)
    open_ends = made.extensions["alerting"]
    open_ends.redis.flushdb()
    with open_ends.transaction() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
    yield made
    open_ends.close()


@pytest.fixture
def runtime(app):
    return app.extensions["alerting"]


@pytest.fixture
def other_runtime(settings, runtime):
    """A second process's runtime over the same stores."""
    opened = open_runtime(settings, open_celery(settings))
    yield opened
    opened.close()


@pytest.fixture
def tokens(runtime):
    """A token's value for each role."""
    with runtime.transaction() as session:
        return {role.value: create_token(session, role.value, role, utcnow())[1] for role in Role}


@pytest.fixture
def headers(tokens):
    return lambda role="admin", **more: {"Authorization": f"Bearer {tokens[role]}", **more}


@pytest.fixture
def client(app):
    return app.test_client()
