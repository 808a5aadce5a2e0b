"""The functions that a template may call; each takes the values of its arguments and may raise Failed."""

import html
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote_plus

from app.core.labels import compile_pattern
from app.rules.domain.durations import parse_prometheus_duration
from app.rules.domain.templates.printing import MAX_TEXT, Failed, bounded, float_text, printf, sprint, text_of, type_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GREAT = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


def number_of(value: Any) -> float:
    """The value as a float; Failed when it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise Failed(f'"{value[:100]}" is no number') from None
    raise Failed(f"a value of type {type_of(value)} is no number")


def truth(value: Any) -> bool:
    """Whether `if` takes the value for true: neither nothing, nor zero, nor empty."""
    return bool(value)


def _scaled(value: float, prefixes: Sequence[str], base: float) -> tuple[float, str]:
    prefix = ""
    for candidate in prefixes:
        if (abs(value) < base) if base > 1 else (abs(value) >= 1):
            break
        prefix, value = candidate, value / base
    return value, prefix


def _four(value: float) -> str:
    return float_text(value, "g", 4)


def humanize(value: Any) -> str:
    """A number with a metric prefix: 1234567 is "1.235M"."""
    number = number_of(value)
    if number == 0 or not math.isfinite(number):
        return _four(number)
    scaled, prefix = _scaled(number, _GREAT, 1000) if abs(number) >= 1 else _scaled(number, _SMALL, 0.001)
    return _four(scaled) + prefix


def humanize1024(value: Any) -> str:
    """A number with a binary prefix: 1048576 is "1Mi"."""
    number = number_of(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return _four(number)
    scaled, prefix = _scaled(number, ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"), 1024)
    return _four(scaled) + prefix


def humanize_duration(value: Any) -> str:
    """Seconds as days, hours, minutes and seconds: 3661 is "1h 1m 1s"."""
    number = number_of(value)
    if not math.isfinite(number):
        return _four(number)
    if number == 0:
        return f"{_four(number)}s"
    if abs(number) < 1:
        scaled, prefix = _scaled(number, _SMALL, 0.001)
        return f"{_four(scaled)}{prefix}s"
    sign, number = ("-" if number < 0 else ""), abs(number)
    minutes, seconds = divmod(int(number), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{_four(number)}s"


def humanize_percentage(value: Any) -> str:
    """A ratio in per cent: 0.5 is "50%"."""
    return _four(number_of(value) * 100) + "%"


def to_time(value: Any) -> datetime:
    """Seconds since 1970 as a time."""
    number = number_of(value)
    try:
        return _EPOCH + timedelta(milliseconds=int(number * 1e9) // 1_000_000)
    except (OverflowError, ValueError):
        raise Failed(f"{text_of(number)} is no time in seconds since 1970") from None


def humanize_timestamp(value: Any) -> str:
    """Seconds since 1970 as a legible time in UTC."""
    number = number_of(value)
    return text_of(to_time(number)) if math.isfinite(number) else _four(number)


def title(text: str) -> str:
    """The text with the first letter of each word made great."""
    letters = [
        letter if before is not None and (before.isalnum() or before == "_") else letter.title()
        for before, letter in zip([None, *text], text, strict=False)
    ]
    return "".join(letters)


def match(pattern: str, text: str) -> bool:
    """Whether the regular expression (RE2) is found anywhere in the text."""
    return _compiled(pattern).search(text) is not None


def replace_all(pattern: str, replacement: str, text: str) -> str:
    """The text with every match replaced; `$1` and `${name}` in the replacement stand for groups."""
    compiled = _compiled(pattern)
    numbers = {**{str(number): number for number in range(compiled.groups + 1)}, **compiled.groupindex}
    parts = _expansion(replacement, numbers)
    out, position, length, previous = [], 0, 0, -1
    for found in compiled.finditer(text):
        if found.start() == found.end() == previous:
            continue  # as Go: an empty match that touches the one before counts for nothing
        out.append(text[position : found.start()])
        for part in parts:
            out.append(part if isinstance(part, str) else found.group(part) or "")
            length += len(out[-1])
        if length > len(text) + MAX_TEXT:
            break  # what it comes to is refused below
        position = previous = found.end()
    return bounded("".join([*out, text[position:]]))


def _expansion(replacement: str, numbers: Mapping[str, int]) -> list[str | int]:
    """The replacement as texts and numbers of groups; a group that there is not is the empty text."""
    parts: list[str | int] = []
    position = 0
    for found in _REFERENCE.finditer(replacement):
        parts.append(replacement[position : found.start()])
        parts.append("$" if found[1] else numbers.get(found[2] or found[3], ""))
        position = found.end()
    return [part for part in (*parts, replacement[position:]) if part != ""]


def _compiled(pattern: str) -> Any:
    try:
        return compile_pattern(pattern)
    except ValueError as error:
        raise Failed(str(error)) from None


def _host_and_port(address: str) -> tuple[str, str] | None:
    """Host and port of "host:port" or "[host]:port"; None when it is neither."""
    bracketed = re.fullmatch(r"\[([^\[\]]*)\]:([^:\[\]]*)", address)
    found = bracketed or re.fullmatch(r"([^:\[\]]*):([^:\[\]]*)", address)
    return (found[1], found[2]) if found else None


def strip_port(address: str) -> str:
    """The host of "host:port"; anything else as it is."""
    found = _host_and_port(address)
    return found[0] if found else address


def strip_domain(address: str) -> str:
    """The first part of a host's name, with the port if there is one; an address of numbers as it is."""
    host, port = _host_and_port(address) or (address, "")
    try:
        ip_address(host)
    except ValueError:
        short = host.partition(".")[0]
        return f"{short}:{port}" if port else short
    return address


def index(value: Any, *keys: Any) -> Any:
    """value[key]...; a label that is missing is the empty text."""
    for key in keys:
        if isinstance(value, Mapping):
            if not isinstance(key, str):
                raise Failed(f"index wants a label's name in quotes, not {text_of(key)[:100]}")
            value = value.get(key, "")
        elif isinstance(value, str):
            if type(key) is not int or not 0 <= key < len(value.encode(errors="replace")):
                raise Failed(f"index {text_of(key)[:100]} lies outside of the text")
            value = value.encode(errors="replace")[key]
        else:
            raise Failed(f"index looks into labels, not into a value of type {type_of(value)}")
    return value


def length(value: Any) -> int:
    """The number of bytes of a text, or of items."""
    if isinstance(value, str):
        return len(value.encode(errors="replace"))
    if isinstance(value, Mapping):
        return len(value)
    raise Failed(f"len of a value of type {type_of(value)}")


def equal(first: Any, *others: Any) -> bool:
    """Whether `first` equals one of the others; a number with a point never compares with one without."""
    if not others:
        raise Failed("eq compares two values")
    return any(_ordered(first, other, "eq") == 0 for other in others)


def _ordered(a: Any, b: Any, name: str) -> int:
    """-1, 0 or 1 (2 when unordered); Failed for values that Go does not compare."""
    if type(a) is not type(b):
        mend = "; write the number with a point, like 90.0" if {type(a), type(b)} == {int, float} else ""
        raise Failed(f"{name} cannot compare {type_of(a)} with {type_of(b)}{mend}")
    if a is None or isinstance(a, Mapping | datetime) or (isinstance(a, bool) and name not in ("eq", "ne")):
        raise Failed(f"{name} does not compare values of type {type_of(a)}")
    return 0 if a == b else -1 if a < b else 1 if a > b else 2


def _order(name: str, right: tuple[int, ...]) -> Callable[[Any, Any], bool]:
    return lambda a, b: _ordered(a, b, name) in right


def _no_query(*values: Any) -> Any:
    raise Failed("query and what rests on it are not answered in texts of alerts")


def _duration(text: str) -> float:
    try:
        return parse_prometheus_duration(text).total_seconds()
    except ValueError as error:
        raise Failed(str(error)) from None


def _graph(tab: int) -> Callable[[str], str]:
    return lambda query: f"/graph?g0.expr={quote_plus(query)}&g0.tab={tab}"


#: By name: the function, and what its arguments are: s a text, a anything, * any number of anything.
FUNCTIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "printf": (lambda template, *values: printf(template, values), "s*"),
    "print": (lambda *values: sprint(values), "*"),
    "println": (lambda *values: bounded(" ".join(map(text_of, values)) + "\n"), "*"),
    "eq": (equal, "a*"),
    "ne": (_order("ne", (-1, 1, 2)), "aa"),
    "lt": (_order("lt", (-1,)), "aa"),
    "le": (_order("le", (-1, 0)), "aa"),
    "gt": (_order("gt", (1,)), "aa"),
    "ge": (_order("ge", (1, 0)), "aa"),
    "not": (lambda value: not truth(value), "a"),
    "len": (length, "a"),
    "index": (index, "a*"),
    "humanize": (humanize, "a"),
    "humanize1024": (humanize1024, "a"),
    "humanizeDuration": (humanize_duration, "a"),
    "humanizePercentage": (humanize_percentage, "a"),
    "humanizeTimestamp": (humanize_timestamp, "a"),
    "toTime": (to_time, "a"),
    "parseDuration": (_duration, "s"),
    "title": (title, "s"),
    "toUpper": (str.upper, "s"),
    "toLower": (str.lower, "s"),
    "match": (match, "ss"),
    "reReplaceAll": (replace_all, "sss"),
    "stripPort": (strip_port, "s"),
    "stripDomain": (strip_domain, "s"),
    "urlquery": (lambda *values: quote_plus(sprint(values), errors="replace"), "*"),
    "html": (lambda *values: html.escape(sprint(values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"), "*"),
    "safeHtml": (lambda text: text, "s"),
    "graphLink": (_graph(0), "s"),
    "tableLink": (_graph(1), "s"),
    "args": (lambda *values: {f"arg{position}": value for position, value in enumerate(values)}, "*"),
    **dict.fromkeys(("query", "first", "label", "value", "strvalue", "sortByLabel"), (_no_query, "*")),
}
#: These look at their arguments one by one, and stop early.
LAZY = ("and", "or")


def call(name: str, values: Sequence[Any]) -> Any:
    """What the function returns; Failed when the arguments are not what it takes."""
    function, kinds = FUNCTIONS[name]
    needed = kinds.rstrip("*")
    if len(values) < len(needed) or (len(values) > len(needed) and not kinds.endswith("*")):
        raise Failed(f"{name} takes {len(needed)} arguments; there are {len(values)}")
    for kind, value in zip(needed, values, strict=False):
        if kind == "s" and not isinstance(value, str):
            raise Failed(f"{name} takes a text, not a value of type {type_of(value)}")
    found = function(*values)
    return bounded(found) if isinstance(found, str) else found
