"""What a rule watches, in words; everything here is pure."""

import re
from collections.abc import Mapping
from typing import Any

from dashboard.components.wording import NONE, threshold, unit

Rule = Mapping[str, Any]
CONDITIONS = {
    "greater_than": "above",
    "greater_or_equal": "at or above",
    "less_than": "below",
    "less_or_equal": "at or below",
    "equal": "equal to",
    "not_equal": "other than",
    "outside_range": "outside",
    "inside_range": "inside",
    "absent": "missing",
    "anomaly": "unusual",
}
RANGES = frozenset({"outside_range", "inside_range"})
HEALTHS = {
    "ok": "Ok",
    "no_data": "No data",
    "error": "Error",
    "late": "Late",
    "pending": "Pending",
    "off": "Off",
}
SOURCES = {"metric": "Metric", "log": "Log entries", "event": "Events", "prometheus": "Prometheus"}
AGGREGATIONS = {
    "avg": "average",
    "min": "lowest",
    "max": "highest",
    "sum": "sum",
    "last": "last value",
    "count": "number of samples",
    "rate": "rate per second",
    "delta": "growth",
    "stddev": "standard deviation",
    "p50": "median (p50)",
    "p95": "95th percentile (p95)",
    "p99": "99th percentile (p99)",
}
_PLAIN = re.compile(r'[^\s=!~{}",]+')
_WITH_UNIT = frozenset({"avg", "min", "max", "last", "stddev", "p50", "p95", "p99", "delta"})


def health_of(rule: Rule) -> str:
    """The health of a rule, `off` for one that is switched off."""
    return str(rule.get("health") or "pending") if rule.get("enabled", True) else "off"


def unit_of(rule: Rule) -> str:
    """The unit of the value that a rule compares, with a space before it."""
    aggregation = rule.get("aggregation") or "avg"
    if aggregation == "rate":
        return " /s"
    return unit(rule.get("metric")) if aggregation in _WITH_UNIT else ""


def watched(rule: Rule) -> str:
    """The condition of a rule: "avg of system.cpu.usage over 30s above 90 %"."""
    what, operator = _subject(rule), rule.get("operator")
    window = rule.get("evaluation_window") or "5m"
    if operator == "absent":
        return f"no {_entries(rule)} for {window}"
    if rule.get("source") == "prometheus":
        return f"{what} {_compared(rule)}" if operator else f"{what} returns anything"
    if operator == "anomaly":
        season = f" by its season of {rule['season']}" if rule.get("season") else ""
        return f"{what} over {window} unusual{season}, z-score above {threshold(rule.get('threshold'))}"
    return f"{what} over {window} {_compared(rule)}"


def conditions(rule: Rule) -> str:
    """The whole of a rule in one sentence, with the times that it waits."""
    parts = [watched(rule)]
    if (pending_for := str(rule.get("for") or "0s")) != "0s":
        parts.append(f"for {pending_for}")
    if rule.get("resolve_threshold") is not None:
        parts.append(f"until it is back at {threshold(rule['resolve_threshold'])}{unit_of(rule)}")
    if (kept := str(rule.get("keep_firing_for") or "0s")) != "0s":
        parts.append(f"and {kept} longer")
    return ", ".join(parts)


def selector_texts(selector: Any) -> list[str]:
    """A selector as matchers, whichever way it was written: ['host="web-1"']."""
    if isinstance(selector, Mapping):
        return [_matcher_of_pair(str(name), str(value)) for name, value in selector.items()]
    return [str(one) for one in selector or ()]


def matcher(name: str, operator: str, value: str) -> str:
    """A matcher as the API reads it: `host="web-1"`."""
    shown = name if _PLAIN.fullmatch(name) else f'"{_quoted(name)}"'
    return f'{shown}{operator}"{_quoted(value)}"'


def labels_text(labels: Mapping[str, Any]) -> str:
    """Labels in one line: "host web-1, mountpoint /"."""
    return ", ".join(f"{name} {value}" for name, value in labels.items()) or "the whole"


def times(n: int) -> str:
    """How often: "never", "once", "7 times"."""
    return "never" if n == 0 else "once" if n == 1 else f"{n:,} times"


def counted(n: int, noun: str) -> str:
    """A number with its noun: "1 alert", "3 alerts"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _matcher_of_pair(name: str, value: str) -> str:
    for operator in ("=~", "!~", "!="):
        if value.startswith(operator):
            rest = value.removeprefix(operator)
            # A quoted value stays as it is: quoting it again would make the quotes part of it.
            return f"{name}{operator}{rest}" if rest.startswith('"') else matcher(name, operator, rest)
    return matcher(name, "=", value)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _subject(rule: Rule) -> str:
    if rule.get("source") == "prometheus":
        return str(rule.get("query") or NONE)
    aggregation = str(rule.get("aggregation") or "avg")
    return f"{aggregation} of {_entries(rule)}"


def _entries(rule: Rule) -> str:
    source, selector = rule.get("source") or "metric", ", ".join(selector_texts(rule.get("labels")))
    where = f"{{{selector}}}" if selector else ""
    if source == "log":
        level = f" of level {rule['level']} and worse" if rule.get("level") else ""
        pattern = f" that match {rule['pattern']}" if rule.get("pattern") else ""
        return f"log entries{where}{level}{pattern}"
    if source == "event":
        return f"events {rule.get('type') or NONE}{where}"
    return f"{rule.get('metric') or NONE}{where}"


def _compared(rule: Rule) -> str:
    operator = str(rule.get("operator") or "")
    return f"{CONDITIONS.get(operator, operator)} {threshold(rule.get('threshold'))}{unit_of(rule)}"
