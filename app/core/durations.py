"""Durations as people write them: "90s", "5m", "1h30m", "7d", or seconds as a number."""

import re
from datetime import timedelta

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_LONGEST = timedelta(days=3660)


def parse_duration(value: object) -> timedelta:
    """The timedelta that `value` names; ValueError with the mend when it names none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError('use a duration like "90s", "5m", "1h30m" or seconds as a number')
    if isinstance(value, str):
        text = value.strip().lower()
        if _WHOLE.fullmatch(text):
            seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
        else:
            try:
                seconds = float(text)
            except ValueError:
                raise ValueError(f'"{value}" is no duration; use "90s", "5m", "1h30m", "7d" or seconds') from None
    else:
        seconds = float(value)
    if not 0 <= seconds <= _LONGEST.total_seconds():  # false for NaN as well
        raise ValueError("a duration lies between 0 and ten years")
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """The shortest such text: timedelta(seconds=5400) is "1h30m"."""
    milliseconds = round(value.total_seconds() * 1000)
    if milliseconds == 0:
        return "0s"
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        size = round(_UNITS[unit] * 1000)
        count, milliseconds = divmod(milliseconds, size)
        if count:
            text += f"{count}{unit}"
    return text
