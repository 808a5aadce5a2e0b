"""Shapes of alerts, in and out."""

from typing import Any

import marshmallow as ma

from app.alerts.domain.absorption import Result
from app.alerts.domain.alert import Alert, Entry, Status
from app.alerts.domain.search import SORTS
from app.core.http import MAX_BATCH, MAX_CHOICES, PageArgs
from app.core.schemas import (
    Duration,
    LabelFilter,
    LabelSet,
    MatcherText,
    NameOrId,
    Number,
    SeverityName,
    Shape,
    UtcTime,
    format_time,
)
from app.core.severity import Severity

_RANGE = {
    "type": ["number", "array"],
    "items": {"type": "number"},
    "minItems": 2,
    "maxItems": 2,
    "description": "a bound, or [low, high]",
}


def _check_range(value: Any) -> None:
    numbers = value if isinstance(value, list) else [value]
    if (isinstance(value, list) and len(value) != 2) or any(
        isinstance(number, bool) or not isinstance(number, int | float) for number in numbers
    ):
        raise ma.ValidationError("use a number, or [low, high]")


class AlertIn(Shape):
    """An alert that a source reports."""

    name = ma.fields.String(required=True, validate=ma.validate.Length(1, 200))
    severity = SeverityName(required=True)
    source = ma.fields.String(allow_none=True, validate=ma.validate.Length(1, 200))
    description = ma.fields.String(allow_none=True, validate=ma.validate.Length(max=10_000))
    labels = LabelSet()
    annotations = ma.fields.Dict(
        keys=ma.fields.String(validate=ma.validate.Length(1, 128)),
        values=ma.fields.String(validate=ma.validate.Length(max=10_000)),
        validate=ma.validate.Length(max=64),
    )
    value = Number(allow_none=True)
    threshold = ma.fields.Raw(allow_none=True, validate=_check_range, metadata=_RANGE)
    metric = ma.fields.String(allow_none=True, validate=ma.validate.Length(1, 256))
    status = ma.fields.String(validate=ma.validate.OneOf(["firing", "resolved"]))
    starts_at = UtcTime(allow_none=True)
    ends_at = UtcTime(allow_none=True)
    fingerprint = ma.fields.String(allow_none=True, validate=ma.validate.Length(1, 128))
    notification_channels = ma.fields.List(NameOrId())
    escalation_policy = NameOrId(allow_none=True)


class AlertsIn(Shape):
    """A batch of alerts; one bad item never spoils it."""

    alerts = ma.fields.List(ma.fields.Nested(AlertIn), required=True, validate=ma.validate.Length(max=MAX_BATCH))


class NoteIn(Shape):
    """A step of a person."""

    note = ma.fields.String(load_default="", validate=ma.validate.Length(max=10_000))
    expected_version = ma.fields.Integer(load_default=None, allow_none=True)


class AcknowledgeIn(NoteIn):
    """An acknowledgement; after `timeout` the alert is open again."""

    timeout = Duration(load_default=None, allow_none=True)


class CommentIn(Shape):
    """A remark."""

    text = ma.fields.String(required=True, validate=ma.validate.Length(1, 10_000))
    expected_version = ma.fields.Integer(load_default=None, allow_none=True)


class EntryOut(ma.Schema):
    """A line of a timeline."""

    seq = ma.fields.Integer()
    at = UtcTime()
    kind = ma.fields.String()
    actor = ma.fields.String()
    reason = ma.fields.String()
    from_ = ma.fields.String(data_key="from", allow_none=True)
    to = ma.fields.String(allow_none=True)
    detail = ma.fields.Dict(keys=ma.fields.String())


class AlertOut(ma.Schema):
    """An alert as it stands."""

    id = ma.fields.String()
    fingerprint = ma.fields.String()
    name = ma.fields.String()
    description = ma.fields.String()
    source = ma.fields.String()
    service = ma.fields.String(allow_none=True)
    severity = ma.fields.Enum(Severity, by_value=True)
    status = ma.fields.Enum(Status, by_value=True)
    labels = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())
    annotations = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())
    metric = ma.fields.String(allow_none=True)
    value = ma.fields.Float(allow_none=True)
    threshold = ma.fields.Raw(allow_none=True, metadata=_RANGE)
    rule_id = ma.fields.String(allow_none=True)
    incident_id = ma.fields.String(allow_none=True)
    notification_channels = ma.fields.List(ma.fields.String())
    escalation_policy = ma.fields.String(allow_none=True)
    previous_alert_id = ma.fields.String(allow_none=True)
    occurrences = ma.fields.Integer()
    episodes = ma.fields.Integer()
    starts_at = UtcTime(allow_none=True)
    ends_at = UtcTime(allow_none=True)
    first_seen_at = UtcTime()
    last_seen_at = UtcTime()
    activated_at = UtcTime(allow_none=True)
    acknowledged_at = UtcTime(allow_none=True)
    acknowledged_by = ma.fields.String(allow_none=True)
    acknowledgement_expires_at = UtcTime(allow_none=True)
    suppressed_until = UtcTime(allow_none=True)
    suppression_reason = ma.fields.String(allow_none=True)
    resolved_at = UtcTime(allow_none=True)
    resolved_by = ma.fields.String(allow_none=True)
    resolution = ma.fields.String(allow_none=True)
    closed_at = UtcTime(allow_none=True)
    version = ma.fields.Integer()
    created_at = UtcTime()
    updated_at = UtcTime()
    links = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())


class AlertDetail(AlertOut):
    """An alert with its story."""

    timeline = ma.fields.List(ma.fields.Nested(EntryOut))
    suppressions = ma.fields.List(ma.fields.Dict())
    deliveries = ma.fields.List(ma.fields.Dict())


class AlertPage(ma.Schema):
    """A page of alerts."""

    items = ma.fields.List(ma.fields.Nested(AlertOut))
    next_cursor = ma.fields.String(allow_none=True)


class IgnoredOut(ma.Schema):
    """A resolve of something never seen firing."""

    status = ma.fields.String(validate=ma.validate.OneOf([Result.IGNORED.value]))
    id = ma.fields.String(allow_none=True, metadata={"enum": [None]})
    reason = ma.fields.String()


class BulkItem(ma.Schema):
    """What became of one item of a batch."""

    index = ma.fields.Integer()
    status = ma.fields.String()
    id = ma.fields.String(allow_none=True)
    errors = ma.fields.Dict(allow_none=True)


class BulkOut(ma.Schema):
    """What became of a batch."""

    results = ma.fields.List(ma.fields.Nested(BulkItem))
    created = ma.fields.Integer()
    deduplicated = ma.fields.Integer()
    rejected = ma.fields.Integer()


class AlertArgs(PageArgs):
    """Filters of a list of alerts."""

    status = ma.fields.List(ma.fields.Enum(Status, by_value=True), load_default=[], validate=MAX_CHOICES)
    severity = ma.fields.List(SeverityName(), load_default=[], validate=MAX_CHOICES)
    source = ma.fields.List(ma.fields.String(), load_default=[], validate=MAX_CHOICES)
    service = ma.fields.List(ma.fields.String(), load_default=[], validate=MAX_CHOICES)
    rule_id = ma.fields.String(load_default=None)
    incident_id = ma.fields.String(load_default=None)
    label = ma.fields.List(LabelFilter(), load_default=[], validate=MAX_CHOICES)
    matcher = ma.fields.List(MatcherText(), load_default=[], validate=MAX_CHOICES)
    since = UtcTime(load_default=None)
    until = UtcTime(load_default=None)
    q = ma.fields.String(load_default=None, validate=ma.validate.Length(max=200))
    sort = ma.fields.String(load_default="-activated_at", validate=ma.validate.OneOf(SORTS))


class HistoryArgs(AlertArgs):
    """The same over everything that ever was."""

    sort = ma.fields.String(load_default="-created_at", validate=ma.validate.OneOf(SORTS))
    format = ma.fields.String(load_default="json", validate=ma.validate.OneOf(["json", "csv"]))


class SummaryArgs(Shape):
    """The time that MTTA, MTTR and `resolved` look at."""

    since = UtcTime(load_default=None)
    until = UtcTime(load_default=None)


class Quantiles(ma.Schema):
    """Median and 95th percentile, in seconds."""

    median = ma.fields.Float(allow_none=True)
    p95 = ma.fields.Float(allow_none=True)


class SummaryOut(ma.Schema):
    """Counts of what is open, and how fast people were."""

    since = UtcTime()
    until = UtcTime()
    open = ma.fields.Integer()
    acknowledged = ma.fields.Integer()
    suppressed = ma.fields.Integer()
    resolved = ma.fields.Integer()
    by_status = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    by_severity = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    by_source = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    by_service = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    mtta_s = ma.fields.Nested(Quantiles)
    mttr_s = ma.fields.Nested(Quantiles)
    oldest_open = ma.fields.Dict(allow_none=True)


def alert_out(alert: Alert, dashboard_url: str) -> dict[str, Any]:
    """The JSON of an alert; plain code, because lists and messages make thousands of them."""
    links = {"self": f"/alerts/{alert.id}", "dashboard": f"{dashboard_url}/?alert={alert.id}"}
    runbook = alert.annotations.get("runbook_url", "")
    if runbook.startswith(("https://", "http://")):
        links["runbook"] = runbook
    return {
        "id": alert.id,
        "fingerprint": alert.fingerprint,
        "name": alert.name,
        "description": alert.description,
        "source": alert.source,
        "service": alert.service,
        "severity": alert.severity.value,
        "status": alert.status.value,
        "labels": alert.labels,
        "annotations": alert.annotations,
        "metric": alert.metric,
        "value": alert.value,
        "threshold": alert.threshold,
        "rule_id": alert.rule_id,
        "incident_id": None,
        "notification_channels": list(alert.notification_channels),
        "escalation_policy": alert.escalation_policy,
        "previous_alert_id": alert.previous_alert_id,
        "occurrences": alert.occurrences,
        "episodes": alert.episodes,
        "starts_at": alert.starts_at,
        "ends_at": alert.ends_at,
        "first_seen_at": alert.first_seen_at,
        "last_seen_at": alert.last_seen_at,
        "activated_at": alert.activated_at,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledgement_expires_at": alert.ack_expires_at,
        "suppressed_until": None,
        "suppression_reason": None,
        "resolved_at": alert.resolved_at,
        "resolved_by": alert.resolved_by,
        "resolution": alert.resolution.value if alert.resolution else None,
        "closed_at": alert.closed_at,
        "version": alert.version,
        "created_at": alert.created_at,
        "updated_at": alert.updated_at,
        "links": links,
    }


def entry_out(line: Entry) -> dict[str, Any]:
    """The JSON of a timeline line."""
    return {
        "seq": line.seq,
        "at": format_time(line.at),
        "kind": line.kind,
        "actor": line.actor,
        "reason": line.reason,
        "from": line.from_status.value if line.from_status else None,
        "to": line.to_status.value if line.to_status else None,
        "detail": line.detail,
    }
