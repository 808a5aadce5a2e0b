"""Rows of rules: the definition as JSON text, what is searched by as columns, and when each is due."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.db import Base, UtcDateTime, insert_many, update_many
from app.rules.domain.rule import Definition, Health, Rule
from app.rules.domain.selection import RuleIndex
from app.telemetry.domain import milliseconds


class RuleRow(Base):
    """A rule in its present version.

    Due times are numbers (ms since 1970), because then both databases can add an interval to them in a claim.
    `due_at_ms` is NULL for a rule that nobody evaluates. `withdraw` asks the next evaluation to resolve the rule's
    alerts. A deleted row stays until that is done; that of a starter rule for ever, so that it is not made again.
    """

    __tablename__ = "rules"
    __table_args__ = (sa.Index("ix_rules_created_at_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    version: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(200))
    metric: Mapped[str] = mapped_column(sa.String(256), index=True)
    enabled: Mapped[bool]
    definition: Mapped[str] = mapped_column(sa.Text)
    checksum: Mapped[int] = mapped_column(sa.BigInteger)
    interval_ms: Mapped[int] = mapped_column(sa.BigInteger)
    due_at_ms: Mapped[int | None] = mapped_column(sa.BigInteger, index=True)
    withdraw: Mapped[bool] = mapped_column(default=False)
    starter: Mapped[bool] = mapped_column(default=False)
    health: Mapped[str] = mapped_column(sa.String(16), default=Health.PENDING.value)
    health_reason: Mapped[str | None] = mapped_column(sa.Text)
    last_evaluated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    n_missed: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    n_dropped: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


RULES = cast(sa.Table, RuleRow.__table__)


@dataclass(frozen=True)
class Stored:
    """A rule and what the system knows of it."""

    rule: Rule
    interval: timedelta
    created_at: datetime
    updated_at: datetime
    health: Health
    health_reason: str | None
    last_evaluated_at: datetime | None
    n_missed: int
    n_dropped: int


@dataclass(frozen=True)
class Claimed:
    """A row that was claimed for an evaluation."""

    id: str
    version: int
    definition: str
    enabled: bool
    withdraw: bool
    starter: bool
    deleted_at: datetime | None
    health: str
    health_reason: str | None
    n_dropped: int


@dataclass(frozen=True)
class Search:
    """Which rules a list shows."""

    enabled: bool | None = None
    metric: str | None = None
    text: str | None = None
    after: tuple[datetime, str] | None = None
    limit: int = 50


@lru_cache(maxsize=20_000)
def rule_of(rule_id: str, version: int, definition: str) -> Rule:
    """The rule of a row; ValueError when its definition cannot be read."""
    found = msgspec.json.decode(definition, type=Definition)
    rule = Rule(id=rule_id, version=version, **{one.name: getattr(found, one.name) for one in fields(Definition)})
    assert rule.matchers is not None  # computed here, so that a selector that cannot be read fails here
    return rule


def columns_of(rule_id: str, definition: Definition, default_interval: timedelta) -> dict[str, Any]:
    """The columns that follow from a definition."""
    text = msgspec.json.encode(definition).decode()
    return {
        "name": definition.name,
        "metric": definition.metric,
        "enabled": definition.enabled,
        "definition": text,
        "checksum": zlib.crc32(f"{rule_id}\n{text}".encode()),
        "interval_ms": (definition.interval or default_interval) // timedelta(milliseconds=1),
    }


def stored(row: RuleRow) -> Stored:
    """The rule of a row, as it may be shown."""
    return Stored(
        rule=rule_of(row.id, row.version, row.definition),
        interval=timedelta(milliseconds=row.interval_ms),
        created_at=row.created_at,
        updated_at=row.updated_at,
        health=Health(row.health),
        health_reason=row.health_reason,
        last_evaluated_at=row.last_evaluated_at,
        n_missed=row.n_missed,
        n_dropped=row.n_dropped,
    )


def row(session: Session, rule_id: str, *, for_update: bool = False) -> RuleRow | None:
    """The row with this id, deleted ones included."""
    query = sa.select(RuleRow).where(RuleRow.id == rule_id)
    return session.scalars(query.with_for_update() if for_update else query).one_or_none()


def search(session: Session, wanted: Search) -> list[Stored]:
    """Rules, newest first."""
    query = sa.select(RuleRow).where(RuleRow.deleted_at.is_(None))
    if wanted.enabled is not None:
        query = query.where(RuleRow.enabled == wanted.enabled)
    if wanted.metric is not None:
        query = query.where(RuleRow.metric == wanted.metric)
    if wanted.text:
        named = (RuleRow.id, RuleRow.name, RuleRow.metric)
        query = query.where(sa.or_(*(column.icontains(wanted.text, autoescape=True) for column in named)))
    if wanted.after is not None:
        query = query.where(sa.tuple_(RuleRow.created_at, RuleRow.id) < sa.tuple_(*map(sa.literal, wanted.after)))
    rows = session.scalars(query.order_by(RuleRow.created_at.desc(), RuleRow.id.desc()).limit(wanted.limit))
    return [stored(row) for row in rows]


_indices: dict[tuple[Any, ...], RuleIndex] = {}


def index(session: Session) -> RuleIndex:
    """The rules that are in force, by what they select; built anew only when one of them has changed."""
    in_force = RULES.c.enabled & RULES.c.deleted_at.is_(None)
    checks = sa.select(sa.func.count(), sa.func.sum(RULES.c.checksum), sa.func.max(RULES.c.checksum)).where(in_force)
    signature = tuple(session.execute(checks).one())
    if signature not in _indices:
        found = session.execute(sa.select(RULES.c.id, RULES.c.version, RULES.c.definition).where(in_force))
        built = RuleIndex(_readable(tuple(row) for row in found))
        _indices.clear()
        _indices[signature] = built
    return _indices[signature]


def claim(session: Session, now: datetime, arrived: Sequence[str], limit: int) -> list[Claimed]:
    """At most `limit` rules that are due, or in `arrived`: ONE guarded UPDATE, which also sets when they are due again.

    What another worker is evaluating just now is left to it. Evaluations that were missed are counted.
    """
    now_ms = milliseconds(now)
    due = RuleRow.due_at_ms <= now_ms
    if arrived:
        due |= RuleRow.id.in_(arrived) & RuleRow.due_at_ms.is_not(None)
    wanted = sa.select(RuleRow.id).where(due).order_by(RuleRow.due_at_ms, RuleRow.id).limit(limit)
    # Materialised, because PostgreSQL may otherwise run the sub-select again and claim more than `limit`.
    chosen = wanted.with_for_update(skip_locked=True).cte("chosen").prefix_with("MATERIALIZED", dialect="postgresql")
    late = now_ms - RuleRow.due_at_ms
    update = (
        sa.update(RuleRow)
        .where(RuleRow.id.in_(sa.select(chosen.c.id)))
        .values(
            due_at_ms=now_ms + RuleRow.interval_ms,
            last_evaluated_at=now,
            n_missed=RuleRow.n_missed + sa.case((late > 0, late // RuleRow.interval_ms), else_=0),
        )
        .returning(*(getattr(RuleRow, column.name) for column in fields(Claimed)))
        .execution_options(synchronize_session=False)
    )
    claimed = [Claimed(*found) for found in session.execute(update)]
    left = set(arrived).difference(row.id for row in claimed) if len(claimed) == limit else set()
    if left:
        _make_due(session, sorted(left), now_ms)
    return claimed


def _make_due(session: Session, ids: Sequence[str], now_ms: int) -> None:
    """Make rules due that did not fit into a claim, so that the next claim takes them."""
    free = (
        sa.select(RuleRow.id)
        .where(RuleRow.id.in_(ids), RuleRow.due_at_ms > now_ms)
        .with_for_update(skip_locked=True)  # two workers that wait for each other's rules would be a deadlock
    )
    session.execute(
        sa.update(RuleRow)
        .where(RuleRow.id.in_(free))
        .values(due_at_ms=now_ms)
        .execution_options(synchronize_session=False)
    )


def save_health(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Save `health`, `health_reason` and `n_dropped` by id."""
    update_many(session, RULES, rows)


def finish_withdrawals(session: Session, claimed: Iterable[Claimed]) -> None:
    """Note that the alerts of these rules have been resolved; deleted rules go away for good."""
    found = list(claimed)
    gone = [row.id for row in found if row.deleted_at is not None and not row.starter]
    if gone:
        session.execute(sa.delete(RuleRow).where(RuleRow.id.in_(gone)))
    asleep = [row.id for row in found if not row.enabled or row.deleted_at is not None]
    session.execute(
        sa.update(RuleRow)
        .where(RuleRow.id.in_([row.id for row in found]))
        .values(
            withdraw=False,
            due_at_ms=sa.case((RuleRow.id.in_(asleep), sa.null()), else_=RuleRow.due_at_ms),
        )
        .execution_options(synchronize_session=False)
    )


def insert_missing(session: Session, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Insert the rows whose id there never was; returns their ids."""
    ids = [row["id"] for row in rows]
    known = set(session.scalars(sa.select(RuleRow.id).where(RuleRow.id.in_(ids))))
    missing = [row for row in rows if row["id"] not in known]
    insert_many(session, RULES, missing, on_conflict_do_nothing=True)
    return [row["id"] for row in missing]


def _readable(rows: Iterable[tuple[str, int, str]]) -> Iterable[Rule]:
    for found in rows:
        try:
            yield rule_of(*found)
        except ValueError:
            continue  # its own evaluation says so
