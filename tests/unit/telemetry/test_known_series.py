"""What a process remembers of the series that are known."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.cardinality import KnownSeries

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def test_what_was_added_is_known():
    known = KnownSeries(100, DAY)
    assert known.unknown({1, 2}, NOW) == {1, 2}
    known.add({1})
    assert known.unknown({1, 2}, NOW) == {2}


def test_the_least_recently_used_is_forgotten_first():
    known = KnownSeries(10, DAY)
    for n in range(100):
        known.unknown({n, 1000}, NOW)
        known.add({n, 1000})
    assert known.unknown({1000, 99, 0}, NOW) == {0}


def test_what_was_not_used_for_as_long_as_samples_are_kept_is_forgotten():
    known = KnownSeries(100, DAY)
    known.unknown(set(), NOW)
    known.add({1})
    assert known.unknown({1}, NOW + timedelta(hours=11)) == set()
    assert known.unknown({2}, NOW + timedelta(hours=13)) == {2}
    assert known.unknown({2}, NOW + timedelta(hours=26)) == {2}
    assert known.unknown({1}, NOW + timedelta(hours=26)) == {1}


def test_after_a_long_pause_nothing_is_known():
    known = KnownSeries(100, DAY)
    known.unknown(set(), NOW)
    known.add({1})
    assert known.unknown({1}, NOW + timedelta(days=3)) == {1}


@given(st.lists(st.sets(st.integers(0, 300), max_size=20), max_size=60))
def test_it_never_knows_what_was_not_added_nor_more_than_it_has_room_for(batches):
    known = KnownSeries(40, DAY)
    added = set()
    for batch in batches:
        assert batch - added <= known.unknown(batch, NOW)
        known.add(batch)
        added |= batch
        assert len(known._young | known._old) <= 2 * (40 + 20)
