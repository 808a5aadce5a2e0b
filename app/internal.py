"""Alerts about ourselves: a rule that cannot be evaluated, a data source that does not answer or sends nothing.

They follow from what stands in rows, so telling of them again changes nothing, and one that was missed is made up for.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy.orm import Session

from app.alerts import service as alerts
from app.alerts import store as alert_store
from app.alerts.domain.alert import INTERNAL, Report
from app.alerts.limits import limits_of
from app.core.labels import fingerprint
from app.core.severity import Severity
from app.rules import store as rule_store
from app.rules.domain.health import NO_DATA_TROUBLE, SOURCE_TROUBLE
from app.rules.store import Trouble
from app.settings import Settings

_NAMED = 10  # rules that a description names


def tell(session: Session, now: datetime, settings: Settings) -> None:
    """Open, keep and resolve the alerts that the rules' troubles ask for."""
    reports = [*reports_of(rule_store.troubles(session), now)]
    firing = {report.fingerprint for report in reports}
    over = [_ended(one, now) for one in alert_store.awaiting_fingerprints(session, INTERNAL) if one not in firing]
    alerts.absorb(session, [*reports, *over], now, limits_of(settings))


def reports_of(troubles: Sequence[Trouble], now: datetime) -> list[Report]:
    """A report for each broken rule, and one for each data source however many rules it lets down."""
    found = []
    for kind, of_kind in groupby(sorted(troubles, key=lambda one: (one.kind, one.rule_id)), key=lambda one: one.kind):
        rules = list(of_kind)
        if kind.startswith(SOURCE_TROUBLE):
            found.append(_of_source(kind.removeprefix(SOURCE_TROUBLE), rules, now))
        elif kind.startswith(NO_DATA_TROUBLE):
            found.append(_of_silence(kind.removeprefix(NO_DATA_TROUBLE), rules, now))
        else:
            found += [_of_rule(rule, now) for rule in rules]
    return found


def _of_rule(rule: Trouble, now: datetime) -> Report:
    reason = rule.reason or "its evaluation failed"
    description = f"The rule {rule.name} cannot be evaluated, so nothing is watched by it: {reason}"
    return _report("RuleBroken", Severity.MEDIUM, {"rule": rule.rule_id}, description, reason, now)


def _of_source(name: str, rules: Sequence[Trouble], now: datetime) -> Report:
    reason = rules[0].reason or "it does not answer"
    description = f"The data source {name} cannot be asked: {reason}. {_affected(rules)}"
    return _report("DataSourceBroken", Severity.HIGH, {"datasource": name}, description, reason, now)


def _of_silence(name: str, rules: Sequence[Trouble], now: datetime) -> Report:
    severity = max((Severity(rule.severity) for rule in rules), key=lambda one: one.rank)
    reason = rules[0].reason or "no data"
    description = f"The data source {name} sends nothing of what is asked for: {reason}. {_affected(rules)}"
    return _report("NoData", severity, {"datasource": name}, description, reason, now)


def _affected(rules: Sequence[Trouble]) -> str:
    names = ", ".join(rule.name for rule in rules[:_NAMED])
    more = f" and {len(rules) - _NAMED} more" if len(rules) > _NAMED else ""
    return f"Rules that wait for it: {names}{more}."


def _report(
    name: str, severity: Severity, labels: dict[str, str], description: str, reason: str, now: datetime
) -> Report:
    return Report(
        fingerprint=fingerprint(INTERNAL, {**labels, "alertname": name}),
        namespace=INTERNAL,
        actor="engine",
        name=name,
        severity=severity,
        firing=True,
        event_at=now,
        source="internal",
        description=description[:10_000],
        labels=labels,
        reason=reason,
    )


def _ended(known: str, now: datetime) -> Report:
    return Report(
        fingerprint=known,
        namespace=INTERNAL,
        actor="engine",
        name="",
        severity=Severity.INFO,
        firing=False,
        event_at=now,
        source="internal",
        reason="it is well again",
    )
