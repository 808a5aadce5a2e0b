"""Nudges: "there may be something to do", sent to a Celery queue by task name, at most one waiting per queue.

A nudge is a hint. The work stands in rows, and Beat asks for it every second: a lost nudge costs a second, never work.
"""

from dataclasses import dataclass

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.core.db import after_commit
from app.settings import Settings

TASKS = {
    "evaluation": "evaluation.evaluate",
    "correlation": "correlation.correlate",
    "escalation": "escalation.escalate",
    "delivery": "delivery.deliver",
}
_WAITING_S = 5  # a nudge that nobody took within it is taken for lost
_PATIENCE_S = 2  # with a broker that does not answer
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Queue:
    """Sends nudges; never raises, because the rows carry the work."""

    celery: Celery
    redis: Redis
    broker_is_redis: bool  # the broker is the server that keeps the marks of waiting nudges

    def nudge(self, queue: str) -> None:
        """Ask the stage of `queue` to look for due rows, unless such a question already waits."""
        try:
            if not self.redis.set(_key(queue), b"1", nx=True, ex=_WAITING_S):
                return
        except RedisError as error:
            if self.broker_is_redis:  # it would only cost the caller a second time-out
                log.warning("nudge dropped", queue=queue, error=str(error))
                return
        try:
            self.celery.send_task(TASKS[queue], queue=queue, ignore_result=True, retry=False, expires=60)
        except (OperationalError, OSError, RedisError) as error:
            log.warning("nudge dropped", queue=queue, error=str(error))

    def taken(self, queue: str) -> None:
        """The stage begins: from here on a new nudge is needed to be heard."""
        try:
            self.redis.delete(_key(queue))
        except RedisError as error:
            log.warning("nudge not cleared", queue=queue, error=str(error))


def nudge(session: Session, queue: str) -> None:
    """Nudge `queue` once this transaction has committed."""
    sender: Queue | None = session.info.get("queue")
    if sender is not None:
        after_commit(session, ("nudge", queue), lambda: sender.nudge(queue))


def _key(queue: str) -> str:
    return f"nudge:{queue}"


def open_celery(settings: Settings, *, consuming: bool = False) -> Celery:
    """The Celery app with every setting of the house and no task: producers use it as it is, workers add the tasks.

    `consuming` is for workers: they wait long for messages, so none of their connections may time out soon. A producer
    has a caller who waits, and gives up on a server that is frozen.
    """
    celery = Celery("alerting", broker=settings.broker_url)
    celery.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_default_queue="maintenance",
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure_or_timeout=True,
        task_time_limit=120,
        task_soft_time_limit=100,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=True,  # Flower's view; tasks are few because work goes in batches
        worker_soft_shutdown_timeout=5,
        worker_enable_soft_shutdown_on_idle=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=2,
    )
    if settings.broker_url.startswith("amqp"):
        celery.conf.task_default_queue_type = "quorum"
    else:
        celery.conf.broker_transport_options = {
            "visibility_timeout": 300,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "health_check_interval": 25,
            "socket_keepalive": not settings.broker_url.startswith("redis+socket"),
            "queue_order_strategy": "round_robin",
            **({} if consuming else {"socket_timeout": _PATIENCE_S, "socket_connect_timeout": _PATIENCE_S}),
        }
    return celery
