"""Aggregation: many slices of samples, each become one number, with array operations over all of them at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.rules.domain.rule import Aggregation
from app.telemetry.domain import Milliseconds, Numbers

Integers = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
CODES = {aggregation: code for code, aggregation in enumerate(Aggregation)}
_QUANTILES = {Aggregation.P50: 0.5, Aggregation.P95: 0.95, Aggregation.P99: 0.99}
#: What says how a series moves: it needs two samples of one series.
_MOVING = (Aggregation.RATE, Aggregation.DELTA)
#: What may be no number without anything having gone wrong; a server's samples are taken as they are.
_AS_GIVEN = (*_MOVING, Aggregation.LAST)


@dataclass(frozen=True)
class Samples:
    """Samples of many series, one series after the other: times in ms, ascending within a series."""

    times: Milliseconds
    values: Numbers
    starts: Integers  # series i has the samples starts[i]:starts[i + 1]

    def until(self, series: Integers, moments: Milliseconds) -> Integers:
        """For each pair (series, moment): the position behind the last sample that is not later than the moment."""
        if not self.times.size:
            return np.zeros(series.size, np.intp)
        # One ascending number for (series, time), so that ONE search answers for all pairs.
        earliest = int(self.times.min())
        span = int(self.times.max()) - earliest + 2
        owner = np.repeat(np.arange(self.starts.size - 1, dtype=np.int64), np.diff(self.starts))
        ascending = owner * span + (self.times - earliest)
        wanted = series * span + np.clip(moments - earliest, -1, span - 1)
        return np.searchsorted(ascending, wanted, side="right")


@dataclass(frozen=True)
class Slices:
    """Slices low:high of samples, one a member; owner o has the members starts[o]:starts[o + 1], at least one."""

    low: Integers
    high: Integers
    starts: Integers

    @property
    def owners(self) -> Integers:
        """The owner of each member."""
        return np.repeat(np.arange(self.starts.size), np.diff(np.append(self.starts, self.low.size)))


def aggregated(samples: Samples, slices: Slices, codes: Integers) -> tuple[Numbers, Integers]:
    """Each owner's samples as one number by its aggregation (see CODES), and how many samples there are.

    An owner whose samples give no number (none at all, or no two of one series for a rate) has NaN and its count; one
    whose number is too great to be computed has an infinite one.
    Rates treat a fall as a counter's reset and are per second from the first to the last sample; quantiles interpolate
    linearly; the standard deviation is the population's. Rates and deltas of several series are added up.
    """
    if not codes.size:
        return np.empty(0), np.empty(0, np.intp)
    n_members = slices.high - slices.low
    n = np.add.reduceat(n_members, slices.starts)
    values = np.full(codes.size, np.nan)
    for aggregation in [one for one in Aggregation if (codes == CODES[one]).any()]:
        chosen = np.flatnonzero(codes == CODES[aggregation])
        owned = _only(slices, chosen)
        found = _COMPUTED[aggregation](samples, owned)
        if aggregation not in _AS_GIVEN:
            found = np.where(np.isnan(found), np.inf, found)  # infinities of both signs met
        values[chosen] = np.where(n[chosen] > 0, found, np.nan)
    return values, n


def _only(slices: Slices, chosen: Integers) -> Slices:
    """The slices of some owners."""
    if chosen.size == slices.starts.size:
        return slices
    ends = np.append(slices.starts[1:], slices.low.size)
    sizes = ends[chosen] - slices.starts[chosen]
    members = ranges(slices.starts[chosen], sizes)
    return Slices(slices.low[members], slices.high[members], np.cumsum(sizes) - sizes)


def ranges(starts: Integers, sizes: Integers) -> Integers:
    """starts[0], starts[0] + 1, ... sizes[0] of them, then those of the next."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))


def _reduced(operation: np.ufunc, values: Numbers, low: Integers, high: Integers, nothing: float) -> Numbers:
    """`operation` over values[low:high] of each slice; `nothing` for empty ones."""
    found = np.full(low.size, nothing)
    full = np.flatnonzero(high > low)
    # In the order of their begin: reduceat also adds up what lies between two slices, and so that stays little.
    full = full[np.argsort(low[full], kind="stable")]
    bounds = np.stack((low[full], high[full]), axis=1).ravel()
    if bounds.size:
        found[full] = operation.reduceat(np.append(values, 0.0), bounds)[::2]  # a slice may end behind the last sample
    return found


def _sum(samples: Samples, slices: Slices) -> Numbers:
    return np.add.reduceat(_reduced(np.add, samples.values, slices.low, slices.high, 0.0), slices.starts)


def _min(samples: Samples, slices: Slices) -> Numbers:
    found = _reduced(np.minimum, samples.values, slices.low, slices.high, np.inf)
    return np.minimum.reduceat(found, slices.starts)


def _max(samples: Samples, slices: Slices) -> Numbers:
    found = _reduced(np.maximum, samples.values, slices.low, slices.high, -np.inf)
    return np.maximum.reduceat(found, slices.starts)


def _count(samples: Samples, slices: Slices) -> Numbers:
    return np.add.reduceat(slices.high - slices.low, slices.starts).astype(np.float64)


def _avg(samples: Samples, slices: Slices) -> Numbers:
    mean = _sum(samples, slices) / np.maximum(_count(samples, slices), 1)
    # Rounding must not carry a mean beyond its samples: a constant series has that constant as its mean.
    low, high = _min(samples, slices), _max(samples, slices)
    return np.where(np.isinf(mean), mean, np.clip(mean, low, np.maximum(low, high)))


def _last(samples: Samples, slices: Slices) -> Numbers:
    values, times = np.append(samples.values, 0.0), np.append(samples.times, 0)
    at = np.where(slices.high > slices.low, times[slices.high - 1], np.iinfo(np.int64).min)
    newest = np.lexsort((at, slices.owners))[np.append(slices.starts[1:], slices.low.size) - 1]
    found: Numbers = values[slices.high[newest] - 1]
    return found


def _rate(samples: Samples, slices: Slices) -> Numbers:
    risen = np.diff(samples.values, prepend=0.0)
    risen = np.where(risen < 0, samples.values, risen)  # a counter that began anew
    grown = _reduced(np.add, risen, np.minimum(slices.low + 1, slices.high), slices.high, 0.0)
    return _moved(samples, slices, lambda seconds, _first, _last: grown / seconds)


def _delta(samples: Samples, slices: Slices) -> Numbers:
    values = np.append(samples.values, 0.0)
    return _moved(samples, slices, lambda _seconds, first, last: values[last] - values[first])


def _moved(samples: Samples, slices: Slices, change: Callable[[Numbers, Integers, Integers], Numbers]) -> Numbers:
    """The sum of each owner's members of what `change(seconds, first, last)` says; NaN where none has two samples."""
    times = np.append(samples.times, 0)
    usable = slices.high - slices.low >= 2
    first, last = np.where(usable, slices.low, 0), np.where(usable, slices.high - 1, 0)
    seconds = np.where(usable, (times[last] - times[first]) / 1000, 1.0)
    usable &= seconds > 0  # entries of one millisecond do not move
    found = np.where(usable, change(np.where(usable, seconds, 1.0), first, last), 0.0)
    total = np.add.reduceat(found, slices.starts)
    total = np.where(np.isnan(total), np.inf, total)  # infinities of both signs met
    return np.where(np.add.reduceat(usable.astype(np.intp), slices.starts) > 0, total, np.nan)


def _pooled(samples: Samples, slices: Slices) -> tuple[Numbers, Integers, Integers]:
    """The samples of all members of an owner side by side: values, where each owner begins, and how many it has."""
    sizes = slices.high - slices.low
    n = np.add.reduceat(sizes, slices.starts)
    return samples.values[ranges(slices.low, sizes)], np.cumsum(n) - n, n


def _stddev(samples: Samples, slices: Slices) -> Numbers:
    values, starts, n = _pooled(samples, slices)
    ends = starts + n
    mean = _reduced(np.add, values, starts, ends, 0.0) / np.maximum(n, 1)
    squares = (values - np.repeat(mean, n)) ** 2
    found: Numbers = np.sqrt(_reduced(np.add, squares, starts, ends, 0.0) / np.maximum(n, 1))
    return found


def _quantile(share: float) -> Callable[[Samples, Slices], Numbers]:
    def compute(samples: Samples, slices: Slices) -> Numbers:
        values, starts, n = _pooled(samples, slices)
        ordered = np.append(values[np.lexsort((values, np.repeat(np.arange(n.size), n)))], 0.0)
        place = np.maximum(n - 1, 0) * share
        below = np.floor(place).astype(np.intp)
        left = ordered[starts + below]
        right = ordered[starts + np.minimum(below + 1, np.maximum(n - 1, 0))]
        apart = np.where(place > below, right - left, 0.0)  # not looked at, even a distance beyond all numbers is none
        found: Numbers = left + apart * (place - below)
        return found

    return compute


_COMPUTED: dict[Aggregation, Callable[[Samples, Slices], Numbers]] = {
    Aggregation.AVG: _avg,
    Aggregation.MIN: _min,
    Aggregation.MAX: _max,
    Aggregation.SUM: _sum,
    Aggregation.LAST: _last,
    Aggregation.COUNT: _count,
    Aggregation.RATE: _rate,
    Aggregation.DELTA: _delta,
    Aggregation.STDDEV: _stddev,
    **{one: _quantile(share) for one, share in _QUANTILES.items()},
}


def needs_two(aggregation: Aggregation) -> bool:
    """Whether one sample of a series says nothing yet."""
    return aggregation in _MOVING


def codes_of(aggregations: Sequence[Aggregation]) -> Integers:
    """The aggregations as numbers, for aggregated()."""
    return np.array([CODES[one] for one in aggregations], np.intp)
