"""When a message is tried again, and when it is given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from app.notifications.domain.messages import Attempt, ChannelType, Kind, Outcome, State

#: After a worker died with a message in its hands, these go again. A lost page or a lost all-clear misleads people;
#: a second one, marked as a possible repeat and with the same id, does not.
_AGAIN_AFTER_LOST_LEASE = frozenset({Kind.FIRING, Kind.RESOLVED})
_LOOK_AGAIN = timedelta(seconds=1)
_MOST_LOST_LEASES = 8  # a message that ends its worker each time must stop somewhere


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long a kind of message is tried."""

    attempts: int
    delay: timedelta
    cap: timedelta


@dataclass(frozen=True)
class Next:
    """Where a message stands after a try."""

    state: State
    reason: str
    due_at: datetime | None = None
    maybe_duplicate: bool = False


def is_page(kind: str) -> bool:
    """Whether a message is held to the schedule of pages."""
    return kind == Kind.FIRING


def retry_delay(n: int, policy: RetryPolicy, rng: Random, retry_after: timedelta | None = None) -> timedelta:
    """How long to wait after the n-th try (1, 2, ...): full jitter, and at least what the receiver asked for.

    Full jitter spreads the tries of many messages that failed at the same moment.
    """
    ceiling = min(policy.cap.total_seconds(), policy.delay.total_seconds() * 2.0 ** min(n - 1, 60))
    return max(timedelta(seconds=rng.uniform(0, ceiling)), retry_after or timedelta(0))


def after_attempt(
    kind: str, n: int, attempt: Attempt, now: datetime, expires_at: datetime, policy: RetryPolicy, rng: Random
) -> Next:
    """Where a message stands after its n-th try (1, 2, ...)."""
    error = attempt.error or "no reason given"
    maybe_taken = attempt.maybe_taken or attempt.outcome is Outcome.AMBIGUOUS
    if attempt.outcome is Outcome.OK:
        return Next(State.DELIVERED, "the receiver confirmed it")
    if attempt.outcome is Outcome.HANDED:
        return Next(State.SENDING, "handed to the connected clients")
    if attempt.outcome is Outcome.WAITING:
        return Next(State.QUEUED, "waits: nobody is connected", now + _LOOK_AGAIN)
    if attempt.outcome is Outcome.PERMANENT:
        return Next(State.DEAD, f"refused for good: {error}", maybe_duplicate=maybe_taken)
    if attempt.outcome is Outcome.AMBIGUOUS and not is_page(kind):
        return Next(State.DEAD, f"may have arrived, so it does not go again: {error}", maybe_duplicate=True)
    if n >= policy.attempts:
        return Next(State.DEAD, f"gave up after {n} tries: {error}", maybe_duplicate=maybe_taken)
    due_at = now + retry_delay(n, policy, rng, attempt.retry_after)
    if due_at >= expires_at:
        return Next(State.DEAD, f"expires before its next try: {error}", maybe_duplicate=maybe_taken)
    return Next(State.RETRY_WAIT, f"try {n} failed: {error}", due_at, maybe_taken)


def after_lost_lease(kind: str, channel_type: str, n: int, why: str, now: datetime, expires_at: datetime) -> Next:
    """Where a message stands whose n-th try ended with its worker.

    A client of the WebSocket knows a message by its id, so those go again whatever they say.
    """
    if expires_at <= now:
        return Next(State.DEAD, f"{why}, and it has expired since", maybe_duplicate=True)
    if channel_type == ChannelType.WEBSOCKET:
        return Next(State.QUEUED, why, now, maybe_duplicate=True)
    if kind not in _AGAIN_AFTER_LOST_LEASE:
        return Next(State.DEAD, f"{why}; it may have arrived, so it does not go again", maybe_duplicate=True)
    if n >= _MOST_LOST_LEASES:
        return Next(State.DEAD, f"{why}; that was try {n}, and it goes no further", maybe_duplicate=True)
    return Next(State.QUEUED, why, now, maybe_duplicate=True)
