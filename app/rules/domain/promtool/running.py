"""Tests against rules: which expectations hold, which do not and how, and which cannot be tried offline."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.core.durations import format_duration
from app.rules.domain.imported import Found, Imported
from app.rules.domain.promql import Unsupported, as_conditions
from app.rules.domain.promtool.notation import InputSeries
from app.rules.domain.promtool.reading import AlertTest, Case, ExpectedAlert, UnitTests
from app.rules.domain.rule import Definition, Source


@dataclass(frozen=True)
class Fired:
    """An alert that fires: all its labels, with or without its name, and its texts."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


#: The alerts of a rule that fire at a time in ms from the test's begin, when the rule is evaluated at 0 and then at
#: every interval: (rule, series, interval, at, external labels). What counts is the last evaluation until then.
FiredAt = Callable[[Definition, Sequence[InputSeries], timedelta, int, Mapping[str, str]], Sequence[Fired]]


@dataclass(frozen=True)
class Passed:
    """An expectation that holds."""

    case: str
    alertname: str
    at: timedelta


@dataclass(frozen=True)
class Failure:
    """An expectation that does not hold."""

    case: str
    alertname: str
    at: timedelta
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    matching: int

    @property
    def diff(self) -> str:
        """What differs, a line an alert: - is expected and does not fire, + fires and is not expected."""
        lines = [f"{self.case}: {self.alertname} at {format_duration(self.at)}"]
        if self.matching:
            lines.append(f"  {self.matching} as expected")
        lines += [f"- {alert}" for alert in self.missing] + [f"+ {alert}" for alert in self.unexpected]
        return "\n".join(lines)


@dataclass(frozen=True)
class NotRun:
    """An expectation that cannot be tried offline, and why."""

    case: str
    subject: str
    at: timedelta
    reason: str


@dataclass(frozen=True)
class Report:
    """How the tests went."""

    passed: tuple[Passed, ...]
    failed: tuple[Failure, ...]
    unsupported: tuple[NotRun, ...]


def offline(definition: Definition) -> Definition | Unsupported:
    """The rule that says the same of given series without a server; Unsupported with the reason."""
    if definition.source is Source.METRIC:
        return definition
    if definition.source is not Source.PROMETHEUS:
        return Unsupported(f"a rule with source {definition.source} counts entries, and a test file has none")
    if definition.operator is not None:
        return Unsupported("a rule that compares what a query returns needs the server for it")
    conditions = as_conditions(definition.query or "")
    if isinstance(conditions, Unsupported):
        return conditions
    labels = {**conditions.get("alert_labels", {}), **definition.alert_labels}
    return replace(definition, **{**conditions, "query": None, "datasource": None, "alert_labels": labels})


def run(tests: UnitTests, imported: Imported, fired_at: FiredAt) -> Report:
    """How the tests go against the rules that were read from the files that they name."""
    passed: list[Passed] = []
    failed: list[Failure] = []
    not_run: list[NotRun] = []
    for case in tests.cases:
        not_run += [
            NotRun(case.name, one.query, one.at, "a query is answered by a Prometheus server only")
            for one in case.query_tests
        ]
        for test in case.alert_tests:
            outcome = _tried(case, test, imported, tests.evaluation_interval, fired_at)
            if isinstance(outcome, Passed):
                passed.append(outcome)
            elif isinstance(outcome, Failure):
                failed.append(outcome)
            else:
                not_run.append(outcome)
    return Report(tuple(passed), tuple(failed), tuple(not_run))


def _tried(
    case: Case, test: AlertTest, imported: Imported, interval: timedelta, fired_at: FiredAt
) -> Passed | Failure | NotRun:
    for one in imported.skipped:
        if one.place.name == test.alertname and test.group in (None, one.place.group):
            return NotRun(case.name, test.alertname, test.at, one.reason)
    recorded = {one.place.name for one in imported.skipped}
    found: list[ExpectedAlert] = []
    for rule in imported.rules:
        if rule.definition.name != test.alertname or test.group not in (None, rule.place.group):
            continue
        definition = offline(rule.definition)
        if isinstance(definition, Unsupported):
            return NotRun(case.name, test.alertname, test.at, definition.reason)
        if definition.metric in recorded:
            reason = f"it rests on the recording rule {definition.metric}, which only Prometheus evaluates"
            return NotRun(case.name, test.alertname, test.at, reason)
        at_ms = test.at // timedelta(milliseconds=1)
        every = definition.interval or interval
        alerts = fired_at(definition, case.series, every, at_ms, case.external_labels)
        found += [_as_expected(alert, rule) for alert in alerts]
    expected, firing = Counter(map(_shown, test.expected)), Counter(map(_shown, found))
    if expected == firing:
        return Passed(case.name, test.alertname, test.at)
    missing = tuple(sorted((expected - firing).elements()))
    unexpected = tuple(sorted((firing - expected).elements()))
    return Failure(case.name, test.alertname, test.at, missing, unexpected, (expected & firing).total())


def _as_expected(alert: Fired, rule: Found) -> ExpectedAlert:
    """The alert as a test file writes it: without its name, and with the severity as the rule file has it."""
    labels = {name: value for name, value in alert.labels.items() if name != "alertname"}
    if rule.severity_label is not None:
        labels["severity"] = rule.severity_label
    return ExpectedAlert(labels, alert.annotations)


def _shown(alert: ExpectedAlert) -> str:
    """Labels and annotations in one line, the same for the same."""
    parts = []
    for pairs in (alert.labels, alert.annotations):
        kept = sorted((name, value) for name, value in pairs.items() if value != "")
        parts.append("{" + ", ".join(f'{name}="{value}"' for name, value in kept) + "}")
    return " ".join(parts)
