"""Use cases of tokens: make, list, revoke, and the tokens that a first start needs."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.auth import store
from app.auth.domain import Role, Token
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id
from app.core.secrets import new_token, token_hash


def create_token(
    session: Session,
    name: str,
    role: Role,
    now: datetime,
    *,
    expires_at: datetime | None = None,
    value: str | None = None,
) -> tuple[Token, str]:
    """A new token and its value, which cannot be read again."""
    if expires_at is not None and expires_at <= now:
        raise Invalid({"expires_at": ["lies in the past; use a time to come, or leave it out"]})
    value = value or new_token()
    row = store.TokenRow(
        id=new_id(),
        name=name,
        role=role.value,
        token_hash=token_hash(value),
        created_at=now,
        updated_at=now,
        expires_at=expires_at,
        version=1,
    )
    session.add(row)
    session.flush()
    return store.as_token(row), value


def revoke_token(session: Session, token_id: str, now: datetime) -> None:
    """Make a token useless at once; revoking it again changes nothing."""
    row = session.get(store.TokenRow, token_id)
    if row is None:
        raise NotFound(f"no token {token_id}")
    if row.revoked_at is None:
        row.revoked_at, row.updated_at, row.version = now, now, row.version + 1
        session.flush()


def ensure_token(session: Session, name: str, role: Role, value: str, now: datetime) -> bool:
    """Make the token with this value unless it exists (revoked ones stay revoked); whether it was made."""
    known = session.scalar(sa.select(store.TokenRow.id).where(store.TokenRow.token_hash == token_hash(value)))
    if known is None:
        create_token(session, name, role, now, value=value)
    return known is None
