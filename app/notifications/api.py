"""HTTP of channels and messages."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from app.auth.access import allow
from app.auth.domain import Role
from app.core.clock import utcnow
from app.core.http import (
    Answer,
    Blueprint,
    DeleteArgs,
    PageArgs,
    answer_json,
    page_of,
    parse_cursor,
    read,
    runtime,
    write,
)
from app.core.ids import new_id
from app.notifications import schemas, service
from app.notifications.domain import Channel, Kind, Sending
from app.notifications.domain.records import Redriven, Search, shown

channels = Blueprint("channels", __name__, url_prefix="/channels", description="Where messages go.")
notifications = Blueprint(
    "notifications", __name__, url_prefix="/notifications", description="Every message, its tries, what became of it."
)
blueprints = (channels, notifications)


@channels.route("", methods=["GET"])
@allow(Role.VIEWER)
@channels.arguments(PageArgs, location="query")
@channels.response(200, schemas.ChannelPage)
def list_channels(args: dict[str, Any]) -> Response:
    """Channels, newest first, secrets masked."""
    after = parse_cursor(args["cursor"]) if args["cursor"] else None

    def unit(session: Session, now: datetime) -> Any:
        found = service.channels_page(session, after, args["limit"] + 1)
        return schemas.ChannelPage().dump(page_of(found, args["limit"], lambda one: (one.created_at, one.id)))

    return read(unit)


@channels.route("", methods=["POST"])
@allow(Role.ADMIN)
@channels.arguments(schemas.ChannelIn)
@channels.response(201, schemas.ChannelOut)
def create_channel(body: dict[str, Any]) -> Response:
    """Make a channel."""

    def unit(session: Session, now: datetime) -> Answer:
        return _out(service.create_channel(session, body, runtime().secrets, now)), 201

    return write(unit)


@channels.route("/<channel_id>", methods=["GET"])
@allow(Role.VIEWER)
@channels.response(200, schemas.ChannelOut)
def get_channel(channel_id: str) -> Response:
    """A channel, secrets masked."""
    return read(lambda session, _now: _out(service.channel(session, channel_id)))


@channels.route("/<channel_id>", methods=["PUT"])
@allow(Role.ADMIN)
@channels.arguments(schemas.ChannelPut)
@channels.response(200, schemas.ChannelOut)
def replace_channel(body: dict[str, Any], channel_id: str) -> Response:
    """Replace a channel's definition; secrets sent as their mask stay as they are."""
    return _change(channel_id, body, whole=True)


@channels.route("/<channel_id>", methods=["PATCH"])
@allow(Role.ADMIN)
@channels.arguments(schemas.ChannelPatch)
@channels.response(200, schemas.ChannelOut)
def change_channel(body: dict[str, Any], channel_id: str) -> Response:
    """Change some fields of a channel, or some of its settings."""
    return _change(channel_id, body, whole=False)


@channels.route("/<channel_id>", methods=["DELETE"])
@allow(Role.ADMIN)
@channels.arguments(DeleteArgs, location="query")
@channels.response(204)
def delete_channel(args: dict[str, Any], channel_id: str) -> Response:
    """Delete a channel; what was sent to it stays readable, what waits for it is cancelled."""

    def unit(session: Session, now: datetime) -> Answer:
        service.delete_channel(session, channel_id, args["expected_version"])
        return None, 204

    return write(unit)


@channels.route("/<channel_id>/test", methods=["POST"])
@allow(Role.ADMIN)
@channels.response(200, schemas.AttemptOut)
def test_channel(channel_id: str) -> Response:
    """Send a real test message and answer with how that ended. Over WebSocket `handed` means that clients are there."""
    open_ends, now = runtime(), utcnow()
    with open_ends.reading() as session:
        channel = service.channel(session, channel_id)
    # Nothing is open in the database while the receiver is waited for.
    attempt = service.send_one(_test_message(channel, now), open_ends)
    answer = {
        "n": 1,
        "at": attempt.at,
        "outcome": attempt.outcome.value,
        "status": attempt.status,
        "latency_ms": attempt.latency_ms,
        "error": attempt.error,
        "response": attempt.response,
    }
    return answer_json(answer, 200)


@notifications.route("", methods=["GET"])
@allow(Role.VIEWER)
@notifications.arguments(schemas.NotificationArgs, location="query")
@notifications.response(200, schemas.NotificationPage)
def list_notifications(args: dict[str, Any]) -> Response:
    """Messages, newest first, each with its tries."""
    after = parse_cursor(args["cursor"]) if args["cursor"] else None
    search = Search(tuple(args["state"]), tuple(args["kind"]), args["channel"], args["alert_id"])

    def unit(session: Session, now: datetime) -> Any:
        found = service.notifications_page(session, search, after, args["limit"] + 1)
        page = page_of(found, args["limit"], lambda one: (one.created_at, one.id))
        return {**page, "items": [shown(one) for one in page["items"]]}

    return read(unit)


@notifications.route("/health", methods=["GET"])
@allow(Role.VIEWER)
@notifications.response(200, schemas.HealthPage)
def get_health() -> Response:
    """How each channel does: what waits, what went out within the last hour, the last error."""

    def unit(session: Session, now: datetime) -> Any:
        return schemas.HealthPage().dump({"items": service.health(session, now)})

    return read(unit)


@notifications.route("/redrive", methods=["POST"])
@allow(Role.RESPONDER)
@notifications.arguments(schemas.RedriveIn)
@notifications.response(200, schemas.RedriveOut)
def redrive_many(body: dict[str, Any]) -> Response:
    """Send dead messages again, each as a new one, at most 1,000 at once; those that went again before are left out."""
    wanted = body["filter"]
    kinds = (wanted["kind"],) if wanted["kind"] else ()
    search = Search((wanted["state"],), kinds, wanted["channel"], wanted["alert_id"])

    def unit(session: Session, now: datetime) -> Answer:
        results = service.redrive_all(session, search, now, runtime().settings)
        redriven = sum(one.is_new for one in results)
        return {
            "redriven": redriven,
            "skipped": len(results) - redriven,
            "results": [_redriven(one) for one in results],
        }, 200

    return write(unit)


@notifications.route("/<notification_id>", methods=["GET"])
@allow(Role.VIEWER)
@notifications.response(200, schemas.NotificationOut)
def get_notification(notification_id: str) -> Response:
    """A message with its tries."""
    return read(lambda session, _now: shown(service.notification(session, notification_id)))


@notifications.route("/<notification_id>/redrive", methods=["POST"])
@allow(Role.RESPONDER)
@notifications.response(201, schemas.NotificationOut)
@notifications.alt_response(200, schema=schemas.NotificationOut, description="It was sent again before")
def redrive(notification_id: str) -> Response:
    """Send a dead message again, as a new one that names it; asked again, it answers with the one that was made."""

    def unit(session: Session, now: datetime) -> Answer:
        done = service.redrive(session, notification_id, now, runtime().settings)
        made = service.notification(session, str(done.redrive_id))
        return shown(made), 201 if done.is_new else 200

    return write(unit)


def _change(channel_id: str, body: dict[str, Any], *, whole: bool) -> Response:
    def unit(session: Session, now: datetime) -> Answer:
        changed = service.change_channel(session, channel_id, body, runtime().secrets, now, whole=whole)
        return _out(changed), 200

    return write(unit)


def _out(channel: Channel) -> Any:
    return schemas.ChannelOut().dump(channel)


def _redriven(one: Redriven) -> dict[str, Any]:
    fields = asdict(one)
    return {**fields, "status": "redriven" if fields.pop("is_new") else "skipped"}


def _test_message(channel: Channel, now: datetime) -> Sending:
    says = {"title": "A test message", "status": "ACTIVE", "severity": "INFO"}
    return Sending(
        id=new_id(),
        claim="",
        n=1,
        kind=Kind.TEST.value,
        subject_type="test",
        subject_id=channel.id,
        payload={**says, "version": 1, "episode": 1, "body": {}},
        reason="a person tests the channel",
        channel_id=channel.id,
        channel_type=channel.type,
        settings=channel.settings,
        sealed=channel.sealed,
        maybe_duplicate=False,
        created_at=now,
        expires_at=now,
        lease_until=now,
        version=1,
    )
