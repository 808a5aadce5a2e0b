"""What a rule watches, in words that a person would say."""

import pytest

from dashboard.components import rule_list
from dashboard.components.rule_wording import conditions, health_of, matcher, selector_texts, watched

CPU = {
    "source": "metric",
    "metric": "system.cpu.usage",
    "aggregation": "avg",
    "operator": "greater_than",
    "threshold": 90.0,
    "evaluation_window": "30s",
}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "avg of system.cpu.usage over 30s above 90 %"),
        ({"labels": {"host": "web-1"}}, 'avg of system.cpu.usage{host="web-1"} over 30s above 90 %'),
        ({"operator": "outside_range", "threshold": [10, 90]}, "avg of system.cpu.usage over 30s outside 10 to 90 %"),
        ({"aggregation": "rate", "threshold": 5}, "rate of system.cpu.usage over 30s above 5 /s"),
        ({"aggregation": "count"}, "count of system.cpu.usage over 30s above 90"),
        ({"operator": "absent", "threshold": None}, "no system.cpu.usage for 30s"),
        (
            {"operator": "anomaly", "threshold": 4, "season": "1d"},
            "avg of system.cpu.usage over 30s unusual by its season of 1d, z-score above 4",
        ),
        (
            {"source": "log", "metric": "", "aggregation": "count", "pattern": "time.?out", "level": "error"},
            "count of log entries of level error and worse that match time.?out over 30s above 90",
        ),
        (
            {"source": "event", "metric": "", "aggregation": "count", "type": "payment.failed"},
            "count of events payment.failed over 30s above 90",
        ),
        ({"source": "prometheus", "metric": "", "query": "up", "operator": None}, "up returns anything"),
        ({"source": "prometheus", "metric": "", "query": "up", "operator": "less_than", "threshold": 1}, "up below 1"),
    ],
)
def test_every_source_and_operator_has_its_sentence(changes, text):
    assert watched({**CPU, **changes}) == text


def test_the_times_that_a_rule_waits_belong_to_its_sentence():
    rule = {**CPU, "for": "2m", "keep_firing_for": "5m", "resolve_threshold": 80}
    assert conditions(rule) == (
        "avg of system.cpu.usage over 30s above 90 %, for 2m, until it is back at 80 %, and 5m longer"
    )
    assert conditions({**CPU, "for": "0s", "keep_firing_for": "0s", "resolve_threshold": None}) == watched(CPU)


@pytest.mark.parametrize(
    ("selector", "texts"),
    [
        (None, []),
        ({"host": "web-1", "path": 'a"b\\'}, ['host="web-1"', 'path="a\\"b\\\\"']),
        ({"host": "=~web.*", "zone": "!=b"}, ['host=~"web.*"', 'zone!="b"']),
        (['host=~"web.*"'], ['host=~"web.*"']),
    ],
)
def test_a_selector_is_shown_as_matchers_whichever_way_it_was_written(selector, texts):
    assert selector_texts(selector) == texts


def test_a_label_with_an_unusual_name_is_quoted():
    assert matcher("a b", "=", "c") == '"a b"="c"'


def test_a_rule_that_is_off_is_not_called_healthy():
    assert health_of({"enabled": False, "health": "ok"}) == "off"
    assert health_of({"enabled": True, "health": "late"}) == "late"


def test_ill_health_always_has_a_reason():
    said = {"enabled": True, "health": "error", "health_reason": "no such data source"}
    assert rule_list.health_reason(said) == "no such data source"
    for health in ("pending", "late", "no_data"):
        assert rule_list.health_reason({"enabled": True, "health": health})
    assert rule_list.health_reason({"enabled": True, "health": "ok"}) == ""
