"""What the past lets expect of a series, and what of the present is unusual."""

from datetime import timedelta

import numpy as np
import orjson
import pytest

from app.rules.domain import Operator, Outcome, evaluate
from app.rules.domain.anomaly import Baseline, baseline, bucket_ends, step_of
from app.rules.domain.evaluation import group_key
from app.rules.verdicts import Latest, latest_of
from app.telemetry.domain import milliseconds
from tests.unit.rules.making import NOW, rule, windows

A = (("host", "a"),)
AT = milliseconds(NOW)
STEP_MS = 300_000
DAYS = 24 * 12  # values of a day, one each five minutes


def anomaly(**changes):
    return rule(**{"operator": Operator.ANOMALY, "threshold": 4.0, "aggregation": "last", **changes})


def past(values):
    """Times and values, one each five minutes, the last of them five minutes ago."""
    return AT - STEP_MS * np.arange(len(values), 0, -1), np.array(values, np.float64)


def expected(values, of=None):
    of = of or anomaly()
    return baseline(of, *past(values), AT)


def verdict(value, values, of=None):
    of = of or anomaly()
    (found,) = evaluate([of], windows([of], {A: [(0, value)]}), {group_key(of, dict(A)): expected(values, of)})
    return found


def noise(n, middle=100.0, spread=1.0, seed=1):
    return np.random.default_rng(seed).normal(middle, spread, n)


def daily(n_days, seed=2):
    """100 by night and 200 by day, the same hours each day, with a little noise; it ends at NOW."""
    at = AT - STEP_MS * np.arange(n_days * DAYS, 0, -1)
    hours = at // 3_600_000 % 24
    return np.where((hours >= 8) & (hours < 20), 200.0, 100.0) + noise(at.size, 0.0, 1.0, seed)


def test_a_level_shift_is_an_anomaly_and_the_usual_is_none():
    assert verdict(100.5, noise(100)).outcome is Outcome.OK
    assert verdict(130, noise(100)).outcome is Outcome.FIRING
    assert verdict(70, noise(100)).outcome is Outcome.FIRING


@pytest.mark.parametrize("n", [0, 1, 11])
def test_with_too_short_a_past_there_is_no_verdict_and_it_says_how_much_there_is(n):
    found = verdict(1e9, noise(n))
    assert (found.outcome, found.value) == (Outcome.NO_DATA, None)
    assert found.reason == f"{n} of the 12 values of the past that are needed, one each 5m; no verdict yet"


def test_twelve_values_are_enough():
    assert verdict(1e9, noise(12)).outcome is Outcome.FIRING


def test_a_group_without_any_history_says_so():
    of = anomaly()
    (found,) = evaluate([of], windows([of], {A: [(0, 1.0)]}), {})
    assert (found.outcome, found.reason) == (Outcome.NO_DATA, "no history is known")


def test_the_last_step_is_not_part_of_what_it_is_compared_with():
    times, values = past([10.0] * 20)
    of = anomaly()
    newest = np.append(times, AT), np.append(values, 1000.0)
    assert baseline(of, *newest, AT) == baseline(of, times, values, AT)


def test_what_is_older_than_the_history_is_left_out():
    old = np.full(100, AT - timedelta(days=16) // timedelta(milliseconds=1)) + np.arange(100)
    times, values = past([10.0] * 20)
    with_old = baseline(anomaly(), np.append(old, times), np.append(np.full(100, 1e6), values), AT)
    assert with_old == baseline(anomaly(), times, values, AT)


@pytest.mark.parametrize(("value", "outcome"), [(100, "ok"), (104, "ok"), (119, "ok"), (121, "firing"), (79, "firing")])
def test_a_series_without_any_spread_may_still_take_a_small_step(value, outcome):
    assert verdict(value, [100.0] * 50).outcome == outcome


def test_a_series_that_was_always_zero_has_a_spread_above_zero():
    found = expected([0.0] * 50)
    assert 0 < found.spread <= 1e-6
    assert verdict(0.0, [0.0] * 50).outcome is Outcome.OK
    assert verdict(1.0, [0.0] * 50).outcome is Outcome.FIRING


def test_a_series_that_leaps_every_now_and_then_is_no_anomaly_each_time():
    spiky = noise(300)
    spiky[::7] += 50
    assert verdict(150, spiky).outcome is Outcome.OK
    assert verdict(1000, spiky).outcome is Outcome.FIRING


def test_a_leap_that_was_never_seen_is_not_excused_by_a_single_one_of_the_past():
    once = noise(300)
    once[150] += 50
    assert verdict(150, once).outcome is Outcome.FIRING


def test_what_is_usual_at_this_hour_is_no_anomaly_and_what_is_usual_at_another_is():
    found = verdict(200, daily(5))  # NOW is noon
    assert found.outcome is Outcome.OK
    assert found.expected.season == timedelta(days=1)
    assert verdict(100, daily(5)).outcome is Outcome.FIRING


def test_before_two_seasons_have_passed_all_of_the_past_is_looked_at():
    assert expected(daily(1)).season is None
    assert expected(daily(2)).season == timedelta(days=1)


def test_the_reason_shows_the_band_the_expected_value_and_the_season():
    flat = verdict(130, [100.0] * 50, anomaly(threshold=2.0))
    assert (flat.expected.low, flat.expected.value, flat.expected.high) == (90, 100, 110)
    assert flat.reason == (
        "last of queue.length over 1m is 130, outside of the expected 90 to 110 around 100 "
        "(no season, 50 values of the past) (1 sample)"
    )
    assert "inside of the expected 90 to 110" in verdict(101, [100.0] * 50, anomaly(threshold=2.0)).reason
    assert "(season 1d, " in verdict(200, daily(3)).reason
    assert "(season 12h, " in verdict(200, daily(3), anomaly(season=timedelta(hours=12))).reason


@pytest.mark.parametrize("value", [90.0, 110.0])
def test_the_bounds_of_the_band_belong_to_what_is_expected(value):
    assert verdict(value, [100.0] * 50, anomaly(threshold=2.0)).outcome is Outcome.OK


@pytest.mark.parametrize(
    "found",
    [Baseline(0.0, 1e308, 12, None).expected(1e308), Baseline(1.7e308, 1.7e308, 12, None).expected(9.0)],
)
def test_a_band_beyond_all_numbers_ends_at_the_greatest(found):
    assert np.isfinite([found.low, found.value, found.high]).all()
    assert orjson.loads(orjson.dumps([found.low, found.high])) == [found.low, found.high]


def test_a_past_of_numbers_that_are_far_too_great_finds_nothing_unusual():
    found = verdict(1e308, [1.7e308, -1.7e308] * 20)
    assert found.outcome is Outcome.OK
    assert np.isfinite([found.expected.low, found.expected.high]).all()


def test_what_is_kept_of_an_anomaly_can_be_read_again():
    found = verdict(1.0, noise(20), anomaly(threshold=1e308))
    kept = latest_of([found], NOW, timedelta(0))
    assert isinstance(kept, Latest)
    assert kept.verdicts(found.rule) == [found]


def test_values_of_the_past_are_kept_at_the_same_moments_for_everybody():
    of = anomaly()
    assert bucket_ends(of, AT - 1, AT + STEP_MS).tolist() == [AT, AT + STEP_MS]
    assert bucket_ends(of, AT, AT + STEP_MS - 1).size == 0
    assert bucket_ends(of, AT + 17, AT + STEP_MS).tolist() == [AT + STEP_MS]


@pytest.mark.parametrize(("minutes", "step"), [(1, 5), (5, 5), (15, 15)])
def test_a_long_window_is_kept_once_each_window(minutes, step):
    assert step_of(anomaly(window=timedelta(minutes=minutes))) == timedelta(minutes=step)


def test_a_season_that_is_shorter_than_what_is_kept_can_show_is_as_long_as_that():
    shortest = expected(daily(3), anomaly(season=timedelta(milliseconds=2)))
    assert shortest == expected(daily(3), anomaly(season=timedelta(minutes=10)))
