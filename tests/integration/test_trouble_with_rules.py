"""Broken rules and silent sources: one alert of our own each, nothing for the others, and an end when it is mended."""

import pytest

from app import pipeline
from app.core.clock import utcnow
from tests.integration.evaluating import damage, evaluate_all, keep

RULE = {
    "name": "Queue is long",
    "metric": "queue.length",
    "operator": "greater_than",
    "threshold": 10,
    "severity": "HIGH",
    "aggregation": "last",
}
BAD_TEMPLATE = (
    '{"name":"Bad","severity":"HIGH","metric":"queue.length","operator":"greater_than","threshold":1,'
    '"annotations":{"summary":"{{ $labels.host"}}'
)
BAD_SELECTOR = '{"name":"Bad","severity":"HIGH","metric":"queue.length","labels":["host=~\\"(\\""]}'


@pytest.fixture
def call(client, headers):
    def send(method, path, body=None, role="admin", **args):
        return client.open(path, method=method, json=body, query_string=args, headers=headers(role))

    return send


@pytest.fixture
def make(call):
    def create(rule_id, **more):
        answer = call("POST", "/rules", {**RULE, "id": rule_id, **more})
        assert answer.status_code == 201, answer.text

    return create


@pytest.fixture
def alerts(call):
    """The alerts by name and status."""
    return lambda: sorted((one["name"], one["status"]) for one in call("GET", "/alerts", role="viewer").json["items"])


@pytest.mark.parametrize("definition", ["{}", "no JSON", BAD_TEMPLATE, BAD_SELECTOR])
def test_a_broken_rule_is_one_alert_and_harms_no_other(runtime, make, alerts, call, definition):
    make("good")
    make("bad", name="Bad")
    damage(runtime, "bad", definition)
    keep(runtime, "queue.length", (1, 12), host="a")
    for _ in range(2):
        assert evaluate_all(runtime) == 2
    assert alerts() == [("Queue is long", "ACTIVE"), ("RuleBroken", "ACTIVE")]
    (told,) = [one for one in call("GET", "/alerts").json["items"] if one["name"] == "RuleBroken"]
    assert told["labels"] == {"rule": "bad"}
    assert told["description"].startswith("The rule Bad cannot be evaluated, so nothing is watched by it: the def")


def test_a_broken_rule_is_shown_with_what_is_wrong_and_hides_no_other(runtime, make, call):
    make("good")
    make("bad", severity="LOW")
    damage(runtime, "bad")
    shown = {one["id"]: one for one in call("GET", "/rules", role="viewer").json["items"]}
    assert set(shown) == {"good", "bad"}
    bad = call("GET", "/rules/bad", role="viewer").json
    for one in (bad, shown["bad"]):
        assert (one["health"], one["name"], one["severity"], one["metric"]) == (
            "error",
            "Queue is long",
            "LOW",
            "queue.length",
        )
        assert one["health_reason"].startswith("the definition cannot be read: ")
    assert [one["version"] for one in call("GET", "/rules/bad/versions").json["items"]] == [1]
    assert {one["id"] for one in call("GET", "/rules/export", format="json").json["rules"]} == {"good"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/rules/bad", {"threshold": 5}),
        ("POST", "/rules/bad/disable", None),
        ("POST", "/rules/bad/enable", None),
        ("POST", "/rules/bad/evaluate", None),
        ("GET", "/rules/bad/verdicts", None),
        ("POST", "/rules/backtest", {"rule_id": "bad", "samples": [{"timestamp": 0, "value": 1}]}),
    ],
)
def test_what_needs_the_definition_is_a_conflict_that_names_the_mend(runtime, make, call, method, path, body):
    make("bad")
    damage(runtime, "bad")
    answer = call(method, path, body)
    assert answer.status_code == 409
    assert answer.mimetype == "application/problem+json"
    assert answer.json["detail"].startswith("the definition cannot be read: ")
    assert answer.json["detail"].endswith("; send a whole new one by PUT /rules/bad, or delete the rule")


def test_a_put_mends_a_broken_rule_and_its_alert_ends(runtime, make, alerts, call):
    make("bad")
    damage(runtime, "bad")
    evaluate_all(runtime)
    assert alerts() == [("RuleBroken", "ACTIVE")]
    answer = call("PUT", "/rules/bad", {**RULE, "expected_version": 1})
    assert (answer.status_code, answer.json["version"], answer.json["health"]) == (200, 2, "pending")
    keep(runtime, "queue.length", (1, 12), host="a")
    evaluate_all(runtime)
    assert alerts() == [("Queue is long", "ACTIVE"), ("RuleBroken", "RESOLVED")]
    assert [one["change"] for one in call("GET", "/rules/bad/versions").json["items"]] == ["condition", "created"]


def test_a_put_that_is_wrong_leaves_a_broken_rule_as_it_is(runtime, make, call):
    make("bad")
    damage(runtime, "bad")
    assert call("PUT", "/rules/bad", {**RULE, "threshold": None}).status_code == 422
    assert call("PUT", "/rules/bad", {**RULE, "expected_version": 7}).status_code == 409
    assert call("GET", "/rules/bad").json["version"] == 1


def test_a_broken_rule_can_be_deleted_and_its_alerts_end(runtime, make, alerts, call):
    make("bad")
    keep(runtime, "queue.length", (1, 12), host="a")
    evaluate_all(runtime)
    damage(runtime, "bad")
    evaluate_all(runtime)
    assert alerts() == [("Queue is long", "ACTIVE"), ("RuleBroken", "ACTIVE")]
    assert call("DELETE", "/rules/bad").status_code == 204
    evaluate_all(runtime)
    assert alerts() == [("Queue is long", "RESOLVED"), ("RuleBroken", "RESOLVED")]


def test_silence_of_several_rules_is_one_alert_with_the_worst_severity_and_ends_when_all_are_heard(
    runtime, make, alerts, call
):
    make("one", no_data="alert", severity="LOW", name="One")
    make("two", no_data="alert", severity="CRITICAL", name="Two", metric="queue.age")
    make("kept", metric="queue.other")
    for _ in range(2):
        evaluate_all(runtime)
    (alert,) = call("GET", "/alerts", role="viewer").json["items"]
    assert (alert["name"], alert["severity"], alert["labels"]) == ("NoData", "CRITICAL", {"datasource": "metric"})
    assert alert["description"].endswith("Rules that wait for it: One, Two.")
    keep(runtime, "queue.age", (1, 1))
    evaluate_all(runtime)
    (alert,) = call("GET", "/alerts", role="viewer").json["items"]
    assert (alert["status"], alert["id"]) == ("ACTIVE", alert["id"])
    keep(runtime, "queue.length", (1, 1))
    evaluate_all(runtime)
    assert alerts() == [("NoData", "RESOLVED")]
    assert call("GET", "/rules/kept").json["health"] == "no_data"


@pytest.mark.parametrize(("policy", "status"), [("keep", "ACTIVE"), ("ok", "RESOLVED")])
def test_silence_ends_an_alert_only_where_the_rule_says_so(runtime, make, alerts, policy, status):
    make("r", no_data=policy, evaluation_window="1m")
    keep(runtime, "queue.length", (1, 12), host="a")
    evaluate_all(runtime)
    runtime.redis.delete(*runtime.redis.keys("sample:*"))
    evaluate_all(runtime)
    assert alerts() == [("Queue is long", status)]


def test_switching_a_silent_rule_off_ends_the_alert_about_it(runtime, make, alerts, call):
    make("r", no_data="alert")
    evaluate_all(runtime)
    assert alerts() == [("NoData", "ACTIVE")]
    call("POST", "/rules/r/disable")
    evaluate_all(runtime)
    assert alerts() == [("NoData", "RESOLVED")]


def test_a_new_anomaly_rule_has_no_past_and_that_is_no_silence(runtime, make, alerts, call):
    make("young", operator="anomaly", threshold=4, no_data="alert")
    keep(runtime, "queue.length", (1, 12), host="a")
    evaluate_all(runtime)
    rule = call("GET", "/rules/young").json
    assert rule["health"] == "no_data"
    assert "of the 12 values of the past" in rule["health_reason"]
    assert alerts() == []


def test_a_sum_beyond_all_numbers_is_an_error_of_its_group_and_stops_nobody(runtime, make, alerts, call):
    make("sum", aggregation="sum", name="Sum")
    make("mean", aggregation="avg", name="Mean", labels={"host": "a"})
    make("good")
    keep(runtime, "queue.length", (3, 1e308), (2, 1e308), (1, 1), host="a")
    keep(runtime, "queue.length", (1, 12), host="b")
    evaluate_all(runtime)
    assert alerts() == [
        ("Queue is long", "ACTIVE"),
        ("RuleBroken", "ACTIVE"),
        ("RuleBroken", "ACTIVE"),
        ("Sum", "ACTIVE"),
    ]
    verdicts = call("GET", "/rules/sum/verdicts").json["verdicts"]
    assert [(one["labels"]["host"], one["outcome"], one["value"]) for one in verdicts] == [
        ("b", "firing", 12),
        ("a", "error", None),
    ]
    assert verdicts[1]["reason"] == "sum of queue.length over 5m is beyond what can be computed"
    assert call("GET", "/rules/good").json["health"] == "ok"
    runtime.redis.delete(*runtime.redis.keys("sample:*"))
    keep(runtime, "queue.length", (1, 12), host="a")
    evaluate_all(runtime)
    assert ("RuleBroken", "ACTIVE") not in alerts()


def test_a_band_beyond_all_numbers_takes_no_list_with_it(runtime, make, call):
    make("wide", operator="anomaly", threshold=1e308)
    keep(runtime, "queue.length", *[(300 * n, n) for n in range(20)], host="a")
    evaluate_all(runtime)
    (verdict,) = call("GET", "/rules/wide/verdicts").json["verdicts"]
    assert verdict["outcome"] == "ok"
    assert None not in verdict["threshold"]
    assert call("GET", "/rules").status_code == 200


def test_verdicts_that_another_release_left_are_as_good_as_none(runtime, make, call):
    make("r")
    evaluate_all(runtime)
    runtime.redis.set("verdicts:r", b'["something", "else"]')
    (rule,) = call("GET", "/rules").json["items"]
    assert rule["n_series"] is None
    assert call("GET", "/rules/r/verdicts").json["verdicts"] == []


def test_a_person_may_resolve_an_alert_about_ourselves_and_it_comes_back_only_when_it_was_over(
    runtime, make, alerts, call
):
    make("bad")
    damage(runtime, "bad")
    evaluate_all(runtime)
    (alert,) = call("GET", "/alerts").json["items"]
    assert call("POST", f"/alerts/{alert['id']}/resolve", {"note": "known"}).status_code == 200
    pipeline.tidy(runtime, utcnow())
    assert alerts() == [("RuleBroken", "RESOLVED")]

    call("PUT", "/rules/bad", RULE)
    evaluate_all(runtime)
    assert alerts() == [("RuleBroken", "RESOLVED")]
    damage(runtime, "bad")
    evaluate_all(runtime)
    assert alerts() == [("RuleBroken", "ACTIVE")]
