"""The API's own requests become series, and rules watch them."""

from datetime import timedelta

import pytest

from app import pipeline
from app.core.clock import utcnow
from app.core.labels import Matcher, Op
from app.telemetry import service
from app.telemetry.domain import Window
from app.web import create_app
from tests.conditions import eventually
from tests.integration.conftest import settings_for


@pytest.fixture
def recorder(app):
    return app.extensions["alerting.traffic"]


def last_values(redis, name, **labels):
    """The last value of each series of `api.request.<name>` with these labels, by method and route."""
    matchers = tuple(Matcher(label, Op.EQUAL, value) for label, value in labels.items())
    found = service.windows(redis, [Window(f"api.request.{name}", matchers, timedelta(minutes=1))], utcnow())
    return {
        (series.labels["method"], series.labels["route"]): float(found.values[found.starts[n + 1] - 1])
        for n, series in enumerate(found.series)
        if found.starts[n + 1] > found.starts[n]
    }


def test_requests_are_counted_by_route_template_and_never_by_path(client, headers, recorder, runtime):
    recorder.flush(utcnow())
    for path in ("/rules/a", "/rules/b", "/rules", "/nowhere", "/else/where"):
        client.get(path, headers=headers("viewer"))
    client.open("/rules", method="BREW")
    assert recorder.flush(utcnow()) > 0
    rates = last_values(runtime.redis, "rate")
    assert set(rates) == {
        ("GET", "/rules/{rule_id}"),
        ("GET", "/rules"),
        ("GET", "unmatched"),
        ("OTHER", "unmatched"),
        ("*", "*"),
    }
    assert rates["GET", "/rules/{rule_id}"] == pytest.approx(2 * rates["GET", "/rules"])
    assert rates["*", "*"] == pytest.approx(sum(rates.values()) - rates["*", "*"])
    slowest = last_values(runtime.redis, "latency_max_ms")
    means = last_values(runtime.redis, "latency_ms")
    assert all(0 < means[route] <= slowest[route] for route in rates)
    assert set(last_values(runtime.redis, "latency_p95_ms")) == set(rates)


def test_an_error_of_ours_is_an_error_and_a_clients_mistake_is_none(app, client, headers, recorder, runtime):
    recorder.flush(utcnow())

    def breaks():
        raise RuntimeError("on purpose")

    app.view_functions["monitoring.live"] = breaks
    assert client.get("/monitoring/live").status_code == 500
    assert client.get("/rules").status_code == 401
    assert client.post("/rules", json={}, headers=headers()).status_code == 422
    recorder.flush(utcnow())
    errors = last_values(runtime.redis, "error_rate")
    assert errors["GET", "/monitoring/live"] > 0
    assert errors["*", "*"] == pytest.approx(errors["GET", "/monitoring/live"])
    assert errors["GET", "/rules"] == errors["POST", "/rules"] == 0


@pytest.mark.parametrize(("metric", "firing"), [("api.request.error_rate", True), ("api.request.rate", False)])
def test_a_rule_watches_them(app, client, headers, recorder, runtime, metric, firing):
    rule = {
        "id": "own",
        "name": "The API fails",
        "metric": metric,
        "labels": {"route": "/monitoring/live"},
        "operator": "greater_than",
        "threshold": 0 if firing else 1e9,
        "aggregation": "max",
        "severity": "HIGH",
    }
    assert client.post("/rules", json=rule, headers=headers()).status_code == 201
    app.view_functions["monitoring.live"] = lambda: ("", 500)
    client.get("/monitoring/live")
    recorder.flush(utcnow())
    pipeline.evaluate(runtime)
    alerts = client.get("/alerts", headers=headers()).json["items"]
    assert [one["labels"]["route"] for one in alerts] == (["/monitoring/live"] if firing else [])


def test_a_route_that_went_quiet_says_so(client, recorder, runtime):
    client.get("/monitoring/live")
    recorder.flush(utcnow())
    assert last_values(runtime.redis, "rate")["GET", "/monitoring/live"] > 0
    recorder.flush(utcnow() + timedelta(milliseconds=5))
    eventually(lambda: last_values(runtime.redis, "rate")["GET", "/monitoring/live"] == 0)
    assert last_values(runtime.redis, "error_rate")["*", "*"] == 0


def test_the_collector_counts_like_anybody(client, headers, recorder, runtime):
    recorder.flush(utcnow())
    client.post("/metrics/ingest", json={"samples": []}, headers=headers("ingest"))
    recorder.flush(utcnow())
    assert last_values(runtime.redis, "rate")["POST", "/metrics/ingest"] > 0


def test_a_stream_counts_until_its_headers_are_sent(client, headers, recorder, runtime):
    recorder.flush(utcnow())
    answer = client.get("/alerts/stream", headers=headers("viewer"), buffered=False)
    assert answer.status_code == 200
    recorder.flush(utcnow())
    answer.close()
    assert last_values(runtime.redis, "rate")["GET", "/alerts/stream"] > 0


def test_samples_of_requests_wake_the_evaluation(client, recorder, runtime):
    client.get("/monitoring/live")
    recorder.flush(utcnow())
    assert runtime.redis.llen("evaluation") == 1
    assert any(one.metric == "api.request.rate" for one in service.take_arrivals(runtime.redis, 100))


def test_they_are_written_by_themselves_and_the_end_of_the_process_ends_that(app, database_url, redis_url, tmp_path):
    made = create_app(settings_for(database_url, redis_url, tmp_path, collector_interval="20ms", collector_host="me"))
    open_ends = made.extensions["alerting"]
    assert made.test_client().get("/monitoring/live").status_code == 200
    found = eventually(lambda: last_values(open_ends.redis, "rate", host="me"), what="the series of the request")
    assert ("GET", "/monitoring/live") in found
    thread = made.extensions["alerting.traffic"]._thread
    open_ends.close()
    eventually(lambda: not thread.is_alive(), what="the thread to end")


def test_without_redis_requests_are_answered_all_the_same(app, database_url, tmp_path):
    made = create_app(settings_for(database_url, f"unix://{tmp_path}/nobody", tmp_path, collector_interval="20ms"))
    client = made.test_client()
    recorder = made.extensions["alerting.traffic"]
    assert client.get("/monitoring/live").status_code == 200
    eventually(lambda: recorder._is_away, what="a flush that fails")
    assert client.get("/monitoring/live").status_code == 200
    assert recorder._thread.is_alive()
    made.extensions["alerting"].close()
