"""Entries of logs and events are counted into the series of the rules that watch them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import structlog
from redis import Redis

from app.core.clock import monotonic, utcnow
from app.core.runtime import AWAY, Runtime
from app.rules import store as rule_store
from app.settings import Settings
from app.telemetry import backlog
from app.telemetry.cardinality import Sender, known_series, refused
from app.telemetry.domain import Sample, Series

_REQUESTS = 10  # whose entries are counted at once
_LONGEST_S = 1.0  # rules are evaluated in between
log = structlog.get_logger(__name__)


def count(runtime: Runtime) -> int:
    """Turn the entries that wait into samples of rules' series; returns how many entries.

    What a request brought is struck from the waiting entries in the same transaction (Redis) that writes its samples:
    a worker that is killed loses none and counts none twice.
    """
    redis, settings = runtime.redis, runtime.settings
    if not backlog.any_wait(redis):
        return 0
    with runtime.reading() as session:  # first, so that nothing is taken while the database is away
        index = rule_store.index(session).of_entries
    n_counted, stop_at = 0, monotonic() + _LONGEST_S
    while (taken := backlog.take(redis, _REQUESTS)).ids:
        try:
            samples = _within_limits(redis, index.counted(taken.entries), utcnow(), settings)
        except AWAY:
            raise
        except Exception:  # poison isolation: they come up again, and meanwhile the rules that are due are evaluated
            log.exception("entries not counted", ids=[id_.decode() for id_ in taken.ids])
            break
        if backlog.finish(redis, taken, samples, settings.retention_samples):
            n_counted += len(taken.entries)
        if monotonic() > stop_at:
            runtime.queue.nudge("evaluation")
            break
    return n_counted


def _within_limits(redis: Redis, samples: Sequence[Sample], now: datetime, settings: Settings) -> list[Sample]:
    """The samples without those of new series beyond the limits, of which a rule has as many as a client has.

    Entries with ever new values of a label that a rule groups by are stopped so, and stop no other rule.
    """
    grouped: dict[str, set[Series]] = defaultdict(set)
    for sample in samples:
        if sample.labels:
            grouped[sample.metric].add(Series.of(sample.metric, sample.labels))
    over: set[Series] = set()
    for metric, series in grouped.items():
        found = refused(redis, Sender(metric, known_series(settings)), list(series), now, settings)
        if found:
            log.warning("entries not counted: too many new series", metric=metric, n_series=len(found))
            over |= set(found)
    if not over:
        return list(samples)
    return [one for one in samples if not one.labels or Series.of(one.metric, one.labels) not in over]
