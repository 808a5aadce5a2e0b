"""Explaining: what was found of rules last, and what would be found now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.core import queue
from app.rules import store, verdicts
from app.rules.domain.rule import Aggregation, Rule
from app.rules.domain.verdict import Outcome, Verdict
from app.rules.service.baselines import baselines
from app.rules.service.definitions import get_rule
from app.rules.service.evaluating import evaluate
from app.rules.verdicts import Latest
from app.settings import Settings
from app.telemetry import service as telemetry
from app.telemetry.datasources.domain import Datasource, QueryFailed, SourceFailed, datasource_for
from app.telemetry.domain import Series, milliseconds, windows_of
from app.telemetry.prometheus import Answer, Sessions, ask

Told = list[Answer] | SourceFailed | QueryFailed


def latest(redis: Redis, rule_ids: Sequence[str]) -> dict[str, Latest]:
    """What was found last, by rule id; nothing while Redis is away, because a list of rules can do without."""
    try:
        return verdicts.read(redis, rule_ids)
    except RedisError:
        return {}


def examine(redis: Redis, rule: Rule, now: datetime, settings: Settings) -> list[Verdict]:
    """What the stored samples say of a rule now; changes nothing. Not for rules that ask a server."""
    windows = telemetry.windows(redis, [rule.wanted], now)
    return evaluate([rule], windows, baselines(redis, [rule], windows, now, settings))


def examine_query(rule: Rule, known: Mapping[str, Datasource], now: datetime) -> list[Verdict]:
    """What the server that a rule names says of it now; changes nothing."""
    try:
        with Sessions() as opened:
            told: Told = ask(opened, datasource_for(known, rule.datasource), rule.query or "", now)
    except (SourceFailed, QueryFailed) as error:
        told = error
    return judged(rule, told, now)


def judged(rule: Rule, told: Told, now: datetime) -> list[Verdict]:
    """What a server's answer says of a rule."""
    if isinstance(told, SourceFailed | QueryFailed):
        of_source = isinstance(told, SourceFailed)
        return [Verdict(rule, {}, Outcome.ERROR, None, 0, str(told), of_source=of_source)]
    at = np.full(1, milliseconds(now), np.int64)
    windows = windows_of(
        now, [Series.of("", one.labels) for one in told], [(at, np.array([one.value])) for one in told]
    )
    return evaluate([replace(rule, aggregation=Aggregation.LAST, min_samples=1)], windows)


def make_due(session: Session, rule_id: str, now: datetime) -> Rule:
    """Let a rule be evaluated as soon as a worker takes it; NotFound, or Conflict when it cannot be read."""
    rule = get_rule(session, rule_id).readable
    store.make_due(session, [rule_id], now)
    queue.nudge(session, "evaluation")
    return rule
