"""Rule files: whatever the value, reading it raises nothing, and what is read can be exported and read again."""

import contextlib
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.ids import is_slug
from app.rules.documents import read_document, written_yaml
from app.rules.domain.prometheus_rules import read_groups
from app.rules.domain.promtool import read_tests
from app.rules.domain.promtool.notation import series_of

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    TEXTS,
    st.sampled_from(["5m", "up == 0", "{{ $value }}", "page"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)
TEMPLATES = st.dictionaries(st.sampled_from(["severity", "service", "runbook_url", "description"]), SCALARS, max_size=3)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "alert": st.one_of(TEXTS, JSON),
        "expr": st.one_of(st.just("up == 0"), JSON),
        "for": st.one_of(st.just("5m"), JSON),
        "labels": st.one_of(TEMPLATES, JSON),
        "annotations": st.one_of(TEMPLATES, JSON),
        "record": JSON,
    },
)
GROUPS = st.fixed_dictionaries(
    {"rules": st.one_of(st.lists(st.one_of(RULES, JSON), max_size=4), JSON)},
    optional={"name": st.one_of(TEXTS, JSON), "interval": JSON, "limit": JSON, "labels": st.one_of(TEMPLATES, JSON)},
)


@settings(deadline=None)  # a busy machine is no error
@given(st.one_of(JSON, st.fixed_dictionaries({"groups": st.lists(st.one_of(GROUPS, JSON), max_size=3)})))
def test_any_value_is_read_without_an_error(document):
    found = read_groups(document)
    ids = [one.id for one in found.rules]
    assert len(ids) == len(set(ids))
    assert all(is_slug(rule_id) for rule_id in ids)
    assert all(one.reason for one in found.skipped)


AMBIGUOUS = ["yes", "on", "null", "1e3", "0x10", "1_000", "2020-01-01", "1:30", ".5", "~", "<<", "=", "012", "1.", ""]
FLAT = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(10**17), 10**17), st.floats(allow_nan=False, allow_infinity=False)),
    *(TEXTS, st.sampled_from(AMBIGUOUS)),
)


@settings(deadline=None)  # a busy machine is no error
@given(st.lists(FLAT) | st.dictionaries(TEXTS, FLAT) | st.lists(st.dictionaries(TEXTS, st.lists(FLAT, max_size=3))))
def test_yaml_that_is_written_is_read_back(value):
    assert read_document(written_yaml(value).encode(), is_yaml=True) == value


@settings(deadline=None)  # a busy machine is no error
@given(
    st.one_of(
        JSON,
        st.fixed_dictionaries(
            {
                "tests": st.lists(
                    st.fixed_dictionaries({}, optional=dict.fromkeys(("input_series", "alert_rule_test"), JSON))
                )
            }
        ),
    )
)
def test_any_file_of_tests_is_read_or_refused_by_value_error(document):
    with contextlib.suppress(ValueError):
        read_tests(document)


@settings(deadline=None)  # a busy machine is no error
@given(st.text("0123456789+-x_. einfatsl", max_size=20))
def test_any_values_are_read_or_refused_by_value_error(values):
    with contextlib.suppress(ValueError):
        series = series_of("up", values, timedelta(seconds=15))
        assert series.times.size == series.values.size <= 100_000
        assert (series.times[1:] > series.times[:-1]).all()
