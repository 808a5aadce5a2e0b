"""Data sources over HTTP: made, read with secrets masked, changed, tried out, deleted."""

import pytest

from app.core.outgoing import MASK
from app.core.secrets import SecretBox
from app.telemetry.datasources.service import datasources_named
from tests.receivers.answering import silence
from tests.receivers.prometheus import prometheus, scalar, vector

PROD = {"id": "prod", "name": "Production", "url": "https://prometheus.example.org"}
SECRETS = {"username": "me", "password": "pa55", "headers": {"X-Scope-OrgID": "tenant"}}


@pytest.fixture
def make(client, headers):
    def post(**more):
        answer = client.post("/datasources", json={**PROD, **more}, headers=headers())
        assert answer.status_code == 201, answer.json
        return answer.json

    return post


@pytest.fixture
def patch(client, headers):
    return lambda id_="prod", **changes: client.patch(f"/datasources/{id_}", json=changes, headers=headers())


def opened(runtime):
    with runtime.reading() as session:
        return datasources_named(session, runtime.secrets)


def test_one_is_made_and_read_with_its_secrets_masked(client, headers, make):
    made = make(**SECRETS, timeout=2.5)
    shown = {name: value for name, value in made.items() if not name.endswith("_at")}
    assert shown == {
        **PROD,
        "username": "me",
        "password": MASK,
        "token": None,
        "headers": {"X-Scope-OrgID": MASK},
        "timeout": "2s500ms",
        "version": 1,
    }
    assert client.get("/datasources/prod", headers=headers("viewer")).json == made
    assert client.get("/datasources", headers=headers("viewer")).json == {"items": [made], "next_cursor": None}


def test_secrets_are_stored_sealed_and_opened_for_whoever_asks(make, runtime):
    make(**SECRETS)
    with runtime.reading() as session:
        stored = str(session.connection().exec_driver_sql("SELECT settings, sealed FROM datasources").one())
    assert "pa55" not in stored
    assert "tenant" not in stored
    source = opened(runtime)["prod"]
    assert (source.username, source.password, source.headers) == ("me", "pa55", {"X-Scope-OrgID": "tenant"})
    assert "pa55" not in repr(source)
    assert opened(runtime)["Production"] == source


def test_an_id_is_made_when_none_is_given_and_the_timeout_is_five_seconds(make, runtime):
    made = make(id=None)
    assert (made["timeout"], made["headers"]) == ("5s", {})
    assert opened(runtime)[made["id"]].timeout.total_seconds() == 5


def test_ids_and_names_are_taken_once(client, headers, make, patch):
    make()
    assert client.post("/datasources", json={**PROD, "name": "Other"}, headers=headers()).status_code == 409
    assert client.post("/datasources", json={**PROD, "id": "other"}, headers=headers()).status_code == 409
    make(id="dev", name="Dev")
    assert patch("dev", name="Production").status_code == 409


def test_a_patch_changes_what_it_names(make, patch, runtime):
    make(**SECRETS)
    changed = patch(timeout="1s", headers=None)
    assert (changed.status_code, changed.json["version"], changed.json["timeout"]) == (200, 2, "1s")
    assert (changed.json["headers"], changed.json["password"]) == ({}, MASK)
    assert opened(runtime)["prod"].password == "pa55"
    assert patch(timeout="1s").json["version"] == 2
    token = patch(username=None, password=None, token="t0ken")
    assert (token.json["token"], token.json["username"], token.json["password"]) == (MASK, None, None)
    assert opened(runtime)["prod"].token == "t0ken"


def test_what_was_read_can_be_sent_back_and_changes_nothing(client, headers, make, runtime):
    made = make(**SECRETS)
    read_only = ("id", "version", "created_at", "updated_at")
    body = {name: value for name, value in made.items() if name not in read_only}
    put = client.put("/datasources/prod", json=body, headers=headers())
    assert put.status_code == 200
    assert put.json["headers"] == {"X-Scope-OrgID": MASK}
    assert (opened(runtime)["prod"].password, opened(runtime)["prod"].url) == ("pa55", PROD["url"])


def test_a_put_takes_out_what_it_does_not_name(client, headers, make, runtime):
    make(**SECRETS)
    body = {"name": "New", "url": "https://other.example.org/x/"}
    changed = client.put("/datasources/prod", json=body, headers=headers()).json
    assert (changed["name"], changed["url"], changed["username"]) == ("New", "https://other.example.org/x", None)
    assert opened(runtime)["New"].password is None


def test_a_stale_version_is_refused(client, headers, make, patch):
    make()
    assert patch(name="B", expected_version=1).status_code == 200
    assert patch(name="C", expected_version=1).status_code == 409
    assert client.delete("/datasources/prod?expected_version=1", headers=headers()).status_code == 409
    assert client.delete("/datasources/prod?expected_version=2", headers=headers()).status_code == 204
    assert client.get("/datasources/prod", headers=headers()).status_code == 404
    assert client.delete("/datasources/prod", headers=headers()).status_code == 404


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"url": 7}, "url"),
        ({"name": " x"}, "name"),
        ({"id": "Not a slug"}, "id"),
        ({"timeout": "1h"}, "timeout"),
        ({"timeout": []}, "timeout"),
        ({"headers": {"a b": "c"}}, "headers"),
        ({"headers": []}, "headers"),
        ({"tokn": "x"}, "tokn"),
        ({"token": "t", "username": "u"}, "token"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(client, headers, more, field):
    answer = client.post("/datasources", json={**PROD, **more}, headers=headers())
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


def test_pages(client, headers, make):
    for n in range(3):
        make(id=f"d{n}", name=f"D{n}")
    first = client.get("/datasources?limit=2", headers=headers()).json
    rest = client.get(f"/datasources?limit=2&cursor={first['next_cursor']}", headers=headers()).json
    assert [one["id"] for one in first["items"] + rest["items"]] == ["d2", "d1", "d0"]
    assert rest["next_cursor"] is None


def test_the_same_key_makes_one(client, headers):
    keyed = headers(**{"Idempotency-Key": "k1"})
    first = client.post("/datasources", json={**PROD, "id": None}, headers=keyed)
    assert client.post("/datasources", json={**PROD, "id": None}, headers=keyed).json == first.json


def test_whoever_may_only_read_changes_nothing(client, headers, make):
    make()
    for role in ("viewer", "responder"):
        assert client.get("/datasources/prod", headers=headers(role)).status_code == 200
        assert client.post("/datasources", json=PROD, headers=headers(role)).status_code == 403
        assert client.post("/datasources/prod/test", headers=headers(role)).status_code == 403
    assert client.get("/datasources", headers=headers("ingest")).status_code == 403


def tried(client, headers, make, server, **more):
    make(url=server.url, **more)
    answer = client.post("/datasources/prod/test", headers=headers())
    assert answer.status_code == 200
    assert answer.json["latency_ms"] > 0
    return answer.json["ok"], answer.json["detail"]


def test_a_trial_asks_the_server(client, headers, make):
    with prometheus(authorization="Bearer t0ken") as server:
        assert tried(client, headers, make, server, token="t0ken") == (True, "answered vector(1)")
        assert server.queries == ["vector(1)"]


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (silence, "data source Production: no answer within 200ms"),
        (vector(), "vector(1) is answered by nothing instead of 1"),
        (scalar("2"), "vector(1) is answered by {} 2 instead of 1"),
    ],
)
def test_a_trial_that_fails_says_how(client, headers, make, answer, detail):
    with prometheus({"vector(1)": answer}) as server:
        assert tried(client, headers, make, server, timeout="200ms") == (False, detail)


def test_a_lost_secret_key_breaks_what_it_sealed_and_nothing_else(client, headers, make, patch, runtime):
    make(**SECRETS)
    make(id="open", name="Open", url="https://open.example.org")
    other = SecretBox("another secret key, long enough")
    with runtime.transaction() as session:
        session.connection().exec_driver_sql(
            f"UPDATE datasources SET sealed = '{other.encrypt('{}')}' WHERE id = 'prod'"
        )
    found = opened(runtime)
    assert "ALERTING_SECRET_KEY" in found["prod"].problem
    assert found["open"].problem is None
    detail = client.post("/datasources/prod/test", headers=headers()).json["detail"]
    assert detail.endswith("send them again by PATCH /datasources/prod")
    assert set(patch(timeout="1s").json["errors"]) == {"password", "headers"}
    assert patch(password="new", headers=None).status_code == 200
    assert opened(runtime)["prod"].password == "new"
