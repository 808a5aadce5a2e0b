"""The WebSocket channel: messages go into a Redis stream, from which the web processes send them to their clients."""

from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from app.core import live
from app.core.clock import monotonic, utcnow
from app.core.runtime import Runtime
from app.core.schemas import format_time
from app.notifications.domain import Attempt, Outcome, Sending

PRESENT = "live:sockets:present"  # kept by every web process that has a client, as long as it has one
PRESENT_S = 10


def send(sending: Sending, runtime: Runtime) -> Attempt:
    """Hand the message to the web processes, or say that nobody is connected; they report what became of it."""
    now, started = utcnow(), monotonic()
    if not anybody_connected(runtime.redis):
        return Attempt(Outcome.WAITING, now)
    message = message_of(sending.id, sending.kind, sending.subject_type, sending.subject_id, sending.payload)
    message |= {"reason": sending.reason, "channel": sending.channel_id, "maybe_duplicate": sending.maybe_duplicate}
    message["created_at"] = format_time(sending.created_at)
    if not live.append(runtime.redis, live.SOCKETS, [live.Event("notification", sending.id, message)]):
        latency_ms = round((monotonic() - started) * 1000, 3)
        return Attempt(Outcome.TEMPORARY, now, latency_ms, error="Redis does not answer")
    return Attempt(Outcome.HANDED, now)


def anybody_connected(redis: Redis) -> bool:
    """Whether a client was connected to some web process within the last seconds; False when Redis does not answer."""
    try:
        return bool(redis.exists(PRESENT))
    except RedisError:
        return False


def note_presence(redis: Redis) -> None:
    """Say that this process has a client; to be repeated before PRESENT_S have passed."""
    redis.set(PRESENT, b"1", ex=PRESENT_S)


def message_of(
    notification_id: str, kind: str, subject_type: str, subject_id: str, payload: dict[str, Any]
) -> dict[str, Any]:
    """What a client is sent; `seq` is added by the connection."""
    body = payload.get("body") or {}
    return {
        "type": "notification",
        "id": notification_id,
        "kind": kind,
        "subject": {"type": subject_type, "id": subject_id, "status": payload["status"], "version": payload["version"]},
        "title": payload["title"],
        "severity": payload["severity"],
        "status": payload["status"],
        "service": body.get("service") or (body.get("labels") or {}).get("service"),
        "alert": body,
    }
