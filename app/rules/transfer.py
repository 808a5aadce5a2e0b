"""Use cases of moving rules: take in many at once, and give them all out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.rules import bulk
from app.rules.domain.advice import advice
from app.rules.domain.checks import problems
from app.rules.domain.imported import Imported, Note, Skipped
from app.rules.domain.rule import Definition, Rule
from app.settings import Settings


@dataclass(frozen=True)
class Transfer:
    """What became of an import: ids, what was left out, and what to think of."""

    created: list[str]
    updated: list[str]
    unchanged: list[str]
    skipped: list[Skipped]
    notes: list[Note]


def import_rules(
    session: Session,
    imported: Imported,
    now: datetime,
    settings: Settings,
    actor: str,
    *,
    dry_run: bool,
    shape_reason: Callable[[Definition], str | None] = lambda _definition: None,
) -> Transfer:
    """Put every rule under its id, all or none; with `dry_run` only say what would become of them.

    A rule that does not go together is skipped with the reason, and so is one for which `shape_reason` has one.
    """
    good, skipped, notes = [], list(imported.skipped), []
    for found in imported.rules:
        reason = shape_reason(found.definition) or _reason(found.definition, settings)
        if reason:
            skipped.append(Skipped(found.place, reason))
            continue
        good.append((found.id, found.definition))
        notes += [
            Note(found.id, one.field, one.message)
            for one in advice(found.definition, default_interval=settings.evaluation_interval)
        ]
    put = bulk.planned(session, good) if dry_run else bulk.put_rules(session, good, now, settings, actor)
    ids = {kind: [rule_id for rule_id, _ in good if put[rule_id] is kind] for kind in bulk.Put}
    kept = {rule_id for rule_id, _ in good}
    return Transfer(
        created=ids[bulk.Put.CREATED],
        updated=ids[bulk.Put.UPDATED],
        unchanged=ids[bulk.Put.UNCHANGED],
        skipped=sorted(skipped, key=lambda one: one.place.index),
        notes=[*(note for note in imported.notes if note.id in kept), *notes],
    )


def export_rules(session: Session) -> list[Rule]:
    """Every rule, oldest first."""
    return bulk.all_rules(session)


def _reason(definition: Definition, settings: Settings) -> str | None:
    found = problems(definition, settings.retention_samples)
    return "; ".join(f"{field}: {' '.join(messages)}" for field, messages in found.items()) or None
