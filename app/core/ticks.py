"""Signs of life: when each queue's worker last ran its stage, when Beat last asked for it, when the API was last up."""

import threading
from datetime import UTC, datetime
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from app.core.clock import utcnow

WEB = "web"
_KEY = "ticks"
_BEAT = "beat"
log = structlog.get_logger(__name__)


def note(redis: Redis, queue: str, now: datetime, *, asked_by_beat: bool) -> None:
    """A worker of `queue` (or `web`) is at work; losing the note costs nothing."""
    stamp = now.timestamp()
    seen: dict[Any, Any] = {queue: stamp, _BEAT: stamp} if asked_by_beat else {queue: stamp}
    try:
        redis.hset(_KEY, mapping=seen)
    except RedisError as error:
        log.warning("tick not noted", queue=queue, error=str(error))


def show_web(redis: Redis, ending: threading.Event, every_s: float = 2.0) -> None:
    """Note now and every two seconds that a web process is up, from a thread of its own, until it is `ending`.

    To be called after any fork, which no thread survives.
    """

    def keep_noting() -> None:
        while True:
            note(redis, WEB, utcnow(), asked_by_beat=False)
            if ending.wait(every_s):
                return

    threading.Thread(target=keep_noting, name="signs-of-life", daemon=True).start()


def last_seen(redis: Redis) -> dict[str, datetime]:
    """The last sign of each queue, of `beat`, and of `web`."""
    found: dict[bytes, bytes] = redis.hgetall(_KEY)  # type: ignore[assignment]
    return {name.decode(): datetime.fromtimestamp(float(stamp), UTC) for name, stamp in found.items()}


def forget(redis: Redis) -> None:
    """Forget every sign of life, so that only what comes from now on counts."""
    redis.delete(_KEY)
