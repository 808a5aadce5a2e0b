"""The task of queue `maintenance`."""

from celery import shared_task

from app import pipeline
from app.core.clock import utcnow
from app.core.runtime import Runtime
from workers.stage import drain


@shared_task(name="maintenance.tidy", queue="maintenance")
def tidy(asked_by_beat: bool = False) -> None:
    """Forget what has had its time."""

    def once(open_ends: Runtime) -> int:
        pipeline.tidy(open_ends, utcnow())
        return 0

    drain("maintenance", once, asked_by_beat=asked_by_beat)
