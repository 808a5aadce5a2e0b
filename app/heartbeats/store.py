"""Rows of heartbeats, and of the marks that say up to when the system was at work."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.db import Base, Json, UtcDateTime, insert_many, update_many
from app.core.severity import Severity
from app.heartbeats.domain import Config, Heartbeat, State
from app.telemetry.domain import milliseconds, moment_of

_MILLISECOND = timedelta(milliseconds=1)
_STATE = ("state", "changed_at", "version", "updated_at")  # the columns that a change of state writes


class HeartbeatRow(Base):
    """A heartbeat; its name is its id.

    The due time is a number (ms since 1970), because then both databases can add an interval to it in an UPDATE.
    It is NULL where no beat is waited for.
    """

    __tablename__ = "heartbeats"
    __table_args__ = (sa.Index("ix_heartbeats_created_at_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(16))
    interval_ms: Mapped[int] = mapped_column(sa.BigInteger)
    grace_ms: Mapped[int] = mapped_column(sa.BigInteger)
    severity: Mapped[str] = mapped_column(sa.String(16))
    description: Mapped[str] = mapped_column(sa.Text)
    service: Mapped[str | None] = mapped_column(sa.String(200))
    notification_channels: Mapped[list[str]] = mapped_column(Json)
    escalation_policy: Mapped[str | None] = mapped_column(sa.String(200))
    last_beat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at_ms: Mapped[int | None] = mapped_column(sa.BigInteger, index=True)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MarkRow(Base):
    """Up to when a part of the system is known to have been at work."""

    __tablename__ = "engine_marks"

    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


HEARTBEATS = cast(sa.Table, HeartbeatRow.__table__)
MARKS = cast(sa.Table, MarkRow.__table__)


def by_name(session: Session, name: str, *, lock: bool = False) -> Heartbeat | None:
    """The heartbeat with this name; `lock` keeps others from changing it until the end of the transaction."""
    query = sa.select(HEARTBEATS).where(HEARTBEATS.c.id == name)
    found = session.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return None if found is None else _heartbeat(found)


def page(session: Session, after: tuple[datetime, str] | None, limit: int) -> list[Heartbeat]:
    """Heartbeats, newest first."""
    query = sa.select(HEARTBEATS)
    place = (HEARTBEATS.c.created_at, HEARTBEATS.c.id)
    if after is not None:
        query = query.where(sa.tuple_(*place) < sa.tuple_(*map(sa.literal, after)))
    found = session.execute(query.order_by(*(column.desc() for column in place)).limit(limit)).mappings()
    return [_heartbeat(row) for row in found]


def insert(session: Session, heartbeat: Heartbeat) -> None:
    """Insert a heartbeat; IntegrityError when another transaction was faster, so that the unit runs again."""
    session.execute(sa.insert(HEARTBEATS).values(id=heartbeat.name, **_columns(heartbeat)))


def update(session: Session, heartbeat: Heartbeat) -> None:
    """Save a heartbeat that by_name(lock=True) gave."""
    session.execute(sa.update(HEARTBEATS).where(HEARTBEATS.c.id == heartbeat.name).values(_columns(heartbeat)))


def delete(session: Session, name: str) -> None:
    """Delete a heartbeat."""
    session.execute(sa.delete(HEARTBEATS).where(HEARTBEATS.c.id == name))


def claim_expired(session: Session, until: datetime, limit: int) -> list[Heartbeat]:
    """At most `limit` heartbeats waited for until then at most: ONE guarded UPDATE, after which nobody waits for them.

    One that gets its beat just now is left to it.
    """
    columns = HEARTBEATS.c
    wanted = (
        sa.select(columns.id)
        .where(columns.expires_at_ms <= milliseconds(until))
        .order_by(columns.expires_at_ms, columns.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    # Materialised, because PostgreSQL may otherwise run the sub-select again and claim more than `limit`.
    chosen = wanted.cte("chosen").prefix_with("MATERIALIZED", dialect="postgresql")
    claim = (
        sa.update(HEARTBEATS)
        .where(columns.id.in_(sa.select(chosen.c.id)))
        .values(expires_at_ms=None)
        .returning(*columns)
    )
    return [_heartbeat(row) for row in session.execute(claim).mappings()]


def set_down(session: Session, downs: Sequence[Heartbeat]) -> None:
    """Save the new state of heartbeats that claim_expired() gave."""
    rows = [
        {"id": one.name, **{name: value for name, value in _columns(one).items() if name in _STATE}} for one in downs
    ]
    update_many(session, HEARTBEATS, rows)


def restart(session: Session, mark: datetime, now: datetime) -> int:
    """Give every heartbeat that was in time at `mark` its interval and grace from `now`; returns how many."""
    columns = HEARTBEATS.c
    statement = (
        sa.update(HEARTBEATS)
        .where(columns.expires_at_ms > milliseconds(mark))
        .values(expires_at_ms=milliseconds(now) + columns.interval_ms + columns.grace_ms)
    )
    return int(getattr(session.execute(statement), "rowcount", 0))


def mark(session: Session, name: str) -> datetime | None:
    """The mark; None where there never was one."""
    return session.scalar(sa.select(MARKS.c.at).where(MARKS.c.name == name))


def move_mark(session: Session, name: str, old: datetime, new: datetime) -> bool:
    """Move the mark; False when another process moved it meanwhile."""
    guarded = sa.update(MARKS).where(MARKS.c.name == name, MARKS.c.at == old).values(at=new)
    return getattr(session.execute(guarded), "rowcount", 0) == 1


def ensure_mark(session: Session, name: str, now: datetime) -> None:
    """Begin a mark where there is none."""
    insert_many(session, MARKS, [{"name": name, "at": now}], on_conflict_do_nothing=True)


def _columns(heartbeat: Heartbeat) -> dict[str, Any]:
    config = heartbeat.config
    return {
        "state": heartbeat.state.value,
        "interval_ms": config.interval // _MILLISECOND,
        "grace_ms": config.grace // _MILLISECOND,
        "severity": config.severity.value,
        "description": config.description,
        "service": config.service,
        "notification_channels": list(config.notification_channels),
        "escalation_policy": config.escalation_policy,
        "last_beat_at": heartbeat.last_beat_at,
        "expires_at_ms": None if heartbeat.expires_at is None else milliseconds(heartbeat.expires_at),
        "changed_at": heartbeat.changed_at,
        "version": heartbeat.version,
        "created_at": heartbeat.created_at,
        "updated_at": heartbeat.updated_at,
    }


def _heartbeat(row: sa.RowMapping) -> Heartbeat:
    return Heartbeat(
        name=row["id"],
        config=Config(
            interval=row["interval_ms"] * _MILLISECOND,
            grace=row["grace_ms"] * _MILLISECOND,
            severity=Severity(row["severity"]),
            description=row["description"],
            service=row["service"],
            notification_channels=tuple(row["notification_channels"]),
            escalation_policy=row["escalation_policy"],
            enabled=row["state"] != State.DISABLED,
        ),
        state=State(row["state"]),
        expires_at=None if row["expires_at_ms"] is None else moment_of(row["expires_at_ms"]),
        changed_at=row["changed_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_beat_at=row["last_beat_at"],
        version=row["version"],
    )
