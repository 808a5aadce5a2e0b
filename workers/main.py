"""The Celery app of the workers: `celery -A workers.main:celery worker ...`."""

from typing import Any

import structlog
from celery import Celery
from celery.signals import celeryd_init, setup_logging, task_postrun, task_prerun, worker_shutdown

from app.core.logs import configure_logs
from app.core.queue import open_celery
from app.settings import load_settings
from workers import stage


def _open() -> Celery:
    settings = load_settings()
    opened = open_celery(settings, consuming=True)
    opened.conf.update(
        imports=(
            "workers.evaluation",
            "workers.correlation",
            "workers.escalation",
            "workers.delivery",
            "workers.maintenance",
        ),
    )
    return opened


celery = _open()


_node = "worker"


@celeryd_init.connect
def _named(sender: str, **_: Any) -> None:
    """Logs name the node, so that they tell a delivery worker from the others."""
    global _node
    _node = sender.partition("@")[0]


@setup_logging.connect
def _logs(**_: Any) -> None:
    configure_logs(load_settings(), _node)


@task_prerun.connect
def _bind(task_id: str, task: Any, **_: Any) -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task_id=task_id, task=task.name)


@task_postrun.connect
def _unbind(**_: Any) -> None:
    structlog.contextvars.clear_contextvars()


@worker_shutdown.connect
def _close(**_: Any) -> None:
    stage.close()
