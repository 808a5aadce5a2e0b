"""Evaluation: what the windows of many rules say, computed with array operations over all of them at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from app.core.labels import Labels
from app.rules.domain.aggregation import Flags, Integers, Samples, Slices, aggregated, codes_of, ranges
from app.rules.domain.anomaly import Baseline
from app.rules.domain.grouping import Groups, asked_labels, grouped
from app.rules.domain.rule import RANGES, Aggregation, Operator, Rule, Source
from app.rules.domain.verdict import Outcome, Verdict
from app.telemetry.domain import Milliseconds, Numbers, Windows, milliseconds

_OPERATORS: dict[Operator | None, int] = {operator: code for code, operator in enumerate((None, *Operator))}
_OUTCOMES = list(Outcome)
_FIRING, _HELD, _OK, _NO_DATA, _ERROR = map(_OUTCOMES.index, _OUTCOMES)
_MILLISECOND = timedelta(milliseconds=1)
Codes = npt.NDArray[np.int8]
GroupKey = tuple[str, frozenset[tuple[str, str]]]  # a rule's id and a group's labels


def group_key(rule: Rule, labels: Labels) -> GroupKey:
    """What names a group among those of all rules."""
    return rule.id, frozenset(labels.items())


@dataclass(frozen=True)
class Judged:
    """Groups of rules at moments, as arrays: values, how many samples they rest on, and outcomes (see outcome_of)."""

    values: Numbers
    n_samples: Integers
    outcomes: Codes


def outcome_of(code: int) -> Outcome:
    """The outcome that stands in Judged.outcomes as this number."""
    return _OUTCOMES[code]


def evaluate(
    rules: Sequence[Rule], windows: Windows, baselines: Mapping[GroupKey, Baseline | str] | None = None
) -> list[Verdict]:
    """A verdict for every rule and group of its series, in the order of the rules.

    `windows.selected[k]` belongs to rules[k]. A rule without any series gets one verdict: firing when it asks for
    absence, else "no data". `baselines` holds what groups of anomaly rules are compared with, or why there is nothing.
    """
    groups = grouped(rules, windows)
    moments = np.full(len(groups.rule), milliseconds(windows.now), np.int64)
    judged = judge(rules, windows, groups, np.arange(len(groups.rule)), moments)
    return list(_verdicts(rules, groups, judged, baselines or {}))


def judge(rules: Sequence[Rule], windows: Windows, groups: Groups, chosen: Integers, moments: Milliseconds) -> Judged:
    """What each pair of a chosen group and a moment (ms since 1970) comes to; anomaly rules are not compared yet."""
    lengths = np.array([rule.window // _MILLISECOND for rule in rules], np.int64)
    if not chosen.size:
        return Judged(np.empty(0), np.empty(0, np.intp), np.empty(0, np.int8))
    samples = Samples(windows.times, windows.values, windows.starts)
    owner_rule = np.array(groups.rule, np.intp)[chosen]
    bounds = np.array([*groups.starts, len(groups.members)], np.intp)
    sizes = (bounds[1:] - bounds[:-1])[chosen]
    members = np.array(groups.members, np.intp)[ranges(bounds[chosen], sizes)]
    at = np.repeat(moments, sizes)
    low = samples.until(members, at - np.repeat(lengths[owner_rule], sizes))
    slices = Slices(low, samples.until(members, at), np.cumsum(sizes) - sizes)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no finite number ends as an error of its own group
        values, n = aggregated(samples, slices, codes_of([rule.aggregation for rule in rules])[owner_rule])
        nothing = (n == 0) & np.array([_counts_nothing(rule) for rule in rules], np.bool_)[owner_rule]
        values[nothing] = 0.0
        return Judged(values, n, _outcomes(_Asked.of(rules, owner_rule), values, n, nothing))


@dataclass(frozen=True)
class _Asked:
    """What the rules ask of each value, as arrays: operators (see _OPERATORS), bounds, and the least of samples."""

    operator: Integers
    low: Numbers
    high: Numbers
    end: Numbers  # where an alert ends; NaN: where it began
    least: Integers
    foreign: Flags  # numbers of a server that we ask, which may be infinite or none

    @classmethod
    def of(cls, rules: Sequence[Rule], owner_rule: Integers) -> "_Asked":
        bounds = np.array([_bounds(rule) for rule in rules], np.float64)
        ends = [np.nan if rule.resolve_threshold is None else rule.resolve_threshold for rule in rules]
        return cls(
            np.array([_OPERATORS[rule.operator] for rule in rules], np.intp)[owner_rule],
            bounds[owner_rule, 0],
            bounds[owner_rule, 1],
            np.array(ends, np.float64)[owner_rule],
            np.array([rule.min_samples for rule in rules], np.intp)[owner_rule],
            np.array([rule.source is Source.PROMETHEUS for rule in rules], np.bool_)[owner_rule],
        )


def _outcomes(asked: _Asked, values: Numbers, n: Integers, nothing: Flags) -> Codes:
    """Outcomes as numbers; `nothing` are windows whose emptiness is a value of its own."""
    outcomes = np.full(values.size, _OK, np.int8)
    outcomes[_holds(asked.operator, values, asked.end, asked.end)] = _HELD
    outcomes[_holds(asked.operator, values, asked.low, asked.high)] = _FIRING
    outcomes[np.isinf(values) & ~asked.foreign] = _ERROR
    enough = (n >= asked.least) | nothing
    outcomes[~enough | (np.isnan(values) & ~asked.foreign)] = _NO_DATA
    absent = asked.operator == _OPERATORS[Operator.ABSENT]
    outcomes[absent] = np.where(enough[absent], _OK, _FIRING)
    return outcomes


def _counts_nothing(rule: Rule) -> bool:
    """Whether a window without entries is a count of 0: silence of a log is data, silence of a metric is not."""
    counted = rule.source in (Source.LOG, Source.EVENT) and rule.aggregation is Aggregation.COUNT
    return counted and rule.min_samples == 1 and rule.operator is not Operator.ABSENT


def _bounds(rule: Rule) -> tuple[float, float]:
    if isinstance(rule.threshold, tuple) and rule.operator in RANGES:
        return rule.threshold
    limit = rule.threshold if isinstance(rule.threshold, float | int) else np.nan
    return limit, limit


def _holds(operator: Integers, values: Numbers, low: Numbers, high: Numbers) -> Flags:
    """Whether each value satisfies its operator; false for values and bounds that are NaN."""
    holds = np.zeros(values.size, np.bool_)
    compared: dict[Operator | None, Flags] = {
        None: np.ones(values.size, np.bool_),
        Operator.GREATER_THAN: values > low,
        Operator.GREATER_OR_EQUAL: values >= low,
        Operator.LESS_THAN: values < low,
        Operator.LESS_OR_EQUAL: values <= low,
        Operator.EQUAL: values == low,
        Operator.NOT_EQUAL: (values != low) & ~np.isnan(values) & ~np.isnan(low),
        Operator.OUTSIDE_RANGE: (values < low) | (values > high),
        Operator.INSIDE_RANGE: (values >= low) & (values <= high),
    }
    for one, found in compared.items():
        mine = operator == _OPERATORS[one]
        holds[mine] = found[mine]
    return holds


def _verdicts(
    rules: Sequence[Rule], groups: Groups, judged: Judged, baselines: Mapping[GroupKey, Baseline | str]
) -> Iterator[Verdict]:
    found = zip(
        groups.rule,
        groups.labels,
        judged.values.tolist(),
        judged.n_samples.tolist(),
        judged.outcomes.tolist(),
        strict=True,
    )
    following = next(found, None)
    for position, rule in enumerate(rules):
        if following is None or following[0] != position:
            yield _without_series(rule)
        while following is not None and following[0] == position:
            _, labels, value, n, code = following
            outcome = _OUTCOMES[code]
            if rule.operator is Operator.ANOMALY and outcome not in (Outcome.NO_DATA, Outcome.ERROR):
                yield against(rule, labels, value, n, baselines.get(group_key(rule, labels), "no history is known"))
            else:
                yield Verdict(rule, labels, outcome, shown(rule, value, outcome), n)
            following = next(found, None)


def against(rule: Rule, labels: Labels, value: float, n: int, baseline: Baseline | str) -> Verdict:
    """The verdict of an anomaly rule: its value against what the past lets expect, or why there is nothing to."""
    if isinstance(baseline, str):
        return Verdict(rule, labels, Outcome.NO_DATA, None, n, note=baseline)
    assert isinstance(rule.threshold, float | int)
    expected = baseline.expected(rule.threshold)
    outcome = Outcome.OK if expected.low <= value <= expected.high else Outcome.FIRING
    return Verdict(rule, labels, outcome, value, n, expected=expected)


def shown(rule: Rule, value: float, outcome: Outcome) -> float | None:
    """The value that a verdict carries: none where there is none, and none that JSON could not carry."""
    if outcome in (Outcome.NO_DATA, Outcome.ERROR):
        return None
    if rule.operator is Operator.ABSENT:
        return 1.0 if outcome is Outcome.FIRING else None
    return value if np.isfinite(value) else None


def _without_series(rule: Rule) -> Verdict:
    if rule.operator is Operator.ABSENT:
        labels = asked_labels(rule)
        if rule.grouping is not None:
            labels = {name: value for name, value in labels.items() if name in rule.grouping}
        return Verdict(rule, labels, Outcome.FIRING, 1.0, 0)
    if _counts_nothing(rule):
        asked = _Asked.of([rule], np.zeros(1, np.intp))
        outcomes = _outcomes(asked, np.zeros(1), np.zeros(1, np.intp), np.ones(1, np.bool_))
        return Verdict(rule, {}, _OUTCOMES[int(outcomes[0])], 0.0, 0)
    if rule.source is Source.PROMETHEUS:
        return Verdict(rule, {}, Outcome.OK, None, 0, note="the query returns nothing")
    return Verdict(rule, {}, Outcome.NO_DATA, None, 0)
