"""Shapes of tokens."""

import marshmallow as ma

from app.auth.domain import Role
from app.core.schemas import Shape, UtcTime


class TokenIn(Shape):
    """A token to be made."""

    name = ma.fields.String(required=True, validate=ma.validate.Length(1, 200))
    role = ma.fields.Enum(Role, by_value=True, required=True)
    expires_at = UtcTime(load_default=None, allow_none=True)


class TokenOut(ma.Schema):
    """A token as it may be shown."""

    id = ma.fields.String()
    name = ma.fields.String()
    role = ma.fields.Enum(Role, by_value=True)
    created_at = UtcTime()
    updated_at = UtcTime()
    expires_at = UtcTime(allow_none=True)
    last_used_at = UtcTime(allow_none=True)
    version = ma.fields.Integer()


class TokenMade(TokenOut):
    """A new token; the only answer that holds its value."""

    token = ma.fields.String()


class TokenPage(ma.Schema):
    """A page of tokens."""

    items = ma.fields.List(ma.fields.Nested(TokenOut))
    next_cursor = ma.fields.String(allow_none=True)


class Me(ma.Schema):
    """Who calls."""

    name = ma.fields.String()
    role = ma.fields.Enum(Role, by_value=True)
    user = ma.fields.String(allow_none=True)


class Ticket(ma.Schema):
    """A ticket for `?ticket=`."""

    ticket = ma.fields.String()
    expires_in = ma.fields.Integer()
