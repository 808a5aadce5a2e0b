"""What a source's report does to the alert that it speaks of: a pure decision with a named result."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app.alerts.domain.alert import Alert, Entry, Report, Resolution, Signal, Status
from app.alerts.domain.lifecycle import Action, Step, entry, resolve, step, unacknowledge


class Result(StrEnum):
    """What became of a report."""

    CREATED = "created"
    DEDUPLICATED = "deduplicated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    IGNORED = "ignored"
    DROPPED = "dropped"  # a pending alert whose condition did not hold long enough


@dataclass(frozen=True, slots=True)
class Limits:
    """The windows of the decision; each is a setting."""

    reopen_window: timedelta = timedelta(minutes=10)
    resolve_hold: timedelta = timedelta(minutes=15)
    tombstone_window: timedelta = timedelta(minutes=10)
    repeat_entry_every: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The end of something never seen firing, as its source gave it, and when we heard of it."""

    resolved_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a report did: the alert after it (None where there is none), timeline lines, and why."""

    result: Result
    alert: Alert | None
    entries: tuple[Entry, ...] = ()
    reason: str = ""
    tombstone: Tombstone | None = None  # a resolve of something never seen leaves one

    @property
    def dropped(self) -> bool:
        """Whether a pending alert went away because its condition did not hold long enough."""
        return self.result is Result.DROPPED


def latest(new: Tombstone, known: Tombstone | None) -> Tombstone:
    """Of two ends of one thing the later, which is remembered from now on."""
    return new if known is None else Tombstone(max(new.resolved_at, known.resolved_at), new.received_at)


def decide(
    current: Alert | None,
    report: Report,
    now: datetime,
    limits: Limits,
    new_id: str,
    tombstone: Tombstone | None = None,
) -> Outcome:
    """What `report` does to `current`, the latest alert of its fingerprint.

    `new_id` names the alert that may be made; `tombstone` is what a resolve left that found no alert.
    """
    if not report.firing:
        return _cleared(current, report, now)
    if current is None:
        return _first(report, now, limits, new_id, tombstone)
    if current.signal is Signal.PENDING:
        return _still_pending(current, report, now)
    if current.signal is Signal.FIRING:
        return _repeated(current, report, now, limits)
    return _again(current, report, now, limits, new_id)


def _first(report: Report, now: datetime, limits: Limits, new_id: str, tombstone: Tombstone | None) -> Outcome:
    late = (
        tombstone is not None
        and report.event_at <= tombstone.resolved_at
        and now - tombstone.received_at <= limits.tombstone_window
    )
    if late:
        return Outcome(Result.IGNORED, None, reason="started before a resolve that has come in already")
    return _opened(report, now, new_id, previous=None)


def _opened(report: Report, now: datetime, new_id: str, previous: Alert | None) -> Outcome:
    waits = report.pending_for > timedelta(0)
    alert = Alert(
        id=new_id,
        fingerprint=report.fingerprint,
        namespace=report.namespace,
        name=report.name,
        severity=report.severity,
        source=report.source,
        created_at=now,
        updated_at=now,
        first_seen_at=now,
        last_seen_at=now,
        description=report.description,
        service=report.service,
        labels=report.labels,
        annotations=report.annotations,
        metric=report.metric,
        value=report.value,
        threshold=report.threshold,
        rule_id=report.rule_id,
        notification_channels=report.notification_channels,
        escalation_policy=report.escalation_policy,
        previous_alert_id=previous.id if previous else None,
        signal=Signal.PENDING if waits else Signal.FIRING,
        starts_at=report.starts_at or report.event_at,
        ends_at=report.ends_at,
        last_source_at=report.event_at,
        pending_since=now if waits else None,
        last_repeat_at=now,
        activated_at=None if waits else now,
        dispatch_due_at=None if waits else now,
        timeline_seq=1,
    )
    kind = "pending" if waits else "opened"
    line = entry(alert, kind, now, report.actor, report.reason, None, _found(report))
    return Outcome(Result.CREATED, alert, (line,), kind)


def _still_pending(current: Alert, report: Report, now: datetime) -> Outcome:
    seen = replace(_seen(current, report, now), severity=report.severity)
    since = current.pending_since or now
    if now - since < report.pending_for:
        return Outcome(Result.DEDUPLICATED, seen, reason="held for less than its time")
    done = step(
        seen,
        Action.ACTIVATE,
        now,
        report.actor,
        report.reason,
        _found(report),
        pending_since=None,
        last_repeat_at=now,
        activated_at=now,
        dispatch_due_at=now,
    )
    return Outcome(Result.CREATED, done.alert, done.entries, "held for its time")


def _repeated(current: Alert, report: Report, now: datetime, limits: Limits) -> Outcome:
    if _is_older(current, report):
        counted = replace(current, occurrences=current.occurrences + 1, last_seen_at=now)
        return Outcome(Result.DEDUPLICATED, counted, reason="older than what is known")
    after = replace(_seen(current, report, now), clearing_since=None)
    if report.starts_at is None:
        # A repeat is no change: a resolve may be a little older than it and still end what it repeats.
        after = replace(after, last_source_at=current.last_source_at)
    entries: tuple[Entry, ...] = ()
    if report.severity is not current.severity:
        changed = _severity_changed(current, after, report, now)
        after, entries = changed.alert, changed.entries
    elif report.labels != current.labels:
        after = replace(
            after, timeline_seq=after.timeline_seq + 1, version=after.version + 1, updated_at=now, last_repeat_at=now
        )
        line = entry(after, "labels_changed", now, report.actor, report.reason, current.status, _found(report))
        entries = (line,)
    elif now - (current.last_repeat_at or current.first_seen_at) >= limits.repeat_entry_every:
        after = replace(after, timeline_seq=after.timeline_seq + 1, last_repeat_at=now)
        detail = {"occurrences": after.occurrences, "value": after.value, **_found(report)}
        entries = (entry(after, "repeated", now, report.actor, report.reason, current.status, detail),)
    return Outcome(Result.DEDUPLICATED, after, entries, "open already")


def _severity_changed(current: Alert, seen: Alert, report: Report, now: datetime) -> Step:
    raised = report.severity.rank > current.severity.rank
    after = replace(
        seen,
        severity=report.severity,
        timeline_seq=seen.timeline_seq + 1,
        version=seen.version + 1,
        updated_at=now,
        last_repeat_at=now,
        dispatch_due_at=now if raised else seen.dispatch_due_at,
    )
    detail = {"from": current.severity.value, "to": report.severity.value, **_found(report)}
    first = entry(after, "severity_changed", now, report.actor, report.reason, current.status, detail)
    if raised and after.status is Status.ACKNOWLEDGED:
        back = unacknowledge(after, now, report.actor, f"severity rose to {report.severity}")
        return Step(back.alert, (first, *back.entries))
    return Step(after, (first,))


def _again(current: Alert, report: Report, now: datetime, limits: Limits, new_id: str) -> Outcome:
    """The alert was resolved or closed, and its source says firing."""
    if _is_older(current, report):
        return Outcome(Result.IGNORED, current, reason="started before it was resolved")
    resolved_at = current.resolved_at or now
    by_person = current.resolution is Resolution.MANUAL
    goes_on = current.source_firing and (report.by_rule or report.starts_at == current.starts_at)
    if by_person and goes_on and now - resolved_at < limits.resolve_hold:
        counted = replace(current, occurrences=current.occurrences + 1, last_seen_at=now)
        return Outcome(Result.DEDUPLICATED, counted, reason="a person resolved it and the source only repeats itself")
    waiting = current.pending_since is not None  # it came back in time and is held by the rule's `for` since then
    within = now - resolved_at <= limits.reopen_window or waiting or (by_person and goes_on)
    if current.signal is Signal.CLOSED or not within:
        return _opened(report, now, new_id, previous=current)
    since = current.pending_since or now
    if now - since < report.pending_for:
        held = replace(current, pending_since=since, source_firing=True, last_source_at=report.event_at)
        return Outcome(Result.DEDUPLICATED, held, reason="fires again, held for less than its time")
    done = step(
        replace(_seen(current, report, now), episodes=current.episodes + 1, severity=report.severity),
        Action.REOPEN,
        now,
        report.actor,
        report.reason,
        _found(report),
        starts_at=report.starts_at or report.event_at,
        activated_at=now,
        pending_since=None,
        clearing_since=None,
        last_repeat_at=now,
        acknowledged_at=None,
        acknowledged_by=None,
        resolved_at=None,
        resolved_by=None,
        resolution=None,
        dispatch_due_at=now,
    )
    return Outcome(Result.REOPENED, done.alert, done.entries, "fires again within the reopen window")


def _cleared(current: Alert | None, report: Report, now: datetime) -> Outcome:
    if current is None:
        if report.by_rule:
            return Outcome(Result.IGNORED, None, reason="nothing is open")
        return Outcome(Result.IGNORED, None, reason="never seen firing", tombstone=Tombstone(report.event_at, now))
    if _is_older(current, report):
        return Outcome(Result.IGNORED, current, reason="older than what is known")
    if current.signal is Signal.PENDING:
        return Outcome(Result.DROPPED, None, reason="did not hold for its time")
    if current.signal is Signal.FIRING:
        if holds := _kept_firing(current, report, now):
            return holds
        resolution = Resolution.CONDITION_CLEARED if report.by_rule else Resolution.SOURCE
        quiet = replace(current, source_firing=False, last_source_at=report.event_at, ends_at=report.ends_at)
        done = resolve(quiet, now, report.actor, report.reason, resolution, _found(report))
        return Outcome(Result.RESOLVED, done.alert, done.entries, resolution.value)
    if current.source_firing or current.pending_since is not None:
        quiet = replace(current, source_firing=False, pending_since=None, last_source_at=report.event_at)
        return Outcome(Result.DEDUPLICATED, quiet, reason="resolved already; the source agrees")
    return Outcome(Result.DEDUPLICATED, current, reason="resolved already")


def _kept_firing(current: Alert, report: Report, now: datetime) -> Outcome | None:
    """The alert that goes on although its condition is false; None when it ends. Value and texts stay as they were."""
    if report.held:
        waiting = replace(current, clearing_since=None)
        return Outcome(Result.DEDUPLICATED, waiting, reason="between its threshold and the one at which it ends")
    since = current.clearing_since or now
    if now - since < report.keep_firing_for:
        waiting = replace(current, clearing_since=since)
        return Outcome(Result.DEDUPLICATED, waiting, reason="cleared for less than it is kept firing for")
    return None


def _found(report: Report) -> dict[str, Any]:
    """What a line of the timeline keeps of the evaluation that made it."""
    return {"evaluation": report.evaluation} if report.evaluation else {}


def _seen(current: Alert, report: Report, now: datetime) -> Alert:
    """The alert with what every report refreshes: counts, times, value, texts."""
    return replace(
        current,
        occurrences=current.occurrences + 1,
        last_seen_at=now,
        last_source_at=report.event_at,
        source_firing=True,
        ends_at=report.ends_at,
        description=report.description or current.description,
        labels=report.labels,
        annotations=report.annotations or current.annotations,
        service=report.service,
        value=report.value if report.value is not None else current.value,
        threshold=report.threshold if report.threshold is not None else current.threshold,
    )


def _is_older(current: Alert, report: Report) -> bool:
    return current.last_source_at is not None and report.event_at < current.last_source_at
