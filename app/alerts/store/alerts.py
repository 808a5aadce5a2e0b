"""Alerts in the database: set-based reads and writes."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import TypedReturnsRows

from app.alerts.domain.alert import Alert, Handling, Key, Resolution, Signal, Status, Watched
from app.alerts.store.rows import ALERTS, OPEN, TIMELINE
from app.core.db import LostRace, among, insert_many, update_many
from app.core.severity import Severity

_FIELDS = [field.name for field in fields(Alert)]
_COLUMNS = [ALERTS.c[name] for name in _FIELDS]
#: What a later report or a person can change; the rest of a row stays as it was made.
_CHANGING = [
    name
    for name in _FIELDS
    if name
    not in {
        "id",
        "fingerprint",
        "namespace",
        "name",
        "source",
        "created_at",
        "first_seen_at",
        "rule_id",
        "previous_alert_id",
        "metric",
    }
]
#: What a repeat changes: it leaves the version, and with it all that is shown of the state.
REPEATING = [
    *("occurrences", "last_seen_at", "last_source_at", "last_repeat_at", "source_firing", "pending_since", "ends_at"),
    "clearing_since",
    *("description", "labels", "annotations", "service", "severity", "value", "threshold", "timeline_seq"),
]


def latest_of(session: Session, fingerprints: Sequence[str]) -> dict[Key, Alert]:
    """The latest alert of each namespace with these fingerprints.

    Locked until the end of the transaction, always in the same order, so that two of them never wait for each other.
    """
    wanted = among(session, ALERTS.c.fingerprint, fingerprints)
    query = sa.select(*_COLUMNS).where(wanted, ALERTS.c.latest).order_by(ALERTS.c.id).with_for_update()
    return {alert.key: alert for alert in select_alerts(session, query)}


def by_ids(session: Session, alert_ids: Sequence[str], *, lock: bool = False) -> dict[str, Alert]:
    """Alerts by id; `lock` holds them until the end of the transaction."""
    query = sa.select(*_COLUMNS).where(among(session, ALERTS.c.id, alert_ids)).order_by(ALERTS.c.id)
    return {alert.id: alert for alert in select_alerts(session, query.with_for_update() if lock else query)}


def select_alerts(session: Session, query: TypedReturnsRows[Any]) -> list[Alert]:
    """The alerts of a query over alert_columns(), or of an update that returns them.

    All rows are fetched before one is read: SQLite cannot commit while a half-read answer of a failed read stands open.
    """
    return [_alert(row) for row in session.execute(query).all()]


def alert_columns() -> sa.Select[Any]:
    """A select of everything that an Alert holds, to be narrowed."""
    return sa.select(*_COLUMNS)


def save(session: Session, before: Mapping[str, Alert], after: Sequence[Alert]) -> None:
    """Write alerts that were made or changed; LostRace when another transaction changed one meanwhile."""
    made = [alert for alert in after if alert.id not in before]
    changed = [alert for alert in after if alert.id in before and alert != before[alert.id]]
    replaced = [alert.previous_alert_id for alert in made if alert.previous_alert_id]
    if replaced:
        session.execute(sa.update(ALERTS).where(among(session, ALERTS.c.id, replaced)).values(latest=False))
    insert_many(session, ALERTS, [{**_values(alert, _FIELDS), "latest": True} for alert in made])
    # Most of what comes in repeats what is known; it writes a quarter of the columns.
    repeats = [alert for alert in changed if alert.version == before[alert.id].version]
    changes = [alert for alert in changed if alert.version != before[alert.id].version]
    _update(session, before, repeats, REPEATING)
    _update(session, before, changes, _CHANGING)


def _update(session: Session, before: Mapping[str, Alert], alerts: Sequence[Alert], names: Sequence[str]) -> None:
    rows = [{"id": alert.id, "old_version": before[alert.id].version, **_values(alert, names)} for alert in alerts]
    if update_many(session, ALERTS, rows, guard="version") != len(rows):
        raise LostRace("an alert changed under our hands")


def drop(session: Session, alerts: Sequence[Alert]) -> None:
    """Delete pending alerts that never became active, with their timelines; the alerts before them are latest again."""
    if not alerts:
        return
    gone = [alert.id for alert in alerts]
    session.execute(sa.delete(TIMELINE).where(among(session, TIMELINE.c.alert_id, gone)))
    session.execute(sa.delete(ALERTS).where(among(session, ALERTS.c.id, gone), ALERTS.c.signal == Signal.PENDING.value))
    before = [alert.previous_alert_id for alert in alerts if alert.previous_alert_id]
    if before:
        session.execute(sa.update(ALERTS).where(among(session, ALERTS.c.id, before)).values(latest=True))


def watched(
    session: Session, rule_ids: Sequence[str], fingerprints: Sequence[str] = ()
) -> dict[str, dict[str, Watched]]:
    """By rule and fingerprint, alerts to which "condition is false" matters: those of rules, and single ones."""
    steady = (ALERTS.c.signal == Signal.FIRING.value) & ALERTS.c.clearing_since.is_(None)
    chosen = among(session, ALERTS.c.rule_id, rule_ids)
    if fingerprints:
        single = among(session, ALERTS.c.fingerprint, fingerprints) & ALERTS.c.rule_id.is_not(None)
        chosen |= single & sa.text("latest")  # names the index
    query = sa.select(ALERTS.c.rule_id, ALERTS.c.fingerprint, steady, ALERTS.c.value, ALERTS.c.last_seen_at)
    query = query.where(chosen, _awaits_its_end())
    found: dict[str, dict[str, Watched]] = {}
    for rule_id, fingerprint, *state in session.execute(query):
        found.setdefault(rule_id, {})[fingerprint] = Watched(*state)
    return found


def awaiting_fingerprints(session: Session, namespace: str) -> list[str]:
    """The same of a namespace, without those that are closed."""
    alive = ALERTS.c.status.in_([status.value for status in Status if status is not Status.CLOSED])  # by the index
    query = sa.select(ALERTS.c.fingerprint).where(ALERTS.c.namespace == namespace, alive, _awaits_its_end())
    return list(session.scalars(query.distinct().order_by(ALERTS.c.fingerprint)))


def _awaits_its_end() -> sa.ColumnElement[bool]:
    """Whether an alert is open, or somebody resolved it while its source still says that it fires."""
    return sa.or_(
        sa.text(OPEN),
        sa.and_(ALERTS.c.signal != Signal.FIRING.value, ALERTS.c.source_firing),
        ALERTS.c.pending_since.is_not(None),
    )


def due_for_dispatch(session: Session, now: datetime, limit: int) -> list[str]:
    """Ids of alerts whose notification decision is due."""
    due = sa.select(ALERTS.c.id).where(ALERTS.c.dispatch_due_at <= now).order_by(ALERTS.c.dispatch_due_at).limit(limit)
    return list(session.scalars(due))


def claim_dispatch(session: Session, now: datetime, limit: int, only: str | None = None) -> list[Alert]:
    """Alerts whose notification decision is due; the mark is gone when this transaction commits."""
    due = (
        sa.select(ALERTS.c.id)
        .where(ALERTS.c.dispatch_due_at <= now, ALERTS.c.id == only if only else sa.true())
        .order_by(ALERTS.c.dispatch_due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")  # evaluated once; PostgreSQL may run a plain sub-select again and lock more than `limit` rows
    )
    claimed = (
        sa.update(ALERTS).where(ALERTS.c.id.in_(sa.select(due.c.id))).values(dispatch_due_at=None).returning(*_COLUMNS)
    )
    return select_alerts(session, claimed)


def take_out_of_line(session: Session, alert_id: str, now: datetime) -> tuple[int, Status] | None:
    """Clear the mark of a row that may be unreadable, and so is not read; the seq of its next line, and its status."""
    statement = (
        sa.update(ALERTS)
        .where(ALERTS.c.id == alert_id)
        .values(
            dispatch_due_at=None,
            timeline_seq=ALERTS.c.timeline_seq + 1,
            version=ALERTS.c.version + 1,
            updated_at=now,
        )
        .returning(ALERTS.c.timeline_seq, ALERTS.c.status)
    )
    found = session.execute(statement).first()
    return None if found is None else (found.timeline_seq, Status(found.status))


def _values(alert: Alert, names: Sequence[str]) -> dict[str, Any]:
    # Enums are texts and tuples are arrays to both databases' drivers as they are.
    return {"status": alert.status, **dict(zip(names, attrgetter(*names)(alert), strict=True))}


def _alert(row: Any) -> Alert:
    values = dict(zip(_FIELDS, row, strict=True))
    values.update(
        severity=Severity(values["severity"]),
        signal=Signal(values["signal"]),
        handling=Handling(values["handling"]),
        resolution=Resolution(values["resolution"]) if values["resolution"] else None,
        suppressors=tuple(values["suppressors"]),
        notification_channels=tuple(values["notification_channels"]),
    )
    return Alert(**values)
