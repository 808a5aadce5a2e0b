"""PromQL: what can be read, and what says the same as a metric rule."""

from datetime import timedelta

import pytest

from app.core.severity import Severity
from app.rules.domain.checks import problems
from app.rules.domain.promql import Unsupported, as_conditions, check_query
from app.rules.domain.rule import Aggregation, Definition, NoData, Operator, Source

LAST = {"source": Source.METRIC, "labels": (), "aggregation": Aggregation.LAST, "window": timedelta(minutes=5)}


@pytest.mark.parametrize(
    "query",
    [
        "up == 0",
        "# a comment\nsum by (job) (rate(x_total[5m])) / ignoring(a) group_left sum(y) > 0.5 unless on(job) z",
        'absent(up{job="a"})',
        'x{path="' + "(" * 1000 + '"} > 1',
        "vector(1)",
        "x{" + ",".join(f'a{number}="b"' for number in range(1000)) + "} > 1",
    ],
)
def test_a_query_can_be_read(query):
    check_query(query)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "no PromQL: no expression found in input"),
        ("up >", "no PromQL"),
        ("rate(up)", "expected type matrix in call to function 'rate'"),
        ("nosuch(up)", "unknown function"),
        ('up{a=~"("}', "illegal regex"),
        ("(" * 5000 + "up" + ")" * 5000, "more than 300 operations"),
        ("-" * 9000 + "up", "more than 300 operations"),
        ("+".join(["up"] * 3000), "more than 300 operations"),
        (" or ".join(["up"] * 2000), "more than 300 operations"),
        ("x" + "[5m:1m]" * 1000, "more than 300 operations"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused_with_the_reason(query, reason):
    with pytest.raises(ValueError, match=reason):
        check_query(query)


@pytest.mark.parametrize("sign", ["-", "+", "^2", "(", " or x", "{", "["])
def test_no_query_of_any_depth_ends_the_process(sign):
    for count in (250, 290, 400):
        query = "x" + sign * count if sign[0] in "^ [{" else sign * count + "x"
        assert isinstance(as_conditions(query), Unsupported)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("up == 0", {"metric": "up", "operator": Operator.EQUAL, "threshold": 0.0}),
        ("up != 1", {"metric": "up", "operator": Operator.NOT_EQUAL, "threshold": 1.0}),
        ("((x)) >= (1e3)", {"metric": "x", "operator": Operator.GREATER_OR_EQUAL, "threshold": 1000.0}),
        ("x <= -5", {"metric": "x", "operator": Operator.LESS_OR_EQUAL, "threshold": -5.0}),
        ("3 < x", {"metric": "x", "operator": Operator.GREATER_THAN, "threshold": 3.0}),
        ("3 >= x", {"metric": "x", "operator": Operator.LESS_OR_EQUAL, "threshold": 3.0}),
        ("x < 2", {"metric": "x", "operator": Operator.LESS_THAN, "threshold": 2.0}),
        (
            'x{a="1",b!="2",c=~"3.*",d!~"4"} > 0',
            {
                "metric": "x",
                "operator": Operator.GREATER_THAN,
                "threshold": 0.0,
                "labels": ('a="1"', 'b!="2"', 'c=~"3.*"', 'd!~"4"'),
            },
        ),
        ('{__name__="x"} > 0', {"metric": "x", "operator": Operator.GREATER_THAN, "threshold": 0.0}),
    ],
)
def test_an_instant_vector_is_the_last_sample_within_five_minutes(query, expected):
    assert as_conditions(query) == {**LAST, "no_data": NoData.OK, **expected}


@pytest.mark.parametrize(
    ("query", "aggregation", "more"),
    [
        ("avg_over_time(x[10m]) > 1", Aggregation.AVG, {}),
        ("min_over_time(x[10m]) > 1", Aggregation.MIN, {}),
        ("max_over_time(x[10m]) > 1", Aggregation.MAX, {}),
        ("sum_over_time(x[10m]) > 1", Aggregation.SUM, {}),
        ("count_over_time(x[10m]) > 1", Aggregation.COUNT, {}),
        ("last_over_time(x[10m]) > 1", Aggregation.LAST, {}),
        ("stddev_over_time(x[10m]) > 1", Aggregation.STDDEV, {}),
        ("quantile_over_time(0.5, x[10m]) > 1", Aggregation.P50, {}),
        ("quantile_over_time(0.95, x[10m]) > 1", Aggregation.P95, {}),
        ("quantile_over_time(0.99, x[10m]) > 1", Aggregation.P99, {}),
        ("rate(x[10m]) > 1", Aggregation.RATE, {"min_samples": 2}),
        ("1 < rate(x[10m])", Aggregation.RATE, {"min_samples": 2}),
        ("sum by (a, b) (sum_over_time(x[10m])) > 1", Aggregation.SUM, {"group_by": ("a", "b")}),
        ("sum(count_over_time(x[10m])) > 1", Aggregation.COUNT, {"group_by": ()}),
        ("max by (a) (max_over_time(x[10m])) > 1", Aggregation.MAX, {"group_by": ("a",)}),
        ("min(min_over_time(x[10m])) > 1", Aggregation.MIN, {"group_by": ()}),
    ],
)
def test_a_window_is_aggregated(query, aggregation, more):
    assert as_conditions(query) == {
        "source": Source.METRIC,
        "metric": "x",
        "labels": (),
        "aggregation": aggregation,
        "window": timedelta(minutes=10),
        "operator": Operator.GREATER_THAN,
        "threshold": 1.0,
        "no_data": NoData.OK,
        **more,
    }


@pytest.mark.parametrize(
    ("query", "window"),
    [('absent(up{job="a",env=~"p.*"})', 5), ('absent_over_time(up{job="a",env=~"p.*"}[7m])', 7)],
)
def test_absence_is_one_alert_with_the_labels_that_are_asked_for_by_equality(query, window):
    assert as_conditions(query) == {
        "source": Source.METRIC,
        "metric": "up",
        "labels": ('job="a"', 'env=~"p.*"'),
        "operator": Operator.ABSENT,
        "threshold": None,
        "window": timedelta(minutes=window),
        "group_by": (),
        "alert_labels": {"job": "a"},
    }


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("up >", "no PromQL"),
        ("up", "only a comparison with a number"),
        ("vector(1)", "only a comparison with a number"),
        ("x > y", "both sides are series"),
        ("1 > 2", "no PromQL"),
        ("1 > bool 2", "bool keeps every series"),
        ("x > bool 1", "bool keeps every series"),
        ("x > Inf", "no finite number"),
        ("x > 1 and y > 2", "only a comparison"),
        ("x / y > 1", "arithmetic"),
        ("-x > 1", "arithmetic"),
        ("increase(x[5m]) > 1", "extrapolates"),
        ("delta(x[5m]) > 1", "extrapolates"),
        ("quantile_over_time(0.9, x[5m]) > 1", "of quantiles only"),
        ("abs(x) > 1", "abs() does not run offline"),
        ("avg by (a) (x) > 1", "is another number"),
        ("sum(x) > 1", "is another number"),
        ("avg(avg_over_time(x[5m])) > 1", "is another number"),
        ("sum without (a) (sum_over_time(x[5m])) > 1", "without()"),
        ("max_over_time(x[5m:1m]) > 1", "subqueries"),
        ("x offset 5m > 1", "offset and @"),
        ("x @ 5 > 1", "offset and @"),
        ('x{a="1" or b="2"} > 1', "alternatives"),
        ('{__name__=~"x.*"} > 1', "metric is given by a pattern"),
        ('{a="b"} > 1', "names no metric"),
        ("absent(sum(x))", "plain selector"),
        ('absent(x{a="{{"})', "would begin a template"),
    ],
)
def test_what_means_something_else_is_left_alone_with_the_reason(query, reason):
    found = as_conditions(query)
    assert isinstance(found, Unsupported)
    assert reason in found.reason


def test_a_rule_with_a_broken_query_or_template_is_refused_by_the_field():
    rule = Definition(
        name="r",
        severity=Severity.HIGH,
        source=Source.PROMETHEUS,
        query="up >",
        annotations={"summary": "{{ region }}", "fine": "{{ $value }}"},
        alert_labels={"team": "{{ $labels.team"},
    )
    found = problems(rule, timedelta(days=1))
    assert set(found) == {"query", "annotations", "alert_labels"}
    assert found["annotations"] == [
        "summary: line 1, column 4: there is no function region; labels are written $labels.region"
    ]
