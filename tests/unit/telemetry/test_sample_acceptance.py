"""Which samples are accepted, and what is said of the others."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from app.telemetry.domain import Sample, Series, sample_problems

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def problems(metric="m", labels=None, at=NOW, value=1.0):
    return sample_problems(Sample(metric, labels or {}, at, value), NOW, DAY)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"metric": "x" * 256},
        {"at": NOW + timedelta(minutes=1)},
        {"at": NOW - DAY + timedelta(milliseconds=1)},
        {"value": -1e308},
        {"labels": {"host": "ü" * 1024}},
        {"labels": {f"l{n}": "v" for n in range(64)}},
    ],
)
def test_accepted(changes):
    assert problems(**changes) == {}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"metric": ""}, "metric", "1 to 256"),
        ({"metric": "x" * 257}, "metric", "1 to 256"),
        ({"metric": "a\x00"}, "metric", "U+0000"),
        ({"metric": "rule:high_cpu_usage:0"}, "metric", "begin with rule: are the system's own"),
        ({"value": math.nan}, "value", "finite"),
        ({"value": math.inf}, "value", "finite"),
        ({"at": NOW + timedelta(minutes=1, milliseconds=1)}, "timestamp", "more than 1m in the future"),
        ({"at": NOW - DAY}, "timestamp", "older than 1d"),
        ({"at": datetime.min.replace(tzinfo=UTC)}, "timestamp", "older than 1d"),
        ({"labels": {"a": "x" * 1025}}, "labels", "1024"),
        ({"labels": {"x" * 129: "a"}}, "labels", "128"),
        ({"labels": {"": "a"}}, "labels", "128"),
        ({"labels": {f"l{n}": "v" for n in range(65)}}, "labels", "at most 64"),
        ({"labels": {"a": "b\x00"}}, "labels", "U+0000"),
    ],
)
def test_refused_with_a_reason(changes, field, words):
    found = problems(**changes)
    assert list(found) == [field]
    assert words in str(found[field])


def test_every_field_that_is_wrong_is_named():
    assert set(problems(metric="", value=math.nan, at=NOW - 2 * DAY)) == {"metric", "value", "timestamp"}


def test_a_series_is_its_metric_and_labels_in_any_order():
    one = Series.of("m", {"a": "1", "b": "2"})
    assert one == Series.of("m", {"b": "2", "a": "1"})
    assert one.id == Series.of("m", {"b": "2", "a": "1"}).id
    assert len(one.id) == 16


def test_an_empty_label_is_as_good_as_none():
    assert Series.of("m", {"a": ""}) == Series.of("m", {})


def test_other_labels_are_another_series():
    series = [Series.of("m", {}), Series.of("m", {"a": "b"}), Series.of("m", {"b": "a"}), Series.of("n", {})]
    assert len({one.id for one in series}) == len(set(series)) == 4
