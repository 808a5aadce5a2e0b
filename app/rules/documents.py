"""Texts of rules that people keep in files, as values: JSON and YAML, bounded in size, and YAML written again."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import yaml

from app.core.errors import Invalid, Malformed
from app.core.http import MAX_DEPTH

JSON_TYPES = ("application/json",)
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml", "text/plain")
_MAX_NODES = 300_000
_MERGE = ("tag:yaml.org,2002:merge", re.compile(r"<<"), "<")
_CORE = (
    ("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|"), "~nN\0"),
    ("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})"), "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?"),
        "-+.0123456789",
    ),
)


def _resolvers(*known: tuple[str, re.Pattern[str], str]) -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    found: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, firsts in known:
        for first in firsts:
            # An empty scalar has no first character; the library looks it up under the empty text.
            whole = re.compile(rf"(?:{pattern.pattern})\Z")
            found.setdefault("" if first == "\0" else first, []).append((tag, whole))
    return found


class _Typed(yaml.CSafeLoader):
    """YAML 1.2: yes, no, on, off and dates are texts."""

    yaml_implicit_resolvers = _resolvers(_MERGE, *_CORE)


class _Texts(yaml.CSafeLoader):
    """Every scalar is the text that was written, as Prometheus reads its files: 1.10 stays 1.10."""

    yaml_implicit_resolvers = _resolvers(_MERGE)


class _Writer(yaml.CSafeDumper):
    """Quotes what either version of YAML would take for something else than a text."""

    yaml_implicit_resolvers = {
        first: [
            *yaml.CSafeDumper.yaml_implicit_resolvers.get(first, []),
            *_Typed.yaml_implicit_resolvers.get(first, []),
        ]
        for first in {*yaml.CSafeDumper.yaml_implicit_resolvers, *_Typed.yaml_implicit_resolvers}
    }


def read_document(raw: bytes, *, is_yaml: bool, typed: bool = True) -> Any:
    """What a text of JSON or YAML says; Malformed when it cannot be read, Invalid for what cannot be stored.

    Without `typed`, every scalar of YAML is a text.
    """
    try:
        if is_yaml:
            text = raw.decode()
            _check_size(text)
            value = yaml.load(text, Loader=_Typed if typed else _Texts)  # noqa: S506 - both are safe loaders
        else:
            value = orjson.loads(raw)
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is no UTF-8 text: {error.reason} at byte {error.start}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        kind = "YAML" if is_yaml else "JSON"
        raise Malformed(f"the body is no {kind}: {' '.join(str(error).split())[:300]}") from None
    _check_values(value)
    return value


def written_yaml(value: object) -> str:
    """The value as YAML that read_document reads back unchanged."""
    text: str = yaml.dump(value, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120)
    return text


def _check_size(text: str) -> None:
    """Refuse aliases that unfold beyond reason, and nesting that is too deep, before anything is built."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"the alias *{event.anchor} stands within its own anchor or before it; write it out")
            total += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            total += 1
            open_nodes.append((event.anchor, total))
            if len(open_nodes) > MAX_DEPTH:
                raise ValueError(f"the body nests deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - before + 1
        if total > _MAX_NODES:
            raise ValueError(f"the body holds more than {_MAX_NODES} values, aliases unfolded; send it in parts")


def _check_values(value: object) -> None:
    """Refuse what JSON does not know, what nests too deep, and characters that cannot be stored."""
    for depth, one in _walk(value):
        if depth > MAX_DEPTH:
            raise Invalid({"": [f"the body nests deeper than {MAX_DEPTH} levels"]})
        if isinstance(one, str):
            if "\x00" in one or any("\ud800" <= letter <= "\udfff" for letter in one):
                raise Invalid({"": ["the character U+0000 and halves of surrogate pairs cannot be stored"]})
        elif not isinstance(one, dict | list | int | float | None):
            raise Invalid({"": [f"a value of type {type(one).__name__} is neither text nor number; put it in quotes"]})


def _walk(value: object) -> Iterator[tuple[int, object]]:
    """Every value with its depth, keys included."""
    waiting = [(0, value)]
    while waiting:
        depth, one = waiting.pop()
        yield depth, one
        if isinstance(one, dict):
            waiting += [(depth, key) for key in one]
            waiting += [(depth + 1, inner) for inner in one.values()]
        elif isinstance(one, list):
            waiting += [(depth + 1, inner) for inner in one]
