"""The task of queue `delivery`, and what a delivery worker does first."""

import os
from typing import Any

import psutil
from celery import current_task, shared_task
from celery.signals import celeryd_after_setup

from app import pipeline
from app.core.clock import Pace, utcnow
from app.notifications import service as notifications
from workers.stage import drain, runtime

_sweeps = Pace(1.0)  # one for all threads of the process


@shared_task(name="delivery.deliver", queue="delivery")
def deliver(asked_by_beat: bool = False) -> None:
    """Send the messages that are due."""
    worker = notifications.worker_name(str(current_task.request.hostname), os.getpid())
    drain("delivery", lambda open_ends: pipeline.deliver(open_ends, worker, _sweeps.due), asked_by_beat=asked_by_beat)


@celeryd_after_setup.connect
def take_back(sender: str, **_: Any) -> None:
    """A worker that comes back frees the messages that it held when it died, without waiting for their lease.

    That is before it takes its first task, so what its own process id holds is from an earlier life.
    """
    runtime().run(lambda session: notifications.take_back(session, sender, is_gone, utcnow()))


def is_gone(pid: int) -> bool:
    """Whether a claim by this process of ours is a dead one's; a container's first process has the same id again."""
    return pid == os.getpid() or not psutil.pid_exists(pid)
