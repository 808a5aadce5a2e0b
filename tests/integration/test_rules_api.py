"""Rules over HTTP: made, read, changed, switched, deleted."""

from datetime import UTC, datetime, timedelta

import pytest

from app.rules import service
from app.rules.domain.starter import STARTER_RULES
from tests.unit.rules.seed import SEED


@pytest.fixture
def call(client, headers):
    def send(method, path, role="admin", body=None, **args):
        return client.open(path, method=method, json=body, query_string=args, headers=headers(role))

    return send


@pytest.fixture
def made(call):
    return call("POST", "/rules", body=SEED).json


def test_the_seed_rule_is_accepted_as_it_stands_and_comes_back(call):
    answer = call("POST", "/rules", body=SEED)
    assert answer.status_code == 201
    assert {name: answer.json[name] for name in SEED} == SEED
    assert (answer.json["version"], answer.json["health"], answer.json["interval"]) == (1, "pending", "5s")
    assert answer.json["created_at"] == answer.json["updated_at"]
    assert call("GET", "/rules/high_cpu_usage", role="viewer").json == answer.json


def test_without_an_id_one_is_made(call):
    body = {name: value for name, value in SEED.items() if name != "id"}
    ids = {call("POST", "/rules", body=body).json["id"] for _ in range(2)}
    assert len(ids) == 2


def test_an_id_is_given_once(call, made):
    answer = call("POST", "/rules", body=SEED)
    assert answer.status_code == 409
    assert answer.mimetype == "application/problem+json"


def test_the_same_key_makes_one_rule(client, headers):
    body = {name: value for name, value in SEED.items() if name != "id"}
    answers = [client.post("/rules", json=body, headers=headers("admin", **{"Idempotency-Key": "k"})) for _ in range(2)]
    assert answers[0].json == answers[1].json


def test_wrong_fields_are_named(call):
    answer = call("POST", "/rules", body={**SEED, "operator": "above", "treshold": 1})
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {"operator", "treshold"}


def test_a_window_longer_than_samples_are_kept_is_refused(call, made):
    for answer in (
        call("POST", "/rules", body={**SEED, "id": "other", "evaluation_window": "2d"}),
        call("PATCH", "/rules/high_cpu_usage", body={"evaluation_window": "2d"}),
    ):
        assert answer.status_code == 422
        assert "kept for 1d" in answer.json["errors"]["evaluation_window"][0]


def test_a_patch_changes_what_it_names(call, made):
    answer = call("PATCH", "/rules/high_cpu_usage", body={"threshold": 80, "expected_version": 1})
    assert answer.status_code == 200
    different = {name for name, value in answer.json.items() if value != made[name]}
    assert different == {"threshold", "version", "updated_at"}
    assert answer.json["version"] == 2


def test_a_put_replaces_the_whole_definition(call, made):
    body = {name: SEED[name] for name in ("name", "metric", "operator", "threshold", "severity")}
    answer = call("PUT", "/rules/high_cpu_usage", body=body).json
    assert (answer["version"], answer["escalation_policy"], answer["notification_channels"]) == (2, None, [])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "", SEED),
        ("PATCH", "", {"threshold": 90}),
        ("PATCH", "", {}),
        ("PATCH", "", {"evaluation_window": 300, "severity": "p2", "id": "high_cpu_usage"}),
        ("POST", "/enable", None),
    ],
)
def test_what_changes_nothing_answers_200_and_leaves_the_version(call, made, method, path, body):
    answer = call(method, "/rules/high_cpu_usage" + path, body=body)
    assert answer.status_code == 200
    assert answer.json == made


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_stale_version_is_a_conflict(call, made, method):
    call("PATCH", "/rules/high_cpu_usage", body={"threshold": 80})
    body = {**SEED, "threshold": 70, "expected_version": 1}
    assert call(method, "/rules/high_cpu_usage", body=body).status_code == 409
    assert call("GET", "/rules/high_cpu_usage").json["threshold"] == 80


def test_an_id_does_not_change(call, made):
    assert call("PATCH", "/rules/high_cpu_usage", body={"id": "other"}).status_code == 422


def test_switching_off_and_on(call, made):
    off = call("POST", "/rules/high_cpu_usage/disable").json
    assert (off["enabled"], off["version"]) == (False, 2)
    assert call("POST", "/rules/high_cpu_usage/disable").json == off
    on = call("POST", "/rules/high_cpu_usage/enable").json
    assert (on["enabled"], on["version"]) == (True, 3)


def test_a_deleted_rule_is_gone_at_once_and_its_id_is_free(call, made):
    assert call("DELETE", "/rules/high_cpu_usage").status_code == 204
    for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/enable")):
        assert call(method, "/rules/high_cpu_usage" + path, body={}).status_code == 404
    assert call("GET", "/rules").json["items"] == []
    again = call("POST", "/rules", body=SEED)
    assert again.status_code == 201
    assert {name: again.json[name] for name in SEED} == SEED


def test_writing_is_for_admins_and_reading_for_viewers(call, made):
    for role in ("ingest", "viewer", "responder"):
        assert call("POST", "/rules", role=role, body={**SEED, "id": "x"}).status_code == 403
        assert call("PATCH", "/rules/high_cpu_usage", role=role, body={"threshold": 1}).status_code == 403
        assert call("DELETE", "/rules/high_cpu_usage", role=role).status_code == 403
        assert call("POST", "/rules/high_cpu_usage/disable", role=role).status_code == 403
    assert call("GET", "/rules", role="ingest").status_code == 403
    assert call("GET", "/rules", role="viewer").status_code == 200


def test_pages_hold_every_rule_once(call):
    for n in range(5):
        call("POST", "/rules", body={**SEED, "id": f"r{n}"})
    seen, cursor = [], None
    while True:
        page = call("GET", "/rules", limit=2, **({"cursor": cursor} if cursor else {})).json
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["r4", "r3", "r2", "r1", "r0"]


def test_filters(call, made):
    call("POST", "/rules", body={**SEED, "id": "disk", "name": "Disk 100% full", "metric": "disk", "enabled": False})

    def ids(**args):
        return [one["id"] for one in call("GET", "/rules", **args).json["items"]]

    assert ids(enabled="true") == ["high_cpu_usage"]
    assert ids(enabled="false") == ["disk"]
    assert ids(metric="disk") == ["disk"]
    assert ids(q="CPU") == ["high_cpu_usage"]
    assert ids(q="100%") == ["disk"]
    assert ids(q="%") == ["disk"]
    assert ids(q="nothing") == []
    assert call("GET", "/rules", sorted="yes").status_code == 422


def test_starter_rules_are_made_once_and_a_deleted_one_does_not_come_back(call, runtime):
    now = datetime.now(UTC)

    def ensure():
        with runtime.transaction() as session:
            return service.ensure_starter_rules(session, now)

    assert ensure() == list(STARTER_RULES)
    assert ensure() == []
    call("DELETE", "/rules/host_cpu_busy")
    with runtime.transaction() as session:
        claim = service.claim_due(session, runtime.redis, [], now + timedelta(seconds=60), 100)
        service.record(session, runtime.redis, claim, [], now)
    assert ensure() == []
    shown = {one["id"]: one for one in call("GET", "/rules").json["items"]}
    assert set(shown) == set(STARTER_RULES) - {"host_cpu_busy"}
    assert shown["host_disk_full"]["group_by"] == ["host", "mountpoint"]
    assert shown["host_load_high"]["annotations"]["hint"]


def test_a_starter_id_that_somebody_uses_is_left_alone(call, runtime):
    call("POST", "/rules", body={**SEED, "id": "host_cpu_busy"})
    with runtime.transaction() as session:
        assert "host_cpu_busy" not in service.ensure_starter_rules(session, datetime.now(UTC))
    assert call("GET", "/rules/host_cpu_busy").json["name"] == SEED["name"]


def test_a_starter_id_that_somebody_used_and_deleted_goes_on_with_its_versions(call, runtime):
    call("POST", "/rules", body={**SEED, "id": "host_cpu_busy"})
    call("DELETE", "/rules/host_cpu_busy")
    now = datetime.now(UTC)
    with runtime.transaction() as session:
        service.record(session, runtime.redis, service.claim_due(session, runtime.redis, [], now, 100), [], now)
    with runtime.transaction() as session:
        assert "host_cpu_busy" in service.ensure_starter_rules(session, now)
    assert call("GET", "/rules/host_cpu_busy").json["version"] == 3
    kept = call("GET", "/rules/host_cpu_busy/versions").json["items"]
    assert [(one["version"], one["change"]) for one in kept] == [(3, "created"), (2, "deleted"), (1, "created")]
