"""What rules say of their windows."""

from datetime import timedelta

import pytest

from app.rules.domain import Aggregation, Operator, Outcome, Source, evaluate
from tests.unit.rules.making import rule, windows

A = (("host", "a"),)
B = (("host", "b"),)


def verdicts(rules, samples):
    return evaluate(rules, windows(rules, samples))


def only(rules, samples):
    (verdict,) = verdicts(rules, samples)
    return verdict


@pytest.mark.parametrize(
    ("operator", "below", "same", "above"),
    [
        (Operator.GREATER_THAN, False, False, True),
        (Operator.GREATER_OR_EQUAL, False, True, True),
        (Operator.LESS_THAN, True, False, False),
        (Operator.LESS_OR_EQUAL, True, True, False),
        (Operator.EQUAL, False, True, False),
        (Operator.NOT_EQUAL, True, False, True),
    ],
)
def test_operators(operator, below, same, above):
    for value, fires in ((9, below), (10, same), (11, above)):
        verdict = only([rule(operator=operator)], {A: [(0, value)]})
        assert verdict.outcome is (Outcome.FIRING if fires else Outcome.OK)


@pytest.mark.parametrize(("value", "outside"), [(9.9, True), (10, False), (15, False), (20, False), (20.1, True)])
def test_the_bounds_of_a_range_belong_to_its_inside(value, outside):
    ranges = {Operator.OUTSIDE_RANGE: outside, Operator.INSIDE_RANGE: not outside}
    for operator, fires in ranges.items():
        verdict = only([rule(operator=operator, threshold=(10.0, 20.0))], {A: [(0, value)]})
        assert verdict.outcome is (Outcome.FIRING if fires else Outcome.OK)


@pytest.mark.parametrize(
    ("operator", "end", "outcomes"),
    [
        (Operator.GREATER_THAN, 8.0, {8: "ok", 8.1: "held", 10: "held", 10.1: "firing"}),
        (Operator.GREATER_OR_EQUAL, 8.0, {7.9: "ok", 8: "held", 9.9: "held", 10: "firing"}),
        (Operator.LESS_THAN, 12.0, {12: "ok", 11.9: "held", 10: "held", 9.9: "firing"}),
    ],
)
def test_an_alert_ends_further_away_than_it_began(operator, end, outcomes):
    hysteresis = rule(operator=operator, resolve_threshold=end)
    assert {value: only([hysteresis], {A: [(0, value)]}).outcome for value in outcomes} == outcomes


def test_the_reason_of_what_is_held_names_the_end():
    verdict = only([rule(resolve_threshold=8.0, aggregation=Aggregation.LAST)], {A: [(0, 9)]})
    assert verdict.reason == (
        "last of queue.length over 1m is 9, not greater than 10, and not yet past 8, where an alert ends (1 sample)"
    )


def test_absence_of_everything_is_one_alert_with_the_labels_that_were_asked_for():
    gone = rule(operator=Operator.ABSENT, threshold=None, labels={"host": "a", "zone": "=~x.*"})
    firing = only([gone], {B: [(0, 1)]})
    assert (firing.outcome, firing.labels, firing.value) == (Outcome.FIRING, {"host": "a"}, 1.0)
    assert firing.reason == "no sample of queue.length within 1m"
    assert only([rule(operator=Operator.ABSENT, threshold=None)], {A: [(70, 1)], B: [(0, 1)]}).outcome is Outcome.OK
    assert only([rule(operator=Operator.ABSENT, threshold=None)], {A: [(70, 1)], B: []}).outcome is Outcome.FIRING


def test_absence_by_group_tells_which_fell_silent():
    found = verdicts([rule(operator=Operator.ABSENT, threshold=None, group_by=("host",))], {A: [], B: [(0, 1)]})
    assert [(one.labels, one.outcome) for one in found] == [({"host": "a"}, "firing"), ({"host": "b"}, "ok")]


def test_one_sample_has_no_rate():
    verdict = only([rule(aggregation=Aggregation.RATE)], {A: [(0, 5)]})
    assert (verdict.outcome, verdict.value, verdict.n_samples) == (Outcome.NO_DATA, None, 1)
    assert verdict.reason == "rate needs two samples of queue.length within 1m; there is 1"


def test_a_counter_that_began_anew_did_not_fall():
    verdict = only([rule(aggregation=Aggregation.RATE)], {A: [(30, 100), (20, 130), (10, 5), (0, 20)]})
    assert verdict.value == pytest.approx((30 + 5 + 15) / 30)


def test_entries_that_do_not_come_are_none_and_that_is_a_value():
    logs = {"source": Source.LOG, "metric": "", "aggregation": Aggregation.COUNT, "pattern": "oom"}
    quiet = only([rule(**logs)], {})
    assert (quiet.outcome, quiet.value, quiet.labels) == (Outcome.OK, 0.0, {})
    assert quiet.reason == 'count of log entries matching "oom" over 1m is 0, not greater than 10 (0 samples)'
    assert only([rule(**logs, operator=Operator.LESS_THAN)], {}).outcome is Outcome.FIRING
    assert only([rule(**logs, operator=Operator.ABSENT, threshold=None)], {}).outcome is Outcome.FIRING
    sums = {"source": Source.EVENT, "metric": "", "type": "paid", "aggregation": Aggregation.SUM}
    assert only([rule(**sums)], {}).outcome is Outcome.NO_DATA


@pytest.mark.parametrize(
    ("operator", "value", "outcome", "shown"),
    [
        (Operator.GREATER_THAN, float("inf"), "firing", None),
        (Operator.LESS_THAN, float("inf"), "ok", None),
        (Operator.NOT_EQUAL, float("nan"), "ok", None),
        (None, float("nan"), "firing", None),
        (None, 0.0, "firing", 0.0),
    ],
)
def test_numbers_of_a_server_may_be_none(operator, value, outcome, shown):
    asked = rule(source=Source.PROMETHEUS, metric="", query="q", operator=operator, aggregation=Aggregation.LAST)
    verdict = only([asked], {A: [(0, value)]})
    assert (verdict.outcome, verdict.value) == (outcome, shown)


@pytest.mark.parametrize(
    ("aggregation", "value"),
    [
        (Aggregation.AVG, 4.0),
        (Aggregation.MIN, -1.0),
        (Aggregation.MAX, 9.0),
        (Aggregation.SUM, 12.0),
        (Aggregation.LAST, -1.0),
        (Aggregation.COUNT, 3.0),
        (Aggregation.RATE, (5 - 1) / 20),
        (Aggregation.DELTA, -5.0),
        (Aggregation.P50, 4.0),
    ],
)
def test_aggregations(aggregation, value):
    assert only([rule(aggregation=aggregation)], {A: [(30, 4), (10, -1), (20, 9)]}).value == value


def test_a_window_holds_its_end_and_not_its_beginning():
    verdict = only([rule(aggregation=Aggregation.SUM)], {A: [(60, 1), (59.999, 2), (0, 4), (-0.001, 8)]})
    assert (verdict.value, verdict.n_samples) == (6.0, 2)


def test_every_series_is_judged_by_itself_unless_grouped():
    found = verdicts([rule()], {A: [(0, 5)], B: [(0, 50)]})
    assert [(one.labels, one.outcome) for one in found] == [({"host": "a"}, "ok"), ({"host": "b"}, "firing")]


def test_grouping_merges_series_that_share_the_labels():
    samples = {
        (("host", "a"), ("disk", "1")): [(5, 10)],
        (("host", "b"), ("disk", "1")): [(4, 100)],
        (("host", "a"), ("disk", "2")): [(3, 30)],
    }
    found = verdicts([rule(group_by=("host",), aggregation=Aggregation.AVG)], samples)
    assert [(one.labels, one.value, one.n_samples) for one in found] == [
        ({"host": "a"}, 20, 2),
        ({"host": "b"}, 100, 1),
    ]
    (whole,) = verdicts([rule(group_by=(), aggregation=Aggregation.LAST)], samples)
    assert (whole.labels, whole.value, whole.n_samples) == ({}, 30.0, 3)


def test_a_label_that_is_missing_is_no_value_that_is_shared():
    found = verdicts([rule(group_by=("zone", "host"))], {A: [(0, 1)], (("zone", "x"), ("host", "a")): [(0, 2)]})
    assert [one.labels for one in found] == [{"host": "a"}, {"zone": "x", "host": "a"}]


def test_too_few_samples_are_no_data():
    verdict = only([rule(min_samples=3)], {A: [(0, 99), (1, 99), (600, 99)]})
    assert (verdict.outcome, verdict.value, verdict.n_samples) == (Outcome.NO_DATA, None, 2)
    assert verdict.reason == "2 of the 3 samples of queue.length that are needed within 1m"


def test_a_silent_series_is_no_data_beside_those_that_send():
    found = verdicts([rule(aggregation=Aggregation.COUNT, operator=Operator.LESS_THAN)], {A: [], B: [(0, 1)]})
    assert [(one.labels, one.outcome) for one in found] == [({"host": "a"}, "no_data"), ({"host": "b"}, "firing")]


def test_a_rule_without_any_series_is_no_data():
    verdict = only([rule()], {})
    assert (verdict.outcome, verdict.labels) == (Outcome.NO_DATA, {})
    assert verdict.reason == "no sample of queue.length within 1m"


def test_the_reason_can_be_read_aloud():
    firing = only([rule(window=timedelta(seconds=30))], {A: [(0, 96.1), (1, 96.3)]})
    assert firing.reason == "avg of queue.length over 30s is 96.2, greater than 10 (2 samples)"
    calm = only([rule(operator=Operator.EQUAL, aggregation=Aggregation.MAX)], {A: [(0, 1)]})
    assert calm.reason == "max of queue.length over 1m is 1, not equal to 10 (1 sample)"


def test_what_overflows_is_an_error_of_its_group_alone():
    found = verdicts([rule(aggregation=Aggregation.SUM)], {A: [(0, 1e308), (1, 1e308)], B: [(0, 11)]})
    assert [one.outcome for one in found] == [Outcome.ERROR, Outcome.FIRING]


def test_the_mean_of_a_constant_is_that_constant():
    verdict = only([rule(operator=Operator.GREATER_OR_EQUAL, threshold=0.1)], {A: [(n, 0.1) for n in range(60)]})
    assert verdict.value == 0.1
    assert verdict.outcome is Outcome.FIRING


def test_no_rules_no_verdicts():
    assert verdicts([], {}) == []


@pytest.mark.parametrize("aggregation", [Aggregation.AVG, Aggregation.SUM, Aggregation.STDDEV])
@pytest.mark.parametrize("values", [[1e308, 1e308, 0.0], [-1e308, -1e308, 1e308, 1e308] * 8])
def test_numbers_that_cannot_be_computed_with_are_an_error_and_no_silent_number(aggregation, values):
    found = only([rule(aggregation=aggregation)], {A: [(n / 10, value) for n, value in enumerate(values)]})
    assert (found.outcome, found.value) == (Outcome.ERROR, None)


def test_infinities_of_both_signs_are_an_error_and_not_missing_data():
    great, least = [(0, 1.7e308), (1, 1.7e308)], [(0, -1.7e308), (1, -1.7e308)]
    assert only([rule(aggregation=Aggregation.SUM, group_by=())], {A: great, B: least}).outcome is Outcome.ERROR
    risen, fallen = [(1, -1.7e308), (0, 1.7e308)], [(1, 1.7e308), (0, -1.7e308)]
    assert only([rule(aggregation=Aggregation.DELTA, group_by=())], {A: risen, B: fallen}).outcome is Outcome.ERROR


def test_a_median_of_great_numbers_is_one_of_them():
    found = only([rule(aggregation=Aggregation.P50)], {A: [(0, -1.7e308), (1, 1e308), (2, 1.7e308)]})
    assert (found.outcome, found.value) == (Outcome.FIRING, 1e308)
