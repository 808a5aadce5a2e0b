"""How times, numbers and states are worded; everything here is pure."""

from datetime import datetime
from typing import Any

from markupsafe import Markup

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")
OPEN = ("ACTIVE", "ACKNOWLEDGED", "SUPPRESSED")
_LABELS_FIRST = ("service", "host", "instance", "application", "region")
_UNIT_OF_SUFFIX = {"usage": " %", "percent": " %", "seconds": " s", "ms": " ms"}
NONE = "\u2013"  # a dash, where there is nothing to say
_ACTORS = {"engine": "the rule engine"}


def parse_time(text: str | None) -> datetime | None:
    """The time that the API wrote."""
    return datetime.fromisoformat(text) if text else None


def duration(seconds: float | None) -> str:
    """A length of time in at most two units: "38 s", "3 min", "2 h 5 min", "4 d"; a dash when there is none."""
    if seconds is None:
        return NONE
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min" if minutes % 60 and hours < 10 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 and days < 3 else f"{days} d"


def ago(text: str | None) -> Markup:
    """How long ago the API's time was, as an element that the page fills and keeps fresh; the exact time is its title.

    It has no text of its own: HTML that says the same as before is left alone by the page.
    """
    at = parse_time(text)
    if at is None:
        return Markup("{}").format(NONE)
    return Markup('<time datetime="{}" title="{}" data-age></time>').format(text, exact(text))


def exact(text: str | None) -> str:
    """The API's time in full, UTC."""
    at = parse_time(text)
    return at.strftime("%d %b %Y, %H:%M:%S UTC") if at else NONE


def clock(text: str | None, now: datetime) -> str:
    """The API's time as short as it is still clear: the date only when it is another day."""
    at = parse_time(text)
    if at is None:
        return NONE
    return at.strftime("%H:%M:%S") if at.date() == now.date() else at.strftime("%d %b, %H:%M")


def number(value: float | None) -> str:
    """A measured value: four significant digits, thousands apart; a dash when there is none."""
    if value is None:
        return NONE
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.4g}"
    return f"{value:,.0f}" if abs(value) < 1e12 and abs(value) >= 1 else f"{value:.3g}"


def threshold(value: Any) -> str:
    """A threshold: a number, or two for a range; in a form it may still be any text."""
    if isinstance(value, list | tuple):
        return " to ".join(threshold(part) for part in value)
    return value if isinstance(value, str) else number(value)


def unit(metric: str | None) -> str:
    """The unit that a metric's name gives away, with a space before it."""
    return _UNIT_OF_SUFFIX.get((metric or "").rsplit(".", 1)[-1].rsplit("_", 1)[-1], "")


def word(constant: str) -> str:
    """CRITICAL -> "Critical", condition_cleared -> "Condition cleared"."""
    return constant.replace("_", " ").replace(".", " ").strip().capitalize()


def actor(name: str | None) -> str:
    """Who did something: "token:alice" -> "alice", "source:api" -> "source api"."""
    if not name:
        return NONE
    kind, _, rest = name.partition(":")
    if kind in {"token", "user"} and rest:
        return rest
    return _ACTORS.get(name, name.replace(":", " "))


def ordered_labels(alert: dict[str, Any]) -> list[tuple[str, str]]:
    """An alert's labels, those that say where it is first; without the name, which is shown anyway."""
    labels = {key: str(value) for key, value in (alert.get("labels") or {}).items() if key != "alertname"}
    if alert.get("service"):
        labels.setdefault("service", str(alert["service"]))
    first = [(key, labels.pop(key)) for key in _LABELS_FIRST if key in labels]
    return first + sorted(labels.items())


def joined(parts: list[Markup] | list[str]) -> Markup:
    """Pieces of HTML one after the other; plain text among them is escaped."""
    return Markup("").join(parts)
