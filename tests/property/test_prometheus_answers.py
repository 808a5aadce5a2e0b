"""Whatever a server says is an answer, the server's fault, or the query's; nothing else is raised."""

import contextlib

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.core.labels import label_problems
from app.telemetry.datasources.domain import QueryFailed, SourceFailed
from app.telemetry.prometheus.answers import answers_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def mostly(*likely):
    return st.sampled_from(likely) | JSON


NUMBER = mostly("1", "-2.5e3", "NaN", "+Inf", "-Inf", "x")
POINT = st.tuples(st.floats(0, 1e10), NUMBER).map(list) | JSON
LABELS = st.dictionaries(mostly("__name__", "job", "a").map(str), mostly("x", "", "y"), max_size=4) | JSON
RESULT = st.fixed_dictionaries({}, optional={"metric": LABELS, "value": POINT, "histogram": JSON}) | JSON
DATA = st.fixed_dictionaries(
    {},
    optional={
        "resultType": mostly("vector", "scalar", "matrix", "string"),
        "result": st.lists(RESULT, max_size=4) | POINT | JSON,
    },
)
BODY = st.fixed_dictionaries(
    {"status": mostly("success", "error")},
    optional={"data": DATA | JSON, "errorType": mostly("bad_data", "timeout"), "error": JSON},
)


@given(st.sampled_from([200, 204, 302, 400, 401, 404, 422, 429, 500, 503]), BODY.map(orjson.dumps) | st.binary())
def test_whatever_a_server_says_is_understood_or_refused(status, body):
    with contextlib.suppress(SourceFailed, QueryFailed):
        for one in answers_of(status, body, "x"):
            assert status < 300
            assert isinstance(one.value, float)
            assert "__name__" not in one.labels
            assert label_problems(one.labels) == {}


@given(st.dictionaries(st.tuples(st.text("ab", min_size=1, max_size=3)), st.floats(), max_size=8))
def test_what_was_said_is_what_is_understood(values):
    results = [
        {
            "metric": {"__name__": "up", "job": key},
            "value": [1.5, repr(value).replace("inf", "Inf").replace("nan", "NaN")],
        }
        for (key,), value in values.items()
    ]
    body = orjson.dumps({"status": "success", "data": {"resultType": "vector", "result": results}})
    found = {(one.labels["job"],): one.value for one in answers_of(200, body)}
    assert found.keys() == values.keys()
    assert all(found[key] == value or (found[key] != found[key] and value != value) for key, value in values.items())
