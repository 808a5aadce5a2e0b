"""Shapes of channels and messages, in and out."""

import marshmallow as ma
from webargs.fields import DelimitedList

from app.core.http import MAX_CHOICES, PageArgs
from app.core.schemas import NameOrId, Shape, Slug, UtcTime
from app.notifications.domain import Kind, State

_NAME = ma.validate.Regexp(r"\S(?:.{0,198}\S)?\Z", error="use 1 to 200 characters, no space at either end")
_TYPE = ma.validate.Length(1, 32)


class ChannelIn(Shape):
    """A channel to be made."""

    id = Slug(load_default=None, allow_none=True)
    name = ma.fields.String(required=True, validate=_NAME)
    type = ma.fields.String(required=True, validate=_TYPE, metadata={"description": "webhook or websocket"})
    enabled = ma.fields.Boolean(load_default=True)
    default = ma.fields.Boolean(
        load_default=False, metadata={"description": "also told of alerts that name no channel"}
    )
    settings = ma.fields.Dict(
        keys=ma.fields.String(),
        load_default=dict,
        metadata={
            "description": "webhook: url, secret, headers, timeout, format (native); websocket: none. "
            "secret and the values of headers are write-only: they are shown as ********, and sent so they stay"
        },
    )


class ChannelPut(Shape):
    """A channel's new definition."""

    name = ma.fields.String(required=True, validate=_NAME)
    type = ma.fields.String(required=True, validate=_TYPE)
    enabled = ma.fields.Boolean(load_default=True)
    default = ma.fields.Boolean(load_default=False)
    settings = ma.fields.Dict(keys=ma.fields.String(), load_default=dict)
    expected_version = ma.fields.Integer(allow_none=True)


class ChannelPatch(Shape):
    """Some fields of a channel; a setting that is null is taken out."""

    name = ma.fields.String(validate=_NAME)
    type = ma.fields.String(validate=_TYPE)
    enabled = ma.fields.Boolean()
    default = ma.fields.Boolean()
    settings = ma.fields.Dict(keys=ma.fields.String())
    expected_version = ma.fields.Integer(allow_none=True)


class ChannelOut(ma.Schema):
    """A channel, secrets masked."""

    id = ma.fields.String()
    name = ma.fields.String()
    type = ma.fields.String()
    enabled = ma.fields.Boolean()
    default = ma.fields.Boolean()
    settings = ma.fields.Dict(keys=ma.fields.String())
    version = ma.fields.Integer()
    created_at = UtcTime()
    updated_at = UtcTime()


class ChannelPage(ma.Schema):
    """A page of channels."""

    items = ma.fields.List(ma.fields.Nested(ChannelOut))
    next_cursor = ma.fields.String(allow_none=True)


class AttemptOut(ma.Schema):
    """One try of a message."""

    n = ma.fields.Integer()
    at = UtcTime()
    outcome = ma.fields.String(
        metadata={"description": "ok, temporary, permanent, ambiguous; in a test also handed, waiting"}
    )
    status = ma.fields.Integer(allow_none=True)
    latency_ms = ma.fields.Float(allow_none=True)
    error = ma.fields.String(allow_none=True)
    response = ma.fields.String(allow_none=True)


class NotificationOut(ma.Schema):
    """A message and all that became of it."""

    id = ma.fields.String()
    state = ma.fields.Enum(State, by_value=True)
    state_reason = ma.fields.String()
    kind = ma.fields.Enum(Kind, by_value=True)
    reason = ma.fields.String()
    title = ma.fields.String()
    severity = ma.fields.String()
    channel = ma.fields.String()
    channel_name = ma.fields.String(allow_none=True)
    channel_type = ma.fields.String()
    destination = ma.fields.String()
    alert_id = ma.fields.String(allow_none=True)
    incident_id = ma.fields.String(allow_none=True)
    attempts = ma.fields.List(ma.fields.Nested(AttemptOut))
    next_attempt_at = UtcTime(allow_none=True)
    expires_at = UtcTime()
    maybe_duplicate = ma.fields.Boolean()
    redrive_of = ma.fields.String(allow_none=True)
    dead_reason = ma.fields.String(allow_none=True)
    version = ma.fields.Integer()
    created_at = UtcTime()
    updated_at = UtcTime()
    sent_at = UtcTime(allow_none=True)
    delivered_at = UtcTime(allow_none=True)


class NotificationPage(ma.Schema):
    """A page of messages."""

    items = ma.fields.List(ma.fields.Nested(NotificationOut))
    next_cursor = ma.fields.String(allow_none=True)


class NotificationArgs(PageArgs):
    """Filters of messages; states and kinds may be several, separated by commas."""

    state = DelimitedList(ma.fields.Enum(State, by_value=True), load_default=list, validate=MAX_CHOICES)
    kind = DelimitedList(ma.fields.Enum(Kind, by_value=True), load_default=list, validate=MAX_CHOICES)
    channel = NameOrId(load_default=None)
    alert_id = ma.fields.String(load_default=None, validate=ma.validate.Length(1, 64))


class RedriveFilter(Shape):
    """Which dead messages go again."""

    state = ma.fields.String(load_default=State.DEAD.value, validate=ma.validate.OneOf([State.DEAD.value]))
    kind = ma.fields.Enum(Kind, by_value=True, load_default=None)
    channel = NameOrId(load_default=None)
    alert_id = ma.fields.String(load_default=None, validate=ma.validate.Length(1, 64))


class RedriveIn(Shape):
    """A wish to send dead messages again."""

    filter = ma.fields.Nested(RedriveFilter, required=True)


class RedriveResult(ma.Schema):
    """What became of one dead message."""

    id = ma.fields.String()
    status = ma.fields.String(validate=ma.validate.OneOf(["redriven", "skipped"]))
    redrive_id = ma.fields.String(allow_none=True)
    reason = ma.fields.String(allow_none=True)


class RedriveOut(ma.Schema):
    """What became of them all."""

    redriven = ma.fields.Integer()
    skipped = ma.fields.Integer()
    results = ma.fields.List(ma.fields.Nested(RedriveResult))


class HealthOut(ma.Schema):
    """How a channel does."""

    channel = ma.fields.String()
    type = ma.fields.String()
    enabled = ma.fields.Boolean()
    queue_depth = ma.fields.Integer()
    queued = ma.fields.Integer()
    sending = ma.fields.Integer()
    retry_wait = ma.fields.Integer()
    oldest_waiting_at = UtcTime(allow_none=True)
    succeeded_last_hour = ma.fields.Integer()
    dead_last_hour = ma.fields.Integer()
    success_rate = ma.fields.Float(allow_none=True)
    last_error = ma.fields.String(allow_none=True)
    last_error_at = UtcTime(allow_none=True)


class HealthPage(ma.Schema):
    """How every channel does."""

    items = ma.fields.List(ma.fields.Nested(HealthOut))
