"""Use cases of back-tests: over samples that are given, or over those that are stored."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from redis import Redis

from app.alerts.limits import limits_of
from app.backtest.domain import Rehearsal, moments_of, rehearse
from app.backtest.samples import Point, refuse_queries, windows_of_points
from app.rules.domain.grouping import grouped
from app.rules.domain.rule import Rule
from app.settings import Settings
from app.telemetry import service as telemetry
from app.telemetry.domain import Windows, milliseconds

MAX_SERIES = 100  # of one back-test over what is stored
_MAX_JUDGED = 200_000  # pairs of a group and a moment: a second of work, in a process that serves others as well


def over_points(rule: Rule, points: Sequence[Point], step: timedelta | None, settings: Settings) -> Rehearsal:
    """What the rule would have done with these points, until the last of them."""
    return _rehearsed(rule, windows_of_points(rule, points), step, settings)


def over_stored(
    redis: Redis, rule: Rule, since: datetime, until: datetime, step: timedelta | None, settings: Settings
) -> tuple[Rehearsal, bool]:
    """What the rule would have done with the samples that are stored; and whether series were left out."""
    refuse_queries(rule)
    found, truncated = telemetry.find_series(redis, rule.series_metric, rule.wanted.matchers, MAX_SERIES)
    first = milliseconds(max(since, until - settings.retention_samples) - rule.window)
    windows = telemetry.span(redis, [one.series for one in found], first, until)
    return _rehearsed(rule, windows, step, settings, since=since), truncated


def _rehearsed(
    rule: Rule, windows: Windows, step: timedelta | None, settings: Settings, since: datetime | None = None
) -> Rehearsal:
    most = _MAX_JUDGED // max(len(grouped([rule], windows).rule), 1)
    interval = rule.interval or settings.evaluation_interval
    moments = moments_of(windows, interval, step, windows.now, since=since, most=most)
    return rehearse(rule, windows, moments, limits_of(settings))
