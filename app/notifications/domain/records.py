"""Messages as they are shown, and what a list of them is asked for."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.notifications.domain.messages import WAITING_STATES, State


@dataclass(frozen=True)
class Try:
    """One try of a message."""

    n: int
    at: datetime
    outcome: str
    status: int | None
    latency_ms: float | None
    error: str | None
    response: str | None


@dataclass(frozen=True)
class Notification:
    """A message and all that became of it."""

    id: str
    state: str
    state_reason: str
    kind: str
    reason: str
    subject_type: str
    subject_id: str
    title: str
    severity: str
    episode: int
    payload: dict[str, Any]
    channel: str  # its id
    channel_name: str | None  # None once the channel is deleted
    channel_type: str
    destination: str
    attempts: tuple[Try, ...]
    due_at: datetime | None
    expires_at: datetime
    maybe_duplicate: bool
    redrive_of: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None


def shown(one: Notification) -> dict[str, Any]:
    """A message as the API shows it."""
    return {
        "id": one.id,
        "state": one.state,
        "state_reason": one.state_reason,
        "kind": one.kind,
        "reason": one.reason,
        "title": one.title,
        "severity": one.severity,
        "channel": one.channel,
        "channel_name": one.channel_name,
        "channel_type": one.channel_type,
        "destination": one.destination,
        "alert_id": one.subject_id if one.subject_type == "alert" else None,
        "incident_id": one.subject_id if one.subject_type == "incident" else None,
        "attempts": [asdict(attempt) for attempt in one.attempts],
        "next_attempt_at": one.due_at if one.state in WAITING_STATES else None,
        "expires_at": one.expires_at,
        "maybe_duplicate": one.maybe_duplicate,
        "redrive_of": one.redrive_of,
        "dead_reason": one.state_reason if one.state == State.DEAD else None,
        "version": one.version,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "sent_at": one.sent_at,
        "delivered_at": one.delivered_at,
    }


@dataclass(frozen=True)
class Search:
    """Filters, all of which a message must satisfy; an empty one lets everything through."""

    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    channel: str | None = None  # id or name
    alert_id: str | None = None


@dataclass(frozen=True)
class Redriven:
    """What became of the wish to send a dead message again."""

    id: str
    redrive_id: str | None
    is_new: bool
    reason: str | None = None


@dataclass(frozen=True)
class Health:
    """How a channel does."""

    channel: str
    type: str
    enabled: bool
    queued: int
    sending: int
    retry_wait: int
    oldest_waiting_at: datetime | None
    succeeded_last_hour: int
    dead_last_hour: int
    last_error: str | None
    last_error_at: datetime | None

    @property
    def queue_depth(self) -> int:
        """Messages that are not finished."""
        return self.queued + self.sending + self.retry_wait

    @property
    def success_rate(self) -> float | None:
        """Of the messages that ended within the last hour, the part that went out; None when none ended."""
        ended = self.succeeded_last_hour + self.dead_last_hour
        return round(self.succeeded_last_hour / ended, 4) if ended else None
