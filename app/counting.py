"""Entries of logs and events are counted into the series of the rules that watch them."""

import structlog

from app.core.clock import monotonic
from app.core.runtime import Runtime
from app.rules import store as rule_store
from app.telemetry import backlog

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
            samples = index.counted(taken.entries)
        except Exception:  # poison isolation: they come up again, and meanwhile the rules that are due are evaluated
            log.exception("entries not counted", ids=[id_.decode() for id_ in taken.ids])
            break
        if backlog.finish(redis, taken, samples, settings.retention_samples):
            n_counted += len(taken.entries)
        if monotonic() > stop_at:
            runtime.queue.nudge("evaluation")
            break
    return n_counted
