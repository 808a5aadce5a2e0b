"""Anomaly: what the past of a series lets expect of it now, as a seasonal median and a robust spread around it."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from app.core.durations import format_duration
from app.rules.domain.rule import Rule
from app.rules.domain.verdict import Expected
from app.telemetry.domain import Milliseconds, Numbers

DAY = timedelta(days=1)
HISTORY = timedelta(days=15)  # two weeks and a day, so that each hour of a week is there twice
_STEP = timedelta(minutes=5)
_LEAST = 12  # values of the past without which nothing can be said
_LEAST_IN_SEASON = 6
_SIGMA = 1.4826  # a normal distribution's standard deviation in units of its median absolute deviation
_OF_ALL = 0.25
_OF_MEDIAN = 0.05
_TINY = 1e-9


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
        return Expected(self.value, self.value - reach, self.value + reach, self.n, self.season)


def step_of(rule: Rule) -> timedelta:
    """The time between two values that are kept of a rule's past."""
    return max(rule.window, _STEP)


def bucket_ends(rule: Rule, after_ms: int, until_ms: int) -> Milliseconds:
    """The moments of the past at which the rule's value is kept: after_ms < t <= until_ms, the same for everybody."""
    step = step_of(rule) // timedelta(milliseconds=1)
    return np.arange((after_ms // step + 1) * step, until_ms + 1, step, dtype=np.int64)


def baseline(rule: Rule, times: Milliseconds, values: Numbers, at_ms: int) -> Baseline | str:
    """What the values at `times` (ascending) let expect at `at_ms`; or why they let nothing.

    The expected value is the median of what was seen at the same time of earlier seasons, an hour of a day to either
    side. Where less than two seasons are known, it is that of all of the past. The spread is the scaled median absolute
    deviation. It is never less than a quarter of that of the whole past and a twentieth of the median, so that a
    stretch that happened to be constant makes no anomaly of the next small step.
    """
    step = step_of(rule) // timedelta(milliseconds=1)
    end = int(np.searchsorted(times, at_ms - step, side="right"))
    begin = int(np.searchsorted(times, at_ms - HISTORY // timedelta(milliseconds=1)))
    times, values = times[begin:end], values[begin:end]
    if times.size < _LEAST:
        kept = format_duration(step_of(rule))
        return f"{times.size} of the {_LEAST} values of the past that are needed, one each {kept}; no verdict yet"
    season = rule.season or DAY
    season_ms = season // timedelta(milliseconds=1)
    if at_ms - int(times[0]) >= 2 * season_ms:
        near = max(step, season_ms // 24)
        phase = np.abs((at_ms - times + season_ms // 2) % season_ms - season_ms // 2)
        same = values[phase <= near]
        if same.size >= _LEAST_IN_SEASON:
            return _of(same, values, season)
    return _of(values, values, None)


def _of(chosen: Numbers, past: Numbers, season: timedelta | None) -> Baseline:
    middle, spread = _robust(chosen)
    least = max(_OF_ALL * _robust(past)[1], _OF_MEDIAN * abs(middle), _TINY)
    return Baseline(middle, max(spread, least), int(chosen.size), season)


def _robust(values: Numbers) -> tuple[float, float]:
    """Median and scaled median absolute deviation."""
    middle = float(np.median(values))
    return middle, float(np.median(np.abs(values - middle))) * _SIGMA
