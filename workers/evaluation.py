"""The task of queue `evaluation`."""

from celery import shared_task

from app import pipeline
from workers.stage import drain, runtime


@shared_task(name="evaluation.evaluate", queue="evaluation")
def evaluate(asked_by_beat: bool = False) -> None:
    """Evaluate the rules that are due."""
    batch = runtime().settings.evaluation_batch
    drain("evaluation", pipeline.evaluate, asked_by_beat=asked_by_beat, batch=batch)
