"""The HTTP API as the dashboard uses it: a connection, the reads, the actions, and the two ways in which they fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from urllib.parse import quote

import httpx

from dashboard.settings import settings

Alert = dict[str, Any]
ACTIONS = ("acknowledge", "unacknowledge", "resolve", "close", "comment")
_PATIENCE_S = 5.0


class ApiDown(Exception):
    """The API does not answer, or answers that it cannot serve now."""


class Refused(Exception):
    """The API said no; `status`, `detail` and `errors` (by field) are its problem+json."""

    def __init__(self, status: int, detail: str, errors: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = dict(errors or {})

    @property
    def is_unknown(self) -> bool:
        """Whether this API does not have what was asked for at all: no such path, or not with this method."""
        return self.status in {404, 405, 501}


@dataclass(frozen=True)
class Api:
    """The API as the holder of a token sees it."""

    token: str
    http: httpx.Client


def connect(token: str) -> Api:
    """The API for one token; connections are shared by all sessions of the process."""
    return Api(token, _shared_http())


def headers_for(token: str) -> dict[str, str]:
    """The headers that carry a token."""
    return {"Authorization": f"Bearer {token}"}


def who_am_i(api: Api) -> dict[str, Any]:
    """Name and role of the token; Refused with 401 when it is no longer good."""
    return cast(dict[str, Any], get(api, "/auth/me"))


def list_alerts(
    api: Api,
    *,
    statuses: Sequence[str] = (),
    severities: Sequence[str] = (),
    text: str = "",
    rule_id: str = "",
    limit: int = 50,
) -> tuple[list[Alert], bool]:
    """Alerts, newest first, and whether there are more than `limit`."""
    query: list[tuple[str, str]] = [("limit", str(limit))]
    query += [("status", status) for status in statuses]
    query += [("severity", severity) for severity in severities]
    query += [(name, value) for name, value in (("q", text), ("rule_id", rule_id)) if value]
    answer = get(api, "/alerts", query)
    return answer["items"], bool(answer.get("next_cursor"))


def summary(api: Api) -> dict[str, Any]:
    """Counts of the last 24 h."""
    return cast(dict[str, Any], get(api, "/alerts/summary"))


def get_alert(api: Api, alert_id: str) -> Alert:
    """One alert with its timeline and deliveries; Refused with 404 when there is none."""
    return cast(Alert, get(api, f"/alerts/{quote(alert_id, safe='')}"))


def points(
    api: Api, metric: str, labels: Mapping[str, str], since: str, until: str, max_points: int = 240
) -> list[dict[str, Any]]:
    """The series of a metric that carry `labels`, each with its points."""
    query = [("metric", metric), ("since", since), ("until", until), ("max_points", str(max_points))]
    query += [("label", f"{name}={value}") for name, value in labels.items()]
    return cast(list[dict[str, Any]], get(api, "/metrics/query", query)["series"])


def problem_of(answer: httpx.Response) -> str:
    """What a problem+json answer says, in one line."""
    try:
        problem = answer.json()
    except ValueError:
        return f"The API answered {answer.status_code}."
    if errors := errors_of(answer):
        return "; ".join(f"{field}: {first_message(found)}" for field, found in errors.items())
    detail = problem.get("detail") or problem.get("title") if isinstance(problem, dict) else None
    return str(detail or f"The API answered {answer.status_code}.")


def errors_of(answer: httpx.Response) -> dict[str, Any]:
    """What a problem+json answer says of single fields."""
    try:
        problem = answer.json()
    except ValueError:
        return {}
    errors = problem.get("errors") if isinstance(problem, dict) else None
    return errors if isinstance(errors, dict) else {}


def first_message(found: Any) -> str:
    """The first of a field's messages, which may be nested as the field is."""
    if isinstance(found, dict):
        return next((first_message(inner) for inner in found.values()), "")
    return str(found[0]) if isinstance(found, list) and found else str(found)


def get(api: Api, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
    """What stands at a path."""
    return call(api, "GET", path, params=list(query))


def call(api: Api, method: str, path: str, *, kind: str = "application/json", **kwargs: Any) -> Any:
    """The JSON that a call answers, None when it answers nothing; ApiDown or Refused when it fails.

    `kind` is the media type of a body that is given as `content`.
    """
    try:
        headers = headers_for(api.token) | {"Content-Type": kind}
        answer = api.http.request(method, path, headers=headers, **kwargs)
    except httpx.TransportError as error:
        raise ApiDown(_reason(error)) from error
    if answer.status_code >= 500:
        raise ApiDown(f"it answered {answer.status_code}, {problem_of(answer)}")
    if answer.status_code >= 400:
        raise Refused(answer.status_code, problem_of(answer), errors_of(answer))
    if answer.status_code == 204:
        return None
    try:
        return answer.json()
    except ValueError as error:
        raise ApiDown("something that is not the API answers there") from error


def _reason(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return "nothing answers there"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {error.request.extensions['timeout']['read']:.0f} seconds"
    return str(error) or type(error).__name__


@cache
def _shared_http() -> httpx.Client:
    # trust_env=False: a proxy named in the environment must not see the traffic between our own processes.
    return httpx.Client(base_url=settings().api_url, timeout=httpx.Timeout(_PATIENCE_S, connect=2.0), trust_env=False)
