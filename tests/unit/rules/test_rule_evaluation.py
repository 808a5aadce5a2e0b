"""What rules say of their windows."""

from datetime import timedelta

import pytest

from app.rules.domain import Aggregation, Operator, Outcome, evaluate
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


@pytest.mark.parametrize(
    ("aggregation", "value"),
    [
        (Aggregation.AVG, 4.0),
        (Aggregation.MIN, -1.0),
        (Aggregation.MAX, 9.0),
        (Aggregation.SUM, 12.0),
        (Aggregation.LAST, -1.0),
        (Aggregation.COUNT, 3.0),
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
