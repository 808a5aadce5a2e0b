"""Use cases of heartbeats: take a beat, configure, and sweep for what is missing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.alerts import service as alerts
from app.alerts.domain.alert import Report
from app.alerts.limits import limits_of
from app.core.db import after_commit
from app.core.errors import Conflict, NotFound
from app.heartbeats import domain, store
from app.heartbeats.domain import Config, Heartbeat
from app.settings import Settings
from app.telemetry import service as telemetry
from app.telemetry.domain import Sample

log = structlog.get_logger(__name__)
_MARK = "heartbeats"
_BEATS = "heartbeat.beats"


def beat(session: Session, name: str, now: datetime, settings: Settings) -> tuple[Heartbeat, bool]:
    """The heartbeat after a beat, and whether that made it; a missing one's alert is resolved."""
    domain.check_name(name)
    known = store.by_name(session, name, lock=True)
    if known is None:
        config = Config(interval=settings.heartbeat_interval, grace=settings.heartbeat_grace)
        return _make(session, domain.made(name, config, now, by_beat=True), now), True
    step = domain.beaten(known, now)
    _save(session, step, now, settings)
    return step.heartbeat, False


def count_beat(session: Session, redis: Redis, name: str, now: datetime, settings: Settings) -> None:
    """Once this transaction has committed, write the beat as a sample; without Redis there is none."""

    def write() -> None:
        try:
            telemetry.receive(redis, [Sample(_BEATS, {"heartbeat": name}, now, 1.0)], now, settings)
        except (RedisError, OSError) as error:
            log.warning("beat not written as a sample", heartbeat=name, error=str(error))

    after_commit(session, (_BEATS, name), write)


def get_heartbeat(session: Session, name: str) -> Heartbeat:
    """The heartbeat; NotFound."""
    return _existing(store.by_name(session, name), name)


def heartbeats_page(session: Session, after: tuple[datetime, str] | None, limit: int) -> list[Heartbeat]:
    """Heartbeats, newest first."""
    return store.page(session, after, limit)


def configure(
    session: Session, name: str, given: Mapping[str, Any], now: datetime, settings: Settings
) -> tuple[Heartbeat, bool]:
    """The heartbeat with its new configuration, and whether that made it; Conflict for a stale expected_version."""
    domain.check_name(name)
    expected = given.get("expected_version")
    config = Config(**{key: value for key, value in given.items() if key != "expected_version"})
    known = store.by_name(session, name, lock=True)
    if expected is not None and expected != (known.version if known else None):
        have = f"has version {known.version}" if known else "does not exist"
        raise Conflict(f"the heartbeat {have}, and not version {expected}; read it again")
    if known is None:
        return _make(session, domain.made(name, config, now), now), True
    step = domain.configured(known, config, now)
    if step.heartbeat is not known:
        _save(session, step, now, settings)
    return step.heartbeat, False


def delete(session: Session, name: str, now: datetime, settings: Settings) -> None:
    """Delete a heartbeat; the alert of a missing one is resolved."""
    known = _existing(store.by_name(session, name, lock=True), name)
    _tell(session, [domain.withdrawn(known, now, "the heartbeat was deleted")], now, settings)
    store.delete(session, name)


def sweep(session: Session, web_seen_at: datetime | None, now: datetime, settings: Settings) -> int:
    """Open the alerts of heartbeats that are missing; returns how many, at most a batch.

    `web_seen_at` is the last sign of a web process. Two sweeps at once do what one does. After an outage of the system
    nobody is missing because of it.
    """
    mark = store.mark(session, _MARK)
    if mark is None:  # there never was a heartbeat
        return 0
    watch = domain.watch(mark, web_seen_at, settings.heartbeat_outage)
    if watch.until != mark and not store.move_mark(session, _MARK, mark, watch.until):
        return 0
    if watch.restart:
        n_restarted = store.restart(session, mark, max(now, watch.until))
        log.warning("heartbeats begin anew after an outage", since=mark.isoformat(), n=n_restarted)
    steps = [domain.missing(one, now) for one in store.claim_expired(session, watch.until, settings.batch_size)]
    store.set_down(session, [step.heartbeat for step in steps])
    _tell(session, [step.report for step in steps], now, settings)
    return len(steps)


def _make(session: Session, new: Heartbeat, now: datetime) -> Heartbeat:
    store.insert(session, new)
    store.ensure_mark(session, _MARK, now)
    return new


def _existing(found: Heartbeat | None, name: str) -> Heartbeat:
    if found is None:
        raise NotFound(f"no heartbeat {name}; its first beat makes it, or PUT /heartbeats/{name}/config")
    return found


def _save(session: Session, step: domain.Step, now: datetime, settings: Settings) -> None:
    store.update(session, step.heartbeat)
    _tell(session, [step.report], now, settings)


def _tell(session: Session, reports: Sequence[Report | None], now: datetime, settings: Settings) -> None:
    alerts.absorb(session, [report for report in reports if report is not None], now, limits_of(settings))
