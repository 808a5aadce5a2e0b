"""The outbox: claim what is due, and record what became of it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from app.core.db import insert_many, update_many
from app.core.durations import parse_duration
from app.core.ids import new_id
from app.core.live import announce
from app.notifications import store
from app.notifications.domain import (
    Attempt,
    Change,
    Channel,
    ChannelType,
    Done,
    Kind,
    Next,
    Outcome,
    RetryPolicy,
    Sending,
    State,
    Subject,
    after_attempt,
    is_page,
    reason_not_to_use,
    reason_to_cancel,
)
from app.notifications.service.events import event_of_values
from app.notifications.service.leases import announced, attempt_values, free, freed, noted
from app.notifications.service.planning import payload_of, switched_off
from app.settings import Settings

SubjectsOf = Callable[[Session, Sequence[str]], Mapping[str, Subject]]
ALL_TYPES = tuple(ChannelType)
_SLACK = timedelta(seconds=5)  # between the longest wait for a receiver and the end of the lease
_NO_RESULT = frozenset({Outcome.HANDED, Outcome.WAITING})  # nothing was tried yet, so there is no try to note
_STORE_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError)  # nobody's message is to blame
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Claimed:
    """What a claim found: messages to send, and messages that it cancelled, gave up or put back."""

    sending: tuple[Sending, ...]
    changes: tuple[Change, ...]


def claim(
    session: Session,
    worker: str,
    now: datetime,
    settings: Settings,
    limit: int,
    subjects_of: SubjectsOf,
    *,
    types: Collection[str] = ALL_TYPES,
    without: Collection[str] = (),
    sweep: bool = True,
) -> Claimed:
    """Take up to `limit` due messages for `worker`; its lease ends by itself if the worker does not come back.

    The subjects are read again: a page of an alert that somebody acknowledged meanwhile is cancelled, not sent.
    `types` are the types of channel that can take messages now, `without` channels that shall be left alone.
    Without `sweep`, messages that are lost or expired are left to a later claim: looking for them is most of the cost.
    """
    changes: list[Change] = []
    if sweep:
        changes += free(session, store.lost(session, now), "its worker did not come back", now)
        changes += noted(session, store.expire(session, now))
    token = f"{worker[:100]}:{new_id()}"
    rows = store.claim(session, worker, token, now, settings.delivery_lease, limit, types, without)
    if not rows:
        return Claimed((), tuple(changes))
    subjects = subjects_of(session, sorted({row.subject_id for row in rows}))
    endings = [row for row in rows if row.kind == Kind.RESOLVED]
    begun = store.notices_that_went_out(session, endings)
    channels = {channel.id: channel for channel in store.all_channels(session)}
    off = switched_off(settings)
    cancelled: list[dict[str, Any]] = []
    refreshed: list[dict[str, Any]] = []
    sending: list[Sending] = []
    for row in rows:
        channel, subject = channels.get(row.channel_id), subjects.get(row.subject_id)
        told = (row.subject_id, row.channel_id, row.episode) in begun
        reason = reason_not_to_use(channel, off) or reason_to_cancel(row.kind, row.episode, subject, told)
        if reason is not None or channel is None or subject is None:
            cancelled.append(freed(row, Next(State.CANCELLED, reason or ""), now))
            continue
        # A notice of an earlier episode tells of that one, as it was when it was planned.
        payload = payload_of(subject) if subject.episode == row.episode else row.payload
        lease = max(settings.delivery_lease, timeout_of(channel, settings) + _SLACK)
        refreshed.append({"id": row.id, "payload": payload, "title": payload["title"], "lease_until": now + lease})
        sending.append(_sending(row, token, payload, channel, now + lease))
    update_many(session, store.NOTIFICATIONS, cancelled)
    update_many(session, store.NOTIFICATIONS, refreshed)
    by_id = {row.id: row for row in rows}
    changes += announced(session, [(by_id[values["id"]], values) for values in cancelled])
    return Claimed(tuple(sending), tuple(changes))


def record(
    session: Session, outcomes: Sequence[Done], now: datetime, settings: Settings, rng: Random | None = None
) -> list[Change]:
    """Write down how tries ended and where the messages stand now.

    A message that somebody else took meanwhile keeps its new state; only the try is noted. One that cannot be
    written is marked dead alone, and the others are recorded.
    """
    rng = rng or Random()  # noqa: S311 -- jitter needs no secrecy
    nexts = [_next(done, now, settings, rng) for done in outcomes]
    try:
        with session.begin_nested():
            _write(session, list(zip(outcomes, nexts, strict=True)), now, settings)
    except _STORE_AWAY:
        raise
    except Exception:  # poison isolation
        log.exception("outcomes cannot be written, taken one by one", n=len(outcomes))
        nexts = [_record_alone(session, done, step, now, settings) for done, step in zip(outcomes, nexts, strict=True)]
    return [_change_of(done.sending, step) for done, step in zip(outcomes, nexts, strict=True)]


def policy_of(kind: str, settings: Settings) -> RetryPolicy:
    """How often a kind of message is tried."""
    tries = settings.retry_attempts + 1
    if is_page(kind):
        return RetryPolicy(max(settings.page_attempts, tries), settings.page_retry_delay, settings.page_retry_cap)
    return RetryPolicy(tries, settings.retry_delay, settings.retry_cap)


def timeout_of(channel: Channel, settings: Settings) -> timedelta:
    """The longest wait for a channel's receiver."""
    given = channel.settings.get("timeout")
    return settings.webhook_timeout if given is None else parse_duration(given)


def _next(done: Done, now: datetime, settings: Settings, rng: Random) -> Next:
    sending = done.sending
    policy = policy_of(sending.kind, settings)
    return after_attempt(sending.kind, sending.n, done.attempt, now, sending.expires_at, policy, rng)


def _record_alone(session: Session, done: Done, step: Next, now: datetime, settings: Settings) -> Next:
    try:
        with session.begin_nested():
            _write(session, [(done, step)], now, settings)
    except _STORE_AWAY:
        raise
    except Exception as error:  # poison isolation
        log.exception("outcome cannot be written", notification_id=done.sending.id)
        step = Next(State.DEAD, f"its outcome could not be written: {type(error).__name__}", maybe_duplicate=True)
        plain = Attempt(Outcome.PERMANENT, now, error=step.reason)
        _write(session, [(Done(done.sending, plain), step)], now, settings)
    return step


def _write(session: Session, steps: Sequence[tuple[Done, Next]], now: datetime, settings: Settings) -> None:
    values = [_recorded(done, step, now, settings) for done, step in steps]
    update_many(session, store.NOTIFICATIONS, values, guard="claim")
    tries = [attempt_values(done.sending.id, done.sending.n, done.attempt) for done, _ in steps if _is_try(done)]
    insert_many(session, store.ATTEMPTS, tries, on_conflict_do_nothing=True)
    announce(session, [event_of_values(_shown(done.sending, step)) for done, step in steps if _is_try(done)])


def _is_try(done: Done) -> bool:
    return done.attempt.outcome not in _NO_RESULT


def _recorded(done: Done, step: Next, now: datetime, settings: Settings) -> dict[str, Any]:
    sending, handed = done.sending, step.state is State.SENDING
    went_out = step.state in (State.SENT, State.DELIVERED)
    return {
        "id": sending.id,
        "old_claim": sending.claim,
        "claim": sending.claim if handed else None,
        # Not the worker's any more: its restart must not take back what the web processes have.
        "claimed_by": "sockets" if handed else None,
        "lease_until": now + settings.delivery_lease if handed else None,
        "state": step.state.value,
        "state_reason": step.reason,
        "due_at": step.due_at,
        "n_attempts": sending.n if _is_try(done) else sending.n - 1,
        "maybe_duplicate": sending.maybe_duplicate or step.maybe_duplicate,
        "sent_at": done.attempt.at if went_out else None,
        "delivered_at": now if step.state is State.DELIVERED else None,
        "updated_at": now,
        "version": sending.version + 1,
    }


def _sending(
    row: store.NotificationRow, token: str, payload: dict[str, Any], channel: Channel, lease_until: datetime
) -> Sending:
    return Sending(
        id=row.id,
        claim=token,
        n=row.n_attempts + 1,
        kind=row.kind,
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        payload=payload,
        reason=row.reason,
        channel_id=channel.id,
        channel_type=channel.type,
        settings=channel.settings,
        sealed=channel.sealed,
        maybe_duplicate=row.maybe_duplicate,
        created_at=row.created_at,
        expires_at=row.expires_at,
        lease_until=lease_until,
        version=row.version,
    )


def _shown(sending: Sending, step: Next) -> dict[str, Any]:
    return {
        "id": sending.id,
        "version": sending.version + 1,
        "state": step.state.value,
        "state_reason": step.reason,
        "kind": sending.kind,
        "channel_id": sending.channel_id,
        "subject_type": sending.subject_type,
        "subject_id": sending.subject_id,
        "severity": sending.payload["severity"],
        "title": sending.payload["title"],
        "payload": sending.payload,
    }


def _change_of(sending: Sending, step: Next) -> Change:
    return Change(
        notification_id=sending.id,
        subject_type=sending.subject_type,
        subject_id=sending.subject_id,
        channel_id=sending.channel_id,
        kind=sending.kind,
        state=step.state,
        reason=step.reason,
    )
