"""Entries of logs and events wait in a stream of Redis until they are counted into the series of rules."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import msgspec
import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ResponseError, WatchError

from app.telemetry.domain import Entry, Sample
from app.telemetry.store import put

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


@dataclass(frozen=True)
class Taken:
    """Entries that were taken from the stream to be counted."""

    ids: tuple[bytes, ...]
    entries: tuple[Entry, ...]
    n_takeovers: int


def keep(redis: Redis, entries: Sequence[Entry], max_bytes: int) -> bool:
    """Let entries wait to be counted; False, and none is kept, while more than `max_bytes` wait already."""
    return bool(redis.eval(_KEEP, 1, _ENTRIES, max_bytes, _encode(entries)))


def any_wait(redis: Redis) -> bool:
    """Whether entries wait to be counted, or are being counted."""
    return bool(redis.xlen(_ENTRIES))


def take(redis: Redis, limit: int) -> Taken:
    """Entries of at most `limit` requests: what another worker left unfinished for 15 s, else what came since.

    They are this caller's until finish(). What ten workers in turn did not finish is given up, and logged.
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
        _strike(redis.pipeline(transaction=True), hopeless).execute()
    if len(orphaned) > len(hopeless):
        return _taken_over(redis, limit)
    found = cast(list[Any], redis.xreadgroup(_GROUP, _WORKER, {_ENTRIES: ">"}, count=limit))
    return _taken(found[0][1] if found else [], int(n_takeovers or 0))


def finish(redis: Redis, taken: Taken, samples: Sequence[Sample], retention: timedelta) -> bool:
    """Write the samples that taken entries made and strike the entries, all in one transaction.

    False, and nothing is changed, when a takeover came in between: then another worker may have counted them. What
    it did not take comes up again by its age.
    """
    with redis.pipeline(transaction=True) as pipe:
        pipe.watch(_TAKEOVERS)  # type: ignore[no-untyped-call]
        if int(cast(Any, pipe.get(_TAKEOVERS)) or 0) != taken.n_takeovers:
            return False
        pipe.multi()
        put(pipe, samples, retention)
        try:
            _strike(pipe, taken.ids).execute()
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


def _strike(pipe: "Pipeline", ids: Sequence[bytes]) -> "Pipeline":
    pipe.xack(_ENTRIES, _GROUP, *ids)
    pipe.xdel(_ENTRIES, *ids)
    return pipe
