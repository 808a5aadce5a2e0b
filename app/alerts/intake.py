"""Alerts as they come in over HTTP: read fast where they are right, explained field by field where they are not."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from app.alerts.domain.alert import Report
from app.alerts.schemas import AlertIn
from app.core.errors import Invalid
from app.core.labels import fingerprint, label_problems
from app.core.schemas import parse_time
from app.core.severity import parse_severity

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=10_000)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Incoming(msgspec.Struct, forbid_unknown_fields=True):
    """The shape AlertIn for msgspec, fifty times as fast; a property test holds the two together."""

    name: Name
    severity: str
    source: Name | None = None
    description: Text | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, Text] = {}
    value: float | None = None
    threshold: float | tuple[float, float] | None = None
    metric: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None
    status: Literal["firing", "resolved"] = "firing"
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    fingerprint: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    notification_channels: list[Name] = []
    escalation_policy: Name | None = None


def read_report(item: object, now: datetime, drop_labels: tuple[str, ...]) -> Report:
    """The report that a JSON object makes; Invalid names every field that is wrong.

    `drop_labels` are labels that do not count in the identity.
    """
    try:
        incoming = msgspec.convert(item, Incoming)
        severity = parse_severity(incoming.severity)
        starts_at, ends_at = _utc(incoming.starts_at), _utc(incoming.ends_at)
        problems = label_problems(incoming.labels) or label_problems(dict.fromkeys(incoming.annotations, ""))
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        raise _explained(item, str(error)) from None
    if problems:
        raise _explained(item, "labels or annotations exceed the limits")
    source = incoming.source or "api"
    firing = incoming.status == "firing"
    given_at = starts_at if firing else ends_at
    namespace = f"source:{source}"
    identity = {**incoming.labels, "alertname": incoming.name}
    return Report(
        fingerprint=incoming.fingerprint or fingerprint(namespace, identity, drop_labels),
        namespace=namespace,
        actor=namespace,
        name=incoming.name,
        severity=severity,
        firing=firing,
        event_at=min(given_at, now) if given_at else now,
        source=source,
        description=incoming.description or "",
        service=incoming.labels.get("service"),
        labels=incoming.labels,
        annotations=incoming.annotations,
        metric=incoming.metric,
        value=incoming.value,
        threshold=list(incoming.threshold) if isinstance(incoming.threshold, tuple) else incoming.threshold,
        notification_channels=tuple(incoming.notification_channels),
        escalation_policy=incoming.escalation_policy,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=f"{source} reports it {'firing' if firing else 'resolved'}",
    )


def _utc(moment: datetime | None) -> datetime | None:
    """In UTC; ValueError or OverflowError for a time that no clock shows."""
    return None if moment is None else parse_time(moment.isoformat())


def _explained(item: object, otherwise: str) -> Invalid:
    if not isinstance(item, Mapping):
        return Invalid({"": ["an alert is a JSON object"]})
    errors: Any = AlertIn().validate(item)
    return Invalid(errors or {"": [otherwise]})
