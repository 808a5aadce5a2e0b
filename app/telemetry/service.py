"""Use cases of telemetry: receive samples, hand out arrivals and windows, find and chart series."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import structlog
from redis import Redis
from redis.exceptions import RedisError

from app.core.errors import Unavailable
from app.core.labels import Matcher
from app.settings import Settings
from app.telemetry import backlog, registry, store
from app.telemetry.cardinality import Sender, check_reserved, refused
from app.telemetry.domain import (
    RULE_SERIES,
    Entry,
    Milliseconds,
    Numbers,
    Points,
    Problems,
    Sample,
    Series,
    SeriesIndex,
    Window,
    Windows,
    downsample,
    entry_problems,
    milliseconds,
    moment_of,
    sample_problems,
    windows_of,
)

log = structlog.get_logger(__name__)
MAX_CHARTED = 100  # series in one answer of a query


@dataclass(frozen=True)
class Found:
    """A series and when it last sent."""

    series: Series
    last_seen_at: datetime


@dataclass(frozen=True)
class Line:
    """Points of a series, for a chart."""

    series: Series
    times: Milliseconds
    values: Numbers


def receive(
    redis: Redis, samples: Sequence[Sample], now: datetime, settings: Settings, sender: Sender | None = None
) -> dict[int, Problems]:
    """Keep what can be accepted and mark its series as arrived; what is wrong with the others, by position.

    Sending a batch again changes nothing. A `sender` has limits of new series, and cannot send what is the system's
    own; None is the system itself. RedisError when nothing could be kept.
    """
    rejected: dict[int, Problems] = {}
    accepted: list[tuple[int, Sample, Series]] = []
    for position, sample in enumerate(samples):
        problems = sample_problems(sample, now, settings.retention_samples)
        if not problems and sender is not None:
            problems = check_reserved(sample.metric)
        if problems:
            rejected[position] = problems
        else:
            accepted.append((position, sample, Series.of(sample.metric, sample.labels)))
    if sender is not None and (over := refused(redis, sender, [one[2] for one in accepted], now, settings)):
        rejected |= {position: over[series] for position, _, series in accepted if series in over}
        accepted = [one for one in accepted if one[0] not in rejected]
    kept, of = [one[1] for one in accepted], [one[2] for one in accepted]
    store.append(redis, kept, settings.retention_samples, of)
    return rejected


def receive_entries(redis: Redis, entries: Sequence[Entry], now: datetime, settings: Settings) -> dict[int, Problems]:
    """Let the entries that can be accepted wait to be counted; what is wrong with the others, by position.

    RedisError, or Unavailable while too many wait already, when nothing was kept.
    """
    rejected: dict[int, Problems] = {}
    accepted = []
    for position, entry in enumerate(entries):
        if problems := entry_problems(entry, now, settings.retention_samples):
            rejected[position] = problems
        else:
            accepted.append(entry)
    if accepted and not backlog.keep(redis, accepted, settings.entries_backlog):
        raise Unavailable(
            "too many log entries and events wait to be counted; nothing was kept of this request, send it again later"
        )
    return rejected


def take_arrivals(redis: Redis, limit: int) -> list[Series]:
    """At most `limit` series that have sent since they were last taken; a mark that is lost costs one interval."""
    return store.take_arrived(redis, limit)


def put_back(redis: Redis, series: Sequence[Series]) -> None:
    """Let series be taken as arrivals again."""
    store.mark_arrived(redis, series)


@contextmanager
def arrivals(redis: Redis, limit: int) -> Iterator[list[Series]]:
    """take_arrivals() for the time of the block; when that fails, the marks are put back."""
    taken = take_arrivals(redis, limit)
    try:
        yield taken
    except Exception:
        try:
            store.mark_arrived(redis, taken)
        except RedisError as error:
            log.warning("arrivals lost, their rules wait for their interval", n=len(taken), error=str(error))
        raise


def windows(redis: Redis, wanted: Sequence[Window], now: datetime) -> Windows:
    """The samples of every window, in two round trips however many there are; in three when there are new series."""
    indices = registry.indices(redis, sorted({window.metric for window in wanted}))
    now_ms = milliseconds(now)
    positions: dict[Series, int] = {}
    first: dict[Series, int] = {}
    selected = []
    for window in wanted:
        # A sample at exactly now - length lies outside: t > now - length.
        start_ms = milliseconds(now - window.length) + 1
        chosen = window.chosen(indices[window.metric])
        selected.append(tuple(sorted(positions.setdefault(series, len(positions)) for series in chosen)))
        for series in chosen:
            first[series] = min(start_ms, first.get(series, start_ms))
    found = store.samples(redis, {series: (start, now_ms) for series, start in first.items()})
    nothing = (np.empty(0, np.int64), np.empty(0, np.float64))
    read = windows_of(now, tuple(positions), [found.get(series, nothing) for series in positions])
    return replace(read, selected=tuple(selected))


def n_selected(redis: Redis, wanted: Sequence[Window]) -> list[int]:
    """How many series each window selects."""
    indices = registry.indices(redis, sorted({window.metric for window in wanted}))
    return [len(indices[window.metric].select(window.matchers)) for window in wanted]


def span(redis: Redis, series: Sequence[Series], since_ms: int, until: datetime) -> Windows:
    """The samples of series since a moment (ms since 1970), as windows of one selection that holds them all."""
    until_ms = milliseconds(until)
    found = store.samples(redis, dict.fromkeys(series, (since_ms, until_ms)))
    return windows_of(until, series, [found[one] for one in series])


def history(redis: Redis, series: Sequence[Series]) -> dict[Series, Points]:
    """What is kept of the past of series that the system makes, in order."""
    return store.history(redis, series)


def extend_history(redis: Redis, points: Mapping[Series, Points], keep: timedelta) -> None:
    """Add to the past of series; what is older than `keep` may go."""
    store.extend_history(redis, points, keep)


def metric_names(redis: Redis, text: str, limit: int) -> tuple[list[str], bool]:
    """At most `limit` names of metrics that hold `text`, in any case, and whether there are more.

    Without those of series that the system makes for its rules.
    """
    wanted = text.lower()
    found = sorted(name for name in store.metrics(redis) if wanted in name.lower() and not name.startswith(RULE_SERIES))
    return found[:limit], len(found) > limit


def find_series(redis: Redis, metric: str | None, matchers: Iterable[Matcher], limit: int) -> tuple[list[Found], bool]:
    """At most `limit` series that are known, by name and labels; and whether there are more."""
    names = store.metrics(redis) if metric is None else [metric]
    seen = {series: at_ms for known in store.seen(redis, names).values() for series, at_ms in known.items()}
    index = SeriesIndex(sorted(seen, key=lambda series: series.key))
    chosen = [index.series[position] for position in index.select(matchers)]
    return [Found(series, moment_of(seen[series])) for series in chosen[:limit]], len(chosen) > limit


def query(
    redis: Redis, metric: str, matchers: Iterable[Matcher], start: datetime, end: datetime, max_points: int
) -> tuple[list[Line], bool]:
    """Points of a metric's series with start < t <= end, thinned out with their peaks; and whether series are missing.

    Reads a key for every chunk in between, so the caller keeps `start` within the time that samples are kept.
    """
    found, truncated = find_series(redis, metric, matchers, MAX_CHARTED)
    first, last = milliseconds(start) + 1, milliseconds(end)
    spans = {one.series: (first, last) for one in found if milliseconds(one.last_seen_at) >= first}
    lines = []
    for series, (times, values) in store.samples(redis, spans).items():
        low, high = np.searchsorted(times, [first, last + 1])
        if high > low:
            lines.append(Line(series, *downsample(times[low:high], values[low:high], max_points)))
    return lines, truncated


def forget_silent(redis: Redis, now: datetime, settings: Settings) -> int:
    """Forget series that sent nothing for as long as samples are kept; returns how many."""
    return store.forget(redis, now - settings.retention_samples)
