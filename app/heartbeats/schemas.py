"""Shapes of heartbeats."""

from datetime import timedelta
from typing import Any

import marshmallow as ma

from app.core.schemas import Duration, NameOrId, SeverityName, Shape, UtcTime
from app.core.severity import Severity
from app.heartbeats.domain import Heartbeat, State

_INTERVAL = ma.validate.Range(timedelta(seconds=1), timedelta(days=366), error="use a duration from 1s to 366d")
_GRACE = ma.validate.Range(timedelta(0), timedelta(days=366), error="use a duration of at most 366d")
_MAX_NAMES = 50


class ConfigIn(Shape):
    """A heartbeat's whole configuration; what is left out goes back to its default."""

    interval = Duration(required=True, validate=_INTERVAL, metadata={"description": "time between two beats"})
    grace = Duration(required=True, validate=_GRACE, metadata={"description": "how late a beat may be"})
    severity = SeverityName(load_default=Severity.HIGH)
    description = ma.fields.String(load_default="", validate=ma.validate.Length(max=10_000))
    service = ma.fields.String(load_default=None, allow_none=True, validate=ma.validate.Length(1, 200))
    notification_channels = ma.fields.List(NameOrId(), load_default=list, validate=ma.validate.Length(max=_MAX_NAMES))
    escalation_policy = NameOrId(load_default=None, allow_none=True)
    enabled = ma.fields.Boolean(load_default=True, truthy={True}, falsy={False})
    expected_version = ma.fields.Integer(load_default=None, allow_none=True, strict=True)

    @ma.post_load
    def _tuples(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        return {**data, "notification_channels": tuple(dict.fromkeys(data["notification_channels"]))}


class HeartbeatOut(ma.Schema):
    """A heartbeat: its configuration, and how it is."""

    id = ma.fields.String()
    name = ma.fields.String()
    state = ma.fields.Enum(State, by_value=True)
    last_beat_at = UtcTime(allow_none=True)
    expires_at = UtcTime(allow_none=True, metadata={"description": "missing when no beat came by then"})
    interval = Duration()
    grace = Duration()
    severity = ma.fields.Enum(Severity, by_value=True)
    description = ma.fields.String()
    service = ma.fields.String(allow_none=True)
    notification_channels = ma.fields.List(ma.fields.String())
    escalation_policy = ma.fields.String(allow_none=True)
    enabled = ma.fields.Boolean()
    version = ma.fields.Integer()
    created_at = UtcTime()
    updated_at = UtcTime()


class HeartbeatPage(ma.Schema):
    """A page of heartbeats."""

    items = ma.fields.List(ma.fields.Nested(HeartbeatOut))
    next_cursor = ma.fields.String(allow_none=True)


_out = HeartbeatOut()


def heartbeat_out(heartbeat: Heartbeat) -> dict[str, Any]:
    """A heartbeat as it is shown."""
    shown: dict[str, Any] = _out.dump({**vars(heartbeat.config), **vars(heartbeat), "id": heartbeat.name})
    return shown
