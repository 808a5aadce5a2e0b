"""Shapes of telemetry: samples by the batch (msgspec, for speed), and query arguments (marshmallow)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import marshmallow as ma
import msgspec

from app.core.errors import Invalid
from app.core.http import MAX_BATCH, MAX_CHOICES
from app.core.labels import label_problems
from app.core.schemas import Duration, LabelFilter, LabelSet, MatcherText, Shape, UtcTime, parse_time
from app.telemetry.domain import MAX_METRIC, Problems, Sample

Moment = Annotated[datetime, msgspec.Meta(tz=True)] | float | None


class _Sample(msgspec.Struct):
    metric: str
    value: float
    timestamp: Moment = None
    labels: dict[str, str] = {}


class _Batch(msgspec.Struct):
    samples: list[_Sample]


_decode = msgspec.json.Decoder(_Batch).decode


@dataclass(frozen=True)
class Batch:
    """The samples of a body that can be read, their indices in the body, and what is wrong with the others."""

    samples: list[Sample]
    indices: list[int]
    rejected: dict[int, Problems]


def fast_batch(raw: bytes, now: datetime) -> Batch | None:
    """The batch in a body whose samples are all well-formed; None when one is not, or the body is no batch."""
    try:
        found = _decode(raw).samples
        if len(found) > MAX_BATCH:
            return None
        samples = [Sample(one.metric, one.labels, moment_in(one.timestamp, now), one.value) for one in found]
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    return Batch(samples, list(range(len(samples))), {})


def careful_batch(body: object, now: datetime) -> Batch:
    """The batch in a decoded body, sample by sample to say what is wrong; Invalid when it is no batch."""
    found = body.get("samples") if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        raise Invalid({"samples": ['send an object like {"samples": [{"metric": "queue.length", "value": 3}]}']})
    if len(found) > MAX_BATCH:
        raise Invalid({"samples": [f"a batch has at most {MAX_BATCH} samples; there are {len(found)}"]})
    batch = Batch([], [], {})
    for index, item in enumerate(found):
        sample = _sample(item, now)
        if isinstance(sample, Sample):
            batch.samples.append(sample)
            batch.indices.append(index)
        else:
            batch.rejected[index] = sample
    return batch


def _sample(item: object, now: datetime) -> Sample | Problems:
    if not isinstance(item, Mapping):
        return {"": ["use an object with metric and value"]}
    metric, value, labels = item.get("metric"), item.get("value"), item.get("labels", {})
    if not all_whole(metric, labels):
        return {"": ["holds half of a surrogate pair, which is no character; leave it out"]}
    problems: Problems = {}
    at, number = now, 0.0
    if not isinstance(metric, str):
        problems["metric"] = ["use a text"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        problems["value"] = ["use a number"]
    else:
        try:
            number = float(value)
        except OverflowError:
            problems["value"] = ["use a finite number"]
    try:
        at = moment_in(item.get("timestamp"), now)
    except ValueError as error:
        problems["timestamp"] = [str(error)]
    if wrong := label_problems(labels):
        problems["labels"] = wrong.get("") or wrong
    if problems:
        return problems
    return Sample(str(metric), labels, at, number)


def all_whole(text: object, labels: object) -> bool:
    """Whether a text and labels can be written as UTF-8, whatever else they are."""
    texts = [text, *labels.keys(), *labels.values()] if isinstance(labels, Mapping) else [text]
    try:
        "".join(one for one in texts if isinstance(one, str)).encode()
    except UnicodeEncodeError:
        return False
    return True


def moment_in(value: object, now: datetime) -> datetime:
    """The time that an item gives: RFC 3339, seconds since 1970 as a number, or now; ValueError with the mend."""
    if value is None:
        return now
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        return parse_time(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("use an RFC 3339 time or seconds since 1970 as a number")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError("lies outside of the years that a calendar has; a number counts seconds since 1970") from None


def timestamp_field() -> ma.fields.Raw:
    """The field that moment_in() reads, for the OpenAPI document."""
    return ma.fields.Raw(
        metadata={
            "description": "RFC 3339, or seconds since 1970 as a number; default: now",
            "oneOf": [{"type": "string", "format": "date-time"}, {"type": "number"}, {"type": "null"}],
        }
    )


class SampleIn(ma.Schema):
    """One reading. Fields that are not named here are ignored."""

    metric = ma.fields.String(required=True, validate=ma.validate.Length(1, MAX_METRIC))
    value = ma.fields.Float(required=True)
    timestamp = timestamp_field()
    labels = LabelSet()


class IngestIn(ma.Schema):
    """A batch of samples; for the OpenAPI document, fast_batch() and careful_batch() do the reading."""

    samples = ma.fields.List(ma.fields.Nested(SampleIn), required=True, validate=ma.validate.Length(max=MAX_BATCH))


class Rejected(ma.Schema):
    """An item that was not accepted."""

    index = ma.fields.Integer()
    errors = ma.fields.Dict(keys=ma.fields.String())


class Ingested(ma.Schema):
    """What became of a batch."""

    accepted = ma.fields.Integer()
    rejected = ma.fields.List(ma.fields.Nested(Rejected))


class SelectionArgs(Shape):
    """Which series."""

    label = ma.fields.List(LabelFilter(), load_default=[], validate=MAX_CHOICES)
    matcher = ma.fields.List(MatcherText(), load_default=[], validate=MAX_CHOICES)


class SeriesArgs(SelectionArgs):
    """Which series, and how many at most."""

    metric = ma.fields.String(load_default=None, validate=ma.validate.Length(1, MAX_METRIC))
    limit = ma.fields.Integer(load_default=200, validate=ma.validate.Range(1, 1000))


class NamesArgs(Shape):
    """Which names of metrics: those that hold `q`."""

    q = ma.fields.String(load_default="", validate=ma.validate.Length(max=MAX_METRIC))
    limit = ma.fields.Integer(load_default=1000, validate=ma.validate.Range(1, 10_000))


class NamesList(ma.Schema):
    """Names of metrics, in order; `truncated` tells that there are more."""

    items = ma.fields.List(ma.fields.String())
    truncated = ma.fields.Boolean()


class QueryArgs(SelectionArgs):
    """Which points: the last `window`, or those from `since` to `until`."""

    metric = ma.fields.String(required=True, validate=ma.validate.Length(1, MAX_METRIC))
    window = Duration(load_default=None)
    since = UtcTime(load_default=None)
    until = UtcTime(load_default=None)
    max_points = ma.fields.Integer(load_default=500, validate=ma.validate.Range(2, 5000))

    @ma.validates_schema
    def _one_span(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data.get("window") is not None and data.get("since") is not None:
            raise ma.ValidationError("give window or since, not both", "window")
        if data.get("window") is not None and not data["window"]:
            raise ma.ValidationError("use a duration longer than 0s", "window")


class SeriesOut(ma.Schema):
    """A series that is known."""

    id = ma.fields.String()
    metric = ma.fields.String()
    labels = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())
    last_seen_at = UtcTime()


class SeriesList(ma.Schema):
    """Series; `truncated` tells that there are more."""

    items = ma.fields.List(ma.fields.Nested(SeriesOut))
    truncated = ma.fields.Boolean()


class LineOut(ma.Schema):
    """A series' points, oldest first, each [time, value]."""

    id = ma.fields.String()
    metric = ma.fields.String()
    labels = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())
    points = ma.fields.List(ma.fields.List(ma.fields.Raw(), metadata={"minItems": 2, "maxItems": 2}))


class QueryOut(ma.Schema):
    """Points of some series; `truncated` tells that more series match."""

    series = ma.fields.List(ma.fields.Nested(LineOut))
    truncated = ma.fields.Boolean()
