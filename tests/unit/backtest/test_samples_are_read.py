"""Samples out of files and bodies: CSV and JSON, times in every form, and every mistake named at its place."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from app.backtest.samples import parse_moment, points_of, read_points, windows_of_points
from app.core.errors import Invalid
from app.rules.domain import Aggregation, Source
from app.telemetry.domain import milliseconds
from tests.unit.rules.making import rule

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
AT_MS = milliseconds(AT)


def mistake(read, *args):
    with pytest.raises(Invalid) as caught:
        read(*args)
    return caught.value.errors


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00",
        " 2026-01-31T13:00:00+01:00 ",
        "2026-01-31T12",
        "20260131T120000Z",
        "1769860800",
        "1769860800.0",
        1769860800,
        1769860800.0,
        1769860800000,
        "1769860800000",
    ],
)
def test_a_time_may_be_written_in_many_ways(text):
    assert parse_moment(text) == AT


def test_a_date_alone_is_its_midnight():
    assert parse_moment("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        *("", "noon", "2026-13-01", "nan", "inf", "-inf", "-9e18", 1e300, float("nan"), 10**400, -1),
        *("9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00", "1969-12-31"),
    ],
)
def test_what_is_no_time_says_which_would_be(value):
    with pytest.raises(ValueError, match="is no time; use one like 2026-01-31T12:00:00Z or seconds since 1970"):
        parse_moment(value)


@pytest.mark.parametrize("value", [None, True, [], {}])
def test_what_cannot_be_a_time_is_told_so(value):
    with pytest.raises(ValueError, match="a timestamp is a time like"):
        parse_moment(value)


@pytest.mark.parametrize("name", ["timestamp", "time", "ts", "date", "datetime", " Timestamp "])
def test_a_csv_names_its_columns_in_any_order(name):
    assert read_points(f"host,value,{name}\na,1.5,1769860800\n", "") == [({"host": "a"}, AT_MS, 1.5)]


def test_a_csv_may_begin_with_a_mark_and_hold_empty_lines_and_quotes():
    text = '\ufefftimestamp,value,path\r\n1769860800,1,"a,b"\r\n\r\n1769860801,-2e3,\r\n'
    assert read_points(text, "") == [({"path": "a,b"}, AT_MS, 1.0), ({}, AT_MS + 1000, -2000.0)]


def test_of_a_csv_with_several_metrics_one_is_taken():
    text = "timestamp,value,metric\n1769860800,1,cpu\n1769860800,2,disk\n1769860800,3,\n"
    assert [value for _, _, value in read_points(text, "cpu")] == [1.0, 3.0]
    assert [value for _, _, value in read_points(text, "")] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("timestamp,value\n1769860800,1\n1769860801\n", 3, "line 3 has 1 columns of 2"),
        ("timestamp,value\n1769860800,1,2\n", 2, "line 2 has 3 columns of 2"),
        ("timestamp,value\nyesterday,1\n", 2, 'line 2: "yesterday" is no time'),
        ("timestamp,value\n1769860800,much\n", 2, 'line 2: "much" is no finite number'),
        ("timestamp,value\n1769860800,\n", 2, 'line 2: "" is no finite number'),
        ("timestamp,value\n1769860800,NaN\n", 2, 'line 2: "NaN" is no finite number'),
        ("timestamp,value\n1769860800,1e999\n", 2, 'line 2: "1e999" is no finite number'),
        ('timestamp,value,text\n1769860800,1,"two\nlines"\n0,x,y\n', 4, 'line 4: "x" is no finite number'),
    ],
)
def test_a_line_of_a_csv_that_cannot_be_read_is_named(text, line, message):
    (at, (said,)) = mistake(read_points, text, "")["samples"].popitem()
    assert at == line
    assert said.startswith(message)


@pytest.mark.parametrize("text", ["", "\n", "value\n1\n", "timestamp\n0\n", "1769860800,1\n"])
def test_a_csv_without_its_header_says_what_belongs_there(text):
    assert mistake(read_points, text, "")["samples"] == [
        "a CSV file begins with a header that names timestamp and value"
    ]


def test_a_field_that_is_far_too_long_is_a_mistake():
    (said,) = mistake(read_points, f"timestamp,value,text\n0,1,{'x' * 200_000}\n", "")["samples"]
    assert said.startswith("no CSV: field larger than field limit")


def test_json_is_a_list_or_an_object_that_holds_one():
    items = [{"timestamp": "2026-01-31T12:00:00Z", "value": 1, "labels": {"host": "a"}}, {"timestamp": 0, "value": "2"}]
    found = [({"host": "a"}, AT_MS, 1.0), ({}, 0, 2.0)]
    assert read_points(json.dumps(items), "") == found
    assert read_points(f" {json.dumps({'samples': items})}", "") == found


def test_of_json_with_several_metrics_one_is_taken():
    items = [{"metric": name, "timestamp": 0, "value": n} for n, name in enumerate(("cpu", "disk", ""))]
    assert [value for _, _, value in points_of([*items, {"timestamp": 0, "value": 9}], "cpu")] == [0.0, 2.0, 9.0]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (3, "use an object with timestamp and value"),
        ({"value": 1}, "a timestamp is a time like"),
        ({"timestamp": 0}, '"None" is no finite number'),
        ({"timestamp": 0, "value": True}, '"True" is no finite number'),
        ({"timestamp": 0, "value": [1]}, '"[1]" is no finite number'),
        ({"timestamp": 0, "value": 10**400}, '"1000'),
        ({"timestamp": 0, "value": 1, "labels": ["a"]}, "labels is an object of texts"),
        ({"timestamp": 0, "value": 1, "labels": {"a": 1}}, "labels is an object of texts"),
    ],
)
def test_an_item_of_json_that_cannot_be_read_is_named(item, message):
    (at, (said,)) = mistake(points_of, [{"timestamp": 0, "value": 0}, item], "")["samples"].popitem()
    assert at == 1
    assert said.startswith(message)


@pytest.mark.parametrize("document", [{}, {"samples": 3}, None, "text", 3])
def test_a_document_without_a_list_says_how_it_should_look(document):
    assert mistake(points_of, document, "")["samples"][0].startswith("use a list like")


def test_text_that_begins_like_json_and_is_none_says_so():
    assert mistake(read_points, "[{", "")["samples"][0].startswith("no JSON: ")


def windows(of, *points):
    found = windows_of_points(of, points)
    sizes = zip(found.starts[:-1].tolist(), found.starts[1:].tolist(), strict=True)
    return {
        tuple(one.labels.items()): list(zip(found.times[a:b].tolist(), found.values[a:b].tolist(), strict=True))
        for one, (a, b) in zip(found.series, sizes, strict=True)
    }


def test_points_become_the_series_that_the_selector_means_in_order_and_the_last_of_a_moment_counts():
    found = windows(
        rule(labels={"host": "=~a.*"}),
        ({"host": "a1"}, 2000, 2.0),
        ({"host": "b1"}, 1000, 9.0),
        ({"host": "a1"}, 1000, 1.0),
        ({"host": "a1"}, 2000, 3.0),
        ({"host": "a2"}, 0, 4.0),
    )
    assert found == {(("host", "a1"),): [(1000, 1.0), (2000, 3.0)], (("host", "a2"),): [(0, 4.0)]}


def test_entries_of_a_log_all_count_under_the_labels_of_the_grouping():
    counted = rule(source=Source.LOG, metric="", pattern="x", aggregation=Aggregation.COUNT, group_by=("host",))
    point = ({"host": "a", "level": "error"}, 1000, 1.0)
    assert windows(counted, point, point) == {(("host", "a"),): [(1000, 1.0), (1000, 1.0)]}
    whole = rule(source=Source.LOG, metric="", pattern="x", aggregation=Aggregation.COUNT)
    assert windows(whole, point) == {(): [(1000, 1.0)]}


def test_a_rule_that_asks_a_server_is_refused_with_the_reason():
    asked = rule(source=Source.PROMETHEUS, metric="", query="up", operator=None, threshold=None)
    assert mistake(windows_of_points, asked, []) == {
        "source": ["the samples of a query are with its server; back-test a rule over a metric"]
    }


def test_without_points_there_is_nothing_to_be_judged():
    found = windows_of_points(rule(), [])
    assert (found.series, found.times.size, found.now) == ((), 0, datetime(1970, 1, 1, tzinfo=UTC))
    assert found.now + timedelta(0) == parse_moment(0)
