"""Use cases of alerts: absorb what sources say, the steps that people take, and the timers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from app.alerts import store
from app.alerts.domain import lifecycle
from app.alerts.domain.absorption import Limits, Outcome, Result, Tombstone, decide, latest
from app.alerts.domain.alert import OPEN_STATUSES, Alert, Entry, Key, Report, Resolution, Signal, Status
from app.alerts.domain.lifecycle import Step
from app.core.db import after_commit
from app.core.errors import Conflict, NotFound
from app.core.ids import new_id
from app.core.live import Event, announce
from app.core.queue import nudge

log = structlog.get_logger(__name__)
_TIMER = "engine"
Change = Callable[[Alert], Step]


def absorb(session: Session, reports: Sequence[Report], now: datetime, limits: Limits) -> list[Outcome]:
    """What each report did, in their order; a fixed number of statements however many there are.

    Several reports of one alert in a batch are taken one after the other, as if they had come apart.
    """
    if not reports:
        return []
    fingerprints = list({report.fingerprint for report in reports})
    known = store.latest_of(session, fingerprints)
    tombstones = store.tombstones_of(session, fingerprints) if any(not report.by_rule for report in reports) else {}
    before = {alert.id: alert for alert in known.values()}
    current: dict[Key, Alert | None] = dict(known)
    written: dict[str, Alert] = {}
    dropped: dict[Key, Alert] = {}
    entries: list[Entry] = []
    ends: dict[Key, Tombstone] = {}
    outcomes: list[Outcome] = []
    for report in reports:
        alert = current.get(report.key)
        outcome = decide(alert, report, now, limits, new_id(), tombstones.get(report.key))
        outcomes.append(outcome)
        if outcome.tombstone is not None:
            ends[report.key] = tombstones[report.key] = latest(outcome.tombstone, tombstones.get(report.key))
        if outcome.dropped and alert is not None:
            entries = [line for line in entries if line.alert_id != alert.id]
            dropped[report.key] = alert
            written.pop(alert.id, None)
        elif outcome.alert is not None:
            after = outcome.alert
            if report.key in dropped and after.id not in before and after.previous_alert_id is None:
                after = replace(after, previous_alert_id=dropped[report.key].previous_alert_id)
            written[after.id] = after
            entries.extend(outcome.entries)
        if outcome.result is not Result.IGNORED:
            current[report.key] = outcome.alert
    store.drop(session, [alert for alert in dropped.values() if alert.id in before])
    store.save(session, before, list(written.values()))
    store.append_entries(session, entries)
    store.put_tombstones(session, ends)
    _follow_up(session, entries, written)
    return outcomes


def change(session: Session, alert_id: str, step: Change, expected_version: int | None = None) -> Alert:
    """The alert after a person's step; NotFound, Conflict (stale version) or InvalidTransition otherwise."""
    alert = store.by_ids(session, [alert_id], lock=True).get(alert_id)
    if alert is None:
        raise NotFound(f"no alert {alert_id}")
    if expected_version is not None and expected_version != alert.version:
        raise Conflict(f"the alert is at version {alert.version}, not {expected_version}; read it again")
    done = step(alert)
    _save_steps(session, {alert.id: alert}, [done])
    return done.alert


def comment(
    session: Session, alert_id: str, text: str, now: datetime, actor: str, expected_version: int | None = None
) -> Entry:
    """A person's remark in the timeline."""
    made: list[Entry] = []

    def step(alert: Alert) -> Step:
        done = lifecycle.noted(alert, "commented", now, actor, text)
        made.extend(done.entries)
        return done

    change(session, alert_id, step, expected_version)
    return made[0]


def withdraw(session: Session, rule_ids: Sequence[str], now: datetime) -> int:
    """Resolve the open alerts of rules that were changed, disabled or deleted; returns how many there were."""
    open_now = store.alert_columns().where(
        store.ALERTS.c.rule_id.in_(rule_ids), store.ALERTS.c.signal.in_([Signal.PENDING.value, Signal.FIRING.value])
    )
    alerts = store.select_alerts(session, open_now.order_by(store.ALERTS.c.id).with_for_update())
    store.drop(session, [alert for alert in alerts if alert.signal is Signal.PENDING])
    firing = {alert.id: alert for alert in alerts if alert.signal is Signal.FIRING}
    reason = "the rule was changed, disabled or deleted"
    steps = [
        lifecycle.resolve(replace(alert, source_firing=False), now, _TIMER, reason, Resolution.RULE_CHANGED)
        for alert in firing.values()
    ]
    _save_steps(session, firing, steps)
    return len(alerts)


def expire_acknowledgements(session: Session, now: datetime, limit: int) -> int:
    """Take back acknowledgements whose time-out has passed (A5); returns how many."""
    due = store.alert_columns().where(
        store.ALERTS.c.ack_expires_at <= now, store.ALERTS.c.status == Status.ACKNOWLEDGED.value
    )
    return _sweep(
        session,
        due.order_by(store.ALERTS.c.ack_expires_at).limit(limit),
        lambda alert: lifecycle.unacknowledge(alert, now, _TIMER, "the acknowledgement timed out"),
    )


def close_old(session: Session, now: datetime, close_after: timedelta, limit: int) -> int:
    """Close alerts that have been resolved for long enough (A10); returns how many."""
    due = store.alert_columns().where(
        store.ALERTS.c.status == Status.RESOLVED.value, store.ALERTS.c.resolved_at <= now - close_after
    )
    return _sweep(
        session,
        due.limit(limit),
        lambda alert: lifecycle.close(alert, now, _TIMER, "resolved and quiet for long enough"),
    )


def claim_dispatch(session: Session, now: datetime, limit: int, only: str | None = None) -> list[Alert]:
    """Alerts about which somebody may have to be told, or only one of them."""
    return store.claim_dispatch(session, now, limit, only)


def set_aside(session: Session, alert_id: str, error: str, now: datetime) -> None:
    """Take an alert out of the line that its own content holds up, and say so in its timeline."""
    line = store.take_out_of_line(session, alert_id, now)
    if line is not None:
        seq, status = line
        store.append_entries(session, [Entry(alert_id, seq, now, "dispatch_failed", _TIMER, error, status, status)])


def note_untold(session: Session, untold: Mapping[str, Sequence[str]], now: datetime) -> None:
    """Write to the timelines why a destination was not told; `untold` maps an alert's id to reasons."""
    before = store.by_ids(session, list(untold), lock=True)
    steps = [
        lifecycle.noted(alert, "not_notified", now, _TIMER, "; ".join(untold[alert.id])) for alert in before.values()
    ]
    _save_steps(session, before, steps)


def _sweep(session: Session, due: sa.Select[tuple[object, ...]], step: Change) -> int:
    alerts = store.select_alerts(session, due.with_for_update(skip_locked=True))
    _save_steps(session, {alert.id: alert for alert in alerts}, [step(alert) for alert in alerts])
    return len(alerts)


def _save_steps(session: Session, before: dict[str, Alert], steps: Iterable[Step]) -> None:
    steps = [done for done in steps if done.entries]
    after = {done.alert.id: done.alert for done in steps}
    entries = [line for done in steps for line in done.entries]
    store.save(session, before, list(after.values()))
    store.append_entries(session, entries)
    _follow_up(session, entries, after)


def _follow_up(session: Session, entries: Sequence[Entry], alerts: dict[str, Alert]) -> None:
    """After the commit: tell whoever watches, and wake the stage that decides whom to notify."""
    last = {line.alert_id: line for line in entries}
    if not last:
        return
    announce(session, [_event(alerts[alert_id], line) for alert_id, line in last.items()])
    if any(alert.dispatch_due_at is not None for alert in alerts.values()):
        nudge(session, "correlation")
    after_commit(session, object(), lambda: _log(entries))


def _log(entries: Sequence[Entry]) -> None:
    by_kind: dict[str, list[str]] = {}
    for line in entries:
        by_kind.setdefault(line.kind, []).append(line.alert_id)
    for kind, ids in by_kind.items():
        log.info(f"alert {kind}", alert_id=ids[0] if len(ids) == 1 else ids, n_alerts=len(ids))


def _event(alert: Alert, line: Entry) -> Event:
    if line.kind in ("opened", "activated", "reopened"):
        kind = "alert.opened"
    elif alert.status in OPEN_STATUSES or alert.status is Status.PENDING:
        kind = "alert.updated"
    else:
        kind = "alert.resolved" if alert.status is Status.RESOLVED else "alert.closed"
    return Event(
        kind,
        alert.id,
        {
            "id": alert.id,
            "version": alert.version,
            "status": alert.status.value,
            "severity": alert.severity.value,
            "name": alert.name,
            "service": alert.service,
            "source": alert.source,
            "value": alert.value,
            "occurrences": alert.occurrences,
            "change": line.kind,
            "at": line.at,
        },
    )
