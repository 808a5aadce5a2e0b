"""The task of queue `escalation`."""

from celery import shared_task

from app import pipeline
from app.core.clock import utcnow
from workers.stage import drain


@shared_task(name="escalation.escalate", queue="escalation")
def escalate(asked_by_beat: bool = False) -> None:
    """Move what waits for a time."""
    drain(
        "escalation",
        lambda open_ends: open_ends.run(lambda session: pipeline.escalate(session, utcnow(), open_ends.settings)),
        asked_by_beat=asked_by_beat,
    )
