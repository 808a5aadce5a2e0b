"""Advice on a rule that may be saved as it is, and yet will hardly do what its author wants."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from app.core.durations import format_duration
from app.core.severity import Severity
from app.rules.domain.promql import asks_for_absence
from app.rules.domain.rule import Aggregation, Definition, NoData, Operator, Source
from app.rules.domain.templates import parse_template, uses_value

_COUNTERS = ("_total", "_count", "_sum", "_bucket", ".total", ".count", ".sum")
_LEVELS = frozenset({Aggregation.AVG, Aggregation.MIN, Aggregation.MAX, Aggregation.LAST, Aggregation.SUM})
_COMPUTED = frozenset({Aggregation.AVG, Aggregation.RATE, Aggregation.STDDEV, Aggregation.P50, Aggregation.P95})
_PERCENT = re.compile(r"(?:^|[._])(?:percent|percentage|pct|usage|utilization|utilisation)(?:$|[._])")
_UNIQUE = frozenset(
    {
        *(
            "pod_uid",
            "uid",
            "uuid",
            "guid",
            "request_id",
            "trace_id",
            "span_id",
            "session_id",
            "user_id",
            "container_id",
        ),
        *("transaction_id", "correlation_id", "order_id", "email", "ip", "client_ip", "remote_addr", "url", "query"),
        *("timestamp", "time", "id"),
    }
)


@dataclass(frozen=True)
class Advice:
    """A field to think of; the message says why and what to do."""

    field: str
    message: str


def advice(
    definition: Definition,
    sample_interval: timedelta | None = None,
    default_interval: timedelta = timedelta(seconds=5),
) -> list[Advice]:
    """What there is to think of, field by field; a rule of which there is nothing to say gets an empty list.

    `sample_interval` is the time between two samples of a series, where it is known; `default_interval` is the time
    between evaluations of a rule that sets none.
    """
    interval = definition.interval or default_interval
    checks: tuple[Callable[[Definition], Iterator[Advice]], ...] = (
        _absence,
        _identity,
        lambda rule: _window(rule, sample_interval),
        lambda rule: _times(rule, interval),
        _comparison,
        _counter,
        _texts,
    )
    return [one for check in checks for one in check(definition)]


def _absence(rule: Definition) -> Iterator[Advice]:
    if not _asks_for_absence(rule):
        return
    if not rule.pending_for:
        yield Advice("for", "after a start nothing has been sent yet, so absence fires at once; set for, like 5m")
    if rule.keep_firing_for:
        message = "it only delays the resolve of what has already come back; leave it out"
        yield Advice("keep_firing_for", message)


def _asks_for_absence(rule: Definition) -> bool:
    return rule.operator is Operator.ABSENT or (rule.source is Source.PROMETHEUS and asks_for_absence(rule.query or ""))


def _identity(rule: Definition) -> Iterator[Advice]:
    for name, text in rule.alert_labels.items():
        try:
            changes = uses_value(parse_template(text))
        except ValueError:
            continue  # that is an error, and told as one
        if changes:
            message = f"{name} changes with the value, so each new value is another alert and for begins anew"
            yield Advice("alert_labels", f"{message}; put the value into an annotation")
    for name in rule.group_by or ():
        if name.lower() in _UNIQUE:
            yield Advice("group_by", f"{name} hardly ever repeats, so every value is an alert of its own; leave it out")


def _window(rule: Definition, sample_interval: timedelta | None) -> Iterator[Advice]:
    if rule.source is not Source.METRIC or sample_interval is None:
        return
    if rule.aggregation in (Aggregation.RATE, Aggregation.DELTA) and rule.window < 2 * sample_interval:
        least = format_duration(2 * sample_interval)
        message = f"{rule.aggregation} needs two samples, and one comes every {format_duration(sample_interval)}"
        yield Advice("evaluation_window", f"{message}; use {least} or more")
    elif rule.window < 2 * sample_interval:
        message = f"a sample comes every {format_duration(sample_interval)}, so a late one leaves the window empty"
        yield Advice("evaluation_window", f"{message}; use {format_duration(2 * sample_interval)} or more")
    n_most = rule.window // sample_interval
    if rule.min_samples > max(n_most, 1):
        message = f"a window of {format_duration(rule.window)} holds about {n_most} samples, so the rule never judges"
        yield Advice("min_samples", f"{message}; use fewer or a longer window")


def _times(rule: Definition, interval: timedelta) -> Iterator[Advice]:
    shown = format_duration(interval)
    if timedelta(0) < rule.pending_for < interval:
        message = f"the rule is evaluated every {shown}, so a shorter for means a second evaluation at most"
        yield Advice("for", f"{message}; use a multiple of {shown}")
    if timedelta(0) < rule.keep_firing_for < interval:
        message = f"the rule is evaluated every {shown}, so a shorter time changes nothing"
        yield Advice("keep_firing_for", f"{message}; use a multiple of {shown}")


def _comparison(rule: Definition) -> Iterator[Advice]:
    if rule.operator in (Operator.EQUAL, Operator.NOT_EQUAL) and rule.aggregation in _COMPUTED:
        message = f"a number that {rule.aggregation} computes hardly ever equals another exactly"
        yield Advice("operator", f"{message}; use a range, or the aggregation last, min or max")
    if rule.resolve_threshold is not None and rule.resolve_threshold == rule.threshold:
        message = "it equals the threshold, as if it was left out"
        yield Advice("resolve_threshold", f"{message}; set it apart from the threshold or leave it out")
    limit = rule.threshold
    share = isinstance(limit, float | int) and 0 < limit < 1 and rule.operator is not Operator.ANOMALY
    if share and rule.aggregation in _LEVELS and _PERCENT.search(rule.metric.lower()):
        message = f"{rule.metric} sounds like per cent, 0 to 100, and {limit} like a share, 0 to 1"
        yield Advice("threshold", f"{message}; multiply it by 100 if it is per cent")
    if rule.no_data is NoData.ALERT and rule.source in (Source.LOG, Source.EVENT):
        message = "no entry is the good case here, so quiet hours alert"
        yield Advice("no_data", f"{message}; leave it out, or use the operator absent with for")


def _counter(rule: Definition) -> Iterator[Advice]:
    if rule.source is not Source.METRIC or rule.operator is Operator.ABSENT:
        return
    counter = rule.metric.lower().endswith(_COUNTERS)
    if rule.aggregation is Aggregation.RATE and not counter:
        message = f"rate is for counters, which only grow, and {rule.metric} does not sound like one"
        yield Advice("aggregation", f"{message}; use delta or avg for a level")
    if rule.aggregation in _LEVELS and rule.metric.lower().endswith(("_total", ".total")):
        message = f"{rule.metric} sounds like a counter, which grows for ever and so passes every threshold"
        yield Advice("aggregation", f"{message}; use rate")


def _texts(rule: Definition) -> Iterator[Advice]:
    if not rule.description and not rule.annotations:
        yield Advice("description", "who is woken by it reads a name and a number only; say what it means")
    if rule.severity is Severity.CRITICAL and not rule.runbook_url:
        yield Advice("runbook_url", "who is woken by a critical alert needs to know what to do; link a runbook")
