"""WebSocket clients: messages out, confirmations in, and the record of both."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import structlog
from redis import Redis
from simple_websocket import ConnectionClosed, Server
from sqlalchemy.orm import Session
from wsproto.events import TextMessage

from app.core.clock import monotonic, utcnow
from app.core.http import to_json
from app.core.runtime import Runtime
from app.core.severity import parse_severity
from app.notifications import service as notifications
from app.notifications.channels.websocket import note_presence
from app.streaming.hub import Client, Hub, Item, Wanted

_GATHER_S = 0.02
_RETRY_S = 1.0
_PRESENCE_EVERY_S = 3.0
_REMEMBERED = 5000
_REPLY = "reply"
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ack:
    """The client has shown, or kept, the message."""

    id: str


@dataclass(frozen=True)
class Ping:
    """The client wants to know whether we are there."""


@dataclass(frozen=True)
class Unclear:
    """What the client sent cannot be understood."""

    detail: str


class Books:
    """What sockets took and clients confirmed, written down in small batches by a thread that ends when all is."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._taken: set[str] = set()
        self._acknowledged: set[str] = set()
        self._writer: threading.Thread | None = None

    def note(self, *, taken: Collection[str] = (), acknowledged: Collection[str] = ()) -> None:
        """Remember ids to be written down within milliseconds."""
        with self._lock:
            self._taken.update(taken)
            self._acknowledged.update(acknowledged)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="socket-books", daemon=True)
                self._writer.start()

    def _write(self) -> None:
        pause = _GATHER_S
        while True:
            threading.Event().wait(pause)  # so that one write serves a burst
            with self._lock:
                taken, acknowledged = self._taken, self._acknowledged
                if not taken and not acknowledged:
                    self._writer = None
                    return
                self._taken, self._acknowledged = set(), set()
            try:
                self._runtime.run(partial(_save, taken, acknowledged))
                pause = _GATHER_S
            except Exception as error:  # the next round tries again, whatever it was
                log.exception("sockets' news not written", error=str(error).splitlines()[0][:300])
                pause = _RETRY_S
                with self._lock:
                    self._taken.update(taken)
                    self._acknowledged.update(acknowledged)


def _save(taken: Collection[str], acknowledged: Collection[str], session: Session) -> None:
    now = utcnow()
    if taken:
        notifications.mark_taken(session, taken, now)
    if acknowledged:
        notifications.mark_acknowledged(session, acknowledged, now)


def presence(redis: Redis) -> Callable[[Collection[Client]], None]:
    """What the hub calls often: it tells the delivery workers every few seconds that clients are here."""
    noted_at = [-_PRESENCE_EVERY_S]

    def tick(clients: Collection[Client]) -> None:
        if monotonic() - noted_at[0] >= _PRESENCE_EVERY_S and any(client.kind == "websocket" for client in clients):
            note_presence(redis)
            noted_at[0] = monotonic()

    return tick


def serve(ws: Server, client: Client, hub: Hub, books: Books, runtime: Runtime) -> None:
    """Talk with one client until it goes: what it has not confirmed first, then what comes."""
    seen: OrderedDict[str, None] = OrderedDict()
    hub.join(client)
    writer = threading.Thread(target=_send_all, args=(ws, client, seen, books), name="socket-writer", daemon=True)
    writer.start()
    try:
        with contextlib.suppress(OSError):
            note_presence(runtime.redis)
        with runtime.reading() as session:
            unconfirmed = notifications.messages_for_new_client(session, utcnow())
        for message in unconfirmed:
            if client.wanted.lets(message):
                client.offer(Item("", "notification", message["id"], message))
        runtime.queue.nudge("delivery")  # what waited for a client may go out
        while not client.dropped:
            _answer(client, ws.receive(), seen, books)
    finally:
        hub.leave(client)
        client.end()
        writer.join(5)


def parse_message(raw: str | bytes | None) -> Ack | Ping | Wanted | Unclear:
    """What a client's message says."""
    try:
        message: Any = orjson.loads(raw or b"")
    except orjson.JSONDecodeError:
        return Unclear("a message is JSON")
    kind = message.get("type") if isinstance(message, dict) else None
    if kind == "ping":
        return Ping()
    if kind == "ack":
        given = message.get("id")
        return Ack(given) if isinstance(given, str) and 0 < len(given) <= 64 else Unclear("ack needs the message's id")
    if kind == "subscribe":
        try:
            return wanted_of(_texts(message.get("severity")), _texts(message.get("service")))
        except ValueError as error:
            return Unclear(str(error))
    return Unclear("the type of a message is ack, subscribe or ping")


def wanted_of(severities: Collection[str], services: Collection[str]) -> Wanted:
    """The filter that lists name, each item of which may hold several separated by commas; ValueError."""
    grades = [part for text in severities for part in text.split(",") if part.strip()]
    names = [part.strip() for text in services for part in text.split(",") if part.strip()]
    return Wanted(frozenset(parse_severity(grade).value for grade in grades), frozenset(names))


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    found = value if isinstance(value, list) else [value]
    if len(found) > 100 or not all(isinstance(text, str) for text in found):
        raise ValueError("severity and service are lists of texts")
    return found


def _answer(client: Client, raw: str | bytes | None, seen: Collection[str], books: Books) -> None:
    said = parse_message(raw)
    if isinstance(said, Ack):
        # A socket that confirms what we sent it has taken it, even where that is not written down yet.
        books.note(taken=[said.id] if said.id in seen else [], acknowledged=[said.id])
        return
    if isinstance(said, Ping):
        reply: dict[str, Any] = {"type": "pong"}
    elif isinstance(said, Wanted):
        client.wanted = said
        reply = {"type": "subscribed", "severity": sorted(said.severities), "service": sorted(said.services)}
    else:
        reply = {"type": "error", "detail": said.detail}
    client.offer(Item("", _REPLY, "", reply))


def _send_all(ws: Server, client: Client, seen: "OrderedDict[str, None]", books: Books) -> None:
    """Send what is queued for a client; the only place that writes to its socket."""
    seq = 0
    try:
        while not client.dropped:
            for item in client.take(30):
                if item.kind == _REPLY:
                    _send(ws, to_json(item.data).decode())
                elif item.entity_id:
                    if item.entity_id not in seen:  # it may come from the stream and as unconfirmed
                        seq += 1
                        seen[item.entity_id] = None
                        _send(ws, to_json({**item.data, "seq": seq}).decode())
                        client.events_out += 1
                    books.note(taken=[item.entity_id])
            while len(seen) > _REMEMBERED:
                seen.popitem(last=False)
    except (ConnectionClosed, OSError):
        client.dropped = True
        client.cut()


def _send(ws: Server, text: str) -> None:
    if not ws.connected:
        raise ConnectionClosed
    # simple-websocket's own send() may write only a part of a frame when the client reads slowly.
    ws.sock.sendall(ws.ws.send(TextMessage(data=text)))
