"""How a rule is, told from its verdicts, and what of it is worth an alert of our own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.rules.domain.rule import Health, NoData, Rule, Source
from app.rules.domain.verdict import Outcome, Verdict

RULE_TROUBLE = "rule"
SOURCE_TROUBLE = "source:"
NO_DATA_TROUBLE = "no_data:"
_DEFAULT_SOURCE = "default"
LATE_AFTER = timedelta(seconds=2)  # at the least: Beat asks each second


@dataclass(frozen=True)
class Condition:
    """A rule's health, why it is so, and which alert of our own it asks for (None: none).

    The reason changes only with what is wrong, since each change is a write.
    """

    health: Health
    reason: str | None = None
    trouble: str | None = None


def condition_of(rule: Rule, verdicts: Sequence[Verdict]) -> Condition:
    """What the verdicts of an evaluation say of the rule itself."""
    failed = [verdict for verdict in verdicts if verdict.outcome is Outcome.ERROR]
    if failed:
        broken = f"{SOURCE_TROUBLE}{datasource_of(rule)}" if failed[0].of_source else RULE_TROUBLE
        return Condition(Health.ERROR, failed[0].reason, broken)
    silent = [verdict for verdict in verdicts if verdict.outcome is Outcome.NO_DATA]
    # A past that is too short yet says nothing of the source: its samples come.
    asks = rule.no_data is NoData.ALERT and any(not verdict.note for verdict in silent)
    trouble = f"{NO_DATA_TROUBLE}{datasource_of(rule)}" if asks else None
    if silent and len(silent) == len(verdicts):
        return Condition(Health.NO_DATA, silent[0].reason, trouble)
    if silent:
        return Condition(Health.OK, f"{len(silent)} of {len(verdicts)} without data: {silent[0].reason}", trouble)
    return Condition(Health.OK)


def datasource_of(rule: Rule) -> str:
    """The data source that the rule's series come from: what is pushed to us, or the server that is asked."""
    if rule.source is Source.PROMETHEUS:
        return f"{Source.PROMETHEUS}/{rule.datasource or _DEFAULT_SOURCE}"
    return str(rule.source)


def shown_health(health: Health, due_at: datetime | None, interval: timedelta, now: datetime) -> Health:
    """The health to be shown: late when the next evaluation has been due for more than an interval."""
    return Health.LATE if is_late(due_at, interval, now) else health


def is_late(due_at: datetime | None, interval: timedelta, now: datetime) -> bool:
    """Whether an evaluation has been due for more than an interval, and for LATE_AFTER."""
    return due_at is not None and now - due_at > max(interval, LATE_AFTER)
