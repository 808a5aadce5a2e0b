"""Samples from files and bodies: CSV with a header, or JSON; times without an offset are UTC."""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import numpy as np
import orjson

from app.core.errors import Invalid
from app.core.schemas import FIRST_YEAR, LAST_YEAR
from app.rules.domain.rule import Rule, Source
from app.telemetry.domain import RULE_SERIES, Series, Windows, in_order, milliseconds, moment_of, windows_of

TIME_COLUMNS = ("timestamp", "time", "ts", "date", "datetime")
_MILLISECONDS_SINCE = 1e11  # a number beyond counts milliseconds: as seconds it would be the year 5138
Point = tuple[Mapping[str, str], int, float]  # labels, ms since 1970, value
_NOT_LABELS = {*TIME_COLUMNS, "value", "metric"}


def read_points(text: str, metric: str) -> list[Point]:
    """The points of a CSV or JSON text; those of another metric than `metric` are left out where a metric is named.

    CSV has a header with `timestamp` and `value`, and every other column is a label. JSON is a list of objects like
    {"timestamp": ..., "value": ..., "labels": {...}}, or {"samples": [...]}. Invalid names the line that cannot be
    read.
    """
    stripped = text.lstrip("\ufeff \t\r\n")
    if stripped[:1] in ("[", "{"):
        try:
            document = orjson.loads(stripped)
        except orjson.JSONDecodeError as error:
            raise Invalid({"samples": [f"no JSON: {error}"]}) from None
        return points_of(document, metric)
    try:
        return list(_from_csv(stripped, metric))
    except csv.Error as error:
        raise Invalid({"samples": [f"no CSV: {error}"]}) from None


def points_of(document: object, metric: str) -> list[Point]:
    """The points of a decoded JSON document, as read_points()."""
    items = document.get("samples") if isinstance(document, Mapping) else document
    if not isinstance(items, list):
        raise Invalid({"samples": ['use a list like [{"timestamp": "2026-01-31T12:00:00Z", "value": 3}]']})
    found: list[Point] = []
    for index, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise Invalid({"samples": {index: ["use an object with timestamp and value"]}})
        labels = item.get("labels") or {}
        if not isinstance(labels, Mapping) or not all(isinstance(text, str) for text in labels.values()):
            raise Invalid({"samples": {index: ["labels is an object of texts"]}})
        try:
            if not metric or item.get("metric", metric) in (metric, ""):
                point = _point(item.get("timestamp"), item.get("value"))
                found.append((labels, *point))
        except ValueError as error:
            raise Invalid({"samples": {index: [str(error)]}}) from None
    return found


def windows_of_points(rule: Rule, points: Iterable[Point]) -> Windows:
    """The points as windows of the one rule: the series that its selector means, each in order.

    For rules over logs and events each point is an entry that was counted, with the labels of the grouping. Invalid
    for a rule that asks a server.
    """
    refuse_queries(rule)
    by_series: dict[Series, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
    grouping = rule.grouping if rule.source in (Source.LOG, Source.EVENT) else None
    for labels, at_ms, value in points:
        kept = labels if grouping is None else {name: text for name, text in labels.items() if name in grouping}
        times, values = by_series[Series.of(rule.series_metric, kept)]
        times.append(at_ms)
        values.append(value)
    chosen = [one for one in by_series if all(matcher.matches(one.labels) for matcher in rule.wanted.matchers)]
    counted = rule.series_metric.startswith(RULE_SERIES)
    parts = [
        in_order(np.array(by_series[one][0], np.int64), np.array(by_series[one][1]), distinct=not counted)
        for one in chosen
    ]
    last = max((int(times[-1]) for times, _ in parts), default=0)
    return windows_of(moment_of(last), chosen, parts)


def refuse_queries(rule: Rule) -> None:
    """Refuse a rule whose samples nobody can give."""
    if rule.source is Source.PROMETHEUS:
        raise Invalid({"source": ["the samples of a query are with its server; back-test a rule over a metric"]})


def parse_moment(value: object) -> datetime:
    """The time that a text or number names: ISO 8601 (UTC without an offset), or seconds or ms since 1970."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("a timestamp is a time like 2026-01-31T12:00:00Z or seconds since 1970")
    number = _number(value)
    try:
        if number is not None:
            seconds = number / 1000 if abs(number) > _MILLISECONDS_SINCE else number
            moment = datetime.fromtimestamp(seconds, UTC)
        else:
            moment = datetime.fromisoformat(str(value).strip())
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError
    except (ValueError, OverflowError, OSError):
        raise ValueError(f'"{value}" is no time; use one like 2026-01-31T12:00:00Z or seconds since 1970') from None
    return moment


def _from_csv(text: str, metric: str) -> Iterable[Point]:
    rows = csv.reader(io.StringIO(text))
    header = [name.strip().lower() for name in next(rows, [])]
    time_column = next((header.index(name) for name in TIME_COLUMNS if name in header), None)
    if time_column is None or "value" not in header:
        raise Invalid({"samples": ["a CSV file begins with a header that names timestamp and value"]})
    value_column = header.index("value")
    metric_column = header.index("metric") if "metric" in header else None
    labelled = [(place, name) for place, name in enumerate(header) if name and name not in _NOT_LABELS]
    known: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise Invalid(
                {"samples": {rows.line_num: [f"line {rows.line_num} has {len(row)} columns of {len(header)}"]}}
            )
        if metric and metric_column is not None and row[metric_column] not in (metric, ""):
            continue
        key = tuple(row[place] for place, _ in labelled)
        labels = known.setdefault(key, {name: row[place] for place, name in labelled if row[place]})
        try:
            yield (labels, *_point(row[time_column], row[value_column]))
        except ValueError as error:
            raise Invalid({"samples": {rows.line_num: [f"line {rows.line_num}: {error}"]}}) from None


def _point(at: object, value: object) -> tuple[int, float]:
    number = None if isinstance(value, bool) else _number(value)
    if number is None or not math.isfinite(number):
        raise ValueError(f'"{value}" is no finite number')
    return milliseconds(parse_moment(at)), number


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        return None
