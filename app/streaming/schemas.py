"""Shapes of streams and their connections."""

import marshmallow as ma

from app.core.http import MAX_CHOICES
from app.core.schemas import Shape, UtcTime


class StreamArgs(Shape):
    """What a stream shows, and where it begins. Repeat a filter or separate its values by commas."""

    severity = ma.fields.List(ma.fields.String(), load_default=list, validate=MAX_CHOICES)
    service = ma.fields.List(ma.fields.String(), load_default=list, validate=MAX_CHOICES)
    last_event_id = ma.fields.String(
        data_key="lastEventId", load_default=None, metadata={"description": "as the header Last-Event-ID"}
    )
    ticket = ma.fields.String(load_default=None, metadata={"description": "from POST /auth/stream-ticket"})


class StreamStatus(ma.Schema):
    """How this process's streams do."""

    clients = ma.fields.Integer()
    sockets = ma.fields.Integer()
    events_out = ma.fields.Integer()
    replay_depth = ma.fields.Integer(allow_none=True)
    newest_id = ma.fields.String(allow_none=True)
    lag_ms = ma.fields.Float(allow_none=True, metadata={"description": "how old the last event was when it was read"})
    most_waiting = ma.fields.Integer(metadata={"description": "events in the fullest client's buffer"})
    reading = ma.fields.Boolean()


class ConnectionOut(ma.Schema):
    """One open connection."""

    id = ma.fields.String()
    kind = ma.fields.String()
    actor = ma.fields.String()
    address = ma.fields.String()
    since = UtcTime()
    events_out = ma.fields.Integer()
    waiting = ma.fields.Integer()
    severity = ma.fields.List(ma.fields.String())
    service = ma.fields.List(ma.fields.String())


class ConnectionPage(ma.Schema):
    """The open connections of the process that answers."""

    items = ma.fields.List(ma.fields.Nested(ConnectionOut))
