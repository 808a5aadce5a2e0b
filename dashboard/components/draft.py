"""A rule as a form holds it: texts and choices, and the way from a rule to them and back; everything here is pure."""

import json
import re
from collections.abc import Mapping
from typing import Any

from dashboard.components.rule_wording import RANGES, selector_texts

Draft = dict[str, Any]
EACH, ALL, BY = "each", "all", "by"
_TEXTS = ("name", "description", "metric", "pattern", "type", "query", "service", "runbook_url", "escalation_policy")
_DURATIONS = ("evaluation_window", "for", "keep_firing_for", "season", "interval")
_NAMES = ("notification_channels", "suppression_rules")
_ONE_SIDED = frozenset({"greater_than", "greater_or_equal", "less_than", "less_or_equal"})
_OF_SOURCE = {
    "metric": ("metric",),
    "log": ("pattern", "level"),
    "event": ("type",),
    "prometheus": ("query", "datasource"),
}
_BLANK: dict[str, Any] = {
    "severity": "HIGH",
    "source": "metric",
    "operator": "greater_than",
    "aggregation": "avg",
    "no_data": "keep",
    "correlation": "allow",
    "evaluation_window": "5m",
    "for": "0s",
    "keep_firing_for": "0s",
    "min_samples": 1,
    "enabled": True,
}


def draft_of(rule: Mapping[str, Any]) -> Draft:
    """The form of a rule; what the rule does not say is blank or the default."""
    # No operator is a choice, that of a query whose every result is firing; other nulls are what was left out.
    rule = {**_BLANK, **{name: value for name, value in rule.items() if value is not None or name == "operator"}}
    limit, group_by = rule.get("threshold"), rule.get("group_by")
    low, high = limit if isinstance(limit, list | tuple) and len(limit) == 2 else (None, None)
    return {
        **{name: str(rule.get(name) or "") for name in (*_TEXTS, *_DURATIONS)},
        **{name: list(rule.get(name) or []) for name in _NAMES},
        **{name: rule[name] for name in ("severity", "source", "aggregation", "no_data", "correlation", "enabled")},
        "id": "",
        "operator": rule["operator"],
        "threshold": number_text(limit) if low is None else "",
        "low": number_text(low),
        "high": number_text(high),
        "resolve_threshold": number_text(rule.get("resolve_threshold")),
        "min_samples": str(rule["min_samples"]),
        "level": rule.get("level"),
        "datasource": rule.get("datasource"),
        "labels": selector_texts(rule.get("labels")),
        "grouping": EACH if group_by is None else BY if group_by else ALL,
        "group_by": list(group_by or []),
        "annotations": pairs_text(rule.get("annotations") or {}),
        "alert_labels": pairs_text(rule.get("alert_labels") or {}),
    }


def body_of(draft: Mapping[str, Any], original: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The definition that a form holds, as the API takes it; fields of other sources and operators are emptied.

    What cannot be read as a number stays the text that it is, so that the API says at which field. What was not touched
    stays as `original` has it: another writing of the same labels would be another condition.
    """
    source, operator = draft["source"], draft["operator"] or None
    own = _OF_SOURCE[source]
    body: dict[str, Any] = {
        **{name: draft[name].strip() for name in ("name", "description")},
        **{name: draft[name] for name in ("severity", "source", "aggregation", "no_data", "correlation", "enabled")},
        **{name: _text_or_none(draft[name]) for name in ("service", "runbook_url", "escalation_policy", "interval")},
        **{name: list(draft[name]) for name in _NAMES},
        **{
            name: _text_or_none(draft[name]) if name in own else None for names in _OF_SOURCE.values() for name in names
        },
        "metric": (draft["metric"] or "").strip() if source == "metric" else "",
        "operator": operator,
        "threshold": _threshold(draft),
        "resolve_threshold": number_of(draft["resolve_threshold"]) if operator in _ONE_SIDED else None,
        "season": _text_or_none(draft["season"]) if operator == "anomaly" else None,
        "evaluation_window": draft["evaluation_window"].strip() or "5m",
        "for": draft["for"].strip() or "0s",
        "keep_firing_for": draft["keep_firing_for"].strip() or "0s",
        "min_samples": _whole(draft["min_samples"]),
        "labels": {} if source == "prometheus" else _labels(draft["labels"], original),
        "group_by": None if source == "prometheus" else _group_by(draft),
        **{name: _pairs(draft[name], (original or {}).get(name)) for name in ("annotations", "alert_labels")},
    }
    if not original and draft["id"].strip():
        body["id"] = draft["id"].strip()
    return body


def changes(body: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    """What of a body differs from the rule as it is stored."""
    return {name: value for name, value in body.items() if value != rule.get(name)}


def number_text(value: Any) -> str:
    """A number as one would type it: 90, 0.5; "" when there is none."""
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def number_of(text: str) -> float | str | None:
    """The number that was typed; None when nothing was, the text itself when it is no number."""
    text = text.strip().replace("\N{MINUS SIGN}", "-")
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def pairs_text(pairs: Mapping[str, Any]) -> str:
    """Names and texts as lines "name: text"; a text that has lines itself is quoted as in JSON."""
    return "\n".join(f"{name}: {_one_line(str(text))}" for name, text in pairs.items())


def pairs_of(text: str) -> dict[str, str]:
    """The names and texts in such lines; a line without a colon is a name without a text."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        name, _, rest = line.partition(":")
        if name.strip():
            found[name.strip()] = _unquoted(rest.strip())
    return found


def _threshold(draft: Mapping[str, Any]) -> Any:
    operator = draft["operator"]
    if not operator or operator == "absent":
        return None
    if operator in RANGES:
        pair = [number_of(draft["low"]), number_of(draft["high"])]
        return None if pair == [None, None] else pair
    return number_of(draft["threshold"])


def _labels(texts: list[str], original: Mapping[str, Any] | None) -> Any:
    if original is not None and texts == selector_texts(original.get("labels")):
        return original.get("labels")
    return list(texts)


def _pairs(text: str, original: Mapping[str, str] | None) -> Mapping[str, str]:
    return original if original and text == pairs_text(original) else pairs_of(text)


def _group_by(draft: Mapping[str, Any]) -> list[str] | None:
    return None if draft["grouping"] == EACH else list(draft["group_by"]) if draft["grouping"] == BY else []


def _whole(text: str) -> int | str:
    text = text.strip()
    return int(text) if re.fullmatch(r"\d{1,9}", text) else text or 1


def _text_or_none(text: str | None) -> str | None:
    return (text or "").strip() or None


def _one_line(text: str) -> str:
    return json.dumps(text) if text != text.strip() or not text.isprintable() or text[:1] == '"' else text


def _unquoted(text: str) -> str:
    if text[:1] == '"':
        try:
            found = json.loads(text)
        except ValueError:
            return text
        return found if isinstance(found, str) else text
    return text
