"""Claims: one worker a message, order within a thread, subjects read again, leases."""

import os
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from app.core.clock import utcnow
from app.notifications import service
from app.notifications.domain import Attempt, Done, Outcome
from app.notifications.store import AttemptRow, NotificationRow
from tests.integration.delivering import (
    WORKER,
    all_of,
    claim,
    deliver,
    make_channel,
    plan,
    record,
    seconds,
    states,
    subject,
)
from workers.delivery import is_gone

NOWHERE = "http://127.0.0.1:9/"


def ended(claimed, outcome=Outcome.OK, **more):
    return [Done(sending, Attempt(outcome, utcnow(), 1.0, **more)) for sending in claimed.sending]


def test_two_workers_never_get_the_same_message(runtime, other_runtime):
    make_channel(runtime, NOWHERE)
    subjects = [subject(id=f"A{n}") for n in range(60)]
    plan(runtime, *subjects)
    start = threading.Barrier(2)
    got = []

    def work(open_ends, worker):
        start.wait()
        for _ in range(6):
            got.extend(sending.id for sending in claim(open_ends, *subjects, worker=worker, limit=10).sending)

    workers = [threading.Thread(target=work, args=one) for one in ((runtime, "one"), (other_runtime, "two"))]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert len(got) == len(set(got)) == 60


def test_a_claim_takes_no_more_than_asked_pages_first(runtime):
    make_channel(runtime, NOWHERE)
    old = [subject(id=f"B{n}") for n in range(3)]
    plan(runtime, *old)
    record(runtime, ended(claim(runtime, *old)))
    plan(runtime, *[subject("RESOLVED", id=one.id) for one in old])
    plan(runtime, subject())
    claimed = claim(runtime, subject(), *[subject("RESOLVED", id=one.id) for one in old], limit=2)
    assert [sending.kind for sending in claimed.sending] == ["firing", "resolved"]


def test_an_end_waits_for_its_beginning(runtime):
    make_channel(runtime, NOWHERE)
    plan(runtime, subject())
    firing = claim(runtime, subject())
    plan(runtime, subject("RESOLVED"))
    assert states(runtime) == [("firing", "sending"), ("resolved", "queued")]
    assert not claim(runtime, subject("RESOLVED")).sending
    record(runtime, ended(firing))
    assert [sending.kind for sending in claim(runtime, subject("RESOLVED")).sending] == ["resolved"]


def test_an_end_whose_beginning_never_went_out_is_cancelled(runtime):
    make_channel(runtime, NOWHERE)
    plan(runtime, subject())
    firing = claim(runtime, subject())
    plan(runtime, subject("RESOLVED"))
    record(runtime, ended(firing, Outcome.PERMANENT, error="HTTP 404"))
    claimed = claim(runtime, subject("RESOLVED"))
    assert not claimed.sending
    assert [change.reason for change in claimed.changes] == ["its firing notice never went out"]
    assert states(runtime) == [("firing", "dead"), ("resolved", "cancelled")]


def test_the_end_cancels_a_beginning_that_still_waits(runtime):
    make_channel(runtime, NOWHERE)
    plan(runtime, subject())
    plan(runtime, subject("RESOLVED"))
    [one] = all_of(runtime)
    assert (one.state, one.state_reason) == ("cancelled", "the alert ended before it went out")


@pytest.mark.parametrize("status", ["ACKNOWLEDGED", "SUPPRESSED", "RESOLVED", "CLOSED"])
def test_a_page_is_cancelled_when_its_alert_needs_nobody_any_more(runtime, status):
    make_channel(runtime, NOWHERE)
    plan(runtime, subject())
    claimed = claim(runtime, subject(status))
    assert not claimed.sending
    [one] = all_of(runtime)
    assert (one.state, one.state_reason) == ("cancelled", f"the alert is {status}")


def test_an_alert_that_opens_again_after_a_cancelled_page_is_told(runtime):
    make_channel(runtime, NOWHERE)
    plan(runtime, subject())
    claim(runtime, subject("ACKNOWLEDGED"))
    plan(runtime, subject())
    plan(runtime, subject())
    assert states(runtime) == [("firing", "cancelled"), ("firing", "queued")]


def test_a_message_tells_of_its_subject_as_it_is_when_it_goes(runtime):
    make_channel(runtime, NOWHERE)
    plan(runtime, subject())
    [sending] = claim(runtime, subject(title="Disk almost full", version=4)).sending
    assert (sending.payload["title"], sending.payload["version"]) == ("Disk almost full", 4)


@pytest.mark.parametrize("change", ["deleted", "disabled"])
def test_a_channel_that_is_gone_gets_nothing(runtime, change):
    make_channel(runtime, NOWHERE)
    plan(runtime, subject())
    with runtime.transaction() as session:
        if change == "deleted":
            service.delete_channel(session, "hook")
        else:
            service.change_channel(session, "hook", {"enabled": False}, runtime.secrets, utcnow(), whole=False)
    assert not claim(runtime, subject()).sending
    assert change in all_of(runtime)[0].state_reason


def test_a_page_whose_worker_died_goes_again_after_the_lease_marked(runtime):
    make_channel(runtime, NOWHERE)
    now = utcnow()
    plan(runtime, subject(), now=now)
    claim(runtime, subject(), now=now)
    assert not claim(runtime, subject(), now=now + seconds(14), worker="other").sending
    [again] = claim(runtime, subject(), now=now + seconds(16), worker="other").sending
    assert (again.n, again.maybe_duplicate) == (2, True)
    [lost] = all_of(runtime)[0].attempts
    assert (lost.outcome, lost.error) == ("ambiguous", "its worker did not come back")


def test_a_lease_is_longer_than_the_channels_timeout(runtime):
    make_channel(runtime, NOWHERE, settings={"timeout": "60s"})
    now = utcnow()
    plan(runtime, subject(), now=now)
    claim(runtime, subject(), now=now)
    assert not claim(runtime, subject(), now=now + seconds(60), worker="other").sending
    assert claim(runtime, subject(), now=now + seconds(66), worker="other").sending


def test_a_worker_that_comes_back_frees_what_dead_processes_of_its_name_held(runtime):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended_process:
        pass
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        holders = {
            "mine": service.worker_name(WORKER, os.getpid()),  # a container's first process has the same id again
            "dead": service.worker_name(WORKER, ended_process.pid),
            "living": service.worker_name(WORKER, living.pid),
            "another": service.worker_name("other@test", ended_process.pid),
            "longer": service.worker_name(f"{WORKER}2", ended_process.pid),
        }
        make_channel(runtime, NOWHERE)
        plan(runtime, *[subject(id=name) for name in holders])
        for worker in holders.values():
            claim(runtime, *[subject(id=name) for name in holders], worker=worker, limit=1)
        held = {one.claimed_by: one.subject_id for one in rows(runtime)}
        with runtime.transaction() as session:
            freed = service.take_back(session, WORKER, is_gone, utcnow())
        living.stdin.close()
    assert {change.reason for change in freed} == {"its worker was restarted"}
    assert {change.subject_id for change in freed} == {held[holders["mine"]], held[holders["dead"]]}
    assert {one.claimed_by for one in rows(runtime)} == {None, *map(holders.get, ("living", "another", "longer"))}


def rows(runtime):
    with runtime.reading() as session:
        return session.scalars(sa.select(NotificationRow)).all()


def test_a_claim_that_does_not_sweep_sends_no_expired_message(runtime):
    make_channel(runtime, NOWHERE)
    now = utcnow()
    plan(runtime, subject(), now=now)
    later = now + runtime.settings.page_expires
    assert not claim(runtime, subject(), now=later, sweep=False).sending
    assert states(runtime) == [("firing", "queued")]
    claim(runtime, subject(), now=later)
    assert states(runtime) == [("firing", "dead")]


def test_a_late_record_changes_nothing_but_is_noted(runtime):
    make_channel(runtime, NOWHERE)
    now = utcnow()
    plan(runtime, subject(), now=now)
    late = claim(runtime, subject(), now=now)
    claim(runtime, subject(), now=now + seconds(20), worker="other")
    record(runtime, ended(late, Outcome.PERMANENT, error="HTTP 404"))
    assert states(runtime) == [("firing", "sending")]


def test_an_outcome_that_cannot_be_written_fails_alone(runtime):
    make_channel(runtime, NOWHERE)
    subjects = [subject(id=f"A{n}") for n in range(3)]
    plan(runtime, *subjects)
    good, bad, good_too = ended(claim(runtime, *subjects))
    poison = Done(bad.sending, Attempt(Outcome.OK, utcnow(), status="no number\ud800"))
    if runtime.engine.dialect.name == "sqlite":
        poison = Done(bad.sending, Attempt(Outcome.OK, utcnow(), status=2**70))
    record(runtime, [good, poison, good_too])
    found = {one.subject_id: one for one in all_of(runtime)}
    assert found[good.sending.subject_id].state == "delivered"
    assert found[good_too.sending.subject_id].state == "delivered"
    assert found[bad.sending.subject_id].state == "dead"
    assert "could not be written" in found[bad.sending.subject_id].state_reason


def test_what_a_crowded_channel_leaves_is_for_the_others(runtime):
    make_channel(runtime, NOWHERE)
    make_channel(runtime, NOWHERE, "calm")
    plan(runtime, subject(channels=("hook", "calm")))
    claimed = claim(runtime, subject(), without=["hook"])
    assert [sending.channel_id for sending in claimed.sending] == ["calm"]


def test_planning_many_writes_one_row_each(runtime, other_runtime):
    make_channel(runtime, NOWHERE)
    subjects = [subject(id=f"A{n}") for n in range(50)]
    planned = plan(runtime, *subjects)
    assert sum(one.notification_id is not None for one in planned.decisions) == 50
    assert all(one.notification_id is None for one in plan(other_runtime, *subjects).decisions)
    assert len(all_of(runtime)) == 50


def test_two_planners_at_once_make_one_message(runtime, other_runtime):
    make_channel(runtime, NOWHERE)
    start = threading.Barrier(2)
    planned = []

    def work(open_ends):
        start.wait()
        planned.extend(plan(open_ends, subject()).decisions)

    workers = [threading.Thread(target=work, args=(ends,)) for ends in (runtime, other_runtime)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert sum(one.notification_id is not None for one in planned) == 1
    assert len(all_of(runtime)) == 1


def test_why_nobody_was_told_is_said(runtime):
    make_channel(runtime, NOWHERE, enabled=False)
    planned = plan(runtime, subject(channels=("email", "hook")))
    assert planned.untold == {"A1": ["no channel named email", "the channel hook is disabled"]}
    assert plan(runtime, subject("ACKNOWLEDGED", channels=("email",))).untold == {}


def test_attempts_go_with_their_message(runtime):
    make_channel(runtime, NOWHERE)
    plan(runtime, subject())
    deliver(runtime, subject())
    with runtime.reading() as session:
        assert session.get(AttemptRow, (all_of(runtime)[0].id, 1)).outcome == "temporary"
