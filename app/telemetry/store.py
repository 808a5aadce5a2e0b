"""The window store in Redis: recent samples of every series in chunks that expire by themselves, and who sent when."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from redis import Redis
from redis.client import Pipeline

from app.telemetry.domain import (
    RULE_SERIES,
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
_PAST = np.dtype([("at_s", "<u4"), ("value", "<f8")])
_LONGEST_PAST = 2 * 15 * 288 * _PAST.itemsize  # twice two weeks and a day of a value each five minutes
_METRICS = "telemetry:metrics"  # sorted set: metric -> time of its last sample
_SEEN = "telemetry:seen:"  # + metric; sorted set: key of a series -> time of its last sample
TOTAL = "telemetry:n_series"  # how many series are known: counted up as new ones come, and anew by forget()
_ARRIVED = "telemetry:arrived"  # set: keys of the series with samples that no rule has seen yet
_SLICE = 1000  # keys of one MGET: Redis answers nobody else meanwhile
Seen = dict[Series, int]


def append(redis: Redis, samples: Sequence[Sample], retention: timedelta, of: Sequence[Series] | None = None) -> None:
    """Write samples, register their series and mark them as arrived, in one round trip and one transaction.

    `of` are the samples' series, where the caller has them already.
    """
    with redis.pipeline(transaction=True) as pipe:
        put(pipe, samples, retention, of)
        pipe.execute()


def put(pipe: "Pipeline", samples: Sequence[Sample], retention: timedelta, of: Sequence[Series] | None = None) -> None:
    """append() as a part of the caller's transaction."""
    records: dict[tuple[Series, int], list[tuple[int, float]]] = defaultdict(list)
    last: dict[Series, int] = {}
    of = [Series.of(sample.metric, sample.labels) for sample in samples] if of is None else of
    for sample, series in zip(samples, of, strict=True):
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


def history(redis: Redis, series: Sequence[Series]) -> dict[Series, tuple[Milliseconds, Numbers]]:
    """What is kept of the past of each series, in order; one round trip."""
    raw = cast(list[bytes | None], redis.mget([_history_key(one) for one in series])) if series else []
    found = {}
    for one, text in zip(series, raw, strict=True):
        records = np.frombuffer(text or b"", _PAST, count=len(text or b"") // _PAST.itemsize)
        found[one] = in_order(records["at_s"].astype(np.int64) * 1000, records["value"].astype(np.float64))
    return found


def extend_history(redis: Redis, points: Mapping[Series, tuple[Milliseconds, Numbers]], keep: timedelta) -> None:
    """Add to the past of series, and cut off what is older than `keep`; what was written twice counts once."""
    pipe = redis.pipeline(transaction=False)
    for series, (times, values) in points.items():
        if times.size:
            records = np.empty(times.size, _PAST)
            records["at_s"], records["value"] = times // 1000, values
            pipe.append(_history_key(series), records.tobytes())
            pipe.expire(_history_key(series), keep)
    lengths = cast(list[int], pipe.execute())[::2]
    written = [series for series, (times, _) in points.items() if times.size]
    for series, length in zip(written, lengths, strict=True):
        if length > _LONGEST_PAST:
            # Rarely, so that a past is rewritten once a week and not with each value.
            text = cast(bytes, redis.getrange(_history_key(series), length - _LONGEST_PAST // 2, -1))
            redis.set(_history_key(series), text, ex=keep)


def forget(redis: Redis, before: datetime) -> int:
    """Strike series whose last sample is older from the registry, and count the others; returns how many went."""
    limit = f"({milliseconds(before)}"
    known = metrics(redis)
    pipe = redis.pipeline(transaction=False)
    for metric in known:
        # By score, in Redis: a series that sends at this very moment stays.
        pipe.zremrangebyscore(_SEEN + metric, "-inf", limit)
        pipe.zcard(_SEEN + metric)
    pipe.zremrangebyscore(_METRICS, "-inf", limit)
    answers = cast(list[int], pipe.execute())[:-1]
    redis.set(TOTAL, sum(answers[1::2]))
    return sum(answers[::2])


def registry_key(metric: str) -> str:
    """The key of the sorted set of a metric's series."""
    return _SEEN + metric


def _chunk_key(series: Series, chunk: int) -> str:
    return f"sample:{series.id}:{chunk}"


def _history_key(series: Series) -> str:
    return f"past:{series.id}"


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
