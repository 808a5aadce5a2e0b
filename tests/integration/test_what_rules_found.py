"""What is kept of rules and their evaluations: versions, verdicts, health and noise, and the state of the engine."""

import sys

import pytest
import sqlalchemy as sa

from app.core.clock import utcnow
from app.rules.store import RULES
from app.telemetry import service as telemetry
from app.telemetry import store as telemetry_store
from app.telemetry.domain import Sample, milliseconds
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
        return client.open(path, method=method, json=body, query_string=args, headers=headers(role))

    return send


@pytest.fixture
def get(call):
    def read(path, role="viewer", **args):
        answer = call("GET", path, role=role, **args)
        assert answer.status_code == 200, answer.text
        return answer.json

    return read


def test_every_version_tells_what_changed_and_who_did_it(call, get, runtime):
    call("POST", "/rules", RULE)
    call("PATCH", "/rules/queue", {"threshold": 20})
    call("PATCH", "/rules/queue", {"description": "how long"})
    call("PATCH", "/rules/queue", {"description": "how long"})
    call("POST", "/rules/queue/disable")
    call("POST", "/rules/queue/enable")
    call("DELETE", "/rules/queue")
    kept = get("/rules/queue/versions")["items"]
    assert [(one["version"], one["change"]) for one in kept] == [
        (6, "deleted"),
        (5, "enabled"),
        (4, "disabled"),
        (3, "description"),
        (2, "condition"),
        (1, "created"),
    ]
    assert {one["actor"] for one in kept} == {"token:admin"}
    assert [one["definition"]["threshold"] for one in kept[::-1]][:2] == [10, 20]
    assert [one["at"] for one in kept] == sorted((one["at"] for one in kept), reverse=True)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_the_numbers_go_on_when_a_rule_is_made_again(call, get, runtime, withdrawn):
    call("POST", "/rules", RULE)
    call("DELETE", "/rules/queue")
    if withdrawn:
        evaluate_all(runtime)
    again = call("POST", "/rules", {**RULE, "threshold": 5})
    assert (again.status_code, again.json["version"]) == (201, 3)
    kept = get("/rules/queue/versions")["items"]
    assert [(one["version"], one["change"], one["definition"]["threshold"]) for one in kept] == [
        (3, "created", 5),
        (2, "deleted", 10),
        (1, "created", 10),
    ]


def test_versions_of_a_rule_that_never_was_are_not_found(call):
    assert call("GET", "/rules/never/versions").status_code == 404


def test_the_latest_verdicts_are_told_with_their_reasons(call, get, runtime):
    call("POST", "/rules", RULE)
    before = get("/rules/queue/verdicts")
    assert (before["at"], before["n_series"], before["verdicts"]) == (None, 0, [])
    keep(runtime, "queue.length", (1, 5), host="a")
    keep(runtime, "queue.length", (1, 15), host="b")
    evaluate_all(runtime)
    found = get("/rules/queue/verdicts")
    assert (found["rule_id"], found["version"], found["n_series"], found["n_firing"]) == ("queue", 1, 2, 1)
    firing, quiet = found["verdicts"]
    assert firing == {
        "labels": {"host": "b"},
        "outcome": "firing",
        "value": 15,
        "threshold": 10,
        "expected": None,
        "window": "5m",
        "n_samples": 1,
        "reason": "last of queue.length over 5m is 15, greater than 10 (1 sample)",
    }
    assert (quiet["outcome"], quiet["labels"]) == ("ok", {"host": "a"})
    rule = get("/rules/queue")
    assert (rule["n_series"], rule["n_firing"], rule["health"]) == (2, 1, "ok")
    assert rule["last_duration_ms"] >= 0
    call("PATCH", "/rules/queue", {"threshold": 20})
    assert get("/rules/queue/verdicts")["verdicts"] == []  # they would be explained by another threshold


def test_an_evaluation_that_is_asked_for_tells_and_changes_nothing_by_itself(call, get, runtime):
    call("POST", "/rules", RULE)
    evaluate_all(runtime)
    keep(runtime, "queue.length", (1, 15), host="b")
    assert call("POST", "/rules/queue/evaluate", role="viewer").status_code == 403
    found = call("POST", "/rules/queue/evaluate", role="responder").json
    assert [(one["outcome"], one["value"]) for one in found["verdicts"]] == [("firing", 15)]
    assert get("/alerts")["items"] == []
    with runtime.reading() as session:
        due_at_ms = session.scalar(sa.select(RULES.c.due_at_ms).where(RULES.c.id == "queue"))
    assert due_at_ms <= milliseconds(utcnow())  # a worker does the same at once
    assert call("POST", "/rules/never/evaluate").status_code == 404


def test_a_rule_that_is_switched_off_is_examined_and_not_made_due(call, runtime):
    call("POST", "/rules", {**RULE, "enabled": False})
    keep(runtime, "queue.length", (1, 15), host="b")
    assert call("POST", "/rules/queue/evaluate").json["n_firing"] == 1
    assert evaluate_all(runtime) == 0


def test_of_ten_thousand_series_some_are_told_and_those_that_fire_are_among_them(call, get, runtime):
    now = utcnow()
    samples = [Sample("queue.length", {"n": str(n)}, now, 15.0 if n % 4000 == 1 else 1.0) for n in range(10_000)]
    assert telemetry.receive(runtime.redis, samples, now, runtime.settings) == {}
    call("POST", "/rules", RULE)
    evaluate_all(runtime)
    for found in (get("/rules/queue/verdicts"), call("POST", "/rules/queue/evaluate").json):
        assert (found["n_series"], found["n_firing"], len(found["verdicts"])) == (10_000, 3, 500)
        assert [one["outcome"] for one in found["verdicts"][:4]] == ["firing"] * 3 + ["ok"]
    assert len(get("/alerts")["items"]) == 3


def test_rules_are_found_by_health_severity_and_source(call, get, runtime):
    call("POST", "/rules", {**RULE, "id": "well"})
    call("POST", "/rules", {**RULE, "id": "silent", "metric": "queue.age", "severity": "LOW"})
    call("POST", "/rules", {**RULE, "id": "sum", "aggregation": "sum", "labels": {"host": "b"}})
    call("POST", "/rules", {**RULE, "id": "off", "enabled": False})
    counted = {"name": "Errors", "severity": "LOW", "source": "log", "operator": "greater_than", "threshold": 3}
    call("POST", "/rules", {**counted, "id": "log", "pattern": "error"})
    keep(runtime, "queue.length", (1, 1), host="a")
    keep(runtime, "queue.length", (2, 1e308), (1, 1e308), host="b")

    def ids(**args):
        return sorted(one["id"] for one in get("/rules", **args)["items"])

    assert ids(health="pending") == ["log", "silent", "sum", "well"]
    evaluate_all(runtime)
    assert ids(health="ok") == ["log", "well"]
    assert ids(health="no_data") == ["silent"]
    assert ids(health="error") == ["sum"]
    assert ids(health=["error", "no_data"]) == ["silent", "sum"]
    assert ids(severity="LOW") == ["log", "silent"]
    assert ids(severity=["p4", "high"], source="metric") == ["off", "silent", "sum", "well"]
    assert ids(source="log") == ["log"]
    assert ids(source="prometheus") == []
    assert ids(health="late") == []
    with runtime.transaction() as session:
        late = sa.update(RULES).where(RULES.c.id == "silent").values(due_at_ms=milliseconds(utcnow()) - 60_000)
        session.execute(late)
    assert ids(health="late") == ["silent"]
    assert ids(health="no_data") == []
    assert ids(health=["late", "ok"]) == ["log", "silent", "well"]
    assert get("/rules/silent")["health"] == "late"
    assert call("GET", "/rules", health="ill").status_code == 422
    assert call("GET", "/rules", severity="worse").status_code == 422


def test_the_state_of_the_engine(call, get, runtime):
    empty = get("/alerts/status")
    assert empty["rules"] == {
        **dict.fromkeys(("total", "enabled", "due", "late", "pending", "ok", "no_data", "error", "n_missed"), 0),
        "oldest_due_s": 0.0,
    }
    assert empty["queues"] == dict.fromkeys(("evaluation", "correlation", "escalation", "delivery"), 0)
    assert empty["notifications"] == {"undelivered": 0, "oldest_undelivered_s": None, "dead": 0}
    assert set(empty["stages"]) == {"evaluation", "correlation", "escalation", "delivery", "beat"}

    call("POST", "/rules", RULE)
    call("POST", "/rules", {**RULE, "id": "other", "metric": "queue.age"})
    call("POST", "/rules", {**RULE, "id": "off", "enabled": False})
    waiting = get("/alerts/status")
    assert waiting["queues"]["evaluation"] == runtime.redis.llen("evaluation") == 1
    assert (waiting["rules"]["total"], waiting["rules"]["enabled"], waiting["rules"]["due"]) == (3, 2, 2)
    assert (waiting["rules"]["pending"], waiting["rules"]["late"]) == (2, 0)

    keep(runtime, "queue.length", (1, 15), host="a")
    evaluate_all(runtime)
    with runtime.transaction() as session:
        session.execute(
            sa.update(RULES).where(RULES.c.id == "other").values(due_at_ms=milliseconds(utcnow()) - 60_000, n_missed=7)
        )
    found = get("/alerts/status")
    assert (found["rules"]["ok"], found["rules"]["no_data"], found["rules"]["pending"]) == (1, 1, 0)
    assert (found["rules"]["due"], found["rules"]["late"], found["rules"]["n_missed"]) == (1, 1, 7)
    assert found["rules"]["oldest_due_s"] >= 60
    assert found["alerts"]["undecided"] == 1
    assert found["alerts"]["oldest_undecided_s"] >= 0
    assert call("GET", "/alerts/status", role="ingest").status_code == 403


def test_the_noise_of_rules_is_what_fired_within_a_day(call, get, runtime):
    call("POST", "/rules", RULE)
    call("POST", "/rules", {**RULE, "id": "quiet", "threshold": 1000})
    call("POST", "/rules", {**RULE, "id": "once", "labels": {"host": "b"}})
    keep(runtime, "queue.length", (9, 15), host="b")
    for ago, value in ((5, 15), (4, 1), (3, 15), (2, 1)):
        keep(runtime, "queue.length", (ago, value), host="a")
        evaluate_all(runtime)
    assert get("/rules/noise")["items"] == [
        {"rule_id": "queue", "n_alerts": 2, "n_episodes": 3, "n_open": 1},
        {"rule_id": "once", "n_alerts": 1, "n_episodes": 1, "n_open": 1},
    ]


@pytest.fixture
def forget_baselines():
    """Let this process forget what it has computed of the past, as another worker that never knew it."""
    module = sys.modules["app.rules.service.baselines"]

    def forget():
        module._cache = module.BaselineCache(10_000)

    return forget


def written(runtime):
    """For each past that is kept: how many values were written, and how many of them differ."""
    size = telemetry_store._PAST.itemsize
    found = []
    for key in runtime.redis.keys("past:*"):
        raw = runtime.redis.get(key)
        records = [raw[start : start + size] for start in range(0, len(raw), size)]
        found.append((len(records), len(set(records))))
    return found


def test_an_anomaly_rule_writes_its_past_once_and_keeps_it_when_the_samples_have_gone(
    call, get, runtime, forget_baselines
):
    forget_baselines()
    call("POST", "/rules", {**RULE, "operator": "anomaly", "threshold": 4})
    keep(runtime, "queue.length", *[(60 * n + 30, 100 + n % 3) for n in range(180)], host="a")
    keep(runtime, "queue.length", (0, 101), host="a")
    evaluate_all(runtime)
    (verdict,) = get("/rules/queue/verdicts")["verdicts"]
    assert verdict["outcome"] == "ok"
    assert verdict["threshold"][0] < 100 < verdict["expected"] + 1 < verdict["threshold"][1] + 1
    ((n_written, n_moments),) = written(runtime)
    assert n_written == n_moments
    assert n_moments >= 35  # three hours, one each five minutes

    forget_baselines()
    evaluate_all(runtime)
    call("POST", "/rules/queue/evaluate")
    ((again, moments),) = written(runtime)
    assert again == moments
    assert again - n_written <= 1  # a new bucket may have begun meanwhile

    runtime.redis.delete(*runtime.redis.keys("sample:*"))
    forget_baselines()
    keep(runtime, "queue.length", (0, 900), host="a")
    evaluate_all(runtime)
    (alert,) = get("/alerts")["items"]
    assert (alert["value"], alert["rule_id"]) == (900, "queue")
    assert alert["threshold"] == get("/rules/queue/verdicts")["verdicts"][0]["threshold"]
    assert "outside of the expected" in get(f"/alerts/{alert['id']}")["timeline"][0]["reason"]


def test_another_condition_of_an_anomaly_rule_begins_another_past(call, get, runtime, forget_baselines):
    forget_baselines()
    call("POST", "/rules", {**RULE, "operator": "anomaly", "threshold": 4})
    keep(runtime, "queue.length", *[(60 * n + 30, 100) for n in range(180)], host="a")
    evaluate_all(runtime)
    call("PATCH", "/rules/queue", {"threshold": 5})
    evaluate_all(runtime)
    assert len(written(runtime)) == 1
    call("PATCH", "/rules/queue", {"aggregation": "max"})
    evaluate_all(runtime)
    assert len(written(runtime)) == 2


def test_a_rule_that_is_switched_off_is_never_late(call, get, runtime):
    call("POST", "/rules", RULE)
    call("POST", "/rules/queue/disable")  # due once more, so that its alerts are resolved
    with runtime.transaction() as session:
        session.execute(sa.update(RULES).values(due_at_ms=milliseconds(utcnow()) - 60_000))
    assert get("/rules/queue")["health"] == "pending"
    assert get("/rules", health="late")["items"] == []
