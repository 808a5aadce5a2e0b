"""The health of the running system, part by part."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa
from kombu.connection import Connection
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from app.analytics.domain import QUEUES, Check, tick_check
from app.core import ticks
from app.core.runtime import Runtime
from app.settings import Settings


def health(open_ends: Runtime, now: datetime) -> list[Check]:
    """A check for the database, Redis, the broker, each queue's worker, and Beat."""
    return [database(open_ends), *_redis_and_ticks(open_ends, now), broker(open_ends)]


def database(open_ends: Runtime) -> Check:
    """Whether the database answers and is migrated."""
    try:
        with open_ends.reading() as session:
            revision = session.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    except (sa.exc.SQLAlchemyError, OSError) as error:
        return Check("database", ok=False, detail=f"{str(error).splitlines()[0][:200]}; is it up and migrated?")
    return Check("database", ok=True, detail=f"{open_ends.engine.dialect.name}, migration {revision}")


def broker(open_ends: Runtime) -> Check:
    """Whether Celery's broker takes a connection."""
    try:
        with connected(open_ends.settings):
            pass
    except (OSError, KombuError) as error:
        return Check("broker", ok=False, detail=f"{error}; stages still run, a second later, once it is back")
    return Check("broker", ok=True, detail=open_ends.settings.broker_url.partition(":")[0])


@contextmanager
def connected(settings: Settings) -> Iterator[Connection]:
    """A connection to Celery's broker; OSError or KombuError when it takes none within two seconds or so."""
    with Connection(settings.broker_url, connect_timeout=2) as connection:  # type: ignore[no-untyped-call]
        connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=2)
        yield connection


def _redis_and_ticks(open_ends: Runtime, now: datetime) -> list[Check]:
    try:
        seen = ticks.last_seen(open_ends.redis)
    except (RedisError, OSError) as error:
        return [Check("redis", ok=False, detail=f"{error}; alerts are still taken in, metrics and live views wait")]
    workers = [
        tick_check(f"worker:{queue}", seen.get(queue), now, f"is a worker of the queue {queue} running?")
        for queue in QUEUES
    ]
    return [
        Check("redis", ok=True, detail="answers"),
        *workers,
        tick_check("beat", seen.get("beat"), now, "is Beat running?"),
    ]
