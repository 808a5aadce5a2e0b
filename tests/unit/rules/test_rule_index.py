"""Which rules a series that has just sent makes due."""

import pytest

from app.rules.domain.rule import Operator, Source
from app.rules.domain.selection import Arrived, Due, RuleIndex, due_by_arrival
from app.telemetry.domain import Series
from tests.unit.rules.making import rule

INDEX = RuleIndex(
    [
        rule(id="all"),
        rule(id="web-1", labels={"host": "web-1"}),
        rule(id="web-1-prod", labels={"host": "web-1", "env": "prod"}),
        rule(id="web", labels=('host=~"web.*"',)),
        rule(id="no-host", labels={"host": ""}),
        rule(id="other-metric", metric="queue.age"),
    ]
)


def due(*labels):
    return set(INDEX.selecting([Series.of("queue.length", one) for one in labels]))


def test_a_series_makes_the_rules_due_that_select_it():
    assert due({"host": "web-1", "env": "prod"}) == {"all", "web-1", "web-1-prod", "web"}
    assert due({"host": "web-1"}) == {"all", "web-1", "web"}
    assert due({"host": "db"}) == {"all"}
    assert due({}) == {"all", "no-host"}


def test_many_series_make_due_what_any_of_them_does():
    assert due({"host": "db"}, {}, {"host": "web-9"}) == {"all", "no-host", "web"}


def test_a_metric_without_rules_makes_nothing_due():
    assert INDEX.selecting([Series.of("nobody.asks", {})]) == {}


def test_a_rule_that_counts_is_due_when_its_own_series_has_a_sample():
    counting = rule(id="logs", metric="", source=Source.LOG, labels={"host": "a"}, group_by=("zone",))
    index = RuleIndex([counting, rule(id="metric", metric="")])
    assert set(index.selecting([Series.of(counting.series_metric, {"zone": "1"})])) == {"logs"}


def arrived(of, *values):
    return {of.id: Arrived(of, [Series.of("queue.length", {"host": value}) for value in values])}


def test_a_rule_of_many_alerts_is_judged_for_the_series_that_sent():
    assert due_by_arrival(arrived(rule(), "a"), {"r": 1}) == Due(("r",), {}, ())
    due = due_by_arrival(arrived(rule(), "a"), {"r": 20_000})
    assert (due.whole, due.later) == ((), ())
    assert [one.labels for one in due.parts["r"]] == [{"host": "a"}]
    assert set(due_by_arrival(arrived(rule(group_by=("host",)), "a"), {"r": 20}).parts) == {"r"}


@pytest.mark.parametrize(
    "changes", [{"group_by": ()}, {"operator": Operator.ABSENT, "threshold": None}, {"alert_labels": {"team": "x"}}]
)
def test_a_rule_whose_alert_rests_on_all_series_is_judged_as_a_whole_and_not_with_each_of_very_many(changes):
    assert due_by_arrival(arrived(rule(**changes), "a"), {"r": 20}) == Due(("r",), {}, ())
    assert due_by_arrival(arrived(rule(**changes), "a"), {"r": 20_000}) == Due((), {}, ("r",))


def test_groups_of_very_many_series_wait_a_little():
    assert due_by_arrival(arrived(rule(group_by=("host",)), "a"), {"r": 20_000}) == Due((), {}, ("r",))
