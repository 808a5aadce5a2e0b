"""Use cases of rules: keep definitions, and evaluate what is due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import structlog
from sqlalchemy.orm import Session

from app.core import queue
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.rules import store
from app.rules.domain import evaluation
from app.rules.domain.checks import problems
from app.rules.domain.evaluation import Outcome, Verdict
from app.rules.domain.rule import RESERVED_IDS, Change, Definition, Health, Rule, change_between
from app.rules.domain.starter import STARTER_RULES
from app.rules.store import Search, Stored
from app.settings import Settings
from app.telemetry.domain import Series, Window, Windows, milliseconds

log = structlog.get_logger(__name__)
_WITHDRAWING = {Change.CONDITION, Change.DISABLED}


@dataclass(frozen=True)
class Claim:
    """Rules to be evaluated now, and rules whose alerts must be resolved first.

    `broken` are rules whose definition cannot be read, with the reason: they fail alone.
    """

    rules: tuple[Rule, ...]
    withdrawn: tuple[store.Claimed, ...]
    broken: Mapping[str, str]
    claimed: tuple[store.Claimed, ...]


def create_rule(
    session: Session, definition: Definition, rule_id: str | None, now: datetime, settings: Settings
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
        row = store.RuleRow(id=rule_id, version=0, withdraw=False, starter=False, n_missed=0, n_dropped=0)
        session.add(row)
    row.created_at, row.deleted_at = now, None
    _save(session, row, definition, now, settings)
    if not row.withdraw:
        row.due_at_ms = milliseconds(now) if definition.enabled else None
    session.flush()
    return store.stored(row)


def get_rule(session: Session, rule_id: str) -> Stored:
    """The rule; NotFound."""
    return store.stored(_existing(session, rule_id))


def list_rules(session: Session, wanted: Search) -> list[Stored]:
    """Rules, newest first."""
    return store.search(session, wanted)


def change_rule(
    session: Session,
    rule_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None,
    now: datetime,
    settings: Settings,
) -> Stored:
    """The rule with `changes` to fields of its definition; a change that changes nothing leaves its version.

    When the condition is another one or the rule is switched off, the next evaluation resolves the rule's alerts.
    """
    row = _existing(session, rule_id, for_update=True)
    if expected_version is not None and expected_version != row.version:
        raise Conflict(f"the rule has version {row.version} by now, not {expected_version}; read it again")
    old = _definition(store.rule_of(row.id, row.version, row.definition))
    new = replace(old, **changes)
    change = change_between(old, new)
    if change is Change.NONE:
        return store.stored(row)
    _check(new, settings)
    row.withdraw = row.withdraw or (old.enabled and change in _WITHDRAWING)
    _save(session, row, new, now, settings)
    if new.enabled or row.withdraw:
        row.due_at_ms = milliseconds(now)
    session.flush()
    return store.stored(row)


def delete_rule(session: Session, rule_id: str, now: datetime) -> None:
    """Delete a rule; the next evaluation resolves its alerts."""
    row = _existing(session, rule_id, for_update=True)
    row.deleted_at, row.updated_at, row.withdraw = now, now, True
    row.version, row.due_at_ms = row.version + 1, milliseconds(now)
    session.flush()
    queue.nudge(session, "evaluation")


def ensure_starter_rules(session: Session, now: datetime, interval: timedelta = timedelta(seconds=5)) -> list[str]:
    """Make the starter rules that there never were (a deleted one does not come back); returns their ids."""
    rows = [
        {
            "id": rule_id,
            "version": 1,
            **store.columns_of(rule_id, definition, interval),
            "due_at_ms": milliseconds(now),
            "withdraw": False,
            "starter": True,
            "health": Health.PENDING.value,
            "n_missed": 0,
            "n_dropped": 0,
            "created_at": now,
            "updated_at": now,
        }
        for rule_id, definition in STARTER_RULES.items()
    ]
    return store.insert_missing(session, rows)


def claim_due(session: Session, arrivals: Sequence[Series], now: datetime, limit: int) -> Claim:
    """At most `limit` rules that are due, or that select one of the series that arrived; nobody else has them.

    The claim lasts as long as the transaction: when that fails, the rules are as due as they were.
    """
    arrived = sorted(store.index(session).due(arrivals)) if arrivals else []
    claimed = store.claim(session, now, arrived, limit)
    rules: list[Rule] = []
    broken: dict[str, str] = {}
    for row in claimed:
        if row.enabled and row.deleted_at is None:
            try:
                rules.append(store.rule_of(row.id, row.version, row.definition))
            except ValueError as error:
                broken[row.id] = f"the definition cannot be read: {error}"
    return Claim(tuple(rules), tuple(row for row in claimed if row.withdraw), broken, tuple(claimed))


def windows_wanted(claim: Claim) -> list[Window]:
    """The windows that the claim's rules ask for, in their order."""
    return [rule.wanted for rule in claim.rules]


def evaluate(claim: Claim, windows: Windows, now: datetime) -> list[Verdict]:
    """What the windows say of the claim's rules; a rule that cannot be evaluated fails alone."""
    try:
        return evaluation.evaluate(claim.rules, windows)
    except Exception:
        log.exception("batch of rules failed, going one by one", n_rules=len(claim.rules))
    verdicts: list[Verdict] = []
    for position, rule in enumerate(claim.rules):
        try:
            verdicts += evaluation.evaluate([rule], windows.only(position))
        except Exception as error:
            log.exception("rule failed", rule_id=rule.id)
            verdicts.append(Verdict(rule, {}, Outcome.ERROR, None, 0, f"the evaluation failed: {error}"))
    return verdicts


def record(
    session: Session, claim: Claim, verdicts: Sequence[Verdict], now: datetime, dropped: Mapping[str, int] | None = None
) -> None:
    """Save how the evaluations went, where that is new, and end withdrawals.

    `dropped` counts, by rule, alerts that were pending and whose condition did not hold long enough.
    """
    by_rule = {rule_id: list(found) for rule_id, found in groupby(verdicts, key=lambda verdict: verdict.rule.id)}
    changed = []
    for row in claim.claimed:
        health, reason = _health(by_rule.get(row.id, ()), claim.broken.get(row.id))
        n_dropped = row.n_dropped + (dropped or {}).get(row.id, 0)
        if (health.value, reason, n_dropped) != (row.health, row.health_reason, row.n_dropped):
            changed.append({"id": row.id, "health": health.value, "health_reason": reason, "n_dropped": n_dropped})
    store.save_health(session, changed)
    if claim.withdrawn:
        store.finish_withdrawals(session, claim.withdrawn)


def _health(verdicts: Sequence[Verdict], broken: str | None) -> tuple[Health, str | None]:
    """The rule's health and why it is so; the reason changes only with what is wrong, since each change is a write."""
    if broken is not None:
        return Health.ERROR, broken
    if not verdicts:
        return Health.PENDING, None  # switched off meanwhile
    failed = [verdict for verdict in verdicts if verdict.outcome is Outcome.ERROR]
    if failed:
        return Health.ERROR, failed[0].reason
    silent = [verdict for verdict in verdicts if verdict.outcome is Outcome.NO_DATA]
    if len(silent) == len(verdicts):
        return Health.NO_DATA, silent[0].reason
    if silent:
        return Health.OK, f"{len(silent)} of {len(verdicts)} without data: {silent[0].reason}"
    return Health.OK, None


def _existing(session: Session, rule_id: str, *, for_update: bool = False) -> store.RuleRow:
    row = store.row(session, rule_id, for_update=for_update)
    if row is None or row.deleted_at is not None:
        raise NotFound(f"no rule {rule_id}")
    return row


def _save(session: Session, row: store.RuleRow, definition: Definition, now: datetime, settings: Settings) -> None:
    """Put a definition into its row as the next version."""
    for name, value in store.columns_of(row.id, definition, settings.evaluation_interval).items():
        setattr(row, name, value)
    row.version, row.updated_at = row.version + 1, now
    row.health, row.health_reason = Health.PENDING.value, None
    queue.nudge(session, "evaluation")


def _definition(rule: Rule) -> Definition:
    return Definition(**{name: getattr(rule, name) for name in Definition.__dataclass_fields__})


def _check(definition: Definition, settings: Settings) -> None:
    if found := problems(definition, settings.retention_samples):
        raise Invalid(found)
