"""Anomaly: what the past of a series lets expect of it now, as a seasonal median and a robust spread around it."""

import sys
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from app.core.durations import format_duration
from app.rules.domain.rule import Definition, Rule
from app.rules.domain.verdict import Expected
from app.telemetry.domain import Milliseconds, Numbers

DAY = timedelta(days=1)
HISTORY = timedelta(days=15)  # two weeks and a day, so that each hour of a week is there twice
_STEP = timedelta(minutes=5)
_LEAST = 12  # values of the past without which nothing can be said
_LEAST_SEASONS = 2
_LEAST_IN_SEASON = 6
_ENOUGH = 500
_NORMAL_50, _NORMAL_90 = 0.6745, 1.6449  # how far the nearer 50 and 90 % of a normal distribution lie, in deviations
_OF_ALL = 0.25
_OF_MEDIAN = 0.05
_TINY = 1e-9
_MS = timedelta(milliseconds=1)
_GREATEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Baseline:
    """The value expected, and one unit of spread around it."""

    value: float
    spread: float
    n: int
    season: timedelta | None

    def expected(self, z_score: float) -> Expected:
        """The band within which no value is an anomaly at this z-score."""
        reach = z_score * self.spread
        low, high = max(self.value - reach, -_GREATEST), min(self.value + reach, _GREATEST)  # JSON has no infinity
        return Expected(self.value, low, high, self.n, self.season)


def step_of(rule: Definition) -> timedelta:
    """The time between two values that are kept of a rule's past."""
    return max(rule.window, _STEP)


def bucket_ends(rule: Rule, after_ms: int, until_ms: int) -> Milliseconds:
    """The moments of the past at which the rule's value is kept: after_ms < t <= until_ms, the same for everybody."""
    step = step_of(rule) // timedelta(milliseconds=1)
    return np.arange((after_ms // step + 1) * step, until_ms + 1, step, dtype=np.int64)


def baseline(rule: Rule, times: Milliseconds, values: Numbers, at_ms: int) -> Baseline | str:
    """What the values at `times` (ascending) let expect at `at_ms`; or why they let nothing.

    The expected value is the median of what was seen at the same time of earlier seasons, the 24th part of a season to
    either side. Where less than two seasons are known, it is that of all of the past. The spread is that of a normal
    distribution with the same median absolute deviation or, where more is far away, with the same share far away: a
    series that leaps every now and then is no anomaly each time. Nor is the next small step of one that happened to be
    constant: the spread is never less than a part of that of the whole past, and of the median.
    """
    step = step_of(rule) // _MS
    end = int(np.searchsorted(times, at_ms - step, side="right"))
    begin = int(np.searchsorted(times, at_ms - HISTORY // _MS))
    times, values = times[begin:end], values[begin:end]
    if times.size < _LEAST:
        kept = format_duration(step_of(rule))
        return f"{times.size} of the {_LEAST} values of the past that are needed, one each {kept}; no verdict yet"
    season = max(rule.season or DAY, 2 * step_of(rule))  # what is shorter cannot be seen in what is kept
    n_seasons = (at_ms - int(times[0])) // (season // _MS)
    if n_seasons >= _LEAST_SEASONS:
        same = _of_seasons(
            times, values, at_ms - season // _MS * np.arange(n_seasons, 0, -1), max(step, season // _MS // 24)
        )
        if same.size >= _LEAST_IN_SEASON:
            return _of(same, values, season)
    return _of(values, values, None)


def _of_seasons(times: Milliseconds, values: Numbers, centres: Milliseconds, near: int) -> Numbers:
    """The values that lie near one of the moments."""
    first = np.searchsorted(times, centres - near)
    last = np.searchsorted(times, centres + near, side="right")
    return np.concatenate([values[low:high] for low, high in zip(first.tolist(), last.tolist(), strict=True)])


def _of(chosen: Numbers, past: Numbers, season: timedelta | None) -> Baseline:
    middle, spread = _robust(chosen)
    sparse = past[:: past.size // _ENOUGH + 1]  # tells the spread of the whole as well
    least = max(_OF_ALL * _robust(sparse)[1], _OF_MEDIAN * abs(middle), _TINY)
    return Baseline(middle, max(spread, least), int(chosen.size), season)


def _robust(values: Numbers) -> tuple[float, float]:
    """The median and a robust standard deviation."""
    middle = _quantile(np.sort(values), 0.5)
    with np.errstate(over="ignore"):  # the spread of numbers that are far too great is infinite: nothing is unusual
        far = np.sort(np.abs(values - middle))
    return middle, max(_quantile(far, 0.5) / _NORMAL_50, _quantile(far, 0.9) / _NORMAL_90)


def _quantile(ordered: Numbers, share: float) -> float:
    return float(ordered[int((ordered.size - 1) * share)])
