"""Alerts over HTTP: in, folded, handled, looked up."""

import csv
import io

import pytest

ALERT = {"name": "Disk full", "severity": "high", "labels": {"host": "a", "service": "db"}, "value": 97.5}


@pytest.fixture
def create(client, headers):
    def post(**more):
        return client.post("/alerts/create", json={**ALERT, **more}, headers=headers("ingest"))

    return post


@pytest.fixture
def act(client, headers):
    def post(alert_id, action, **body):
        return client.post(f"/alerts/{alert_id}/{action}", json=body, headers=headers("responder"))

    return post


def test_a_new_alert_is_201_and_a_repeat_is_folded_with_200(create):
    first, second = create(), create(value=98)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json["id"] == second.json["id"]
    assert (first.json["status"], first.json["severity"], first.json["service"]) == ("ACTIVE", "HIGH", "db")
    assert (second.json["occurrences"], second.json["value"], second.json["version"]) == (2, 98, 1)


def test_the_name_and_the_source_belong_to_the_identity(create):
    ids = {create().json["id"], create(name="Disk slow").json["id"], create(source="other").json["id"]}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"severity": "dreadful"}, "severity"),
        ({"nmae": "x"}, "nmae"),
        ({"labels": {"a": 1}}, "labels"),
        ({"starts_at": "2026-01-31T12:00:00"}, "starts_at"),
        ({"status": "on fire"}, "status"),
        ({"threshold": [1]}, "threshold"),
        ({"name": ""}, "name"),
        ({"value": "3"}, "value"),
        ({"starts_at": "0001-01-01T00:00:00Z"}, "starts_at"),
    ],
)
def test_a_wrong_field_is_named_with_its_mend(create, wrong, field):
    answer = create(**wrong)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert field in answer.json["errors"]


def test_an_unknown_field_is_refused_with_the_nearest_name(create):
    assert create(desciption="x").json["errors"] == {"desciption": ["Unknown field; did you mean description?"]}


def test_a_resolve_never_seen_is_ignored_and_drops_a_late_start(create):
    end = create(status="resolved", ends_at="2026-01-31T12:05:00Z")
    assert (end.status_code, end.json["status"], end.json["id"]) == (200, "ignored", None)
    assert create().status_code == 201  # the tombstone is old


def test_a_sources_resolve_ends_it_and_the_next_firing_reopens_it(create):
    first = create()
    assert create(status="resolved").json["status"] == "RESOLVED"
    again = create()
    assert (again.status_code, again.json["id"], again.json["episodes"]) == (200, first.json["id"], 2)


def test_handling_step_by_step(create, act, client, headers):
    alert_id = create().json["id"]
    taken = act(alert_id, "acknowledge", note="on it").json
    assert (taken["status"], taken["acknowledged_by"], taken["version"]) == ("ACKNOWLEDGED", "token:responder", 2)
    assert act(alert_id, "acknowledge").json["version"] == 2
    assert act(alert_id, "unacknowledge").json["status"] == "ACTIVE"
    assert act(alert_id, "comment", text="looks odd").status_code == 201
    assert act(alert_id, "resolve", note="fixed").json["resolution"] == "manual"
    assert act(alert_id, "close").json["status"] == "CLOSED"
    whole = client.get(f"/alerts/{alert_id}", headers=headers("viewer")).json
    kinds = [line["kind"] for line in whole["timeline"]]
    assert kinds == ["opened", "acknowledged", "unacknowledged", "commented", "resolved", "closed"]
    assert [line["seq"] for line in whole["timeline"]] == [1, 2, 3, 4, 5, 6]


def test_an_illegal_step_says_what_is_possible(create, act):
    alert_id = create().json["id"]
    answer = act(alert_id, "close")
    assert answer.status_code == 409
    assert (answer.json["current"], answer.json["allowed"]) == ("ACTIVE", ["acknowledge", "resolve"])


def test_a_stale_version_is_refused(create, act):
    alert_id = create().json["id"]
    act(alert_id, "acknowledge")
    assert act(alert_id, "resolve", expected_version=1).status_code == 409
    assert act(alert_id, "resolve", expected_version=2).status_code == 200


def test_a_comment_on_a_stale_version_is_refused(create, act):
    alert_id = create().json["id"]
    act(alert_id, "acknowledge")
    assert act(alert_id, "comment", text="x", expected_version=1).status_code == 409
    assert act(alert_id, "comment", text="x", expected_version=2).status_code == 201


def test_an_unknown_alert_is_404(act, client, headers):
    assert act("nothing", "acknowledge").status_code == 404
    assert client.get("/alerts/nothing", headers=headers("viewer")).status_code == 404


def test_the_same_idempotency_key_gives_the_first_answer(client, headers):
    keyed = headers("ingest", **{"Idempotency-Key": "k1"})
    first = client.post("/alerts/create", json=ALERT, headers=keyed)
    second = client.post("/alerts/create", json=ALERT, headers=keyed)
    assert (second.status_code, second.json) == (201, first.json)
    other = client.post("/alerts/create", json={**ALERT, "value": 1}, headers=keyed)
    assert other.status_code == 409


def test_bulk_has_a_result_for_each_and_one_bad_item_spoils_nothing(client, headers):
    items = [{**ALERT, "labels": {"host": str(n)}} for n in range(3)] + [
        {"name": "x"},
        {**ALERT, "labels": {"host": "0"}},
    ]
    answer = client.post("/alerts/bulk/create", json={"alerts": items}, headers=headers("ingest")).json
    assert (answer["created"], answer["deduplicated"], answer["rejected"]) == (3, 1, 1)
    assert [result["status"] for result in answer["results"]] == ["created"] * 3 + ["rejected", "deduplicated"]
    assert answer["results"][3]["errors"] == {"severity": ["Missing data for required field."]}
    assert answer["results"][4]["id"] == answer["results"][0]["id"]


def test_ten_thousand_alerts_are_ten_thousand_rows_and_the_same_again_only_counts(client, headers):
    def post_all():
        totals = {"created": 0, "deduplicated": 0}
        for start in range(0, 10_000, 1000):
            items = [{**ALERT, "labels": {"host": f"h{n}", "service": "db"}} for n in range(start, start + 1000)]
            answer = client.post("/alerts/bulk/create", json={"alerts": items}, headers=headers("ingest")).json
            totals = {name: totals[name] + answer[name] for name in totals}
        return totals

    assert post_all() == {"created": 10_000, "deduplicated": 0}
    assert post_all() == {"created": 0, "deduplicated": 10_000}
    summary = client.get("/alerts/summary", headers=headers("viewer")).json
    assert (summary["open"], summary["by_status"], summary["by_service"]) == (
        10_000,
        {"ACTIVE": 10_000},
        {"db": 10_000},
    )


def test_more_than_a_thousand_at_once_is_refused(client, headers):
    answer = client.post("/alerts/bulk/create", json={"alerts": [ALERT] * 1001}, headers=headers("ingest"))
    assert "at most 1000" in answer.json["errors"]["alerts"][0]


def test_pages_hold_every_alert_once(create, client, headers):
    made = [create(labels={"host": str(n)}).json["id"] for n in range(7)]
    seen, cursor = [], ""
    for _ in range(4):
        query = f"/alerts/history?limit=2{cursor}"
        page = client.get(query, headers=headers("viewer")).json
        seen += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert sorted(seen) == sorted(made)
    assert len(seen) == 7


@pytest.mark.parametrize(
    ("query", "hosts"),
    [
        ("label=host=web-1", {"web-1"}),
        ('matcher=host=~"web-.*"', {"web-1", "web-2"}),
        ('matcher=host!~"web-.*"', {"db-1"}),
        ('matcher=host!="db-1"', {"web-1", "web-2"}),
        ("q=WEB", {"web-1", "web-2"}),
        ("q=%25", set()),
        ("severity=low", {"db-1"}),
        ("status=RESOLVED", {"web-2"}),
        ("source=api&severity=high", {"web-1", "web-2"}),
        ("until=2020-01-01T00:00:00Z", set()),
    ],
)
def test_filters(create, client, headers, query, hosts):
    create(labels={"host": "web-1"})
    create(labels={"host": "web-2"})
    create(labels={"host": "web-2"}, status="resolved")
    create(labels={"host": "db-1"}, severity="low")
    page = client.get(f"/alerts?{query}", headers=headers("viewer")).json
    assert {item["labels"]["host"] for item in page["items"]} == hosts


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=201", "cursor=nonsense", "sort=name", "statsu=ACTIVE", "matcher=x~y", "label=x"),
        *("since=0001-01-01T00:00:00Z", "until=9001-01-01T00:00:00Z", f"matcher=x={'%20' * 5000}y"),
        *("&".join([one] * 65) for one in ("status=ACTIVE", "severity=high", "source=a", "service=a")),
        *("&".join([one] * 65) for one in ("label=a=b", "matcher=a=b")),
    ],
    ids=lambda query: query[:30],
)
def test_a_wrong_filter_is_an_error_and_not_an_empty_list(client, headers, query):
    answer = client.get(f"/alerts?{query}", headers=headers("viewer"))
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.json["errors"]


def test_an_unknown_filter_is_refused_with_the_nearest_name(client, headers):
    answer = client.get("/alerts?statsu=ACTIVE", headers=headers("viewer"))
    assert answer.json["errors"] == {"statsu": ["Unknown field; did you mean status?"]}


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z"])
def test_a_summary_of_a_time_outside_of_the_calendar_is_refused(client, headers, until):
    answer = client.get(f"/alerts/summary?until={until}", headers=headers("viewer"))
    assert answer.json["errors"] == {"until": ["use a time in the years 1970 to 9000"]}


def test_lists_show_open_and_recent_alerts_history_shows_all(create, act, client, headers):
    alert_id = create().json["id"]
    act(alert_id, "resolve")
    act(alert_id, "close")
    assert client.get("/alerts", headers=headers("viewer")).json["items"] == []
    assert len(client.get("/alerts/history", headers=headers("viewer")).json["items"]) == 1


def test_a_reopened_alert_comes_first_again(create, client, headers):
    first, second = create(labels={"host": "1"}).json["id"], create(labels={"host": "2"}).json["id"]
    ids = lambda: [item["id"] for item in client.get("/alerts", headers=headers("viewer")).json["items"]]  # noqa: E731
    assert ids() == [second, first]
    create(labels={"host": "1"}, status="resolved")
    create(labels={"host": "1"})
    assert ids() == [first, second]


def test_history_as_csv_is_whole_and_safe_in_a_spreadsheet(create, client, headers):
    create(name="=cmd()")
    create(labels={"host": "b"})
    text = client.get("/alerts/history?format=csv", headers=headers("viewer")).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["name"] for row in rows} == {"'=cmd()", "Disk full"}


def test_an_incident_that_is_not_known_has_no_alerts_in_either_format(create, client, headers):
    create()
    found = client.get("/alerts/history?incident_id=x", headers=headers("viewer")).json
    text = client.get("/alerts/history?incident_id=x&format=csv", headers=headers("viewer")).text
    assert (found["items"], len(text.splitlines())) == ([], 1)


def test_history_as_csv_holds_no_connection_while_its_client_reads(client, headers, runtime):
    items = [{**ALERT, "labels": {"host": str(n)}} for n in range(501)]
    client.post("/alerts/bulk/create", json={"alerts": items}, headers=headers("ingest"))
    with client.get("/alerts/history?format=csv", headers=headers("viewer"), buffered=False) as answer:
        pieces = iter(answer.response)
        parts = [next(pieces), next(pieces)]
        assert runtime.engine.pool.checkedout() == 0
        parts += pieces
    text = b"".join(part.encode() if isinstance(part, str) else part for part in parts).decode()
    assert len({row["id"] for row in csv.DictReader(io.StringIO(text))}) == 501


def test_summary_knows_how_fast_people_were(create, act, client, headers):
    alert_id = create().json["id"]
    act(alert_id, "acknowledge")
    act(alert_id, "resolve")
    summary = client.get("/alerts/summary", headers=headers("viewer")).json
    assert (summary["open"], summary["resolved"], summary["oldest_open"]) == (0, 1, None)
    assert summary["mtta_s"]["median"] >= 0
    assert summary["mttr_s"]["p95"] >= summary["mtta_s"]["median"]
