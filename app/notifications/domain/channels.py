"""What a channel's settings may be, and which of them are secret."""

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from app.core.durations import format_duration, parse_duration
from app.core.errors import Invalid
from app.notifications.domain.messages import ChannelType

MASK = "********"
_LATER = ("email", "slack")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,1998}[\x21-\x7e])?")
_OURS = ("host", "connection", "content-", "transfer-encoding", "accept-encoding", "idempotency-key", "x-alerting-")
_SHORTEST, _LONGEST = timedelta(milliseconds=100), timedelta(seconds=60)
Secrets = dict[str, Any]
Checked = tuple[dict[str, Any], Secrets]


def check_type(type_: str) -> str:
    """The type, when a channel may have it; Invalid with what is supported otherwise."""
    if type_ in list(ChannelType):
        return type_
    supported = f"supported are {', '.join(sorted(ChannelType))}"
    problem = f"channels of type {type_} come in a later version" if type_ in _LATER else f"no channel type {type_}"
    raise Invalid({"type": [f"{problem}; {supported}"]})


def check_settings(type_: str, given: Mapping[str, Any], kept: Secrets) -> Checked:
    """A channel's settings in two parts: what may be shown, secrets masked; and the secrets.

    `kept` are the secrets so far: whoever sends the mask back, as it was read, keeps them.
    """
    checks = _CHECKS[ChannelType(type_)]
    shown: dict[str, Any] = {}
    secrets: Secrets = {}
    problems: dict[str, object] = {}
    for name, value in given.items():
        if name not in checks:
            near = difflib.get_close_matches(name, checks, n=1)
            problems[name] = [f"Unknown field; did you mean {near[0]}?" if near else "Unknown field."]
        elif value is not None:
            try:
                shown[name], secret = checks[name](value, kept.get(name))
            except ValueError as error:
                problems[name] = [str(error)]
                continue
            if secret is not None:
                secrets[name] = secret
    if type_ == ChannelType.WEBHOOK and "url" not in shown and "url" not in problems:
        problems["url"] = ["a webhook needs a URL"]
    if problems:
        raise Invalid({"settings": problems})
    return shown, secrets


def _url(value: Any, _kept: Any) -> tuple[str, None]:
    mend = "use a URL like https://example.org/hook"
    if not isinstance(value, str) or not 1 <= len(value) <= 2048 or re.search(r"[\s\x00-\x1f\\]", value):
        raise ValueError(mend)
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(mend) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(mend)
    if "@" in parts.netloc:
        raise ValueError("leave user and password out of the URL; send an Authorization header instead")
    return value, None


def _secret(value: Any, kept: Any) -> tuple[str, str]:
    if value == MASK and kept is not None:
        return MASK, str(kept)
    if not isinstance(value, str) or not 1 <= len(value) <= 500:
        raise ValueError("use a text of 1 to 500 characters")
    return MASK, value


def _format(value: Any, _kept: Any) -> tuple[str, None]:
    if value != "native":
        raise ValueError("supported is native")
    return "native", None


def _headers(value: Any, kept: Any) -> tuple[dict[str, str], dict[str, str]]:
    if not isinstance(value, Mapping) or len(value) > 20:
        raise ValueError("use an object of at most 20 texts")
    before = kept if isinstance(kept, Mapping) else {}
    found: dict[str, str] = {}
    for name, text in value.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ValueError(f'"{str(name)[:100]}" is no header name')
        if name.lower().startswith(_OURS):
            raise ValueError(f"{name} is set by us; leave it out")
        if text == MASK and name in before:
            text = before[name]
        if not isinstance(text, str) or not _HEADER_VALUE.fullmatch(text):
            raise ValueError(f"{name}: use 1 to 2,000 printable ASCII characters")
        found[name] = text
    return dict.fromkeys(found, MASK), found


def _timeout(value: Any, _kept: Any) -> tuple[str, None]:
    wanted = parse_duration(value)
    if not _SHORTEST <= wanted <= _LONGEST:
        raise ValueError(f"use {format_duration(_SHORTEST)} to {format_duration(_LONGEST)}")
    return format_duration(wanted), None


#: type -> setting -> check(value, the secret kept so far) -> (what is shown, the secret or None)
_CHECKS: dict[ChannelType, dict[str, Callable[[Any, Any], tuple[Any, Any]]]] = {
    ChannelType.WEBSOCKET: {},
    ChannelType.WEBHOOK: {"url": _url, "secret": _secret, "format": _format, "headers": _headers, "timeout": _timeout},
}
