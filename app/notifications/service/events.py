"""Live events about messages."""

from collections.abc import Mapping
from typing import Any

from app.core.live import Event
from app.notifications.domain import State
from app.notifications.store import NotificationRow


def event_of_row(row: NotificationRow) -> Event:
    """The event that tells of a row as it stands."""
    return event_of_values({name: getattr(row, name) for name in _NAMES})


def event_of_values(row: Mapping[str, Any]) -> Event:
    """The event that tells of a message with these values; its kind is "notification." and the state."""
    body = row["payload"].get("body") or {}
    data = {
        "id": row["id"],
        "version": row["version"],
        "state": row["state"],
        "status": row["state"],
        "kind": row["kind"],
        "channel": row["channel_id"],
        "alert_id": row["subject_id"] if row["subject_type"] == "alert" else None,
        "severity": row["severity"],
        "name": row["title"],
        "service": body.get("service") or (body.get("labels") or {}).get("service"),
        "reason": row["state_reason"],
    }
    return Event(f"notification.{State(row['state'])}", row["id"], data)


_NAMES = (
    "id",
    "version",
    "state",
    "state_reason",
    "kind",
    "channel_id",
    "subject_type",
    "subject_id",
    "severity",
    "title",
    "payload",
)
