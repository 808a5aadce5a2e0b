"""The alerts of a rehearsal, kept by the decisions of the live system."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from app.alerts.domain.absorption import Limits, Outcome, Result, decide
from app.alerts.domain.alert import Alert, Key, Report, Signal
from app.backtest.domain.judging import CODES
from app.backtest.domain.results import Fired
from app.reports import reports_of
from app.rules.domain.grouping import Groups
from app.rules.domain.identity import identity_of
from app.rules.domain.rule import Rule
from app.rules.domain.verdict import Outcome as Found
from app.rules.domain.verdict import Verdict


class State(Enum):
    """How an alert stands: nothing is open, it fires and nothing else, or a time must pass."""

    NONE = "none"
    STEADY = "steady"
    WAITING = "waiting"


#: The outcomes that change something. A firing alert that fires again only takes over value and texts, and the last of
#: these is what counts.
NEWS = {
    State.NONE: {CODES[Found.FIRING], CODES[Found.ERROR]},
    State.STEADY: set(CODES.values()) - {CODES[Found.FIRING]},
    State.WAITING: set(CODES.values()),
}


@dataclass
class Alerts:
    """The alerts of a rule, as they would have been kept: the latest of each identity, and what has fired so far."""

    rule: Rule
    limits: Limits
    current: dict[Key, Alert] = field(default_factory=dict)
    open_spans: dict[Key, Fired] = field(default_factory=dict)
    closed: list[Fired] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def states(self, groups: Groups) -> list[State]:
        """How the alert of each group stands; empty where each moment may be news."""
        if self.rule.alert_labels:  # the value may be a part of the identity, and one alert several groups'
            idle = not any(_waits(alert) for alert in self.current.values())
            return [State.NONE] * len(groups.labels) if idle else []
        identities = (identity_of(self.rule, labels, None) for labels in groups.labels)
        return [_state(self.current.get((one.namespace, one.fingerprint))) for one in identities]

    def take(self, verdicts: Sequence[Verdict], now: datetime) -> None:
        """Let the verdicts of one moment open, keep and resolve alerts."""
        self.failures += [verdict.reason for verdict in verdicts if verdict.outcome is Found.ERROR][:1]
        waiting = {key[1] for key, alert in self.current.items() if _waits(alert)}
        for report in reports_of(verdicts, {self.rule.id: waiting}, now):
            before = self.current.get(report.key)
            outcome = decide(before, report, now, self.limits, report.fingerprint)
            self._note(before, outcome, report, now)

    def fired(self) -> list[Fired]:
        """Everything that fired, in the order of time."""
        return sorted([*self.closed, *self.open_spans.values()], key=lambda one: one.fired_at)

    def _note(self, before: Alert | None, outcome: Outcome, report: Report, now: datetime) -> None:
        after = outcome.alert
        if outcome.dropped or after is None:
            self.current.pop(report.key, None)
            return
        self.current[report.key] = after
        began = after.signal is Signal.FIRING and (before is None or before.signal is not Signal.FIRING)
        if began:
            pending = before.pending_since if before else None
            self.open_spans[report.key] = Fired(
                after.labels,
                after.annotations,
                pending,
                now,
                None,
                after.value,
                report.reason,
                outcome.result is Result.REOPENED,
            )
        elif after.signal is Signal.FIRING:
            span = self.open_spans[report.key]
            self.open_spans[report.key] = replace(span, labels=after.labels, annotations=after.annotations)
        elif report.key in self.open_spans:
            self.closed.append(replace(self.open_spans.pop(report.key), resolved_at=now))


def _state(alert: Alert | None) -> State:
    if alert is None or not _waits(alert):
        return State.NONE
    steady = alert.signal is Signal.FIRING and alert.clearing_since is None
    return State.STEADY if steady else State.WAITING


def _waits(alert: Alert) -> bool:
    """Whether the news "condition is false" matters to an alert, as in the live system."""
    return alert.signal in (Signal.PENDING, Signal.FIRING) or alert.pending_since is not None or alert.source_firing
