"""Rules as files over HTTP: imported, exported, imported again, and judged."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
import yaml

from app.core.clock import utcnow
from app.rules.domain.starter import STARTER_RULES
from app.rules.service import ensure_starter_rules
from tests.unit.rules.seed import SEED

GROUPS = """
groups:
  - name: hosts
    interval: 30s
    rules:
      - alert: InstanceDown
        expr: up == 0
        for: 5m
        labels: {severity: page, team: "{{ $labels.team }}"}
        annotations:
          summary: Instance {{ $labels.instance }} is down
          runbook_url: https://example.org/down
      - alert: Nothing
        expr: absent(up)
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Broken
        expr: up >
"""


@pytest.fixture
def send(client, headers):
    def post(body, role="admin", path="/rules/import", content_type="application/yaml", **args):
        return client.post(path, data=body, query_string=args, headers=headers(role), content_type=content_type)

    return post


@pytest.fixture
def get(client, headers):
    return lambda path, role="viewer", **args: client.get(path, query_string=args, headers=headers(role))


def test_a_rule_file_of_prometheus_is_taken_in_and_again_changes_nothing(send, get):
    answer = send(GROUPS, format="prometheus", datasource="main")
    assert answer.status_code == 200
    found = answer.json
    assert found["created"] == ["hosts-instance-down", "hosts-nothing"]
    assert (found["updated"], found["unchanged"], found["dry_run"]) == ([], [], False)
    assert [(one["index"], one["group"], one["name"]) for one in found["skipped"]] == [
        (2, "hosts", "job:up:sum"),
        (3, "hosts", "Broken"),
    ]
    assert {(one["id"], one["field"]) for one in found["advice"]} == {
        ("hosts-nothing", "severity"),
        ("hosts-nothing", "for"),
        ("hosts-nothing", "description"),
    }
    rule = get("/rules/hosts-instance-down").json
    assert (rule["source"], rule["query"], rule["datasource"], rule["for"]) == ("prometheus", "up == 0", "main", "5m")
    assert (rule["severity"], rule["interval"], rule["alert_labels"]) == (
        "CRITICAL",
        "30s",
        {"team": "{{ $labels.team }}"},
    )
    again = send(GROUPS, format="prometheus", datasource="main").json
    assert (again["created"], again["unchanged"]) == ([], found["created"])
    assert get("/rules/hosts-instance-down").json["version"] == 1


def test_a_dry_run_tells_and_changes_nothing(send, get):
    found = send(GROUPS, format="prometheus", dry_run="true").json
    assert (found["created"], found["dry_run"]) == (["hosts-instance-down", "hosts-nothing"], True)
    assert get("/rules").json["items"] == []


def test_a_changed_file_updates_what_changed(send, get):
    send(GROUPS, format="prometheus")
    found = send(GROUPS.replace("for: 5m", "for: 6m"), format="prometheus").json
    assert (found["created"], found["updated"]) == ([], ["hosts-instance-down"])
    rule = get("/rules/hosts-instance-down").json
    assert (rule["for"], rule["version"]) == ("6m", 2)


def test_a_deleted_rule_comes_back(send, client, headers, get):
    send(GROUPS, format="prometheus")
    client.delete("/rules/hosts-nothing", headers=headers())
    assert send(GROUPS, format="prometheus").json["created"] == ["hosts-nothing"]
    assert get("/rules/hosts-nothing").status_code == 200


LEAST = {"metric": "m", "severity": "LOW"}
BODIES = [
    SEED,
    {**LEAST, "id": "range", "name": "Range", "operator": "outside_range", "threshold": [1, 2]},
    {**LEAST, "id": "gone", "name": "Gone", "operator": "absent", "for": "5m", "group_by": []},
    {
        **LEAST,
        "id": "many",
        "name": "yes",
        "operator": "less_than",
        "threshold": 1e-7,
        "resolve_threshold": 2,
        "labels": ['a=~"b.*"'],
        "group_by": ["host"],
        "interval": "10s",
        "keep_firing_for": "1.5s",
        "evaluation_window": "90s",
        "enabled": False,
        "aggregation": "p95",
        "annotations": {"a": "{{ $value }}\nnull", "b": "1e3"},
        "alert_labels": {"team": "on"},
        "no_data": "alert",
        "service": "2020-01-01",
    },
    {"id": "logs", "name": "Logs", "source": "log", "operator": "less_than", "threshold": 5, "severity": "LOW"},
    {"id": "asks", "name": "Asks", "source": "prometheus", "query": "up == 0", "severity": "LOW"},
]


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_is_exported_is_unchanged_when_it_is_imported(runtime, send, get, form):
    with runtime.transaction() as session:
        ensure_starter_rules(session, utcnow(), timedelta(seconds=5))
    answer = send(json.dumps({"rules": BODIES}))
    assert answer.json["created"] == [body["id"] for body in BODIES], answer.json
    exported = get("/rules/export", format=form)
    assert exported.mimetype == f"application/{form}"
    found = send(exported.data, content_type=exported.mimetype).json
    assert set(found["unchanged"]) == {*STARTER_RULES, *(body["id"] for body in BODIES)}
    assert (found["created"], found["updated"], found["skipped"]) == ([], [], [])


def test_what_the_list_of_rules_shows_can_be_imported(send, get):
    send(yaml.safe_dump([SEED]))
    found = send(yaml.safe_dump(get("/rules").json["items"])).json
    assert found["skipped"] == []
    assert found["updated"] == ["high_cpu_usage"]  # the list shows the interval that the setting gives


def test_a_rule_that_cannot_be_used_spoils_no_other(send):
    bodies = [
        {**SEED, "treshold": 1},
        {**SEED, "id": "long", "evaluation_window": "2d"},
        {**SEED, "id": "text", "annotations": {"a": "{{ b }}"}},
        {**SEED, "id": "import"},
        3,
        {name: value for name, value in SEED.items() if name != "id"},
        SEED,
        SEED,
    ]
    found = send(yaml.safe_dump(bodies)).json
    assert found["created"] == ["high-cpu-usage-alert", "high_cpu_usage"]
    reasons = {one["index"]: one["reason"] for one in found["skipped"]}
    assert set(reasons) == {0, 1, 2, 3, 4, 7}
    assert "did you mean threshold?" in reasons[0]
    assert "kept for 1d" in reasons[1]
    assert "a: line 1, column 4" in reasons[2]
    assert "a word of the API itself" in reasons[3]
    assert "stands at index 6 as well" in reasons[7]


def test_what_lies_outside_of_our_limits_is_skipped(send):
    found = send(GROUPS.replace("InstanceDown", "x" * 201).replace("for: 5m", "for: 2y"), format="prometheus").json
    assert found["created"] == ["hosts-nothing"]
    assert "name:" in found["skipped"][0]["reason"]
    assert "for: use a duration" in found["skipped"][0]["reason"]


@pytest.mark.parametrize(
    ("body", "content_type", "args", "status"),
    [
        ("a: [", "text/plain", {}, 400),
        ("{", "application/json", {}, 400),
        ("rules: 3", "text/yaml", {}, 422),
        ("a: &a [*a]", "application/x-yaml", {}, 400),
        ("rules: []", "text/html", {}, 415),
        ("rules: []", "application/yaml", {"format": "other"}, 422),
        ("rules: []", "application/yaml", {"datasource": "main"}, 422),
        ("[" + "{}," * 5001 + "]", "application/yaml", {}, 422),
        ("", "application/yaml", {}, 422),
    ],
)
def test_what_is_no_file_of_rules_is_refused(send, body, content_type, args, status):
    answer = send(body, content_type=content_type, **args)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"


def test_other_endpoints_still_take_json_only(send):
    assert send("{}", path="/rules").status_code == 415


def test_only_an_admin_imports_and_who_looks_exports(send, get):
    assert send("rules: []", role="responder").status_code == 403
    assert get("/rules/export").status_code == 200
    assert get("/rules/export", role="ingest").status_code == 403


def test_a_reserved_word_is_no_id(client, headers):
    for word in ("import", "export", "backtest", "lint", "noise"):
        answer = client.post("/rules", json={**SEED, "id": word}, headers=headers())
        assert answer.status_code == 422
        assert "a word of the API itself" in answer.json["errors"]["id"][0]


def test_a_rule_is_judged_without_being_saved(client, headers, get):
    def lint(**changes):
        return client.post("/rules/lint", json={**SEED, **changes}, headers=headers("viewer"))

    found = lint(operator="equal", description="").json["advice"]
    assert [one["field"] for one in found] == ["operator", "description"]
    assert lint(annotations={"a": "{{ b }}"}).status_code == 422
    assert lint().json == {"advice": []}
    assert get("/rules").json["items"] == []


def test_1300_rules_are_imported_by_a_fixed_number_of_statements(runtime, send):
    statements = []
    sa.event.listen(runtime.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    rules = [{"alert": f"A{n}", "expr": f"up == {n}", "annotations": {"a": "b"}} for n in range(1300)]
    found = send(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}), format="prometheus").json
    assert len(found["created"]) == 1300
    assert len(statements) < 20
