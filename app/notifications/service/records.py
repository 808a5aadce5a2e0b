"""What is shown of messages, and sending dead ones again."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import insert_many
from app.core.errors import Conflict, InvalidTransition, NotFound
from app.core.ids import new_id
from app.core.live import announce
from app.core.queue import nudge
from app.notifications import store
from app.notifications.domain import UNFINISHED, WAITING_STATES, Channel, State, reason_not_to_use
from app.notifications.domain.records import Health, Notification, Redriven, Search, Try, shown
from app.notifications.service.channels import channel_named
from app.notifications.service.events import event_of_values
from app.notifications.service.leases import columns_of
from app.notifications.service.planning import destination_of, expires_after, switched_off
from app.settings import Settings

MOST_REDRIVEN = 1000
_LAST_HOUR = timedelta(hours=1)
_LAST_DAY = timedelta(days=1)
_ROW = store.NotificationRow


def notifications_page(
    session: Session, search: Search, after: tuple[datetime, str] | None, limit: int
) -> list[Notification]:
    """Messages that satisfy `search`, newest first, with their tries."""
    query = _matching(session, search)
    if after is not None:
        query = query.where(sa.tuple_(_ROW.created_at, _ROW.id) < sa.tuple_(*map(sa.literal, after)))
    rows = session.scalars(query.order_by(_ROW.created_at.desc(), _ROW.id.desc()).limit(limit))
    return _with_tries(session, list(rows))


def notification(session: Session, notification_id: str) -> Notification:
    """One message with its tries; NotFound."""
    row = session.get(_ROW, notification_id)
    if row is None:
        raise NotFound(f"no notification {notification_id}")
    return _with_tries(session, [row])[0]


def deliveries_of(session: Session, subject_id: str) -> list[dict[str, Any]]:
    """All messages about a subject as they are shown, oldest first."""
    rows = session.scalars(sa.select(_ROW).where(_ROW.subject_id == subject_id).order_by(_ROW.created_at, _ROW.id))
    return [shown(one) for one in _with_tries(session, list(rows))]


def redrive(session: Session, notification_id: str, now: datetime, settings: Settings) -> Redriven:
    """Send a dead message again, as a new one; asked again, it names the one that was made.

    InvalidTransition when it is not dead, or when its channel cannot be used.
    """
    row = session.get(_ROW, notification_id, with_for_update=True)
    if row is None:
        raise NotFound(f"no notification {notification_id}")
    done = _redrive(session, [row], now, settings)[0]
    if done.redrive_id is None and row.state != State.DEAD:
        raise InvalidTransition(row.state, "redrive", [])
    if done.redrive_id is None:
        raise Conflict(f"it cannot go again: {done.reason}")
    return done


def redrive_all(session: Session, search: Search, now: datetime, settings: Settings) -> list[Redriven]:
    """Send dead messages that satisfy `search` again, at most 1,000 at once, oldest first."""
    again = sa.orm.aliased(_ROW)
    query = (
        _matching(session, search)
        .where(_ROW.state == State.DEAD, ~sa.exists().where(again.redrive_of == _ROW.id))
        .order_by(_ROW.created_at, _ROW.id)
        .limit(MOST_REDRIVEN)
        .with_for_update()
    )
    return _redrive(session, list(session.scalars(query)), now, settings)


def health(session: Session, now: datetime) -> list[Health]:
    """How each channel does: what waits, how much of the last hour's went out, the last error of a day."""
    counts: dict[str, Counter[str]] = {}
    oldest: dict[str, datetime] = {}
    waiting = sa.select(_ROW.channel_id, _ROW.state, sa.func.count(), sa.func.min(_ROW.created_at)).where(
        _ROW.state.in_(UNFINISHED)
    )
    for channel_id, state, n, first in session.execute(waiting.group_by(_ROW.channel_id, _ROW.state)):
        counts.setdefault(channel_id, Counter())[state] = n
        if state in WAITING_STATES:
            oldest[channel_id] = min(first, oldest.get(channel_id, first))
    ended = sa.select(_ROW.channel_id, _ROW.state, sa.func.count()).where(
        _ROW.state.in_([State.SENT, State.DELIVERED, State.DEAD]), _ROW.updated_at > now - _LAST_HOUR
    )
    for channel_id, state, n in session.execute(ended.group_by(_ROW.channel_id, _ROW.state)):
        counts.setdefault(channel_id, Counter())[state] = n
    errors = _last_errors(session, now - _LAST_DAY)
    return [
        _health(channel, counts.get(channel.id, Counter()), oldest.get(channel.id), errors.get(channel.id))
        for channel in store.all_channels(session)
    ]


def _health(
    channel: Channel, count: Counter[str], oldest: datetime | None, error: tuple[str, datetime] | None
) -> Health:
    return Health(
        channel=channel.id,
        type=channel.type,
        enabled=channel.enabled,
        queued=count[State.QUEUED],
        sending=count[State.SENDING],
        retry_wait=count[State.RETRY_WAIT],
        oldest_waiting_at=oldest,
        succeeded_last_hour=count[State.SENT] + count[State.DELIVERED],
        dead_last_hour=count[State.DEAD],
        last_error=error[0] if error else None,
        last_error_at=error[1] if error else None,
    )


def _last_errors(session: Session, since: datetime) -> dict[str, tuple[str, datetime]]:
    row = store.AttemptRow
    place = sa.func.row_number().over(partition_by=_ROW.channel_id, order_by=row.at.desc())
    ranked = (
        sa.select(_ROW.channel_id, row.error, row.at, place.label("place"))
        .join(_ROW, _ROW.id == row.notification_id)
        .where(row.error.is_not(None), row.at > since)
        .subquery()
    )
    found = session.execute(sa.select(ranked.c.channel_id, ranked.c.error, ranked.c.at).where(ranked.c.place == 1))
    return {channel_id: (error, at) for channel_id, error, at in found}


def _matching(session: Session, search: Search) -> sa.Select[store.NotificationRow]:
    query = sa.select(_ROW)
    if search.states:
        query = query.where(_ROW.state.in_(search.states))
    if search.kinds:
        query = query.where(_ROW.kind.in_(search.kinds))
    if search.channel is not None:
        named = channel_named(session, search.channel)
        # A deleted channel's messages are still found by its id.
        query = query.where(_ROW.channel_id == (named.id if named else search.channel))
    if search.alert_id is not None:
        query = query.where(_ROW.subject_type == "alert", _ROW.subject_id == search.alert_id)
    return query


def _redrive(
    session: Session, rows: Sequence[store.NotificationRow], now: datetime, settings: Settings
) -> list[Redriven]:
    channels = {channel.id: channel for channel in store.all_channels(session)}
    off = switched_off(settings)
    query = sa.select(_ROW.redrive_of, _ROW.id).where(_ROW.redrive_of.in_([row.id for row in rows]))
    made_before = {first: second for first, second in session.execute(query)}  # noqa: C416 -- a Row is no tuple to mypy
    places = _last_places(session, rows)
    results: list[Redriven] = []
    new: list[dict[str, Any]] = []
    for row in rows:
        channel = channels.get(row.channel_id)
        problem = reason_not_to_use(channel, off)
        if row.id in made_before:
            results.append(Redriven(row.id, made_before[row.id], is_new=False))
        elif row.state != State.DEAD:
            results.append(Redriven(row.id, None, is_new=False, reason="only a dead message goes again"))
        elif channel is None or problem is not None:
            results.append(Redriven(row.id, None, is_new=False, reason=problem))
        else:
            thread = (row.subject_id, row.channel_id)
            places[thread] += 1
            new.append(_again(row, channel, places[thread], now, settings))
            results.append(Redriven(row.id, new[-1]["id"], is_new=True))
    insert_many(session, store.NOTIFICATIONS, new)
    if new:
        announce(session, [event_of_values(values) for values in new])
        nudge(session, "delivery")
    return results


def _last_places(session: Session, rows: Sequence[store.NotificationRow]) -> Counter[tuple[str, str]]:
    found = session.execute(
        sa.select(_ROW.subject_id, _ROW.channel_id, sa.func.max(_ROW.place))
        .where(_ROW.subject_id.in_({row.subject_id for row in rows}))
        .group_by(_ROW.subject_id, _ROW.channel_id)
    )
    return Counter({(subject_id, channel_id): place for subject_id, channel_id, place in found})


def _again(
    row: store.NotificationRow, channel: Channel, place: int, now: datetime, settings: Settings
) -> dict[str, Any]:
    """The values of a dead message's second life."""
    return {
        **columns_of(row),
        "id": new_id(),
        "idempotency_key": f"redrive:{row.id}",
        "destination": destination_of(channel),
        "place": place,
        "state": State.QUEUED.value,
        "state_reason": "sent again by a person",
        "n_attempts": 0,
        "due_at": now,
        "expires_at": now + expires_after(row.kind, settings),
        "claim": None,
        "claimed_by": None,
        "lease_until": None,
        "redrive_of": row.id,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "sent_at": None,
        "delivered_at": None,
    }


def _with_tries(session: Session, rows: Sequence[store.NotificationRow]) -> list[Notification]:
    tries = store.attempts_of(session, [row.id for row in rows])
    names = {channel.id: channel.name for channel in store.all_channels(session)}
    return [
        Notification(
            id=row.id,
            state=row.state,
            state_reason=row.state_reason,
            kind=row.kind,
            reason=row.reason,
            subject_type=row.subject_type,
            subject_id=row.subject_id,
            title=row.title,
            severity=row.severity,
            episode=row.episode,
            payload=row.payload,
            channel=row.channel_id,
            channel_name=names.get(row.channel_id),
            channel_type=row.channel_type,
            destination=row.destination,
            attempts=tuple(
                Try(one.n, one.at, one.outcome, one.status, one.latency_ms, one.error, one.response)
                for one in tries.get(row.id, [])
            ),
            due_at=row.due_at,
            expires_at=row.expires_at,
            maybe_duplicate=row.maybe_duplicate,
            redrive_of=row.redrive_of,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            sent_at=row.sent_at,
            delivered_at=row.delivered_at,
        )
        for row in rows
    ]
