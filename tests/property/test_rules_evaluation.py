"""Array evaluation says of random rules and windows what a plain reading of the rules says."""

import operator
from datetime import timedelta
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.domain import Aggregation, Operator, Outcome, evaluate
from app.rules.domain.rule import RANGES
from tests.unit.rules.making import rule, windows

COMPARE = {
    Operator.GREATER_THAN: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
    Operator.LESS_THAN: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.OUTSIDE_RANGE: lambda value, bounds: value < bounds[0] or value > bounds[1],
    Operator.INSIDE_RANGE: lambda value, bounds: bounds[0] <= value <= bounds[1],
}
POOLED = {
    Aggregation.AVG: np.mean,
    Aggregation.MIN: np.min,
    Aggregation.MAX: np.max,
    Aggregation.SUM: np.sum,
    Aggregation.LAST: lambda values: values[-1],
    Aggregation.COUNT: len,
    Aggregation.STDDEV: np.std,
    Aggregation.P50: lambda values: np.quantile(values, 0.5),
    Aggregation.P95: lambda values: np.quantile(values, 0.95),
    Aggregation.P99: lambda values: np.quantile(values, 0.99),
}


def rate(points):
    """Per second; a fall is a counter that began anew."""
    risen = sum(after - before if after >= before else after for (_, before), (_, after) in pairwise(points))
    return risen / (points[-1][0] - points[0][0])


BY_SERIES = {Aggregation.RATE: rate, Aggregation.DELTA: lambda points: points[-1][1] - points[0][1]}
LABELS = st.tuples(
    st.sampled_from([(), (("host", "a"),), (("host", "b"),)]), st.sampled_from([(), (("disk", "1"),), (("disk", "2"),)])
).map(lambda parts: parts[0] + parts[1])
# Times of different series differ, so that "last" is one sample.
SAMPLES = st.dictionaries(
    LABELS, st.lists(st.tuples(st.integers(-2, 40), st.integers(-100, 100)), max_size=12), max_size=7
).map(
    lambda found: {
        labels: [(ago + n / 1000, value) for ago, value in samples] for n, (labels, samples) in enumerate(found.items())
    }
)
BOUNDS = st.tuples(st.integers(-20, 20), st.integers(0, 20)).map(lambda pair: (float(pair[0]), float(sum(pair))))


def rules_of(operators):
    return st.lists(
        st.sampled_from(operators).flatmap(
            lambda chosen: st.builds(
                rule,
                operator=st.just(chosen),
                aggregation=st.sampled_from(Aggregation),
                threshold=BOUNDS if chosen in RANGES else st.integers(-20, 20).map(float),
                window=st.integers(1, 50).map(lambda seconds: timedelta(seconds=seconds)),
                min_samples=st.integers(1, 3),
                group_by=st.sampled_from([None, (), ("host",), ("disk", "host"), ("absent",)]),
                labels=st.sampled_from([{}, {"host": "a"}, {"host": "!=a"}, ("disk=~.+",), {"host": "nobody"}]),
            )
        ),
        max_size=6,
    )


def value_of(one, members):
    """The rule's aggregation of its series, each [(seconds, value), ...]; None where they say nothing."""
    if one.aggregation in BY_SERIES:
        usable = [points for points in members if len(points) > 1]
        return sum(BY_SERIES[one.aggregation](points) for points in usable) if usable else None
    return POOLED[one.aggregation]([value for _, value in sorted(chain(*members))])


def expected(one, samples):
    """Every group of a rule with its outcome, value and number of samples, read plainly."""
    groups = {}
    for labels, found in samples.items():
        if all(matcher.matches(dict(labels)) for matcher in one.matchers):
            key = labels if one.group_by is None else tuple(pair for pair in labels if pair[0] in one.group_by)
            last_written = {-ago: value for ago, value in found if 0 <= ago < one.window.total_seconds()}
            groups.setdefault(frozenset(key), []).append(sorted(last_written.items()))
    if not groups:
        return [(frozenset(), Outcome.NO_DATA, None, 0)]
    answers = []
    for key, members in groups.items():
        n_samples = sum(map(len, members))
        value = value_of(one, members) if n_samples >= one.min_samples else None
        if value is None:
            answers.append((key, Outcome.NO_DATA, None, n_samples))
        else:
            answers.append((key, COMPARE[one.operator], value, n_samples))
    return answers


@given(rules_of(list(COMPARE)), SAMPLES)
def test_evaluation_is_what_the_rules_say(rules, samples):
    found = iter(evaluate(rules, windows(rules, samples)))
    for one in rules:
        for key, outcome, value, n_samples in expected(one, samples):
            verdict = next(found)
            assert verdict.rule is one
            assert frozenset(verdict.labels.items()) == key
            assert verdict.n_samples == n_samples
            if outcome is Outcome.NO_DATA:
                assert (verdict.outcome, verdict.value) == (outcome, None)
            else:
                assert verdict.value == pytest.approx(value, rel=1e-9, abs=1e-9)
                holds = outcome(verdict.value, one.threshold)
                assert verdict.outcome is (Outcome.FIRING if holds else Outcome.OK)
    assert next(found, None) is None


@given(rules_of([one for one in Operator if one is not Operator.ANOMALY]), SAMPLES)
def test_a_rule_says_the_same_alone_and_among_others(rules, samples):
    together = evaluate(rules, windows(rules, samples))
    alone = [verdict for one in rules for verdict in evaluate([one], windows([one], samples))]
    assert together == alone
