"""The tasks of queue `evaluation`."""

import threading
from concurrent.futures import wait
from typing import Any

from celery import shared_task
from celery.signals import worker_shutdown

from app import pipeline
from app.querying import Rounds
from workers.stage import drain, runtime

_PATIENCE_S = 1.0  # with servers; what they answer later is settled by the round's own thread
_lock = threading.Lock()
_evaluating, _more = threading.Lock(), threading.Event()
_rounds: list[Rounds] = []  # of this process; made at first use


@shared_task(name="evaluation.evaluate", queue="evaluation")
def evaluate(asked_by_beat: bool = False) -> None:
    """Evaluate the rules that are due; while another thread does, leave it a note that there is more to be done.

    Two at a time would share one core and wait for each other's rows.
    """
    open_ends = runtime()
    _more.set()
    while _more.is_set():
        if not _evaluating.acquire(blocking=False):
            open_ends.queue.taken("evaluation")
            return
        try:
            _more.clear()
            batch = open_ends.settings.evaluation_batch
            drain("evaluation", pipeline.evaluate, asked_by_beat=asked_by_beat, batch=batch)
        finally:
            _evaluating.release()


@shared_task(name="evaluation.ask", queue="evaluation")
def ask(asked_by_beat: bool = False) -> None:
    """Ask the Prometheus-compatible servers of the rules that are due."""
    with _lock:
        if not _rounds:
            _rounds.append(Rounds(runtime(), pipeline.settled_by))
    if (begun := _rounds[0].begin()) is not None:
        wait([begun], timeout=_PATIENCE_S)


@worker_shutdown.connect
def _close(**_: Any) -> None:
    with _lock:
        while _rounds:
            _rounds.pop().close()
