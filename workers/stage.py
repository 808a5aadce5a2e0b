"""How every stage's task runs: note the tick, drain what is due, and leave a store that is away to the next tick."""

import os
import threading
from collections.abc import Callable

import structlog

from app.core import ticks
from app.core.clock import monotonic, utcnow
from app.core.queue import open_celery
from app.core.runtime import AWAY, Runtime, open_runtime
from app.settings import load_settings

_LONGEST_RUN_S = 10.0
_lock = threading.Lock()
_opened: dict[int, Runtime] = {}
log = structlog.get_logger(__name__)


def runtime() -> Runtime:
    """The runtime of this process, opened at first use: a forked child must not share its parent's connections."""
    with _lock:
        pid = os.getpid()
        if pid not in _opened:
            settings = load_settings()
            _opened[pid] = open_runtime(settings, open_celery(settings))
        return _opened[pid]


def close() -> None:
    """The end of this process: what the runtime holds goes out."""
    with _lock:
        open_ends = _opened.pop(os.getpid(), None)
    if open_ends is not None:
        open_ends.close()


def drain(queue: str, stage: Callable[[Runtime], int], *, asked_by_beat: bool, batch: int | None = None) -> None:
    """Run `stage` until it finds less than a full batch; after 10 s nudge instead, so that a worker can stop."""
    open_ends = runtime()
    open_ends.queue.taken(queue)
    ticks.note(open_ends.redis, queue, utcnow(), asked_by_beat=asked_by_beat)
    deadline = monotonic() + _LONGEST_RUN_S
    try:
        while stage(open_ends) >= (batch or open_ends.settings.batch_size):
            if monotonic() > deadline:
                open_ends.queue.nudge(queue)
                return
    except AWAY as error:
        # The rows are as due as before; the next tick asks again.
        log.warning("store does not answer", queue=queue, error=str(error).splitlines()[0][:300])
