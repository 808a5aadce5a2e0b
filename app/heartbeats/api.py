"""HTTP of heartbeats."""

from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from app.auth.access import allow
from app.auth.domain import Role
from app.core.http import Answer, Blueprint, PageArgs, page_of, parse_cursor, read, runtime, write
from app.heartbeats import schemas, service
from app.heartbeats.schemas import heartbeat_out

blueprint = Blueprint(
    "heartbeats", __name__, url_prefix="/heartbeats", description="Dead-man switches: an alert opens when none comes."
)


@blueprint.route("", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.arguments(PageArgs, location="query")
@blueprint.response(200, schemas.HeartbeatPage)
def list_heartbeats(args: dict[str, Any]) -> Response:
    """Heartbeats, newest first."""
    after = parse_cursor(args["cursor"]) if args["cursor"] else None

    def unit(session: Session, now: datetime) -> Any:
        found = service.heartbeats_page(session, after, args["limit"] + 1)
        page = page_of(found, args["limit"], lambda one: (one.created_at, one.name))
        return {**page, "items": [heartbeat_out(one) for one in page["items"]]}

    return read(unit)


@blueprint.route("/<name>", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.response(200, schemas.HeartbeatOut)
def get_heartbeat(name: str) -> Response:
    """A heartbeat."""
    return read(lambda session, _now: heartbeat_out(service.get_heartbeat(session, name)))


@blueprint.route("/<name>", methods=["POST"])
@allow(Role.INGEST)
@blueprint.response(200, schemas.HeartbeatOut)
@blueprint.alt_response(201, schema=schemas.HeartbeatOut)
def beat(name: str) -> Response:
    """A beat. The first one makes the heartbeat; one that was missing has its alert resolved. A body is not needed."""
    open_ends = runtime()

    def unit(session: Session, now: datetime) -> Answer:
        heartbeat, is_new = service.beat(session, name, now, open_ends.settings)
        service.count_beat(session, open_ends.redis, name, now, open_ends.settings)
        return heartbeat_out(heartbeat), 201 if is_new else 200

    return write(unit)


@blueprint.route("/<name>/config", methods=["PUT"])
@allow(Role.RESPONDER)
@blueprint.arguments(schemas.ConfigIn)
@blueprint.response(200, schemas.HeartbeatOut)
@blueprint.alt_response(201, schema=schemas.HeartbeatOut)
def configure(body: dict[str, Any], name: str) -> Response:
    """Set how often a heartbeat comes and what its alert is like; one that does not exist is made and waits."""

    def unit(session: Session, now: datetime) -> Answer:
        heartbeat, is_new = service.configure(session, name, body, now, runtime().settings)
        return heartbeat_out(heartbeat), 201 if is_new else 200

    return write(unit)


@blueprint.route("/<name>", methods=["DELETE"])
@allow(Role.ADMIN)
@blueprint.response(204)
def delete(name: str) -> Response:
    """Delete a heartbeat; its alert is resolved."""

    def unit(session: Session, now: datetime) -> Answer:
        service.delete(session, name, now, runtime().settings)
        return None, 204

    return write(unit)
