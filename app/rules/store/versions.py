"""Versions of rules: rows are only ever added."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import among, insert_many
from app.rules.domain.rule import Rule
from app.rules.store.rows import RULE_VERSIONS
from app.rules.store.rules import rule_of

_PARAMETERS = 500  # SQLite bounds those of a statement


@dataclass(frozen=True)
class Version:
    """What a rule said from then on; `change` tells what became of it (see domain.rule.Change), or created, deleted."""

    rule: Rule
    change: str
    actor: str
    at: datetime


def add_versions(session: Session, versions: list[tuple[str, int, str, str]], actor: str, at: datetime) -> None:
    """Add versions, each (rule id, version, definition, change)."""
    names = ("rule_id", "version", "definition", "change")
    rows = [{**dict(zip(names, one, strict=True)), "actor": actor, "at": at} for one in versions]
    insert_many(session, RULE_VERSIONS, rows)


def last_versions(session: Session, rule_ids: Sequence[str]) -> dict[str, int]:
    """The numbers of the rules' last versions, by id; a rule that there never was is left out."""
    found: dict[str, int] = {}
    for start in range(0, len(rule_ids), _PARAMETERS):
        chosen = among(session, RULE_VERSIONS.c.rule_id, rule_ids[start : start + _PARAMETERS])
        last = sa.select(RULE_VERSIONS.c.rule_id, sa.func.max(RULE_VERSIONS.c.version)).where(chosen)
        found.update((rule_id, number) for rule_id, number in session.execute(last.group_by(RULE_VERSIONS.c.rule_id)))
    return found


def versions_of(session: Session, rule_id: str) -> list[Version]:
    """The versions of a rule, newest first; a definition that cannot be read any more is left out."""
    rows = session.execute(
        sa.select(RULE_VERSIONS).where(RULE_VERSIONS.c.rule_id == rule_id).order_by(RULE_VERSIONS.c.version.desc())
    )
    found = []
    for row in rows:
        try:
            found.append(Version(rule_of(row.rule_id, row.version, row.definition), row.change, row.actor, row.at))
        except ValueError:
            continue
    return found
