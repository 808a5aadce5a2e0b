"""Verdicts: what an evaluation of a rule says of one group of series, and its reason in words."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.core.durations import format_duration
from app.core.labels import Labels
from app.rules.domain.aggregation import needs_two
from app.rules.domain.rule import Operator, Rule, Source

_WORDS = {
    Operator.GREATER_THAN: "greater than",
    Operator.GREATER_OR_EQUAL: "greater than or equal to",
    Operator.LESS_THAN: "less than",
    Operator.LESS_OR_EQUAL: "less than or equal to",
    Operator.EQUAL: "equal to",
    Operator.NOT_EQUAL: "different from",
    Operator.OUTSIDE_RANGE: "outside of",
    Operator.INSIDE_RANGE: "inside of",
}


class Outcome(StrEnum):
    """What an evaluation came to.

    Held: the condition does not hold, and its `resolve_threshold` is not reached either. An alert that fires goes on.
    """

    FIRING = "firing"
    HELD = "held"
    OK = "ok"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Expected:
    """What an anomaly rule expected: the median of `n` values of the past, and the band that is no anomaly yet."""

    value: float
    low: float
    high: float
    n: int
    season: timedelta | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one group of series; `labels` identify the group among the rule's.

    `note` is what cannot be told from the rest: what failed, or why there is no data. `of_source` tells that not the
    rule failed but the server that it asks.
    """

    rule: Rule
    labels: Labels
    outcome: Outcome
    value: float | None
    n_samples: int
    note: str = ""
    expected: Expected | None = None
    of_source: bool = False

    @property
    def reason(self) -> str:
        """The verdict in words; made when somebody asks, because most verdicts are never read."""
        if self.note:
            return self.note
        if self.outcome is Outcome.NO_DATA:
            return _no_data(self.rule, self.n_samples)
        if self.outcome is Outcome.ERROR:
            return f"{_subject(self.rule)} is beyond what can be computed"
        return _reason(self)


def watched(rule: Rule) -> str:
    """What a rule looks at, in words."""
    if rule.source is Source.METRIC:
        return rule.metric
    if rule.source is Source.PROMETHEUS:
        return "the query"
    if rule.source is Source.EVENT:
        return f"events of type {rule.type}"
    parts = [
        f'matching "{rule.pattern}"' if rule.pattern else "",
        f"of level {rule.level} or worse" if rule.level else "",
    ]
    return " ".join(["log entries", *(part for part in parts if part)])


def bound(rule: Rule) -> str:
    """The threshold in words."""
    if isinstance(rule.threshold, tuple):
        return f"{rule.threshold[0]:.6g} to {rule.threshold[1]:.6g}"
    return "" if rule.threshold is None else f"{rule.threshold:.6g}"


def _subject(rule: Rule) -> str:
    if rule.source is Source.PROMETHEUS:
        return "the query's value"
    return f"{rule.aggregation} of {watched(rule)} over {format_duration(rule.window)}"


def _reason(verdict: Verdict) -> str:
    rule, n = verdict.rule, verdict.n_samples
    samples = "1 sample" if n == 1 else f"{n} samples"
    if rule.operator is Operator.ABSENT:
        since = f"within {format_duration(rule.window)}"
        return f"no sample of {watched(rule)} {since}" if not n else f"{samples} of {watched(rule)} {since}"
    value = "not a number" if verdict.value is None else f"{verdict.value:.6g}"
    if rule.operator is None:
        return f"the query returns {value}"
    said = f"{_subject(rule)} is {value}, {_compared(verdict)}"
    return said if rule.source is Source.PROMETHEUS else f"{said} ({samples})"


def _compared(verdict: Verdict) -> str:
    rule, firing = verdict.rule, verdict.outcome is Outcome.FIRING
    if verdict.expected is not None:
        return _against(verdict.expected, firing=firing)
    assert rule.operator is not None
    compared = f"{'' if firing else 'not '}{_WORDS[rule.operator]} {bound(rule)}"
    if verdict.outcome is Outcome.HELD:
        compared += f", and not yet past {rule.resolve_threshold:.6g}, where an alert ends"
    return compared


def _against(expected: Expected, *, firing: bool) -> str:
    where = "outside of" if firing else "inside of"
    season = f"season {format_duration(expected.season)}" if expected.season else "no season"
    return (
        f"{where} the expected {expected.low:.6g} to {expected.high:.6g} "
        f"around {expected.value:.6g} ({season}, {expected.n} values of the past)"
    )


def _no_data(rule: Rule, n: int) -> str:
    within = f"within {format_duration(rule.window)}"
    if n == 0:
        return f"no sample of {watched(rule)} {within}"
    if n < rule.min_samples:
        return f"{n} of the {rule.min_samples} samples of {watched(rule)} that are needed {within}"
    if needs_two(rule.aggregation):
        return (
            f"{rule.aggregation} needs two samples of {watched(rule)} {within}; there {'is' if n == 1 else 'are'} {n}"
        )
    return f"too little of {watched(rule)} {within}"
