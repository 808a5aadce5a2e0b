"""Rules that ask a Prometheus-compatible server: their alerts, and what becomes of them when it fails."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app import pipeline
from app.core.clock import utcnow
from app.querying import Rounds
from app.rules.store import RULES
from tests.conditions import eventually
from tests.receivers.answering import silence
from tests.receivers.answering import status as reply
from tests.receivers.prometheus import failure, prometheus, vector

DOWN = {"name": "Target is down", "severity": "HIGH", "source": "prometheus", "query": "up == 0", "interval": "1s"}


@pytest.fixture
def call(client, headers):
    def send(method, path, body=None, role="admin", **args):
        return client.open(path, method=method, json=body, query_string=args, headers=headers(role))

    return send


@pytest.fixture
def server():
    with prometheus({"up == 0": vector()}) as standing:
        yield standing


@pytest.fixture
def source(call, server):
    return call("POST", "/datasources", {"name": "main", "url": server.url, "timeout": "1s"}).json


@pytest.fixture
def rounds(runtime):
    made = Rounds(runtime, pipeline.settled_by)
    yield made
    made.close()


@pytest.fixture
def ask(runtime, rounds):
    """One round with every rule due."""

    def run():
        with runtime.transaction() as session:
            session.execute(sa.update(RULES).where(RULES.c.due_at_ms.is_not(None)).values(due_at_ms=1))
        begun = rounds.begin()
        return 0 if begun is None else begun.result(30)

    return run


def open_alerts(call):
    found = call("GET", "/alerts", role="viewer").json["items"]
    return sorted((one["name"], one["labels"].get("instance", ""), one["status"]) for one in found)


def test_what_the_query_returns_fires_and_what_it_returns_no_more_is_resolved(call, server, source, ask):
    call("POST", "/rules", {**DOWN, "annotations": {"summary": "{{ $labels.instance }} is {{ $value }}"}})
    server.answers["up == 0"] = vector(({"__name__": "up", "instance": "a"}, "0"), ({"instance": "b"}, "0"))
    assert ask() == 1
    assert open_alerts(call) == [("Target is down", "a", "ACTIVE"), ("Target is down", "b", "ACTIVE")]
    first = call("GET", "/alerts", role="viewer", label="instance=a").json["items"][0]
    assert first["annotations"]["summary"] == "a is 0"

    server.answers["up == 0"] = vector(({"instance": "b"}, "0"))
    ask()
    assert open_alerts(call) == [("Target is down", "a", "RESOLVED"), ("Target is down", "b", "ACTIVE")]


def test_a_threshold_is_compared_here(call, server, source, ask):
    limit = {"operator": "greater_than", "threshold": 5, "query": "load", "datasource": "main"}
    call("POST", "/rules", {**DOWN, **limit})
    server.answers["load"] = vector(({"instance": "a"}, "4"), ({"instance": "b"}, "+Inf"), ({"instance": "c"}, "NaN"))
    ask()
    assert open_alerts(call) == [("Target is down", "b", "ACTIVE")]


def test_a_server_that_fails_resolves_nothing_and_is_one_alert_however_many_rules(call, server, source, ask):
    for n in range(3):
        call("POST", "/rules", {**DOWN, "id": f"r{n}", "name": f"Rule {n}", "query": f"q{n}"})
    server.answers["q0"] = vector(({"instance": "a"}, "0"))
    ask()
    assert open_alerts(call) == [("Rule 0", "a", "ACTIVE")]

    server.answers.update({f"q{n}": reply(503, b"away") for n in range(3)})
    ask()
    found = call("GET", "/alerts", role="viewer").json["items"]
    assert sorted((one["name"], one["status"]) for one in found) == [
        ("DataSourceBroken", "ACTIVE"),
        ("Rule 0", "ACTIVE"),
    ]
    [broken] = [one for one in found if one["name"] == "DataSourceBroken"]
    assert broken["labels"] == {"datasource": "prometheus/default"}
    assert "Rule 0, Rule 1, Rule 2" in broken["description"]
    health = {one["id"]: one["health"] for one in call("GET", "/rules", role="viewer").json["items"]}
    assert {health[f"r{n}"] for n in range(3)} == {"error"}

    server.answers.update({f"q{n}": vector() for n in range(3)})
    ask()
    assert open_alerts(call) == [("DataSourceBroken", "", "RESOLVED"), ("Rule 0", "a", "RESOLVED")]


def test_a_query_that_fails_is_its_rule_s_trouble_alone(call, server, source, ask):
    call("POST", "/rules", {**DOWN, "id": "bad", "query": "rate(up[5m])"})
    call("POST", "/rules", {**DOWN, "id": "good"})
    server.answers["rate(up[5m])"] = failure(422, "execution", "too many samples")
    server.answers["up == 0"] = vector(({"instance": "a"}, "0"))
    ask()
    assert open_alerts(call) == [("RuleBroken", "", "ACTIVE"), ("Target is down", "a", "ACTIVE")]
    assert "too many samples" in call("GET", "/rules/bad", role="viewer").json["health_reason"]


def test_a_slow_server_holds_up_no_other(call, server, source, rounds):
    with prometheus({"slow": silence}) as slow:
        call("POST", "/datasources", {"name": "slow", "url": slow.url, "timeout": "20s"})
        call("POST", "/rules", {**DOWN, "id": "slow", "query": "slow", "datasource": "slow"})
        call("POST", "/rules", {**DOWN, "id": "quick", "datasource": "main"})
        server.answers["up == 0"] = vector(({"instance": "a"}, "0"))
        stuck = rounds.begin()
        eventually(lambda: slow.asked and open_alerts(call) == [("Target is down", "a", "ACTIVE")])
        server.answers["up == 0"] = vector()

        def asked_again():
            rounds.begin()
            return open_alerts(call) == [("Target is down", "a", "RESOLVED")]

        eventually(asked_again)
        assert not stuck.done()
        assert len(slow.asked) == 1


def test_a_rule_that_was_changed_while_it_was_asked_for_is_not_judged_by_the_old_answer(call, server, source, rounds):
    call("POST", "/rules", {**DOWN, "id": "r"})

    def meanwhile(handler):
        call("PATCH", "/rules/r", {"query": "up == 2"})
        reply(200, b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0"]}]}}')(
            handler
        )

    server.answers["up == 0"] = meanwhile
    assert rounds.begin().result(30) == 1
    assert open_alerts(call) == []
    assert call("GET", "/rules/r", role="viewer").json["health"] == "pending"


def test_a_worker_that_died_gives_its_rules_back_after_the_lease(call, server, source, runtime, rounds):
    call("POST", "/rules", {**DOWN, "id": "r"})
    now = utcnow()
    with runtime.transaction() as session:
        leased = {"due_at_ms": 1, "lease_until_ms": int((now + timedelta(hours=1)).timestamp() * 1000)}
        session.execute(sa.update(RULES).values(**leased))
    assert rounds.begin() is None
    with runtime.transaction() as session:
        session.execute(sa.update(RULES).values(lease_until_ms=int(now.timestamp() * 1000)))
    assert rounds.begin().result(30) == 1


def test_a_rule_that_is_switched_off_has_its_alerts_resolved_without_asking(call, server, source, ask, runtime):
    call("POST", "/rules", {**DOWN, "id": "r"})
    server.answers["up == 0"] = vector(({"instance": "a"}, "0"))
    ask()
    n_asked = len(server.asked)
    call("POST", "/rules/r/disable")
    pipeline.evaluate(runtime)
    assert open_alerts(call) == [("Target is down", "a", "RESOLVED")]
    assert ask() == 0
    assert len(server.asked) == n_asked


def test_evaluating_now_asks_the_server_and_says_what_it_said(call, server, source):
    call("POST", "/rules", {**DOWN, "id": "r"})
    server.answers["up == 0"] = vector(({"instance": "a"}, "0"))
    found = call("POST", "/rules/r/evaluate", role="responder").json
    assert [(one["labels"], one["outcome"], one["reason"]) for one in found["verdicts"]] == [
        ({"instance": "a"}, "firing", "the query returns 0")
    ]


def test_a_rule_without_a_server_says_how_to_mend_that(call, ask):
    call("POST", "/rules", {**DOWN, "id": "r"})
    ask()
    assert "POST /datasources" in call("GET", "/rules/r", role="viewer").json["health_reason"]
    assert open_alerts(call) == [("DataSourceBroken", "", "ACTIVE")]
