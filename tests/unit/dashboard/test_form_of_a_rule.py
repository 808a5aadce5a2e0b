"""What a form holds comes back as the rule that it was, and only what was changed is sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.components.draft import body_of, changes, draft_of, number_of, number_text, pairs_of, pairs_text

RULE = {
    "id": "cpu",
    "version": 3,
    "name": "Busy",
    "description": "",
    "severity": "HIGH",
    "source": "metric",
    "metric": "system.cpu.usage",
    "operator": "greater_than",
    "threshold": 90.5,
    "resolve_threshold": 80.0,
    "evaluation_window": "30s",
    "aggregation": "p95",
    "for": "1m",
    "keep_firing_for": "0s",
    "no_data": "ok",
    "season": None,
    "interval": "5s",
    "min_samples": 5,
    "labels": {"host": "=~web.*"},
    "group_by": ["host"],
    "pattern": None,
    "level": None,
    "type": None,
    "query": None,
    "datasource": None,
    "service": "shop",
    "runbook_url": None,
    "alert_labels": {},
    "annotations": {"summary": "two\nlines", "hint": "x: y"},
    "notification_channels": ["ops"],
    "escalation_policy": None,
    "suppression_rules": [],
    "correlation": "allow",
    "enabled": True,
}


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"operator": "inside_range", "threshold": [1.0, 2.5], "resolve_threshold": None},
        {"operator": "absent", "threshold": None, "resolve_threshold": None, "no_data": "keep"},
        {"operator": "anomaly", "threshold": 4.0, "season": "1d", "resolve_threshold": None},
        {"source": "log", "metric": "", "pattern": "x", "level": "error", "group_by": None},
        {"source": "event", "metric": "", "type": "payment.failed", "group_by": []},
        {"labels": ['host=~"web.*"']},
        {
            "source": "prometheus",
            "metric": "",
            "query": "up",
            "datasource": "main",
            "labels": {},
            "group_by": None,
            "operator": None,
            "threshold": None,
            "resolve_threshold": None,
        },
    ],
)
def test_a_form_that_nobody_touched_changes_nothing(own):
    rule = {**RULE, **own}
    assert changes(body_of(draft_of(rule), rule), rule) == {}


def test_only_what_was_changed_is_sent():
    draft = {**draft_of(RULE), "threshold": "95", "description": " more "}
    assert changes(body_of(draft, RULE), RULE) == {"threshold": 95.0, "description": "more"}


def test_another_source_empties_what_only_the_old_one_knows():
    body = body_of({**draft_of(RULE), "source": "log", "pattern": "x"}, RULE)
    assert (body["metric"], body["pattern"], body["source"]) == ("", "x", "log")
    back = body_of({**draft_of(RULE), "pattern": "typed before"}, RULE)
    assert back["pattern"] is None


def test_another_operator_empties_what_only_the_old_one_knows():
    body = body_of({**draft_of(RULE), "operator": "absent"}, RULE)
    assert (body["threshold"], body["resolve_threshold"]) == (None, None)
    body = body_of({**draft_of(RULE), "operator": "outside_range", "low": "1", "high": "2"}, RULE)
    assert body["threshold"] == [1.0, 2.0]


def test_what_is_no_number_stays_a_text_so_that_the_api_says_where():
    draft = {**draft_of(RULE), "threshold": "many", "min_samples": "some"}
    body = body_of(draft, RULE)
    assert (body["threshold"], body["min_samples"]) == ("many", "some")


def test_a_selector_that_was_changed_is_sent_as_matchers():
    draft = {**draft_of(RULE), "labels": ['host="web-1"']}
    assert changes(body_of(draft, RULE), RULE) == {"labels": ['host="web-1"']}


def test_an_id_is_given_to_a_new_rule_only():
    draft = {**draft_of({"metric": "m"}), "id": "mine"}
    assert body_of(draft)["id"] == "mine"
    assert "id" not in body_of(draft, RULE)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_the_form(value):
    assert number_of(number_text(value)) == value


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=20), max_size=4))
def test_annotations_survive_the_form(pairs):
    assert pairs_of(pairs_text(pairs)) == pairs
