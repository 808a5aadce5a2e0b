"""Idempotency keys: the same key and body give the first answer for 24 hours."""

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.db import Base, UtcDateTime
from app.core.errors import Conflict

KEPT = timedelta(hours=24)


class IdempotencyRow(Base):
    """The first answer to a request that carried a key."""

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int]
    answer: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def request_hash(method: str, path: str, body: bytes) -> str:
    """What two requests must share to be the same."""
    return hashlib.sha256(b"\n".join([method.encode(), path.encode(), body])).hexdigest()


def first_answer(session: Session, caller: str, key: str, hashed: str, now: datetime) -> tuple[str, int] | None:
    """The answer and status kept for the key; Conflict when the key came with another request."""
    row = session.get(IdempotencyRow, (caller, key))
    if row is None:
        return None
    if row.created_at < now - KEPT:
        session.delete(row)
        session.flush()
        return None
    if row.request_hash != hashed:
        raise Conflict("this Idempotency-Key was used for another request; use a new one")
    return row.answer, row.status


def keep_answer(session: Session, caller: str, key: str, hashed: str, answer: str, status: int, now: datetime) -> None:
    """Keep an answer in the same transaction as what it tells of."""
    session.add(
        IdempotencyRow(caller=caller, key=key, request_hash=hashed, status=status, answer=answer, created_at=now)
    )
    session.flush()


def forget_old_answers(session: Session, now: datetime) -> int:
    """Delete answers older than 24 hours; returns how many."""
    done = session.execute(sa.delete(IdempotencyRow).where(IdempotencyRow.created_at < now - KEPT))
    return int(getattr(done, "rowcount", 0))
