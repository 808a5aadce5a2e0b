"""The Celery app of Beat and of Flower, which know tasks by name and need none of their code."""

from typing import Any

from celery import Celery
from celery.signals import setup_logging

from app.core.logs import configure_logs
from app.core.queue import open_celery
from app.settings import load_settings
from beat_schedules import SCHEDULE


def _open() -> Celery:
    settings = load_settings()
    opened = open_celery(settings)
    opened.conf.update(
        beat_schedule=SCHEDULE,
        redbeat_redis_url=settings.redis_url,
        # Longer away, and Beat ends; it lived long enough then for its supervisor to start it again at once.
        redbeat_redis_options={"retry_period": 12},
        redbeat_lock_timeout=5,  # with a loop interval of 1 s a standby Beat takes over within 5 s
        beat_max_loop_interval=1,
    )
    return opened


celery = _open()


def _logs(**_: Any) -> None:
    configure_logs(load_settings(), "beat")


setup_logging.connect(_logs)
