"""Rules, series and windows made from a few words."""

from datetime import UTC, datetime, timedelta

import numpy as np

from app.core.severity import Severity
from app.rules.domain.rule import Definition, Operator, Rule
from app.telemetry.domain import Series, SeriesIndex, Windows, in_order, milliseconds

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

_LEAST = {
    "name": "Queue is long",
    "metric": "queue.length",
    "operator": Operator.GREATER_THAN,
    "threshold": 10.0,
    "severity": Severity.HIGH,
    "window": timedelta(seconds=60),
}


def definition(**changes):
    return Definition(**{**_LEAST, **changes})


def rule(**changes):
    return Rule(**{"id": "r", "version": 1, **_LEAST, **changes})


def windows(rules, samples, now=NOW):
    """Windows for the rules out of {label pairs: [(seconds before now, value), ...]} of one metric."""
    series = [Series.of("queue.length", dict(labels)) for labels in samples]
    parts = [
        in_order(
            np.array([milliseconds(now - timedelta(seconds=ago)) for ago, _ in found], np.int64),
            np.array([value for _, value in found], np.float64),
        )
        for found in samples.values()
    ]
    index = SeriesIndex(series)
    return Windows(
        now=now,
        series=tuple(series),
        starts=np.concatenate(([0], np.cumsum([times.size for times, _ in parts], dtype=np.intp))),
        times=np.concatenate([np.empty(0, np.int64), *(times for times, _ in parts)]),
        values=np.concatenate([np.empty(0), *(values for _, values in parts)]),
        selected=tuple(tuple(index.select(one.matchers)) for one in rules),
    )
