"""Asking a Prometheus-compatible server, whatever it does: a real one on loopback."""

import gzip
import math
import socket
from datetime import UTC, datetime, timedelta

import pytest

from app.telemetry.datasources.domain import Datasource, QueryFailed, SourceFailed
from app.telemetry.prometheus import Answer, Sessions, ask
from app.telemetry.prometheus.answers import MAX_ANSWERS
from tests.receivers.answering import drip as drip_header
from tests.receivers.answering import garbage, hang_up, silence
from tests.receivers.answering import status as reply
from tests.receivers.prometheus import cut_short, drip, endless, failure, prometheus, scalar, vector

AT = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def opened():
    with Sessions() as made:
        yield made


def source(server_or_url, **more):
    url = getattr(server_or_url, "url", server_or_url)
    return Datasource(**{"id": "p", "name": "prod", "url": url, "timeout": timedelta(seconds=5), **more})


def answered(opened, answer, **more):
    """What asking a server comes to that answers `q` so."""
    with prometheus({"q": answer}) as server:
        return ask(opened, source(server, **more), "q", AT)


def refused(opened, answer, kind=SourceFailed, **more):
    with pytest.raises(kind) as caught:
        answered(opened, answer, **more)
    return str(caught.value)


def test_a_vector_is_its_values_by_labels_without_the_name(opened):
    answer = vector(({"__name__": "up", "job": "a"}, "1"), ({"job": "b", "zone": ""}, "2.5e-3"), ({}, "-7"))
    assert answered(opened, answer) == [Answer({"job": "a"}, 1.0), Answer({"job": "b"}, 0.0025), Answer({}, -7.0)]


def test_a_scalar_is_one_value_without_labels(opened):
    assert answered(opened, scalar("42")) == [Answer({}, 42.0)]


def test_nothing_is_an_answer(opened):
    assert answered(opened, vector()) == []


def test_what_is_no_finite_number_comes_through(opened):
    answer = vector(({"n": "1"}, "NaN"), ({"n": "2"}, "+Inf"), ({"n": "3"}, "-Inf"))
    values = [one.value for one in answered(opened, answer)]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]


def test_the_query_goes_out_with_its_time_and_a_time_limit_below_ours(opened):
    query = 'sum by (job) (rate(http_requests_total{path=~"/ü+&x"}[5m])) > 0'
    with prometheus() as server:
        ask(opened, source(server, timeout=timedelta(seconds=2)), query, AT)
        [(method, fields, _)] = server.asked
    assert (method, fields) == ("POST", {"query": query, "time": "1769860800.250", "timeout": "1800ms"})


def test_a_server_that_knows_get_only_is_asked_so_from_then_on(opened):
    with prometheus({"q": scalar("1")}, methods=("GET",)) as server:
        for _ in range(2):
            assert ask(opened, source(server), "q", AT) == [Answer({}, 1.0)]
        assert [method for method, _, _ in server.asked] == ["POST", "GET", "GET"]
        assert server.asked[-1][1]["time"] == "1769860800.250"


@pytest.mark.parametrize(
    ("more", "authorization"),
    [
        ({"token": "secret"}, "Bearer secret"),
        ({"username": "ü", "password": "s3cret"}, "Basic w7w6czNjcmV0"),
        ({"username": "me"}, "Basic bWU6"),
        ({"headers": {"Authorization": "Custom x"}}, "Custom x"),
    ],
)
def test_we_sign_in_as_configured(opened, more, authorization):
    with prometheus({"q": scalar("1")}, authorization=authorization) as server:
        assert ask(opened, source(server, **more), "q", AT) == [Answer({}, 1.0)]
        with pytest.raises(SourceFailed, match=r"^data source prod: HTTP 401: .*check username and password"):
            ask(opened, source(server), "q", AT)


def test_headers_are_sent(opened):
    with prometheus() as server:
        ask(opened, source(server, headers={"X-Scope-OrgID": "tenant"}), "q", AT)
        assert server.asked[0][2]["X-Scope-OrgID"] == "tenant"


def test_the_environment_does_not_send_it_elsewhere(opened, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert answered(opened, scalar("1")) == [Answer({}, 1.0)]


def test_connections_are_kept(opened):
    with prometheus() as server:
        for _ in range(5):
            ask(opened, source(server), "q", AT)
        assert len(server.connections) == 1


def test_a_kept_connection_that_the_server_closed_costs_nothing(opened):
    def close_after(handler):
        scalar_one(handler)
        handler.close_connection = True

    scalar_one = reply(200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}')
    with prometheus({"q": close_after}) as server:
        for _ in range(3):
            assert ask(opened, source(server), "q", AT) == [Answer({}, 1.0)]
        assert len(server.connections) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (hang_up, "RemoteDisconnected"),
        (garbage, "what is this"),
        (cut_short, "IncompleteRead"),
        (reply(200, b"<html>sign in</html>"), "HTTP 200 without an answer of the query API: <html>sign in</html>"),
        (reply(200, b'{"hello": 1}'), "without an answer of the query API"),
        (reply(200, b"[]"), "without an answer of the query API"),
        (reply(200, b""), "without an answer of the query API"),
        (reply(204), "HTTP 204 without an answer of the query API"),
        (reply(400, b"Client sent an HTTP request to an HTTPS server."), "HTTP 400 without an answer of the query API"),
        (
            reply(302, Location="https://other.example/x"),
            "HTTP 302 redirects to https://other.example/x; redirects are",
        ),
        (reply(307), "HTTP 307 redirects; redirects are not followed"),
        (reply(403, b"no"), "HTTP 403: the server refuses us"),
        (reply(404, b"no"), "HTTP 404: there is no /api/v1/query under this URL"),
        (reply(429, b"slow down"), "HTTP 429 without an answer of the query API: slow down"),
        (reply(500, b"boom"), "HTTP 500 without an answer of the query API: boom"),
        (reply(502, b"\xff\x00bad gateway"), "HTTP 502"),
        (failure(503, "timeout", "query timed out in expression evaluation"), "HTTP 503, timeout: query timed out in"),
        (failure(503, "unavailable", "starting"), "HTTP 503, unavailable: starting"),
        (failure(500, "internal", "oh"), "HTTP 500, internal: oh"),
        (failure(500, "execution", "oh"), "HTTP 500, execution: oh"),
        (failure(200, "internal", "oh"), "HTTP 200, internal: oh"),
        (reply(200, gzip.compress(b"{}"), Content_Encoding="gzip"), "encoded as gzip, which was not asked for"),
        ({"resultType": "vector", "result": {}}, "unknown type, vector"),
        ({"resultType": "table", "result": []}, "unknown type, table"),
        ({"resultType": "vector", "result": [1]}, "a result without labels"),
        ({"resultType": "vector", "result": [{"metric": {}, "value": 1}]}, 'no [time, "number"]'),
        ({"resultType": "vector", "result": [{"metric": {}}]}, 'no [time, "number"]'),
        (vector(({}, "many")), 'a value that is no number: "many"'),
        (vector(({}, 1)), 'no [time, "number"]'),
        (scalar("x"), 'a value that is no number: "x"'),
        ([1], "unknown type"),
    ],
)
def test_a_server_that_is_at_fault(opened, answer, words):
    said = refused(opened, answer)
    assert said.startswith("data source prod: ")
    assert words in said
    assert "\x00" not in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (failure(400, "bad_data", '1:5: parse error: unexpected "x"'), 'bad_data: 1:5: parse error: unexpected "x"'),
        (failure(422, "execution", "many-to-many matching not allowed"), "execution: many-to-many"),
        ({"resultType": "matrix", "result": []}, "the query returns a matrix; ask for an instant vector"),
        ({"resultType": "string", "result": [1, "x"]}, "the query returns a string"),
        (
            {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]},
            "a native histogram; ask for a number",
        ),
        (
            vector(*(({"n": str(n)}, "1") for n in range(MAX_ANSWERS + 1))),
            "returns 10,001 series; at most 10,000 are taken, so aggregate it",
        ),
        (
            vector(({"__name__": "a", "job": "x"}, "1"), ({"__name__": "b", "job": "x"}, "1")),
            'two series with the labels {job="x"}; keep the label',
        ),
        (vector(({}, "1"), ({}, "1")), "two series with the labels {}"),
        (vector(({"x" * 129: "v"}, "1")), "a label name has 1 to 128 characters"),
        (vector(({"pod": "v" * 1025}, "1")), "label pod: a label value has at most 1024 characters"),
        (vector(({f"l{n}": "v" for n in range(65)}, "1")), "at most 64 labels; there are 65"),
        (vector(({"a": 1}, "1")), "label a: a label value is a text"),
        (vector(({"a": "\x00"}, "1")), "U+0000"),
    ],
)
def test_a_query_that_is_at_fault(opened, answer, words):
    assert words in refused(opened, answer, QueryFailed)


def test_ten_thousand_series_are_taken(opened):
    answer = vector(*(({"n": str(n)}, "1") for n in range(MAX_ANSWERS)))
    assert len(answered(opened, answer)) == MAX_ANSWERS


@pytest.mark.parametrize("answer", [silence, drip, drip_header])
def test_whoever_takes_too_long_is_left(opened, answer):
    assert refused(opened, answer, timeout=timedelta(milliseconds=300)) == "data source prod: no answer within 300ms"


def test_an_answer_without_an_end_is_left(opened):
    assert "larger than 10 MiB" in refused(opened, endless)


def test_nobody_listens(opened):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # taken, and not listened on
        with pytest.raises(SourceFailed, match=r"data source prod: NewConnectionError.*refused"):
            ask(opened, source(f"http://127.0.0.1:{taken.getsockname()[1]}"), "q", AT)


def test_half_a_character_is_no_query(opened):
    with prometheus() as server, pytest.raises(QueryFailed, match="surrogate"):
        ask(opened, source(server), "up{a='\ud800'}", AT)


def test_a_source_that_is_known_to_be_broken_is_not_asked(opened):
    with prometheus() as server:
        with pytest.raises(SourceFailed, match="data source prod: its secrets are gone"):
            ask(opened, source(server, problem="its secrets are gone"), "q", AT)
        assert server.asked == []


def test_a_failure_does_not_spoil_the_next_query(opened):
    with prometheus({"q": silence, "r": scalar("1")}) as server:
        with pytest.raises(SourceFailed):
            ask(opened, source(server, timeout=timedelta(milliseconds=200)), "q", AT)
        assert ask(opened, source(server), "r", AT) == [Answer({}, 1.0)]


def test_secrets_are_in_no_message_and_no_repr(opened):
    secret = {"password": "pa55", "username": "me", "headers": {"X-Key": "h1dden"}, "token": None}
    shown = repr(source("http://x", **secret)) + refused(opened, reply(500, b"boom"), **secret)
    assert "pa55" not in shown
    assert "h1dden" not in shown
