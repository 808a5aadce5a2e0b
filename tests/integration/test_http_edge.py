"""The edge: bodies that are no use, problem+json, headers, the OpenAPI document, health."""

import pytest
import sqlalchemy as sa

from app.core import http
from app.core.db import LostRace


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": "\\ud800", "severity": "low"}', "application/json", 400),
        (b'{"name": "\\u0000", "severity": "low"}', "application/json", 422),
        (b"[" * 100_000, "application/json", 400),
        (b'{"labels": ' + b'{"a":' * 9 + b"1" + b"}" * 9 + b"}", "application/json", 422),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b"x" * (5 * 1024 * 1024 + 1), "application/json", 413),
        (b"[]", "application/json", 422),
        (b"", "application/json", 400),
    ],
    ids=["broken", "NaN", "surrogate", "NUL", "brackets", "deep", "form", "large", "array", "empty"],
)
def test_a_body_that_is_no_use_is_refused_with_a_reason(client, headers, body, content_type, status):
    answer = client.post("/alerts/create", data=body, content_type=content_type, headers=headers("ingest"))
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json["detail"]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/alerts?q=a%00b", "query"),
        ("/alerts?%00=a", "query"),
        ("/alerts/a%00b", "path"),
        ("/nowhere%00", "path"),
        ("/alerts/stream?lastEventId=%00", "query"),
    ],
)
def test_a_nul_in_the_address_is_refused(client, headers, path, place):
    answer = client.get(path, headers=headers("viewer"))
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert answer.json["detail"].startswith(f"the {place} holds the character U+0000")


def test_a_nul_in_an_idempotency_key_is_refused(client, headers):
    keyed = headers("ingest", **{"Idempotency-Key": "a\x00b"})
    answer = client.post("/alerts/create", json={"name": "x", "severity": "low"}, headers=keyed)
    assert (answer.status_code, "Idempotency-Key" in answer.json["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("path", "argument"),
    [
        ("/metrics/series", "label=a=b"),
        ("/metrics/query", "matcher=a=b"),
        ("/alerts/stream", "severity=high"),
        ("/alerts/stream", "service=a"),
    ],
)
def test_a_filter_takes_64_values_and_no_more(client, headers, path, argument):
    answer = client.get(f"{path}?metric=m&{'&'.join([argument] * 65)}", headers=headers("viewer"))
    assert argument.partition("=")[0] in answer.json["errors"]


@pytest.mark.parametrize(("name", "value"), [("state", "dead"), ("kind", "firing")])
def test_a_filter_by_commas_takes_64_values_and_no_more(client, headers, name, value):
    answer = client.get(f"/notifications?{name}={','.join([value] * 65)}", headers=headers("viewer"))
    assert answer.json["errors"] == {name: ["Longer than maximum length 64."]}


@pytest.mark.parametrize("error", [LostRace(), sa.exc.IntegrityError("INSERT", {}, Exception("UNIQUE"))])
def test_a_race_that_is_lost_to_the_end_asks_to_come_again(app, client, error):
    def lose(session, now):
        raise error

    app.add_url_rule("/lose", view_func=lambda: http.write(lose), methods=["POST"])
    answer = client.post("/lose")
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0


def test_an_error_carries_the_request_id_that_was_sent(client):
    answer = client.get("/nowhere", headers={"X-Request-Id": "abc"})
    assert (answer.status_code, answer.json["request_id"], answer.headers["X-Request-Id"]) == (404, "abc", "abc")


def test_a_wrong_method_names_the_right_ones(client):
    answer = client.delete("/monitoring/live")
    assert (answer.status_code, "GET" in answer.headers["Allow"]) == (405, True)


def test_answers_carry_security_headers(client):
    answer = client.get("/monitoring/live")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_the_openapi_document_knows_every_endpoint(app, client):
    document = client.get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    ours = {rule.rule for rule in app.url_map.iter_rules()}
    hidden = {"/docs", "/docs/<name>", "/openapi.json"}
    streams = {rule for rule in ours if rule.endswith(("/ws", "/stream"))}
    documented = {path.replace("{", "<").replace("}", ">") for path in document["paths"]}
    assert ours - hidden - streams == documented - streams
    body = document["paths"]["/alerts/create"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/AlertIn"}


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


def test_the_openapi_document_tells_every_problem(document):
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert all(one["content"] == problem for one in document["components"]["responses"].values())
    step = document["paths"]["/alerts/{alert_id}/acknowledge"]["post"]["responses"]
    assert step.keys() == {*["200", "400", "401", "403", "404", "409", "413", "415", "422", "503"], "default"}
    assert document["paths"]["/auth/me"]["get"]["responses"].keys() == {*["200", "400", "401", "403", "503"], "default"}
    health = document["paths"]["/monitoring/health"]["get"]["responses"]["503"]["content"]
    assert health.keys() == {"application/json", "application/problem+json"}


def test_the_openapi_document_tells_who_needs_no_token(document):
    marks = {
        (path, method): operation.get("security")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "security" in operation
    }
    assert marks == {
        **{(f"/monitoring/{name}", "get"): [] for name in ("health", "live", "ready")},
        ("/alerts/stream", "get"): [{"token": []}, {"ticket": []}],
    }


def test_the_openapi_document_tells_the_type_of_every_field(document):
    shapes = document["components"]["schemas"]
    alert, rule = shapes["AlertIn"]["properties"], shapes["RuleIn"]["properties"]
    assert (alert["starts_at"]["type"], alert["starts_at"]["format"]) == (["string", "null"], "date-time")
    assert (alert["severity"]["type"], alert["labels"]["type"]) == ("string", "object")
    assert (rule["for"]["type"], rule["labels"]["type"]) == (["string", "number"], ["object", "array"])
    open_ended = {
        f"{name}.{field}"
        for name, shape in shapes.items()
        for field, told in shape["properties"].items()
        if not told.keys() & {"type", "enum", "oneOf", "anyOf", "$ref"}
    }
    assert open_ended == set()


def test_the_openapi_document_tells_that_a_resolve_may_be_ignored(document):
    folded = document["paths"]["/alerts/create"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in folded["oneOf"]] == ["AlertOut", "IgnoredOut"]


def test_the_docs_page_loads_only_from_this_server(client):
    page = client.get("/docs").text
    assert "http" not in page.replace("http-equiv", "")
    for part in ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "start.js"):
        with client.get(f"/docs/{part}") as answer:
            assert answer.status_code == 200
    assert client.get("/docs/other.js").status_code == 404


def test_health_is_503_without_workers_and_shows_parts_to_callers_with_a_token(client, headers):
    open_answer = client.get("/monitoring/health")
    assert (open_answer.status_code, "checks" in open_answer.json) == (503, False)
    checks = client.get("/monitoring/health", headers=headers("viewer")).json["checks"]
    assert checks["redis"]["ok"] is True
    assert "is a worker of the queue delivery running?" in checks["worker:delivery"]["detail"]
    assert client.get("/monitoring/live").status_code == 200
