"""Log entries and events over HTTP, and how they become samples of the rules that count them."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from app import counting, pipeline
from app.core.clock import utcnow
from app.rules import service as rules
from app.rules import store as rule_store
from app.rules.domain.rule import Aggregation, Source
from app.telemetry import backlog, service
from app.telemetry.domain import LogEntry
from app.web import create_app
from tests.integration.conftest import settings_for
from tests.integration.logged import logged
from tests.unit.rules.making import definition

STREAM, GROUP = "telemetry:entries", "counting"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def make(runtime):
    def create(rule_id, **changes):
        counted = definition(**{"metric": "", "aggregation": Aggregation.COUNT, **changes})
        with runtime.transaction() as session:
            return rules.create_rule(session, counted, rule_id, utcnow(), runtime.settings).rule

    return create


@pytest.fixture
def send(client, headers):
    def post(path, *items, role="ingest"):
        name = "entries" if path == "logs" else "events"
        return client.post(f"/{path}/ingest", json={name: items}, headers=headers(role))

    return post


def values(runtime, rule, length=MINUTE):
    """The values in the rule's window now, by the labels of each series."""
    found = service.windows(runtime.redis, [rule.wanted], utcnow())
    slices = zip(found.starts[:-1].tolist(), found.starts[1:].tolist(), strict=True)
    return {
        tuple(sorted(series.labels.items())): found.values[start:end].tolist()
        for series, (start, end) in zip(found.series, slices, strict=True)
    }


def pending(runtime):
    return [one["message_id"] for one in runtime.redis.xpending_range(STREAM, GROUP, "-", "+", 100)]


def orphan(runtime, *, times_delivered=None):
    """Make what is being counted look as if its worker had been gone for longer than 15 s."""
    for id_ in pending(runtime):
        options = {"retrycount": times_delivered} if times_delivered else {}
        runtime.redis.xclaim(STREAM, GROUP, "gone", 0, [id_], idle=20_000, **options)


def test_log_entries_count_where_they_match(runtime, make, send):
    refused = make("refused", source=Source.LOG, pattern="refused", level="warning", group_by=("host",))
    every = make("every", source=Source.LOG, labels={"service": "db"})
    answer = send(
        "logs",
        {"message": "connection refused", "level": "ERROR", "host": "a", "service": "db"},
        {"message": "connection refused", "level": "error", "host": "a"},
        {"message": "connection refused", "level": "critical", "host": "b", "labels": {"service": "db"}},
        {"message": "connection refused", "level": "info", "host": "b"},
        {"message": "connected", "level": "error", "host": "a"},
    )
    assert (answer.status_code, answer.json) == (202, {"accepted": 5, "rejected": []})
    assert runtime.redis.llen("evaluation") == 1
    assert counting.count(runtime) == 5
    assert values(runtime, refused) == {(("host", "a"),): [1.0, 1.0], (("host", "b"),): [1.0]}
    assert values(runtime, every) == {(): [1.0, 1.0]}
    assert runtime.redis.xlen(STREAM) == 0
    assert counting.count(runtime) == 0


def test_events_bring_their_values(runtime, make, send):
    totals = make("totals", source=Source.EVENT, type="cart.total", aggregation=Aggregation.SUM, group_by=("source",))
    send(
        "events",
        {"type": "cart.total", "source": "shop", "value": 12.5},
        {"type": "cart.total", "source": "shop"},
        {"type": "cart.totals", "source": "shop", "value": 99},
    )
    counting.count(runtime)
    assert values(runtime, totals) == {(("source", "shop"),): [12.5, 1.0]}


def test_entries_of_the_same_millisecond_all_count_however_they_come(runtime, make, send):
    rule = make("every", source=Source.EVENT, type="tick")
    at = utcnow().isoformat()
    for _ in range(3):
        send("events", *({"type": "tick", "timestamp": at} for _ in range(2)))
        counting.count(runtime)
    assert values(runtime, rule) == {(): [1.0] * 6}


def test_the_rules_are_due_as_soon_as_an_entry_was_counted(runtime, make, send):
    rule = make("every", source=Source.EVENT, type="tick", group_by=("source",))
    send("events", {"type": "tick", "source": "a"}, {"type": "tock"})
    counting.count(runtime)
    arrived = service.take_arrivals(runtime.redis, 10)
    assert [(one.metric, one.labels) for one in arrived] == [(rule.series_metric, {"source": "a"})]
    with runtime.transaction() as session:
        assert [one.id for one in rules.claim_due(session, runtime.redis, arrived, utcnow() - MINUTE, 10).claimed] == [
            "every"
        ]


def test_without_rules_entries_are_forgotten(runtime, send):
    send("logs", {"message": "x"})
    assert counting.count(runtime) == 1
    assert runtime.redis.xlen(STREAM) == 0
    assert service.take_arrivals(runtime.redis, 10) == []


def test_what_a_killed_worker_took_is_counted_once_by_another(runtime, make, send):
    rule = make("every", source=Source.EVENT, type="tick")
    send("events", {"type": "tick"}, {"type": "tick"})
    backlog.take(runtime.redis, 10)  # and is killed
    send("events", {"type": "tick"})
    assert counting.count(runtime) == 1
    assert values(runtime, rule) == {(): [1.0]}
    orphan(runtime)
    assert counting.count(runtime) == 2
    assert values(runtime, rule) == {(): [1.0, 1.0, 1.0]}
    assert (runtime.redis.xlen(STREAM), pending(runtime)) == (0, [])


def test_a_worker_that_was_only_slow_does_not_count_again_what_was_taken_over(runtime, other_runtime, make, send):
    rule = make("every", source=Source.EVENT, type="tick")
    send("events", {"type": "tick"})
    slow = backlog.take(runtime.redis, 10)
    orphan(runtime)
    taken_over = backlog.take(other_runtime.redis, 10)
    assert taken_over.ids == slow.ids
    with runtime.reading() as session:
        samples = rule_store.index(session).of_entries.counted(slow.entries)
    kept = runtime.settings.retention_samples
    assert not backlog.finish(runtime.redis, slow, samples, kept)
    assert backlog.finish(other_runtime.redis, taken_over, samples, kept)
    assert not backlog.finish(runtime.redis, slow, samples, kept)
    assert values(runtime, rule) == {(): [1.0]}


def test_two_workers_count_every_entry_once(runtime, other_runtime, make, send):
    rule = make("every", source=Source.EVENT, type="tick")
    for _ in range(12):
        send("events", {"type": "tick"})
    first, second = (backlog.take(one.redis, 6) for one in (runtime, other_runtime))
    assert not set(first.ids) & set(second.ids)
    with runtime.reading() as session:
        index = rule_store.index(session).of_entries
    for taken, one in ((first, runtime), (second, other_runtime)):
        assert backlog.finish(one.redis, taken, index.counted(taken.entries), MINUTE)
    assert values(runtime, rule) == {(): [1.0] * 12}


def test_what_no_worker_finishes_is_given_up_in_the_end(runtime, make, send):
    rule = make("every", source=Source.EVENT, type="tick")
    send("events", {"type": "tick"})
    backlog.take(runtime.redis, 10)
    orphan(runtime, times_delivered=10)
    send("events", {"type": "tick"})
    with logged() as lines:
        assert counting.count(runtime) == 1
    assert "no worker finishes" in str(lines)
    assert values(runtime, rule) == {(): [1.0]}
    assert runtime.redis.xlen(STREAM) == 0


def test_what_cannot_be_read_is_named_in_the_log_and_holds_up_nothing(runtime, make, send):
    rule = make("every", source=Source.EVENT, type="tick")
    send("events", {"type": "tick"})
    runtime.redis.xadd(STREAM, {"entries": b"\xff"})
    runtime.redis.xadd(STREAM, {"other": b""})
    send("events", {"type": "tick"})
    with logged() as lines:
        counting.count(runtime)
    assert str(lines).count("entries cannot be read") == 2
    assert values(runtime, rule) == {(): [1.0, 1.0]}
    assert runtime.redis.xlen(STREAM) == 0


def test_a_redis_that_was_emptied_counts_what_comes_from_then_on(runtime, make, send):
    rule = make("every", source=Source.EVENT, type="tick")
    send("events", {"type": "tick"})
    counting.count(runtime)
    runtime.redis.flushdb()
    send("events", {"type": "tick"})
    assert counting.count(runtime) == 1
    assert values(runtime, rule) == {(): [1.0]}


def test_a_bad_entry_is_named_and_spoils_no_other(runtime, make, send):
    rule = make("every", source=Source.LOG)
    future = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    answer = send(
        "logs",
        {"message": "a"},
        {"message": "x" * 65_537},
        {"message": 7},
        {"message": "a\x00"},
        {"message": "a", "timestamp": future},
        {"message": "a", "timestamp": 0},
        {"message": "a", "host": "h\x00"},
        "a line",
        {"message": "b"},
    )
    assert answer.status_code == 202
    assert answer.json["accepted"] == 2
    assert [(one["index"], list(one["errors"])) for one in answer.json["rejected"]] == [
        (1, ["message"]),
        (2, ["message"]),
        (3, ["message"]),
        (4, ["timestamp"]),
        (5, ["timestamp"]),
        (6, ["labels"]),
        (7, [""]),
    ]
    counting.count(runtime)
    assert values(runtime, rule) == {(): [1.0, 1.0]}


def test_a_message_of_the_greatest_length_meets_a_hostile_pattern(runtime, make, send):
    bomb = make("bomb", source=Source.LOG, pattern="(a+)+$")
    sound = make("sound", source=Source.LOG, pattern="b$")
    send("logs", {"message": "a" * 65_535 + "b"}, {"message": "a" * 65_536})
    assert counting.count(runtime) == 2
    assert values(runtime, sound) == {(): [1.0]}
    assert values(runtime, bomb) == {(): [1.0]}


def test_a_pattern_that_is_none_is_refused_with_the_reason(client, headers):
    body = {"name": "x", "severity": "high", "source": "log", "operator": "greater_than", "threshold": 1}
    for pattern in ("(", "(?=a)", r"\1", "a{2000}"):
        answer = client.post("/rules", json={**body, "pattern": pattern}, headers=headers("admin"))
        assert answer.status_code == 422
        assert "RE2" in answer.json["errors"]["pattern"][0]


@pytest.mark.parametrize("path", ["logs", "events"])
@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"entries": 1, "events": 1}', b'{"entries": {}}'])
def test_what_is_no_batch_is_refused(client, headers, path, body):
    answer = client.post(f"/{path}/ingest", data=body, content_type="application/json", headers=headers("ingest"))
    assert answer.status_code == (400 if body == b"{" else 422)
    assert answer.mimetype == "application/problem+json"


def test_nobody_sends_who_may_only_read(send):
    for path, item in (("logs", {"message": "x"}), ("events", {"type": "x"})):
        assert [send(path, item, role=role).status_code for role in ("viewer", "responder", "admin")] == [403, 403, 202]


def test_names_of_rules_own_series_cannot_be_pushed(client, headers, make, runtime):
    rule = make("every", source=Source.EVENT, type="tick")
    body = {"samples": [{"metric": rule.series_metric, "value": 1}, {"metric": "mine", "value": 1}]}
    answer = client.post("/metrics/ingest", json=body, headers=headers("ingest"))
    assert answer.json["accepted"] == 1
    assert "begin with rule:" in answer.json["rejected"][0]["errors"]["metric"][0]
    assert values(runtime, rule) == {}


def test_while_too_much_waits_nothing_is_kept_and_the_answer_says_to_come_again(app, runtime, headers, tmp_path):
    settings = runtime.settings
    narrow = create_app(settings_for(settings.database_url, settings.redis_url, tmp_path, entries_backlog=1024))
    client = narrow.test_client()
    body = {"entries": [{"message": "x" * 2000}]}
    assert client.post("/logs/ingest", json=body, headers=headers("ingest")).status_code == 202
    answer = client.post("/logs/ingest", json=body, headers=headers("ingest"))
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert answer.headers["Retry-After"]
    assert runtime.redis.xlen(STREAM) == 1
    event = {"events": [{"type": "x"}]}
    assert client.post("/events/ingest", json=event, headers=headers("ingest")).status_code == 503
    assert client.post("/logs/ingest", json={"entries": [{}]}, headers=headers("ingest")).status_code == 202
    counting.count(runtime)
    assert client.post("/logs/ingest", json=body, headers=headers("ingest")).status_code == 202
    narrow.extensions["alerting"].close()


def test_without_redis_the_answer_is_503(database_url, app, headers, tmp_path):
    made = create_app(settings_for(database_url, f"unix://{tmp_path}/nobody", tmp_path))
    for path, body in (("logs", {"entries": [{"message": "x"}]}), ("events", {"events": [{"type": "x"}]})):
        answer = made.test_client().post(f"/{path}/ingest", json=body, headers=headers("ingest"))
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
    made.extensions["alerting"].close()


def test_nothing_is_taken_while_the_database_is_away(runtime, send, database_url, tmp_path):
    send("logs", {"message": "x"})
    broken = settings_for(f"sqlite:///{tmp_path}/nowhere/x.db", runtime.settings.redis_url, tmp_path)
    away = create_app(broken).extensions["alerting"]
    with pytest.raises(Exception, match="unable to open"):
        counting.count(away)
    away.close()
    assert runtime.redis.xlen(STREAM) == 1
    assert not runtime.redis.xinfo_groups(STREAM) or pending(runtime) == []


def test_a_thousand_entries_of_five_mebibytes_come_in_one_call(runtime, client, headers, make):
    rule = make("every", source=Source.LOG, pattern="end$")
    body = orjson.dumps({"entries": [{"message": "y" * 4900 + "end"}] * 1000})
    answer = client.post("/logs/ingest", data=body, content_type="application/json", headers=headers("ingest"))
    assert answer.json == {"accepted": 1000, "rejected": []}
    assert counting.count(runtime) == 1000
    assert values(runtime, rule) == {(): [1.0] * 1000}


def test_the_document_describes_both_batches(client):
    document = client.get("/openapi.json").json
    for path, name in (("/logs/ingest", "entries"), ("/events/ingest", "events")):
        schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert name in document["components"]["schemas"][schema.rsplit("/", 1)[1]]["properties"]


def test_entries_as_python_values_survive_the_stream(runtime):
    entry = LogEntry(utcnow(), "größe 🙂", {"level": "info", "host": "ü"})
    assert backlog.keep(runtime.redis, [entry], 10_000)
    assert backlog.take(runtime.redis, 1).entries == (entry,)


def test_ever_new_labels_are_stopped_and_stop_no_other_rule(runtime, make, send, app, tmp_path):
    made = runtime.settings
    few = settings_for(made.database_url, made.redis_url, tmp_path, series_per_client=3)
    by_host = make("by-host", source=Source.EVENT, type="tick", group_by=("source",))
    by_zone = make("by-zone", source=Source.EVENT, type="tick", group_by=("zone",))
    every = make("every", source=Source.EVENT, type="tick")
    send("events", *({"type": "tick", "source": f"h{n}", "labels": {"zone": "z"}} for n in range(10)))
    send("events", *({"type": "tick", "source": f"h{n}"} for n in range(2)))
    narrow = create_app(few).extensions["alerting"]
    with logged() as lines:
        assert counting.count(narrow) == 12
    narrow.close()
    assert "too many new series" in str(lines)
    assert len(values(runtime, by_host)) == 3
    assert values(runtime, by_zone) == {(("zone", "z"),): [1.0] * 10, (): [1.0] * 2}
    assert values(runtime, every) == {(): [1.0] * 12}


def test_half_a_character_is_refused_with_its_entry_alone(client, headers):
    body = b'{"entries": [{"message": "a"}, {"message": "\\ud800"}, {"message": "b", "labels": {"x": "\\udfff"}}]}'
    answer = client.post("/logs/ingest", data=body, content_type="application/json", headers=headers("ingest"))
    assert answer.json["accepted"] == 1
    assert [one["index"] for one in answer.json["rejected"]] == [1, 2]
    body = b'{"events": [{"type": "a", "value": NaN}, {"type": "a", "value": 1e999}, {"type": "a", "value": 1}]}'
    answer = client.post("/events/ingest", data=body, content_type="application/json", headers=headers("ingest"))
    assert answer.json["accepted"] == 1
    assert [list(one["errors"]) for one in answer.json["rejected"]] == [["value"], ["value"]]


def test_entries_open_the_alert_of_their_rule(runtime, client, headers, send):
    body = {
        "id": "refused",
        "name": "Refused",
        "severity": "high",
        "source": "log",
        "pattern": "refused",
        "level": "warning",
        "group_by": ["host"],
        "operator": "greater_than",
        "threshold": 2,
    }
    assert client.post("/rules", json=body, headers=headers("admin")).status_code == 201
    send("logs", *({"message": "refused", "level": "error", "host": "a"} for _ in range(3)))
    send("logs", {"message": "refused", "level": "error", "host": "b"})
    pipeline.evaluate(runtime)
    found = client.get("/alerts", headers=headers("viewer")).json["items"]
    assert [(one["name"], one["labels"], one["value"], one["status"]) for one in found] == [
        ("Refused", {"host": "a"}, 3.0, "ACTIVE")
    ]
