"""The webhook channel: one JSON message, one POST, signed; addresses inside are refused."""

import hashlib
import hmac
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import requests
from urllib3.exceptions import HTTPError

from app.core.clock import monotonic, utcnow
from app.core.durations import format_duration, parse_duration
from app.core.http import to_json
from app.core.runtime import Runtime
from app.core.schemas import format_time
from app.core.watch import Watch
from app.notifications.channels.guard import GuardedAdapter, Refused
from app.notifications.domain import Attempt, Outcome, Sending
from app.settings import Network

KEPT_OF_RESPONSE = 2048
_TEMPORARY = frozenset({408, 425, 429})
_IDLE_SESSIONS = 64
_LONGEST_WAIT = timedelta(days=1)
_idle: dict[tuple[Network, ...], deque[requests.Session]] = {}
_idle_lock = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """What a receiver said."""

    status: int
    headers: Mapping[str, str]
    text: str | None = None


def send(sending: Sending, runtime: Runtime) -> Attempt:
    """POST the message and say how that ended. Blocks for the channel's timeout at most, name resolution aside."""
    settings = runtime.settings
    secrets: dict[str, Any] = orjson.loads(runtime.secrets.decrypt(sending.sealed)) if sending.sealed else {}
    now = utcnow()
    body = to_json(native_body(sending, now, settings.dashboard_url))
    headers = {**secrets.get("headers", {}), **headers_of(sending, body, secrets.get("secret"), now)}
    given = sending.settings.get("timeout")
    timeout = settings.webhook_timeout if given is None else parse_duration(given)
    return post(str(sending.settings["url"]), body, headers, timeout, settings.webhook_allowed_networks, now)


def native_body(sending: Sending, now: datetime, dashboard_url: str) -> dict[str, Any]:
    """The message in the format `native`."""
    told = sending.payload
    body = told["body"]
    fallback = f"{dashboard_url}/?{sending.subject_type}={sending.subject_id}"
    return {
        "id": sending.id,
        "kind": sending.kind,
        "sent_at": format_time(now),
        "maybe_duplicate": sending.maybe_duplicate,
        "subject": {
            "type": sending.subject_type,
            "id": sending.subject_id,
            "title": told["title"],
            "status": told["status"],
            "severity": told["severity"],
            "url": (body.get("links") or {}).get("dashboard", fallback),
        },
        "alerts": [body] if body else [],
        "reason": sending.reason,
    }


def headers_of(sending: Sending, body: bytes, secret: str | None, now: datetime) -> dict[str, str]:
    """The headers that a receiver can rely on; the signature covers the timestamp, so that it cannot be replayed."""
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "alerting",
        "Accept-Encoding": "identity",
        "Idempotency-Key": sending.id,
        "X-Alerting-Timestamp": timestamp,
    }
    if sending.maybe_duplicate:
        headers["X-Alerting-Maybe-Duplicate"] = "true"
    if secret is not None:
        signed = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers["X-Alerting-Signature"] = f"v1={signed}"
    return headers


def post(
    url: str, body: bytes, headers: dict[str, str], timeout: timedelta, allowed: tuple[Network, ...], now: datetime
) -> Attempt:
    """POST and say how it ended: nothing is raised for what a receiver or the network does."""
    started = monotonic()
    seconds = timeout.total_seconds()
    session = _session(allowed)
    answer: Answer | None = None
    failure: Exception | None = None
    # The library's timeout counts between two bytes; the watch ends an answer that drips for ever.
    with Watch(seconds) as watch:
        try:
            with session.post(
                url, data=body, headers=headers, timeout=seconds, allow_redirects=False, stream=True
            ) as response:
                if watch.fired:
                    raise TimeoutError("the head of the answer never ended")
                answer = Answer(response.status_code, response.headers)
                answer = replace(answer, text=_first_of(response))
        except (Refused, requests.exceptions.RequestException, HTTPError, OSError, ValueError) as error:
            failure = error
    if failure is None:
        _keep(allowed, session)
    else:
        session.close()
    latency_ms = round((monotonic() - started) * 1000, 3)
    if answer is not None:  # a failure after the status line takes nothing back
        outcome, why = outcome_of(answer.status, answer.headers.get("Location", ""))
        wait = retry_after(answer.headers.get("Retry-After"), now)
        return Attempt(outcome, now, latency_ms, answer.status, why, answer.text, wait)
    assert failure is not None
    outcome, why, maybe_taken = failure_of(failure, timeout, body_went_out=watch.body_went_out, timed_out=watch.fired)
    return Attempt(outcome, now, latency_ms, error=why, maybe_taken=maybe_taken)


def outcome_of(status: int, location: str = "") -> tuple[Outcome, str | None]:
    """What an answer's status means, and why it is no success."""
    if 200 <= status < 300:
        return Outcome.OK, None
    if 300 <= status < 400:
        where = f" to {location[:500]}" if location else ""
        return Outcome.PERMANENT, f"HTTP {status} redirects{where}; redirects are not followed, so set the final URL"
    if status in _TEMPORARY or status >= 500:
        return Outcome.TEMPORARY, f"HTTP {status}"
    return Outcome.PERMANENT, f"HTTP {status}"


def failure_of(
    error: Exception, timeout: timedelta, *, body_went_out: bool, timed_out: bool
) -> tuple[Outcome, str, bool]:
    """What a failure without an answer means: the outcome, why, and whether the receiver may have the message."""
    within = f"within {format_duration(timeout)}"
    if isinstance(error, Refused):
        return Outcome.PERMANENT, str(error), False
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema | UnicodeError):
        return Outcome.PERMANENT, f"the URL cannot be used: {_short(error)}", False
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Outcome.TEMPORARY, f"no connection {within}", False
    if timed_out or isinstance(error, requests.exceptions.ReadTimeout):
        return Outcome.AMBIGUOUS if body_went_out else Outcome.TEMPORARY, f"no answer {within}", body_went_out
    return Outcome.TEMPORARY, _short(error), body_went_out


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long a receiver asks us to wait, in seconds or until an HTTP date; None when it says nothing legible."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(timedelta(seconds=int(value[:9])), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(value)
        return min(max(until.astimezone(UTC) - now, timedelta(0)), _LONGEST_WAIT)
    except (ValueError, TypeError, OverflowError):
        return None


def _session(allowed: tuple[Network, ...]) -> requests.Session:
    """A pooled session that nobody else uses until _keep()."""
    with _idle_lock:
        waiting = _idle.setdefault(allowed, deque(maxlen=_IDLE_SESSIONS))
        if waiting:
            return waiting.pop()
    session = requests.Session()
    session.trust_env = False  # a proxy of the environment would resolve names for us, past the guard
    adapter = GuardedAdapter(allowed)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _keep(allowed: tuple[Network, ...], session: requests.Session) -> None:
    session.cookies.clear()
    with _idle_lock:
        _idle[allowed].append(session)


def _first_of(response: requests.Response) -> str:
    """The beginning of the answer as text that every database can store."""
    chunks: list[bytes] = []
    size = 0
    while size <= KEPT_OF_RESPONSE:
        chunk = response.raw.read(KEPT_OF_RESPONSE + 1 - size, decode_content=False)
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)[:KEPT_OF_RESPONSE].decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _short(error: Exception) -> str:
    inner: BaseException = error
    while inner.args and isinstance(inner.args[0], BaseException):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None) or inner
    return f"{type(reason).__name__}: {reason}"[:500].replace("\x00", "")
