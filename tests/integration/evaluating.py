"""Rules evaluated by the steps of a worker, when a test says so."""

from datetime import timedelta

import sqlalchemy as sa

from app import pipeline
from app.core.clock import utcnow
from app.rules.store import RULES
from app.telemetry import service as telemetry
from app.telemetry.domain import Sample, milliseconds


def evaluate_all(runtime):
    """One evaluation of every rule, as if all were due; returns how many there were."""
    with runtime.transaction() as session:
        session.execute(sa.update(RULES).where(RULES.c.due_at_ms.is_not(None)).values(due_at_ms=milliseconds(utcnow())))
    return pipeline.evaluate(runtime)


def keep(runtime, metric, *points, **labels):
    """Keep samples of a series, each (seconds before now, value)."""
    now = utcnow()
    samples = [Sample(metric, labels, now - timedelta(seconds=ago), float(value)) for ago, value in points]
    assert telemetry.receive(runtime.redis, samples, now, runtime.settings) == {}


def damage(runtime, rule_id, definition="{}"):
    """Make the stored definition of a rule one that cannot be read."""
    with runtime.transaction() as session:
        session.execute(sa.update(RULES).where(RULES.c.id == rule_id).values(definition=definition))
