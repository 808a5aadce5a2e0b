"""The body of a rule: what is accepted, what is refused, and that it comes back as it came in."""

from datetime import UTC, datetime, timedelta

import marshmallow as ma
import pytest

from app.rules.domain import Definition, Health, Rule
from app.rules.schemas import RuleIn, RulePatch, rule_out
from app.rules.store import Stored, columns_of, rule_of
from tests.unit.rules.seed import SEED

FULL = {
    **SEED,
    "source": "metric",
    "aggregation": "max",
    "for": "1m30s",
    "interval": "10s",
    "min_samples": 3,
    "labels": {"host": "=~web.*", "env": "prod"},
    "group_by": ["host"],
    "service": "checkout",
    "runbook_url": "http://wiki/cpu",
    "annotations": {"hint": "top"},
    "enabled": False,
}


def out(body):
    """The body as it comes back after a stay in the database."""
    loaded = RuleIn().load(body)
    rule_id = loaded.pop("id") or "made"
    text = columns_of(rule_id, Definition(**loaded), timedelta(seconds=5))["definition"]
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    return rule_out(Stored(rule_of(rule_id, 1, text), timedelta(seconds=5), at, at, Health.PENDING, None, None, 0, 0))


@pytest.mark.parametrize("body", [SEED, FULL, {**SEED, "labels": ['host=~"web.*"']}, {**SEED, "group_by": []}])
def test_a_rule_comes_back_as_it_came_in(body):
    shown = out(body)
    shown["interval"] = body.get("interval", shown["interval"])
    assert {name: shown[name] for name in body} == body
    assert shown["version"] == 1
    assert shown["created_at"] == "2026-01-31T12:00:00Z"
    assert shown["health"] == "pending"


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("severity", "critical", "CRITICAL"),
        ("severity", "warning", "MEDIUM"),
        ("severity", "P2", "HIGH"),
        ("operator", "Less_Than", "less_than"),
        ("evaluation_window", 90, "1m30s"),
        ("evaluation_window", "300s", "5m"),
        ("for", 0, "0s"),
        ("threshold", 3, 3.0),
        ("notification_channels", ["a", "b", "a"], ["a", "b"]),
        ("group_by", None, None),
    ],
)
def test_other_spellings(field, value, shown):
    assert out({**SEED, field: value})[field] == shown


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "Length"),
        ("metric", "x" * 257, "Length"),
        ("operator", ">", "greater_than"),
        ("operator", 1, "greater_than"),
        ("threshold", "90", "use a number"),
        ("threshold", True, "use a number"),
        ("threshold", float("inf"), "finite"),
        ("severity", "awful", "CRITICAL"),
        ("evaluation_window", "0s", "longer than 0s"),
        ("evaluation_window", "soon", "duration"),
        ("aggregation", "p95", "avg"),
        ("for", "-1m", "duration"),
        ("interval", "10ms", "from 1s"),
        ("min_samples", 0, "1"),
        ("min_samples", 1.5, "integer"),
        ("labels", "host=a", "use"),
        ("labels", {"host": 1}, "use"),
        ("labels", {"host": "=~("}, "regular expression"),
        ("labels", ["nonsense"], "matcher"),
        ("labels", [["host=a"]], "use"),
        ("group_by", "host", "list"),
        ("group_by", [""], "Length"),
        ("runbook_url", "javascript:alert(1)", "URL"),
        ("annotations", {"a": 1}, "string"),
        ("source", "log", "supported: metric"),
        ("enabled", "yes", "boolean"),
        ("id", "No Slug", "lower-case"),
        ("thresold", 1, "did you mean threshold?"),
    ],
)
def test_refused_with_the_mend(field, value, words):
    with pytest.raises(ma.ValidationError) as refused:
        RuleIn().load({**SEED, field: value})
    assert list(refused.value.messages) == [field]
    assert words.lower() in str(refused.value.messages).lower()


def test_what_must_be_given():
    assert set(RuleIn().validate({})) == {"name", "metric", "operator", "threshold", "severity"}


def test_a_patch_holds_only_what_it_names():
    assert RulePatch(partial=True).load({"threshold": 5}) == {"threshold": 5.0}


def test_a_definition_that_cannot_be_read_says_so():
    for text in ("{}", "nonsense", '{"name":"a","metric":"m","operator":"??","threshold":1,"severity":"HIGH"}'):
        with pytest.raises(ValueError, match=r"."):
            rule_of("r", 1, text)


def test_a_stored_rule_equals_what_was_stored():
    loaded = RuleIn().load(FULL)
    rule_id = loaded.pop("id")
    text = columns_of(rule_id, Definition(**loaded), timedelta(seconds=5))["definition"]
    assert rule_of(rule_id, 7, text) == Rule(id=rule_id, version=7, **loaded)
