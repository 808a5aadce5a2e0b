"""What the API's own requests come to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.traffic.domain import Tally, quantile, route_of, samples_of

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
FIVE = timedelta(seconds=5)


def tally(*latencies, n_errors=0):
    found = Tally()
    for position, latency in enumerate(latencies):
        found.add(latency, failed=position < n_errors)
    return found


def readings(tallies, quiet=(), elapsed=FIVE):
    found = {}
    for sample in samples_of(tallies, quiet, elapsed, "here", NOW):
        assert sample.at == NOW
        assert sample.labels["host"] == "here"
        route = sample.labels["method"], sample.labels["route"]
        found.setdefault(route, {})[sample.metric.removeprefix("api.request.")] = sample.value
    return found


def test_a_route_and_all_of_them():
    tallies = {("GET", "/rules"): tally(10, 20, n_errors=1), ("POST", "/rules"): tally(60)}
    assert readings(tallies) == {
        ("GET", "/rules"): {
            "rate": 0.4,
            "error_rate": 0.2,
            "latency_ms": 15,
            "latency_p95_ms": 20,
            "latency_max_ms": 20,
        },
        ("POST", "/rules"): {
            "rate": 0.2,
            "error_rate": 0,
            "latency_ms": 60,
            "latency_p95_ms": 60,
            "latency_max_ms": 60,
        },
        ("*", "*"): {"rate": 0.6, "error_rate": 0.2, "latency_ms": 30, "latency_p95_ms": 60, "latency_max_ms": 60},
    }


def test_a_route_that_went_quiet_tells_that_there_are_no_requests_and_no_errors():
    found = readings({("GET", "/a"): tally(1)}, [("GET", "/b")])
    assert found["GET", "/b"] == {"rate": 0, "error_rate": 0}
    assert readings({}, [("GET", "/b")])["*", "*"] == {"rate": 0, "error_rate": 0}


def test_no_request_at_all_is_no_sample():
    assert samples_of({}, (), FIVE, "here", NOW) == []
    assert samples_of({("GET", "/a"): tally(1)}, (), timedelta(0), "here", NOW) == []


def test_the_slowest_of_many_counts_though_not_all_are_kept():
    found = readings({("GET", "/a"): tally(*[1.0] * 20_000, 900.0)})["GET", "/a"]
    assert (found["latency_max_ms"], found["latency_p95_ms"], found["rate"]) == (900, 1, 4000.2)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_quantile_is_one_of_the_values_and_enough_do_not_exceed_it(values, q):
    found = quantile(values, q)
    assert found in values
    assert sum(value <= found for value in values) >= q * len(values)
    assert sum(value < found for value in values) < max(q * len(values), 1)


@pytest.mark.parametrize(
    ("method", "rule", "route"),
    [
        ("GET", "/rules", ("GET", "/rules")),
        ("PUT", "/rules/<rule_id>", ("PUT", "/rules/{rule_id}")),
        ("GET", "/x/<int:n>/<path:rest>", ("GET", "/x/{n}/{rest}")),
        ("GET", None, ("GET", "unmatched")),
        ("BREW", None, ("OTHER", "unmatched")),
    ],
)
def test_what_strangers_write_is_no_label(method, rule, route):
    assert route_of(method, rule) == route
