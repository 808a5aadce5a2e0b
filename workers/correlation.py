"""The task of queue `correlation`."""

from functools import partial

import sqlalchemy as sa
import structlog
from celery import shared_task
from sqlalchemy.orm import Session

from app import pipeline
from app.alerts import service as alerts
from app.alerts import store as alert_store
from app.core.clock import utcnow
from app.core.db import LostRace
from app.core.runtime import AWAY, Runtime
from app.settings import Settings
from workers.stage import drain

#: What passes by itself: a store that is away, a race that was lost. It leaves the rows due, and blames no alert.
PASSING = (*AWAY, sa.exc.IntegrityError, LostRace)
log = structlog.get_logger(__name__)


@shared_task(name="correlation.correlate", queue="correlation")
def correlate(asked_by_beat: bool = False) -> None:
    """Decide for changed alerts who is told."""
    drain("correlation", take_batch, asked_by_beat=asked_by_beat)


def take_batch(open_ends: Runtime) -> int:
    """Decide for one batch; when that fails, alert by alert, and set aside the one that cannot be decided."""
    settings = open_ends.settings
    try:
        return open_ends.run(lambda session: pipeline.correlate(session, utcnow(), settings))
    except PASSING:
        raise
    except Exception:  # poison isolation: one alert must not hold the others up
        log.exception("batch failed, taken one by one")
        return _one_by_one(open_ends)


def _one_by_one(open_ends: Runtime) -> int:
    settings = open_ends.settings
    with open_ends.reading() as reader:
        due = alert_store.due_for_dispatch(reader, utcnow(), settings.batch_size)
    for alert_id in due:
        try:
            open_ends.run(partial(_one, settings, alert_id))
        except PASSING:
            raise
        except Exception as error:  # poison isolation
            log.exception("alert set aside", alert_id=alert_id)
            reason = f"{type(error).__name__}: {error}"[:500]
            open_ends.run(partial(_aside, alert_id, reason))
    return len(due)


def _one(settings: Settings, alert_id: str, session: Session) -> int:
    return pipeline.correlate(session, utcnow(), settings, alert_id)


def _aside(alert_id: str, reason: str, session: Session) -> None:
    alerts.set_aside(session, alert_id, reason, utcnow())
