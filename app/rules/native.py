"""Rules in our own format, as files hold them: read one by one, and written so that reading changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import marshmallow as ma

from app.core.errors import Invalid
from app.rules.domain.imported import Found, Imported, Place, Skipped, stable_id
from app.rules.domain.rule import RESERVED_IDS, Aggregation, Definition, Rule, Source
from app.rules.schemas.definition import RuleFields, RuleIn
from app.rules.schemas.shown import RuleOut

_in, _fields = RuleIn(), RuleFields()
#: What a rule shows and nobody sets; a file that was made of what the API shows may hold it.
_SHOWN_ONLY = frozenset(RuleOut().fields) - frozenset(RuleIn().fields)
_DEFAULTS = {one.name: getattr(Definition(name="", severity=None), one.name) for one in fields(Definition)}  # type: ignore[arg-type]
_ALWAYS = frozenset({"name", "severity"})


def read_rules(document: object) -> Imported:
    """The rules of `{"rules": [...]}` or of a list; one that cannot be used is skipped with the reason.

    Invalid when the document is neither. A rule without an id gets one that follows from its name.
    """
    items = document.get("rules") if isinstance(document, Mapping) else document
    if not isinstance(items, list):
        raise Invalid({"rules": ['send an object like {"rules": [...]}, or a list of rules']})
    rules: list[Found] = []
    skipped: list[Skipped] = []
    taken = {item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)}
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        name = item.get("name") if isinstance(item, dict) else None
        place = Place(index, "", name[:200] if isinstance(name, str) else "")
        try:
            rule_id, definition = _rule(item)
        except ma.ValidationError as error:
            skipped.append(Skipped(place, told(error.messages)))
            continue
        if rule_id is None:
            rule_id = stable_id((definition.name,), taken)
            taken.add(rule_id)
        if rule_id in seen or rule_id in RESERVED_IDS:
            where = f"stands at index {seen[rule_id]} as well" if rule_id in seen else "is a word of the API itself"
            skipped.append(Skipped(place, f"id: {rule_id} {where}; use another id"))
            continue
        seen[rule_id] = index
        rules.append(Found(rule_id, place, definition))
    return Imported(tuple(rules), tuple(skipped))


def _rule(item: object) -> tuple[str | None, Definition]:
    body: Any = item
    if isinstance(item, Mapping):
        body = {name: value for name, value in item.items() if name not in _SHOWN_ONLY}
        if not all(isinstance(name, str) for name in body):
            raise ma.ValidationError({"": ["names of fields are texts; put them in quotes"]})
    loaded = _in.load(body)
    rule_id = loaded.pop("id")
    return rule_id, Definition(**loaded)


def shape_reason(definition: Definition) -> str | None:
    """What of a rule that came from elsewhere lies outside of the limits of our format; None when nothing does."""
    found = _fields.validate(_fields.dump(definition))
    return told(found) if found else None


def exported(rule: Rule) -> dict[str, Any]:
    """The rule's body; what has its default stays away."""
    shown: dict[str, Any] = _fields.dump(rule)
    body: dict[str, Any] = {"id": rule.id}
    for name, field in _fields.fields.items():
        counted = name == "aggregation" and rule.source in (Source.LOG, Source.EVENT)
        default = Aggregation.COUNT if counted else _DEFAULTS[name]
        if name in _ALWAYS or getattr(rule, name) != default:
            body[field.data_key or name] = shown[field.data_key or name]
    return body


def told(messages: object, path: str = "") -> str:
    """The messages of a schema as one text, each with its field."""
    if isinstance(messages, Mapping):
        items: Iterable[tuple[object, object]] = messages.items()
        parts = [told(inner, f"{path}.{name}".strip(".") if name != "_schema" else path) for name, inner in items]
        return "; ".join(parts)
    text = " ".join(map(str, messages)) if isinstance(messages, list | tuple) else str(messages)
    return f"{path}: {text}" if path else text
