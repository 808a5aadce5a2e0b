"""Who may call what: every endpoint asks for a role, and each role opens what it should."""

from datetime import timedelta

import pytest

from app.auth.domain import GRANTS, Role
from app.auth.service import create_token
from app.core.clock import utcnow

OPEN = {
    "monitoring.health",
    "monitoring.live",
    "monitoring.ready",
    "docs_page.page",
    "docs_page.asset",
    "api-docs.openapi_json",
}


def endpoints(app):
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            yield rule, method


def test_every_endpoint_names_its_roles_or_is_known_to_be_open(app):
    unguarded = {
        rule.endpoint
        for rule, method in endpoints(app)
        if not getattr(getattr(app.view_functions[rule.endpoint], "view_class", None), method.lower(), None)
        and not needs(app, rule, method)
    }
    assert unguarded == OPEN


def needs(app, rule, method):
    view = app.view_functions[rule.endpoint]
    seen = view
    while seen is not None:
        if getattr(seen, "needs", None):
            return seen.needs
        seen = getattr(seen, "__wrapped__", None)
    return ()


def test_without_a_token_every_other_endpoint_answers_401(app, client):
    for rule, method in endpoints(app):
        if rule.endpoint in OPEN or rule.websocket or rule.endpoint.startswith("__flask_sock"):
            continue
        path = rule.rule.replace("<", "").replace(">", "")
        answer = client.open(path, method=method, json={})
        assert (method, path, answer.status_code) == (method, path, 401)
        assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_a_role_opens_what_it_should_and_nothing_else(app, client, headers, role):
    for rule, method in endpoints(app):
        wanted = needs(app, rule, method)
        if not wanted or rule.endpoint.startswith("__flask_sock") or "stream" in rule.rule or "ws" in rule.endpoint:
            continue
        path = rule.rule.replace("<", "").replace(">", "")
        answer = client.open(path, method=method, json={}, headers=headers(role))
        may = any(role in {held.value for held in GRANTS[one]} for one in wanted)
        assert (method, path, answer.status_code == 403) == (method, path, not may)


def test_a_token_is_shown_once_used_listed_and_revoked(client, headers):
    made = client.post("/auth/tokens", json={"name": "ci", "role": "ingest"}, headers=headers("admin"))
    token = made.json["token"]
    assert client.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).json["role"] == "ingest"
    listed = client.get("/auth/tokens", headers=headers("admin")).json["items"]
    (shown,) = [item for item in listed if item["id"] == made.json["id"]]
    assert token not in str(shown)
    assert shown["last_used_at"] is not None
    assert client.delete(f"/auth/tokens/{made.json['id']}", headers=headers("admin")).status_code == 204
    assert client.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_repeated_creation_gives_the_same_token_and_keeps_it_sealed(client, headers, runtime):
    keyed = headers("admin", **{"Idempotency-Key": "k"})
    first = client.post("/auth/tokens", json={"name": "ci", "role": "viewer"}, headers=keyed).json
    assert client.post("/auth/tokens", json={"name": "ci", "role": "viewer"}, headers=keyed).json == first
    with runtime.reading() as session:
        kept = session.connection().exec_driver_sql("SELECT answer FROM idempotency_keys").scalar_one()
    assert first["token"] not in kept


def test_an_expired_token_is_no_token(client, runtime):
    past = utcnow() - timedelta(days=2)
    with runtime.transaction() as session:
        _, value = create_token(session, "old", Role.ADMIN, past, expires_at=past + timedelta(days=1))
    answer = client.get("/auth/me", headers={"Authorization": f"Bearer {value}"})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_an_expiry_in_the_past_is_refused(client, headers):
    body = {"name": "x", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}
    assert "expires_at" in client.post("/auth/tokens", json=body, headers=headers("admin")).json["errors"]
