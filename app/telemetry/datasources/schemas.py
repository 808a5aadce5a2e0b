"""Shapes of data sources, in and out."""

from typing import Any

import marshmallow as ma

from app.core.durations import format_duration
from app.core.schemas import Shape, Slug, UtcTime
from app.telemetry.datasources.domain import TIMEOUT, Shown

_NAME = ma.validate.Regexp(r"\S(?:.{0,198}\S)?\Z", error="use 1 to 200 characters, no space at either end")
_MASKED = "write-only: shown as ********, and sent so it stays"


class _Given(Shape):
    """What may be said of a data source; what it may be is decided by the domain, which names the mend."""

    url = ma.fields.String(
        metadata={"description": "http(s) URL of the server, with its path prefix, without /api/v1/query"}
    )
    headers = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.String(),
        allow_none=True,
        metadata={"description": f"sent with every query; the values are {_MASKED}"},
    )
    username = ma.fields.String(allow_none=True, metadata={"description": "for Basic authentication"})
    password = ma.fields.String(allow_none=True, metadata={"description": _MASKED})
    token = ma.fields.String(allow_none=True, metadata={"description": f"for Bearer authentication; {_MASKED}"})
    timeout = ma.fields.Raw(
        allow_none=True,
        metadata={
            "description": "longest wait for an answer, 100ms to 30s; default 5s",
            "type": ["string", "number", "null"],
            "examples": ["5s", 5],
        },
    )


class DatasourceIn(_Given):
    """A data source to be made."""

    id = Slug(load_default=None, allow_none=True)
    name = ma.fields.String(required=True, validate=_NAME)
    url = ma.fields.String(required=True)


class DatasourcePut(_Given):
    """A data source's new definition; what it does not name is taken out."""

    name = ma.fields.String(required=True, validate=_NAME)
    url = ma.fields.String(required=True)
    expected_version = ma.fields.Integer(allow_none=True)


class DatasourcePatch(_Given):
    """Some fields of a data source; one that is null is taken out."""

    name = ma.fields.String(validate=_NAME)
    expected_version = ma.fields.Integer(allow_none=True)


class DatasourceOut(ma.Schema):
    """A data source, secrets masked."""

    id = ma.fields.String()
    name = ma.fields.String()
    url = ma.fields.String()
    headers = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())
    username = ma.fields.String(allow_none=True)
    password = ma.fields.String(allow_none=True)
    token = ma.fields.String(allow_none=True)
    timeout = ma.fields.String()
    version = ma.fields.Integer()
    created_at = UtcTime()
    updated_at = UtcTime()


class DatasourcePage(ma.Schema):
    """A page of data sources."""

    items = ma.fields.List(ma.fields.Nested(DatasourceOut))
    next_cursor = ma.fields.String(allow_none=True)


class TriedOut(ma.Schema):
    """How a trial went."""

    ok = ma.fields.Boolean()
    latency_ms = ma.fields.Float()
    detail = ma.fields.String()


def datasource_out(shown: Shown) -> dict[str, Any]:
    """A data source as the API answers with it, every field present."""
    return {
        "id": shown.id,
        "name": shown.name,
        "headers": {},
        "username": None,
        "password": None,
        "token": None,
        "timeout": format_duration(TIMEOUT),
        **shown.settings,
        "version": shown.version,
        "created_at": shown.created_at,
        "updated_at": shown.updated_at,
    }
