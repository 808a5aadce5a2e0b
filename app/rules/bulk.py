"""Many rules at once: what an import would change, and the change itself."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from app.core import queue
from app.core.db import among, insert_many
from app.rules import service, store
from app.rules.domain.rule import Definition, Rule
from app.settings import Settings

log = structlog.get_logger(__name__)


class Put(StrEnum):
    """What becomes of a rule that is put under an id."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def planned(session: Session, rules: Sequence[tuple[str, Definition]]) -> dict[str, Put]:
    """What would become of each rule, by id."""
    kept = _kept(session, [rule_id for rule_id, _ in rules])
    return {rule_id: _put(kept.get(rule_id), rule_id, definition) for rule_id, definition in rules}


def put_rules(
    session: Session, rules: Sequence[tuple[str, Definition]], now: datetime, settings: Settings, actor: str
) -> dict[str, Put]:
    """What became of each rule, by id: new ones in one statement, changed ones as if each was put by itself.

    The definitions have been checked. An id stands once.
    """
    kept = _kept(session, [rule_id for rule_id, _ in rules])
    found = {rule_id: _put(kept.get(rule_id), rule_id, definition) for rule_id, definition in rules}
    fresh = []
    for rule_id, definition in rules:
        if found[rule_id] is Put.UPDATED:
            changes = {one.name: getattr(definition, one.name) for one in fields(Definition)}
            service.change_rule(session, rule_id, changes, None, now, settings, actor)
        elif found[rule_id] is Put.CREATED and rule_id in kept:  # deleted, and its alerts are not yet resolved
            service.create_rule(session, definition, rule_id, now, settings, actor)
        elif found[rule_id] is Put.CREATED:
            fresh.append((rule_id, definition))
    if fresh:
        last = store.last_versions(session, [rule_id for rule_id, _ in fresh])
        interval = settings.evaluation_interval
        rows = [
            store.new_row(rule_id, last.get(rule_id, 0) + 1, definition, interval, now, starter=False)
            for rule_id, definition in fresh
        ]
        insert_many(session, store.RULES, rows)
        store.add_versions(
            session, [(row["id"], row["version"], row["definition"], "created") for row in rows], actor, now
        )
        queue.nudge(session, "evaluation")
    return found


def all_rules(session: Session) -> list[Rule]:
    """Every rule, oldest first, but those whose definition cannot be read, which are logged."""
    columns = (store.RULES.c.id, store.RULES.c.version, store.RULES.c.definition)
    query = sa.select(*columns).where(store.RULES.c.deleted_at.is_(None))
    found: list[Rule] = []
    for rule_id, version, text in session.execute(query.order_by(store.RULES.c.created_at, store.RULES.c.id)):
        try:
            found.append(store.rule_of(rule_id, version, text))
        except ValueError as error:
            log.warning("rule is left out of the export", rule_id=rule_id, error=str(error))
    return found


def _kept(session: Session, ids: Sequence[str]) -> Mapping[str, tuple[int, str, datetime | None]]:
    """Version, definition and time of deletion of the rules that there are, by id."""
    columns = (store.RULES.c.id, store.RULES.c.version, store.RULES.c.definition, store.RULES.c.deleted_at)
    found: dict[str, tuple[int, str, datetime | None]] = {}
    for start in range(0, len(ids), 500):  # SQLite bounds the parameters of a statement
        query = sa.select(*columns).where(among(session, store.RULES.c.id, ids[start : start + 500]))
        for rule_id, version, text, deleted_at in session.execute(query):
            found[rule_id] = (version, text, deleted_at)
    return found


def _put(kept: tuple[int, str, datetime | None] | None, rule_id: str, definition: Definition) -> Put:
    if kept is None or kept[2] is not None:
        return Put.CREATED
    try:
        rule = store.rule_of(rule_id, *kept[:2])
    except ValueError:
        return Put.UPDATED
    same = all(getattr(rule, one.name) == getattr(definition, one.name) for one in fields(Definition))
    return Put.UNCHANGED if same else Put.UPDATED
