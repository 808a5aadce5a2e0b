"""Samples, series and windows: what is accepted, what identifies a series, which series a selector means."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import orjson

from app.core.durations import format_duration
from app.core.errors import Invalid
from app.core.labels import Labels, Matcher, Op, label_problems, matches_all

MAX_METRIC = 256
MAX_TYPE = 256
MAX_MESSAGE = 64 * 1024  # bytes of UTF-8
FUTURE = timedelta(minutes=1)
CHARTED = timedelta(minutes=15)
RULE_SERIES = "rule:"  # begins the metric of a series that the system makes for a rule; nobody else may send such
API_SERIES = "api.request."  # the same for the series of the API's own requests
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FINITE = "use a finite number"
_NUL = "the character U+0000 cannot be stored; leave it out"
Problems = dict[str, Any]  # field -> messages, as errors of one item are shown
Milliseconds = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Points = tuple[Milliseconds, Numbers]  # times and values of a series, ascending


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading."""

    metric: str
    labels: Labels
    at: datetime
    value: float


class LogEntry(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="log"):
    """One line of a log; its service, host and level (in lower case) are among its labels."""

    at: datetime
    message: str
    labels: dict[str, str]


class EventEntry(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="event"):
    """Something that happened; its source is among its labels."""

    at: datetime
    type: str
    labels: dict[str, str]
    value: float = 1.0


Entry = LogEntry | EventEntry


@dataclass(frozen=True, slots=True)
class Series:
    """A metric and its labels; `id` and `key` follow from them, and two are equal when their keys are."""

    id: str = field(compare=False)
    metric: str = field(compare=False)
    labels: Labels = field(compare=False)
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, metric: str, labels: Labels) -> "Series":
        """The series of a metric and labels; a label with an empty value is as good as none."""
        return series_of(orjson.dumps([metric, sorted(pair for pair in labels.items() if pair[1])]))


@lru_cache(maxsize=100_000)
def series_of(key: bytes) -> Series:
    """The series with this key, which is canonical JSON of [metric, sorted label pairs]."""
    metric, pairs = orjson.loads(key)
    return Series(hashlib.blake2b(key, digest_size=8).hexdigest(), metric, dict(pairs), key)


def sample_problems(sample: Sample, now: datetime, retention: timedelta) -> Problems:
    """Why a sample cannot be accepted, by field; empty when it can."""
    problems = _shared_problems(sample.at, sample.labels, now, retention)
    if not 1 <= len(sample.metric) <= MAX_METRIC or "\x00" in sample.metric:
        problems["metric"] = [f"a metric name has 1 to {MAX_METRIC} characters and no U+0000"]
    if not math.isfinite(sample.value):
        problems["value"] = [_FINITE]
    return problems


def entry_problems(entry: Entry, now: datetime, retention: timedelta) -> Problems:
    """Why an entry of a log or an event cannot be accepted, by field; empty when it can."""
    problems = _shared_problems(entry.at, entry.labels, now, retention)
    if isinstance(entry, EventEntry):
        if not 1 <= len(entry.type) <= MAX_TYPE or "\x00" in entry.type:
            problems["type"] = [f"a type has 1 to {MAX_TYPE} characters and no U+0000"]
        if not math.isfinite(entry.value):
            problems["value"] = [_FINITE]
    elif "\x00" in entry.message:
        problems["message"] = [_NUL]
    elif len(entry.message) > MAX_MESSAGE // 4 and len(entry.message.encode()) > MAX_MESSAGE:
        problems["message"] = [f"a message has at most {MAX_MESSAGE // 1024} KiB; cut it"]
    return problems


def _shared_problems(at: datetime, labels: Labels, now: datetime, retention: timedelta) -> Problems:
    problems: Problems = {}
    if at > now + FUTURE:
        problems["timestamp"] = [
            f"lies more than {format_duration(FUTURE)} in the future; a number counts seconds since 1970"
        ]
    elif at <= now - retention:
        problems["timestamp"] = [f"is older than {format_duration(retention)}, the time that samples are kept"]
    if labels:
        if wrong := label_problems(labels):
            problems["labels"] = wrong.get("") or wrong
        elif any("\x00" in text for pair in labels.items() for text in pair):
            problems["labels"] = [_NUL]
    return problems


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970, rounded down: the resolution of the window store."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def moment_of(at_ms: int) -> datetime:
    """The time that so many milliseconds since 1970 name."""
    return EPOCH + timedelta(milliseconds=at_ms)


@dataclass(frozen=True)
class Window:
    """A window to be read: all series of a metric that satisfy the matchers, (now - length, now].

    With `near`, which satisfy them, only these; with `by` too, all that have the same values of these labels as one of
    them.
    """

    metric: str
    matchers: tuple[Matcher, ...]
    length: timedelta
    near: tuple[Series, ...] | None = None
    by: tuple[str, ...] | None = None

    def chosen(self, index: "SeriesIndex") -> list[Series]:
        """The series that it means, of those of its metric."""
        if self.near is not None and self.by is None:
            return list(self.near)
        found = [index.series[position] for position in index.select(self.matchers)]
        if self.near is None or self.by is None:
            return found
        keys = {self._key(one) for one in self.near}
        return [one for one in found if self._key(one) in keys]

    def _key(self, series: Series) -> tuple[str | None, ...]:
        return tuple(series.labels.get(name) for name in self.by or ())


@dataclass(frozen=True)
class Windows:
    """The samples of many windows, each series once, ready for array operations.

    Series `i` has the samples starts[i]:starts[i + 1] of `times` and `values`, its times ascending, and distinct but
    for the series of rules (RULE_SERIES): entries that came in the same millisecond all count.
    `selected[k]` holds the indices of the series that window `k` selects, sorted; some may have no sample in it.
    """

    now: datetime
    series: tuple[Series, ...]
    starts: npt.NDArray[np.intp]
    times: Milliseconds
    values: Numbers
    selected: tuple[tuple[int, ...], ...]

    def only(self, position: int) -> "Windows":
        """The same samples, with the one selection at `position`."""
        return Windows(self.now, self.series, self.starts, self.times, self.values, (self.selected[position],))


def windows_of(now: datetime, series: Sequence[Series], parts: Sequence[Points]) -> Windows:
    """Windows of one selection that holds all these series, out of each one's times and values."""
    return Windows(
        now=now,
        series=tuple(series),
        starts=np.concatenate(([0], np.cumsum([times.size for times, _ in parts], dtype=np.intp))),
        times=np.concatenate([np.empty(0, np.int64), *(times for times, _ in parts)]),
        values=np.concatenate([np.empty(0), *(values for _, values in parts)]),
        selected=(tuple(range(len(series))),),
    )


class SeriesIndex:
    """The series of one metric, by label pair, so that an equality matcher looks at few of them."""

    def __init__(self, series: Iterable[Series]) -> None:
        self.series = tuple(series)

    @cached_property
    def _by_pair(self) -> Mapping[tuple[str, str], set[int]]:
        by_pair: dict[tuple[str, str], set[int]] = defaultdict(set)
        for position, one in enumerate(self.series):
            for pair in one.labels.items():
                by_pair[pair].add(position)
        return by_pair

    def select(self, matchers: Iterable[Matcher]) -> list[int]:
        """Positions of the series that satisfy every matcher, ascending."""
        wanted = list(matchers)
        equal = [matcher for matcher in wanted if matcher.op is Op.EQUAL and matcher.value]
        other = [matcher for matcher in wanted if matcher not in equal]
        chosen: Iterable[int] = range(len(self.series))
        if equal:
            sets = sorted((self._by_pair.get((m.name, m.value), set()) for m in equal), key=len)
            chosen = sorted(sets[0].intersection(*sets[1:]))
        if not other:
            return list(chosen)
        return [position for position in chosen if matches_all(other, self.series[position].labels)]


def in_order(times: Milliseconds, values: Numbers, *, distinct: bool = True) -> tuple[Milliseconds, Numbers]:
    """The samples by time; of those with the same time the one that was written last, or all unless `distinct`."""
    if times.size > 1 and not (np.diff(times) > 0).all():
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        if distinct:
            last = np.append(times[1:] != times[:-1], True)
            times, values = times[last], values[last]
    return times, values


def charted_span(
    window: timedelta | None, since: datetime | None, until: datetime | None, now: datetime, retention: timedelta
) -> tuple[datetime, datetime]:
    """Start and end of a chart: the last `window` (15m), or since to until; never beyond what is kept."""
    if since is not None and until is not None and since >= until:
        raise Invalid({"since": ["lies before until"]})
    kept_since = now - retention
    end = max(kept_since, min(until or now, now + FUTURE))
    return max(kept_since, since or end - (window or CHARTED)), end


def downsample(times: Milliseconds, values: Numbers, max_points: int) -> tuple[Milliseconds, Numbers]:
    """At most `max_points` of the points: least and greatest of each of max_points/2 equal spans, so peaks stay."""
    if times.size <= max_points:
        return times, values
    n_spans = max_points // 2
    span = (times - times[0]) * n_spans // (times[-1] - times[0] + 1)
    by_value = np.lexsort((values, span))
    edge = np.flatnonzero(np.diff(span[by_value]))
    least = by_value[np.concatenate(([0], edge + 1))]
    greatest = by_value[np.append(edge, times.size - 1)]
    kept = np.union1d(least, greatest)
    return times[kept], values[kept]
