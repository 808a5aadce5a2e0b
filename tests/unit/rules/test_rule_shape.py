"""The body of a rule: what is accepted, what is refused, and that it comes back as it came in."""

from datetime import UTC, datetime, timedelta

import marshmallow as ma
import pytest

from app.rules.domain import Definition, Health, Rule
from app.rules.domain.checks import problems
from app.rules.schemas.definition import RuleIn, RulePatch
from app.rules.schemas.shown import rule_out
from app.rules.store import Stored, columns_of, rule_of
from tests.unit.rules.seed import SEED

FULL = {
    **SEED,
    "source": "metric",
    "aggregation": "p95",
    "for": "1m30s",
    "keep_firing_for": "2m",
    "resolve_threshold": 80.0,
    "no_data": "alert",
    "interval": "10s",
    "min_samples": 3,
    "labels": {"host": "=~web.*", "env": "prod"},
    "group_by": ["host"],
    "service": "checkout",
    "runbook_url": "http://wiki/cpu",
    "alert_labels": {"team": "shop"},
    "annotations": {"hint": "top"},
    "correlation": "deny",
    "enabled": False,
}


def out(body):
    """The body as it comes back after a stay in the database."""
    loaded = RuleIn().load(body)
    rule_id = loaded.pop("id") or "made"
    text = columns_of(rule_id, Definition(**loaded), timedelta(seconds=5))["definition"]
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    rule = rule_of(rule_id, 1, text)
    return rule_out(Stored(rule, timedelta(seconds=5), at, at, at, Health.PENDING, None, None, 0, 0), at)


WITHOUT_METRIC = {name: value for name, value in SEED.items() if name != "metric"}
RANGE = {**SEED, "operator": "outside_range", "threshold": [10.0, 90.0]}
ABSENT = {**{name: value for name, value in SEED.items() if name != "threshold"}, "operator": "absent"}
ANOMALY = {**SEED, "operator": "anomaly", "threshold": 4.0, "season": "7d"}
LOG = {**WITHOUT_METRIC, "source": "log", "pattern": "out of memory", "level": "error", "group_by": ["host"]}
EVENT = {**WITHOUT_METRIC, "source": "event", "type": "payment.failed"}
PROMETHEUS = {
    **{name: value for name, value in WITHOUT_METRIC.items() if name not in ("operator", "threshold")},
    "source": "prometheus",
    "query": "up == 0",
    "datasource": "main",
}
KINDS = [SEED, FULL, RANGE, ABSENT, ANOMALY, LOG, EVENT, PROMETHEUS]


@pytest.mark.parametrize("body", [*KINDS, {**SEED, "labels": ['host=~"web.*"']}, {**SEED, "group_by": []}])
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
        ("aggregation", "p42", "avg"),
        ("threshold", [1], "two numbers"),
        ("threshold", [1, "2"], "use a number"),
        ("no_data", "panic", "keep"),
        ("resolve_threshold", "1", "use a number"),
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
        ("source", "trace", "metric, log"),
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
    assert set(RuleIn().validate({})) == {"name", "severity"}


def mistakes(body):
    loaded = RuleIn().load(body)
    loaded.pop("id")
    return problems(Definition(**loaded), timedelta(days=1))


@pytest.mark.parametrize("body", KINDS)
def test_what_goes_together_is_accepted(body):
    assert mistakes(body) == {}


@pytest.mark.parametrize(
    ("body", "changes", "field", "words"),
    [
        (WITHOUT_METRIC, {}, "metric", "which metric"),
        (SEED, {"metric": "rule:x"}, "metric", "system's own"),
        (SEED, {"operator": None}, "operator", "greater_than"),
        (SEED, {"threshold": None}, "threshold", "compared with"),
        (SEED, {"threshold": [1, 2]}, "threshold", "one number"),
        (SEED, {"pattern": "x"}, "pattern", "source log"),
        (SEED, {"query": "up"}, "query", "source prometheus"),
        (SEED, {"season": "1d"}, "season", "anomaly"),
        (SEED, {"evaluation_window": "2d"}, "evaluation_window", "kept for 1d"),
        (SEED, {"resolve_threshold": 95}, "resolve_threshold", "at or below"),
        (SEED, {"operator": "less_than", "resolve_threshold": 80}, "resolve_threshold", "at or above"),
        (SEED, {"operator": "equal", "resolve_threshold": 80}, "resolve_threshold", "greater_than"),
        (RANGE, {"resolve_threshold": 80}, "resolve_threshold", "greater_than"),
        (RANGE, {"threshold": 1}, "threshold", "[low, high]"),
        (RANGE, {"threshold": [2, 1]}, "threshold", "low not above high"),
        (ABSENT, {"threshold": 1}, "threshold", "leave it out"),
        (ABSENT, {"no_data": "alert"}, "no_data", "leave it out"),
        (ANOMALY, {"threshold": 0}, "threshold", "above 0"),
        (ANOMALY, {"season": "9m"}, "season", "one value each 5m is kept; use 10m or more"),
        (LOG, {"pattern": "(a"}, "pattern", "regular expression"),
        (LOG, {"pattern": r"(a)\1"}, "pattern", "regular expression"),
        (LOG, {"level": "loud"}, "level", "warning"),
        (LOG, {"metric": "m"}, "metric", "source metric"),
        (EVENT, {"type": None}, "type", "payment.failed"),
        (PROMETHEUS, {"query": " "}, "query", "PromQL"),
        (PROMETHEUS, {"labels": {"a": "b"}}, "labels", "query itself"),
        (PROMETHEUS, {"group_by": ["a"]}, "group_by", "query itself"),
        (PROMETHEUS, {"threshold": 1}, "threshold", "operator"),
        (PROMETHEUS, {"operator": "absent"}, "operator", "absent(up)"),
    ],
)
def test_what_does_not_go_together_is_said_at_its_field(body, changes, field, words):
    found = mistakes({**body, **changes})
    assert list(found) == [field]
    assert words in " ".join(found[field])


def test_entries_are_counted_unless_said_otherwise():
    assert out(LOG)["aggregation"] == out(EVENT)["aggregation"] == "count"
    assert out({**EVENT, "aggregation": "sum"})["aggregation"] == "sum"


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
