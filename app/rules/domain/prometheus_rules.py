"""Prometheus' rule files: every alerting rule becomes a rule that asks a Prometheus server the same."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from app.core.severity import Severity, parse_severity
from app.rules.domain.durations import parse_prometheus_duration
from app.rules.domain.imported import Found, Imported, Note, Place, Skipped, stable_id
from app.rules.domain.promql import check_query
from app.rules.domain.rule import Definition, Source
from app.rules.domain.templates import parse_template

_MAX_NAME_SHOWN = 200
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(days=1)
_LABEL_NAME = re.compile(r"[^\s{}\"=,]{1,128}")


def read_groups(document: object, datasource: str | None = None) -> Imported:
    """The alerting rules of a decoded rule file, and of a Kubernetes object PrometheusRule.

    Whatever the document is, nothing raises: what cannot be used is skipped with a reason. `datasource` names the
    server that is asked.
    """
    groups = _groups(document)
    if isinstance(groups, str):
        return Imported(skipped=(Skipped(Place(0), groups),))
    rules: list[Found] = []
    skipped: list[Skipped] = []
    notes: list[Note] = []
    seen: dict[tuple[Any, ...], int] = {}
    taken: set[str] = set()
    for place, group, rule in _each(groups):
        try:
            definition, severity_label, severity_note = _definition(group, rule, datasource)
            key = (definition.name, definition.query, *sorted(definition.alert_labels.items()), definition.severity)
            if key in seen:
                raise ValueError(f"the same alert, query and labels stand at index {seen[key]}; remove one of them")
        except ValueError as error:
            skipped.append(Skipped(place, str(error)))
            continue
        seen[key] = place.index
        rule_id = stable_id((place.group, definition.name), taken)
        taken.add(rule_id)
        rules.append(Found(rule_id, place, definition, severity_label))
        if severity_note:
            notes.append(Note(rule_id, "severity", severity_note))
        notes += [Note(rule_id, "interval", text) for text in _not_taken_over(group)]
    return Imported(tuple(rules), tuple(skipped), tuple(notes))


def _groups(document: object) -> list[Any] | str:
    """The file's groups, or why there are none."""
    if isinstance(document, Mapping) and isinstance(document.get("spec"), Mapping):
        document = document["spec"]
    groups = document.get("groups") if isinstance(document, Mapping) else None
    if groups is None or groups == "":
        return "this is no rule file of Prometheus; it begins with groups:"
    return groups if isinstance(groups, list) else "groups is a list, like groups: [{name: example, rules: [...]}]"


def _each(groups: list[Any]) -> Iterator[tuple[Place, Mapping[Any, Any], Any]]:
    """Every rule with its place and its group; for a group that cannot be read, one thing that is no rule."""
    index = 0
    for group in groups:
        name = _text(group.get("name")) if isinstance(group, Mapping) else None
        rules = group.get("rules") if isinstance(group, Mapping) else None
        if rules is None or rules == "":
            rules = [] if name else [group]
        for rule in rules if isinstance(rules, list) else [rules]:
            alert = _text(rule.get("alert") or rule.get("record")) if isinstance(rule, Mapping) else None
            place = Place(index, (name or "")[:_MAX_NAME_SHOWN], (alert or "")[:_MAX_NAME_SHOWN])
            yield place, group if isinstance(group, Mapping) else {}, rule
            index += 1


def _definition(
    group: Mapping[Any, Any], rule: object, datasource: str | None
) -> tuple[Definition, str | None, str | None]:
    """The rule, the label that became its severity, and what there is to say of that; ValueError with the mend."""
    if not _text(group.get("name")):
        raise ValueError("the group has no name; write name: and then its rules")
    if not isinstance(rule, Mapping):
        raise ValueError("a rule is an object with alert and expr")
    if "record" in rule:
        raise ValueError("a recording rule makes series for Prometheus itself; leave it there")
    name, query = _text(rule.get("alert")), _text(rule.get("expr"))
    if not name:
        raise ValueError("the rule has no name; write alert: NAME")
    if not query or not query.strip():
        raise ValueError("the rule has no query; write expr: and PromQL")
    try:
        check_query(query)
    except ValueError as error:
        raise ValueError(f"expr: {error}") from None
    labels = {**_texts(group, "labels"), **_texts(rule, "labels")}
    annotations = _texts(rule, "annotations")
    written = labels.get("severity")
    severity, note = _severity(labels)
    service, url = labels.get("service", ""), annotations.get("runbook_url", "")
    plain = (text for text in (annotations.get("description", ""), annotations.get("summary", "")) if _is_plain(text))
    definition = Definition(
        name=name,
        severity=severity,
        source=Source.PROMETHEUS,
        query=query,
        datasource=datasource,
        description=next(plain, ""),
        pending_for=_span(rule, "for") or timedelta(0),
        keep_firing_for=_span(rule, "keep_firing_for") or timedelta(0),
        interval=_interval(group),
        service=service if _is_plain(service) and len(service) <= 200 else None,
        runbook_url=url if _is_link(url) else None,
        alert_labels=labels,
        annotations=annotations,
    )
    return definition, None if note else written, note


def _severity(labels: dict[str, str]) -> tuple[Severity, str | None]:
    """The severity that the labels name, which is taken out of them, or an assumed one and a note on that."""
    text = labels.get("severity", "")
    try:
        severity = parse_severity(text)
    except ValueError as error:
        if not text:
            return Severity.MEDIUM, "the rule names no severity, so MEDIUM is assumed; set one"
        kind = "is a template" if "{{" in text else "is none of ours"
        return Severity.MEDIUM, f'the label severity "{text[:50]}" {kind}, so MEDIUM is assumed; {error}'
    del labels["severity"]
    return severity, None


def _texts(owner: Mapping[Any, Any], field: str) -> dict[str, str]:
    """Names to templates."""
    found = owner.get(field)
    if found is None or found == "":
        return {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{field}: use an object of names and texts")
    texts: dict[str, str] = {}
    for name, value in found.items():
        text = _text(value)
        if not isinstance(name, str) or not _LABEL_NAME.fullmatch(name):
            raise ValueError(f"{field}: {str(name)[:50]!r} is no name; use letters, digits and _")
        if text is None:
            raise ValueError(f"{field}.{name}: use a text")
        try:
            parse_template(text)
        except ValueError as error:
            raise ValueError(f"{field}.{name}: {error}") from None
        texts[name] = text
    return texts


def _span(owner: Mapping[Any, Any], field: str) -> timedelta | None:
    found = owner.get(field)
    if found is None or found == "":
        return None
    text = _text(found)
    if text is None:
        raise ValueError(f"{field}: use a duration like 5m")
    try:
        return parse_prometheus_duration(text)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _interval(group: Mapping[Any, Any]) -> timedelta | None:
    interval = _span(group, "interval") or None
    if interval is not None and not _SHORTEST <= interval <= _LONGEST:
        raise ValueError("interval: use a duration from 1s to 1d in the group")
    return interval


def _not_taken_over(group: Mapping[Any, Any]) -> Iterator[str]:
    if _text(group.get("limit")) not in (None, "", "0"):
        yield "the group's limit is not taken over; every alert of the rule is kept"
    if _text(group.get("query_offset")) not in (None, "", "0", "0s"):
        yield "the group's query_offset is not taken over; write offset into the query"


def _text(value: object) -> str | None:
    """A scalar as a text; None for anything else. YAML and JSON write some texts as numbers or truth values."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def _is_plain(text: str) -> bool:
    return bool(text.strip()) and "{{" not in text


def _is_link(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return _is_plain(text) and parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)
