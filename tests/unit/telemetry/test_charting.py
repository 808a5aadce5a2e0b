"""Points for charts: the span that is shown, and thinning out that keeps peaks."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.core.errors import Invalid
from app.telemetry.domain import charted_span, downsample

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("window", "since", "until", "start", "end"),
    [
        (None, None, None, NOW - timedelta(minutes=15), NOW),
        (HOUR, None, None, NOW - HOUR, NOW),
        (HOUR, None, NOW - HOUR, NOW - 2 * HOUR, NOW - HOUR),
        (None, NOW - 3 * HOUR, NOW - HOUR, NOW - 3 * HOUR, NOW - HOUR),
        (9 * DAY, None, None, NOW - DAY, NOW),
        (None, NOW - 9 * DAY, None, NOW - DAY, NOW),
        (None, NOW - HOUR, NOW + DAY, NOW - HOUR, NOW + timedelta(minutes=1)),
        (
            None,
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
            NOW - DAY,
            NOW + timedelta(minutes=1),
        ),
        (HOUR, None, datetime.min.replace(tzinfo=UTC), NOW - DAY, NOW - DAY),
    ],
)
def test_the_span_stays_within_what_is_kept(window, since, until, start, end):
    assert charted_span(window, since, until, NOW, DAY) == (start, end)


def test_since_must_lie_before_until():
    with pytest.raises(Invalid):
        charted_span(None, NOW, NOW - HOUR, NOW, DAY)


def test_few_points_stay_as_they_are():
    times, values = np.arange(500), np.arange(500.0)
    kept_times, kept_values = downsample(times, values, 500)
    assert (kept_times == times).all()
    assert (kept_values == values).all()


def test_peaks_and_troughs_survive():
    times, values = np.arange(10_000), np.sin(np.arange(10_000) / 50)
    values[1234], values[8765] = 99.0, -99.0
    kept_times, kept_values = downsample(times, values, 100)
    assert len(kept_times) <= 100
    assert (np.diff(kept_times) > 0).all()
    assert 1234 in kept_times
    assert 8765 in kept_times
    assert (kept_values == values[kept_times]).all()


@pytest.mark.parametrize("max_points", [2, 3, 7, 50])
def test_never_more_points_than_asked_for(max_points):
    times = np.cumsum(np.array([1, 1, 1, 5000, 1, 70_000] * 50))
    assert len(downsample(times, np.zeros(300), max_points)[0]) <= max_points
