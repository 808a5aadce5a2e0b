"""Shapes of rules."""

from datetime import datetime, timedelta
from typing import Any

import marshmallow as ma

from app.core.http import MAX_CHOICES, PageArgs
from app.core.labels import MAX_LABELS, MAX_NAME
from app.core.schemas import Described, Duration, NameOrId, Number, SeverityName, Shape, Slug, UtcTime, format_time
from app.rules.domain.health import shown_health
from app.rules.domain.rule import Aggregation, Definition, Health, NoData, Operator, Rule, Source, selector_matchers
from app.rules.domain.verdict import Outcome, Verdict
from app.rules.store import Stored, Version
from app.rules.verdicts import Latest
from app.telemetry.domain import MAX_METRIC

_OUTCOMES = list(Outcome)  # firing first
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


class RuleOut(RuleFields):
    """A rule, and how its evaluation goes."""

    id = ma.fields.String()
    version = ma.fields.Integer()
    created_at = UtcTime()
    updated_at = UtcTime()
    health = ma.fields.Enum(
        Health, by_value=True, metadata={"description": "late: its evaluation has been due for more than an interval"}
    )
    health_reason = ma.fields.String(allow_none=True, metadata={"description": "what is wrong, where something is"})
    last_evaluated_at = UtcTime(allow_none=True)
    last_duration_ms = ma.fields.Float(
        allow_none=True, metadata={"description": "how long the batch took that it was evaluated in"}
    )
    n_series = ma.fields.Integer(allow_none=True, metadata={"description": "series or groups that it judged last"})
    n_firing = ma.fields.Integer(allow_none=True)
    n_missed = ma.fields.Integer(metadata={"description": "evaluations that were not made in time"})
    n_dropped = ma.fields.Integer(
        metadata={"description": "times that the condition did not hold for as long as `for`"}
    )


class RulePage(ma.Schema):
    """A page of rules."""

    items = ma.fields.List(ma.fields.Nested(RuleOut))
    next_cursor = ma.fields.String(allow_none=True)


class RulesArgs(PageArgs):
    """Which rules."""

    enabled = ma.fields.Boolean(load_default=None)
    metric = ma.fields.String(load_default=None, validate=ma.validate.Length(1, MAX_METRIC))
    health = ma.fields.List(Choice(Health, by_value=True), load_default=[], validate=MAX_CHOICES)
    severity = ma.fields.List(SeverityName(), load_default=[], validate=MAX_CHOICES)
    source = ma.fields.List(Choice(Source, by_value=True), load_default=[], validate=MAX_CHOICES)
    q = ma.fields.String(load_default=None, validate=ma.validate.Length(1, 200))


class VerdictOut(ma.Schema):
    """What a rule says of one series or group, and why."""

    labels = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())
    outcome = ma.fields.Enum(Outcome, by_value=True)
    value = ma.fields.Float(allow_none=True)
    threshold = Limit(allow_none=True)
    expected = ma.fields.Float(allow_none=True, metadata={"description": "of an anomaly rule: the expected value"})
    window = Duration()
    n_samples = ma.fields.Integer()
    reason = ma.fields.String()


class VerdictsOut(ma.Schema):
    """An evaluation of a rule, those that fire first; of very many series only some are named."""

    rule_id = ma.fields.String()
    version = ma.fields.Integer()
    at = UtcTime(allow_none=True)
    duration_ms = ma.fields.Float(allow_none=True)
    n_series = ma.fields.Integer()
    n_firing = ma.fields.Integer()
    verdicts = ma.fields.List(ma.fields.Nested(VerdictOut))


class VersionOut(ma.Schema):
    """What a rule said from then on, and who made it so."""

    version = ma.fields.Integer()
    at = UtcTime()
    actor = ma.fields.String()
    change = ma.fields.String(metadata={"description": "created, condition, description, enabled, disabled or deleted"})
    definition = ma.fields.Nested(RuleFields)


class VersionsOut(ma.Schema):
    """All versions of a rule, newest first."""

    items = ma.fields.List(ma.fields.Nested(VersionOut))


_out, _fields, _version_out, _verdict_out = RuleOut(), RuleFields(), VersionOut(), VerdictOut()


def rule_out(stored: Stored, now: datetime, latest: Latest | None = None) -> dict[str, Any]:
    """A rule as it is shown; `latest` is what was found of it last."""
    rule = {name: getattr(stored.rule, name) for name in (*Definition.__dataclass_fields__, "id", "version")}
    known = {
        "health": shown_health(stored.health, stored.due_at, stored.interval, now),
        "last_duration_ms": latest.duration_ms if latest else None,
        "n_series": latest.n_series if latest else None,
        "n_firing": latest.n_firing if latest else None,
    }
    shown: dict[str, Any] = _out.dump({**rule, **vars(stored), **known})
    return shown


def definition_out(definition: Definition) -> dict[str, Any]:
    """What a person said of a rule, as it can be sent again."""
    shown: dict[str, Any] = _fields.dump(definition)
    return shown


def version_out(version: Version) -> dict[str, Any]:
    """A version as it is shown."""
    shown: dict[str, Any] = _version_out.dump(
        {**vars(version), "version": version.rule.version, "definition": version.rule}
    )
    return shown


def verdict_out(verdict: Verdict) -> dict[str, Any]:
    """A verdict as it is shown."""
    expected = verdict.expected
    band = (expected.low, expected.high) if expected else verdict.rule.threshold
    shown: dict[str, Any] = _verdict_out.dump(
        {
            "labels": verdict.labels,
            "outcome": verdict.outcome,
            "value": verdict.value,
            "threshold": band,
            "expected": expected.value if expected else None,
            "window": verdict.rule.window,
            "n_samples": verdict.n_samples,
            "reason": verdict.reason,
        }
    )
    return shown


def verdicts_out(rule: Rule, latest: Latest | None) -> dict[str, Any]:
    """The latest evaluation of a rule as it is shown; before the first one there is nothing to be told."""
    found = sorted(latest.verdicts(rule) if latest else [], key=lambda one: _OUTCOMES.index(one.outcome))
    return {
        "rule_id": rule.id,
        "version": rule.version,
        "at": format_time(latest.at) if latest else None,
        "duration_ms": latest.duration_ms if latest else None,
        "n_series": latest.n_series if latest else 0,
        "n_firing": latest.n_firing if latest else 0,
        "verdicts": [verdict_out(one) for one in found],
    }
