"""promtool's unit-test files: what is given, and which alerts are expected when."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.rules.domain.durations import parse_prometheus_duration
from app.rules.domain.promtool.notation import InputSeries, series_of

_MAX_SAMPLES = 1_000_000
_FILE = ("rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare")
_CASE = (
    *("name", "interval", "input_series", "alert_rule_test", "promql_expr_test", "external_labels", "external_url"),
    "start_timestamp",
)


@dataclass(frozen=True)
class ExpectedAlert:
    """An alert that fires; its labels are without its name."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class AlertTest:
    """Which alerts of a name fire at a time, in a group if one is named; none of them may be missing or too many."""

    at: timedelta
    alertname: str
    expected: tuple[ExpectedAlert, ...]
    group: str | None = None


@dataclass(frozen=True)
class QueryTest:
    """What a query comes to, which needs a Prometheus server."""

    at: timedelta
    query: str


@dataclass(frozen=True)
class Case:
    """Series, and what is expected of them."""

    name: str
    series: tuple[InputSeries, ...]
    alert_tests: tuple[AlertTest, ...]
    query_tests: tuple[QueryTest, ...]
    external_labels: Mapping[str, str]
    external_url: str


@dataclass(frozen=True)
class UnitTests:
    """A file of tests; `rule_files` are paths as they are written, relative to the file."""

    rule_files: tuple[str, ...]
    evaluation_interval: timedelta
    group_eval_order: tuple[str, ...]
    cases: tuple[Case, ...]


def read_tests(document: object) -> UnitTests:
    """The tests of a decoded file; ValueError names the place and the mend."""
    body = _object(document, "the file", _FILE)
    interval = _span(body, "evaluation_interval", "", timedelta(minutes=1))
    if interval < timedelta(seconds=1):
        raise ValueError("evaluation_interval: use a duration of at least 1s")
    cases = tuple(_case(one, f"tests[{n}]", interval) for n, one in enumerate(_list(body, "tests", "")))
    if sum(series.times.size for case in cases for series in case.series) > _MAX_SAMPLES:
        raise ValueError(f"tests: the file has more than {_MAX_SAMPLES} samples; split it")
    return UnitTests(_texts(body, "rule_files"), interval, _texts(body, "group_eval_order"), cases)


def _case(found: object, place: str, interval: timedelta) -> Case:
    body = _object(found, place, _CASE)
    interval = _span(body, "interval", place, interval) or interval
    series = []
    for n, one in enumerate(_list(body, "input_series", place)):
        inner = f"{place}.input_series[{n}]"
        given = _object(one, inner, ("series", "values"))
        try:
            series.append(series_of(_text(given, "series", inner), _text(given, "values", inner), interval))
        except ValueError as error:
            message = str(error)
            raise ValueError(message if message.startswith(inner) else f"{inner}: {message}") from None
    alert_tests = [
        _alert_test(one, f"{place}.alert_rule_test[{n}]") for n, one in enumerate(_list(body, "alert_rule_test", place))
    ]
    query_tests = []
    for n, one in enumerate(_list(body, "promql_expr_test", place)):
        inner = f"{place}.promql_expr_test[{n}]"
        asked = _object(one, inner, ("expr", "eval_time", "exp_samples"))
        query_tests.append(QueryTest(_span(asked, "eval_time", inner, timedelta(0)), _text(asked, "expr", inner)))
    name = _text(body, "name", place) if body.get("name") else place
    url = _text(body, "external_url", place) if body.get("external_url") else ""
    labels = _labels(body, "external_labels", place)
    return Case(name, tuple(series), tuple(alert_tests), tuple(query_tests), labels, url)


def _alert_test(found: object, place: str) -> AlertTest:
    body = _object(found, place, ("eval_time", "alertname", "exp_alerts", "groupname"))
    expected = []
    for n, one in enumerate(_list(body, "exp_alerts", place)):
        inner = f"{place}.exp_alerts[{n}]"
        alert = _object(one if one not in (None, "") else {}, inner, ("exp_labels", "exp_annotations"))
        expected.append(ExpectedAlert(_labels(alert, "exp_labels", inner), _labels(alert, "exp_annotations", inner)))
    return AlertTest(
        _span(body, "eval_time", place, timedelta(0)),
        _text(body, "alertname", place),
        tuple(expected),
        _text(body, "groupname", place) if body.get("groupname") else None,
    )


def _object(found: object, place: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise ValueError(f"{place}: use an object with {', '.join(known)}")
    for name in found:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            mend = f"did you mean {near[0]}?" if near else f"use {', '.join(known)}"
            raise ValueError(f"{place}: unknown field {str(name)[:50]}; {mend}")
    return found


def _list(owner: Mapping[str, Any], field: str, place: str) -> list[Any]:
    found = owner.get(field)
    if found is None or found == "":
        return []
    if not isinstance(found, list):
        raise ValueError(f"{_at(place, field)}: use a list")
    return found


def _texts(owner: Mapping[str, Any], field: str) -> tuple[str, ...]:
    found = _list(owner, field, "")
    if not all(isinstance(one, str) for one in found):
        raise ValueError(f"{field}: use a list of texts")
    return tuple(found)


def _labels(owner: Mapping[str, Any], field: str, place: str) -> Mapping[str, str]:
    found = owner.get(field)
    if found is None or found == "":
        return {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{_at(place, field)}: use an object of names and texts")
    return {str(name): _text(found, name, _at(place, field)) for name in found}


def _text(owner: Mapping[str, Any], field: str, place: str) -> str:
    """A scalar as a text."""
    found = owner.get(field)
    if isinstance(found, bool):
        return "true" if found else "false"
    if not isinstance(found, str | int | float):
        raise ValueError(f"{_at(place, field)}: use a text")
    return str(found)


def _span(owner: Mapping[str, Any], field: str, place: str, default: timedelta) -> timedelta:
    if owner.get(field) in (None, ""):
        return default
    try:
        return parse_prometheus_duration(_text(owner, field, place))
    except ValueError as error:
        raise ValueError(f"{_at(place, field)}: {error}") from None


def _at(place: str, field: str) -> str:
    return f"{place}.{field}" if place else str(field)
