"""What every blueprint needs of HTTP: bodies in, problem+json out, the write edge, keyset pages."""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import marshmallow as ma
import orjson
import structlog
from flask import Flask, Request, Response, current_app, g, request
from flask.json.provider import JSONProvider
from flask_smorest import Blueprint as SmorestBlueprint
from sqlalchemy.orm import Session
from webargs.flaskparser import FlaskParser

from app.core import idempotency
from app.core.clock import utcnow
from app.core.errors import Invalid, Malformed
from app.core.runtime import Runtime
from app.core.schemas import Shape, format_time, parse_time

MAX_BODY = 5 * 1024 * 1024
MAX_BATCH = 1000
MAX_DEPTH = 8
MAX_CHOICES = ma.validate.Length(max=64)
Answer = tuple[Any, int]
log = structlog.get_logger(__name__)


class OrjsonProvider(JSONProvider):
    """JSON by orjson: fast, strict about NaN and encodings, and safe against deep nesting."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """`obj` as JSON text, times with Z."""
        return to_json(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """What the JSON text says."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """An application/json answer."""
        return Response(to_json(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


class BodyParser(FlaskParser):
    """webargs over body_json(), so that every body passes the same checks."""

    # Otherwise webargs drops unknown query arguments, whatever the schema says of them.
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": None}

    def _raw_load_json(self, req: Request) -> Any:
        if not req.content_length and not req.get_data(cache=True):
            return ma.missing
        return body_json()


class Blueprint(SmorestBlueprint):
    """A flask-smorest blueprint whose bodies pass body_json()."""

    ARGUMENTS_PARSER = BodyParser()


def to_json(value: object) -> bytes:
    """JSON; datetimes in UTC with Z."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def body_json(*, texts_checked: bool = True, lenient: bool = False) -> Any:
    """The request's body; Malformed when it is no JSON, Invalid when it nests too deep or holds NUL characters.

    Without `texts_checked` the caller looks for NUL characters itself, item by item. `lenient` is for batches whose
    items are judged one by one: what many writers of JSON put out though it is none (NaN, Infinity, numbers out of
    range, halves of surrogate pairs) is read, so that the caller can refuse the item and keep the others.
    """
    raw = request.get_data(cache=True)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            if not lenient:
                raise
            value = json.loads(raw.decode())  # decoded here: left to itself it would take UTF-16 as well
        except (ValueError, RecursionError):
            raise Malformed(f"the body is no JSON: {error}") from None
    if texts_checked:
        check_text(raw)
    if _depth(value) > MAX_DEPTH:
        raise Invalid({"": [f"the body nests deeper than {MAX_DEPTH} levels"]})
    return value


def check_text(raw: bytes) -> None:
    """Refuse NUL characters: PostgreSQL cannot store them, and nothing legible holds one."""
    # Raw control characters are no JSON, so an escape is the only way in; most bodies hold none and end here.
    if b"\\u0000" in raw and any("\x00" in text for text in _texts(orjson.loads(raw))):
        raise Invalid({"": ["the character U+0000 cannot be stored; leave it out"]})


def check_address() -> None:
    """Refuse NUL characters outside of the body, for the same reason; Malformed names the place."""
    arguments = (text for pair in request.args.items(multi=True) for text in pair)
    for place, texts in (
        ("path", [request.path]),
        ("query", arguments),
        ("header Idempotency-Key", [request.headers.get("Idempotency-Key", "")]),
    ):
        if any("\x00" in text for text in texts):
            raise Malformed(f"the {place} holds the character U+0000, which cannot be stored; leave it out")


def runtime() -> Runtime:
    """The process's open ends."""
    found: Runtime = current_app.extensions["alerting"]
    return found


def actor() -> str:
    """Who does this, as timelines and the audit log name it: `token:<name>` or `user:<name>`."""
    return str(g.get("actor", "anonymous"))


def write(unit: Callable[[Session, datetime], Answer], *, sealed: bool = False) -> Response:
    """Run `unit(session, now)` in one transaction and answer with the payload and status that it returns.

    The answer leaves after the commit. Lost races run again. A POST with an Idempotency-Key is done once;
    `sealed` encrypts the answer kept for it, because it holds a secret.
    """
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if key is not None and not 1 <= len(key) <= 255:
        raise Invalid({"Idempotency-Key": ["use 1 to 255 characters"]})
    hashed = idempotency.request_hash(request.method, request.full_path, request.get_data(cache=True)) if key else ""
    caller = str(g.get("caller_id", ""))

    def once(session: Session) -> Answer:
        now = utcnow()
        if not key:
            return unit(session, now)
        kept = idempotency.first_answer(session, caller, key, hashed, now)
        if kept is not None:
            text, status = kept
            return orjson.loads(runtime().secrets.decrypt(text) if sealed else text), status
        payload, status = unit(session, now)
        text = to_json(payload).decode()
        kept_text = runtime().secrets.encrypt(text) if sealed else text
        idempotency.keep_answer(session, caller, key, hashed, kept_text, status, now)
        return payload, status

    return answer_json(*runtime().run(once))


def read(unit: Callable[[Session, datetime], Any]) -> Response:
    """Answer 200 with what `unit(session, now)` reads."""
    with runtime().reading() as session:
        return answer_json(unit(session, utcnow()), 200)


def answer_json(payload: Any, status: int) -> Response:
    """A JSON answer; an empty one for status 204."""
    if status == 204:
        return Response(status=204)
    return Response(to_json(payload), status=status, mimetype="application/json")


def cursor_of(*parts: datetime | str) -> str:
    """An opaque cursor that remembers where a page ended."""
    texts = [format_time(part) if isinstance(part, datetime) else part for part in parts]
    return base64.urlsafe_b64encode(orjson.dumps(texts)).decode().rstrip("=")


def parse_cursor(text: str) -> tuple[datetime, str]:
    """The (time, id) that cursor_of() wrote; Invalid for anything else."""
    try:
        moment, entity_id = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(entity_id, str) or "\x00" in entity_id:
            raise ValueError
        return parse_time(moment), entity_id
    except (ValueError, TypeError, binascii.Error):
        raise Invalid({"cursor": ["use the next_cursor of the page before, unchanged"]}) from None


def page_of(items: Sequence[Any], limit: int, position: Callable[[Any], tuple[datetime, str]]) -> dict[str, Any]:
    """`{"items", "next_cursor"}` of `limit + 1` fetched rows: the one too many tells that there is a next page."""
    kept = list(items[:limit])
    more = len(items) > limit
    return {"items": kept, "next_cursor": cursor_of(*position(kept[-1])) if more else None}


class PageArgs(Shape):
    """Query arguments of a list; an unknown one is refused, because a mistyped filter would show everything."""

    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))
    cursor = ma.fields.String(load_default=None, validate=ma.validate.Length(max=500))


class DeleteArgs(Shape):
    """What a deletion may be bound to."""

    expected_version = ma.fields.Integer(load_default=None)


def install_json(app: Flask) -> None:
    """Make orjson the app's JSON."""
    app.json = OrjsonProvider(app)


def _depth(value: Any) -> int:
    """How deep containers nest, counted level by level so that no input can exhaust the stack."""
    depth, level = 0, [value]
    while depth <= MAX_DEPTH and (containers := [item for item in level if isinstance(item, dict | list)]):
        depth += 1
        level = [inner for item in containers for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _texts(value: Any) -> Iterator[str]:
    """Every text in `value`, keys included."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
