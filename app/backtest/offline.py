"""Alerts of promtool's unit tests: a rule rehearsed over the series of a test, from its begin to one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from app.alerts.domain.absorption import Limits
from app.backtest.domain import rehearse
from app.rules.domain.aggregation import Integers
from app.rules.domain.promtool import Fired, InputSeries
from app.rules.domain.rule import Aggregation, Definition, Rule
from app.telemetry.domain import Milliseconds, Points, Series, moment_of, windows_of

_MS = timedelta(milliseconds=1)
_BEFORE_ALL = -(2**62)


def fired_at(
    definition: Definition,
    series: Sequence[InputSeries],
    interval: timedelta,
    at_ms: int,
    external_labels: Mapping[str, str],
) -> list[Fired]:
    """The alerts of a metric rule that fire at a moment (ms from the begin), evaluated at 0 and at every interval.

    Templates do not know `external_labels`: the live system has none.
    """
    step = interval // _MS
    moments = np.arange(0, at_ms + 1, step, dtype=np.int64)
    rule = Rule(id="test", version=0, **vars(definition))
    chosen = [one for one in series if one.metric == rule.metric and _selects(rule, one.labels)]
    points = [(one.times, one.values) for one in chosen]
    if rule.aggregation is Aggregation.LAST:
        points = [_seen(one, moments, rule.window) for one in chosen]
        rule = replace(rule, window=interval)
    windows = windows_of(moment_of(at_ms), [Series.of(rule.metric, one.labels) for one in chosen], points)
    rehearsal = rehearse(rule, windows, moments, Limits())
    return [Fired(one.labels, one.annotations) for one in rehearsal.fired if one.resolved_at is None]


def _selects(rule: Rule, labels: Mapping[str, str]) -> bool:
    return all(matcher.matches(labels) for matcher in rule.matchers)


def _seen(series: InputSeries, moments: Milliseconds, lookback: timedelta) -> Points:
    """The series as an instant query sees it at each moment: its last sample within the lookback, unless it ended."""
    at, last = _latest(series.times, moments)
    ended_at, _ = _latest(np.array(series.stale, np.int64), moments)
    known = (last >= 0) & (moments - at < lookback // _MS) & (ended_at < at)
    return moments[known], series.values[last[known]]


def _latest(times: Milliseconds, moments: Milliseconds) -> tuple[Milliseconds, Integers]:
    """The latest of the times until each moment, and its place; where there is none, a time before all and -1."""
    place = np.searchsorted(times, moments, side="right") - 1
    return np.append(times, _BEFORE_ALL)[place], place
