"""Samples in over HTTP, series and points out."""

from datetime import UTC, datetime, timedelta

import pytest

from app.telemetry import service
from app.telemetry.domain import Sample
from app.web import create_app
from tests.integration.conftest import settings_for


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


@pytest.fixture
def now():
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def ingest(client, headers):
    def post(*samples, role="ingest"):
        return client.post("/metrics/ingest", json={"samples": samples}, headers=headers(role))

    return post


@pytest.fixture
def get(client, headers):
    def read(path, role="viewer", **args):
        return client.get(path, query_string=args, headers=headers(role))

    return read


def test_samples_come_back_as_points(ingest, get, now):
    samples = [
        {"metric": "cpu", "value": n, "timestamp": iso(now - timedelta(seconds=n)), "labels": {"host": "a"}}
        for n in range(3)
    ]
    answer = ingest(*samples, {"metric": "cpu", "value": 7.5, "timestamp": now.timestamp(), "labels": {"host": "b"}})
    assert (answer.status_code, answer.json) == (202, {"accepted": 4, "rejected": []})
    found = get("/metrics/query", metric="cpu", label="host=a").json
    assert found["truncated"] is False
    (line,) = found["series"]
    assert line["labels"] == {"host": "a"}
    assert line["points"] == [[iso(now - timedelta(seconds=n)), float(n)] for n in (2, 1, 0)]


def test_a_sample_without_a_time_is_of_now(ingest, get):
    before = datetime.now(UTC)
    ingest({"metric": "cpu", "value": 1})
    (series,) = get("/metrics/series").json["items"]
    seen = datetime.fromisoformat(series["last_seen_at"])
    assert before - timedelta(milliseconds=1) <= seen <= datetime.now(UTC)


def test_a_bad_sample_is_named_and_spoils_no_other(ingest, get, now):
    answer = ingest(
        {"metric": "a", "value": 1},
        {"metric": "", "value": 1},
        {"metric": "b", "value": 1, "timestamp": iso(now + timedelta(minutes=5))},
        {"metric": "c", "value": 1, "labels": {"x": "y\x00"}},
        {"metric": "d", "value": 1},
    )
    assert answer.status_code == 202
    assert answer.json["accepted"] == 2
    assert [(one["index"], list(one["errors"])) for one in answer.json["rejected"]] == [
        (1, ["metric"]),
        (2, ["timestamp"]),
        (3, ["labels"]),
    ]
    assert [one["metric"] for one in get("/metrics/series").json["items"]] == ["a", "d"]


def test_malformed_samples_are_named_beside_unacceptable_ones(ingest):
    answer = ingest(
        {"metric": "a", "value": "1"},
        {"metric": "a", "value": 1},
        {"metric": "b", "value": 1, "labels": {"a": "\x00"}},
        5,
    )
    assert answer.json["accepted"] == 1
    assert [(one["index"], list(one["errors"])) for one in answer.json["rejected"]] == [
        (0, ["value"]),
        (2, ["labels"]),
        (3, [""]),
    ]


def test_an_empty_batch_is_a_batch(ingest):
    assert ingest().json == {"accepted": 0, "rejected": []}


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '{"samples": 1}',
        "null",
        '{"samples": [' + '{"metric":"a","value":1},' * 1000 + '{"metric":"a","value":1}]}',
    ],
)
def test_what_is_no_batch_is_refused(client, headers, body):
    answer = client.post("/metrics/ingest", data=body, content_type="application/json", headers=headers("ingest"))
    assert answer.status_code == (400 if body == "{" else 422)
    assert answer.mimetype == "application/problem+json"


def test_a_viewer_sends_nothing_and_a_source_reads_nothing(ingest, get):
    assert ingest({"metric": "a", "value": 1}, role="viewer").status_code == 403
    assert get("/metrics/series", role="ingest").status_code == 403
    assert get("/metrics/query", role="ingest", metric="a").status_code == 403


def test_samples_wake_the_evaluation(ingest, runtime):
    ingest({"metric": "a", "value": "bad"})
    assert not runtime.redis.exists("nudge:evaluation")
    ingest({"metric": "a", "value": 1})
    assert runtime.redis.llen("evaluation") == 1
    assert [one.metric for one in service.take_arrivals(runtime.redis, 10)] == ["a"]
    assert service.take_arrivals(runtime.redis, 10) == []


def test_series_are_found_by_name_and_labels(ingest, get):
    ingest(
        *({"metric": "cpu", "value": 1, "labels": {"host": host, "env": "prod"}} for host in ("web-1", "web-2", "db")),
        {"metric": "disk", "value": 1, "labels": {"host": "web-1"}},
    )

    def hosts(**args):
        return [(one["metric"], one["labels"]["host"]) for one in get("/metrics/series", **args).json["items"]]

    assert hosts(metric="cpu") == [("cpu", "db"), ("cpu", "web-1"), ("cpu", "web-2")]
    assert hosts(label="host=web-1") == [("cpu", "web-1"), ("disk", "web-1")]
    assert hosts(matcher=['host=~"web.*"', 'env="prod"']) == [("cpu", "web-1"), ("cpu", "web-2")]
    assert hosts(metric="unknown") == []
    assert get("/metrics/series", limit=2).json["truncated"] is True
    assert get("/metrics/series", limit=4).json["truncated"] is False


@pytest.mark.parametrize(
    ("path", "args", "field"),
    [
        ("/metrics/query", {}, "metric"),
        ("/metrics/query", {"metric": "a", "window": "soon"}, "window"),
        ("/metrics/query", {"metric": "a", "window": "0s"}, "window"),
        ("/metrics/query", {"metric": "a", "window": "5m", "since": "2026-01-01T00:00:00Z"}, "window"),
        ("/metrics/query", {"metric": "a", "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "since"),
        ("/metrics/query", {"metric": "a", "max_points": 1}, "max_points"),
        ("/metrics/query", {"metric": "a", "matcher": "nonsense"}, "matcher"),
        ("/metrics/series", {"label": "nonsense"}, "label"),
        ("/metrics/series", {"limit": 1001}, "limit"),
        ("/metrics/series", {"metrik": "a"}, "metrik"),
    ],
)
def test_arguments_that_cannot_be_used(get, path, args, field):
    answer = get(path, **args)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


def test_a_long_window_is_thinned_out_and_keeps_its_peak(ingest, get, now):
    ingest(*({"metric": "cpu", "value": 99 if n == 321 else 1, "timestamp": now.timestamp() - n} for n in range(800)))
    (line,) = get("/metrics/query", metric="cpu", window="15m", max_points=100).json["series"]
    assert len(line["points"]) <= 100
    assert [iso(now - timedelta(seconds=321)), 99.0] in line["points"]


def test_a_window_from_since_to_until(ingest, get, now):
    ingest(*({"metric": "cpu", "value": n, "timestamp": now.timestamp() - n} for n in range(10)))
    args = {"since": iso(now - timedelta(seconds=6)), "until": iso(now - timedelta(seconds=3))}
    (line,) = get("/metrics/query", metric="cpu", **args).json["series"]
    assert [value for _, value in line["points"]] == [5, 4, 3]


@pytest.fixture
def client_without_redis(database_url, app, tmp_path):
    made = create_app(settings_for(database_url, f"unix://{tmp_path}/nobody", tmp_path))
    yield made.test_client()
    made.extensions["alerting"].close()


def test_without_redis_the_answer_is_503_and_says_to_come_again(client_without_redis, headers):
    body = {"samples": [{"metric": "a", "value": 1}]}
    answer = client_without_redis.post("/metrics/ingest", json=body, headers=headers("ingest"))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert client_without_redis.get("/metrics/series", headers=headers("viewer")).status_code == 503


def test_the_document_describes_the_batch(client):
    document = client.get("/openapi.json").json
    ingest = document["paths"]["/metrics/ingest"]["post"]
    name = ingest["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    assert "samples" in document["components"]["schemas"][name]["properties"]


def test_names_of_metrics_are_found_without_those_of_the_system_s_own_series(client, headers, runtime, now):
    names = ("web.requests", "web.errors", "db.Errors")
    samples = [Sample(name, {}, now, 1.0) for name in names] + [Sample("rule:r:1", {}, now, 1.0)]
    service.receive(runtime.redis, samples, now, runtime.settings)

    def found(**args):
        return client.get("/metrics/names", query_string=args, headers=headers("viewer")).json

    assert found() == {"items": ["db.Errors", "web.errors", "web.requests"], "truncated": False}
    assert found(q="errors", limit=1) == {"items": ["db.Errors"], "truncated": True}
