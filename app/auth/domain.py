"""Roles and what each may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """The role that a token carries."""

    INGEST = "ingest"
    VIEWER = "viewer"
    RESPONDER = "responder"
    ADMIN = "admin"


#: A permission on the left is held by the roles on the right. Ingest stands apart: it writes and reads nothing.
GRANTS: dict[Role, frozenset[Role]] = {
    Role.INGEST: frozenset({Role.INGEST, Role.ADMIN}),
    Role.VIEWER: frozenset({Role.VIEWER, Role.RESPONDER, Role.ADMIN}),
    Role.RESPONDER: frozenset({Role.RESPONDER, Role.ADMIN}),
    Role.ADMIN: frozenset({Role.ADMIN}),
}


@dataclass(frozen=True)
class Identity:
    """Who a request comes from."""

    token_id: str
    name: str
    role: Role

    @property
    def actor(self) -> str:
        """The name that timelines carry."""
        return f"token:{self.name}"

    def may(self, needed: Role) -> bool:
        """Whether this identity's role holds the permission `needed`."""
        return self.role in GRANTS[needed]


@dataclass(frozen=True)
class Token:
    """An API token as it may be shown: never its value."""

    id: str
    name: str
    role: Role
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    version: int
