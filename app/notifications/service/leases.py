"""Messages whose worker died, and how rows that leave a worker's hands are written."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.db import insert_many, update_many
from app.core.live import announce
from app.core.queue import nudge
from app.notifications import store
from app.notifications.domain import Attempt, Change, ChannelType, Next, Outcome, State, after_lost_lease
from app.notifications.service.events import event_of_values

_NODE = 100  # characters of a node's name that are kept


def worker_name(node: str, pid: int | str) -> str:
    """The name under which a process of a Celery node claims messages."""
    return f"{node[:_NODE]}/{pid}"


def take_back(session: Session, node: str, is_gone: Callable[[int], bool], now: datetime) -> list[Change]:
    """Put back what processes of `node` held when they died, so that nothing waits for the lease's end.

    `is_gone(pid)` says whether a process has ended: several of one name may live, and keep what they hold.
    """
    prefix = worker_name(node, "")
    pids = [name.removeprefix(prefix) for name in store.holders(session, prefix)]
    gone = [worker_name(node, pid) for pid in pids if pid.isdecimal() and is_gone(int(pid))]
    rows = store.held_by(session, gone)
    if rows:
        nudge(session, "delivery")
    return free(session, rows, "its worker was restarted", now)


def free(session: Session, rows: Sequence[store.NotificationRow], why: str, now: datetime) -> list[Change]:
    """Put back or give up messages whose worker died."""
    changed: list[tuple[store.NotificationRow, dict[str, Any]]] = []
    tries: list[dict[str, Any]] = []
    for row in rows:
        n = row.n_attempts + 1
        step = after_lost_lease(row.kind, row.channel_type, n, why, now, row.expires_at)
        values = freed(row, step, now)
        if row.channel_type != ChannelType.WEBSOCKET:
            values["n_attempts"] = n
            tries.append(attempt_values(row.id, n, Attempt(Outcome.AMBIGUOUS, now, error=why)))
        changed.append((row, values))
    update_many(session, store.NOTIFICATIONS, [values for _, values in changed])
    insert_many(session, store.ATTEMPTS, tries, on_conflict_do_nothing=True)
    return announced(session, changed)


def freed(row: store.NotificationRow, step: Next, now: datetime) -> dict[str, Any]:
    """The values of a row that no worker holds any more."""
    return {
        "id": row.id,
        "state": step.state.value,
        "state_reason": step.reason,
        "due_at": step.due_at,
        "n_attempts": row.n_attempts,
        "maybe_duplicate": row.maybe_duplicate or step.maybe_duplicate,
        "claim": None,
        "claimed_by": None,
        "lease_until": None,
        "updated_at": now,
        "version": row.version + 1,
    }


def attempt_values(notification_id: str, n: int, attempt: Attempt) -> dict[str, Any]:
    """The values of a try's row."""
    return {
        "notification_id": notification_id,
        "n": n,
        "at": attempt.at,
        "outcome": attempt.outcome.value,
        "status": attempt.status,
        "latency_ms": attempt.latency_ms,
        "error": attempt.error,
        "response": attempt.response,
    }


def noted(session: Session, rows: Sequence[store.NotificationRow]) -> list[Change]:
    """Announce rows that were changed already, and return the changes."""
    return announced(session, [(row, {}) for row in rows])


def announced(session: Session, changed: Sequence[tuple[store.NotificationRow, Mapping[str, Any]]]) -> list[Change]:
    """Announce rows with what changed in them, and return the changes."""
    shown = [
        {**{column.key: getattr(row, column.key) for column in row.__table__.columns}, **new} for row, new in changed
    ]
    announce(session, [event_of_values(values) for values in shown])
    return [
        Change(
            values["id"],
            values["subject_type"],
            values["subject_id"],
            values["channel_id"],
            values["kind"],
            State(values["state"]),
            values["state_reason"],
        )
        for values in shown
    ]


def columns_of(row: store.NotificationRow) -> dict[str, Any]:
    """A row's values by column."""
    return {column.key: getattr(row, column.key) for column in store.NOTIFICATIONS.columns}
