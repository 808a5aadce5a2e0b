"""Evaluations: claim what is due, judge it, and save how it went."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, groupby

import structlog
from redis import Redis
from sqlalchemy.orm import Session

from app.core.db import after_commit
from app.rules import store, verdicts
from app.rules.domain import evaluation
from app.rules.domain.anomaly import Baseline
from app.rules.domain.evaluation import GroupKey
from app.rules.domain.health import RULE_TROUBLE, Condition, condition_of
from app.rules.domain.identity import without_doubles
from app.rules.domain.rule import Health, Rule
from app.rules.domain.selection import due_by_arrival
from app.rules.domain.verdict import Outcome, Verdict
from app.telemetry import service as telemetry
from app.telemetry.domain import Series, Window, Windows, milliseconds

log = structlog.get_logger(__name__)
_LATER = timedelta(seconds=1)
Baselines = Mapping[GroupKey, Baseline | str]


@dataclass(frozen=True)
class Claim:
    """Rules to be evaluated now, and rules whose alerts must be resolved first.

    `broken` are rules whose definition cannot be read, with the reason: they fail alone.
    """

    rules: tuple[Rule, ...]
    withdrawn: tuple[store.Claimed, ...]
    broken: Mapping[str, str]
    claimed: tuple[store.Claimed, ...]
    parts: Mapping[str, tuple[Series, ...]] = field(default_factory=dict)  # rules that are judged for these series only
    left: tuple[Series, ...] = ()  # arrivals whose rules another worker is evaluating: it may have read too early


def claim_due(session: Session, redis: Redis, arrivals: Sequence[Series], now: datetime, limit: int) -> Claim:
    """At most `limit` rules that are due, or that select one of the series that arrived; nobody else has them.

    The claim lasts as long as the transaction: when that fails, the rules are as due as they were. Rules that ask a
    Prometheus-compatible server are claimed by claim_queries().
    """
    arrived = store.index(session).selecting(arrivals) if arrivals else {}
    n_selected = telemetry.n_selected(redis, [one.rule.wanted for one in arrived.values()]) if arrived else []
    due = due_by_arrival(arrived, dict(zip(arrived, n_selected, strict=True)))
    if due.later:
        store.make_due(session, due.later, now + _LATER)
    claimed = store.claim(session, now, sorted((*due.whole, *due.parts)), limit, sorted(due.parts))
    # Those that were due anyway are judged as a whole: their next turn has been set.
    next_ms = milliseconds(now)
    parts = {
        row.id: due.parts[row.id]
        for row in claimed
        if row.id in due.parts and row.due_at_ms != next_ms + row.interval_ms
    }
    taken = {row.id for row in claimed}
    busy = [arrived[rule_id] for rule_id in (*due.whole, *due.parts) if rule_id not in taken and len(claimed) < limit]
    left = dict.fromkeys(series for one in busy for series in one.series)
    return replace(_claim(claimed), parts=parts, left=tuple(left))


def datasources_due(session: Session, now: datetime) -> list[str | None]:
    """The data sources of which a rule is due to be asked; None stands for rules that name none."""
    return store.datasources_due(session, now)


def claim_queries(session: Session, datasource: str | None, now: datetime, lease: timedelta, limit: int) -> Claim:
    """At most `limit` due rules of a data source; nobody else asks for them until the lease has ended."""
    return _claim(store.claim_queries(session, datasource, now, lease, limit))


def still_claimed(session: Session, claim: Claim, leased_at: datetime, lease: timedelta) -> Claim:
    """The part of a claim whose rules are as they were when they were claimed; the leases end."""
    return _claim(store.still_claimed(session, claim.claimed, leased_at, lease))


def windows_wanted(claim: Claim) -> list[Window]:
    """The windows that the claim's rules ask for, in their order."""
    return [
        replace(rule.wanted, near=claim.parts[rule.id], by=rule.grouping) if rule.id in claim.parts else rule.wanted
        for rule in claim.rules
    ]


def evaluate(rules: Sequence[Rule], windows: Windows, baselines: Baselines | None = None) -> list[Verdict]:
    """What the windows say of the rules, in their order; a rule that cannot be evaluated fails alone."""
    try:
        found = evaluation.evaluate(rules, windows, baselines)
        return list(chain.from_iterable(without_doubles(list(of_rule)) for _, of_rule in _by_rule(found)))
    except Exception:
        log.exception("batch of rules failed, going one by one", n_rules=len(rules))
    verdicts: list[Verdict] = []
    for position, rule in enumerate(rules):
        try:
            verdicts += without_doubles(evaluation.evaluate([rule], windows.only(position), baselines))
        except Exception as error:
            log.exception("rule failed", rule_id=rule.id)
            verdicts.append(Verdict(rule, {}, Outcome.ERROR, None, 0, f"the evaluation failed: {error}"))
    return verdicts


def record(
    session: Session,
    redis: Redis,
    claim: Claim,
    found: Sequence[Verdict],
    now: datetime,
    duration: timedelta = timedelta(0),
    dropped: Mapping[str, int] | None = None,
) -> bool:
    """Save how the evaluations went, where that is new, and end withdrawals; the verdicts are kept after the commit.

    A rule that was judged for some of its series only leaves health and verdicts to its next turn. `duration` is how
    long the batch took; `dropped` counts, by rule, alerts that were pending and whose condition did not hold long
    enough. Returns whether the alerts of our own (see store.troubles) may be others now.
    """
    by_rule = {rule_id: list(of_rule) for rule_id, of_rule in _by_rule(found)}
    rules = {rule.id: rule for rule in claim.rules}
    changed, troubled = [], False
    for row in claim.claimed:
        if row.id in claim.parts:
            new = Condition(Health(row.health), row.health_reason, row.trouble)
        else:
            new = _condition(rules.get(row.id), by_rule.get(row.id, ()), claim.broken.get(row.id))
        n_dropped = row.n_dropped + (dropped or {}).get(row.id, 0)
        now_there = (new.health.value, new.reason, new.trouble, n_dropped)
        if now_there != (row.health, row.health_reason, row.trouble, row.n_dropped):
            names = ("health", "health_reason", "trouble", "n_dropped")
            changed.append({"id": row.id, **dict(zip(names, now_there, strict=True))})
            troubled = troubled or new.trouble != row.trouble
    store.save_health(session, changed)
    if claim.withdrawn:
        store.finish_withdrawals(session, claim.withdrawn)
    latest = {
        rule_id: verdicts.latest_of(of_rule, now, duration)
        for rule_id, of_rule in by_rule.items()
        if rule_id not in claim.parts
    }
    after_commit(session, "verdicts", lambda: verdicts.keep(redis, latest))
    return troubled or bool(claim.withdrawn)


def _claim(claimed: Iterable[store.Claimed]) -> Claim:
    found = tuple(claimed)
    rules: list[Rule] = []
    broken: dict[str, str] = {}
    for row in found:
        if row.enabled and row.deleted_at is None:
            try:
                rules.append(store.rule_of(row.id, row.version, row.definition))
            except ValueError as error:
                broken[row.id] = store.unreadable(error)
    return Claim(tuple(rules), tuple(row for row in found if row.withdraw), broken, found)


def _by_rule(found: Sequence[Verdict]) -> Iterable[tuple[str, Iterable[Verdict]]]:
    return groupby(found, key=lambda verdict: verdict.rule.id)


def _condition(rule: Rule | None, found: Sequence[Verdict], broken: str | None) -> Condition:
    if broken is not None:
        return Condition(Health.ERROR, broken, RULE_TROUBLE)
    if rule is None or not found:
        return Condition(Health.PENDING)  # switched off meanwhile
    return condition_of(rule, found)
