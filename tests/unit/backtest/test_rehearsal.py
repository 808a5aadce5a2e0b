"""What a rule would have done: firings, flaps, scores, and when it is evaluated at all."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.alerts.domain.absorption import Limits
from app.backtest.domain import MAX_JUDGED, moments_of, rehearse, score
from app.backtest.samples import windows_of_points
from app.core.errors import Invalid
from app.rules.domain import Aggregation, NoData, Operator
from app.telemetry.domain import moment_of
from tests.unit.rules.making import rule

T0 = 1_769_860_800_000
MINUTE = timedelta(minutes=1)
MINUTE_MS = 60_000
LAST = {"aggregation": Aggregation.LAST}


def at(minutes):
    return moment_of(T0) + minutes * MINUTE


def points(values, labels=None, start=0):
    """A value a minute; None is a minute without one."""
    return [
        (labels or {}, T0 + (start + minute) * MINUTE_MS, float(value))
        for minute, value in enumerate(values)
        if value is not None
    ]


def rehearsed(of, given, step=MINUTE, limits=None):
    windows = windows_of_points(of, given)
    return rehearse(of, windows, moments_of(windows, MINUTE, step, windows.now), limits or Limits())


def spans(found):
    """From minute, to minute, whether it is a flap."""
    after = moment_of(T0)
    return [
        (
            (one.fired_at - after) / MINUTE,
            None if one.resolved_at is None else (one.resolved_at - after) / MINUTE,
            one.reopened,
        )
        for one in found.fired
    ]


def test_it_fires_when_the_condition_holds_and_resolves_when_it_does_not():
    found = rehearsed(rule(**LAST), points([1, 11, 12, 3, 4]))
    assert spans(found) == [(1, 3, False)]
    (fired,) = found.fired
    assert (fired.value, fired.pending_at) == (11.0, None)
    assert fired.reason == "last of queue.length over 1m is 11, greater than 10 (1 sample)"
    assert (found.n_alerts, found.n_flaps, found.firing) == (1, 0, 2 * MINUTE)
    assert (found.since, found.until, found.n_evaluations, found.n_samples) == (at(0), at(4), 5, 5)


def test_what_still_fires_at_the_end_has_no_end():
    found = rehearsed(rule(**LAST), points([1, 11, 12]))
    assert spans(found) == [(1, None, False)]
    assert found.firing == MINUTE


def test_for_delays_it_and_a_short_peak_is_nothing():
    found = rehearsed(rule(pending_for=2 * MINUTE, **LAST), points([1, 11, 1, 11, 11, 11, 11, 1]))
    assert spans(found) == [(5, 7, False)]
    assert found.fired[0].pending_at == at(3)


def test_keep_firing_for_and_hysteresis_join_what_would_flap():
    values = [11, 9, 11, 9, 11, 7, 7, 7]
    assert rehearsed(rule(**LAST), points(values)).n_flaps == 2
    held = rehearsed(rule(resolve_threshold=8.0, **LAST), points(values))
    assert spans(held) == [(0, 5, False)]
    kept = rehearsed(rule(keep_firing_for=2 * MINUTE, **LAST), points(values))
    assert spans(kept) == [(0, 7, False)]


def test_firing_again_within_the_reopen_window_is_a_flap_and_after_it_another_alert():
    of = rule(**LAST)
    assert spans(rehearsed(of, points([11, 1, 11, 1]))) == [(0, 1, False), (2, 3, True)]
    late = [11, *[1] * 12, 11, 1]
    found = rehearsed(of, points(late))
    assert spans(found) == [(0, 1, False), (13, 14, False)]
    assert (found.n_alerts, found.n_flaps) == (2, 0)
    assert rehearsed(of, points(late), limits=Limits(reopen_window=60 * MINUTE)).n_flaps == 1


def test_series_fire_apart_and_stand_in_the_order_of_time():
    found = rehearsed(rule(**LAST), [*points([1, 1, 11], {"host": "a"}), *points([1, 11, 1], {"host": "b"})])
    assert [one.labels for one in found.fired] == [{"host": "b"}, {"host": "a"}]
    assert [one.labels for one in found.curves] == [{"host": "a"}, {"host": "b"}]


def test_missing_samples_end_nothing_unless_the_rule_says_so():
    values = [11, None, None, 1]
    assert spans(rehearsed(rule(**LAST), points(values))) == [(0, 3, False)]
    assert spans(rehearsed(rule(no_data=NoData.OK, **LAST), points(values))) == [(0, 1, False)]


def test_absence_fires_in_the_gap():
    of = rule(operator=Operator.ABSENT, threshold=None)
    assert spans(rehearsed(of, points([1, 1, None, None, 1]))) == [(2, 4, False)]


def test_what_is_beyond_computing_is_told_even_when_nothing_fires():
    of = rule(aggregation=Aggregation.SUM, threshold=1.5e308)
    found = rehearsed(of, [({}, T0, 1e308), ({}, T0 + 1, 1e308), ({}, T0 + 2, 1.0)], step=None)
    assert found.fired == ()
    assert found.failures == ("sum of queue.length over 1m is beyond what can be computed",)


def test_two_series_that_become_one_alert_are_told():
    of = rule(alert_labels={"host": ""}, **LAST)
    found = rehearsed(of, [*points([11], {"host": "a"}), *points([11], {"host": "b"})])
    assert found.fired == ()
    assert found.failures[0].startswith("two series become the same alert")


def test_of_an_anomaly_rule_the_band_is_shown_and_a_shift_fires():
    of = rule(operator=Operator.ANOMALY, threshold=4.0, **LAST)
    found = rehearsed(of, points([100] * 120 + [300] * 5), step=None)
    assert spans(found)[0][0] == 120
    (curve,) = found.curves
    assert np.isnan(curve.low[:50]).all()
    assert curve.low[119] < 100 < curve.high[119] < 300


def test_the_past_of_a_series_that_began_first_counts_wherever_it_stands():
    of = rule(operator=Operator.ANOMALY, threshold=4.0, **LAST)
    late, early = points([100] * 20, {"host": "a"}, start=105), points([100] * 120 + [300] * 5, {"host": "b"})
    found = rehearsed(of, [*late, *early], step=None)
    assert [one.labels for one in found.fired] == [{"host": "b"}]


def test_samples_that_lie_ages_apart_are_refused_to_an_anomaly_rule():
    of = rule(operator=Operator.ANOMALY, threshold=4.0, **LAST)
    with pytest.raises(Invalid) as caught:
        rehearsed(of, [({}, 0, 1.0), ({}, T0 * 50, 1.0)], step=None)
    assert caught.value.errors == {"samples": ["they lie too far apart for an anomaly rule; leave out the old ones"]}


def moments(given, interval=MINUTE, step=None):
    windows = windows_of_points(rule(), given)
    return ((moments_of(windows, interval, step, windows.now) - T0) / MINUTE_MS).tolist()


def test_it_is_evaluated_on_arrival_and_each_interval():
    assert moments([({}, T0, 1.0), ({}, T0 + 90_000, 1.0), ({}, T0 + 180_000, 1.0)]) == [0, 1.5, 3]
    assert moments([*points([1] * 3), ({}, T0 + 61_000, 1.0)]) == [0, 1, 61 / 60, 2]


def test_with_a_step_it_is_evaluated_at_each_step_only():
    given = [({}, T0, 1.0), ({}, T0 + 90_000, 1.0), ({}, T0 + 180_000, 1.0)]
    assert moments(given, step=MINUTE) == [0, 1, 2, 3]
    assert moments(given, step=timedelta(minutes=2)) == [0, 2]


def test_an_interval_that_is_shorter_than_the_samples_are_apart_adds_nothing():
    assert moments(points([1] * 4), interval=timedelta(seconds=1)) == [0, 1, 2, 3]


def test_a_gap_is_judged_as_well():
    assert moments(points([1, 1, 1, None, None, None, 1])) == [0, 1, 2, 3, 4, 5, 6]


def test_one_sample_is_one_moment_and_none_is_none():
    assert moments(points([1])) == [0]
    assert moments([]) == []


def test_without_a_step_there_are_never_very_many_moments():
    assert len(moments([({}, T0, 1.0), ({}, T0 + 1, 1.0), ({}, T0 + 2, 1.0), ({}, T0 * 4, 1.0)])) < 20_010


def test_a_step_that_means_too_many_moments_is_refused_before_they_are_made():
    with pytest.raises(Invalid) as caught:
        moments([({}, 0, 1.0), ({}, T0, 1.0)], step=timedelta(milliseconds=1))
    (said,) = caught.value.errors["step"]
    least = T0 // MAX_JUDGED // 1000 + 1
    assert said == f"that are too many evaluations; use a step of at least {least // 60}m{least % 60}s"
    assert len(moments([({}, 0, 1.0), ({}, T0, 1.0)], step=timedelta(seconds=least))) <= MAX_JUDGED


def scored(*labelled):
    found = rehearsed(rule(**LAST), points([1, 11, 11, 1, 1, 1, 11, 1, 1, 1]))
    assert spans(found) == [(1, 3, False), (6, 7, True)]
    return score(found, [(at(start), at(end)) for start, end in labelled])


def test_a_window_is_hit_when_something_fires_within_it():
    found = scored((2, 4), (8, 9))
    assert (found.n_windows, found.n_hits, found.n_missed, found.n_false_alarms) == (2, 1, 1, 1)
    assert found.false_alarms_per_series_day == pytest.approx(24 * 60 / 9)


@pytest.mark.parametrize("window", [(0, 1), (3, 5), (1, 3), (2, 2), (0, 9)])
def test_bounds_belong_to_a_window_and_to_a_firing(window):
    assert scored(window).n_hits == 1


def test_two_firings_in_one_window_are_one_hit_and_no_false_alarm():
    found = scored((0, 9))
    assert (found.n_hits, found.n_false_alarms, found.false_alarms_per_series_day) == (1, 0, 0.0)


def test_one_firing_over_two_windows_hits_both():
    assert scored((1, 1), (2, 3)).n_hits == 2


def test_what_still_fires_hits_until_the_end():
    found = rehearsed(rule(**LAST), points([1, 11, 11]))
    assert score(found, [(at(2), at(5))]).n_hits == 1
    assert score(found, [(at(2.1), at(5))]).n_hits == 0


def test_without_samples_nothing_happens():
    found = rehearsed(rule(), [])
    assert (found.fired, found.curves, found.n_evaluations) == ((), (), 0)
    assert found.since == found.until == datetime(1970, 1, 1, tzinfo=UTC)
