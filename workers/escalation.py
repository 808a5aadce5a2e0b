"""The task of queue `escalation`."""

from celery import shared_task

from app import pipeline
from app.core.clock import utcnow
from app.core.runtime import Runtime
from workers.stage import drain


@shared_task(name="escalation.escalate", queue="escalation")
def escalate(asked_by_beat: bool = False) -> None:
    """Move what waits for a time."""
    drain("escalation", take_batch, asked_by_beat=asked_by_beat)


def take_batch(open_ends: Runtime) -> int:
    """Missing heartbeats first: they may open alerts, and those wait for nothing else here."""
    n_missing = pipeline.watch(open_ends)
    n_moved = open_ends.run(lambda session: pipeline.escalate(session, utcnow(), open_ends.settings))
    return max(n_missing, n_moved)
