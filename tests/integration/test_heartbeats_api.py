"""Heartbeats over HTTP: beats, configuration, lists, and the alerts that follow."""

from datetime import UTC, datetime, timedelta

import pytest

from app import pipeline
from app.core import ticks
from app.core.clock import utcnow
from app.heartbeats import service
from app.telemetry import service as telemetry
from app.telemetry.domain import Window
from app.web import create_app
from tests.conditions import eventually
from tests.integration.conftest import settings_for

SECOND = timedelta(seconds=1)
CONFIG = {"interval": "10s", "grace": "5s"}


@pytest.fixture
def beat(client, headers):
    return lambda name="backup", **more: client.post(f"/heartbeats/{name}", headers=headers("ingest", **more))


@pytest.fixture
def configure(client, headers):
    def put(name="backup", role="responder", **changes):
        return client.put(f"/heartbeats/{name}/config", json={**CONFIG, **changes}, headers=headers(role))

    return put


@pytest.fixture
def get(client, headers):
    return lambda path="/heartbeats/backup", **args: client.get(path, query_string=args, headers=headers("viewer"))


@pytest.fixture
def silence(runtime):
    """Let so much time pass without a beat, with the system at work all the while; returns how many are missing."""

    def pass_by(after):
        start, n = utcnow(), 0
        for passed in range(0, after + 1, 5):
            at = start + passed * SECOND
            n += runtime.run(lambda session, at=at: service.sweep(session, at, at, runtime.settings))
        return n

    return pass_by


def alerts(get, **args):
    return get("/alerts/history", source="heartbeats", **args).json["items"]


def seconds_between(later, earlier):
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def test_the_first_beat_makes_a_heartbeat(beat, get):
    first = beat()
    assert first.status_code == 201
    assert {
        "id": "backup",
        "name": "backup",
        "state": "up",
        "interval": "1m",
        "grace": "30s",
        "severity": "HIGH",
    }.items() <= first.json.items()
    assert first.json["version"] == 1
    assert 89 < seconds_between(first.json["expires_at"], first.json["last_beat_at"]) <= 90
    assert get().json == first.json
    second = beat()
    assert second.status_code == 200
    assert second.json["version"] == 1
    assert seconds_between(second.json["last_beat_at"], first.json["last_beat_at"]) > 0


def test_silence_opens_an_alert_and_a_beat_resolves_it(configure, beat, get, silence):
    configure(severity="p1", description="nightly", service="db", notification_channels=["ops"], escalation_policy="x")
    beat()
    assert silence(10) == 0
    assert get().json["state"] == "up"
    assert silence(20) == 1
    down = get().json
    assert (down["state"], down["expires_at"]) == ("down", None)
    (alert,) = alerts(get)
    assert {
        "name": "Heartbeat backup is missing",
        "status": "ACTIVE",
        "severity": "CRITICAL",
        "source": "heartbeats",
        "description": "nightly",
        "labels": {"heartbeat": "backup", "service": "db"},
        "notification_channels": ["ops"],
        "escalation_policy": "x",
    }.items() <= alert.items()
    opened = get(f"/alerts/{alert['id']}").json["timeline"][0]
    assert opened["actor"] == "engine"
    assert "expected every 10s, with 5s of grace" in opened["reason"]
    assert silence(60) == 0
    assert beat().json["state"] == "up"
    (alert,) = alerts(get)
    assert (alert["status"], alert["resolution"]) == ("RESOLVED", "source")


def test_a_heartbeat_that_goes_silent_again_reopens_its_alert(configure, beat, get, silence):
    configure()
    for _ in range(2):
        beat()
        assert silence(20) == 1
    (alert,) = alerts(get)
    assert alert["status"] == "ACTIVE"
    assert get().json["version"] == 5  # made, up, down, up, down


def test_one_that_was_configured_and_never_came_is_missing(configure, get, silence):
    made = configure()
    assert (made.status_code, made.json["state"], made.json["last_beat_at"]) == (201, "new", None)
    assert seconds_between(made.json["expires_at"], made.json["created_at"]) == pytest.approx(15, abs=0.01)
    assert silence(20) == 1
    (alert,) = alerts(get)
    assert "no beat came ever" in get(f"/alerts/{alert['id']}").json["timeline"][0]["reason"]


def test_a_new_configuration_gives_its_whole_time_anew_and_the_same_one_changes_nothing(configure, beat, get):
    configure()
    beat()
    changed = configure(interval=60, severity="low", expected_version=2)
    assert (changed.status_code, changed.json["version"], changed.json["state"]) == (200, 3, "up")
    assert seconds_between(changed.json["expires_at"], changed.json["updated_at"]) == pytest.approx(65, abs=0.01)
    assert configure(interval=60, severity="low").json == get().json == changed.json
    stale = configure(interval=61, expected_version=2)
    assert (stale.status_code, stale.mimetype) == (409, "application/problem+json")
    assert "version 3" in stale.json["detail"]
    assert configure("other", expected_version=1).status_code == 409


def test_one_that_is_disabled_is_not_waited_for(configure, beat, get, silence):
    configure()
    beat()
    silence(20)
    off = configure(enabled=False)
    assert (off.json["state"], off.json["enabled"], off.json["expires_at"]) == ("disabled", False, None)
    assert [alert["status"] for alert in alerts(get)] == ["RESOLVED"]
    assert beat().json["state"] == "disabled"
    assert silence(60) == 0
    on = configure()
    assert on.json["state"] == "up"
    assert silence(20) == 1


def test_deleting_one_resolves_its_alert(configure, client, headers, get, silence, beat):
    configure()
    silence(20)
    assert client.delete("/heartbeats/backup", headers=headers("responder")).status_code == 403
    assert client.delete("/heartbeats/backup", headers=headers("admin")).status_code == 204
    assert get().status_code == 404
    assert [alert["status"] for alert in alerts(get)] == ["RESOLVED"]
    assert client.delete("/heartbeats/backup", headers=headers("admin")).status_code == 404
    assert beat().status_code == 201


def test_a_beat_is_a_sample_too(beat, runtime):
    beat()
    beat("other")
    found = telemetry.windows(runtime.redis, [Window("heartbeat.beats", (), timedelta(minutes=1))], utcnow())
    assert sorted(one.labels["heartbeat"] for one in found.series) == ["backup", "other"]
    assert found.values.tolist() == [1.0, 1.0]


def test_without_redis_a_beat_is_kept(database_url, app, headers, tmp_path, get):
    made = create_app(settings_for(database_url, f"unix://{tmp_path}/nobody", tmp_path))
    assert made.test_client().post("/heartbeats/backup", headers=headers("ingest")).status_code == 201
    made.extensions["alerting"].close()
    assert get().json["state"] == "up"


def test_without_redis_nobody_is_missing(database_url, app, configure, get, tmp_path):
    configure(interval="1s", grace="0s")
    made = create_app(settings_for(database_url, f"unix://{tmp_path}/nobody", tmp_path))
    assert pipeline.watch(made.extensions["alerting"]) == 0
    made.extensions["alerting"].close()
    assert get().json["state"] == "new"


def test_a_sweep_takes_the_last_sign_of_a_web_process(configure, runtime, get):
    configure(interval="1s", grace="0s")
    ticks.note(runtime.redis, ticks.WEB, utcnow() + 5 * SECOND, asked_by_beat=False)
    assert pipeline.watch(runtime) == 1
    assert get().json["state"] == "down"


def test_a_repeated_beat_with_its_key_is_one(beat):
    first = beat(**{"Idempotency-Key": "k"})
    assert beat(**{"Idempotency-Key": "k"}).json == first.json


def test_pages_of_heartbeats(beat, get):
    for n in range(5):
        beat(f"job-{n}")
    first = get("/heartbeats", limit=3).json
    second = get("/heartbeats", limit=3, cursor=first["next_cursor"]).json
    assert [one["name"] for page in (first, second) for one in page["items"]] == [f"job-{n}" for n in (4, 3, 2, 1, 0)]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"interval": "0s"}, "interval"),
        ({"interval": "367d"}, "interval"),
        ({"interval": None}, "interval"),
        ({"grace": "soon"}, "grace"),
        ({"grace": -1}, "grace"),
        ({"severity": "bad"}, "severity"),
        ({"notification_channels": "ops"}, "notification_channels"),
        ({"enabled": "yes"}, "enabled"),
        ({"gracee": "5s"}, "gracee"),
        ({"expected_version": "1"}, "expected_version"),
    ],
)
def test_what_cannot_be_configured(configure, changes, field):
    answer = configure(**changes)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


def test_interval_and_grace_must_be_given(client, headers):
    answer = client.put("/heartbeats/x/config", json={}, headers=headers("admin"))
    assert sorted(answer.json["errors"]) == ["grace", "interval"]


@pytest.mark.parametrize("name", ["x" * 200, "a b", "größe", "a.b:c", "%25"])
def test_names_that_can_be_used(beat, configure, get, silence, name):
    assert configure(name).status_code == 201
    assert silence(20) == 1
    assert beat(name).status_code == 200
    assert [len(alert["name"]) <= 200 for alert in alerts(get)] == [True]


def test_names_that_cannot_be_used(beat, configure):
    for answer in (beat("x" * 201), configure("x" * 201)):
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["name"])
    assert beat("a%2Fb").status_code == 404
    assert beat("a%00b").status_code == 400


def test_who_may_do_what(client, headers, configure):
    assert client.post("/heartbeats/x", headers=headers("viewer")).status_code == 403
    assert client.get("/heartbeats/x", headers=headers("ingest")).status_code == 403
    assert configure(role="viewer").status_code == 403
    assert configure(role="ingest").status_code == 403
    assert configure(role="admin").status_code == 201


def test_a_web_process_shows_itself(runtime):
    before = utcnow() - timedelta(milliseconds=1)
    ticks.show_web(runtime.redis, runtime.ending, every_s=3600)
    seen = eventually(lambda: ticks.last_seen(runtime.redis).get(ticks.WEB), what="the sign of life")
    assert before <= seen <= datetime.now(UTC) + SECOND
