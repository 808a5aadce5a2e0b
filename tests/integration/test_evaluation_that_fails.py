"""An evaluation that fails leaves the rules and the arrivals as they were."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app import pipeline
from app.core.clock import utcnow
from app.rules import service as rules
from app.rules.store import RuleRow
from app.telemetry import service as telemetry
from app.telemetry.domain import Sample
from tests.integration.stores_that_fail import writes_fail
from tests.unit.rules.making import definition


def test_the_arrivals_of_a_failed_evaluation_are_taken_by_the_next(runtime):
    settings, now = runtime.settings, utcnow()
    runtime.run(lambda session: rules.create_rule(session, definition(interval=timedelta(hours=1)), "r", now, settings))
    pipeline.evaluate(runtime)
    assert pipeline.evaluate(runtime) == 0  # not due for an hour, unless something arrives
    assert telemetry.receive(runtime.redis, [Sample("queue.length", {}, utcnow(), 5.0)], utcnow(), settings) == {}
    with writes_fail(runtime, RuleRow.__table__), pytest.raises(sa.exc.DBAPIError):
        pipeline.evaluate(runtime)
    assert pipeline.evaluate(runtime) == 1
    assert pipeline.evaluate(runtime) == 0
