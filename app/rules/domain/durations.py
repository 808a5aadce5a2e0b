"""Durations as Prometheus writes them: `1h30m`, `1y`, `0`, largest unit first."""

import re
from datetime import timedelta

_UNITS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_WHOLE = re.compile("".join(rf"(?:([0-9]{{1,15}}){unit})?" for unit in _UNITS))


def parse_prometheus_duration(text: str) -> timedelta:
    """The timedelta that the text names; ValueError with the mend when it names none."""
    found = _WHOLE.fullmatch(text)
    if text == "0":
        return timedelta(0)
    if found is None or not text:
        raise ValueError(f'"{text[:50]}" is no duration; use one like 30s, 5m, 1h30m or 2d')
    total = sum(int(number or 0) * size for number, size in zip(found.groups(), _UNITS.values(), strict=True))
    try:
        return timedelta(milliseconds=total)
    except OverflowError:
        raise ValueError(f'"{text[:50]}" is too long a duration; use one of at most 366d') from None
