"""Alerts of rules through the API and the pipeline: hysteresis, `keep_firing_for`, and what the timeline keeps."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app import pipeline
from app.alerts.store import ALERTS
from app.core.clock import utcnow
from tests.integration.evaluating import evaluate_all, keep

RULE = {
    "id": "queue",
    "name": "Queue is long",
    "metric": "queue.length",
    "operator": "greater_than",
    "threshold": 10,
    "severity": "HIGH",
    "aggregation": "last",
}


@pytest.fixture
def call(client, headers):
    def send(method, path, body=None, role="admin", **args):
        answer = client.open(path, method=method, json=body, query_string=args, headers=headers(role))
        assert answer.status_code < 300, answer.text
        return answer.json

    return send


@pytest.fixture
def after(runtime, call):
    """The one alert after a sample has arrived and was evaluated; None when there is none."""

    def send(value):
        sample = {"metric": "queue.length", "value": value, "labels": {"host": "a"}, "timestamp": utcnow().isoformat()}
        assert call("POST", "/metrics/ingest", {"samples": [sample]}, role="ingest")["accepted"] == 1
        assert pipeline.evaluate(runtime) == 1
        found = call("GET", "/alerts", role="viewer", status=["PENDING", "ACTIVE", "RESOLVED"])["items"]
        assert len(found) <= 1
        return found[0] if found else None

    return send


def story(call, alert):
    return call("GET", f"/alerts/{alert['id']}", role="viewer")["timeline"]


def test_hysteresis_holds_an_alert_until_the_value_is_far_enough_down(call, after):
    call("POST", "/rules", {**RULE, "resolve_threshold": 8, "annotations": {"summary": "{{ $value }} wait"}})
    assert after(9) is None
    assert after(12)["status"] == "ACTIVE"
    for value in (9.5, 10, 8.1):
        held = after(value)
        assert (held["status"], held["value"], held["annotations"]) == ("ACTIVE", 12, {"summary": "12 wait"})
    over = after(8)
    assert (over["status"], over["value"]) == ("RESOLVED", 12)
    assert after(9)["status"] == "RESOLVED"
    assert [line["kind"] for line in story(call, over)] == ["opened", "resolved"]


def test_keep_firing_for_holds_it_from_the_first_false_one(call, after, runtime):
    call("POST", "/rules", {**RULE, "keep_firing_for": "3m"})

    def wait(minutes):
        moved = utcnow() - timedelta(minutes=minutes)
        with runtime.transaction() as session:
            assert session.execute(sa.update(ALERTS).values(clearing_since=moved)).rowcount == 1

    assert after(12)["status"] == "ACTIVE"
    assert after(3)["status"] == "ACTIVE"
    wait(2.5)
    assert after(4)["status"] == "ACTIVE"
    assert after(11)["value"] == 11  # a true one: the time begins anew
    assert after(5)["status"] == "ACTIVE"
    wait(3)
    over = after(6)
    assert (over["status"], over["value"]) == ("RESOLVED", 11)


def test_for_is_waited_for_and_a_pending_alert_is_dropped_and_counted(call, after, runtime):
    call("POST", "/rules", {**RULE, "for": "5m", "resolve_threshold": 8})
    assert after(12)["status"] == "PENDING"
    assert after(9) is None  # held is not true: only what fires is held
    assert call("GET", "/rules/queue")["n_dropped"] == 1
    assert after(12)["status"] == "PENDING"
    with runtime.transaction() as session:
        session.execute(sa.update(ALERTS).values(pending_since=utcnow() - timedelta(minutes=5)))
    assert after(13)["status"] == "ACTIVE"


def test_the_timeline_keeps_the_evaluations_that_changed_something(call, after):
    call("POST", "/rules", RULE)
    after(12)
    opened, resolved = story(call, after(3))
    assert opened["detail"]["evaluation"] == {
        "rule_version": 1,
        "outcome": "firing",
        "value": 12,
        "threshold": 10,
        "window": "5m",
        "n_samples": 1,
    }
    assert opened["reason"] == "last of queue.length over 5m is 12, greater than 10 (1 sample)"
    evaluation = resolved["detail"]["evaluation"]
    assert (evaluation["outcome"], evaluation["value"], evaluation["n_samples"]) == ("ok", 3, 2)
    assert resolved["reason"] == "last of queue.length over 5m is 3, not greater than 10 (2 samples)"


def test_samples_of_the_past_are_judged_in_the_window_that_they_lie_in(call, runtime):
    call("POST", "/rules", {**RULE, "evaluation_window": "10m", "aggregation": "avg"})
    keep(runtime, "queue.length", (9 * 60, 20), (11 * 60, 1000), (5, 10), host="a")
    evaluate_all(runtime)
    (alert,) = call("GET", "/alerts", role="viewer")["items"]
    assert alert["value"] == 15


def test_series_that_alert_labels_make_one_alert_keep_it_open_while_one_of_them_fires(call, runtime):
    call("POST", "/rules", {**RULE, "alert_labels": {"host": ""}})
    keep(runtime, "queue.length", (1, 20), host="a")
    keep(runtime, "queue.length", (1, 1), host="b")
    for _ in range(3):
        evaluate_all(runtime)
    (alert,) = call("GET", "/alerts", role="viewer")["items"]
    assert (alert["status"], alert["episodes"], alert["labels"]) == ("ACTIVE", 1, {})
    keep(runtime, "queue.length", (0, 20), host="b")
    evaluate_all(runtime)
    rule = call("GET", "/rules/queue")
    assert rule["health"] == "error"
    assert rule["health_reason"].startswith("two series become the same alert {}")
    assert call("GET", f"/alerts/{alert['id']}")["status"] == "ACTIVE"


def test_an_alert_that_is_named_by_its_value_ends_when_the_value_changes(call, after, runtime):
    call("POST", "/rules", {**RULE, "alert_labels": {"length": "{{ $value }}"}})
    keep(runtime, "queue.length", (2, 12), host="a")
    evaluate_all(runtime)
    keep(runtime, "queue.length", (1, 13), host="a")
    evaluate_all(runtime)
    found = {one["labels"]["length"]: one["status"] for one in call("GET", "/alerts")["items"]}
    assert found == {"12": "RESOLVED", "13": "ACTIVE"}
