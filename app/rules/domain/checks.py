"""What of a definition does not go together, field by field, with the mend."""

from collections.abc import Callable
from datetime import timedelta

from app.core.durations import format_duration
from app.core.labels import compile_pattern
from app.core.severity import SEVERITIES_OF_LOGS
from app.rules.domain.anomaly import step_of
from app.rules.domain.promql import check_query
from app.rules.domain.rule import RANGES, Definition, NoData, Operator, Source
from app.rules.domain.templates import parse_template
from app.telemetry.domain import RULE_SERIES

Problems = dict[str, list[str]]
#: Fields that only one source knows.
_OWN_FIELDS = {
    "pattern": (Source.LOG,),
    "level": (Source.LOG,),
    "type": (Source.EVENT,),
    "query": (Source.PROMETHEUS,),
    "datasource": (Source.PROMETHEUS,),
    "metric": (Source.METRIC,),
}
_DOWNWARD = frozenset({Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL})
_UPWARD = frozenset({Operator.LESS_THAN, Operator.LESS_OR_EQUAL})


def problems(definition: Definition, kept: timedelta) -> Problems:
    """What is wrong with a definition as a whole, by the field to be changed; `kept` is how long samples are."""
    found: Problems = {}
    for check in (_source, _operator, _resolve_threshold, _window(kept), _query, _templates):
        for name, message in check(definition):
            found.setdefault(name, []).append(message)
    return found


def _source(rule: Definition) -> list[tuple[str, str]]:
    found = [
        (name, f"only a rule with source {' or '.join(sources)} has a {name}; this one has source {rule.source}")
        for name, sources in _OWN_FIELDS.items()
        if getattr(rule, name) and rule.source not in sources
    ]
    if rule.source is Source.METRIC and not rule.metric:
        found.append(("metric", "say which metric the rule watches"))
    if rule.metric.startswith(RULE_SERIES):
        found.append(("metric", f"names that begin with {RULE_SERIES} are the system's own"))
    if rule.source is Source.EVENT and not rule.type:
        found.append(("type", "say which type of event the rule counts, like payment.failed"))
    if rule.source is Source.PROMETHEUS:
        if not (rule.query or "").strip():
            found.append(("query", "say which PromQL query the rule asks"))
        if rule.labels:
            found.append(("labels", "select series in the query itself"))
        if rule.group_by is not None:
            found.append(("group_by", "group in the query itself, like sum by (instance) (...)"))
    if rule.pattern is not None:
        try:
            compile_pattern(rule.pattern)
        except ValueError as error:
            found.append(("pattern", str(error)))
    if rule.level is not None and rule.level.strip().lower() not in SEVERITIES_OF_LOGS:
        found.append(("level", f"use one of {', '.join(SEVERITIES_OF_LOGS)}"))
    return found


def _operator(rule: Definition) -> list[tuple[str, str]]:
    if rule.operator is None:
        if rule.source is not Source.PROMETHEUS:
            return [("operator", f"use one of {', '.join(Operator)}")]
        return [("threshold", "a threshold needs an operator")] if rule.threshold is not None else []
    if rule.operator is Operator.ABSENT:
        found = [("threshold", "absent compares with nothing; leave it out")] if rule.threshold is not None else []
        if rule.source is Source.PROMETHEUS:
            found.append(("operator", "ask for absence in the query itself, like absent(up)"))
        if rule.no_data is not NoData.KEEP:
            found.append(("no_data", "absent is about missing data itself; leave it out"))
        return found
    if rule.operator in RANGES:
        if not isinstance(rule.threshold, tuple):
            return [("threshold", "a range needs two numbers: [low, high]")]
        low, high = rule.threshold
        return [] if low <= high else [("threshold", "use [low, high] with low not above high")]
    if rule.threshold is None:
        return [("threshold", "say what the value is compared with")]
    if isinstance(rule.threshold, tuple):
        return [("threshold", f"{rule.operator} compares with one number")]
    if rule.operator is Operator.ANOMALY:
        found = [] if rule.threshold > 0 else [("threshold", "use a z-score above 0, like 4")]
        if rule.source is Source.PROMETHEUS:
            found.append(("operator", "anomaly needs a stored history; use it on a metric"))
        return found
    return []


def _resolve_threshold(rule: Definition) -> list[tuple[str, str]]:
    limit = rule.resolve_threshold
    if limit is None or not isinstance(rule.threshold, float | int):
        if limit is not None and rule.operator not in _DOWNWARD | _UPWARD:
            return [("resolve_threshold", "it belongs to greater_than, less_than and their like only")]
        return []
    if rule.operator in _DOWNWARD and limit > rule.threshold:
        return [("resolve_threshold", "it lies at or below the threshold: an alert ends further down than it began")]
    if rule.operator in _UPWARD and limit < rule.threshold:
        return [("resolve_threshold", "it lies at or above the threshold: an alert ends further up than it began")]
    if rule.operator not in _DOWNWARD | _UPWARD:
        return [("resolve_threshold", "it belongs to greater_than, less_than and their like only")]
    return []


def _window(kept: timedelta) -> Callable[[Definition], list[tuple[str, str]]]:
    def check(rule: Definition) -> list[tuple[str, str]]:
        if rule.window > kept and rule.source is not Source.PROMETHEUS:
            return [
                ("evaluation_window", f"samples are kept for {format_duration(kept)}; use a window of at most that")
            ]
        if rule.season is not None and rule.operator is not Operator.ANOMALY:
            return [("season", "only the operator anomaly has a season")]
        if rule.season is not None and rule.season < 2 * step_of(rule):
            least = format_duration(2 * step_of(rule))
            return [
                ("season", f"of its past one value each {format_duration(step_of(rule))} is kept; use {least} or more")
            ]
        return []

    return check


def _query(rule: Definition) -> list[tuple[str, str]]:
    if rule.source is not Source.PROMETHEUS or not (rule.query or "").strip():
        return []
    try:
        check_query(rule.query or "")
    except ValueError as error:
        return [("query", str(error))]
    return []


def _templates(rule: Definition) -> list[tuple[str, str]]:
    found = []
    for field, templates in (("annotations", rule.annotations), ("alert_labels", rule.alert_labels)):
        for name, text in templates.items():
            try:
                parse_template(text)
            except ValueError as error:
                found.append((field, f"{name}: {error}"))
    return found
