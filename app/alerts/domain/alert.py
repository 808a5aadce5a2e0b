"""The alert as a value: three axes stored apart, one status shown."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app.core.severity import Severity

Key = tuple[str, str]  # namespace, fingerprint
INTERNAL = "internal"  # the namespace of alerts about ourselves


class Signal(StrEnum):
    """What the source says."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Handling(StrEnum):
    """What people do about it."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"


class Status(StrEnum):
    """What is shown: the first that fits, in the order of status_of()."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    SUPPRESSED = "SUPPRESSED"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


OPEN_STATUSES = (Status.ACTIVE, Status.ACKNOWLEDGED, Status.SUPPRESSED)


class Resolution(StrEnum):
    """Why an alert was resolved."""

    CONDITION_CLEARED = "condition_cleared"
    SOURCE = "source"
    MANUAL = "manual"
    RULE_CHANGED = "rule_changed"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it stands; a change makes a new value with a higher version."""

    id: str
    fingerprint: str
    namespace: (
        str  # who speaks of it: "rule:<id>" or "source:<name>"; the same fingerprint from another is another alert
    )
    name: str
    severity: Severity
    source: str
    created_at: datetime
    updated_at: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    description: str = ""
    service: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    metric: str | None = None
    value: float | None = None
    threshold: Any = None  # a number, or [low, high] of a range
    rule_id: str | None = None
    notification_channels: tuple[str, ...] = ()
    escalation_policy: str | None = None
    previous_alert_id: str | None = None
    # the axes
    signal: Signal = Signal.FIRING
    handling: Handling = Handling.OPEN
    suppressors: tuple[dict[str, Any], ...] = ()
    # the source's side
    occurrences: int = 1
    episodes: int = 1
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    last_source_at: datetime | None = None  # an event older than this never changes state
    source_firing: bool = True  # whether the source's last word was "firing", whatever people did since
    pending_since: datetime | None = None
    clearing_since: datetime | None = None  # its condition has been false since then, and `keep_firing_for` holds it
    last_repeat_at: datetime | None = None  # when a repeat was last written to the timeline
    # people's side
    activated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    ack_expires_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolution: Resolution | None = None
    closed_at: datetime | None = None
    # what must follow
    dispatch_due_at: datetime | None = None  # the decision whom to tell is due since then
    timeline_seq: int = 0
    version: int = 1

    @property
    def key(self) -> Key:
        """What identifies it among all alerts that were ever open."""
        return self.namespace, self.fingerprint

    @property
    def status(self) -> Status:
        """What is shown of the three axes."""
        return status_of(self.signal, self.handling, bool(self.suppressors))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline; `seq` counts from 1 without gaps."""

    alert_id: str
    seq: int
    at: datetime
    kind: str
    actor: str
    reason: str
    from_status: Status | None
    to_status: Status | None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What a source says about one alert at one moment.

    `event_at` orders the reports of one alert: start of a firing one, end of a resolved one, never later than now.
    """

    fingerprint: str
    namespace: str
    actor: str
    name: str
    severity: Severity
    firing: bool
    event_at: datetime
    source: str
    description: str = ""
    service: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    metric: str | None = None
    value: float | None = None
    threshold: Any = None
    rule_id: str | None = None
    notification_channels: tuple[str, ...] = ()
    escalation_policy: str | None = None
    starts_at: datetime | None = None  # as the source gave it; None when it gave none
    ends_at: datetime | None = None
    pending_for: timedelta = timedelta(0)  # how long it must hold before it is ACTIVE: a rule's `for`
    keep_firing_for: timedelta = timedelta(0)  # how long it must be false before it is RESOLVED
    held: bool = False  # not firing, and not past the threshold at which an alert that fires ends
    reason: str = ""
    evaluation: dict[str, Any] | None = (
        None  # of a rule: what its evaluation found, kept with each change that it makes
    )

    @property
    def key(self) -> Key:
        """The identity of the alert that it speaks of."""
        return self.namespace, self.fingerprint

    @property
    def by_rule(self) -> bool:
        """Whether the system speaks, by one of its rules or about itself, and not a foreign source."""
        return self.rule_id is not None or self.namespace == INTERNAL


@dataclass(frozen=True, slots=True)
class Watched:
    """What a rule's evaluation needs to know of an alert; `steady` is one that fires and is not about to end."""

    steady: bool
    value: float | None
    last_seen_at: datetime


def status_of(signal: Signal, handling: Handling, suppressed: bool) -> Status:
    """The status that the axes show."""
    if signal is Signal.CLOSED:
        return Status.CLOSED
    if signal is Signal.RESOLVED:
        return Status.RESOLVED
    if signal is Signal.PENDING:
        return Status.PENDING
    if suppressed:
        return Status.SUPPRESSED
    return Status.ACKNOWLEDGED if handling is Handling.ACKNOWLEDGED else Status.ACTIVE
