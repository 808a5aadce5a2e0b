"""A back-test says what the live pipeline would have done: its steps, one moment after the other, in a plain loop."""

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.alerts.domain.absorption import Limits, decide
from app.alerts.domain.alert import Signal
from app.backtest.domain import rehearse
from app.backtest.samples import windows_of_points
from app.reports import reports_of
from app.rules.domain import Aggregation, NoData, Operator, Outcome, evaluate
from app.rules.domain.identity import without_doubles
from app.telemetry.domain import Windows, moment_of
from tests.unit.rules.making import rule

T0 = 1_769_860_800_000
STEP_MS = 60_000
LABELS = [{"host": "a", "disk": "1"}, {"host": "a", "disk": "2"}, {"host": "b", "disk": "1"}]
SECOND = timedelta(seconds=1)
SAMPLES = st.lists(
    st.tuples(st.sampled_from(LABELS), st.integers(0, 24).map(lambda n: T0 + n * STEP_MS), st.integers(0, 20)),
    max_size=60,
    unique_by=lambda one: (tuple(one[0].items()), one[1]),
)
RULES = st.builds(
    lambda compared, **fields: rule(**{**compared, **fields}),
    st.sampled_from(
        [
            {"operator": Operator.GREATER_THAN, "threshold": 10.0},
            {"operator": Operator.GREATER_THAN, "threshold": 10.0, "resolve_threshold": 6.0},
            {"operator": Operator.LESS_THAN, "threshold": 5.0, "resolve_threshold": 9.0},
            {"operator": Operator.OUTSIDE_RANGE, "threshold": (4.0, 16.0)},
            {"operator": Operator.ABSENT, "threshold": None},
        ]
    ),
    aggregation=st.sampled_from([Aggregation.LAST, Aggregation.AVG, Aggregation.SUM, Aggregation.DELTA]),
    window=st.sampled_from([60, 90, 300]).map(timedelta(seconds=1).__mul__),
    pending_for=st.sampled_from([0, 60, 120, 150]).map(SECOND.__mul__),
    keep_firing_for=st.sampled_from([0, 60, 180]).map(SECOND.__mul__),
    no_data=st.sampled_from([NoData.KEEP, NoData.OK]),
    min_samples=st.sampled_from([1, 2]),
    group_by=st.sampled_from([None, (), ("host",)]),
    alert_labels=st.sampled_from([{}, {"disk": ""}, {"value": "{{ $value }}"}]),
)


def waits(alert):
    open_or_pending = alert.signal in (Signal.PENDING, Signal.FIRING)
    return open_or_pending or alert.pending_since is not None or alert.source_firing


def lived(of, windows, moments, limits):
    """(labels, when it fired, when it was resolved, reopened) of each firing, and what went wrong."""
    alerts, open_since, over, failures = {}, {}, [], []
    for at_ms in moments:
        now = moment_of(at_ms)
        present = Windows(now, windows.series, windows.starts, windows.times, windows.values, windows.selected)
        verdicts = without_doubles(evaluate([of], present))
        failures += [one.reason for one in verdicts if one.outcome is Outcome.ERROR]
        waiting = {fingerprint for fingerprint, alert in alerts.items() if waits(alert)}
        for report in reports_of(verdicts, {of.id: waiting}, now):
            before = alerts.get(report.fingerprint)
            outcome = decide(before, report, now, limits, f"{report.fingerprint} {at_ms}")
            after = outcome.alert
            if after is None:
                alerts.pop(report.fingerprint, None)
                continue
            alerts[report.fingerprint] = after
            was, fires = before is not None and before.signal is Signal.FIRING, after.signal is Signal.FIRING
            if fires and not was:
                open_since[report.fingerprint] = (now, outcome.result == "reopened")
            elif was and not fires:
                began, reopened = open_since.pop(report.fingerprint)
                over.append((tuple(sorted(after.labels.items())), began, now, reopened))
    for fingerprint, (began, reopened) in open_since.items():
        over.append((tuple(sorted(alerts[fingerprint].labels.items())), began, None, reopened))
    return sorted(over, key=str), sorted(set(failures))


@given(RULES, SAMPLES, st.sampled_from([STEP_MS, STEP_MS // 2]), st.sampled_from([2, 10]))
def test_a_rehearsal_is_what_would_have_been(of, samples, step, reopen):
    windows = windows_of_points(of, [(labels, at, float(value)) for labels, at, value in samples])
    limits = Limits(reopen_window=timedelta(minutes=reopen))
    moments = np.arange(T0, T0 + 25 * STEP_MS, step, dtype=np.int64)
    found = rehearse(of, windows, moments, limits)
    shown = [(tuple(sorted(one.labels.items())), one.fired_at, one.resolved_at, one.reopened) for one in found.fired]
    fired, failures = lived(of, windows, moments.tolist(), limits)
    assert sorted(shown, key=str) == fired
    assert sorted(found.failures) == failures
