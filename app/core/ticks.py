"""Signs of life: when each queue's worker last ran its stage, and when Beat last asked for it."""

from datetime import UTC, datetime
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

_KEY = "ticks"
_BEAT = "beat"
log = structlog.get_logger(__name__)


def note(redis: Redis, queue: str, now: datetime, *, asked_by_beat: bool) -> None:
    """A worker of `queue` is at work; losing the note costs nothing."""
    stamp = now.timestamp()
    seen: dict[Any, Any] = {queue: stamp, _BEAT: stamp} if asked_by_beat else {queue: stamp}
    try:
        redis.hset(_KEY, mapping=seen)
    except RedisError as error:
        log.warning("tick not noted", queue=queue, error=str(error))


def last_seen(redis: Redis) -> dict[str, datetime]:
    """The last sign of each queue, and of `beat`."""
    found: dict[bytes, bytes] = redis.hgetall(_KEY)  # type: ignore[assignment]
    return {name.decode(): datetime.fromtimestamp(float(stamp), UTC) for name, stamp in found.items()}


def forget(redis: Redis) -> None:
    """Forget every sign of life, so that only what comes from now on counts."""
    redis.delete(_KEY)
