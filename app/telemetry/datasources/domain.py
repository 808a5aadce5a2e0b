"""A data source: where it is, how we sign in, and which of them a rule means."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.core.errors import Invalid
from app.core.outgoing import check_headers, check_secret, check_timeout, check_url

DEFAULT = "default"  # the name of the one that a rule means that names none
TIMEOUT = timedelta(seconds=5)
LONGEST = timedelta(seconds=30)
Secrets = dict[str, Any]
_SETTINGS = ("url", "headers", "username", "password", "token", "timeout")


class SourceFailed(Exception):
    """A data source does not answer as it should, whatever it is asked.

    `answered` tells that the server is there and reported the failure itself: another query may fare better.
    """

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class QueryFailed(Exception):
    """The query is at fault, or what it returns cannot be used; the data source is well."""


@dataclass(frozen=True)
class Datasource:
    """A server to be asked; `problem` says why it cannot be, when that is known before."""

    id: str
    name: str
    url: str
    timeout: timedelta = TIMEOUT
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    problem: str | None = None


@dataclass(frozen=True)
class Shown:
    """A data source as it is shown: `settings` are what was given, secrets masked."""

    id: str
    name: str
    settings: Mapping[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime


def check_settings(given: Mapping[str, Any], kept: Secrets) -> tuple[dict[str, Any], Secrets]:
    """A data source's settings in two parts: what may be shown, secrets masked; and the secrets. Invalid by field.

    `kept` are the secrets so far: whoever sends the mask back keeps them. A setting that is None is none.
    """
    shown: dict[str, Any] = {}
    secrets: Secrets = {}
    problems: dict[str, object] = {}
    for name in _SETTINGS:
        if (value := given.get(name)) is None:
            continue
        try:
            shown[name], secret = _CHECKS[name](value, kept.get(name))
        except ValueError as error:
            problems[name] = [str(error)]
            continue
        if secret:
            secrets[name] = secret
    problems = _sign_in_problems(given, shown) | problems
    if problems:
        raise Invalid(problems)
    return shown, secrets


def datasource_for(named: Mapping[str, Datasource], wanted: str | None) -> Datasource:
    """The data source that a rule means by `wanted`, a name or an id; SourceFailed, with the mend, when there is none.

    None means the one named `default`, or the only one there is.
    """
    if wanted is not None:
        if (found := named.get(wanted)) is not None:
            return found
        near = difflib.get_close_matches(wanted, named, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; make one by POST /datasources, or change the rule"
        raise SourceFailed(f"there is no data source {wanted}{hint}")
    if DEFAULT in named:
        return named[DEFAULT]
    different = {one.id: one for one in named.values()}
    if len(different) == 1:
        return next(iter(different.values()))
    if not different:
        raise SourceFailed("there is no data source to ask; make one by POST /datasources")
    names = ", ".join(sorted(one.name for one in different.values()))
    raise SourceFailed(f"the rule names no data source, and there are several ({names}); name one, or name one default")


def _sign_in_problems(given: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, object]:
    """What does not go together in how we sign in."""
    problems: dict[str, object] = {}
    if given.get("url") is None:
        problems["url"] = ["say where the server is, like https://prometheus.example.org"]
    if given.get("password") is not None and given.get("username") is None:
        problems["password"] = ["a password needs a username"]
    if given.get("token") is not None and given.get("username") is not None:
        problems["token"] = ["sign in with username and password or with a token, not with both"]
    signed_in = given.get("token") is not None or given.get("username") is not None
    if signed_in and any(name.lower() == "authorization" for name in shown.get("headers", {})):
        problems["headers"] = ["Authorization is set by token or username already; leave one of them out"]
    return problems


def _url(value: Any, _kept: Any) -> tuple[str, None]:
    parts = check_url(value, "https://prometheus.example.org", "use username and password, or token")
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValueError("leave out ? and # and what follows; a path before /api/v1 may stay")
    if parts.path.rstrip("/").endswith("/api/v1/query"):
        raise ValueError("leave out /api/v1/query; the client adds it")
    return str(value).rstrip("/"), None


def _username(value: Any, _kept: Any) -> tuple[str, None]:
    if not isinstance(value, str) or not 1 <= len(value) <= 200 or ":" in value or not value.isprintable():
        raise ValueError("use 1 to 200 printable characters without a colon")
    return value, None


def _password(value: Any, kept: Any) -> tuple[str, str]:
    return check_secret(value, kept)


def _token(value: Any, kept: Any) -> tuple[str, str]:
    shown, secret = check_secret(value, kept, longest=4000)
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError("a token is printable ASCII without spaces; leave out the word Bearer")
    return shown, secret


def _headers(value: Any, kept: Any) -> tuple[dict[str, str], dict[str, str]]:
    return check_headers(value, kept)


def _timeout(value: Any, _kept: Any) -> tuple[str, None]:
    return check_timeout(value, LONGEST), None


#: setting -> check(value, the secret kept so far) -> (what is shown, the secret or None)
_CHECKS: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {
    "url": _url,
    "headers": _headers,
    "username": _username,
    "password": _password,
    "token": _token,
    "timeout": _timeout,
}
