"""Server-sent events: flask-sse with headers at once, replay, keepalive, filters and one reader for all clients."""

from collections.abc import Iterator
from typing import Any, cast

from flask import Response, request
from flask_sse import ServerSentEventsBlueprint
from redis import Redis
from redis.exceptions import RedisError

from app.core import live
from app.core.clock import monotonic
from app.core.http import runtime
from app.streaming.hub import RESYNC, Client, Hub, Item, item_of, last_id, new_item, parse_id

KEEPALIVE_S = 15.0
_RETRY_MS = 2000
_CHUNK = 1000


class EventStream(ServerSentEventsBlueprint):
    """flask-sse's blueprint over ONE Redis stream per process.

    As it comes, it subscribes each client by a connection of its own, sends no header before the first event, knows
    no Last-Event-ID, and lets every caller choose the channel.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__("events", __name__)
        self._hub = hub

    @property
    def redis(self) -> Redis:
        """The process's pooled client."""
        return runtime().redis

    def publish(
        self,
        data: dict[str, Any],
        type: str = "message",  # noqa: A002 -- flask-sse's names
        id: str = "",  # noqa: A002
        retry: None = None,
        channel: str = live.EVENTS,
    ) -> bool:
        """Append an event about the entity `id`; whether Redis took it."""
        return live.append(self.redis, channel, [live.Event(type, id, data)])

    def stream(self, client: Client | None = None, last_seen: str | None = None) -> Response:
        """A response that streams to `client`, after what it missed since the event id `last_seen`."""
        assert client is not None
        response = Response(self._frames(self.redis, client, last_seen), mimetype="text/event-stream")
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
        return response

    def _frames(self, redis: Redis, client: Client, last_seen: str | None) -> Iterator[bytes]:
        try:
            if last_seen is None:
                self._hub.join(client)  # before the head of the answer: whoever has seen it misses nothing any more
            yield f"retry: {_RETRY_MS}\n: welcome\n\n".encode()
            position = ""
            if last_seen is not None:
                for item in self._missed(redis, client, last_seen):
                    position = item.id
                    yield from self._wanted([item], client)
            while not client.dropped:
                items = client.take(KEEPALIVE_S)
                if not items:
                    yield b": ping\n\n"
                if RESYNC in items:
                    position = ""  # Redis may have begun to number anew
                fresh = [item for item in items if item is RESYNC or not _is_past(item, position)]
                position = fresh[-1].id if fresh else position
                yield from self._wanted(fresh, client)
                if client.behind and client.waiting.empty():
                    for item in self._missed(redis, client, position):
                        position = item.id
                        yield from self._wanted([item], client)
        finally:
            self._hub.leave(client)

    def _wanted(self, items: list[Item], client: Client) -> Iterator[bytes]:
        frames = [item.frame for item in items if item.kind == RESYNC.kind or client.wanted.lets(item.data)]
        client.events_out += len(frames)
        self._hub.events_out += len(frames)
        if frames:
            yield b"".join(frames)

    def _missed(self, redis: Redis, client: Client, last_seen: str) -> Iterator[Item]:
        """What came after `last_seen`, and the client joined to the hub without a gap; a resync where that is lost.

        It joins only when it has nearly caught up, so that a long replay does not fill its buffer.
        """
        try:
            position = resume_after(redis, last_seen)
            while position is not None and (chunk := _after(redis, position)):
                yield from _noting(client, chunk)
                position = chunk[-1].id
                if len(chunk) < _CHUNK:
                    break
            self._hub.join(client)
            if position is None:
                yield new_item(last_id(redis, live.EVENTS), RESYNC.kind, "", {}, "{}")
            while position is not None and (chunk := _after(redis, position)):
                yield from _noting(client, chunk)
                position = chunk[-1].id
        except RedisError:
            self._hub.join(client)
            yield RESYNC


def resume_after(redis: Redis, last_seen: str) -> str | None:
    """The id to go on after; None when it is unknown, or so old that events after it may be forgotten."""
    wanted = parse_id(last_seen)
    newest = last_id(redis, live.EVENTS)
    if wanted is None or wanted > (parse_id(newest) or (0, 0)):
        return None
    if last_seen == newest:
        return last_seen
    oldest = _entries(redis, "-", 1)
    if not oldest or wanted < (parse_id(oldest[0].id) or (0, 0)):
        return None
    return last_seen


def given_last_id() -> str | None:
    """The event id that the client saw last: by header as browsers send it, or `?lastEventId=` for the first time."""
    return request.headers.get("Last-Event-ID") or request.args.get("lastEventId") or None


def _after(redis: Redis, position: str) -> list[Item]:
    return _entries(redis, f"({position}", _CHUNK)


def _entries(redis: Redis, first: str, count: int) -> list[Item]:
    found = cast(list[tuple[bytes, dict[bytes, bytes]]], redis.xrange(live.EVENTS, min=first, count=count))
    return [item_of(entry_id, fields) for entry_id, fields in found]


def _noting(client: Client, items: list[Item]) -> Iterator[Item]:
    """The same items; each one taken shows that the client reads."""
    for item in items:
        client.took_at = monotonic()
        yield item


def _is_past(item: Item, position: str) -> bool:
    """Whether it was shown already, because it came while the client joined."""
    seen, this = parse_id(position), parse_id(item.id)
    return seen is not None and this is not None and this <= seen
