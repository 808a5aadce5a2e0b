"""What the web processes report of messages to WebSocket clients, and what a new client is sent."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.db import insert_many, update_many
from app.core.live import announce
from app.core.queue import nudge
from app.core.schemas import format_time
from app.notifications import store
from app.notifications.channels.websocket import message_of
from app.notifications.domain import UNFINISHED, Attempt, ChannelType, Outcome, State
from app.notifications.service.events import event_of_values
from app.notifications.service.leases import attempt_values, columns_of

_MOST_AT_ONCE = 500


def messages_for_new_client(session: Session, now: datetime) -> list[dict[str, Any]]:
    """What went to the sockets and was never confirmed, oldest first; what waits comes through the delivery worker.

    It comes that way because a page's subject is read again before it goes out.
    """
    found = []
    for row in store.unconfirmed_by_sockets(session, now, _MOST_AT_ONCE):
        message = message_of(row.id, row.kind, row.subject_type, row.subject_id, row.payload)
        message |= {"reason": row.reason, "channel": row.channel_id, "maybe_duplicate": row.state == State.SENT}
        message["created_at"] = format_time(row.created_at)
        found.append(message)
    return found


def mark_taken(session: Session, ids: Collection[str], now: datetime) -> int:
    """Mark as sent what one client's socket took; returns how many were not marked before."""
    rows = [row for row in store.rows_by_id(session, ids).values() if _to_sockets(row) and row.state in UNFINISHED]
    attempts = [attempt_values(row.id, row.n_attempts + 1, Attempt(Outcome.OK, now)) for row in rows]
    _save(session, rows, State.SENT, "a client's socket took it", now)
    insert_many(session, store.ATTEMPTS, attempts, on_conflict_do_nothing=True)
    if rows:
        nudge(session, "delivery")  # the next message of the same thread may go out now
    return len(rows)


def mark_acknowledged(session: Session, ids: Collection[str], now: datetime) -> int:
    """Mark as delivered what a client confirmed; returns how many were not marked before.

    Only what went out can be confirmed.
    """
    rows = [row for row in store.rows_by_id(session, ids).values() if _to_sockets(row) and row.state == State.SENT]
    _save(session, rows, State.DELIVERED, "a client confirmed it", now)
    return len(rows)


def _to_sockets(row: store.NotificationRow) -> bool:
    return row.channel_type == ChannelType.WEBSOCKET


def _save(session: Session, rows: list[store.NotificationRow], state: State, reason: str, now: datetime) -> None:
    first = state is State.SENT
    values = [
        {
            "id": row.id,
            "state": state.value,
            "state_reason": reason,
            "n_attempts": row.n_attempts + 1 if first else row.n_attempts,
            "due_at": None,
            "claim": None,
            "claimed_by": None,
            "lease_until": None,
            "sent_at": now if first else row.sent_at,
            "delivered_at": None if first else now,
            "updated_at": now,
            "version": row.version + 1,
        }
        for row in rows
    ]
    update_many(session, store.NOTIFICATIONS, values)
    announce(session, [event_of_values({**columns_of(row), **new}) for row, new in zip(rows, values, strict=True)])
