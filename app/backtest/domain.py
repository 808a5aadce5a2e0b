"""A rehearsal: a rule judged at moments of the past, its alerts opened and resolved by the rules of the live system."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from app.alerts.domain.absorption import Limits, Outcome, Result, decide
from app.alerts.domain.alert import Alert, Key, Report, Signal
from app.core.durations import format_duration
from app.core.errors import Invalid
from app.core.labels import Labels
from app.reports import reports_of
from app.rules.domain.anomaly import Baseline, baseline, bucket_ends, step_of
from app.rules.domain.evaluation import against, evaluate, judge, outcome_of, shown
from app.rules.domain.grouping import Groups, grouped
from app.rules.domain.identity import without_doubles
from app.rules.domain.rule import Operator, Rule
from app.rules.domain.verdict import Outcome as Found
from app.rules.domain.verdict import Verdict
from app.telemetry.domain import Milliseconds, Numbers, Windows, milliseconds, moment_of

MAX_JUDGED = 2_000_000  # pairs of a group and a moment, at most 10 s of work
_MAX_MOMENTS = 20_000
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Fired:
    """One time that an alert fired; `reopened` when the same alert had fired shortly before: a flap.

    `resolved_at` None means that it still fires at the end.
    """

    labels: Labels
    annotations: Mapping[str, str]
    pending_at: datetime | None
    fired_at: datetime
    resolved_at: datetime | None
    value: float | None
    reason: str
    reopened: bool


@dataclass(frozen=True)
class Curve:
    """What a rule saw of one group: its value at moments (NaN where there is none), and for anomalies the band."""

    labels: Labels
    times: Milliseconds
    values: Numbers
    low: Numbers | None = None
    high: Numbers | None = None


@dataclass(frozen=True)
class Rehearsal:
    """What a rule would have done; `fired` in the order of time."""

    since: datetime
    until: datetime
    n_evaluations: int
    n_samples: int
    fired: tuple[Fired, ...]
    curves: tuple[Curve, ...]
    failures: tuple[str, ...] = ()

    @property
    def n_alerts(self) -> int:
        """Alerts that were opened."""
        return sum(not one.reopened for one in self.fired)

    @property
    def n_flaps(self) -> int:
        """Times that an alert fired again shortly after it had been resolved."""
        return sum(one.reopened for one in self.fired)

    @property
    def firing(self) -> timedelta:
        """How long alerts fired, all added up."""
        return sum(((one.resolved_at or self.until) - one.fired_at for one in self.fired), timedelta(0))


@dataclass(frozen=True)
class Score:
    """Firings against labelled windows: how many windows were hit, and how many firings hit none."""

    n_windows: int
    n_hits: int
    n_false_alarms: int
    false_alarms_per_series_day: float

    @property
    def n_missed(self) -> int:
        """Windows in which nothing fired."""
        return self.n_windows - self.n_hits


def moments_of(
    windows: Windows,
    interval: timedelta,
    step: timedelta | None,
    until: datetime,
    *,
    since: datetime | None = None,
    most: int = MAX_JUDGED,
) -> Milliseconds:
    """When a rehearsal evaluates (ms since 1970): on arrival of each sample and each `step`, as the live system does.

    It begins after `since`, or with the first sample. Without a step the rule's interval is taken, but not less than
    what the samples are apart, nor so little that it would be too many moments; then samples that arrive in between are
    judged with the next step. Invalid when a step means more than `most` moments.
    """
    if not windows.times.size and since is None:
        return np.empty(0, np.int64)
    arrivals = np.unique(windows.times)
    first, last = int(arrivals[0]) if since is None else milliseconds(since) + 1, milliseconds(until)
    apart = int(np.median(np.diff(arrivals))) if arrivals.size > 1 else 0
    cap = max(min(most, _MAX_MOMENTS), 1)
    least = max(interval // timedelta(milliseconds=1), apart, (last - first) // cap + 1)
    wanted = step // timedelta(milliseconds=1) if step else least
    if (last - first) // wanted > most:  # before they are made: they would fill the memory
        raise too_many((last - first) // most)
    grid = np.arange(first, last + 1, wanted, dtype=np.int64)
    if step is None and grid.size + arrivals.size <= 2 * cap:
        grid = np.union1d(grid, arrivals)
    return grid[(grid >= first) & (grid <= last)]


def too_many(least_ms: int) -> Invalid:
    """The error of a step that means too many evaluations, where a step of `least_ms` would do."""
    least = format_duration(timedelta(seconds=least_ms // 1000 + 1))
    return Invalid({"step": [f"that are too many evaluations; use a step of at least {least}"]})


def rehearse(rule: Rule, windows: Windows, moments: Milliseconds, limits: Limits) -> Rehearsal:
    """What the rule would have done at `moments` (ascending) with the samples of `windows`, whose selection is its."""
    groups = grouped([rule], windows)
    judged = _Judged.of(rule, windows, groups, moments)
    alerts = _Alerts(rule, limits)
    for position, at_ms in enumerate(moments.tolist()):
        if alerts.idle and not judged.may_matter(position):
            continue
        alerts.take(judged.verdicts(position), moment_of(at_ms))
    since = moment_of(int(moments[0])) if moments.size else windows.now
    return Rehearsal(
        since=since,
        until=moment_of(int(moments[-1])) if moments.size else windows.now,
        n_evaluations=int(moments.size),
        n_samples=int(windows.times.size),
        fired=tuple(alerts.fired()),
        curves=tuple(judged.curves()),
        failures=tuple(dict.fromkeys(alerts.failures)),
    )


def score(rehearsal: Rehearsal, labelled: Sequence[tuple[datetime, datetime]]) -> Score:
    """The rehearsal against windows (start, end) in which something should have fired."""
    spans = [(one.fired_at, one.resolved_at or rehearsal.until) for one in rehearsal.fired]
    n_hits = sum(any(fired <= end and over >= start for fired, over in spans) for start, end in labelled)
    n_false = sum(not any(fired <= end and over >= start for start, end in labelled) for fired, over in spans)
    days = max((rehearsal.until - rehearsal.since) / _DAY, 1e-9) * max(len(rehearsal.curves), 1)
    return Score(len(labelled), n_hits, n_false, n_false / days)


@dataclass(frozen=True)
class _Judged:
    """Every group at every moment, as tables [group, moment]."""

    rule: Rule
    groups: Groups
    moments: Milliseconds
    values: Numbers
    n_samples: npt.NDArray[np.intp]
    outcomes: npt.NDArray[np.int8]
    baselines: tuple[tuple[Baseline | str, ...], ...]  # of an anomaly rule: by group and moment

    @classmethod
    def of(cls, rule: Rule, windows: Windows, groups: Groups, moments: Milliseconds) -> "_Judged":
        n_groups = len(groups.rule)
        chosen = np.repeat(np.arange(n_groups), moments.size)
        judged = judge([rule], windows, groups, chosen, np.tile(moments, n_groups))
        shape = (n_groups, moments.size)
        baselines: tuple[tuple[Baseline | str, ...], ...] = ()
        if rule.operator is Operator.ANOMALY:
            baselines = tuple(_baselines(rule, windows, groups, group, moments) for group in range(n_groups))
        return cls(
            rule,
            groups,
            moments,
            judged.values.reshape(shape),
            judged.n_samples.reshape(shape),
            judged.outcomes.reshape(shape),
            baselines,
        )

    def may_matter(self, position: int) -> bool:
        """Whether anything can begin or fail at a moment; most moments are over with this question."""
        if self.rule.operator is Operator.ANOMALY or not self.groups.rule:
            return any(verdict.outcome in (Found.FIRING, Found.ERROR) for verdict in self.verdicts(position))
        return bool(np.isin(self.outcomes[:, position], _MATTERING).any())

    def verdicts(self, position: int) -> list[Verdict]:
        """What the rule said of each group at a moment."""
        if not self.groups.rule:
            return evaluate([self.rule], _nothing(moment_of(int(self.moments[position]))))
        found = []
        for group, labels in enumerate(self.groups.labels):
            value, n = float(self.values[group, position]), int(self.n_samples[group, position])
            outcome = outcome_of(int(self.outcomes[group, position]))
            if self.baselines and outcome not in (Found.NO_DATA, Found.ERROR):
                found.append(against(self.rule, labels, value, n, self.baselines[group][position]))
            else:
                found.append(Verdict(self.rule, labels, outcome, shown(self.rule, value, outcome), n))
        return without_doubles(found)

    def curves(self) -> Iterator[Curve]:
        """What the rule saw of each group."""
        for group, labels in enumerate(self.groups.labels):
            band: tuple[Numbers | None, Numbers | None] = (None, None)
            if self.baselines:
                assert isinstance(self.rule.threshold, float | int)
                z_score = self.rule.threshold
                bounds = [
                    (np.nan, np.nan)
                    if isinstance(one, str)
                    else (one.expected(z_score).low, one.expected(z_score).high)
                    for one in self.baselines[group]
                ]
                table = np.array(bounds, np.float64).reshape(-1, 2)
                band = (table[:, 0], table[:, 1])
            yield Curve(labels, self.moments, self.values[group], *band)


_MATTERING = [code for code in range(len(Found)) if outcome_of(code) in (Found.FIRING, Found.ERROR)]


def _baselines(
    rule: Rule, windows: Windows, groups: Groups, group: int, moments: Milliseconds
) -> tuple[Baseline | str, ...]:
    """What the past let expect at each moment, computed anew each time that a value of the past is added to it."""
    if not moments.size:
        return ()
    first = int(windows.times.min()) if windows.times.size else int(moments[0])
    step = step_of(rule) // timedelta(milliseconds=1)
    if (int(moments[-1]) - first) // step > MAX_JUDGED:
        raise Invalid({"samples": ["they lie too far apart for an anomaly rule; leave out the old ones"]})
    ends = bucket_ends(rule, first, int(moments[-1]))
    kept = judge([rule], windows, groups, np.full(ends.size, group), ends).values
    usable = np.isfinite(kept)
    times, values = ends[usable], kept[usable]
    known: dict[int, Baseline | str] = {}
    return tuple(
        known[bucket]
        if (bucket := at // step) in known
        else known.setdefault(bucket, baseline(rule, times, values, at))
        for at in moments.tolist()
    )


def _nothing(now: datetime) -> Windows:
    return Windows(now, (), np.zeros(1, np.intp), np.empty(0, np.int64), np.empty(0), ((),))


@dataclass
class _Alerts:
    """The alerts of a rule, as they would have been kept: the latest of each identity, and what has fired so far."""

    rule: Rule
    limits: Limits
    current: dict[Key, Alert] = field(default_factory=dict)
    open_spans: dict[Key, Fired] = field(default_factory=dict)
    closed: list[Fired] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Whether no alert waits for its condition to be false."""
        return not any(_waits(alert) for alert in self.current.values())

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


def _waits(alert: Alert) -> bool:
    """Whether the news "condition is false" matters to an alert, as in the live system."""
    return alert.signal in (Signal.PENDING, Signal.FIRING) or alert.pending_since is not None or alert.source_firing
