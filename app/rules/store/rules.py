"""Rules in the database: the definition as JSON text, and what is searched by as columns."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import insert_many
from app.core.severity import Severity
from app.rules.domain.health import LATE_AFTER
from app.rules.domain.rule import Definition, Health, Rule, Source
from app.rules.domain.selection import RuleIndex
from app.rules.domain.templates import parse_template
from app.rules.store.rows import IN_FORCE, RULES, RuleRow, Stored
from app.telemetry.domain import milliseconds, moment_of


@dataclass(frozen=True)
class Search:
    """Which rules a list shows."""

    enabled: bool | None = None
    metric: str | None = None
    health: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    text: str | None = None
    after: tuple[datetime, str] | None = None
    limit: int = 50


@lru_cache(maxsize=20_000)
def rule_of(rule_id: str, version: int, definition: str) -> Rule:
    """The rule of a row; ValueError when its definition cannot be read."""
    found = msgspec.json.decode(definition, type=Definition)
    rule = Rule(id=rule_id, version=version, **{one.name: getattr(found, one.name) for one in fields(Definition)})
    assert rule.matchers is not None  # computed here, so that a selector that cannot be read fails here
    for text in (*rule.annotations.values(), *rule.alert_labels.values()):
        parse_template(text)  # and not where the alerts of many rules are written at once
    return rule


def columns_of(rule_id: str, definition: Definition, default_interval: timedelta) -> dict[str, Any]:
    """The columns that follow from a definition."""
    text = msgspec.json.encode(definition).decode()
    return {
        "name": definition.name,
        "metric": definition.metric,
        "source": definition.source.value,
        "datasource": definition.datasource,
        "severity": definition.severity.value,
        "enabled": definition.enabled,
        "definition": text,
        "checksum": zlib.crc32(f"{rule_id}\n{text}".encode()),
        "interval_ms": (definition.interval or default_interval) // _MS,
    }


def new_row(
    rule_id: str, version: int, definition: Definition, default_interval: timedelta, now: datetime, *, starter: bool
) -> dict[str, Any]:
    """All columns of a rule that there was not, which is due at once when it is switched on."""
    return {
        "id": rule_id,
        "version": version,
        **columns_of(rule_id, definition, default_interval),
        "due_at_ms": milliseconds(now) if definition.enabled else None,
        "withdraw": False,
        "starter": starter,
        "health": Health.PENDING.value,
        "n_missed": 0,
        "n_dropped": 0,
        "created_at": now,
        "updated_at": now,
    }


def stored(row: RuleRow) -> Stored:
    """The rule of a row, as it may be shown; of one whose definition cannot be read, what its columns tell."""
    broken = None
    try:
        rule = rule_of(row.id, row.version, row.definition)
    except ValueError as error:
        broken = unreadable(error)
        rule = Rule(
            id=row.id,
            version=row.version,
            name=row.name,
            severity=Severity(row.severity),
            source=Source(row.source),
            metric=row.metric,
            datasource=row.datasource,
            enabled=row.enabled,
        )
    return Stored(
        rule=rule,
        interval=timedelta(milliseconds=row.interval_ms),
        created_at=row.created_at,
        updated_at=row.updated_at,
        due_at=None if row.due_at_ms is None else moment_of(row.due_at_ms),
        health=Health.ERROR if broken else Health(row.health),
        health_reason=broken or row.health_reason,
        last_evaluated_at=row.last_evaluated_at,
        n_missed=row.n_missed,
        n_dropped=row.n_dropped,
        broken=broken,
    )


def unreadable(error: ValueError) -> str:
    """What is said of a rule whose definition cannot be read."""
    return f"the definition cannot be read: {error}"


def row(session: Session, rule_id: str, *, for_update: bool = False) -> RuleRow | None:
    """The row with this id, deleted ones included."""
    query = sa.select(RuleRow).where(RuleRow.id == rule_id)
    return session.scalars(query.with_for_update() if for_update else query).one_or_none()


def search(session: Session, wanted: Search, now: datetime) -> list[Stored]:
    """Rules, newest first."""
    query = sa.select(RuleRow).where(RuleRow.deleted_at.is_(None))
    if wanted.enabled is not None:
        query = query.where(RuleRow.enabled == wanted.enabled)
    if wanted.metric is not None:
        query = query.where(RuleRow.metric == wanted.metric)
    for column, chosen in ((RuleRow.severity, wanted.severity), (RuleRow.source, wanted.source)):
        if chosen:
            query = query.where(column.in_(chosen))
    if wanted.health:
        late = late_rules(now)
        shown = [name for name in wanted.health if name != Health.LATE]
        healthy = RuleRow.enabled & sa.not_(late) & RuleRow.health.in_(shown)
        query = query.where(healthy | late if Health.LATE in wanted.health else healthy)
    if wanted.text:
        named = (RuleRow.id, RuleRow.name, RuleRow.metric)
        query = query.where(sa.or_(*(column.icontains(wanted.text, autoescape=True) for column in named)))
    if wanted.after is not None:
        query = query.where(sa.tuple_(RuleRow.created_at, RuleRow.id) < sa.tuple_(*map(sa.literal, wanted.after)))
    rows = session.scalars(query.order_by(RuleRow.created_at.desc(), RuleRow.id.desc()).limit(wanted.limit))
    return [stored(row) for row in rows]


def late_rules(now: datetime) -> sa.ColumnElement[bool]:
    """Whether a row's evaluation has been due for more than an interval (see domain.health.is_late)."""
    waited = milliseconds(now) - RULES.c.due_at_ms
    late = RULES.c.due_at_ms.is_not(None) & (waited > RULES.c.interval_ms) & (waited > LATE_AFTER // _MS)
    return IN_FORCE & late


_SIGNATURE = sa.select(sa.func.count(), sa.func.sum(RULES.c.checksum), sa.func.max(RULES.c.checksum)).where(IN_FORCE)
_MS = timedelta(milliseconds=1)
_indices: dict[tuple[Any, ...], RuleIndex] = {}


def index(session: Session) -> RuleIndex:
    """The rules that are in force, by what they select; built anew only when one of them has changed."""
    signature = tuple(session.execute(_SIGNATURE).one())
    if signature not in _indices:
        found = session.execute(sa.select(RULES.c.id, RULES.c.version, RULES.c.definition).where(IN_FORCE))
        built = RuleIndex(_readable(tuple(row) for row in found))
        _indices.clear()
        _indices[signature] = built
    return _indices[signature]


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
