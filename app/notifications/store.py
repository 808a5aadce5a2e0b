"""Rows of channels, messages and tries, and the set-based statements over them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.db import Base, Json, UtcDateTime
from app.notifications.domain import UNFINISHED, WAITING_STATES, Channel, ChannelType, Kind, State, Told


class ChannelRow(Base):
    """A way out: where messages may be sent."""

    __tablename__ = "channels"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200), unique=True)
    type: Mapped[str] = mapped_column(sa.String(16))
    enabled: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column(default=False)
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # what may be shown
    sealed: Mapped[str | None] = mapped_column(sa.Text)  # the secrets among the settings, encrypted
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class NotificationRow(Base):
    """One message to one destination: the outbox, and afterwards the record of what became of it."""

    __tablename__ = "notifications"
    __table_args__ = (
        sa.Index("ix_notifications_thread", "subject_id", "channel_id", "place"),
        sa.Index("ix_notifications_created_at_id", "created_at", "id"),
        sa.Index("ix_notifications_channel_id_created_at", "channel_id", "created_at"),
        sa.Index("ix_notifications_due", "state", "channel_type", "due_at"),
    )

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(sa.String(400), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    subject_type: Mapped[str] = mapped_column(sa.String(16))
    subject_id: Mapped[str] = mapped_column(sa.String(64))
    episode: Mapped[int]
    title: Mapped[str] = mapped_column(sa.Text)
    severity: Mapped[str] = mapped_column(sa.String(16))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)  # the subject as the message tells of it
    reason: Mapped[str] = mapped_column(sa.Text)  # why it was planned
    # A channel may be deleted; what was sent to it stays, so this is no foreign key.
    channel_id: Mapped[str] = mapped_column(sa.String(64))
    channel_type: Mapped[str] = mapped_column(sa.String(16))
    destination: Mapped[str] = mapped_column(sa.Text)
    place: Mapped[int]  # order among the messages of one subject to one channel
    state: Mapped[str] = mapped_column(sa.String(16))
    state_reason: Mapped[str] = mapped_column(sa.Text)
    n_attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    claim: Mapped[str | None] = mapped_column(sa.String(200))  # whoever holds it may record it; nobody else
    claimed_by: Mapped[str | None] = mapped_column(sa.String(128))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    maybe_duplicate: Mapped[bool] = mapped_column(default=False)
    redrive_of: Mapped[str | None] = mapped_column(sa.String(64))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AttemptRow(Base):
    """One try of a message."""

    __tablename__ = "notification_attempts"

    notification_id: Mapped[str] = mapped_column(
        sa.ForeignKey("notifications.id", ondelete="CASCADE"), primary_key=True
    )
    n: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    outcome: Mapped[str] = mapped_column(sa.String(16))
    status: Mapped[int | None]
    latency_ms: Mapped[float | None] = mapped_column(sa.Double)
    error: Mapped[str | None] = mapped_column(sa.Text)
    response: Mapped[str | None] = mapped_column(sa.Text)


NOTIFICATIONS = cast(sa.Table, NotificationRow.__table__)
ATTEMPTS = cast(sa.Table, AttemptRow.__table__)
_ROW = NotificationRow


@dataclass(frozen=True)
class Thread:
    """What one destination was told about one subject, and the place of its next message."""

    told: tuple[Told, ...]
    next_place: int


def all_channels(session: Session) -> list[Channel]:
    """Every channel, by name. They are few, so whoever needs some takes all."""
    return [as_channel(row) for row in session.scalars(sa.select(ChannelRow).order_by(ChannelRow.name))]


def as_channel(row: ChannelRow) -> Channel:
    """The channel of a row."""
    return Channel(
        id=row.id,
        name=row.name,
        type=row.type,
        enabled=row.enabled,
        default=row.is_default,
        settings=row.settings,
        sealed=row.sealed,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def threads(session: Session, subject_type: str, subject_ids: Collection[str]) -> dict[tuple[str, str], Thread]:
    """What was told about the subjects, by (subject id, channel id), in one statement."""
    found = session.execute(
        sa.select(
            _ROW.subject_id,
            _ROW.channel_id,
            _ROW.kind,
            _ROW.state,
            _ROW.episode,
            _ROW.severity,
            _ROW.maybe_duplicate,
            _ROW.place,
        )
        .where(_ROW.subject_id.in_(subject_ids), _ROW.subject_type == subject_type)
        .order_by(_ROW.place)
    )
    told: dict[tuple[str, str], list[tuple[Told, int]]] = {}
    for subject_id, channel_id, kind, state, episode, severity, maybe, place in found:
        told.setdefault((subject_id, channel_id), []).append((Told(kind, state, episode, severity, maybe), place))
    return {key: Thread(tuple(one for one, _ in list_), list_[-1][1] + 1) for key, list_ in told.items()}


def cancel_waiting(
    session: Session, subject_type: str, subject_ids: Collection[str], reason: str, now: datetime
) -> list[NotificationRow]:
    """Cancel notices of ended subjects that wait to go out, and return them.

    A claim that runs at the same moment holds the row's lock: either it sends the notice, or this cancels it.
    """
    statement = (
        sa.update(_ROW)
        .where(
            _ROW.subject_id.in_(subject_ids),
            _ROW.subject_type == subject_type,
            _ROW.kind.in_([Kind.FIRING, Kind.UPDATE]),
            _ROW.state.in_(WAITING_STATES),
        )
        .values(state=State.CANCELLED, state_reason=reason, due_at=None, updated_at=now, version=_ROW.version + 1)
    )
    return _returning(session, statement)


def expire(session: Session, now: datetime) -> list[NotificationRow]:
    """Mark dead what waited too long, and return it."""
    statement = (
        sa.update(_ROW)
        .where(_ROW.state.in_(WAITING_STATES), _ROW.expires_at <= now)
        .values(
            state=State.DEAD,
            state_reason=sa.literal("expired; before that: ").concat(_ROW.state_reason),
            due_at=None,
            updated_at=now,
            version=_ROW.version + 1,
        )
    )
    return _returning(session, statement)


def lost(session: Session, now: datetime) -> list[NotificationRow]:
    """Messages whose lease has run out; locked until the transaction ends."""
    return _being_sent(session, _ROW.lease_until <= now)


def held_by(session: Session, workers: Collection[str]) -> list[NotificationRow]:
    """Messages that the workers hold; locked until the transaction ends."""
    return _being_sent(session, _ROW.claimed_by.in_(workers))


def holders(session: Session, prefix: str) -> list[str]:
    """Workers that hold messages and whose names begin like this."""
    mine = _ROW.claimed_by.startswith(prefix, autoescape=True)
    query = sa.select(_ROW.claimed_by).where(_ROW.state == State.SENDING, mine).distinct()
    return [name for name in session.scalars(query) if name is not None]


def claim(
    session: Session,
    worker: str,
    token: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    types: Collection[str],
    without: Collection[str],
) -> list[NotificationRow]:
    """Take up to `limit` due messages, pages first, and return them; nobody else gets them while the lease runs.

    Only channels of `types` count, and of those not the ones whose ids are in `without`.

    A message is left alone while an earlier one of its thread is unfinished, so that an all-clear never overtakes
    its page.
    """
    earlier = sa.orm.aliased(_ROW)
    blocked = sa.exists().where(
        earlier.subject_id == _ROW.subject_id,
        earlier.channel_id == _ROW.channel_id,
        earlier.place < _ROW.place,
        earlier.state.in_(UNFINISHED),
    )
    due = (
        sa.select(_ROW.id)
        .where(
            _ROW.state.in_(WAITING_STATES),
            _ROW.channel_type.in_(types),
            _ROW.due_at <= now,
            _ROW.expires_at > now,
            _ROW.channel_id.not_in(without),
            ~blocked,
        )
        .order_by(sa.case((_ROW.kind == Kind.FIRING, 0), else_=1), _ROW.due_at, _ROW.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        # A CTE is evaluated once; as a plain sub-select PostgreSQL may run it again and lock more than `limit` rows.
        .cte("due")
    )
    statement = (
        sa.update(_ROW)
        .where(_ROW.id.in_(sa.select(due.c.id)), _ROW.state.in_(WAITING_STATES))
        .values(
            state=State.SENDING,
            state_reason="being sent",
            claim=token,
            claimed_by=worker,
            lease_until=now + lease,
            due_at=None,
            updated_at=now,
            version=_ROW.version + 1,
        )
    )
    return sorted(_returning(session, statement), key=lambda row: (row.kind != Kind.FIRING, row.place, row.id))


def notices_that_went_out(session: Session, rows: Sequence[NotificationRow]) -> set[tuple[str, str, int]]:
    """(subject id, channel id, episode) of firing notices that the destinations of `rows` have, or may have."""
    if not rows:
        return set()
    found = session.execute(
        sa.select(_ROW.subject_id, _ROW.channel_id, _ROW.episode).where(
            _ROW.subject_id.in_({row.subject_id for row in rows}),
            _ROW.kind == Kind.FIRING,
            sa.or_(_ROW.state.in_([State.SENT, State.DELIVERED, State.SENDING]), _ROW.maybe_duplicate),
        )
    )
    return {(subject_id, channel_id, episode) for subject_id, channel_id, episode in found}


def unconfirmed_by_sockets(session: Session, now: datetime, limit: int) -> list[NotificationRow]:
    """Messages that went to WebSocket clients, or are on their way, and that none has confirmed; oldest first."""
    query = (
        sa.select(_ROW)
        .where(
            _ROW.channel_type == ChannelType.WEBSOCKET,
            _ROW.state.in_([State.SENDING, State.SENT]),
            _ROW.expires_at > now,
        )
        .order_by(_ROW.created_at, _ROW.place)
        .limit(limit)
    )
    return list(session.scalars(query))


def rows_by_id(session: Session, ids: Collection[str]) -> dict[str, NotificationRow]:
    """The messages with these ids, locked until the transaction ends."""
    query = sa.select(_ROW).where(_ROW.id.in_(ids)).order_by(_ROW.id).with_for_update()
    return {row.id: row for row in session.scalars(query.execution_options(populate_existing=True))}


def attempts_of(session: Session, ids: Collection[str]) -> dict[str, list[AttemptRow]]:
    """The tries of each message, in order."""
    query = sa.select(AttemptRow).where(AttemptRow.notification_id.in_(ids))
    found: dict[str, list[AttemptRow]] = {}
    for row in session.scalars(query.order_by(AttemptRow.notification_id, AttemptRow.n)):
        found.setdefault(row.notification_id, []).append(row)
    return found


def old_and_finished(
    session: Session, before: datetime, after: tuple[datetime, str] | None, limit: int
) -> list[tuple[datetime, str, str]]:
    """(created_at, id, subject id) of finished messages made before a time, oldest first, from a position on."""
    query = sa.select(_ROW.created_at, _ROW.id, _ROW.subject_id).where(
        _ROW.created_at < before, _ROW.state.not_in(UNFINISHED)
    )
    if after is not None:
        query = query.where(sa.tuple_(_ROW.created_at, _ROW.id) > sa.tuple_(*map(sa.literal, after)))
    found = session.execute(query.order_by(_ROW.created_at, _ROW.id).limit(limit))
    return [(created_at, id_, subject_id) for created_at, id_, subject_id in found]


def delete(session: Session, ids: Collection[str]) -> None:
    """Delete messages; their tries go with them."""
    session.execute(sa.delete(_ROW).where(_ROW.id.in_(ids)), execution_options={"synchronize_session": False})


def _being_sent(session: Session, condition: sa.ColumnElement[bool]) -> list[NotificationRow]:
    query = sa.select(_ROW).where(_ROW.state == State.SENDING, condition).with_for_update(skip_locked=True)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _returning(session: Session, statement: sa.Update) -> list[NotificationRow]:
    """The changed rows, as they are now."""
    options = {"synchronize_session": False, "populate_existing": True}
    return list(session.scalars(statement.returning(_ROW), execution_options=options))
