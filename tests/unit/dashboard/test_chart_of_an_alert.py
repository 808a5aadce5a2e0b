"""The chart's scale is round, holds all values and the limit, and its time of alarm is shaded."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.components.chart import chart
from dashboard.components.plot import scale_of

SINCE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "percent", "scale"),
    [
        ([20, 97.3, 90], True, (0, 100)),
        ([0.2, 7.81, 5], False, (0, 10)),
        ([100, 101, 100.5], False, (100, 101.5)),
        ([7, 7], False, (6, 8)),
        ([0, 0], False, (0, 0.5)),
    ],
)
def test_the_scale_is_round(values, percent, scale):
    low, high = scale_of(values, percent=percent)
    assert low <= min(values)
    assert high >= max(values)
    assert (round(low, 6), round(high, 6)) == scale


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=5), st.booleans())
def test_the_scale_holds_every_value(values, percent):
    low, high = scale_of(values, percent=percent)
    assert low <= min(values) <= max(values) <= high
    assert low < high


def test_it_draws_lines_limit_and_the_time_of_alarm():
    points = [[(SINCE + timedelta(minutes=n)).isoformat(), 40.0 + 10 * n] for n in range(6)]
    alert = {
        "metric": "system.cpu.usage",
        "labels": {"host": "web-1"},
        "threshold": 90,
        "activated_at": (SINCE + timedelta(minutes=5)).isoformat(),
        "resolved_at": None,
    }
    html = str(chart([{"points": points}], alert, SINCE, SINCE + timedelta(minutes=10)))
    assert html.count("<path") == 1
    assert "limit 90 %" in html
    assert '<rect class="open" x="500.0"' in html
    assert "from 40 to 90 %" in html


def test_there_is_no_chart_of_less_than_two_points():
    alert = {"metric": "m", "labels": {}, "threshold": None}
    assert chart([], alert, SINCE, SINCE) is None
    assert chart([{"points": [[SINCE.isoformat(), 1.0], [SINCE.isoformat(), None]]}], alert, SINCE, SINCE) is None
