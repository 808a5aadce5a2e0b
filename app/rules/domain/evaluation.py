"""Evaluation: what the windows of many rules say, computed with array operations over all of them at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from app.core.durations import format_duration
from app.core.labels import Labels
from app.rules.domain.rule import Aggregation, Operator, Rule
from app.telemetry.domain import Numbers, Series, Windows, milliseconds

Integers = npt.NDArray[np.intp]
_AGGREGATIONS = list(Aggregation)
_OPERATORS = list(Operator)
_WORDS = {
    Operator.GREATER_THAN: "greater than",
    Operator.GREATER_OR_EQUAL: "greater than or equal to",
    Operator.LESS_THAN: "less than",
    Operator.LESS_OR_EQUAL: "less than or equal to",
    Operator.EQUAL: "equal to",
    Operator.NOT_EQUAL: "different from",
}


class Outcome(StrEnum):
    """What an evaluation came to."""

    FIRING = "firing"
    OK = "ok"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one group of series; `labels` identify the group among the rule's."""

    rule: Rule
    labels: Labels
    outcome: Outcome
    value: float | None
    n_samples: int
    reason: str


@dataclass(frozen=True)
class _Groups:
    """Groups of series, each the members starts[g]:starts[g + 1] of `members`."""

    rule: list[int]  # position of the group's rule
    labels: list[Labels]
    starts: list[int]
    members: list[int]  # positions of series
    n_members: list[int]


@dataclass(frozen=True)
class _Totals:
    """Per item: number of samples, and what they come to; without samples n is 0 and the rest means nothing."""

    n: Integers
    sum: Numbers
    min: Numbers
    max: Numbers
    last: Numbers
    last_at: npt.NDArray[np.int64]


def evaluate(rules: Sequence[Rule], windows: Windows) -> list[Verdict]:
    """A verdict for every rule and group of its series, in the order of the rules.

    `windows.selected[k]` belongs to rules[k]. A rule without any series gets one verdict, "no data".
    """
    groups = _grouped(rules, windows)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no finite number ends as an error of its own group
        totals = _by_group(_by_member(rules, windows, groups), groups)
        values = _values(rules, totals, groups)
        holds = _compared(rules, values, groups)
    return list(_verdicts(rules, windows, groups, totals.n, values, holds))


def _grouped(rules: Sequence[Rule], windows: Windows) -> _Groups:
    groups = _Groups([], [], [], [], [])
    for position, rule in enumerate(rules):
        for labels, members in _groups_of(rule, windows.series, windows.selected[position]):
            groups.rule.append(position)
            groups.labels.append(labels)
            groups.starts.append(len(groups.members))
            groups.n_members.append(len(members))
            groups.members.extend(members)
    return groups


def _groups_of(rule: Rule, series: Sequence[Series], selected: Sequence[int]) -> Iterator[tuple[Labels, Sequence[int]]]:
    if rule.group_by is None:
        for position in selected:
            yield series[position].labels, (position,)
        return
    found: dict[tuple[str | None, ...], list[int]] = {}
    for position in selected:
        labels = series[position].labels
        found.setdefault(tuple(labels.get(name) for name in rule.group_by), []).append(position)
    for key, members in found.items():
        # A label that the series lack stays away: it is no value that they share.
        yield {name: value for name, value in zip(rule.group_by, key, strict=True) if value is not None}, members


def _by_member(rules: Sequence[Rule], windows: Windows, groups: _Groups) -> _Totals:
    """Totals of every member's samples in (now - window, now]."""
    lengths = np.array([milliseconds(windows.now - rule.window) for rule in rules], np.int64)
    after = lengths[np.repeat(np.array(groups.rule, np.intp), groups.n_members)] if groups.rule else lengths[:0]
    members = np.array(groups.members, np.intp)
    low = _n_until(windows, members, after)
    high = _n_until(windows, members, np.full(members.size, milliseconds(windows.now), np.int64))
    n = high - low
    full = np.flatnonzero(n > 0)
    # In the order of their begin: reduceat also adds up what lies between two slices, and so that stays little.
    full = full[np.argsort(low[full], kind="stable")]
    bounds = np.stack((low[full], high[full]), axis=1).ravel()
    values = np.append(windows.values, 0.0)  # a slice may end behind the last sample
    totals = _Totals(
        n,
        np.zeros(n.size),
        np.full(n.size, np.inf),
        np.full(n.size, -np.inf),
        np.zeros(n.size),
        np.full(n.size, np.iinfo(np.int64).min),
    )
    if full.size:
        totals.sum[full] = np.add.reduceat(values, bounds)[::2]
        totals.min[full] = np.minimum.reduceat(values, bounds)[::2]
        totals.max[full] = np.maximum.reduceat(values, bounds)[::2]
        totals.last[full] = values[high[full] - 1]
        totals.last_at[full] = windows.times[high[full] - 1]
    return totals


def _n_until(windows: Windows, members: Integers, until: npt.NDArray[np.int64]) -> Integers:
    """For each member (a series) the position in `times` behind its last sample that is not later than `until`."""
    if not windows.times.size:
        return np.zeros(members.size, np.intp)
    # One ascending number for (series, time), so that ONE search answers for all members.
    earliest = int(windows.times.min())
    span = int(windows.times.max()) - earliest + 2
    owner = np.repeat(np.arange(len(windows.series), dtype=np.int64), np.diff(windows.starts))
    ascending = owner * span + (windows.times - earliest)
    wanted = members * span + np.clip(until - earliest, -1, span - 1)
    return np.searchsorted(ascending, wanted, side="right")


def _by_group(members: _Totals, groups: _Groups) -> _Totals:
    """Totals of every group out of its members'."""
    if not groups.starts:
        return members
    starts = np.array(groups.starts, np.intp)
    owner = np.repeat(np.arange(starts.size), groups.n_members)
    latest = np.lexsort((members.last_at, owner))[np.append(starts[1:], owner.size) - 1]
    return _Totals(
        np.add.reduceat(members.n, starts),
        np.add.reduceat(members.sum, starts),
        np.minimum.reduceat(members.min, starts),
        np.maximum.reduceat(members.max, starts),
        members.last[latest],
        members.last_at[latest],
    )


def _values(rules: Sequence[Rule], totals: _Totals, groups: _Groups) -> Numbers:
    """Each group's samples as one number, by its rule's aggregation."""
    # Rounding must not carry a mean beyond its samples: a constant series has that constant as its mean.
    mean = np.clip(totals.sum / np.maximum(totals.n, 1), totals.min, np.maximum(totals.min, totals.max))
    by_aggregation = {
        Aggregation.AVG: mean,
        Aggregation.MIN: totals.min,
        Aggregation.MAX: totals.max,
        Aggregation.SUM: totals.sum,
        Aggregation.LAST: totals.last,
        Aggregation.COUNT: totals.n.astype(np.float64),
    }
    wanted = [_AGGREGATIONS.index(rules[position].aggregation) for position in groups.rule]
    return np.array([by_aggregation[one] for one in _AGGREGATIONS])[wanted, np.arange(len(wanted))]


def _compared(rules: Sequence[Rule], values: Numbers, groups: _Groups) -> npt.NDArray[np.bool_]:
    """Whether each group's value satisfies its rule's condition."""
    threshold = np.array([rules[position].threshold for position in groups.rule], np.float64)
    by_operator = {
        Operator.GREATER_THAN: values > threshold,
        Operator.GREATER_OR_EQUAL: values >= threshold,
        Operator.LESS_THAN: values < threshold,
        Operator.LESS_OR_EQUAL: values <= threshold,
        Operator.EQUAL: values == threshold,
        Operator.NOT_EQUAL: values != threshold,
    }
    wanted = [_OPERATORS.index(rules[position].operator) for position in groups.rule]
    return np.array([by_operator[one] for one in _OPERATORS])[wanted, np.arange(len(wanted))]


def _verdicts(
    rules: Sequence[Rule],
    windows: Windows,
    groups: _Groups,
    n_samples: Integers,
    values: Numbers,
    holds: npt.NDArray[np.bool_],
) -> Iterator[Verdict]:
    found = zip(
        groups.rule,
        groups.labels,
        n_samples.tolist(),
        values.tolist(),
        holds.tolist(),
        np.isfinite(values).tolist(),
        strict=True,
    )
    following = next(found, None)
    for position, rule in enumerate(rules):
        if following is None or following[0] != position:
            yield Verdict(rule, {}, Outcome.NO_DATA, None, 0, _no_data(rule, 0))
        while following is not None and following[0] == position:
            _, labels, n, value, met, finite = following
            yield _verdict(rule, labels, n, value, holds=met, finite=finite)
            following = next(found, None)


def _verdict(rule: Rule, labels: Labels, n: int, value: float, *, holds: bool, finite: bool) -> Verdict:
    if n < rule.min_samples:
        return Verdict(rule, labels, Outcome.NO_DATA, None, n, _no_data(rule, n))
    if not finite:
        reason = f"{rule.aggregation} of {rule.metric} over {_text(rule.window)} is beyond what can be computed"
        return Verdict(rule, labels, Outcome.ERROR, None, n, reason)
    outcome = Outcome.FIRING if holds else Outcome.OK
    return Verdict(rule, labels, outcome, value, n, _reason(rule, value, n, holds=holds))


def _reason(rule: Rule, value: float, n: int, *, holds: bool) -> str:
    compared = f"{'' if holds else 'not '}{_WORDS[rule.operator]} {rule.threshold:.6g}"
    samples = "1 sample" if n == 1 else f"{n} samples"
    return f"{rule.aggregation} of {rule.metric} over {_text(rule.window)} is {value:.6g}, {compared} ({samples})"


def _no_data(rule: Rule, n: int) -> str:
    if n == 0:
        return f"no sample of {rule.metric} within {_text(rule.window)}"
    return f"{n} of the {rule.min_samples} samples of {rule.metric} that are needed within {_text(rule.window)}"


def _text(duration: timedelta) -> str:
    return format_duration(duration)
