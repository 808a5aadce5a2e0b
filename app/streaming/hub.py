"""One reader of the live Redis streams per process, fanning out to a bounded queue for each client."""

import contextlib
import queue
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import sleep
from typing import Any, cast

import orjson
import structlog
from redis import Redis
from redis.exceptions import RedisError

from app.core.clock import monotonic, utcnow
from app.core.ids import new_id
from app.core.live import EVENTS, SOCKETS
from app.core.runtime import open_redis

BUFFER = 1000
STALLED_S = 5.0  # a client that takes nothing for so long does not read
_TAKEN_AT_ONCE = 100
_BLOCK_MS = 2000
_RETRY_FIRST_S, _RETRY_MOST_S = 0.1, 2.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Item:
    """One entry of a stream."""

    id: str
    kind: str
    entity_id: str
    data: dict[str, Any]
    frame: bytes = b""  # as a server-sent event, made once for all clients


@dataclass(frozen=True)
class Wanted:
    """What a client wants to see; an empty filter lets everything through."""

    severities: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def lets(self, data: Mapping[str, Any]) -> bool:
        """Whether an item with this data is wanted."""
        if self.severities and data.get("severity") not in self.severities:
            return False
        return not self.services or data.get("service") in self.services


@dataclass(eq=False)
class Client:
    """One open connection."""

    kind: str  # "sse" or "websocket"
    actor: str
    address: str
    since: datetime
    cut: Callable[[], None]  # ends the connection though its writer is stuck
    wanted: Wanted = field(default_factory=Wanted)
    id: str = field(default_factory=new_id)
    events_out: int = 0
    dropped: bool = False
    behind: bool = False  # its buffer was full: it has to catch up from Redis
    took_at: float = field(default_factory=monotonic)
    waiting: "queue.Queue[Item]" = field(default_factory=lambda: queue.Queue(BUFFER))

    def offer(self, item: Item) -> None:
        """Queue an item. What does not fit is left for the client to catch up on; one that does not read is cut off.

        So it costs no more than its buffer, and a burst that is larger than that ends nobody's stream.
        """
        if self.dropped:
            return
        if not self.behind:
            try:
                self.waiting.put_nowait(item)
                return
            except queue.Full:
                self.behind = True
        if self.kind != "sse" or monotonic() - self.took_at > STALLED_S:
            self.dropped = True
            log.warning("client dropped: it does not read", client=self.id, kind=self.kind, actor=self.actor)
            self.cut()

    def end(self) -> None:
        """Wake the writer so that it sees that the connection is over."""
        self.dropped = True
        with contextlib.suppress(queue.Full):  # then there is something to wake it
            self.waiting.put_nowait(RESYNC)

    def take(self, patience_s: float) -> list[Item]:
        """The next items, at most 100; none when there was none in time."""
        found: list[Item] = []
        with contextlib.suppress(queue.Empty):
            found.append(self.waiting.get(timeout=patience_s))
            while len(found) < _TAKEN_AT_ONCE:
                found.append(self.waiting.get_nowait())
        self.took_at = monotonic()
        return found


class Hub:
    """The clients of this process. The reader starts with the first of them, which is after any fork."""

    def __init__(self, redis_url: str, on_tick: Callable[[Collection[Client]], None]) -> None:
        self._redis_url = redis_url
        self._on_tick = on_tick
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._started = threading.Event()
        self.events_out = 0
        self.lag_ms: float | None = None
        self.is_reading = False

    def clients(self, kind: str | None = None) -> list[Client]:
        """The open connections, oldest first."""
        return [client for client in list(self._clients.values()) if kind in (None, client.kind)]

    def join(self, client: Client) -> None:
        """From here on the client gets what is published."""
        with self._lock:
            self._clients[client.id] = client
            client.behind = False
            if self._reader is None:
                self._reader = threading.Thread(target=self._read, name="live-reader", daemon=True)
                self._reader.start()
        self._started.wait(2)  # what is published after this must not be missed

    def leave(self, client: Client) -> None:
        """The client is gone."""
        with self._lock:
            self._clients.pop(client.id, None)

    def _read(self) -> None:
        delay = _RETRY_FIRST_S
        positions: dict[str, str] | None = None
        while True:
            try:
                with contextlib.closing(open_redis(self._redis_url, blocking=True)) as redis:
                    was_away = positions is not None
                    positions = _positions(redis, positions)
                    if was_away:
                        self._offer(EVENTS, [RESYNC])  # whoever watched may have missed something
                    self.is_reading = True
                    self._started.set()
                    delay = _RETRY_FIRST_S
                    while self._is_needed():
                        self._take(redis, positions)
                        sleep(0)  # under gevent nothing else would run while a burst is read
                    return
            except (RedisError, OSError) as error:
                if self.is_reading:
                    log.warning("live reader lost Redis", error=str(error))
                self.is_reading = False
                self._started.set()
                positions = positions or {}
                if not self._is_needed():
                    return
                threading.Event().wait(delay)
                delay = min(delay * 2, _RETRY_MOST_S)

    def _is_needed(self) -> bool:
        """Whether there are clients to read for; without them the reader ends, and the next one starts it anew."""
        with self._lock:
            if self._clients:
                return True
            self._reader = None
            self._started.clear()
            self.is_reading = False
            return False

    def _take(self, redis: Redis, positions: dict[str, str]) -> None:
        self._tick()
        answer = redis.xread(cast(Any, positions), count=500, block=_BLOCK_MS)
        for name, entries in cast(list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]], answer):
            stream = name.decode()
            items = [item_of(entry_id, fields) for entry_id, fields in entries]
            if items:
                positions[stream] = items[-1].id
                self._offer(stream, items)
                self.lag_ms = round(utcnow().timestamp() * 1000 - int(items[-1].id.split("-")[0]), 1)

    def _tick(self) -> None:
        try:
            self._on_tick(self.clients())
        except (RedisError, OSError):
            raise
        except Exception:  # poison isolation: the reader serves every client
            log.exception("tick failed")

    def _offer(self, stream: str, items: Iterable[Item]) -> None:
        kind = "sse" if stream == EVENTS else "websocket"
        for client in self.clients(kind):
            for item in items:
                if item is RESYNC or client.wanted.lets(item.data):
                    client.offer(item)


def new_item(entry_id: str, kind: str, entity_id: str, data: dict[str, Any], text: str) -> Item:
    """An item, whose data is also given as JSON text."""
    # Not by flask-sse's Message: it breaks data at U+2028 or U+0085, which JSON may hold as they are.
    line = f"id: {entry_id}\n" if entry_id else ""
    return Item(entry_id, kind, entity_id, data, f"event: {kind}\n{line}data: {text}\n\n".encode())


def item_of(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Item:
    """An entry of a stream."""
    text = fields.get(b"data", b"{}")
    kind, entity_id = fields.get(b"event", b"message").decode(), fields.get(b"id", b"").decode()
    return new_item(entry_id.decode(), kind, entity_id, orjson.loads(text), text.decode())


def parse_id(text: str) -> tuple[int, int] | None:
    """A stream id as a pair that compares; None when it is none."""
    milliseconds, _, sequence = text.partition("-")
    if milliseconds.isdecimal() and sequence.isdecimal() and len(text) <= 41:
        return int(milliseconds), int(sequence)
    return None


def last_id(redis: Redis, stream: str) -> str:
    """The id of the newest entry that a stream ever had."""
    if not redis.exists(stream):
        return "0-0"
    info = redis.xinfo_stream(stream)
    found = info["last-generated-id"]
    return found.decode() if isinstance(found, bytes) else str(found)


def _positions(redis: Redis, before: Mapping[str, str] | None) -> dict[str, str]:
    """Where to read on: after what was read last, or after the newest entry where that is unknown here."""
    positions: dict[str, str] = {}
    for stream in (EVENTS, SOCKETS):
        newest = last_id(redis, stream)
        kept = (before or {}).get(stream)
        known = kept is not None and (parse_id(kept) or (0, 0)) <= (parse_id(newest) or (0, 0))
        positions[stream] = kept if known and kept is not None else newest
    return positions


#: Says that something may have been missed; whoever gets it reads anew what it shows.
RESYNC = new_item("", "resync", "", {}, "{}")
