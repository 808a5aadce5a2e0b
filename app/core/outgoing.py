"""What people say of a place that we send to or ask: its URL, headers, secrets and timeout, checked.

Every check returns what may be shown and the secret (None for none), or raises ValueError with the mend.
`kept` is the secret so far: whoever sends the mask back, as it was read, keeps it.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from app.core.durations import format_duration, parse_duration

MASK = "********"
_NOT_STORED = "the mask stands for a secret that is not stored; send the secret itself"
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,1998}[\x21-\x7e])?")
#: Headers that every request of ours sets itself; names that begin so are refused.
OUR_HEADERS = ("host", "connection", "content-", "transfer-encoding", "accept-encoding")


def check_url(value: Any, example: str, instead: str) -> SplitResult:
    """The parts of an http(s) URL without credentials; the errors name an example, and what to give instead of them."""
    mend = f"use a URL like {example}"
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
        raise ValueError(f"leave user and password out of the URL; {instead}")
    return parts


def check_secret(value: Any, kept: Any, *, longest: int = 500) -> tuple[str, str]:
    """A secret text."""
    if value == MASK:
        if kept is None:
            raise ValueError(_NOT_STORED)
        return MASK, str(kept)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise ValueError(f"use a text of 1 to {longest} characters")
    return MASK, value


def check_headers(value: Any, kept: Any, ours: tuple[str, ...] = OUR_HEADERS) -> tuple[dict[str, str], dict[str, str]]:
    """Headers, whose values are secret; `ours` are beginnings of names that nobody may give."""
    if not isinstance(value, Mapping) or len(value) > 20:
        raise ValueError("use an object of at most 20 texts")
    before = kept if isinstance(kept, Mapping) else {}
    found: dict[str, str] = {}
    for name, text in value.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ValueError(f'"{str(name)[:100]}" is no header name')
        if name.lower().startswith(ours):
            raise ValueError(f"{name} is set by us; leave it out")
        if text == MASK:
            if name not in before:
                raise ValueError(f"{name}: {_NOT_STORED}")
            text = before[name]
        if not isinstance(text, str) or not _HEADER_VALUE.fullmatch(text):
            raise ValueError(f"{name}: use 1 to 2,000 printable ASCII characters")
        found[name] = text
    return dict.fromkeys(found, MASK), found


def check_timeout(value: Any, longest: timedelta, shortest: timedelta = timedelta(milliseconds=100)) -> str:
    """A timeout within its limits, as it is shown."""
    wanted = parse_duration(value)
    if not shortest <= wanted <= longest:
        raise ValueError(f"use {format_duration(shortest)} to {format_duration(longest)}")
    return format_duration(wanted)
