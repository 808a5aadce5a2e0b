"""An explosion of series from one client: what is new is limited, what is known is always taken, others go on."""

import pytest

from app.core.clock import utcnow
from app.telemetry import service
from app.telemetry.domain import Sample, Series
from app.web import create_app
from tests.integration.conftest import settings_for


@pytest.fixture
def limited(app, database_url, redis_url, tmp_path):
    """Clients of processes with these limits over the same stores."""
    made = []

    def client(per_client=100, in_all=1000):
        limits = {"series_per_client": per_client, "series_limit": in_all}
        made.append(create_app(settings_for(database_url, redis_url, tmp_path, **limits)))
        return made[-1].test_client()

    yield client
    for one in made:
        one.extensions["alerting"].close()


@pytest.fixture
def send(headers):
    """Send series with these labels; the indices that were rejected, and why the first was."""

    def post(client, labels, metric="m", role="ingest"):
        samples = [{"metric": metric, "value": 1, "labels": {"n": str(n)}} for n in labels]
        answer = client.post("/metrics/ingest", json={"samples": samples}, headers=headers(role))
        assert answer.status_code == 202
        rejected = answer.json["rejected"]
        assert answer.json["accepted"] == len(samples) - len(rejected)
        return [one["index"] for one in rejected], rejected[0]["errors"] if rejected else None

    return post


def test_new_series_beyond_a_clients_limit_are_rejected_one_by_one_with_the_reason(limited, send, runtime):
    client = limited(per_client=10)
    indices, errors = send(client, range(12))
    assert len(indices) == 2
    assert list(errors) == ["labels"]
    assert "beyond the 10 that one token may send within 1h (ALERTING_SERIES_PER_CLIENT)" in errors["labels"][0]
    found, _ = service.find_series(runtime.redis, "m", (), 100)
    assert len(found) == 10


def test_series_that_are_known_are_always_taken(limited, send):
    client = limited(per_client=10)
    assert send(client, range(10)) == ([], None)
    indices, _ = send(client, [*range(10), "new", *range(5)])
    assert indices == [10]
    assert send(client, range(10)) == ([], None)


def test_a_process_that_has_just_started_knows_them_too(limited, send):
    assert send(limited(per_client=10), range(10)) == ([], None)
    assert send(limited(per_client=10), [*range(10), "new"])[0] == [10]


def test_one_client_over_its_limit_harms_no_other(limited, send):
    client = limited(per_client=10)
    send(client, range(20))
    assert send(client, range(100, 110), role="admin") == ([], None)


def test_the_limit_in_all_holds_for_everybody(limited, send):
    client = limited(in_all=15)
    send(client, range(10))
    indices, errors = send(client, range(100, 110), role="admin")
    assert len(indices) == 5
    assert "beyond the 15 that may be known in all (ALERTING_SERIES_LIMIT)" in errors["labels"][0]
    assert send(client, range(10)) == ([], None)


def test_series_that_are_forgotten_make_room(limited, send, runtime):
    client = limited(in_all=10)
    send(client, range(10))
    assert send(client, ["new"])[0] == [0]
    service.forget_silent(runtime.redis, utcnow() + runtime.settings.retention_samples, runtime.settings)
    assert send(client, ["new"]) == ([], None)


def test_the_count_is_set_right_when_it_went_wrong(limited, send, runtime):
    client = limited(in_all=10)
    send(client, range(5))
    runtime.redis.set("telemetry:n_series", 10)
    assert send(client, ["new"])[0] == [0]
    service.forget_silent(runtime.redis, utcnow(), runtime.settings)
    assert send(client, ["new"]) == ([], None)


def test_the_hour_of_a_client_ends(limited, send, runtime):
    client = limited(per_client=1)
    send(client, ["a"])
    [counter] = runtime.redis.keys("telemetry:new:*")
    assert 3590 < runtime.redis.ttl(counter) <= 3600
    send(client, ["b"])
    runtime.redis.delete(counter)  # as its expiry does
    assert send(client, ["c"]) == ([], None)


def test_a_series_twice_in_a_batch_counts_once(limited, send):
    client = limited(per_client=2)
    assert send(client, ["a", "a", "b", "a", "b"]) == ([], None)
    assert send(client, ["c", "a", "c"])[0] == [0, 2]


def test_what_the_system_makes_counts_against_nobody(runtime, limited, send):
    client = limited(per_client=1)
    samples = [Sample("rule:r1:0", {"n": str(n)}, utcnow(), 1.0) for n in range(50)]
    assert service.receive(runtime.redis, samples, utcnow(), runtime.settings) == {}
    assert send(client, ["a"]) == ([], None)


@pytest.mark.parametrize("metric", ["rule:r1:0", "rule:", "api.request.rate", "api.request.x"])
def test_nobody_else_may_send_what_is_the_systems_own(client, send, metric):
    indices, errors = send(client, ["a", "b"], metric=metric)
    assert indices == [0, 1]
    assert "are the system's own" in errors["metric"][0]
    assert send(client, ["a"], metric="api.requests") == ([], None)


def test_a_batch_of_known_series_asks_redis_for_nothing_more(limited, send, runtime):
    client = limited()
    send(client, range(50))

    def n_scripts():
        found = runtime.redis.info("commandstats")
        return sum(found.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval", "zscore"))

    before = n_scripts()
    send(client, range(50))
    assert n_scripts() == before
    send(client, range(49, 51))
    assert n_scripts() > before


def test_metrics_that_explode_are_limited_like_labels(limited, headers):
    samples = [{"metric": f"m{n}", "value": 1} for n in range(30)]
    answer = limited(per_client=10).post("/metrics/ingest", json={"samples": samples}, headers=headers("ingest"))
    assert answer.json["accepted"] == 10


def test_a_series_is_the_same_to_the_registry_and_to_the_limit(limited, send, headers):
    client = limited(per_client=1)
    send(client, ["a"])
    samples = [{"metric": "m", "value": 1, "labels": {"empty": "", "n": "a"}}]
    answer = client.post("/metrics/ingest", json={"samples": samples}, headers=headers("ingest"))
    assert answer.json == {"accepted": 1, "rejected": []}
    assert Series.of("m", {"empty": "", "n": "a"}) == Series.of("m", {"n": "a"})
