"""Samples that are wrong on purpose: each gets a clear error of its own, and its neighbours in the batch go in."""

from datetime import UTC, datetime

import orjson
import pytest

GOOD = b'{"metric":"good","value":1}'


@pytest.fixture
def post(client, headers):
    def send(raw):
        return client.post("/metrics/ingest", data=raw, content_type="application/json", headers=headers("ingest"))

    return send


@pytest.fixture
def rejected(post):
    """The errors of an item that stands between two good ones, which are accepted; None when it is accepted too."""

    def between(item):
        raw = item if isinstance(item, bytes) else orjson.dumps(item)
        answer = post(b'{"samples":[' + GOOD + b"," + raw + b"," + GOOD + b"]}")
        assert answer.status_code == 202, answer.json
        found = answer.json["rejected"]
        assert answer.json["accepted"] == 3 - len(found)
        assert [one["index"] for one in found] in ([], [1])
        return found[0]["errors"] if found else None

    return between


@pytest.mark.parametrize("value", ["1e308", "-1e308", "5e-324", "-0.0", "9007199254740993", "1" * 30])
def test_every_finite_number_is_a_value(rejected, value):
    assert rejected(b'{"metric":"m","value":%b}' % value.encode()) is None


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e309", "-1e999", "1" * 400])
def test_what_is_no_finite_number_is_refused_alone(rejected, value):
    assert rejected(b'{"metric":"m","value":%b}' % value.encode()) == {"value": ["use a finite number"]}


@pytest.mark.parametrize("value", ['"NaN"', '"1"', "true", "null", "[1]", "{}"])
def test_what_is_no_number_at_all(rejected, value):
    assert rejected(b'{"metric":"m","value":%b}' % value.encode()) == {"value": ["use a number"]}


@pytest.mark.parametrize(
    ("timestamp", "words"),
    [
        ("4102444800", "more than 1m in the future"),
        ('"9999-12-31T23:59:59Z"', "more than 1m in the future"),
        ('"9999-12-31T23:59:59-23:59"', "more than 1m in the future"),
        ("0", "older than 1d"),
        ("-1e9", "older than 1d"),
        ('"0001-01-01T00:00:00Z"', "older than 1d"),
        ('"0001-01-01T00:00:00+23:59"', "older than 1d"),
        ("1e300", "outside of the years"),
        ("-1e300", "outside of the years"),
        ("1795558883209", "a number counts seconds since 1970"),  # milliseconds, by mistake
        ("NaN", "outside of the years"),
        ("-Infinity", "outside of the years"),
        ("1" * 400, "outside of the years"),
        ('"2026-02-30T00:00:00Z"', "use an RFC 3339 time"),
        ('"2026-01-31T12:00:00"', "use an RFC 3339 time with an offset"),
        ('"\\ud800"', "use an RFC 3339 time"),
        ('""', "use an RFC 3339 time"),
        ("true", "use an RFC 3339 time or seconds"),
        ("{}", "use an RFC 3339 time or seconds"),
    ],
)
def test_times_that_cannot_be_used(rejected, timestamp, words):
    found = rejected(b'{"metric":"m","value":1,"timestamp":%b}' % timestamp.encode())
    assert list(found) == ["timestamp"]
    assert words in found["timestamp"][0]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({f"l{n}": "v" for n in range(10_000)}, "at most 64 labels; there are 10000"),
        ({"x" * 130 + str(n): "v" for n in range(10_000)}, "at most 64 labels; there are 10000"),
        ({"a": "x" * 1_000_000}, "at most 1024 characters"),
        ({"": "x"}, "1 to 128 characters"),
        ({"a": 1}, "a label value is a text"),
        ({"a": {"b": "c"}}, "a label value is a text"),
        ({"a": "\x00"}, "U+0000"),
        (None, "use an object of texts"),
        (["a"], "use an object of texts"),
    ],
)
def test_label_bombs(rejected, labels, words):
    found = rejected({"metric": "m", "value": 1, "labels": labels})
    assert list(found) == ["labels"]
    assert words in str(found["labels"])
    assert len(str(found)) < 300


@pytest.mark.parametrize(
    "item",
    [
        rb'{"metric":"\ud800","value":1}',
        rb'{"metric":"m","value":1,"labels":{"a":"\udc00x"}}',
        rb'{"metric":"m","value":1,"labels":{"\ud800":"a"}}',
        rb'{"metric":"m","value":NaN,"labels":{"a":"\ud800"}}',
    ],
)
def test_half_a_character_is_refused_alone(rejected, item):
    assert "half of a surrogate pair" in rejected(item)[""][0]


@pytest.mark.parametrize("item", ["5", "null", '"x"', "[]", "true"])
def test_what_is_no_sample_at_all(rejected, item):
    assert rejected(item.encode()) == {"": ["use an object with metric and value"]}


def test_texts_that_only_look_odd_come_back_as_they_were(rejected, client, headers):
    labels = {"rtl": "\u202e\u200b", "lines": "a\nb\t\x01", "emoji": "💥", "quote": '"\\"'}
    assert rejected({"metric": 'm"\n{}', "value": 1, "labels": labels}) is None
    found = client.get("/metrics/query", query_string={"metric": 'm"\n{}'}, headers=headers("viewer")).json
    assert found["series"][0]["labels"] == labels


def test_of_a_key_that_comes_twice_the_last_counts_for_both_readers(post, client, headers):
    item = b'{"metric":"first","value":1,"metric":"last","value":2,"labels":{"a":"1","a":"2"}}'
    for others in (b"", b",5"):  # alone it is read fast; beside a broken one carefully
        assert post(b'{"samples":[' + item + others + b"]}").json["accepted"] == 1
    found = client.get("/metrics/series", headers=headers("viewer")).json["items"]
    assert [(one["metric"], one["labels"]) for one in found] == [("last", {"a": "2"})]


def test_of_samples_at_the_same_time_the_last_counts(post, client, headers):
    now = datetime.now(UTC).timestamp()
    samples = [{"metric": "m", "value": value, "timestamp": now} for value in (1, 5, 3)]
    assert post(orjson.dumps({"samples": samples})).json["accepted"] == 3
    assert post(orjson.dumps({"samples": samples[:2]})).json["accepted"] == 2
    [line] = client.get("/metrics/query", query_string={"metric": "m"}, headers=headers("viewer")).json["series"]
    assert [value for _, value in line["points"]] == [5]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"\xef\xbb\xbf{}", 400),
        ('{"samples":[]}'.encode("utf-16"), 400),
        (b'{"samples":[{"metric":"m","value":1,"labels":{"a":"\xff"}}]}', 400),
        (b'{"samples":[{"metric":"m","value":0x10}]}', 400),
        (b'{"samples":[]} {}', 400),
        (b'{"samples":' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400),
        (b'{"samples":[NaN,' + b"[" * 500 + b"]" * 500 + b"]}", 422),
        (b'{"samples":[{"a":[[[[[[[[1]]]]]]]]}]}', 422),
        (b'{"samples":NaN}', 422),
        (b"NaN", 422),
        (b'{"samples":[]' + b" " * (5 * 1024 * 1024) + b"}", 413),
    ],
)
def test_a_body_that_is_no_batch_is_refused_whole_with_a_reason(post, raw, status):
    answer = post(raw)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json["detail"]


def test_nothing_but_a_batch_of_telemetry_is_read_so_leniently(client, headers):
    body = b'{"name":"x","metric":"m","operator":"greater_than","threshold":NaN,"severity":"LOW"}'
    answer = client.post("/rules", data=body, content_type="application/json", headers=headers())
    assert answer.status_code == 400
