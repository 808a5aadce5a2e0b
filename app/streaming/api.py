"""HTTP of the live streams: server-sent events, the WebSocket, and who is connected."""

import contextlib
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from flask import Flask, Response, current_app, g, request
from flask_smorest import Api
from flask_sock import Sock
from redis.exceptions import RedisError
from simple_websocket import Server

from app.auth.access import allow
from app.auth.domain import Role
from app.core.clock import utcnow
from app.core.errors import Forbidden, Invalid, Unauthorized
from app.core.http import Blueprint, answer_json, runtime
from app.core.live import EVENTS
from app.core.runtime import Runtime
from app.core.schemas import format_time
from app.streaming import schemas
from app.streaming.hub import Client, Hub, Wanted, last_id
from app.streaming.sockets import Books, presence, serve, wanted_of
from app.streaming.sse import EventStream, given_last_id

blueprint = Blueprint("streaming", __name__, description="What changes, as it changes.")
_SOCKET_OPTIONS = {"ping_interval": 25, "max_message_size": 64 * 1024}
_REFUSALS = {401: 4401, 403: 4403}  # close codes that a page can tell apart; 4000 and above are for applications


@dataclass(frozen=True)
class Streams:
    """What the streams of one process share."""

    hub: Hub
    events: EventStream
    books: Books


def install_streaming(app: Flask, api: Api) -> None:
    """Register the streams; their reader starts with the first client."""
    open_ends: Runtime = app.extensions["alerting"]
    hub = Hub(open_ends.settings.redis_url, presence(open_ends.redis))
    streams = Streams(hub, EventStream(hub), Books(open_ends))
    app.extensions["alerting.streams"] = streams
    app.config.setdefault("SOCK_SERVER_OPTIONS", _SOCKET_OPTIONS)
    app.register_blueprint(streams.events)
    api.register_blueprint(blueprint)
    Sock(app).route("/notifications/ws", endpoint="notifications_ws")(_talk)
    app.view_functions["notifications_ws"] = _guarded(app.view_functions["notifications_ws"])


@blueprint.route("/alerts/stream", methods=["GET"])
@allow(Role.VIEWER, ticket=True)
@blueprint.arguments(schemas.StreamArgs, location="query")
@blueprint.response(
    200, schema={"type": "string"}, content_type="text/event-stream", description="Server-sent events without an end"
)
def stream_alerts(args: dict[str, Any]) -> Response:
    """Events as they happen; the header Last-Event-ID replays what was missed. The event `resync` says: read anew."""
    try:
        wanted = wanted_of(args["severity"], args["service"])
    except ValueError as error:
        raise Invalid({"severity": [str(error)]}) from None
    return _streams().events.stream(_client("sse", wanted), given_last_id())


@blueprint.route("/alerts/stream/status", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.response(200, schemas.StreamStatus)
def stream_status() -> Response:
    """How the streams of the process that answers do."""
    hub = _streams().hub
    depth: int | None = None
    newest: str | None = None
    with contextlib.suppress(RedisError):
        depth, newest = int(cast(Any, runtime().redis.xlen(EVENTS))), last_id(runtime().redis, EVENTS)
    clients = hub.clients()
    status = {
        "clients": len(hub.clients("sse")),
        "sockets": len(hub.clients("websocket")),
        "events_out": hub.events_out,
        "replay_depth": depth,
        "newest_id": newest,
        "lag_ms": hub.lag_ms,
        "most_waiting": max((client.waiting.qsize() for client in clients), default=0),
        "reading": hub.is_reading,
    }
    return answer_json(status, 200)


@blueprint.route("/debug/connections", methods=["GET"])
@allow(Role.ADMIN)
@blueprint.response(200, schemas.ConnectionPage)
def list_connections() -> Response:
    """Open streams and sockets of the process that answers, oldest first."""
    return answer_json({"items": [_shown(client) for client in _streams().hub.clients()]}, 200)


def _talk(ws: Server) -> None:
    """The WebSocket of messages."""
    refusal: Unauthorized | Forbidden | None = g.get("refusal")
    if refusal is not None:
        ws.close(_REFUSALS[refusal.status], refusal.detail[:100])
        ws.thread.join(2)  # until the client has closed too; gunicorn takes the socket away after this
        return
    streams = _streams()
    client = _client("websocket", wanted_of(request.args.getlist("severity"), request.args.getlist("service")))
    serve(ws, client, streams.hub, streams.books, runtime())


def _guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let only viewers in, before the handshake.

    A browser cannot see the status of a refused handshake. So a caller with a ticket, which is a page, is let through
    the handshake and told by the close code that it needs a new ticket; nothing else is sent.
    """
    allowed = allow(Role.VIEWER, ticket=True)(view)

    @wraps(view)
    def entered(*args: Any, **kwargs: Any) -> Any:
        try:
            wanted_of(request.args.getlist("severity"), request.args.getlist("service"))
        except ValueError as error:
            raise Invalid({"severity": [str(error)]}) from None
        try:
            return allowed(*args, **kwargs)
        except (Unauthorized, Forbidden) as refusal:
            if not request.args.get("ticket"):
                raise
            g.refusal = refusal
            return view(*args, **kwargs)

    cast(Any, entered).needs = (Role.VIEWER,)
    return entered


def _client(kind: str, wanted: Wanted) -> Client:
    return Client(
        kind=kind,
        actor=g.identity.actor,
        address=request.remote_addr or "",
        since=utcnow(),
        cut=_cut(request.environ),
        wanted=wanted,
    )


def _cut(environ: Mapping[str, Any]) -> Callable[[], None]:
    """How to end this request's connection from outside, where its server shows the socket."""
    connection = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")

    def cut() -> None:
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    return cut


def _streams() -> Streams:
    found: Streams = current_app.extensions["alerting.streams"]
    return found


def _shown(client: Client) -> dict[str, Any]:
    return {
        "id": client.id,
        "kind": client.kind,
        "actor": client.actor,
        "address": client.address,
        "since": format_time(client.since),
        "events_out": client.events_out,
        "waiting": client.waiting.qsize(),
        "severity": sorted(client.wanted.severities),
        "service": sorted(client.wanted.services),
    }
