"""Messages that have had their time."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.notifications import store

Position = tuple[datetime, str]
StillOpen = Callable[[Session, Sequence[str]], Collection[str]]


def forget_old(
    session: Session, before: datetime, after: Position | None, limit: int, still_open: StillOpen
) -> Position | None:
    """Delete finished messages made before a time, `limit` looked at; where to go on, or None at the end.

    Those of a subject that is still open stay: planning reads in them what was told about it.
    """
    found = store.old_and_finished(session, before, after, limit)
    kept = still_open(session, sorted({subject_id for _, _, subject_id in found}))
    store.delete(session, [id_ for _, id_, subject_id in found if subject_id not in kept])
    return found[-1][:2] if len(found) == limit else None
