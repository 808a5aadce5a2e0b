"""Log entries and events as they come in over HTTP: read fast where all are right, else one by one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import marshmallow as ma
import msgspec

from app.core.errors import Invalid
from app.core.http import MAX_BATCH
from app.core.labels import label_problems
from app.core.schemas import LabelSet
from app.core.severity import SEVERITIES_OF_LOGS
from app.telemetry.domain import MAX_TYPE, Entry, EventEntry, LogEntry, Problems
from app.telemetry.schemas import Moment, moment_in, timestamp_field

_TEXT = "use a text"
Item = TypeVar("Item", bound=msgspec.Struct)


class _Log(msgspec.Struct):
    message: str
    level: str | None = None
    timestamp: Moment = None
    service: str | None = None
    host: str | None = None
    labels: dict[str, str] | None = None


class _Event(msgspec.Struct):
    type: str
    source: str | None = None
    value: float | None = None
    timestamp: Moment = None
    labels: dict[str, str] | None = None


class _Logs(msgspec.Struct):
    entries: list[_Log]


class _Events(msgspec.Struct):
    events: list[_Event]


@dataclass(frozen=True)
class Entries:
    """The entries of a body that can be read, their indices in the body, and what is wrong with the others."""

    entries: list[Entry]
    indices: list[int]
    rejected: dict[int, Problems]


@dataclass(frozen=True)
class Form(Generic[Item]):
    """One kind of body: the field that holds the batch, how it is decoded, and what an item of it says."""

    name: str
    example: str
    decode: Callable[[bytes], list[Item]]
    entry_of: Callable[[Item, datetime], Entry]
    careful: Callable[[Mapping[str, Any], datetime, Problems], Item]

    def fast_batch(self, raw: bytes, now: datetime) -> Entries | None:
        """The batch in a body whose items are all well-formed; None when one is not, or the body is no batch."""
        try:
            found = self.decode(raw)
            if len(found) > MAX_BATCH:
                return None
            entries = [self.entry_of(item, now) for item in found]
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            return None
        return Entries(entries, list(range(len(entries))), {})

    def careful_batch(self, body: object, now: datetime) -> Entries:
        """The batch in a decoded body, item by item to say what is wrong; Invalid when it is no batch."""
        found = body.get(self.name) if isinstance(body, Mapping) else None
        if not isinstance(found, list):
            raise Invalid({self.name: [f"send an object like {self.example}"]})
        if len(found) > MAX_BATCH:
            raise Invalid({self.name: [f"a batch has at most {MAX_BATCH} {self.name}; there are {len(found)}"]})
        batch = Entries([], [], {})
        for index, item in enumerate(found):
            problems: Problems = {}
            if not isinstance(item, Mapping):
                problems[""] = [f"use an object like the one in {self.example}"]
            else:
                read = self.careful(item, now, problems)
                if not problems:
                    batch.entries.append(self.entry_of(read, now))
                    batch.indices.append(index)
            if problems:
                batch.rejected[index] = problems
        return batch


def _log_entry(item: _Log, now: datetime) -> LogEntry:
    labels = _labels(item.labels, service=item.service, host=item.host, level=item.level)
    labels["level"] = labels.get("level", "").strip().lower() or "info"
    return LogEntry(moment_in(item.timestamp, now), item.message, labels)


def _event_entry(item: _Event, now: datetime) -> EventEntry:
    value = 1.0 if item.value is None else item.value
    return EventEntry(moment_in(item.timestamp, now), item.type, _labels(item.labels, source=item.source), value)


def _labels(labels: dict[str, str] | None, **own: str | None) -> dict[str, str]:
    """The labels with the entry's own fields among them, which win."""
    return {**(labels or {}), **{name: text for name, text in own.items() if text}}


def _careful_log(item: Mapping[str, Any], now: datetime, problems: Problems) -> _Log:
    return _Log(
        message=_text(item, "message", problems, required=True) or "",
        level=_text(item, "level", problems),
        timestamp=_time(item, now, problems),
        service=_text(item, "service", problems),
        host=_text(item, "host", problems),
        labels=_label_set(item, problems),
    )


def _careful_event(item: Mapping[str, Any], now: datetime, problems: Problems) -> _Event:
    value = item.get("value")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        problems["value"] = ["use a number"]
        value = None
    return _Event(
        type=_text(item, "type", problems, required=True) or "",
        source=_text(item, "source", problems),
        value=None if value is None else float(value),
        timestamp=_time(item, now, problems),
        labels=_label_set(item, problems),
    )


def _text(item: Mapping[str, Any], name: str, problems: Problems, *, required: bool = False) -> str | None:
    value = item.get(name)
    if isinstance(value, str) or (value is None and not required):
        return value
    problems[name] = [_TEXT]
    return None


def _time(item: Mapping[str, Any], now: datetime, problems: Problems) -> datetime:
    try:
        return moment_in(item.get("timestamp"), now)
    except ValueError as error:
        problems["timestamp"] = [str(error)]
        return now


def _label_set(item: Mapping[str, Any], problems: Problems) -> dict[str, str] | None:
    labels: dict[str, str] | None = item.get("labels")
    if labels is not None and (wrong := label_problems(labels)):
        problems["labels"] = wrong.get("") or wrong
    return labels


class LogIn(ma.Schema):
    """A line of a log. Fields that are not named here are ignored."""

    message = ma.fields.String(required=True, metadata={"description": "at most 64 KiB"})
    level = ma.fields.String(
        allow_none=True, metadata={"description": "in any case; default: info", "examples": [*SEVERITIES_OF_LOGS]}
    )
    timestamp = timestamp_field()
    service = ma.fields.String(allow_none=True)
    host = ma.fields.String(allow_none=True)
    labels = LabelSet(allow_none=True, metadata={"description": "service, host and level are labels as well"})


class LogsIn(ma.Schema):
    """A batch of log entries; for the OpenAPI document, LOGS does the reading."""

    entries = ma.fields.List(ma.fields.Nested(LogIn), required=True, validate=ma.validate.Length(max=MAX_BATCH))


class EventIn(ma.Schema):
    """Something that happened. Fields that are not named here are ignored."""

    type = ma.fields.String(required=True, validate=ma.validate.Length(1, MAX_TYPE))
    source = ma.fields.String(allow_none=True)
    value = ma.fields.Float(allow_none=True, metadata={"description": "what rules aggregate; default: 1"})
    timestamp = timestamp_field()
    labels = LabelSet(allow_none=True, metadata={"description": "source is a label as well"})


class EventsIn(ma.Schema):
    """A batch of events; for the OpenAPI document, EVENTS does the reading."""

    events = ma.fields.List(ma.fields.Nested(EventIn), required=True, validate=ma.validate.Length(max=MAX_BATCH))


_decode_logs = msgspec.json.Decoder(_Logs).decode
_decode_events = msgspec.json.Decoder(_Events).decode
LOGS = Form(
    "entries",
    '{"entries": [{"message": "connection refused", "level": "error"}]}',
    lambda raw: _decode_logs(raw).entries,
    _log_entry,
    _careful_log,
)
EVENTS = Form(
    "events",
    '{"events": [{"type": "payment.failed"}]}',
    lambda raw: _decode_events(raw).events,
    _event_entry,
    _careful_event,
)
