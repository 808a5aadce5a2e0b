"""Log entries and events out of request bodies: the fast reader and the careful one, and what is accepted."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from app.core.errors import Invalid
from app.telemetry.domain import EventEntry, LogEntry, entry_problems
from app.telemetry.intake import EVENTS, LOGS

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def fast(form, *items):
    return form.fast_batch(orjson.dumps({form.name: items}), NOW)


def careful(form, *items):
    return form.careful_batch({form.name: list(items)}, NOW)


@pytest.mark.parametrize("read", [fast, careful])
def test_well_formed_log_entries(read):
    batch = read(
        LOGS,
        {"message": "up"},
        {"message": "down", "level": " ERROR ", "service": "db", "host": "h", "labels": {"host": "x", "zone": "1"}},
        {"message": "", "level": None, "labels": None, "timestamp": "2026-01-31T13:00:00+01:00", "colour": "ignored"},
        {"message": "x", "level": "made up", "timestamp": 1769860800.5},
        {"message": "x", "labels": {"level": "Fatal", "service": "s"}, "service": ""},
    )
    assert batch.entries == [
        LogEntry(NOW, "up", {"level": "info"}),
        LogEntry(NOW, "down", {"host": "h", "zone": "1", "service": "db", "level": "error"}),
        LogEntry(NOW, "", {"level": "info"}),
        LogEntry(datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC), "x", {"level": "made up"}),
        LogEntry(NOW, "x", {"level": "fatal", "service": "s"}),
    ]
    assert batch.indices == [0, 1, 2, 3, 4]
    assert batch.rejected == {}


@pytest.mark.parametrize("read", [fast, careful])
def test_well_formed_events(read):
    batch = read(
        EVENTS,
        {"type": "payment.failed"},
        {"type": "cart.total", "source": "shop", "value": -2, "labels": {"source": "x", "zone": "1"}, "more": [1]},
        {"type": "a", "source": None, "value": None, "labels": None, "timestamp": None},
    )
    assert batch.entries == [
        EventEntry(NOW, "payment.failed", {}, 1.0),
        EventEntry(NOW, "cart.total", {"source": "shop", "zone": "1"}, -2.0),
        EventEntry(NOW, "a", {}, 1.0),
    ]


@pytest.mark.parametrize(
    ("form", "item", "fields"),
    [
        (LOGS, {}, ["message"]),
        (LOGS, {"message": None}, ["message"]),
        (LOGS, {"message": 7, "level": 30}, ["message", "level"]),
        (LOGS, {"message": "a", "service": ["x"], "host": {}}, ["service", "host"]),
        (LOGS, {"message": "a", "timestamp": "yesterday"}, ["timestamp"]),
        (LOGS, {"message": "a", "timestamp": "2026-01-31T12:00:00"}, ["timestamp"]),
        (LOGS, {"message": "a", "timestamp": True}, ["timestamp"]),
        (LOGS, {"message": "a", "timestamp": 1e300}, ["timestamp"]),
        (LOGS, {"message": "a", "labels": {"x": 1}}, ["labels"]),
        (LOGS, {"message": "a", "labels": []}, ["labels"]),
        (LOGS, "a line", [""]),
        (EVENTS, {"value": 1}, ["type"]),
        (EVENTS, {"type": ["a"]}, ["type"]),
        (EVENTS, {"type": "a", "value": "1"}, ["value"]),
        (EVENTS, {"type": "a", "value": True}, ["value"]),
        (EVENTS, {"type": "a", "source": 1}, ["source"]),
        (EVENTS, None, [""]),
    ],
)
def test_one_bad_item_is_named_and_spoils_no_other(form, item, fields):
    good = {"message": "a", "type": "a"}
    assert fast(form, good, item, good) is None
    batch = careful(form, good, item, good)
    assert list(batch.rejected) == [1]
    assert list(batch.rejected[1]) == fields
    assert batch.indices == [0, 2]
    assert len(batch.entries) == 2


@pytest.mark.parametrize("form", [LOGS, EVENTS], ids=["logs", "events"])
@pytest.mark.parametrize("body", [None, [], {}, {"entries": None, "events": None}, {"entries": {}, "events": 1}, "x"])
def test_what_is_no_batch_is_refused(form, body):
    assert form.fast_batch(orjson.dumps(body), NOW) is None
    with pytest.raises(Invalid):
        form.careful_batch(body, NOW)


def test_more_than_a_thousand_are_refused_as_a_whole():
    items = [{"message": "a"}] * 1001
    assert fast(LOGS, *items) is None
    with pytest.raises(Invalid, match="at most 1000 entries; there are 1001"):
        careful(LOGS, *items)


@pytest.mark.parametrize(
    "entry",
    [
        LogEntry(NOW, "", {}),
        LogEntry(NOW, "x" * 65_536, {}),
        LogEntry(NOW, "ü" * 32_768, {}),
        LogEntry(NOW + timedelta(minutes=1), "x", {"level": "made up"}),
        LogEntry(NOW - DAY + timedelta(milliseconds=1), "x", {f"l{n}": "v" for n in range(64)}),
        EventEntry(NOW, "x" * 256, {}, -1e308),
    ],
    ids=range(6),
)
def test_accepted(entry):
    assert entry_problems(entry, NOW, DAY) == {}


@pytest.mark.parametrize(
    ("entry", "field", "words"),
    [
        (LogEntry(NOW, "x" * 65_537, {}), "message", "at most 64 KiB"),
        (LogEntry(NOW, "ü" * 32_769, {}), "message", "at most 64 KiB"),
        (LogEntry(NOW, "a\x00b", {}), "message", "U+0000"),
        (LogEntry(NOW, "a", {"host": "\x00"}), "labels", "U+0000"),
        (LogEntry(NOW, "a", {"host": "x" * 1025}), "labels", "1024"),
        (LogEntry(NOW, "a", {f"l{n}": "v" for n in range(65)}), "labels", "at most 64"),
        (LogEntry(NOW + timedelta(minutes=1, seconds=1), "a", {}), "timestamp", "more than 1m in the future"),
        (LogEntry(NOW - DAY, "a", {}), "timestamp", "older than 1d"),
        (EventEntry(NOW, "", {}), "type", "1 to 256"),
        (EventEntry(NOW, "x" * 257, {}), "type", "1 to 256"),
        (EventEntry(NOW, "a\x00", {}), "type", "U+0000"),
        (EventEntry(NOW, "a", {}, float("inf")), "value", "finite"),
        (EventEntry(NOW, "a", {}, float("nan")), "value", "finite"),
    ],
    ids=range(13),
)
def test_refused_with_a_reason(entry, field, words):
    found = entry_problems(entry, NOW, DAY)
    assert list(found) == [field]
    assert words in str(found[field])
