"""What a channel's settings may be, and which of them are secret."""

import difflib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from app.core.errors import Invalid
from app.core.outgoing import OUR_HEADERS, check_headers, check_secret, check_timeout, check_url
from app.notifications.domain.messages import ChannelType

_LATER = ("email", "slack")
_LONGEST = timedelta(seconds=60)
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
    check_url(value, "https://example.org/hook", "send an Authorization header instead")
    return str(value), None


def _format(value: Any, _kept: Any) -> tuple[str, None]:
    if value != "native":
        raise ValueError("supported is native")
    return "native", None


def _headers(value: Any, kept: Any) -> tuple[dict[str, str], dict[str, str]]:
    return check_headers(value, kept, (*OUR_HEADERS, "idempotency-key", "x-alerting-"))


def _timeout(value: Any, _kept: Any) -> tuple[str, None]:
    return check_timeout(value, _LONGEST), None


#: type -> setting -> check(value, the secret kept so far) -> (what is shown, the secret or None)
_CHECKS: dict[ChannelType, dict[str, Callable[[Any, Any], tuple[Any, Any]]]] = {
    ChannelType.WEBSOCKET: {},
    ChannelType.WEBHOOK: {
        "url": _url,
        "secret": check_secret,
        "format": _format,
        "headers": _headers,
        "timeout": _timeout,
    },
}
