"""The state machine of an alert: one table, one function that steps, and the steps that people take."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.alerts.domain.alert import Alert, Entry, Handling, Resolution, Signal, Status
from app.core.errors import InvalidTransition


class Action(StrEnum):
    """What can happen to an alert that exists."""

    ACTIVATE = "activate"
    DROP = "drop"
    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    CLOSE = "close"


#: (status, action) -> status; anything else is illegal. A suppressed alert goes back to ACTIVE or ACKNOWLEDGED, as its
#: handling was; a reopened one comes back SUPPRESSED while a suppressor holds. Both follow from the axes.
TRANSITIONS: dict[tuple[Status, Action], Status] = {
    (Status.PENDING, Action.ACTIVATE): Status.ACTIVE,
    (Status.PENDING, Action.DROP): Status.CLOSED,
    (Status.ACTIVE, Action.ACKNOWLEDGE): Status.ACKNOWLEDGED,
    (Status.ACKNOWLEDGED, Action.UNACKNOWLEDGE): Status.ACTIVE,
    (Status.ACTIVE, Action.SUPPRESS): Status.SUPPRESSED,
    (Status.ACKNOWLEDGED, Action.SUPPRESS): Status.SUPPRESSED,
    (Status.SUPPRESSED, Action.UNSUPPRESS): Status.ACTIVE,
    (Status.ACTIVE, Action.RESOLVE): Status.RESOLVED,
    (Status.ACKNOWLEDGED, Action.RESOLVE): Status.RESOLVED,
    (Status.SUPPRESSED, Action.RESOLVE): Status.RESOLVED,
    (Status.RESOLVED, Action.REOPEN): Status.ACTIVE,
    (Status.RESOLVED, Action.CLOSE): Status.CLOSED,
}
_AXES: dict[Action, dict[str, Any]] = {
    Action.ACTIVATE: {"signal": Signal.FIRING},
    Action.DROP: {"signal": Signal.CLOSED},
    Action.ACKNOWLEDGE: {"handling": Handling.ACKNOWLEDGED},
    Action.UNACKNOWLEDGE: {"handling": Handling.OPEN},
    Action.SUPPRESS: {},
    Action.UNSUPPRESS: {"suppressors": ()},
    Action.RESOLVE: {"signal": Signal.RESOLVED},
    Action.REOPEN: {"signal": Signal.FIRING, "handling": Handling.OPEN},
    Action.CLOSE: {"signal": Signal.CLOSED},
}
#: What a person can do through the API, with the status that it leads to: asked for there already, it changes nothing.
PERSONAL: dict[Action, Status] = {
    Action.ACKNOWLEDGE: Status.ACKNOWLEDGED,
    Action.UNACKNOWLEDGE: Status.ACTIVE,
    Action.RESOLVE: Status.RESOLVED,
    Action.CLOSE: Status.CLOSED,
}
_KINDS = {
    Action.ACTIVATE: "activated",
    Action.ACKNOWLEDGE: "acknowledged",
    Action.UNACKNOWLEDGE: "unacknowledged",
    Action.SUPPRESS: "suppressed",
    Action.UNSUPPRESS: "unsuppressed",
    Action.RESOLVE: "resolved",
    Action.REOPEN: "reopened",
    Action.CLOSE: "closed",
}


@dataclass(frozen=True, slots=True)
class Step:
    """An alert after a change, and the lines that the change adds to its timeline; no lines means nothing changed."""

    alert: Alert
    entries: tuple[Entry, ...] = ()


def allowed(status: Status) -> list[str]:
    """The actions that a person can take in `status`."""
    return [action.value for (state, action) in TRANSITIONS if state is status and action in PERSONAL]


def step(
    alert: Alert,
    action: Action,
    now: datetime,
    actor: str,
    reason: str,
    detail: dict[str, Any] | None = None,
    **changes: Any,
) -> Step:
    """The alert after `action`, with one line in its timeline; InvalidTransition when the table has no such step."""
    if (alert.status, action) not in TRANSITIONS:
        raise InvalidTransition(alert.status, action, allowed(alert.status))
    after = replace(
        alert,
        **{**_AXES[action], **changes},
        timeline_seq=alert.timeline_seq + 1,
        version=alert.version + 1,
        updated_at=now,
    )
    return Step(after, (entry(after, _KINDS[action], now, actor, reason, alert.status, detail),))


def entry(
    alert: Alert,
    kind: str,
    now: datetime,
    actor: str,
    reason: str,
    before: Status | None,
    detail: dict[str, Any] | None = None,
) -> Entry:
    """The timeline line of a change that led to `alert` (whose timeline_seq counts it already)."""
    return Entry(alert.id, alert.timeline_seq, now, kind, actor, reason, before, alert.status, detail or {})


def noted(
    alert: Alert, kind: str, now: datetime, actor: str, reason: str, detail: dict[str, Any] | None = None
) -> Step:
    """A line in the timeline that leaves the state as it is."""
    after = replace(alert, timeline_seq=alert.timeline_seq + 1, version=alert.version + 1, updated_at=now)
    return Step(after, (entry(after, kind, now, actor, reason, alert.status, detail),))


def acknowledge(alert: Alert, now: datetime, actor: str, note: str, expires_at: datetime | None) -> Step:
    """A person takes care (A4); a second person takes over; the same person again changes nothing."""
    taken: dict[str, Any] = {"acknowledged_at": now, "acknowledged_by": actor, "ack_expires_at": expires_at}
    if alert.status is Status.ACKNOWLEDGED:
        if alert.acknowledged_by == actor and expires_at is None:
            return Step(alert)
        if alert.acknowledged_by == actor:
            longer = replace(alert, ack_expires_at=expires_at)
            return noted(longer, "acknowledgement_changed", now, actor, note)
        return noted(replace(alert, **taken), "taken_over", now, actor, note, {"from": alert.acknowledged_by})
    return step(alert, Action.ACKNOWLEDGE, now, actor, note, **taken)


def unacknowledge(alert: Alert, now: datetime, actor: str, reason: str) -> Step:
    """Nobody takes care any more (A5)."""
    if alert.status is Status.ACTIVE:
        return Step(alert)
    cleared: dict[str, Any] = {"acknowledged_at": None, "acknowledged_by": None, "ack_expires_at": None}
    return step(alert, Action.UNACKNOWLEDGE, now, actor, reason, **cleared)


def resolve(
    alert: Alert,
    now: datetime,
    actor: str,
    reason: str,
    resolution: Resolution,
    detail: dict[str, Any] | None = None,
) -> Step:
    """It is over (A8); whoever was told of it is due to be told."""
    if alert.status is Status.RESOLVED:
        return Step(alert)
    return step(
        alert,
        Action.RESOLVE,
        now,
        actor,
        reason,
        {"resolution": resolution.value, **(detail or {})},
        resolved_at=now,
        resolved_by=actor,
        resolution=resolution,
        pending_since=None,
        clearing_since=None,
        ack_expires_at=None,
        dispatch_due_at=now,
    )


def close(alert: Alert, now: datetime, actor: str, reason: str) -> Step:
    """Put away (A10): the next firing is a new alert."""
    if alert.status is Status.CLOSED:
        return Step(alert)
    return step(alert, Action.CLOSE, now, actor, reason, closed_at=now)
