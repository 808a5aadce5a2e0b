"""Explaining: what was found of rules last, and what would be found now."""

from collections.abc import Sequence
from datetime import datetime

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.core import queue
from app.rules import store, verdicts
from app.rules.domain.rule import Rule
from app.rules.domain.verdict import Verdict
from app.rules.service.baselines import baselines
from app.rules.service.definitions import get_rule
from app.rules.service.evaluating import evaluate
from app.rules.verdicts import Latest
from app.settings import Settings
from app.telemetry import service as telemetry


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


def make_due(session: Session, rule_id: str, now: datetime) -> Rule:
    """Let a rule be evaluated as soon as a worker takes it; NotFound."""
    rule = get_rule(session, rule_id).rule
    store.make_due(session, [rule_id], now)
    queue.nudge(session, "evaluation")
    return rule
