"""What an import found: rules with their ids, what was left out and why, and notes on what was assumed."""

import re
import zlib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from app.core.ids import is_slug
from app.rules.domain.rule import RESERVED_IDS, Definition

MAX_ID = 64
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Place:
    """Where in what came in: the rule's index over all groups, its group and its name, as far as they are known."""

    index: int
    group: str = ""
    name: str = ""


@dataclass(frozen=True)
class Found:
    """A rule that can be used; `severity_label` is the label that became its severity, as it was written."""

    id: str
    place: Place
    definition: Definition
    severity_label: str | None = None


@dataclass(frozen=True)
class Skipped:
    """A rule that cannot be used; the reason tells the mend."""

    place: Place
    reason: str


@dataclass(frozen=True)
class Note:
    """What was assumed of a rule, or of it was left out."""

    id: str
    field: str
    message: str


@dataclass(frozen=True)
class Imported:
    """What an import found."""

    rules: tuple[Found, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[Note, ...] = ()


def stable_id(words: tuple[str, ...], taken: AbstractSet[str] = frozenset()) -> str:
    """An id out of words, the same whenever they are; -2, -3 and so on follow where it is taken.

    A long one is cut, the last word least, and told from its like by a checksum of the words.
    """
    *before, last = (_BETWEEN.sub("-", _CAMEL.sub("-", word).lower()).strip("-") for word in words)
    slug = "-".join(filter(None, (*before, last)))
    checksum = f"{zlib.crc32(chr(0).join(words).encode(errors='replace')):08x}"
    if len(slug) > MAX_ID - 5:  # leaves room for -9999
        last = last[:40].strip("-")
        first = "-".join(filter(None, before))[: MAX_ID - 16 - len(last)].strip("-")
        slug = "-".join(filter(None, (first, last, checksum)))
    slug = slug or f"rule-{checksum}"
    found, number = slug, 1
    while found in taken or found in RESERVED_IDS:
        number += 1
        found = f"{slug}-{number}"
    assert is_slug(found)
    return found
