"""Judging a rule at moments of the past: every group at every moment, with array operations over all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from app.backtest.domain.results import Curve
from app.core.durations import format_duration
from app.core.errors import Invalid
from app.rules.domain.anomaly import Baseline, baseline, bucket_ends, step_of
from app.rules.domain.evaluation import against, evaluate, judge, outcome_of, shown
from app.rules.domain.grouping import Groups
from app.rules.domain.identity import without_doubles
from app.rules.domain.rule import Operator, Rule
from app.rules.domain.verdict import Outcome, Verdict
from app.telemetry.domain import Milliseconds, Numbers, Windows, milliseconds, moment_of

MAX_JUDGED = 2_000_000  # pairs of a group and a moment, at most 10 s of work
CODES = {outcome_of(code): code for code in range(len(Outcome))}
_MAX_MOMENTS = 20_000


def moments_of(
    windows: Windows,
    interval: timedelta,
    step: timedelta | None,
    until: datetime,
    *,
    since: datetime | None = None,
    most: int = MAX_JUDGED,
) -> Milliseconds:
    """When a rehearsal evaluates (ms since 1970): on arrival of each sample and each `step`, as the live system does.

    It begins after `since`, or with the first sample. Without a step the rule's interval is taken, but not less than
    what the samples are apart, nor so little that it would be too many moments; then samples that arrive in between are
    judged with the next step. Invalid when a step means more than `most` moments.
    """
    if not windows.times.size and since is None:
        return np.empty(0, np.int64)
    arrivals = np.unique(windows.times)
    first, last = int(arrivals[0]) if since is None else milliseconds(since) + 1, milliseconds(until)
    apart = int(np.median(np.diff(arrivals))) if arrivals.size > 1 else 0
    cap = max(min(most, _MAX_MOMENTS), 1)
    least = max(interval // timedelta(milliseconds=1), apart, (last - first) // cap + 1)
    wanted = step // timedelta(milliseconds=1) if step else least
    if (last - first) // wanted > most:  # before they are made: they would fill the memory
        raise too_many((last - first) // most)
    grid = np.arange(first, last + 1, wanted, dtype=np.int64)
    if step is None and grid.size + arrivals.size <= 2 * cap:
        grid = np.union1d(grid, arrivals)
    return grid[(grid >= first) & (grid <= last)]


def too_many(least_ms: int) -> Invalid:
    """The error of a step that means too many evaluations, where a step of `least_ms` would do."""
    least = format_duration(timedelta(seconds=least_ms // 1000 + 1))
    return Invalid({"step": [f"that are too many evaluations; use a step of at least {least}"]})


@dataclass(frozen=True)
class Judged:
    """Every group at every moment, as tables [group, moment]."""

    rule: Rule
    groups: Groups
    moments: Milliseconds
    values: Numbers
    n_samples: npt.NDArray[np.intp]
    outcomes: npt.NDArray[np.int8]
    baselines: tuple[tuple[Baseline | str, ...], ...]  # of an anomaly rule: by group and moment
    low: Numbers  # and the band that they let expect; NaN where there is none
    high: Numbers

    @classmethod
    def of(cls, rule: Rule, windows: Windows, groups: Groups, moments: Milliseconds) -> "Judged":
        """What a rule says of its groups at moments; Invalid when an anomaly rule would have too long a past."""
        n_groups = len(groups.rule)
        chosen = np.repeat(np.arange(n_groups), moments.size)
        judged = judge([rule], windows, groups, chosen, np.tile(moments, n_groups))
        shape = (n_groups, moments.size)
        values, outcomes = judged.values.reshape(shape), judged.outcomes.reshape(shape)
        low, high = np.full(shape, np.nan), np.full(shape, np.nan)
        baselines: tuple[tuple[Baseline | str, ...], ...] = ()
        if rule.operator is Operator.ANOMALY:
            baselines = tuple(_baselines(rule, windows, groups, group, moments) for group in range(n_groups))
            for group, known in enumerate(baselines):
                low[group], high[group] = _band(rule, known)
            compared = outcomes == CODES[Outcome.OK]
            outcomes[compared & np.isnan(low)] = CODES[Outcome.NO_DATA]
            outcomes[compared & ((values < low) | (values > high))] = CODES[Outcome.FIRING]
        return cls(rule, groups, moments, values, judged.n_samples.reshape(shape), outcomes, baselines, low, high)

    def verdicts(self, position: int) -> list[Verdict]:
        """What the rule said of each group at a moment."""
        if not self.groups.rule:
            return self._without_series
        found = []
        for group, labels in enumerate(self.groups.labels):
            value, n = float(self.values[group, position]), int(self.n_samples[group, position])
            outcome = outcome_of(int(self.outcomes[group, position]))
            if self.baselines and outcome is not Outcome.ERROR and np.isfinite(value):
                found.append(against(self.rule, labels, value, n, self.baselines[group][position]))
            else:
                found.append(Verdict(self.rule, labels, outcome, shown(self.rule, value, outcome), n))
        return without_doubles(found)

    @cached_property
    def _without_series(self) -> list[Verdict]:
        nothing = Windows(moment_of(0), (), np.zeros(1, np.intp), np.empty(0, np.int64), np.empty(0), ((),))
        return evaluate([self.rule], nothing)

    def curves(self) -> Iterator[Curve]:
        """What the rule saw of each group."""
        for group, labels in enumerate(self.groups.labels):
            band = (self.low[group], self.high[group]) if self.baselines else (None, None)
            yield Curve(labels, self.moments, self.values[group], *band)


def _band(rule: Rule, known: Sequence[Baseline | str]) -> tuple[Numbers, Numbers]:
    assert isinstance(rule.threshold, float | int)
    z_score, nothing = rule.threshold, (np.nan, np.nan)
    expected = [None if isinstance(one, str) else one.expected(z_score) for one in known]
    bounds = np.array([nothing if one is None else (one.low, one.high) for one in expected], np.float64)
    return bounds[:, 0], bounds[:, 1]


def _baselines(
    rule: Rule, windows: Windows, groups: Groups, group: int, moments: Milliseconds
) -> tuple[Baseline | str, ...]:
    """What the past let expect at each moment, computed anew each time that a value of the past is added to it."""
    if not moments.size:
        return ()
    first = int(windows.times.min()) if windows.times.size else int(moments[0])
    step = step_of(rule) // timedelta(milliseconds=1)
    if (int(moments[-1]) - first) // step > MAX_JUDGED:
        raise Invalid({"samples": ["they lie too far apart for an anomaly rule; leave out the old ones"]})
    ends = bucket_ends(rule, first, int(moments[-1]))
    kept = judge([rule], windows, groups, np.full(ends.size, group), ends).values
    usable = np.isfinite(kept)
    times, values = ends[usable], kept[usable]
    known: dict[int, Baseline | str] = {}
    return tuple(
        known[bucket]
        if (bucket := at // step) in known
        else known.setdefault(bucket, baseline(rule, times, values, at))
        for at in moments.tolist()
    )
