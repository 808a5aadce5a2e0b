"""Messages, channels and tries as values."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a message says. A firing notice is a page: somebody shall act on it."""

    FIRING = "firing"
    UPDATE = "update"
    RESOLVED = "resolved"
    TEST = "test"


class State(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    SENDING = "sending"
    RETRY_WAIT = "retry_wait"
    SENT = "sent"  # it went out; the receiver has not confirmed it
    DELIVERED = "delivered"  # the receiver confirmed it
    CANCELLED = "cancelled"
    DEAD = "dead"


class ChannelType(StrEnum):
    """The ways out that exist."""

    WEBSOCKET = "websocket"
    WEBHOOK = "webhook"


class Outcome(StrEnum):
    """How one try ended."""

    OK = "ok"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    AMBIGUOUS = "ambiguous"  # the receiver may have taken it
    HANDED = "handed"  # on its way to the web processes, which report what became of it
    WAITING = "waiting"  # nobody is connected; no try was made


WAITING_STATES = (State.QUEUED, State.RETRY_WAIT)
UNFINISHED = (State.QUEUED, State.RETRY_WAIT, State.SENDING)


@dataclass(frozen=True)
class Subject:
    """What a message is about, as it stands now."""

    type: str  # "alert"
    id: str
    title: str
    status: str  # PENDING, ACTIVE, ACKNOWLEDGED, SUPPRESSED, RESOLVED or CLOSED
    severity: str
    version: int
    episode: int  # 1, 2, ...: grows when it is reopened
    channels: tuple[str, ...] = ()  # ids or names; empty means the defaults
    body: dict[str, Any] = field(default_factory=dict)  # the alert as lists show it


@dataclass(frozen=True)
class Channel:
    """A way out. `settings` may be shown; `sealed` holds the secrets among them, encrypted."""

    id: str
    name: str
    type: str
    enabled: bool
    default: bool
    settings: dict[str, Any]
    sealed: str | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Attempt:
    """One try to send a message."""

    outcome: Outcome
    at: datetime
    latency_ms: float | None = None
    status: int | None = None
    error: str | None = None
    response: str | None = None
    retry_after: timedelta | None = None
    maybe_taken: bool = False  # the body went out before it failed


@dataclass(frozen=True)
class Planned:
    """What plan() decided for one subject and one destination; without `notification_id` nothing is sent, and why."""

    subject_id: str
    channel: str  # the id, or the name that was asked for and does not exist
    kind: Kind | None
    notification_id: str | None
    reason: str
    is_problem: bool = False  # there was something to tell, and it cannot be told there


@dataclass(frozen=True)
class Plan:
    """What plan() decided."""

    decisions: tuple[Planned, ...]

    @property
    def untold(self) -> dict[str, list[str]]:
        """Why destinations could not be told, by the subject's id."""
        found: dict[str, list[str]] = {}
        for one in self.decisions:
            if one.is_problem:
                found.setdefault(one.subject_id, []).append(one.reason)
        return found


@dataclass(frozen=True)
class Sending:
    """A claimed message with all that is needed to send it."""

    id: str
    claim: str
    n: int  # this try: 1, 2, ...
    kind: str
    subject_type: str
    subject_id: str
    payload: dict[str, Any]  # title, status, severity, version, episode, body
    reason: str
    channel_id: str
    channel_type: str
    settings: dict[str, Any]
    sealed: str | None
    maybe_duplicate: bool
    created_at: datetime
    expires_at: datetime
    lease_until: datetime  # until then nobody else takes it
    version: int


@dataclass(frozen=True)
class Done:
    """A message and how its try ended."""

    sending: Sending
    attempt: Attempt


@dataclass(frozen=True)
class Change:
    """What became of a message, for the log and the subject's timeline."""

    notification_id: str
    subject_type: str
    subject_id: str
    channel_id: str
    kind: str
    state: State
    reason: str
