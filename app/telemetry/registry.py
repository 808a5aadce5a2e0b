"""Which series each metric has, remembered by this process for as long as Redis says that it is still so.

A rule is evaluated every few seconds, and the series of its metric are seldom others than the last time. Reading and
indexing all of them for each batch of rules would cost more than the evaluation.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from redis import Redis

from app.telemetry import store
from app.telemetry.domain import SeriesIndex

_MAX_METRICS = 50_000
_lock = threading.Lock()
_Signature = tuple[bytes, int]
_known: WeakKeyDictionary[Redis, OrderedDict[str, tuple[_Signature, SeriesIndex]]] = WeakKeyDictionary()


def indices(redis: Redis, metrics: Sequence[str]) -> dict[str, SeriesIndex]:
    """Each metric's series, by label pair; one round trip, and a second one for metrics that have changed.

    New series change how many there are; series that are forgotten change the generation, and so does an emptied Redis.
    """
    signatures = _signatures(redis, metrics)
    with _lock:
        kept = _known.setdefault(redis, OrderedDict())
        found = {
            metric: kept[metric][1]
            for metric, signature in signatures.items()
            if metric in kept and kept[metric][0] == signature
        }
    changed = [metric for metric in metrics if metric not in found]
    if changed:
        fresh = {metric: SeriesIndex(series) for metric, series in store.seen(redis, changed).items()}
        found.update(fresh)
        with _lock:
            for metric, index in fresh.items():
                # What came between the two reads is in the index already: then it is read once more, and no harm done.
                kept[metric] = (signatures[metric], index)
                kept.move_to_end(metric)
            while len(kept) > _MAX_METRICS:
                kept.popitem(last=False)
    return found


def _signatures(redis: Redis, metrics: Sequence[str]) -> dict[str, _Signature]:
    pipe = redis.pipeline(transaction=False)
    pipe.set(store.GENERATION, secrets.token_bytes(8), nx=True)  # a Redis that is new, or was emptied
    pipe.get(store.GENERATION)
    for metric in metrics:
        pipe.zcard(store.registry_key(metric))
    _, generation, *sizes = pipe.execute()
    return {metric: (generation, size) for metric, size in zip(metrics, sizes, strict=True)}
