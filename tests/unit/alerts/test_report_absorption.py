"""What a report does to the alert that it speaks of: the rows A1 to A11 of the table, and the order of events."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.alerts.domain.absorption import Limits, Result, Tombstone, decide, latest
from app.alerts.domain.alert import Handling, Resolution, Signal, Status
from app.core.severity import Severity
from tests.unit.alerts.making import T0, alert, minutes, report

LIMITS = Limits()


def taken(current, said, now=None, tombstone=None):
    return decide(current, said, now or said.event_at, LIMITS, "NEW", tombstone)


def resolved(by=Resolution.SOURCE, **more):
    at, quiet = T0 + minutes(1), by is Resolution.MANUAL
    fields = {"signal": Signal.RESOLVED, "resolved_at": at, "resolution": by, "source_firing": quiet}
    return alert(**{**fields, "last_source_at": T0 if quiet else at, **more})


def test_a_first_report_opens_an_alert_and_somebody_is_to_be_told():
    outcome = taken(None, report())
    assert (outcome.result, outcome.alert.status, outcome.alert.dispatch_due_at) == (Result.CREATED, Status.ACTIVE, T0)
    assert [line.kind for line in outcome.entries] == ["opened"]


def test_with_for_it_is_pending_and_tells_nobody():
    outcome = taken(None, report(pending_for=minutes(2)))
    assert (outcome.alert.status, outcome.alert.dispatch_due_at) == (Status.PENDING, None)


@pytest.mark.parametrize(("waited", "status"), [(1, Status.PENDING), (2, Status.ACTIVE)])
def test_pending_becomes_active_after_its_time(waited, status):
    pending = taken(None, report(pending_for=minutes(2))).alert
    outcome = taken(pending, report(T0 + minutes(waited), pending_for=minutes(2)))
    assert outcome.alert.status is status
    assert (outcome.alert.dispatch_due_at is not None) == (status is Status.ACTIVE)


def test_pending_is_dropped_at_the_first_false():
    pending = taken(None, report(pending_for=minutes(2))).alert
    outcome = taken(pending, report(T0 + minutes(1), firing=False))
    assert (outcome.result, outcome.alert) == (Result.DROPPED, None)


def test_a_repeat_only_counts():
    outcome = taken(alert(), report(T0 + minutes(1), value=7.0))
    after = outcome.alert
    assert (after.occurrences, after.last_seen_at, after.value) == (2, T0 + minutes(1), 7.0)
    assert (outcome.entries, after.version, after.dispatch_due_at) == ((), 1, None)


def test_a_repeat_is_written_down_every_five_minutes():
    outcome = taken(alert(), report(T0 + minutes(5)))
    assert [line.kind for line in outcome.entries] == ["repeated"]
    assert taken(outcome.alert, report(T0 + minutes(9))).entries == ()


def test_a_risen_severity_takes_the_acknowledgement_back():
    held = alert(handling=Handling.ACKNOWLEDGED, acknowledged_by="token:ann")
    outcome = taken(held, report(T0 + minutes(1), severity=Severity.CRITICAL))
    assert outcome.alert.status is Status.ACTIVE
    assert [line.kind for line in outcome.entries] == ["severity_changed", "unacknowledged"]
    assert outcome.alert.dispatch_due_at == T0 + minutes(1)


def test_a_fallen_severity_leaves_it_acknowledged():
    held = alert(handling=Handling.ACKNOWLEDGED, acknowledged_by="token:ann")
    outcome = taken(held, report(T0 + minutes(1), severity=Severity.LOW))
    assert outcome.alert.status is Status.ACKNOWLEDGED
    assert outcome.alert.dispatch_due_at is None


def test_an_event_older_than_the_last_changes_no_state():
    current = alert(last_source_at=T0 + minutes(5))
    late = taken(current, report(T0 + minutes(1), severity=Severity.CRITICAL), now=T0 + minutes(6))
    assert (late.alert.severity, late.alert.status, late.entries) == (Severity.HIGH, Status.ACTIVE, ())
    end = taken(current, report(T0 + minutes(4), firing=False), now=T0 + minutes(6))
    assert (end.result, end.alert.status) == (Result.IGNORED, Status.ACTIVE)


@pytest.mark.parametrize("overlay", [{}, {"handling": Handling.ACKNOWLEDGED}, {"suppressors": ({"id": "s"},)}])
def test_the_sources_resolve_ends_it(overlay):
    outcome = taken(alert(**overlay), report(T0 + minutes(1), firing=False))
    assert (outcome.alert.status, outcome.alert.resolution) == (Status.RESOLVED, Resolution.SOURCE)
    assert outcome.alert.dispatch_due_at == T0 + minutes(1)


def test_a_rule_clears_by_condition():
    outcome = taken(alert(rule_id="r"), report(T0 + minutes(1), firing=False, rule_id="r"))
    assert outcome.alert.resolution is Resolution.CONDITION_CLEARED


def test_a_repeated_resolve_changes_nothing():
    outcome = taken(resolved(), report(T0 + minutes(2), firing=False))
    assert (outcome.alert, outcome.entries) == (resolved(), ())


def test_a_resolve_of_something_never_seen_leaves_a_tombstone_and_nothing_else():
    outcome = taken(None, report(T0, firing=False))
    assert (outcome.result, outcome.alert, outcome.tombstone) == (Result.IGNORED, None, Tombstone(T0, T0))


@pytest.mark.parametrize(
    ("starts", "now", "opens"),
    [(-21, 1, False), (1, 2, True), (-21, 11, True)],
    ids=["started before the end", "started after it", "the tombstone is old"],
)
def test_a_tombstone_drops_a_late_firing_event(starts, now, opens):
    # It ended long ago by its own word, and counts from the moment in which we heard of it.
    ended = Tombstone(T0 - minutes(20), T0)
    outcome = taken(None, report(T0 + minutes(starts)), now=T0 + minutes(now), tombstone=ended)
    assert (outcome.alert is not None) == opens


def test_of_two_ends_the_later_counts():
    early, late = Tombstone(T0 - minutes(5), T0), Tombstone(T0 - minutes(1), T0 - minutes(1))
    assert latest(early, late) == Tombstone(T0 - minutes(1), T0)
    assert latest(early, None) == early


def test_firing_again_inside_the_window_reopens_the_same_alert():
    outcome = taken(resolved(handling=Handling.ACKNOWLEDGED), report(T0 + minutes(9)))
    after = outcome.alert
    assert (outcome.result, after.id, after.status, after.episodes) == (Result.REOPENED, "A1", Status.ACTIVE, 2)
    assert (after.acknowledged_by, after.resolved_at, after.resolution) == (None, None, None)


@pytest.mark.parametrize(
    "old", [resolved(), replace(resolved(), signal=Signal.CLOSED, closed_at=T0 + minutes(2))], ids=["past", "closed"]
)
def test_firing_again_past_the_window_or_after_closing_is_a_new_alert(old):
    when = T0 + minutes(30) if old.signal is Signal.RESOLVED else T0 + minutes(3)
    outcome = taken(old, report(when))
    assert (outcome.result, outcome.alert.id, outcome.alert.previous_alert_id) == (Result.CREATED, "NEW", "A1")


@pytest.mark.parametrize(
    ("starts", "after", "result"),
    [
        (T0, 14, Result.DEDUPLICATED),
        (T0, 17, Result.REOPENED),
        (T0 + minutes(2), 3, Result.REOPENED),
        (None, 3, Result.REOPENED),
    ],
    ids=["repeats itself", "repeats itself for long", "started anew", "gives no start"],
)
def test_a_persons_resolve_holds_against_a_source_that_repeats_itself(starts, after, result):
    now = T0 + minutes(after)
    outcome = taken(resolved(Resolution.MANUAL), report(starts or now, starts_at=starts), now=now)
    assert outcome.result is result


def test_a_rule_that_was_false_in_between_reopens_at_once():
    by_hand = resolved(Resolution.MANUAL, rule_id="r")
    held = taken(by_hand, report(T0 + minutes(2), rule_id="r"))
    assert held.result is Result.DEDUPLICATED
    quiet = taken(held.alert, report(T0 + minutes(3), firing=False, rule_id="r")).alert
    assert quiet.source_firing is False
    assert taken(quiet, report(T0 + minutes(4), rule_id="r")).result is Result.REOPENED


def test_reopening_waits_for_the_rules_for():
    again = report(T0 + minutes(3), rule_id="r", pending_for=minutes(2))
    waiting = taken(resolved(rule_id="r"), again)
    assert (waiting.alert.status, waiting.alert.pending_since) == (Status.RESOLVED, T0 + minutes(3))
    later = report(T0 + minutes(5), rule_id="r", pending_for=minutes(2))
    assert taken(waiting.alert, later).result is Result.REOPENED


def test_a_resolve_a_little_older_than_a_repeat_still_ends_it():
    repeated = taken(alert(), report(T0 + minutes(1))).alert
    ended = report(T0 + minutes(1) - timedelta(seconds=2), firing=False)
    assert taken(repeated, ended, now=T0 + minutes(1)).result is Result.RESOLVED


def test_waiting_for_the_rules_for_outlasts_the_reopen_window():
    again = report(T0 + minutes(10), rule_id="r", pending_for=minutes(5))
    waiting = taken(resolved(rule_id="r"), again).alert
    assert taken(waiting, replace(again, event_at=T0 + minutes(15)), now=T0 + minutes(15)).result is Result.REOPENED
