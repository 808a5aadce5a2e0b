"""Claims: which rules are evaluated now, by whom, and what is saved of it."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import among, update_many
from app.rules.domain.rule import Source
from app.rules.store.rows import IN_FORCE, RULES, Claimed, Trouble
from app.telemetry.domain import milliseconds

_COLUMNS = [RULES.c[column.name] for column in fields(Claimed)]
#: Rules that are evaluated from what is stored; the others ask a server first. What nobody evaluates any more is here.
_OURS = (RULES.c.source != Source.PROMETHEUS.value) | sa.not_(IN_FORCE)


def claim(
    session: Session, now: datetime, arrived: Sequence[str], limit: int, parts: Sequence[str] = ()
) -> list[Claimed]:
    """At most `limit` rules that are due, or in `arrived`: ONE guarded UPDATE, which also sets when they are due again.

    Those of the arrived that are in `parts` and not due stay due when they were. What another worker is evaluating just
    now is left to it. Evaluations that were missed are counted.
    """
    now_ms = milliseconds(now)
    due = RULES.c.due_at_ms <= now_ms
    values = {}
    if arrived:
        due |= among(session, RULES.c.id, arrived) & RULES.c.due_at_ms.is_not(None)
    if parts:
        stays = among(session, RULES.c.id, parts) & (RULES.c.due_at_ms > now_ms)
        values["due_at_ms"] = sa.case((stays, RULES.c.due_at_ms), else_=now_ms + RULES.c.interval_ms)
    claimed = _claim(session, now, due & _OURS, limit, **values)
    left = set(arrived).difference(row.id for row in claimed) if len(claimed) == limit else set()
    if left:
        make_due(session, sorted(left), now)
    return claimed


def datasources_due(session: Session, now: datetime) -> list[str | None]:
    """The data sources of which a rule is due to be asked; None stands for rules that name none."""
    return list(session.scalars(sa.select(RULES.c.datasource).where(_to_be_asked(now)).distinct()))


def claim_queries(
    session: Session, datasource: str | None, now: datetime, lease: timedelta, limit: int
) -> list[Claimed]:
    """At most `limit` due rules of a data source, which nobody else asks for until the lease has ended."""
    named = RULES.c.datasource.is_(None) if datasource is None else RULES.c.datasource == datasource
    return _claim(session, now, _to_be_asked(now) & named, limit, lease_until_ms=milliseconds(now + lease))


def still_claimed(session: Session, claimed: Sequence[Claimed], leased_at: datetime, lease: timedelta) -> list[Claimed]:
    """Of rules that were claimed to be asked for those that are as they were then; their leases end."""
    until_ms = milliseconds(leased_at + lease)
    update = (
        sa.update(RULES)
        .where(among(session, RULES.c.id, [row.id for row in claimed]), RULES.c.lease_until_ms == until_ms)
        .values(lease_until_ms=None)
        .returning(*_COLUMNS)
    )
    versions = {row.id: row.version for row in claimed}
    now_there = [Claimed(*found) for found in session.execute(update).all()]
    return [row for row in now_there if row.version == versions[row.id] and row.enabled and row.deleted_at is None]


def _to_be_asked(now: datetime) -> sa.ColumnElement[bool]:
    now_ms = milliseconds(now)
    free = RULES.c.lease_until_ms.is_(None) | (RULES.c.lease_until_ms <= now_ms)
    return sa.not_(_OURS) & (RULES.c.due_at_ms <= now_ms) & free


def _claim(session: Session, now: datetime, due: sa.ColumnElement[bool], limit: int, **values: object) -> list[Claimed]:
    now_ms = milliseconds(now)
    wanted = sa.select(RULES.c.id).where(due).order_by(RULES.c.due_at_ms, RULES.c.id).limit(limit)
    # Materialised, because PostgreSQL may otherwise run the sub-select again and claim more than `limit`.
    chosen = wanted.with_for_update(skip_locked=True).cte("chosen").prefix_with("MATERIALIZED", dialect="postgresql")
    late = now_ms - RULES.c.due_at_ms
    update = (
        sa.update(RULES)
        .where(RULES.c.id.in_(sa.select(chosen.c.id)))
        .values(
            {
                "due_at_ms": now_ms + RULES.c.interval_ms,
                "last_evaluated_at": now,
                "n_missed": RULES.c.n_missed + sa.case((late > 0, late // RULES.c.interval_ms), else_=0),
                **values,
            }
        )
        .returning(*_COLUMNS)
    )
    return [Claimed(*found) for found in session.execute(update).all()]


def make_due(session: Session, ids: Sequence[str], at: datetime) -> None:
    """Make rules due at a moment that would be so later only."""
    at_ms = milliseconds(at)
    free = (
        sa.select(RULES.c.id)
        .where(among(session, RULES.c.id, ids), RULES.c.due_at_ms > at_ms)
        .with_for_update(skip_locked=True)  # two workers that wait for each other's rules would be a deadlock
    )
    session.execute(sa.update(RULES).where(RULES.c.id.in_(free)).values(due_at_ms=at_ms))


def save_health(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Save `health`, `health_reason`, `trouble` and `n_dropped` by id."""
    update_many(session, RULES, rows)


def troubles(session: Session) -> list[Trouble]:
    """The rules that ask for an alert of our own, by rule id."""
    asking = sa.select(RULES.c.trouble, RULES.c.id, RULES.c.name, RULES.c.severity, RULES.c.health_reason).where(
        RULES.c.trouble.is_not(None), IN_FORCE
    )
    return [Trouble(*row) for row in session.execute(asking.order_by(RULES.c.id)).all()]


def finish_withdrawals(session: Session, claimed: Iterable[Claimed]) -> None:
    """Note that the alerts of these rules have been resolved; deleted rules go away for good."""
    found = list(claimed)
    gone = [row.id for row in found if row.deleted_at is not None and not row.starter]
    if gone:
        session.execute(sa.delete(RULES).where(RULES.c.id.in_(gone)))
    asleep = [row.id for row in found if not row.enabled or row.deleted_at is not None]
    session.execute(
        sa.update(RULES)
        .where(RULES.c.id.in_([row.id for row in found]))
        .values(
            withdraw=False,
            due_at_ms=sa.case((RULES.c.id.in_(asleep), sa.null()), else_=RULES.c.due_at_ms),
        )
    )
