"""Rules, their verdicts and versions, as they are shown."""

from datetime import datetime
from typing import Any

import marshmallow as ma

from app.core.http import MAX_CHOICES, PageArgs
from app.core.schemas import Duration, SeverityName, UtcTime, format_time
from app.rules.domain.health import shown_health
from app.rules.domain.rule import Definition, Health, Rule, Source
from app.rules.domain.verdict import Outcome, Verdict
from app.rules.schemas.definition import Choice, Limit, RuleFields
from app.rules.store import Stored, Version
from app.rules.verdicts import Latest
from app.telemetry.domain import MAX_METRIC

_OUTCOMES = list(Outcome)  # firing first


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


class Advice(ma.Schema):
    """A field to think of, why, and what to do."""

    field = ma.fields.String()
    message = ma.fields.String()


class RuleAdvised(RuleOut):
    """A rule, how its evaluation goes, and what there is to think of."""

    advice = ma.fields.List(ma.fields.Nested(Advice))


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


_out, _version_out, _verdict_out = RuleOut(), VersionOut(), VerdictOut()


def rule_out(stored: Stored, now: datetime, latest: Latest | None = None) -> dict[str, Any]:
    """A rule as it is shown; `latest` is what was found of it last."""
    rule = {name: getattr(stored.rule, name) for name in (*Definition.__dataclass_fields__, "id", "version")}
    known = {
        "health": shown_health(stored.health, stored.due_at if stored.rule.enabled else None, stored.interval, now),
        "last_duration_ms": latest.duration_ms if latest else None,
        "n_series": latest.n_series if latest else None,
        "n_firing": latest.n_firing if latest else None,
    }
    shown: dict[str, Any] = _out.dump({**rule, **vars(stored), **known})
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
