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
_METRICS = "telemetry:metrics"  # sorted set: metric -> time of its last sample
_SEEN = "telemetry:seen:"  # + metric; sorted set: key of a series -> time of its last sample
_ARRIVED = "telemetry:arrived"  # set: keys of the series with samples that no rule has seen yet
_SLICE = 1000  # keys of one MGET: Redis answers nobody else meanwhile
Seen = dict[Series, int]


def append(redis: Redis, samples: Iterable[Sample], retention: timedelta) -> None:
    """Write samples, register their series and mark them as arrived, in one round trip and one transaction."""
    with redis.pipeline(transaction=True) as pipe:
        put(pipe, samples, retention)
        pipe.execute()


def put(pipe: "Pipeline", samples: Iterable[Sample], retention: timedelta) -> None:
    """append() as a part of the caller's transaction."""
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
