"""Fields and the schema base that every room's shapes share."""

import difflib
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import marshmallow as ma

from app.core.durations import format_duration, parse_duration
from app.core.ids import is_slug
from app.core.labels import MAX_LABELS, MAX_MATCHER, MAX_NAME, MAX_VALUE, Matcher, Op, label_problems, parse_matcher
from app.core.severity import Severity, parse_severity

FIRST_YEAR, LAST_YEAR = 1970, 9000  # so that no span added or taken away leaves the calendar


class Shape(ma.Schema):
    """A body that came in: an unknown field is refused with the nearest known name."""

    class Meta:
        """Fields keep their order in the OpenAPI document."""

        unknown = ma.RAISE

    def handle_error(self, error: ma.ValidationError, data: Any, *, many: bool, **kwargs: Any) -> None:
        """Say which known field an unknown one is near to."""
        errors = error.messages
        for found in errors.values() if many and isinstance(errors, dict) else [errors]:
            if isinstance(found, dict):
                for name, messages in found.items():
                    if messages == ["Unknown field."]:
                        found[name] = [self._unknown(str(name))]

    def _unknown(self, name: str) -> str:
        known = [field.data_key or key for key, field in self.load_fields.items()]
        near = difflib.get_close_matches(name, known, n=1)
        return f"Unknown field; did you mean {near[0]}?" if near else "Unknown field."


class Described(ma.fields.Field[Any]):
    """A field whose `described` stands in the OpenAPI document, which knows marshmallow's own fields only."""

    described: ClassVar[Mapping[str, object]] = {}

    def __init__(self, *, metadata: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(metadata={**self.described, **(metadata or {})}, **kwargs)


class UtcTime(Described):
    """RFC 3339 in, with an offset; out in UTC with Z."""

    described = {"type": "string", "format": "date-time"}

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else format_time(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return parse_time(value)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None


class Duration(Described):
    """A text like "1h30m", or seconds, in; the shortest such text out."""

    described = {"type": ["string", "number"], "examples": ["1h30m", 90]}

    def _serialize(self, value: timedelta | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else format_duration(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> timedelta:
        try:
            return parse_duration(value)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None


class LabelSet(Described):
    """An object of texts within the limits of labels."""

    described = {
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": MAX_VALUE},
        "propertyNames": {"minLength": 1, "maxLength": MAX_NAME},
        "maxProperties": MAX_LABELS,
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:
        problems = label_problems(value)
        if problems:
            raise ma.ValidationError(problems.get("") or problems)
        return dict(value)


class MatcherText(Described):
    """A matcher like `host=~"web.*"`."""

    described = {"type": "string", "maxLength": MAX_MATCHER, "examples": ['host=~"web.*"']}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Matcher:
        try:
            return parse_matcher(value)
        except (ValueError, TypeError) as error:
            raise ma.ValidationError(str(error) if isinstance(value, str) else "use a text") from None


class LabelFilter(Described):
    """A filter `name=value` in a query; the value is taken as it stands."""

    described = {"type": "string", "examples": ["host=web-1"]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Matcher:
        name, equals, wanted = str(value).partition("=")
        if not name or not equals:
            raise ma.ValidationError(f'"{value}" is no label filter; use label=name=value')
        return Matcher(name, Op.EQUAL, wanted)


class Number(ma.fields.Float):
    """A finite number; texts and booleans are none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ma.ValidationError("use a number")
        number = float(value)
        if not math.isfinite(number):
            raise ma.ValidationError("use a finite number")
        return number


class SeverityName(Described, ma.fields.String):
    """A severity in any case, or a synonym of one."""

    described = {"examples": [*Severity]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Severity:
        try:
            return parse_severity(value)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None


class Slug(Described, ma.fields.String):
    """An id that the client chose."""

    described = {"maxLength": 64, "examples": ["disk-full"]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not isinstance(text, str) or not is_slug(text):
            raise ma.ValidationError("use lower-case letters, digits, - and _, at most 64 characters")
        return text


def parse_time(value: object) -> datetime:
    """The aware UTC datetime that an RFC 3339 text names; ValueError with the mend when it names none."""
    mend = "use an RFC 3339 time with an offset, like 2026-01-31T12:00:00Z"
    if not isinstance(value, str):
        raise ValueError(mend)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(mend) from None
    if moment.tzinfo is None:
        raise ValueError(mend)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"use a time in the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment.astimezone(UTC)


def format_time(value: datetime) -> str:
    """RFC 3339 in UTC with Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class NameOrId(Described, ma.fields.String):
    """The id or the name of another object; it is looked up when it is needed, so it need not exist yet."""

    described = {"minLength": 1, "maxLength": 200}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not isinstance(text, str) or not 1 <= len(text) <= 200:
            raise ma.ValidationError("use an id or a name of 1 to 200 characters")
        return text


class Problem(ma.Schema):
    """RFC 9457 problem details."""

    type = ma.fields.String()
    title = ma.fields.String()
    status = ma.fields.Integer()
    detail = ma.fields.String()
    errors = ma.fields.Dict(keys=ma.fields.String())
    request_id = ma.fields.String()
    current = ma.fields.String()
    allowed = ma.fields.List(ma.fields.String())
