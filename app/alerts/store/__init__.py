"""Rows of alerts and their timelines; set-based reads and writes."""

from app.alerts.store.alerts import (
    REPEATING,
    alert_columns,
    awaiting_fingerprints,
    by_ids,
    claim_dispatch,
    drop,
    due_for_dispatch,
    latest_of,
    save,
    select_alerts,
    take_out_of_line,
    watched,
)
from app.alerts.store.rows import ALERTS, TIMELINE, TOMBSTONES, AlertRow, TimelineRow, TombstoneRow
from app.alerts.store.timeline import append_entries, timeline_of
from app.alerts.store.tombstones import forget_tombstones, put_tombstones, tombstones_of

__all__ = [
    "ALERTS",
    "REPEATING",
    "TIMELINE",
    "TOMBSTONES",
    "AlertRow",
    "TimelineRow",
    "TombstoneRow",
    "alert_columns",
    "append_entries",
    "awaiting_fingerprints",
    "by_ids",
    "claim_dispatch",
    "drop",
    "due_for_dispatch",
    "forget_tombstones",
    "latest_of",
    "put_tombstones",
    "save",
    "select_alerts",
    "take_out_of_line",
    "timeline_of",
    "tombstones_of",
    "watched",
]
