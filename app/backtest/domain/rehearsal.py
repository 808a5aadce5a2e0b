"""A rehearsal: what a rule would have done."""

from app.alerts.domain.absorption import Limits
from app.backtest.domain.alerts import NEWS, Alerts, State
from app.backtest.domain.judging import Judged
from app.backtest.domain.results import Rehearsal
from app.rules.domain.grouping import grouped
from app.rules.domain.rule import Rule
from app.telemetry.domain import Milliseconds, Windows, moment_of


def rehearse(rule: Rule, windows: Windows, moments: Milliseconds, limits: Limits) -> Rehearsal:
    """What the rule would have done at `moments` (ascending) with the samples of `windows`, whose selection is its."""
    groups = grouped([rule], windows)
    judged = Judged.of(rule, windows, groups, moments)
    alerts = Alerts(rule, limits)
    repeated: int | None = None  # the last moment at which all that fired had fired already
    states = alerts.states(groups)
    for position, codes in enumerate(judged.outcomes.T.tolist()):
        if states and not any(code in NEWS[state] for state, code in zip(states, codes, strict=True)):
            repeated = position if State.STEADY in states else None
            continue
        for news in (position,) if repeated is None else (repeated, position):
            alerts.take(judged.verdicts(news), moment_of(int(moments[news])))
        repeated, states = None, alerts.states(groups)
    if repeated is not None:
        alerts.take(judged.verdicts(repeated), moment_of(int(moments[repeated])))
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
