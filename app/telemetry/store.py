"""The window store in Redis: recent samples of every series in chunks that expire by themselves, and who sent when.

Entries of logs and events wait in a stream until they are counted into the series of rules.
"""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt
import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ResponseError, WatchError

from app.telemetry.domain import (
    RULE_SERIES,
    Entry,
    Milliseconds,
    Numbers,
    Sample,
    Series,
    in_order,
    milliseconds,
    series_of,
)

CHUNK = timedelta(minutes=5)
_CHUNK_MS = CHUNK // timedelta(milliseconds=1)
#: 12 bytes a sample; a chunk is a string of these, in the order in which they came.
_RECORD = np.dtype([("offset_ms", "<u4"), ("value", "<f8")])
_METRICS = "telemetry:metrics"  # sorted set: metric -> time of its last sample
_SEEN = "telemetry:seen:"  # + metric; sorted set: key of a series -> time of its last sample
_ARRIVED = "telemetry:arrived"  # set: keys of the series with samples that no rule has seen yet
_SLICE = 1000  # keys of one MGET: Redis answers nobody else meanwhile
_ENTRIES = "telemetry:entries"  # stream of what waits to be counted: an element holds the entries of one request
_TAKEOVERS = "telemetry:entries:takeovers"  # how often elements were taken over from a worker that did not finish
_GROUP = _WORKER = "counting"  # who it is does not matter: an element is taken over by its age
_ORPHANED_MS = 15_000
_MAX_TRIES = 10
#: Memory is measured, not counted along: a counter that goes wrong once would refuse entries for ever.
_KEEP = """
local used = redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0)
if used and used > tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'entries', ARGV[2])
return 1
"""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Entry]).decode
log = structlog.get_logger(__name__)
Seen = dict[Series, int]


@dataclass(frozen=True)
class Taken:
    """Entries that were taken from the stream to be counted."""

    ids: tuple[bytes, ...]
    entries: tuple[Entry, ...]
    n_takeovers: int


def append(redis: Redis, samples: Iterable[Sample], retention: timedelta) -> None:
    """Write samples, register their series and mark them as arrived, in one round trip and one transaction."""
    with redis.pipeline(transaction=True) as pipe:
        _append(pipe, samples, retention)
        pipe.execute()


def _append(pipe: "Pipeline", samples: Iterable[Sample], retention: timedelta) -> None:
    records: dict[tuple[Series, int], list[tuple[int, float]]] = defaultdict(list)
    last: dict[Series, int] = {}
    for sample in samples:
        series = Series.of(sample.metric, sample.labels)
        at_ms = milliseconds(sample.at)
        chunk, offset = divmod(at_ms, _CHUNK_MS)
        records[series, chunk].append((offset, sample.value))
        last[series] = max(at_ms, last.get(series, at_ms))
    if not records:
        return
    keep_s = int((retention + CHUNK).total_seconds()) + 1
    for (series, chunk), found in records.items():
        key = _chunk_key(series, chunk)
        pipe.append(key, np.array(found, _RECORD).tobytes())
        pipe.expire(key, keep_s)
    metrics: dict[str, dict[bytes, int]] = defaultdict(dict)
    for series, at_ms in last.items():
        metrics[series.metric][series.key] = at_ms
    for metric, seen in metrics.items():
        pipe.zadd(_SEEN + metric, cast(Any, seen), gt=True)
    pipe.zadd(_METRICS, {metric: max(seen.values()) for metric, seen in metrics.items()}, gt=True)
    pipe.sadd(_ARRIVED, *(series.key for series in last))


def take_arrived(redis: Redis, limit: int) -> list[Series]:
    """At most `limit` series with new samples; each mark is handed out once."""
    return [series_of(key) for key in cast(Iterable[bytes], redis.spop(_ARRIVED, limit) or ())]


def mark_arrived(redis: Redis, series: Sequence[Series]) -> None:
    """Hand these out (again) to the next who takes."""
    if series:
        redis.sadd(_ARRIVED, *(one.key for one in series))


def metrics(redis: Redis) -> list[str]:
    """Every metric known."""
    return [name.decode() for name in cast(list[bytes], redis.zrange(_METRICS, 0, -1))]


def seen(redis: Redis, metrics: Sequence[str]) -> dict[str, Seen]:
    """Each metric's series with the time (ms) of their last sample, in one round trip."""
    pipe = redis.pipeline(transaction=False)
    for metric in metrics:
        pipe.zrange(_SEEN + metric, 0, -1, withscores=True)
    answers = cast(list[list[tuple[bytes, float]]], pipe.execute())
    return {
        metric: {series_of(key): int(score) for key, score in answer}
        for metric, answer in zip(metrics, answers, strict=True)
    }


def samples(redis: Redis, spans: Mapping[Series, tuple[int, int]]) -> dict[Series, tuple[Milliseconds, Numbers]]:
    """Each series' samples from the chunks that its span (first and last ms) touches, in order; one round trip.

    Of samples with the same time the last one counts, but in a series of a rule (RULE_SERIES) each of them does.
    """
    wanted = [
        (series, chunk)
        for series, (first, last) in spans.items()
        for chunk in range(first // _CHUNK_MS, last // _CHUNK_MS + 1)
    ]
    pipe = redis.pipeline(transaction=False)
    for start in range(0, len(wanted), _SLICE):
        pipe.mget([_chunk_key(*one) for one in wanted[start : start + _SLICE]])
    raw = [text for answer in cast(list[list[bytes | None]], pipe.execute()) for text in answer]
    chunks: dict[Series, list[tuple[int, bytes]]] = {series: [] for series in spans}
    for (series, chunk), text in zip(wanted, raw, strict=True):
        if text:
            chunks[series].append((chunk, text))
    return {
        series: _decoded(found, distinct=not series.metric.startswith(RULE_SERIES)) for series, found in chunks.items()
    }


def forget(redis: Redis, before: datetime) -> int:
    """Strike series whose last sample is older from the registry; returns how many."""
    limit = f"({milliseconds(before)}"
    known = metrics(redis)
    pipe = redis.pipeline(transaction=False)
    for metric in known:
        # By score, in Redis: a series that sends at this very moment stays.
        pipe.zremrangebyscore(_SEEN + metric, "-inf", limit)
    pipe.zremrangebyscore(_METRICS, "-inf", limit)
    return sum(cast(list[int], pipe.execute())[:-1])


def keep_entries(redis: Redis, entries: Sequence[Entry], max_bytes: int) -> bool:
    """Let entries wait to be counted; False, and none is kept, while more than `max_bytes` wait already."""
    return bool(redis.eval(_KEEP, 1, _ENTRIES, max_bytes, _encode(entries)))


def entries_wait(redis: Redis) -> bool:
    """Whether entries wait to be counted, or are being counted."""
    return bool(redis.xlen(_ENTRIES))


def take_entries(redis: Redis, limit: int) -> Taken:
    """Entries of at most `limit` requests: what another worker left unfinished for 15 s, else what came since.

    They are this caller's until finish_entries(). What ten workers in turn did not finish is given up, and logged.
    """
    pipe = redis.pipeline(transaction=False)
    pipe.get(_TAKEOVERS)
    pipe.xpending_range(_ENTRIES, _GROUP, "-", "+", limit, idle=_ORPHANED_MS)
    n_takeovers, orphaned = pipe.execute(raise_on_error=False)
    if isinstance(orphaned, ResponseError):  # a Redis that is new, or was emptied
        with contextlib.suppress(ResponseError):  # another worker was faster
            redis.xgroup_create(_ENTRIES, _GROUP, id="0", mkstream=True)
        orphaned = []
    for error in (one for one in (n_takeovers, orphaned) if isinstance(one, Exception)):
        raise error
    hopeless = [one["message_id"] for one in orphaned if one["times_delivered"] >= _MAX_TRIES]
    if hopeless:
        log.error("entries given up: no worker finishes counting them", ids=[id_.decode() for id_ in hopeless])
        _forget_entries(redis.pipeline(transaction=True), hopeless).execute()
    if len(orphaned) > len(hopeless):
        return _taken_over(redis, limit)
    found = cast(list[Any], redis.xreadgroup(_GROUP, _WORKER, {_ENTRIES: ">"}, count=limit))
    return _taken(found[0][1] if found else [], int(n_takeovers or 0))


def finish_entries(redis: Redis, taken: Taken, samples: Iterable[Sample], retention: timedelta) -> bool:
    """Write the samples that taken entries made and strike the entries, all in one transaction.

    False, and nothing is changed, when a takeover came in between: then another worker may have counted them. What
    it did not take comes up again by its age.
    """
    with redis.pipeline(transaction=True) as pipe:
        pipe.watch(_TAKEOVERS)  # type: ignore[no-untyped-call]
        if int(cast(Any, pipe.get(_TAKEOVERS)) or 0) != taken.n_takeovers:
            return False
        pipe.multi()
        _append(pipe, samples, retention)
        try:
            _forget_entries(pipe, taken.ids).execute()
        except WatchError:
            return False
    return True


def _taken_over(redis: Redis, limit: int) -> Taken:
    pipe = redis.pipeline(transaction=True)
    pipe.incr(_TAKEOVERS)
    pipe.xautoclaim(_ENTRIES, _GROUP, _WORKER, min_idle_time=_ORPHANED_MS, count=limit)
    n_takeovers, (_, found, *_) = pipe.execute()
    return _taken(found, n_takeovers)


def _taken(found: Sequence[tuple[bytes, Mapping[bytes, bytes]]], n_takeovers: int) -> Taken:
    entries: list[Entry] = []
    for id_, fields in found:
        try:
            entries += _decode(fields[b"entries"])
        except (LookupError, ValueError) as error:  # not ours, or of a version to come
            log.error("entries cannot be read", id=id_.decode(), error=str(error))
    return Taken(tuple(id_ for id_, _ in found), tuple(entries), n_takeovers)


def _forget_entries(pipe: "Pipeline", ids: Sequence[bytes]) -> "Pipeline":
    pipe.xack(_ENTRIES, _GROUP, *ids)
    pipe.xdel(_ENTRIES, *ids)
    return pipe


def _chunk_key(series: Series, chunk: int) -> str:
    return f"sample:{series.id}:{chunk}"


def _decoded(chunks: Sequence[tuple[int, bytes]], *, distinct: bool) -> tuple[Milliseconds, Numbers]:
    """Times and values of chunks in ascending order."""
    times: list[npt.NDArray[np.int64]] = []
    values: list[npt.NDArray[np.float64]] = []
    for chunk, text in chunks:
        records = np.frombuffer(text, _RECORD, count=len(text) // _RECORD.itemsize)
        times.append(records["offset_ms"].astype(np.int64) + chunk * _CHUNK_MS)
        values.append(records["value"].astype(np.float64))
    if not times:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    return in_order(np.concatenate(times), np.concatenate(values), distinct=distinct)
