"""Which verdicts become reports of alerts, and of which alerts."""

from datetime import timedelta

import pytest

from app.reports import reports_of
from app.rules.domain import NoData, Operator, Outcome, Source, Verdict, evaluate
from app.rules.domain.identity import annotations_of, identity_of, without_doubles
from tests.unit.rules import making
from tests.unit.rules.making import NOW, windows

A, B = {"host": "a"}, {"host": "b"}
PROMETHEUS = {"source": Source.PROMETHEUS, "metric": "", "query": "up == 0", "operator": None, "threshold": None}


def rule(**changes):
    return making.rule(**{"resolve_threshold": None if "operator" in changes else 8.0, **changes})


def said(outcome, labels=A, value=11.0, of=None):
    return Verdict(of or rule(), labels, Outcome(outcome), value, 1)


def fingerprint(of, labels=A, value=11.0):
    return identity_of(of, labels, value).fingerprint


def reports(verdicts, *waiting):
    """The reports, by what they say of which fingerprint."""
    found = list(reports_of(verdicts, {verdicts[0].rule.id: set(waiting)}, NOW))
    return [(one.fingerprint, "held" if one.held else "firing" if one.firing else "over") for one in found]


def test_a_condition_that_holds_is_reported_whether_or_not_an_alert_waits():
    of = rule()
    assert reports([said("firing", of=of)]) == [(fingerprint(of), "firing")]
    assert reports([said("firing", of=of)], fingerprint(of)) == [(fingerprint(of), "firing")]


@pytest.mark.parametrize("outcome", ["ok", "held", "no_data", "error"])
def test_anything_else_is_no_news_where_no_alert_waits(outcome):
    of = rule(no_data=NoData.OK)
    assert reports([said(outcome, of=of)]) == []
    assert reports([said(outcome, of=of)], fingerprint(of, B)) == []


@pytest.mark.parametrize(
    ("outcome", "policy", "word"),
    [
        ("ok", NoData.KEEP, "over"),
        ("held", NoData.KEEP, "held"),
        ("no_data", NoData.OK, "over"),
        ("no_data", NoData.KEEP, None),
        ("no_data", NoData.ALERT, None),
        ("error", NoData.OK, None),
        ("error", NoData.KEEP, None),
    ],
)
def test_what_ends_or_holds_an_alert_that_waits(outcome, policy, word):
    of = rule(no_data=policy)
    assert reports([said(outcome, of=of)], fingerprint(of)) == ([(fingerprint(of), word)] if word else [])


def test_a_series_that_is_not_spoken_of_ends_no_alert_of_a_metric():
    of = rule(no_data=NoData.OK)
    assert reports([said("ok", B, of=of)], fingerprint(of)) == []


def test_what_a_query_returns_no_more_is_over():
    of = rule(**PROMETHEUS)
    assert reports([said("firing", B, of=of)], fingerprint(of), fingerprint(of, B)) == [
        (fingerprint(of, B), "firing"),
        (fingerprint(of), "over"),
    ]
    assert reports([said("ok", {}, None, of=of)], fingerprint(of)) == [(fingerprint(of), "over")]


def test_a_query_that_failed_ends_nothing():
    of = rule(**PROMETHEUS)
    assert reports([said("error", {}, None, of=of)], fingerprint(of), fingerprint(of, B)) == []


def test_absence_of_everything_is_over_when_the_groups_are_there_again():
    of = rule(operator=Operator.ABSENT, threshold=None, group_by=("host",))
    assert reports([said("ok", A, None, of=of)], fingerprint(of, {})) == [(fingerprint(of, {}), "over")]


def test_labels_of_the_rule_lie_over_those_of_the_series_and_empty_ones_are_none():
    of = rule(alert_labels={"team": "db", "host": "", "where": "{{ $labels.host }}", "alertname": "other"})
    assert identity_of(of, {"host": "a", "disk": "1"}, 1.0).labels == {"disk": "1", "team": "db", "where": "a"}
    (report,) = reports_of([said("firing", of=of)], {}, NOW)
    assert report.labels == {"team": "db", "where": "a"}
    assert report.fingerprint != fingerprint(rule())


def test_texts_know_the_labels_of_the_series_and_not_those_of_the_rule():
    of = rule(alert_labels={"host": "other"}, annotations={"summary": "{{ $labels.host }} has {{ $value }}"})
    assert annotations_of(of, A, 11.0) == {"summary": "a has 11"}


def test_two_groups_that_become_one_alert_are_an_error_of_the_whole_rule():
    of = rule(alert_labels={"host": ""})
    found = without_doubles([said("firing", A, of=of), said("ok", {"host": "c"}, of=of), said("firing", B, of=of)])
    (verdict,) = found
    assert (verdict.outcome, verdict.labels) == (Outcome.ERROR, {})
    assert verdict.reason == ("two series become the same alert {}; let alert_labels keep what tells them apart")


def test_a_rule_without_labels_of_its_own_has_no_doubles():
    found = [said("firing", A), said("firing", B)]
    assert without_doubles(found) == found


def test_groups_that_become_one_alert_fire_while_one_of_them_does():
    of = rule(alert_labels={"host": ""})
    one = fingerprint(of)
    assert one == fingerprint(of, B)
    for verdicts in (
        [said("firing", A, of=of), said("ok", B, of=of)],
        [said("ok", A, of=of), said("firing", B, of=of)],
    ):
        assert without_doubles(verdicts) == verdicts
        assert reports(verdicts, one) == [(one, "firing")]
    assert reports([said("ok", A, of=of), said("held", B, of=of)], one) == [(one, "held")]
    assert reports([said("ok", A, of=of), said("ok", B, of=of)], one) == [(one, "over")]


def test_an_alert_that_is_named_by_its_value_is_over_when_that_is_another():
    of = rule(alert_labels={"level": "{{ $value }}"})
    old, new = fingerprint(of, A, 11.0), fingerprint(of, A, 12.0)
    assert old != new
    assert reports([said("firing", A, 12.0, of=of)], old) == [(new, "firing"), (old, "over")]
    assert reports([said("ok", A, 1.0, of=of)], old) == [(old, "over")]


@pytest.mark.parametrize("outcome", ["no_data", "error"])
def test_but_not_while_a_group_cannot_be_judged(outcome):
    of = rule(alert_labels={"level": "{{ $value }}"})
    assert reports([said("ok", A, 1.0, of=of), said(outcome, B, None, of=of)], fingerprint(of)) == []


def test_a_report_says_what_was_evaluated():
    of = rule(pending_for=timedelta(minutes=1), keep_firing_for=timedelta(minutes=2), service="shop")
    (verdict,) = evaluate([of], windows([of], {(("host", "a"),): [(0, 11.0), (5, 13.0)]}))
    (report,) = reports_of([verdict], {}, NOW)
    assert (report.namespace, report.by_rule, report.event_at) == ("rule:r", True, NOW)
    assert (report.value, report.threshold, report.service) == (12.0, 10.0, "shop")
    assert (report.pending_for, report.keep_firing_for) == (timedelta(minutes=1), timedelta(minutes=2))
    assert report.evaluation == {
        "rule_version": 1,
        "outcome": "firing",
        "value": 12.0,
        "threshold": 10.0,
        "window": "1m",
        "n_samples": 2,
    }
    assert report.reason == "avg of queue.length over 1m is 12, greater than 10 (2 samples)"


def test_verdicts_of_several_rules_keep_to_their_own_alerts():
    one, other = rule(id="one"), rule(id="other")
    waiting = {"one": {fingerprint(one)}, "other": {fingerprint(other)}}
    found = reports_of([said("ok", of=one), said("firing", of=other)], waiting, NOW)
    assert [(report.rule_id, report.firing) for report in found] == [("one", False), ("other", True)]
