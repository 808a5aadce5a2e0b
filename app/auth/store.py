"""Rows of API tokens."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.auth.domain import Identity, Role, Token
from app.core.db import Base, UtcDateTime

_USE_NOTED_EVERY = timedelta(minutes=1)


class TokenRow(Base):
    """An API token; only its hash is stored."""

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    role: Mapped[str] = mapped_column(sa.String(16))
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)


def identity_of(session: Session, hashed: str, now: datetime) -> tuple[Identity, bool] | None:
    """Who holds the token with this hash, and whether its use should be noted; None for unknown, expired, revoked."""
    row = _usable(session, TokenRow.token_hash == hashed, now)
    if row is None:
        return None
    stale = row.last_used_at is None or row.last_used_at < now - _USE_NOTED_EVERY
    return _identity(row), stale


def identity_by_id(session: Session, token_id: str, now: datetime) -> Identity | None:
    """Who holds the token with this id; None for unknown, expired, revoked."""
    row = _usable(session, TokenRow.id == token_id, now)
    return None if row is None else _identity(row)


def note_use(session: Session, token_id: str, now: datetime) -> None:
    """Remember that a token was used, at most once a minute; not while somebody else has its row."""
    stale = sa.or_(TokenRow.last_used_at.is_(None), TokenRow.last_used_at < now - _USE_NOTED_EVERY)
    free = sa.select(TokenRow.id).where(TokenRow.id == token_id, stale).with_for_update(skip_locked=True)
    session.execute(sa.update(TokenRow).where(TokenRow.id.in_(free)).values(last_used_at=now))


def usable_tokens(session: Session, after: tuple[datetime, str] | None, limit: int) -> list[Token]:
    """Tokens that were not revoked, newest first."""
    query = sa.select(TokenRow).where(TokenRow.revoked_at.is_(None))
    if after is not None:
        query = query.where(sa.tuple_(TokenRow.created_at, TokenRow.id) < sa.tuple_(*map(sa.literal, after)))
    rows = session.scalars(query.order_by(TokenRow.created_at.desc(), TokenRow.id.desc()).limit(limit))
    return [as_token(row) for row in rows]


def _usable(session: Session, condition: sa.ColumnElement[bool], now: datetime) -> TokenRow | None:
    row = session.scalars(sa.select(TokenRow).where(condition)).one_or_none()
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return row


def _identity(row: TokenRow) -> Identity:
    return Identity(row.id, row.name, Role(row.role))


def as_token(row: TokenRow) -> Token:
    """The token of a row, as it may be shown."""
    return Token(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        version=row.version,
    )
