"""Which rules a series that has just sent makes due."""

from app.rules.domain.rule import Source
from app.rules.domain.selection import RuleIndex
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
    return INDEX.due([Series.of("queue.length", one) for one in labels])


def test_a_series_makes_the_rules_due_that_select_it():
    assert due({"host": "web-1", "env": "prod"}) == {"all", "web-1", "web-1-prod", "web"}
    assert due({"host": "web-1"}) == {"all", "web-1", "web"}
    assert due({"host": "db"}) == {"all"}
    assert due({}) == {"all", "no-host"}


def test_many_series_make_due_what_any_of_them_does():
    assert due({"host": "db"}, {}, {"host": "web-9"}) == {"all", "no-host", "web"}


def test_a_metric_without_rules_makes_nothing_due():
    assert INDEX.due([Series.of("nobody.asks", {})]) == set()


def test_a_rule_that_counts_is_due_when_its_own_series_has_a_sample():
    counting = rule(id="logs", metric="", source=Source.LOG, labels={"host": "a"}, group_by=("zone",))
    index = RuleIndex([counting, rule(id="metric", metric="")])
    assert index.due([Series.of(counting.series_metric, {"zone": "1"})]) == {"logs"}
