"""Timelines: lines are only ever added."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.alerts.domain.alert import Entry, Status
from app.alerts.store.rows import TIMELINE
from app.core.db import insert_many


def append_entries(session: Session, entries: Iterable[Entry]) -> None:
    """Add lines to timelines."""
    insert_many(
        session,
        TIMELINE,
        [
            {
                "alert_id": line.alert_id,
                "seq": line.seq,
                "at": line.at,
                "kind": line.kind,
                "actor": line.actor,
                "reason": line.reason,
                "from_status": line.from_status.value if line.from_status else None,
                "to_status": line.to_status.value if line.to_status else None,
                "detail": line.detail,
            }
            for line in entries
        ],
    )


def timeline_of(session: Session, alert_id: str) -> list[Entry]:
    """An alert's timeline, oldest line first."""
    rows = session.execute(sa.select(TIMELINE).where(TIMELINE.c.alert_id == alert_id).order_by(TIMELINE.c.seq))
    return [
        Entry(
            row.alert_id,
            row.seq,
            row.at,
            row.kind,
            row.actor,
            row.reason,
            Status(row.from_status) if row.from_status else None,
            Status(row.to_status) if row.to_status else None,
            row.detail,
        )
        for row in rows
    ]
