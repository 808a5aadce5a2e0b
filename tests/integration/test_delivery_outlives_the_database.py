"""A message went out and the database fails: its outcome is kept until it can be written, or until its lease ends."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from app import pipeline
from app.alerts import service as alerts
from app.alerts.domain.absorption import Limits
from app.core.clock import utcnow
from app.notifications.domain import Attempt, Done, Outcome
from app.notifications.store import NOTIFICATIONS
from tests.conditions import eventually
from tests.integration.delivering import all_of, claim, make_channel, plan, subject
from tests.integration.logged import logged
from tests.integration.stores_that_fail import break_writes, heal_writes
from tests.receivers.answering import answering, status
from tests.unit.alerts.making import report


@pytest.fixture
def logs(runtime):
    with logged() as entries:
        yield entries


def said(logs, event):
    return [entry for entry in logs if entry["event"].startswith(event)]


def make_alert(runtime, name="Disk full"):
    now = utcnow()
    new = report(now, name=name, fingerprint=name.ljust(64, "x"), notification_channels=("hook",))
    runtime.run(lambda session: alerts.absorb(session, [new], now, Limits()))
    runtime.run(lambda session: pipeline.correlate(session, utcnow(), runtime.settings))


def test_a_failure_that_heals_loses_no_outcome(runtime, logs):
    def break_and_answer(handler):
        break_writes(runtime, NOTIFICATIONS)
        status(200)(handler)

    with answering(break_and_answer, status(200)) as receiver:
        make_channel(runtime, receiver.url)
        make_alert(runtime)
        delivery = threading.Thread(target=lambda: pipeline.deliver(runtime, "delivery@test/1"))
        delivery.start()
        try:
            eventually(lambda: said(logs, "outcomes cannot be recorded"), what="a record to fail")
        finally:
            heal_writes(runtime, NOTIFICATIONS)
            delivery.join(15)
        assert not delivery.is_alive()
        assert len(receiver.messages) == 1
    [one] = all_of(runtime)
    assert (one.state, one.maybe_duplicate, len(one.attempts)) == ("delivered", False, 1)


def test_a_claim_that_fails_loses_no_outcome(runtime, logs):
    def fail_a_claim_and_answer(handler):
        break_writes(runtime, NOTIFICATIONS)
        make_alert(runtime, "another")
        try:
            eventually(lambda: said(logs, "nothing can be claimed"), what="a claim to fail")
        finally:
            heal_writes(runtime, NOTIFICATIONS)
        status(200)(handler)

    with answering(fail_a_claim_and_answer, status(200)) as receiver:
        make_channel(runtime, receiver.url)
        make_alert(runtime)
        assert pipeline.deliver(runtime, "delivery@test/1") == 1
    assert sorted(one.state for one in all_of(runtime)) == ["delivered", "queued"]


def test_an_outcome_whose_lease_has_ended_is_given_up_and_said(runtime, logs):
    make_channel(runtime, "http://127.0.0.1:9/")
    plan(runtime, subject(), subject(id="A2"))
    old, new = claim(runtime, subject(), subject(id="A2")).sending
    old = replace(old, lease_until=utcnow() - timedelta(seconds=1))
    outcomes = [Done(sending, Attempt(Outcome.OK, utcnow())) for sending in (old, new)]
    break_writes(runtime, NOTIFICATIONS)
    try:
        left = pipeline.record_finished(runtime, outcomes)
    finally:
        heal_writes(runtime, NOTIFICATIONS)
    assert [done.sending.id for done in left] == [new.id]
    assert [entry["notification_id"] for entry in said(logs, "outcome lost")] == [old.id]
    assert pipeline.record_finished(runtime, left) == ()
    assert sorted(one.state for one in all_of(runtime)) == ["delivered", "sending"]
