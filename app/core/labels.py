"""Labels: fingerprints that identify a thing by them, and matchers that select by them."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import orjson
import re2

Labels = Mapping[str, str]

MAX_NAME = 128
MAX_VALUE = 1024
MAX_LABELS = 64
MAX_MATCHER = 4096  # holds the longest name and value, every character of them escaped
_PLAIN = re.compile(r'[^\s=!~{}",]+')
_MATCHER = re.compile(r'\s*(?P<name>[^\s=!~{}",]+|"(?:[^"\\]|\\.)+")\s*(?P<op>=~|!~|!=|=)(?P<value>.*)', re.DOTALL)


class Op(StrEnum):
    """How a matcher compares."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"


@dataclass(frozen=True)
class Matcher:
    """`name op value`; a missing label counts as the empty text. Patterns are RE2, anchored on both sides."""

    name: str
    op: Op
    value: str
    _pattern: "re2._Regexp | None" = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.op in (Op.MATCHES, Op.NOT_MATCHES):
            object.__setattr__(self, "_pattern", compile_pattern(self.value))

    def matches(self, labels: Labels) -> bool:
        """Whether `labels` satisfy this matcher."""
        actual = labels.get(self.name, "")
        if self._pattern is None:
            return (actual == self.value) == (self.op is Op.EQUAL)
        return (self._pattern.fullmatch(actual) is not None) == (self.op is Op.MATCHES)

    def __str__(self) -> str:
        name = self.name if _PLAIN.fullmatch(self.name) else _quoted(self.name)
        return f"{name}{self.op}{_quoted(self.value)}"


def compile_pattern(text: str) -> "re2._Regexp":
    """The regular expression (RE2: no input makes it slow); ValueError with the reason when it is none."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise ValueError(f'"{text}" is no regular expression (RE2): {_reason(error)}') from None


def parse_matcher(text: str) -> Matcher:
    """The matcher that a text like `host=~"web.*"` names; ValueError with the mend when it names none."""
    if len(text) > MAX_MATCHER:
        raise ValueError(f"a matcher has at most {MAX_MATCHER} characters; there are {len(text)}")
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is no matcher; use name="value" with =, !=, =~ or !~')
    return Matcher(_unquoted(found["name"]), Op(found["op"]), _unquoted(found["value"].strip()))


def matches_all(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether `labels` satisfy every matcher (true for none)."""
    return all(matcher.matches(labels) for matcher in matchers)


def fingerprint(namespace: str, labels: Labels, volatile: Iterable[str] = ()) -> str:
    """64 hexadecimal digits: SHA-256 of canonical JSON of [namespace, sorted label pairs without the volatile ones]."""
    skipped = set(volatile)
    pairs = sorted((name, value) for name, value in labels.items() if name not in skipped and value != "")
    return hashlib.sha256(orjson.dumps([namespace, pairs])).hexdigest()


def label_problems(labels: object) -> dict[str, list[str]]:
    """What is wrong with labels that came in, by label name; empty when nothing is."""
    if not isinstance(labels, Mapping):
        return {"": ["use an object of texts"]}
    problems: dict[str, list[str]] = {}
    if len(labels) > MAX_LABELS:
        problems[""] = [f"at most {MAX_LABELS} labels; there are {len(labels)}"]
    for name, value in labels.items():
        if not isinstance(name, str) or not name or len(name) > MAX_NAME:
            problems[str(name)[:MAX_NAME]] = [f"a label name has 1 to {MAX_NAME} characters"]
        elif not isinstance(value, str):
            problems[name] = ["a label value is a text"]
        elif len(value) > MAX_VALUE:
            problems[name] = [f"a label value has at most {MAX_VALUE} characters"]
    return problems


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        # Only these three are escapes; any other backslash belongs to a regular expression.
        return re.sub(r'\\([\\"n])', lambda found: "\n" if found[1] == "n" else found[1], text[1:-1])
    return text


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode() if isinstance(reason, bytes) else str(reason)
