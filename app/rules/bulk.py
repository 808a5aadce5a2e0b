"""Many rules at once: what an import would change, and the change itself."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import queue
from app.core.db import among, insert_many
from app.rules import service, store
from app.rules.domain.rule import Definition, Health
from app.settings import Settings
from app.telemetry.domain import milliseconds


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
            fresh.append(
                {
                    "id": rule_id,
                    **store.columns_of(rule_id, definition, settings.evaluation_interval),
                    "due_at_ms": milliseconds(now) if definition.enabled else None,
                    "withdraw": False,
                    "starter": False,
                    "health": Health.PENDING.value,
                    "n_missed": 0,
                    "n_dropped": 0,
                    "created_at": now,
                    "updated_at": now,
                }
            )
    if fresh:
        last = store.last_versions(session, [row["id"] for row in fresh])
        fresh = [{**row, "version": last.get(row["id"], 0) + 1} for row in fresh]
        insert_many(session, store.RULES, fresh)
        store.add_versions(
            session, [(row["id"], row["version"], row["definition"], "created") for row in fresh], actor, now
        )
        queue.nudge(session, "evaluation")
    return found


def all_rules(session: Session) -> list[store.Stored]:
    """Every rule, oldest first."""
    query = sa.select(store.RuleRow).where(store.RuleRow.deleted_at.is_(None))
    rows = session.scalars(query.order_by(store.RuleRow.created_at, store.RuleRow.id))
    return [store.stored(row) for row in rows]


def _kept(session: Session, ids: Sequence[str]) -> Mapping[str, store.RuleRow]:
    found: dict[str, store.RuleRow] = {}
    for start in range(0, len(ids), 500):  # SQLite bounds the parameters of a statement
        chosen = among(session, store.RULES.c.id, ids[start : start + 500])
        found.update((row.id, row) for row in session.scalars(sa.select(store.RuleRow).where(chosen)))
    return found


def _put(row: store.RuleRow | None, rule_id: str, definition: Definition) -> Put:
    if row is None or row.deleted_at is not None:
        return Put.CREATED
    try:
        kept = store.rule_of(row.id, row.version, row.definition)
    except ValueError:
        return Put.UPDATED
    same = all(getattr(kept, one.name) == getattr(definition, one.name) for one in fields(Definition))
    return Put.UNCHANGED if same else Put.UPDATED
