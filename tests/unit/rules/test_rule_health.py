"""How a rule is, told from its verdicts, and which alerts about ourselves that asks for."""

from datetime import timedelta

import pytest

from app.core.severity import Severity
from app.internal import reports_of
from app.rules.domain import Health, NoData, Outcome, Source, Verdict
from app.rules.domain.health import Condition, condition_of, is_late, shown_health
from app.rules.store import Trouble
from tests.unit.rules.making import NOW, rule

SECOND = timedelta(seconds=1)


def found(*outcomes, of=None, **more):
    of = of or rule()
    return of, [Verdict(of, {"n": str(n)}, Outcome(one), None, 0, **more) for n, one in enumerate(outcomes)]


@pytest.mark.parametrize("outcomes", [["ok"], ["firing"], ["held", "ok", "firing"]])
def test_a_rule_that_could_judge_is_well(outcomes):
    assert condition_of(*found(*outcomes)) == Condition(Health.OK)


def test_one_error_is_an_error_of_the_rule():
    condition = condition_of(*found("ok", "no_data", "error", note="it broke"))
    assert condition == Condition(Health.ERROR, "it broke", "rule")


def test_an_error_of_a_server_is_trouble_with_the_server():
    asked = rule(source=Source.PROMETHEUS, metric="", query="up", datasource="main")
    assert condition_of(*found("error", of=asked, note="no answer", of_source=True)).trouble == "source:prometheus/main"
    assert condition_of(*found("error", of=asked, note="no such function")).trouble == "rule"
    unnamed = rule(source=Source.PROMETHEUS, metric="", query="up")
    assert condition_of(*found("error", of=unnamed, of_source=True)).trouble == "source:prometheus/default"


def test_silence_of_all_is_no_data_and_of_some_is_said():
    silent = "no sample of queue.length within 1m"
    assert condition_of(*found("no_data", "no_data")) == Condition(Health.NO_DATA, silent)
    assert condition_of(*found("ok", "no_data")) == Condition(Health.OK, f"1 of 2 without data: {silent}")


@pytest.mark.parametrize(
    ("policy", "trouble"), [(NoData.KEEP, None), (NoData.OK, None), (NoData.ALERT, "no_data:metric")]
)
def test_silence_is_trouble_only_where_the_rule_says_so(policy, trouble):
    assert condition_of(*found("no_data", of=rule(no_data=policy))).trouble == trouble
    assert condition_of(*found("ok", "no_data", of=rule(no_data=policy))).trouble == trouble
    assert condition_of(*found("ok", of=rule(no_data=policy))).trouble is None


def test_too_short_a_past_is_no_trouble_with_the_source():
    condition = condition_of(*found("no_data", of=rule(no_data=NoData.ALERT), note="3 of the 12 values"))
    assert condition == Condition(Health.NO_DATA, "3 of the 12 values")


@pytest.mark.parametrize(
    ("due", "interval", "late"),
    [(None, 5, False), (-1, 5, False), (0, 5, False), (5, 5, False), (5.001, 5, True), (2, 1, False), (2.001, 1, True)],
)
def test_a_rule_is_late_when_it_has_been_due_for_more_than_its_interval(due, interval, late):
    due_at = None if due is None else NOW - due * SECOND
    assert is_late(due_at, interval * SECOND, NOW) is late
    assert shown_health(Health.OK, due_at, interval * SECOND, NOW) is (Health.LATE if late else Health.OK)


def trouble(kind, rule_id="r", severity="HIGH", reason="why"):
    return Trouble(kind, rule_id, f"Rule {rule_id}", severity, reason)


def test_a_broken_rule_is_an_alert_of_its_own():
    one, other = reports_of([trouble("rule", "b"), trouble("rule", "a")], NOW)
    assert (one.name, one.labels, other.labels) == ("RuleBroken", {"rule": "a"}, {"rule": "b"})
    assert one.fingerprint != other.fingerprint
    assert (one.namespace, one.severity, one.firing) == ("internal", Severity.MEDIUM, True)
    assert one.description == "The rule Rule a cannot be evaluated, so nothing is watched by it: why"


def test_a_data_source_is_one_alert_however_many_rules_wait_for_it():
    many = [trouble("source:prometheus/main", f"r{n:02}") for n in range(12)]
    (one,) = reports_of(many, NOW)
    assert (one.name, one.labels) == ("DataSourceBroken", {"datasource": "prometheus/main"})
    assert one.description.endswith("Rule r08, Rule r09 and 2 more.")
    other, same = reports_of([*many, trouble("source:prometheus/backup")], NOW)
    assert (other.labels, same.fingerprint) == ({"datasource": "prometheus/backup"}, one.fingerprint)


def test_silence_is_one_alert_a_source_with_the_severity_of_the_worst_rule():
    silent = [trouble("no_data:metric", "a", "LOW"), trouble("no_data:metric", "b", "CRITICAL")]
    metric, log = reports_of([trouble("no_data:log", "c", "INFO"), *silent], NOW)[::-1]
    assert (metric.name, metric.severity, metric.labels) == ("NoData", Severity.CRITICAL, {"datasource": "metric"})
    assert (log.severity, log.labels) == (Severity.INFO, {"datasource": "log"})


def test_silence_and_failure_of_one_source_are_two_alerts():
    both = reports_of([trouble("no_data:prometheus/main", "a"), trouble("source:prometheus/main", "b")], NOW)
    assert len({one.fingerprint for one in both}) == 2


def test_without_troubles_there_is_nothing_to_tell():
    assert reports_of([], NOW) == []
