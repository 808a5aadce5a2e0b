"""Reads over many alerts: lists by filter, the summary."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.alerts import store
from app.alerts.domain.alert import OPEN_STATUSES, Alert, Status
from app.alerts.domain.search import Search
from app.core.labels import Op, matches_all
from app.core.schemas import format_time

ALERTS = store.ALERTS
CHUNK = 500
Place = tuple[datetime, str]  # a time and an id, which say where a list was left
_OPEN_VALUES = [status.value for status in OPEN_STATUSES]


def find(session: Session, search: Search, after: Place | None, limit: int) -> list[Alert]:
    """Up to `limit` alerts behind `after` in the search's order."""
    found: list[Alert] = []
    while len(found) < limit:
        alerts, after = chunk(session, search, after, max(limit, 1))
        found += alerts
        if after is None:
            break
    return found[:limit]


def chunk(
    session: Session, search: Search, after: Place | None = None, size: int = CHUNK
) -> tuple[list[Alert], Place | None]:
    """The next alerts in the search's order, and where to read on; None when there are no more.

    Regular expressions are matched here, not in the database: their meaning is RE2's on both databases. So a chunk
    may hold fewer than `size`, even none, before the end.
    """
    inexact = any(matcher.op in (Op.MATCHES, Op.NOT_MATCHES) for matcher in search.matchers)
    size = max(size, CHUNK) if inexact else size
    query = _filtered(search)
    stored = ALERTS.c[search.sorted_by]
    column = sa.func.coalesce(stored, ALERTS.c.created_at) if stored.nullable else stored
    order = (column.desc(), ALERTS.c.id.desc()) if search.descending else (column.asc(), ALERTS.c.id.asc())
    if after is not None:
        place = sa.tuple_(column, ALERTS.c.id)
        bound = sa.tuple_(sa.literal(after[0], column.type), sa.literal(after[1]))
        query = query.where(place < bound if search.descending else place > bound)
    alerts = store.select_alerts(session, query.order_by(*order).limit(size))
    matching = [
        alert
        for alert in alerts
        if not inexact or matches_all(search.matchers, {**alert.labels, "alertname": alert.name})
    ]
    return matching, search.place_of(alerts[-1]) if len(alerts) == size else None


def summary(session: Session, since: datetime, until: datetime) -> dict[str, Any]:
    """Counts of what is open now; MTTA and MTTR of what was acknowledged or resolved between the two times."""
    by_status = _counts(session, ALERTS.c.status, sa.true())
    is_open = ALERTS.c.status.in_(_OPEN_VALUES)
    resolved = sa.and_(ALERTS.c.resolved_at >= since, ALERTS.c.resolved_at < until)
    acknowledged = sa.and_(ALERTS.c.acknowledged_at >= since, ALERTS.c.acknowledged_at < until)
    oldest = session.execute(
        sa.select(ALERTS.c.id, ALERTS.c.name, ALERTS.c.severity, ALERTS.c.activated_at)
        .where(is_open)
        .order_by(ALERTS.c.activated_at)
        .limit(1)
    ).first()
    return {
        "since": format_time(since),
        "until": format_time(until),
        "open": sum(by_status.get(status, 0) for status in _OPEN_VALUES),
        "acknowledged": by_status.get(Status.ACKNOWLEDGED.value, 0),
        "suppressed": by_status.get(Status.SUPPRESSED.value, 0),
        "resolved": session.scalar(sa.select(sa.func.count()).select_from(ALERTS).where(resolved)) or 0,
        "by_status": by_status,
        "by_severity": _counts(session, ALERTS.c.severity, is_open),
        "by_source": _counts(session, ALERTS.c.source, is_open),
        "by_service": _counts(session, ALERTS.c.service, sa.and_(is_open, ALERTS.c.service.is_not(None))),
        "mtta_s": _quantiles(session, ALERTS.c.acknowledged_at, acknowledged),
        "mttr_s": _quantiles(session, ALERTS.c.resolved_at, resolved),
        "oldest_open": None
        if oldest is None
        else {
            "id": oldest.id,
            "name": oldest.name,
            "severity": oldest.severity,
            "activated_at": format_time(oldest.activated_at),
        },
    }


def _filtered(search: Search) -> sa.Select[Any]:
    query = store.alert_columns()
    if search.statuses:
        query = query.where(ALERTS.c.status.in_([status.value for status in search.statuses]))
    if search.recent_since is not None and not search.statuses:
        recent = sa.and_(ALERTS.c.status == Status.RESOLVED.value, ALERTS.c.resolved_at >= search.recent_since)
        query = query.where(sa.or_(ALERTS.c.status.in_(_OPEN_VALUES), recent))
    for column, wanted in (
        (ALERTS.c.severity, [severity.value for severity in search.severities]),
        (ALERTS.c.source, list(search.sources)),
        (ALERTS.c.service, list(search.services)),
        (ALERTS.c.rule_id, [search.rule_id] if search.rule_id else []),
    ):
        if wanted:
            query = query.where(column.in_(wanted))
    if search.since is not None:
        query = query.where(ALERTS.c.created_at >= search.since)
    if search.until is not None:
        query = query.where(ALERTS.c.created_at < search.until)
    for matcher in search.matchers:
        if matcher.op in (Op.EQUAL, Op.NOT_EQUAL):
            stored = ALERTS.c.name if matcher.name == "alertname" else ALERTS.c.labels[matcher.name].as_string()
            same = sa.func.coalesce(stored, "") == matcher.value
            query = query.where(same if matcher.op is Op.EQUAL else sa.not_(same))
    if search.text:
        like = "%" + search.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        places = (ALERTS.c.name, ALERTS.c.description, ALERTS.c.source, sa.cast(ALERTS.c.labels, sa.Text))
        query = query.where(sa.or_(*(place.ilike(like, escape="\\") for place in places)))
    return query


def _counts(session: Session, column: sa.Column[Any], where: sa.ColumnElement[bool]) -> dict[str, int]:
    rows = session.execute(
        sa.select(column, sa.func.count()).where(where).group_by(column).order_by(sa.func.count().desc())
    )
    return {str(key): int(count) for key, count in rows}


def _quantiles(session: Session, reached: sa.Column[Any], where: sa.ColumnElement[bool]) -> dict[str, float | None]:
    """Seconds from activation to `reached`, from the newest 10,000: enough for a median, bounded in cost."""
    rows = session.execute(
        sa.select(ALERTS.c.activated_at, reached)
        .where(where, ALERTS.c.activated_at.is_not(None))
        .order_by(reached.desc())
        .limit(10_000)
    )
    waits = sorted(max((end - start) / timedelta(seconds=1), 0.0) for start, end in rows)
    if not waits:
        return {"median": None, "p95": None}
    return {
        "median": round(waits[len(waits) // 2], 3),
        "p95": round(waits[min(int(len(waits) * 0.95), len(waits) - 1)], 3),
    }
