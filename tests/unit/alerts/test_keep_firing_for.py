"""Alerts on their way down: hysteresis holds them, `keep_firing_for` keeps them, and what they said stays."""

from functools import partial

import pytest

from app.alerts.domain.absorption import Limits, Result, decide
from app.alerts.domain.alert import Resolution, Signal
from tests.unit.alerts.making import T0, minutes, report

RULE = {"rule_id": "r", "keep_firing_for": minutes(3)}
TRUE, HELD, FALSE = {"firing": True}, {"firing": False, "held": True}, {"firing": False}


def told(words, **rule):
    """What became of the alert after each word, one a minute: T true, h held, f false."""
    said = {"T": TRUE, "h": HELD, "f": FALSE}
    current, story = None, []
    for minute, word in enumerate(words):
        now = T0 + minutes(minute)
        outcome = decide(current, report(now, **{**RULE, **said[word], **rule}), now, Limits(), "NEW")
        current = outcome.alert
        story.append("-" if current is None else current.signal.value)
    return story


kept = partial(told, keep_firing_for=minutes(3))


def test_false_at_three_four_and_five_it_goes_on_and_at_six_it_is_resolved():
    assert kept("TTTffff") == ["firing"] * 6 + ["resolved"]


def test_a_true_one_in_between_begins_the_time_anew():
    assert kept("TffTfff") == ["firing"] * 7
    assert kept("TffTffff") == ["firing"] * 7 + ["resolved"]


def test_a_held_one_in_between_begins_the_time_anew():
    assert kept("Tffhffff") == ["firing"] * 7 + ["resolved"]


def test_without_it_the_first_false_resolves():
    assert told("Tf", keep_firing_for=minutes(0)) == ["firing", "resolved"]


def test_what_is_held_never_resolves():
    assert told("T" + "h" * 60, keep_firing_for=minutes(0)) == ["firing"] * 61


def test_it_is_for_alerts_that_fire_and_not_for_those_that_are_pending():
    assert kept("TTf", pending_for=minutes(5)) == ["pending", "pending", "-"]


def test_a_pending_alert_whose_value_falls_below_its_threshold_is_dropped():
    assert kept("TTh", pending_for=minutes(5)) == ["pending", "pending", "-"]


def test_for_and_keep_firing_for_follow_each_other():
    story = kept("TTTTffff", pending_for=minutes(2))
    assert story == ["pending", "pending", "firing", "firing", "firing", "firing", "firing", "resolved"]


def test_after_a_drop_for_begins_anew():
    assert kept("TTfTTT", pending_for=minutes(2)) == ["pending", "pending", "-", "pending", "pending", "firing"]


@pytest.mark.parametrize("word", [HELD, FALSE])
def test_value_and_texts_stay_as_they_were_at_the_last_true_one(word):
    first = decide(None, report(value=95.0, annotations={"summary": "95 %"}, **RULE), T0, Limits(), "NEW").alert
    later = report(T0 + minutes(1), value=40.0, annotations={}, labels={"host": "a"}, **{**RULE, **word})
    outcome = decide(first, later, later.event_at, Limits(), "NEW")
    after = outcome.alert
    assert (outcome.result, outcome.entries) == (Result.DEDUPLICATED, ())
    assert (after.value, after.annotations, after.last_seen_at) == (95.0, {"summary": "95 %"}, T0)
    assert (after.occurrences, after.version, after.dispatch_due_at) == (1, 1, T0)


def test_what_ends_it_is_written_down_with_the_evaluation_that_did():
    evaluation = {"outcome": "ok", "value": 4.0}
    first = decide(None, report(rule_id="r", evaluation={"outcome": "firing"}), T0, Limits(), "NEW")
    assert first.entries[0].detail == {"evaluation": {"outcome": "firing"}}
    said = report(T0 + minutes(1), firing=False, rule_id="r", namespace="rule:r", evaluation=evaluation)
    outcome = decide(first.alert, said, said.event_at, Limits(), "NEW")
    (line,) = outcome.entries
    assert (outcome.alert.signal, outcome.alert.resolution) == (Signal.RESOLVED, Resolution.CONDITION_CLEARED)
    assert line.detail["evaluation"] == evaluation


def test_a_held_report_of_something_that_is_not_open_opens_nothing():
    outcome = decide(None, report(rule_id="r", **HELD), T0, Limits(), "NEW")
    assert (outcome.result, outcome.alert, outcome.tombstone) == (Result.IGNORED, None, None)


def test_a_held_report_does_not_reopen_what_was_resolved():
    assert told("Tfh", keep_firing_for=minutes(0)) == ["firing", "resolved", "resolved"]
