"""The body of a rule, as people write it."""

from datetime import timedelta
from typing import Any

import marshmallow as ma

from app.core.labels import MAX_LABELS, MAX_NAME
from app.core.schemas import Described, Duration, NameOrId, Number, SeverityName, Shape, Slug
from app.rules.domain.rule import Aggregation, Definition, NoData, Operator, Source, selector_matchers
from app.telemetry.domain import MAX_METRIC

_MAX_NAMES = 50
_MAX_PATTERN = 2000
_MAX_QUERY = 10_000
_LONGEST = timedelta(days=366)


class Choice(ma.fields.Enum[Any]):
    """One of a few words, in any case."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return super()._deserialize(value.strip().lower() if isinstance(value, str) else value, attr, data, **kwargs)


class Selector(Described):
    """Which series: an object label -> value or operator and value, or a list of matchers."""

    described = {
        "type": ["object", "array"],
        "additionalProperties": {"type": "string"},
        "items": {"type": "string"},
        "maxProperties": MAX_LABELS,
        "maxItems": MAX_LABELS,
        "examples": [{"host": "web-1"}, ['host=~"web.*"']],
    }

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return list(value) if isinstance(value, tuple) else value

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str] | tuple[str, ...]:
        items = [*value, *value.values()] if isinstance(value, dict) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ma.ValidationError('use {"host": "web-1"} or ["host=~\\"web.*\\""]')
        if len(value) > MAX_LABELS:
            raise ma.ValidationError(f"use at most {MAX_LABELS} matchers")
        if isinstance(value, dict) and not all(1 <= len(name) <= MAX_NAME for name in value):
            raise ma.ValidationError(f"a label name has 1 to {MAX_NAME} characters")
        selector = dict(value) if isinstance(value, dict) else tuple(value)
        try:
            selector_matchers(selector)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None
        return selector


class Limit(Described):
    """A threshold: a number, or `[low, high]` for a range."""

    described = {"oneOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}, {"type": "null"}]}

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return list(value) if isinstance(value, tuple) else value

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float | tuple[float, float]:
        if not isinstance(value, list):
            return _finite(value)
        if len(value) != 2:
            raise ma.ValidationError("a range has two numbers: [low, high]")
        return _finite(value[0]), _finite(value[1])


def _finite(value: object) -> float:
    found: float = _number.deserialize(value)
    return found


class Names(ma.fields.List[Any]):
    """Some texts, kept as a tuple; each once."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return tuple(dict.fromkeys(super()._deserialize(value, attr, data, **kwargs)))


def _between(low: timedelta, high: timedelta, words: str) -> ma.validate.Range:
    return ma.validate.Range(low, high, error=f"use a duration {words}")


_number = Number()
_WINDOW = _between(timedelta(milliseconds=1), _LONGEST, "longer than 0s, at most 366d")
_FOR = _between(timedelta(0), _LONGEST, "of at most 366d")
_INTERVAL = _between(timedelta(seconds=1), timedelta(days=1), "from 1s to 1d")


def _templates(about: str) -> Any:
    """A field: names to templates, which know `$labels` and `$value`."""
    return ma.fields.Dict(
        keys=ma.fields.String(validate=ma.validate.Length(1, MAX_NAME)),
        values=ma.fields.String(validate=ma.validate.Length(max=4000)),
        load_default=dict,
        validate=ma.validate.Length(max=MAX_LABELS),
        metadata={"description": f"{about}; {{{{ $labels.host }}}} and {{{{ $value }}}} stand for what is found"},
    )


class RuleFields(Shape):
    """What a person says of a rule."""

    name = ma.fields.String(required=True, validate=ma.validate.Length(1, 200))
    description = ma.fields.String(load_default="", validate=ma.validate.Length(max=10_000))
    severity = SeverityName(required=True)
    source = Choice(Source, by_value=True, load_default=Source.METRIC)
    metric = ma.fields.String(load_default="", validate=ma.validate.Length(max=MAX_METRIC))
    operator = Choice(Operator, by_value=True, load_default=None, allow_none=True)
    threshold = Limit(load_default=None, allow_none=True)
    resolve_threshold = Number(load_default=None, allow_none=True)
    window = Duration(data_key="evaluation_window", load_default=Definition.window, validate=_WINDOW)
    aggregation = Choice(
        Aggregation, by_value=True, metadata={"description": "default: avg; count for logs and events"}
    )
    pending_for = Duration(data_key="for", load_default=Definition.pending_for, validate=_FOR)
    keep_firing_for = Duration(load_default=Definition.keep_firing_for, validate=_FOR)
    no_data = Choice(NoData, by_value=True, load_default=Definition.no_data)
    season = Duration(load_default=None, allow_none=True, validate=_WINDOW)
    interval = Duration(load_default=None, allow_none=True, validate=_INTERVAL)
    min_samples = ma.fields.Integer(load_default=1, strict=True, validate=ma.validate.Range(1, 1_000_000))
    labels = Selector(load_default=dict)
    group_by = Names(
        ma.fields.String(validate=ma.validate.Length(1, MAX_NAME)),
        load_default=None,
        allow_none=True,
        validate=ma.validate.Length(max=MAX_LABELS),
    )
    pattern = ma.fields.String(load_default=None, allow_none=True, validate=ma.validate.Length(1, _MAX_PATTERN))
    level = ma.fields.String(load_default=None, allow_none=True, validate=ma.validate.Length(1, 20))
    type = ma.fields.String(load_default=None, allow_none=True, validate=ma.validate.Length(1, MAX_METRIC))
    query = ma.fields.String(load_default=None, allow_none=True, validate=ma.validate.Length(1, _MAX_QUERY))
    datasource = NameOrId(load_default=None, allow_none=True)
    service = ma.fields.String(load_default=None, allow_none=True, validate=ma.validate.Length(1, 200))
    runbook_url = ma.fields.Url(
        load_default=None,
        allow_none=True,
        schemes={"http", "https"},
        require_tld=False,
        validate=ma.validate.Length(max=2000),
    )
    alert_labels = _templates("labels that every alert of the rule carries besides those of its series")
    annotations = _templates("texts of every alert of the rule")
    notification_channels = Names(NameOrId(), load_default=(), validate=ma.validate.Length(max=_MAX_NAMES))
    escalation_policy = NameOrId(load_default=None, allow_none=True)
    suppression_rules = Names(NameOrId(), load_default=(), validate=ma.validate.Length(max=_MAX_NAMES))
    correlation = ma.fields.String(load_default="allow", validate=ma.validate.OneOf(["allow", "deny"]))
    enabled = ma.fields.Boolean(load_default=True, truthy={True}, falsy={False})

    @ma.post_load
    def _default_aggregation(self, data: dict[str, Any], partial: bool | None = None, **kwargs: Any) -> dict[str, Any]:
        if not partial and "aggregation" not in data:
            counted = data.get("source") in (Source.LOG, Source.EVENT)
            data["aggregation"] = Aggregation.COUNT if counted else Aggregation.AVG
        return data


class RuleIn(RuleFields):
    """A new rule."""

    id = Slug(load_default=None, allow_none=True)


class RulePut(RuleFields):
    """A rule's whole new definition; what is left out goes back to its default."""

    id = Slug()
    expected_version = ma.fields.Integer(strict=True)


class RulePatch(RulePut):
    """Changes to some fields of a rule."""


_fields = RuleFields()


def definition_out(definition: Definition) -> dict[str, Any]:
    """What a person said of a rule, as it can be sent again."""
    shown: dict[str, Any] = _fields.dump(definition)
    return shown
