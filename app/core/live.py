"""Live events: what changed, for whoever watches; appended to ONE Redis stream that each web process reads once.

The database holds the truth. An event is a hint that something changed, so losing one costs freshness, never data.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.core.clock import monotonic
from app.core.db import after_commit

EVENTS = "live:events"  # what the SSE streams show
SOCKETS = "live:sockets"  # messages on their way to WebSocket clients
REPLAY_EVENTS = 10_000
REPLAY_AGE = timedelta(minutes=10)
COALESCE_S = 0.25
_HARD_CAP = 200_000  # bounds memory should nobody trim
_SLICE = 500  # events of one script call: Redis answers nobody else meanwhile
#: One call for many events: packing an XADD for each costs the caller three times as much.
_APPEND = """
for i = 2, #ARGV, 3 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'event', ARGV[i], 'id', ARGV[i + 1], 'data', ARGV[i + 2])
end
"""
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Event:
    """One change: `kind` like "alert.opened", the entity's id, and the fields that a list shows."""

    kind: str
    entity_id: str
    data: dict[str, Any] = field(default_factory=dict)


class Live:
    """Publishes events; of a burst about one entity the first goes at once and the last after 250 ms."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._last_sent: dict[str, float] = {}
        self._held: dict[str, Event] = {}
        self._timer: threading.Timer | None = None

    def publish(self, events: Iterable[Event]) -> None:
        """Append events to the stream, bursts coalesced per entity; never raises."""
        now = monotonic()
        fresh: list[Event] = []
        with self._lock:
            for event in events:
                if now - self._last_sent.get(event.entity_id, -1.0) < COALESCE_S:
                    self._held[event.entity_id] = event
                else:
                    self._held.pop(event.entity_id, None)  # it is older; it must not come last
                    self._last_sent[event.entity_id] = now
                    fresh.append(event)
            if self._held and self._timer is None:
                self._timer = threading.Timer(COALESCE_S, self._flush)
                self._timer.daemon = True
                self._timer.start()
            elif not self._held and len(self._last_sent) > 1000:
                self._last_sent = {key: at for key, at in self._last_sent.items() if now - at < COALESCE_S}
        append(self._redis, EVENTS, fresh)

    def close(self) -> None:
        """Send what is held; nothing is sent after this returns, unless something is published anew."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
        self._flush()

    def _flush(self) -> None:
        with self._flushing:  # so that close() waits for a timer that has begun
            now = monotonic()
            with self._lock:
                held, self._held, self._timer = list(self._held.values()), {}, None
                self._last_sent = {key: at for key, at in self._last_sent.items() if now - at < COALESCE_S}
                self._last_sent.update((event.entity_id, now) for event in held)
            append(self._redis, EVENTS, held)


def announce(session: Session, events: Iterable[Event]) -> None:
    """Publish events once this transaction has committed."""
    live: Live | None = session.info.get("live")
    collected: list[Event] = session.info.setdefault("events", [])
    collected.extend(events)
    if live is not None and collected:
        after_commit(session, "live", lambda: live.publish(collected))


def append(redis: Redis, stream: str, events: Iterable[Event]) -> bool:
    """Append events to a stream, in order; False (and a log line) when Redis does not answer."""
    given = [
        part
        for event in events
        for part in (event.kind, event.entity_id, orjson.dumps(event.data, option=orjson.OPT_UTC_Z))
    ]
    try:
        for start in range(0, len(given), 3 * _SLICE):
            redis.eval(_APPEND, 1, stream, _HARD_CAP, *given[start : start + 3 * _SLICE])
    except (RedisError, OSError) as error:
        log.warning("live events dropped", stream=stream, error=str(error))
        return False
    return True


def trim(redis: Redis, now: datetime) -> None:
    """Forget what is older than both 10 minutes and the last 10,000 events; sockets' messages after 10 minutes."""
    oldest_by_age = int((now - REPLAY_AGE).timestamp() * 1000)
    kept = cast(list[tuple[bytes, Any]], redis.xrevrange(EVENTS, count=REPLAY_EVENTS))
    if len(kept) == REPLAY_EVENTS:
        oldest_by_count = int(kept[-1][0].split(b"-")[0])
        redis.xtrim(EVENTS, minid=min(oldest_by_age, oldest_by_count), approximate=False)
    redis.xtrim(SOCKETS, minid=oldest_by_age, approximate=False)
