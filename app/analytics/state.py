"""The state of the stages: what each has before it, how long the oldest has waited, and when it last ran."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from kombu.exceptions import KombuError
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.alerts.domain.alert import OPEN_STATUSES
from app.alerts.store import ALERTS
from app.analytics.domain import QUEUES
from app.analytics.service import connected
from app.core import ticks
from app.core.runtime import Runtime
from app.core.schemas import format_time
from app.notifications.domain import UNFINISHED, State
from app.notifications.store import NotificationRow
from app.rules.domain.rule import Health
from app.rules.store import IN_FORCE, RULES, late_rules
from app.telemetry.domain import milliseconds, moment_of

_LAST_DAY = timedelta(days=1)
_MAX_NOISY = 1000
log = structlog.get_logger(__name__)


def engine_state(open_ends: Runtime, now: datetime) -> dict[str, Any]:
    """Rules due and late, what waits to be decided and delivered, depths of the queues, the last run of each stage."""
    with open_ends.reading() as session:
        return {
            "at": format_time(now),
            "rules": _rules(session, now),
            "alerts": _undecided(session, now),
            "notifications": _undelivered(session, now),
            "queues": _queues(open_ends),
            "stages": _stages(open_ends, now),
        }


def noise(session: Session, now: datetime) -> dict[str, Any]:
    """By rule, the alerts of the last day: how many began, how often they fired, how many are open; noisiest first."""
    since = now - _LAST_DAY
    is_open = ALERTS.c.status.in_(OPEN_STATUSES)
    n_alerts = sa.func.count().filter(ALERTS.c.created_at >= since)
    # An alert of earlier that was reopened since counts its last episode only: when the others were is not in its row.
    began = sa.case((ALERTS.c.created_at >= since, ALERTS.c.episodes), else_=1)
    n_episodes = sa.func.sum(sa.case((ALERTS.c.activated_at >= since, began), else_=0))
    query = (
        sa.select(ALERTS.c.rule_id, n_alerts, n_episodes, sa.func.count().filter(is_open))
        .where(
            ALERTS.c.rule_id.is_not(None), sa.or_(is_open, ALERTS.c.created_at >= since, ALERTS.c.activated_at >= since)
        )
        .group_by(ALERTS.c.rule_id)
        .order_by(n_episodes.desc(), ALERTS.c.rule_id)
        .limit(_MAX_NOISY)
    )
    names = ("rule_id", "n_alerts", "n_episodes", "n_open")
    items = [dict(zip(names, row, strict=True)) for row in session.execute(query)]
    return {"since": format_time(since), "items": items}


def _rules(session: Session, now: datetime) -> dict[str, Any]:
    now_ms = milliseconds(now)
    due = IN_FORCE & (RULES.c.due_at_ms <= now_ms)
    counts = {
        "total": RULES.c.deleted_at.is_(None),
        "enabled": IN_FORCE,
        "due": due,
        "late": late_rules(now),
        **{health.value: IN_FORCE & (RULES.c.health == health.value) for health in Health if health is not Health.LATE},
    }
    columns = [sa.func.count().filter(where).label(name) for name, where in counts.items()]
    oldest = sa.func.min(sa.case((due, RULES.c.due_at_ms)))
    missed = sa.func.coalesce(sa.func.sum(sa.case((IN_FORCE, RULES.c.n_missed), else_=0)), 0)
    row = session.execute(sa.select(*columns, oldest.label("oldest"), missed.label("n_missed"))).one()._asdict()
    first = row.pop("oldest")
    return {
        **{name: int(n) for name, n in row.items()},
        "oldest_due_s": _age(None if first is None else moment_of(int(first)), now) or 0.0,
    }


def _undecided(session: Session, now: datetime) -> dict[str, Any]:
    waiting = ALERTS.c.dispatch_due_at <= now
    n, first = session.execute(sa.select(sa.func.count(), sa.func.min(ALERTS.c.dispatch_due_at)).where(waiting)).one()
    return {"undecided": n, "oldest_undecided_s": _age(first, now)}


def _undelivered(session: Session, now: datetime) -> dict[str, Any]:
    row = NotificationRow
    waiting = sa.select(sa.func.count(), sa.func.min(row.created_at)).where(row.state.in_(UNFINISHED))
    n, first = session.execute(waiting).one()
    dead = session.scalar(sa.select(sa.func.count()).where(row.state == State.DEAD))
    return {"undelivered": n, "oldest_undelivered_s": _age(first, now), "dead": dead or 0}


def _queues(open_ends: Runtime) -> dict[str, int | None]:
    """Messages that wait at the broker, by queue; None where it does not say."""
    depths: dict[str, int | None] = dict.fromkeys(QUEUES)
    try:
        with connected(open_ends.settings) as connection:
            for queue in QUEUES:
                depths[queue] = _depth(connection, queue)
    except (OSError, KombuError) as error:
        log.warning("broker does not answer", error=str(error)[:300])
    return depths


def _depth(connection: Any, queue: str) -> int:
    with connection.channel() as channel:
        try:
            return int(channel.queue_declare(queue=queue, passive=True).message_count)
        except connection.channel_errors:
            return 0  # nobody has asked for anything yet


def _stages(open_ends: Runtime, now: datetime) -> Mapping[str, Any]:
    try:
        seen = ticks.last_seen(open_ends.redis)
    except RedisError:
        seen = {}
    return {
        name: {"last_seen_at": format_time(seen[name]) if name in seen else None, "age_s": _age(seen.get(name), now)}
        for name in (*QUEUES, "beat")
    }


def _age(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else round(max((now - since) / timedelta(seconds=1), 0.0), 3)
