"""Array evaluation says of random rules and windows what a plain reading of the rules says."""

import operator
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.rules.domain import Aggregation, Operator, Outcome, evaluate
from tests.unit.rules.making import rule, windows

COMPARE = {
    Operator.GREATER_THAN: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
    Operator.LESS_THAN: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
}
AGGREGATE = {
    Aggregation.AVG: lambda values: sum(values) / len(values),
    Aggregation.MIN: min,
    Aggregation.MAX: max,
    Aggregation.SUM: sum,
    Aggregation.LAST: lambda values: values[-1],
    Aggregation.COUNT: len,
}
LABELS = st.tuples(
    st.sampled_from([(), (("host", "a"),), (("host", "b"),)]), st.sampled_from([(), (("disk", "1"),), (("disk", "2"),)])
).map(lambda parts: parts[0] + parts[1])
# Whole numbers, so that sums are exact in any order; times of different series differ, so that "last" is one sample.
SAMPLES = st.dictionaries(
    LABELS, st.lists(st.tuples(st.integers(-2, 40), st.integers(-100, 100)), max_size=12), max_size=7
).map(
    lambda found: {
        labels: [(ago + n / 1000, value) for ago, value in samples] for n, (labels, samples) in enumerate(found.items())
    }
)
RULES = st.lists(
    st.builds(
        rule,
        operator=st.sampled_from(Operator),
        aggregation=st.sampled_from(Aggregation),
        threshold=st.integers(-20, 20).map(float),
        window=st.integers(1, 50).map(lambda seconds: timedelta(seconds=seconds)),
        min_samples=st.integers(1, 3),
        group_by=st.sampled_from([None, (), ("host",), ("disk", "host"), ("absent",)]),
        labels=st.sampled_from([{}, {"host": "a"}, {"host": "!=a"}, ("disk=~.+",), {"host": "nobody"}]),
    ),
    max_size=6,
)


def expected(one, samples):
    """Every group of a rule with its outcome, value and number of samples, read plainly."""
    groups = {}
    for labels, found in samples.items():
        if all(matcher.matches(dict(labels)) for matcher in one.matchers):
            key = labels if one.group_by is None else tuple(pair for pair in labels if pair[0] in one.group_by)
            last_written = {ago: value for ago, value in found if 0 <= ago < one.window.total_seconds()}
            groups.setdefault(frozenset(key), {}).update(last_written)
    if not groups:
        return [(frozenset(), Outcome.NO_DATA, None, 0)]
    answers = []
    for key, by_age in groups.items():
        values = [value for _, value in sorted(by_age.items(), reverse=True)]
        if len(values) < one.min_samples:
            answers.append((key, Outcome.NO_DATA, None, len(values)))
        else:
            value = AGGREGATE[one.aggregation](values)
            outcome = Outcome.FIRING if COMPARE[one.operator](value, one.threshold) else Outcome.OK
            answers.append((key, outcome, value, len(values)))
    return answers


@given(RULES, SAMPLES)
def test_evaluation_is_what_the_rules_say(rules, samples):
    found = iter(evaluate(rules, windows(rules, samples)))
    for one in rules:
        for key, outcome, value, n_samples in expected(one, samples):
            verdict = next(found)
            assert verdict.rule is one
            assert frozenset(verdict.labels.items()) == key
            assert (verdict.outcome, verdict.n_samples) == (outcome, n_samples)
            assert verdict.value == value
    assert next(found, None) is None


@given(RULES, SAMPLES)
def test_a_rule_says_the_same_alone_and_among_others(rules, samples):
    together = evaluate(rules, windows(rules, samples))
    alone = [verdict for one in rules for verdict in evaluate([one], windows([one], samples))]
    assert together == alone
