"""Who is told what about a subject, and why: pure decisions over what was told before."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.core.severity import Severity
from app.notifications.domain.messages import Channel, Kind, State, Subject

_WENT_OUT = frozenset({State.SENT, State.DELIVERED, State.SENDING})
_ENDED = frozenset({"RESOLVED", "CLOSED"})
_QUIET = {
    "PENDING": "pending: nobody is told yet",
    "ACKNOWLEDGED": "acknowledged: somebody is on it",
    "SUPPRESSED": "suppressed",
}


@dataclass(frozen=True)
class Told:
    """An earlier message about a subject to one destination."""

    kind: str
    state: str
    episode: int
    severity: str
    maybe_taken: bool = False  # an attempt ended without an answer, so it may have arrived


@dataclass(frozen=True)
class Decision:
    """The message to send, if any, and why or why not; `n` counts the cancelled ones that it stands in for."""

    kind: Kind | None
    reason: str
    n: int = 0


def destinations(
    subject: Subject, channels: Iterable[Channel], told_ids: Iterable[str], switched_off: Iterable[str] = ()
) -> list[tuple[str, Channel | None, str | None]]:
    """Where a subject's messages go: (id or name asked for, channel, why it cannot be used), each channel once.

    The end of it also goes to whoever was told of its beginning, though the subject may name other channels by now.
    """
    known = list(channels)
    by_id = {channel.id: channel for channel in known}
    by_name = {channel.name: channel for channel in known}
    asked = list(subject.channels) or [
        channel.id for channel in known if channel.id == "websocket" or (channel.default and channel.enabled)
    ]
    if subject.status in _ENDED:
        asked += [channel_id for channel_id in told_ids if channel_id in by_id]
    found: dict[str, tuple[str, Channel | None, str | None]] = {}
    for name in asked:
        channel = by_id.get(name) or by_name.get(name)
        if channel is None:
            found.setdefault(name, (name, None, f"no channel named {name}"))
        else:
            found.setdefault(channel.id, (name, channel, reason_not_to_use(channel, switched_off)))
    return list(found.values())


def reason_not_to_use(channel: Channel | None, switched_off: Iterable[str] = ()) -> str | None:
    """Why nothing can go out through a channel now; None when it can."""
    if channel is None:
        return "the channel was deleted"
    if not channel.enabled:
        return f"the channel {channel.name} is disabled"
    if channel.type in switched_off:
        return f"{channel.type} is switched off by ALERTING_{channel.type.upper()}_ENABLED"
    return None


def decide(subject: Subject, told: Iterable[Told]) -> Decision:
    """What to tell one destination about `subject`, given all that it was told before."""
    before = list(told)
    episode = [earlier for earlier in before if earlier.episode == subject.episode]
    kept = [earlier for earlier in episode if earlier.state != State.CANCELLED]
    firing = [earlier for earlier in episode if earlier.kind == Kind.FIRING]
    if subject.status in _ENDED:
        if any(earlier.kind == Kind.RESOLVED for earlier in kept):
            return Decision(None, "it was told of the end of this episode")
        if not any(went_out(earlier) for earlier in firing):
            return Decision(None, "its firing notice never went out")
        return Decision(Kind.RESOLVED, "resolved", _cancelled(episode, Kind.RESOLVED))
    if subject.status != "ACTIVE":
        return Decision(None, _QUIET.get(subject.status, f"nothing is told of the status {subject.status}"))
    if not any(earlier.kind == Kind.FIRING for earlier in kept):
        again = any(earlier.kind == Kind.FIRING and went_out(earlier) for earlier in before)
        return Decision(Kind.FIRING, "fired again" if again else "first notification", _cancelled(episode, Kind.FIRING))
    worst = max((earlier for earlier in kept), key=lambda earlier: _rank(earlier.severity))
    if _rank(subject.severity) > _rank(worst.severity):
        reason = f"severity rose from {worst.severity} to {subject.severity}"
        return Decision(Kind.UPDATE, reason, _cancelled(episode, Kind.UPDATE, subject.severity))
    return Decision(None, "it was told of this episode, and nothing got worse")


def has_ended(subject: Subject) -> bool:
    """Whether there is nothing left to page about."""
    return subject.status in _ENDED


def went_out(told: Told) -> bool:
    """Whether the destination has the message, or may have it."""
    return told.state in _WENT_OUT or told.maybe_taken


def idempotency_key(subject: Subject, decision: Decision, channel_id: str) -> str:
    """The text that is the same for the same message; UNIQUE in the database, so that it goes out once."""
    parts = [f"{subject.type}:{subject.id}", str(decision.kind), str(subject.episode)]
    if decision.kind is Kind.UPDATE:
        parts.append(subject.severity)
    parts.append(channel_id)
    if decision.n:
        parts.append(f"again-{decision.n}")  # the earlier one was cancelled before it went out
    return ":".join(parts)


def reason_to_cancel(kind: str, episode: int, subject: Subject | None, firing_went_out: bool) -> str | None:
    """Why a claimed message must not go out now that its subject was read again; None when it may."""
    if subject is None:
        return "its subject does not exist any more"
    if kind == Kind.RESOLVED:
        return None if firing_went_out else "its firing notice never went out"
    if subject.status != "ACTIVE":
        return f"the {subject.type} is {subject.status}"
    if subject.episode != episode:
        return f"the {subject.type} was resolved and has fired again since"
    return None


def _cancelled(told: Iterable[Told], kind: Kind, severity: str | None = None) -> int:
    same = (earlier for earlier in told if earlier.kind == kind and severity in (None, earlier.severity))
    return sum(1 for earlier in same if earlier.state == State.CANCELLED)


def _rank(severity: str) -> int:
    return Severity(severity).rank
