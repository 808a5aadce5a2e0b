"""What a sample makes due: the alerts that it speaks of at once, everything else in its turn."""

from datetime import timedelta

import pytest

from app import pipeline
from app.core.clock import utcnow
from app.rules import service
from app.telemetry import service as telemetry
from app.telemetry.domain import Sample
from tests.unit.rules.making import definition

SECOND = timedelta(seconds=1)


@pytest.fixture
def make(runtime):
    def create(rule_id, **changes):
        with runtime.transaction() as session:
            service.create_rule(session, definition(**changes), rule_id, utcnow(), runtime.settings)

    return create


@pytest.fixture
def push(runtime):
    """Samples of queue.length by host; with `ago`, older ones."""

    def send(ago=0 * SECOND, **values):
        now = utcnow()
        samples = [Sample("queue.length", {"host": host}, now - ago, float(value)) for host, value in values.items()]
        assert telemetry.receive(runtime.redis, samples, now, runtime.settings) == {}

    return send


@pytest.fixture
def statuses(client, headers):
    def read():
        found = client.get("/alerts", headers=headers("viewer")).json["items"]
        return {one["labels"].get("host", ""): one["status"] for one in found}

    return read


def rule(client, headers, rule_id):
    return client.get(f"/rules/{rule_id}", headers=headers("viewer")).json


def test_a_part_opens_and_resolves_alerts_and_leaves_the_rule_s_turn_and_health(
    make, push, runtime, statuses, client, headers
):
    make("r", aggregation="last", interval=3600 * SECOND)
    push(a=1, b=1, c=1)
    pipeline.evaluate(runtime)
    before = rule(client, headers, "r")

    push(a=99)
    assert pipeline.evaluate(runtime) == 1
    assert statuses() == {"a": "ACTIVE"}
    push(b=99)
    pipeline.evaluate(runtime)
    assert statuses() == {"a": "ACTIVE", "b": "ACTIVE"}
    push(a=1)
    pipeline.evaluate(runtime)
    assert statuses() == {"a": "RESOLVED", "b": "ACTIVE"}

    after = rule(client, headers, "r")
    assert after["last_evaluated_at"] > before["last_evaluated_at"]
    kept = ("health", "health_reason", "n_series", "n_firing", "n_missed")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    with runtime.transaction() as session:
        assert service.claim_due(session, runtime.redis, [], utcnow(), 10).claimed == ()  # its turn is an hour away


def test_a_part_of_a_grouped_rule_reads_the_whole_group(make, runtime, statuses):
    make("r", aggregation="max", group_by=("host",), interval=3600 * SECOND)
    now = utcnow()
    disks = [Sample("queue.length", {"host": h, "disk": d}, now, v) for h, d, v in (("a", "1", 99.0), ("b", "1", 1.0))]
    telemetry.receive(runtime.redis, disks, now, runtime.settings)
    pipeline.evaluate(runtime)
    assert statuses() == {"a": "ACTIVE"}
    now = utcnow()
    telemetry.receive(
        runtime.redis, [Sample("queue.length", {"host": "a", "disk": "2"}, now, 1.0)], now, runtime.settings
    )
    pipeline.evaluate(runtime)
    assert statuses() == {"a": "ACTIVE"}  # disk 2 is well, and disk 1 of the same host is not


def test_arrivals_of_a_rule_that_another_worker_evaluates_are_taken_again(make, push, runtime, other_runtime, statuses):
    make("r", aggregation="last", interval=3600 * SECOND)
    push(a=1, b=1)
    pipeline.evaluate(runtime)
    with other_runtime.transaction() as session:
        assert len(service.claim_due(session, runtime.redis, [], utcnow() + 3600 * SECOND, 10).claimed) == 1
        push(a=99)
        if runtime.engine.dialect.name == "postgresql":  # SQLite lets one write at a time: there the second one waits
            assert pipeline.evaluate(runtime) == 0
    assert pipeline.evaluate(runtime) == 1
    assert statuses() == {"a": "ACTIVE"}


def test_what_fires_as_it_did_a_moment_ago_writes_nothing(make, push, runtime, client, headers):
    make("r", aggregation="last", interval=3600 * SECOND)
    push(a=99, b=1)
    pipeline.evaluate(runtime)

    def alert():
        return client.get("/alerts", headers=headers("viewer")).json["items"][0]

    first = alert()
    push(a=99)
    pipeline.evaluate(runtime)
    assert alert() == first
    push(a=98)
    pipeline.evaluate(runtime)
    assert (alert()["value"], alert()["occurrences"]) == (98.0, first["occurrences"] + 1)
