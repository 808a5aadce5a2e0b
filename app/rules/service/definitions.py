"""Definitions: made, read, changed, deleted, with every version kept."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.core import queue
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.rules import store
from app.rules.domain.checks import problems
from app.rules.domain.rule import RESERVED_IDS, Change, Definition, Health, Rule, change_between
from app.rules.domain.starter import STARTER_RULES
from app.rules.store import Search, Stored, Version
from app.settings import Settings
from app.telemetry.domain import milliseconds

ENGINE = "engine"
_WITHDRAWING = {Change.CONDITION, Change.DISABLED}


def create_rule(
    session: Session,
    definition: Definition,
    rule_id: str | None,
    now: datetime,
    settings: Settings,
    actor: str = ENGINE,
) -> Stored:
    """A new rule; Conflict when the id is taken."""
    _check(definition, settings)
    if rule_id in RESERVED_IDS:
        raise Invalid({"id": [f"{rule_id} is a word of the API itself; use another id"]})
    rule_id = rule_id or new_id()
    row = store.row(session, rule_id, for_update=True)
    if row is not None and row.deleted_at is None:
        raise Conflict(f"there is a rule {rule_id}; change it by PUT or PATCH /rules/{rule_id}, or use another id")
    if row is None:
        earlier = store.last_versions(session, [rule_id]).get(rule_id, 0)
        row = store.RuleRow(id=rule_id, version=earlier, withdraw=False, starter=False, n_missed=0, n_dropped=0)
        session.add(row)
    row.created_at, row.deleted_at = now, None
    _save(session, row, definition, now, settings, "created", actor)
    if not row.withdraw:
        row.due_at_ms = milliseconds(now) if definition.enabled else None
    session.flush()
    return store.stored(row)


def get_rule(session: Session, rule_id: str) -> Stored:
    """The rule; NotFound."""
    return store.stored(_existing(session, rule_id))


def list_rules(session: Session, wanted: Search, now: datetime) -> list[Stored]:
    """Rules, newest first."""
    return store.search(session, wanted, now)


def versions(session: Session, rule_id: str) -> list[Version]:
    """What a rule has said, newest first; those of a deleted rule stay readable. NotFound when it never was."""
    found = store.versions_of(session, rule_id)
    if not found:
        _existing(session, rule_id)
    return found


def change_rule(
    session: Session,
    rule_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None,
    now: datetime,
    settings: Settings,
    actor: str = ENGINE,
) -> Stored:
    """The rule with `changes` to fields of its definition; a change that changes nothing leaves its version.

    When the condition is another one or the rule is switched off, the next evaluation resolves the rule's alerts.
    A definition that cannot be read is replaced by a whole one; some changes of it are a Conflict.
    """
    row = _existing(session, rule_id, for_update=True)
    if expected_version is not None and expected_version != row.version:
        raise Conflict(f"the rule has version {row.version} by now, not {expected_version}; read it again")
    known = store.stored(row)
    if known.broken and changes.keys() >= Definition.__dataclass_fields__.keys():
        new, change = Definition(**changes), Change.CONDITION
    else:
        old = _definition(known.readable)
        new = replace(old, **changes)
        change = change_between(old, new)
    if change is Change.NONE:
        return known
    _check(new, settings)
    row.withdraw = row.withdraw or (row.enabled and change in _WITHDRAWING)
    _save(session, row, new, now, settings, change.value, actor)
    if new.enabled or row.withdraw:
        row.due_at_ms = milliseconds(now)
    session.flush()
    return store.stored(row)


def delete_rule(session: Session, rule_id: str, now: datetime, actor: str = ENGINE) -> None:
    """Delete a rule; the next evaluation resolves its alerts."""
    row = _existing(session, rule_id, for_update=True)
    row.deleted_at, row.updated_at, row.withdraw = now, now, True
    row.version, row.due_at_ms, row.trouble = row.version + 1, milliseconds(now), None
    session.flush()
    store.add_versions(session, [(row.id, row.version, row.definition, "deleted")], actor, now)
    queue.nudge(session, "evaluation")


def ensure_starter_rules(session: Session, now: datetime, interval: timedelta = timedelta(seconds=5)) -> list[str]:
    """Make the starter rules that there never were (a deleted one does not come back); returns their ids."""
    earlier = store.last_versions(session, list(STARTER_RULES))  # of rules that somebody made and deleted before
    rows = [
        store.new_row(rule_id, earlier.get(rule_id, 0) + 1, definition, interval, now, starter=True)
        for rule_id, definition in STARTER_RULES.items()
    ]
    made = store.insert_missing(session, rows)
    added = [(row["id"], row["version"], row["definition"], "created") for row in rows if row["id"] in made]
    store.add_versions(session, added, ENGINE, now)
    return made


def _existing(session: Session, rule_id: str, *, for_update: bool = False) -> store.RuleRow:
    row = store.row(session, rule_id, for_update=for_update)
    if row is None or row.deleted_at is not None:
        raise NotFound(f"no rule {rule_id}")
    return row


def _save(
    session: Session,
    row: store.RuleRow,
    definition: Definition,
    now: datetime,
    settings: Settings,
    change: str,
    actor: str,
) -> None:
    """Put a definition into its row as the next version, and keep that version."""
    for name, value in store.columns_of(row.id, definition, settings.evaluation_interval).items():
        setattr(row, name, value)
    row.version, row.updated_at = row.version + 1, now
    row.health, row.health_reason, row.trouble = Health.PENDING.value, None, None
    store.add_versions(session, [(row.id, row.version, row.definition, change)], actor, now)
    queue.nudge(session, "evaluation")


def _definition(rule: Rule) -> Definition:
    return Definition(**{name: getattr(rule, name) for name in Definition.__dataclass_fields__})


def _check(definition: Definition, settings: Settings) -> None:
    if found := problems(definition, settings.retention_samples):
        raise Invalid(found)
