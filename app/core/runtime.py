"""What a process opens once at its start and hands to its edges: settings, engine, Redis, queue, live events."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import sqlalchemy as sa
from celery import Celery
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionBroken
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy.orm import Session

from app.core import db
from app.core.live import Live
from app.core.queue import Queue
from app.core.secrets import SecretBox
from app.settings import Settings

Result = TypeVar("Result")
#: What is raised while a store does not answer; it passes by itself.
AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError, RedisError)


@dataclass(frozen=True)
class Runtime:
    """The open ends of one process."""

    settings: Settings
    engine: sa.Engine
    redis: Redis
    queue: Queue
    live: Live
    secrets: SecretBox
    ending: threading.Event = field(default_factory=threading.Event)  # set by close(): what runs beside requests stops

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A writing session that commits at the end; nudges and live events go out after the commit."""
        with db.transaction(self.engine, queue=self.queue, live=self.live) as session:
            yield session

    def run(self, unit: Callable[[Session], Result]) -> Result:
        """`unit` in one writing transaction, run again when a race was lost."""
        return db.in_transaction(self.engine, unit, queue=self.queue, live=self.live)

    @contextmanager
    def hurried(self) -> Iterator[Session]:
        """A writing session for what may as well be left undone: it does not wait while others write."""
        with db.hurried(self.engine) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads."""
        with db.reading(self.engine) as session:
            yield session

    def close(self) -> None:
        """End of the process, or of its use of these stores: held live events go out, connections are closed."""
        self.ending.set()
        self.live.close()
        self.engine.dispose()
        self.redis.close()


def open_runtime(settings: Settings, celery: Celery) -> Runtime:
    """A process's runtime; nothing is connected before its first use, so it may be made before the stores are up."""
    redis = open_redis(settings.redis_url)
    return Runtime(
        settings=settings,
        engine=db.open_engine(settings.database_url),
        redis=redis,
        queue=Queue(celery, redis, settings.broker_is_redis),
        live=Live(redis),
        secrets=SecretBox(settings.secret_key),
    )


def open_redis(url: str, *, blocking: bool = False) -> Redis:
    """A Redis client that gives up at once on a dead server; `blocking` for readers that wait (XREAD BLOCK).

    redis-py's own defaults (10 retries, 5 s socket time-out) hold a request back for seconds and break blocking reads.
    A broken connection is tried once more, because the server may have been restarted since; a time-out is not.
    """
    return Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 1, (ConnectionBroken,)),
        socket_timeout=None if blocking else 2,
        socket_connect_timeout=2,
        decode_responses=False,
    )
