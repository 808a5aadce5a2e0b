"""A heartbeat as a value: what a beat, a new configuration and silence do to it, and what an outage of ours means."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.alerts.domain.alert import Report
from app.core.durations import format_duration
from app.core.errors import Invalid
from app.core.labels import fingerprint
from app.core.severity import Severity
from app.telemetry.domain import milliseconds, moment_of

MAX_NAME = 200
_MAX_TITLE = 200  # characters of an alert's name


class State(StrEnum):
    """How it is: no beat yet, in time, missing, or not watched."""

    NEW = "new"
    UP = "up"
    DOWN = "down"
    DISABLED = "disabled"


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a person says of a heartbeat: a beat comes every `interval`, and is missing when it is `grace` late."""

    interval: timedelta
    grace: timedelta
    severity: Severity = Severity.HIGH
    description: str = ""
    service: str | None = None
    notification_channels: tuple[str, ...] = ()
    escalation_policy: str | None = None
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """One heartbeat as it stands; `version` grows with its state and its configuration, not with every beat.

    `expires_at` is None where no beat is waited for. `changed_at`, when the state last changed, never goes back.
    """

    name: str
    config: Config
    state: State
    expires_at: datetime | None
    changed_at: datetime
    created_at: datetime
    updated_at: datetime
    last_beat_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True)
class Step:
    """A heartbeat after a step, and what its alert is told; None when there is nothing to tell."""

    heartbeat: Heartbeat
    report: Report | None = None


@dataclass(frozen=True)
class Watch:
    """What a sweep does: whoever was waited for until `until` is missing; first, `restart` begins all others anew."""

    until: datetime
    restart: bool = False


def check_name(name: str) -> None:
    """Invalid unless a heartbeat can be called so."""
    if not 1 <= len(name) <= MAX_NAME or "\x00" in name or "/" in name:
        raise Invalid({"name": [f"use 1 to {MAX_NAME} characters without / and U+0000"]})


def made(name: str, config: Config, now: datetime, *, by_beat: bool = False) -> Heartbeat:
    """A new heartbeat; without a beat the first one is expected within interval and grace from now."""
    state = State.DISABLED if not config.enabled else State.UP if by_beat else State.NEW
    return Heartbeat(
        name=name,
        config=config,
        state=state,
        expires_at=_expiry(config, now) if config.enabled else None,
        changed_at=now,
        created_at=now,
        updated_at=now,
        last_beat_at=now if by_beat else None,
    )


def beaten(heartbeat: Heartbeat, now: datetime) -> Step:
    """A beat came: the next one is waited for, unless nobody watches; one that was missing is no more."""
    config = heartbeat.config
    if heartbeat.state is State.DISABLED:
        return Step(replace(heartbeat, last_beat_at=now))
    alive = replace(heartbeat, last_beat_at=now, expires_at=_expiry(config, now))
    if heartbeat.state is State.UP:
        return Step(alive)
    up = _in_state(alive, State.UP, now)
    return Step(up, _report(up, now, firing=False, reason="a beat came") if heartbeat.state is State.DOWN else None)


def configured(heartbeat: Heartbeat, config: Config, now: datetime) -> Step:
    """A new configuration gives a new interval and grace from now; the same one changes nothing.

    One that is missing stays so until a beat comes. One that nobody watches any more has its alert resolved.
    """
    if config == heartbeat.config:
        return Step(heartbeat)
    after = replace(heartbeat, config=config, version=heartbeat.version + 1, updated_at=now)
    if not config.enabled:
        off = _in_state(replace(after, expires_at=None, version=heartbeat.version), State.DISABLED, now)
        return Step(off, withdrawn(heartbeat, now, "the heartbeat was disabled"))
    if heartbeat.state is State.DOWN:
        return Step(after)
    after = replace(after, expires_at=_expiry(config, now))
    if heartbeat.state is State.DISABLED:
        state = State.UP if heartbeat.last_beat_at else State.NEW
        return Step(_in_state(replace(after, version=heartbeat.version), state, now))
    return Step(after)


def missing(heartbeat: Heartbeat, now: datetime) -> Step:
    """No beat came in time."""
    config = heartbeat.config
    down = _in_state(replace(heartbeat, expires_at=None), State.DOWN, now)
    last = f"since {heartbeat.last_beat_at:%Y-%m-%d %H:%M:%S}Z" if heartbeat.last_beat_at else "ever"
    expected = (
        f"one is expected every {format_duration(config.interval)}, with {format_duration(config.grace)} of grace"
    )
    return Step(down, _report(down, now, firing=True, reason=f"no beat came {last}; {expected}"))


def withdrawn(heartbeat: Heartbeat, now: datetime, reason: str) -> Report | None:
    """The end of a missing heartbeat's alert because nobody watches it any more; None when it is not missing."""
    return _report(heartbeat, now, firing=False, reason=reason) if heartbeat.state is State.DOWN else None


def watch(mark: datetime, web_seen_at: datetime | None, outage: timedelta) -> Watch:
    """What a sweep does. `mark` is the time up to which beats could be received and were watched.

    It follows the last sign of a web process: until the next one nobody knows whether beats can come in, and so none
    is missing. When signs and mark are more than `outage` apart, beats may have been lost, or nobody watched. Then
    whoever was in time at the mark gets its whole interval and grace anew: its next beat may only just have been due.
    """
    if web_seen_at is None or web_seen_at <= mark:
        return Watch(mark)
    return Watch(web_seen_at, restart=web_seen_at - mark > outage)


def _expiry(config: Config, now: datetime) -> datetime:
    return moment_of(milliseconds(now + config.interval + config.grace))  # as exact as it is stored


def _in_state(heartbeat: Heartbeat, state: State, now: datetime) -> Heartbeat:
    # Two machines' clocks differ a little, and an alert ignores what is older than what it knows.
    changed_at = max(now, heartbeat.changed_at)
    return replace(heartbeat, state=state, changed_at=changed_at, version=heartbeat.version + 1, updated_at=now)


def _report(heartbeat: Heartbeat, now: datetime, *, firing: bool, reason: str) -> Report:
    config, labels = heartbeat.config, {"heartbeat": heartbeat.name}
    namespace = f"heartbeat:{heartbeat.name}"
    return Report(
        fingerprint=fingerprint(namespace, labels),
        namespace=namespace,
        actor="engine",
        name=_title(heartbeat.name),
        severity=config.severity,
        firing=firing,
        event_at=max(now, heartbeat.changed_at),
        source="heartbeats",
        description=config.description,
        service=config.service,
        labels={**labels, **({"service": config.service} if config.service else {})},
        notification_channels=config.notification_channels,
        escalation_policy=config.escalation_policy,
        reason=reason,
    )


def _title(name: str) -> str:
    whole = f"Heartbeat {name} is missing"
    excess = len(whole) - _MAX_TITLE
    return whole if excess <= 0 else f"Heartbeat {name[: -excess - 1]}… is missing"
