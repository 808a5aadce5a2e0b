"""Batches of samples out of request bodies: the fast reader and the careful one."""

from datetime import UTC, datetime

import orjson
import pytest

from app.core.errors import Invalid
from app.telemetry.domain import Sample
from app.telemetry.schemas import careful_batch, fast_batch

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def fast(*samples):
    return fast_batch(orjson.dumps({"samples": samples}), NOW)


def careful(*samples):
    return careful_batch({"samples": list(samples)}, NOW)


@pytest.mark.parametrize("read", [fast, careful])
def test_well_formed_samples(read):
    batch = read(
        {"metric": "a", "value": 1},
        {"metric": "b", "value": 2.5, "timestamp": 1769860800.5, "labels": {"host": "x"}},
        {"metric": "c", "value": -3, "timestamp": "2026-01-31T13:00:00+01:00", "colour": "ignored"},
    )
    assert batch.samples == [
        Sample("a", {}, NOW, 1.0),
        Sample("b", {"host": "x"}, datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC), 2.5),
        Sample("c", {}, NOW, -3.0),
    ]
    assert batch.indices == [0, 1, 2]
    assert batch.rejected == {}


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"value": 1}, "metric"),
        ({"metric": 7, "value": 1}, "metric"),
        ({"metric": "a"}, "value"),
        ({"metric": "a", "value": "1"}, "value"),
        ({"metric": "a", "value": True}, "value"),
        ({"metric": "a", "value": None}, "value"),
        ({"metric": "a", "value": 1, "timestamp": "yesterday"}, "timestamp"),
        ({"metric": "a", "value": 1, "timestamp": "2026-01-31T12:00:00"}, "timestamp"),
        ({"metric": "a", "value": 1, "timestamp": True}, "timestamp"),
        ({"metric": "a", "value": 1, "timestamp": 1e300}, "timestamp"),
        ({"metric": "a", "value": 1, "labels": ["x"]}, "labels"),
        ({"metric": "a", "value": 1, "labels": {"x": 1}}, "labels"),
        ([], ""),
        (None, ""),
    ],
)
def test_one_bad_sample_is_named_and_spoils_no_other(item, field):
    good = {"metric": "a", "value": 1}
    assert fast(good, item, good) is None
    batch = careful(good, item, good)
    assert list(batch.rejected) == [1]
    assert list(batch.rejected[1]) == [field]
    assert batch.indices == [0, 2]


@pytest.mark.parametrize("body", [None, [], {}, {"samples": None}, {"samples": {}}, {"sample": []}, "x"])
def test_what_is_no_batch_is_refused(body):
    assert fast_batch(orjson.dumps(body), NOW) is None
    with pytest.raises(Invalid):
        careful_batch(body, NOW)


def test_more_than_a_thousand_samples_are_refused_as_a_whole():
    samples = [{"metric": "a", "value": n} for n in range(1001)]
    assert fast(*samples) is None
    with pytest.raises(Invalid, match="at most 1000 samples; there are 1001"):
        careful(*samples)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"samples": [' + b"[" * 5000, b"\xff", b'{"samples":[{"metric":"a","value":1e999}]}']
)
def test_the_fast_reader_leaves_bodies_that_it_cannot_read_to_the_careful_one(raw):
    assert fast_batch(raw, NOW) is None
