"""promtool's unit tests: series and expectations as they are written, and how they go against rules."""

from datetime import timedelta

import numpy as np
import pytest

from app.rules.domain.imported import Found, Imported, Place, Skipped
from app.rules.domain.prometheus_rules import read_groups
from app.rules.domain.promtool import Fired, offline, read_tests, run
from app.rules.domain.promtool.notation import series_of
from app.rules.domain.rule import Aggregation, Operator, Source
from tests.unit.rules.making import definition

MINUTE = timedelta(minutes=1)
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("values", "expected", "stale"),
    [
        ("1 2 -3.5", {0: 1, 1: 2, 2: -3.5}, ()),
        ("1+2x3", {0: 1, 1: 3, 2: 5, 3: 7}, ()),
        ("10-5x2 1", {0: 10, 1: 5, 2: 0, 3: 1}, ()),
        ("-2+4x3", {0: -2, 1: 2, 2: 6, 3: 10}, ()),
        ("-2-4x1", {0: -2, 1: -6}, ()),
        ("7x2", {0: 7, 1: 7, 2: 7}, ()),
        ("0x0", {0: 0}, ()),
        ("1 _ 3", {0: 1, 2: 3}, ()),
        ("_x3 1", {3: 1}, ()),
        ("1 stale _ 2 stale", {0: 1, 3: 2}, (1, 4)),
        ("NaN inf -Inf +1e3 1e-3 .5", {0: NAN, 1: INF, 2: -INF, 3: 1000, 4: 0.001, 5: 0.5}, ()),
        ("0.1+0.1x2", {0: 0.1, 1: 0.2, 2: 0.1 + 0.1 + 0.1}, ()),
        ("", {}, ()),
    ],
)
def test_values_are_read(values, expected, stale):
    series = series_of('up{job="a",empty=""}', values, MINUTE)
    assert (series.metric, series.labels) == ("up", {"job": "a"})
    np.testing.assert_array_equal(series.times, [position * 60_000 for position in expected])
    np.testing.assert_array_equal(series.values, list(expected.values()))
    assert series.stale == tuple(position * 60_000 for position in stale)


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("up", "1+x3", "is no value; use 3"),
        ("up", "a", "is no value"),
        ("up", "1+2", "is no value"),
        ("up", "{{schema:1}}", "histograms do not run offline"),
        ("up", "1x100000", "at most 100000 values"),
        ("up", "_x999999999 1", "at most 100000 values"),
        ("up > 1", "1", "is no series"),
        ('up{a=~"b"}', "1", "by more than ="),
        ('{a="b"}', "1", "has no metric"),
        ("up{", "1", "no PromQL"),
    ],
)
def test_series_that_cannot_be_read_are_refused_with_the_mend(name, values, reason):
    with pytest.raises(ValueError, match=reason):
        series_of(name, values, MINUTE)


FILE = {
    "rule_files": ["rules.yml"],
    "evaluation_interval": "30s",
    "group_eval_order": ["hosts"],
    "tests": [
        {
            "name": "a host goes down",
            "interval": "1m",
            "input_series": [{"series": 'up{job="a"}', "values": "1 0x5"}],
            "alert_rule_test": [
                {"eval_time": "1m", "alertname": "InstanceDown"},
                {
                    "eval_time": "6m",
                    "alertname": "InstanceDown",
                    "exp_alerts": [{"exp_labels": {"job": "a", "severity": "page"}, "exp_annotations": {"n": "1"}}],
                },
            ],
            "promql_expr_test": [{"expr": "up", "eval_time": "1m", "exp_samples": []}],
            "external_labels": {"region": "eu"},
            "external_url": "http://x",
        },
        {"input_series": [{"series": "x", "values": 3}]},
    ],
}


def test_a_file_is_read():
    found = read_tests(FILE)
    assert (found.rule_files, found.group_eval_order) == (("rules.yml",), ("hosts",))
    assert found.evaluation_interval == timedelta(seconds=30)
    first, second = found.cases
    assert (first.name, second.name) == ("a host goes down", "tests[1]")
    assert [test.at for test in first.alert_tests] == [MINUTE, 6 * MINUTE]
    assert first.alert_tests[1].expected[0].labels == {"job": "a", "severity": "page"}
    assert (first.query_tests[0].query, first.external_labels) == ("up", {"region": "eu"})
    assert first.series[0].times[1] == 60_000
    assert second.series[0].values.tolist() == [3.0]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "the file: use an object with rule_files"),
        ({"test": []}, "the file: unknown field test; did you mean tests?"),
        ({"tests": {}}, "tests: use a list"),
        ({"rule_files": [1]}, "rule_files: use a list of texts"),
        ({"evaluation_interval": "0s"}, "evaluation_interval: use a duration of at least 1s"),
        ({"evaluation_interval": "1 m"}, "evaluation_interval: .* is no duration"),
        ({"tests": [3]}, r"tests\[0\]: use an object"),
        (
            {"tests": [{"input_series": [{"series": "up", "values": "x"}]}]},
            r"tests\[0\].input_series\[0\]: .* no value",
        ),
        ({"tests": [{"input_series": [{"series": "up"}]}]}, r"tests\[0\].input_series\[0\].values: use a text"),
        ({"tests": [{"alert_rule_test": [{"alert": "a"}]}]}, r"unknown field alert; did you mean alertname\?"),
        ({"tests": [{"alert_rule_test": [{"eval_time": "x", "alertname": "a"}]}]}, "eval_time: .* is no duration"),
        ({"tests": [{"external_labels": []}]}, "external_labels: use an object"),
        ({"tests": [{"input_series": [{"series": "up", "values": "1x99999"}] * 11}]}, "more than 1000000 samples"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_place_and_the_mend(document, message):
    with pytest.raises(ValueError, match=message):
        read_tests(document)


RULES = {
    "groups": [
        {
            "name": "hosts",
            "rules": [
                {"alert": "InstanceDown", "expr": "up == 0", "labels": {"severity": "page"}, "annotations": {"n": "1"}},
                {"alert": "Complex", "expr": "x / y > 1"},
                {"alert": "Recorded", "expr": "job:up:sum > 1"},
                {"record": "job:up:sum", "expr": "sum by (job) (up)"},
                {"alert": "Broken", "expr": "up >"},
            ],
        }
    ]
}


def last_is_zero(rule, series, interval, at, external_labels):
    """Fires for every series of the rule's metric whose last sample until then is 0."""
    assert (rule.source, rule.operator, rule.aggregation) == (Source.METRIC, Operator.EQUAL, Aggregation.LAST)
    assert interval == timedelta(seconds=30)
    return [
        Fired({"alertname": rule.name, **one.labels, **external_labels}, rule.annotations)
        for one in series
        if one.metric == rule.metric and one.values[one.times <= at][-1] == 0
    ]


def report(*tests, rules=RULES, **case):
    series = [{"series": 'up{job="a"}', "values": "1 0x5"}, {"series": 'up{job="b"}', "values": "1 1 1 0x5"}]
    given = {"name": "t", "interval": "1m", "input_series": series, "alert_rule_test": list(tests), **case}
    file = read_tests({"evaluation_interval": "30s", "tests": [given]})
    return run(file, read_groups(rules), last_is_zero)


def expects(at, name="InstanceDown", *jobs, **labels):
    alerts = [{"exp_labels": {"job": job, "severity": "page", **labels}, "exp_annotations": {"n": "1"}} for job in jobs]
    return {"eval_time": at, "alertname": name, "exp_alerts": alerts}


def test_what_is_expected_and_fires_passes():
    found = report(expects("0"), expects("1m", "InstanceDown", "a"), expects("5m", "InstanceDown", "b", "a"))
    assert [(one.case, one.at) for one in found.passed] == [("t", 0 * MINUTE), ("t", MINUTE), ("t", 5 * MINUTE)]
    assert (found.failed, found.unsupported) == ((), ())


def test_what_differs_is_told_as_a_diff():
    found = report(expects("5m", "InstanceDown", "b", "c"))
    assert found.passed == ()
    assert found.failed[0].diff.splitlines() == [
        "t: InstanceDown at 5m",
        "  1 as expected",
        '- {job="c", severity="page"} {n="1"}',
        '+ {job="a", severity="page"} {n="1"}',
    ]


def test_an_alert_too_many_or_too_few_fails():
    assert report(expects("1m")).failed[0].unexpected == ('{job="a", severity="page"} {n="1"}',)
    assert report(expects("0", "InstanceDown", "a")).failed[0].missing == ('{job="a", severity="page"} {n="1"}',)
    assert report(expects("1m", "InstanceDown", "a", severity="critical")).failed
    assert report(expects("1m", "InstanceDown", "a", "a")).failed


def test_external_labels_reach_the_rule():
    found = report(expects("1m", "InstanceDown", "a", region="eu"), external_labels={"region": "eu"})
    assert len(found.passed) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Complex", "arithmetic"),
        ("Recorded", "it rests on the recording rule job:up:sum"),
        ("Broken", "no PromQL"),
    ],
)
def test_what_cannot_run_offline_is_counted_apart(name, reason):
    found = report(expects("1m", name))
    assert (found.passed, found.failed) == ((), ())
    assert (found.unsupported[0].subject, found.unsupported[0].at) == (name, MINUTE)
    assert reason in found.unsupported[0].reason


def test_queries_are_counted_apart():
    found = report(promql_expr_test=[{"expr": "up", "eval_time": "1m"}])
    assert found.unsupported[0].subject == "up"


def test_a_group_that_is_named_is_the_only_one_asked():
    assert report({**expects("1m"), "groupname": "other"}).passed
    assert report({**expects("1m", "InstanceDown", "a"), "groupname": "hosts"}).passed


def test_a_rule_that_there_is_not_fires_nothing():
    assert report(expects("1m", "Nobody")).passed
    assert report(expects("1m", "Nobody", "a")).failed


def test_rules_of_our_own_run_as_they_are():
    own = definition(name="Own", metric="up", operator=Operator.EQUAL, aggregation=Aggregation.LAST, threshold=0.0)
    imported = Imported((Found("own", Place(0), own),), (Skipped(Place(1), "no rule"),))
    given = {"input_series": [{"series": "up", "values": "0"}], "alert_rule_test": [{"alertname": "Own"}]}
    file = read_tests({"evaluation_interval": "30s", "tests": [given]})
    assert run(file, imported, last_is_zero).failed[0].unexpected == ("{} {}",)


def test_labels_of_what_is_absent_go_under_those_of_the_rule():
    rule = {"alert": "Gone", "expr": 'absent(up{job="a",zone="z"})', "labels": {"zone": "mine"}}
    found = offline(read_groups({"groups": [{"name": "g", "rules": [rule]}]}).rules[0].definition)
    assert (found.operator, found.alert_labels) == (Operator.ABSENT, {"job": "a", "zone": "mine"})
