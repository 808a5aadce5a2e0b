"""Outages of the system itself open no alert; two sweeps at once do what one does; beats and sweeps race."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.alerts.store import ALERTS
from app.core.clock import utcnow
from app.heartbeats import service, store
from app.heartbeats.domain import Config, State, made

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
CONFIG = Config(interval=MINUTE, grace=30 * SECOND)


@pytest.fixture
def start():
    return utcnow().replace(microsecond=0)


@pytest.fixture
def sweep(runtime):
    """Sweep at a time until nothing is left; returns how many are missing."""

    def at(now, web_seen_at=None, one=runtime):
        n, total = 100, 0
        while n >= 100:
            n = one.run(lambda session: service.sweep(session, web_seen_at or now, now, one.settings))
            total += n
        return total

    return at


@pytest.fixture
def beat(runtime):
    def at(now, names):
        with runtime.transaction() as session:
            for name in names:
                service.beat(session, name, now, runtime.settings)

    return at


def states(runtime):
    with runtime.reading() as session:
        return {row.id: row.state for row in session.execute(sa.select(store.HEARTBEATS))}


def n_alerts(runtime, **columns):
    with runtime.reading() as session:
        wanted = sa.select(sa.func.count()).select_from(ALERTS).where(*(ALERTS.c[k] == v for k, v in columns.items()))
        return session.scalar(wanted)


@pytest.fixture
def thousand(runtime, start):
    """A thousand heartbeats that come every minute, each in its own second and a bit of it."""
    names = [f"job-{n}" for n in range(1000)]
    with runtime.transaction() as session:
        for n, name in enumerate(names):
            at = start - MINUTE + n * MINUTE / 1000
            store.insert(session, made(name, CONFIG, at, by_beat=True))
        store.ensure_mark(session, "heartbeats", start)
    return names


@pytest.mark.parametrize("gap", [10 * MINUTE, 10 * MINUTE + 31 * SECOND, 11 * SECOND])
def test_a_thousand_heartbeats_outlive_a_dead_engine(runtime, thousand, start, sweep, beat, gap):
    assert sweep(start + SECOND) == 0
    back = start + SECOND + gap
    assert sweep(back) == 0
    coming, silent = thousand[:600], thousand[600:]
    for passed in range(9, 60, 9):
        assert sweep(back + passed * SECOND) == 0
    beat(back + MINUTE, coming)
    for passed in (60, 69, 78, 87, 89):
        assert sweep(back + passed * SECOND) == 0
    assert sweep(back + 90 * SECOND) == len(silent)
    assert {name for name, state in states(runtime).items() if state == State.DOWN} == set(silent)
    assert n_alerts(runtime) == n_alerts(runtime, status="ACTIVE") == len(silent)


def test_while_no_web_process_is_seen_nothing_is_missing(runtime, thousand, start, sweep):
    seen = start + SECOND
    assert sweep(seen) == 0
    for passed in range(2, 600, 30):
        assert sweep(start + passed * SECOND, web_seen_at=seen) == 0
    back = start + 600 * SECOND
    assert sweep(back) == 0
    assert sweep(back + 9 * SECOND) == 0
    for passed in range(10, 90, 9):
        assert sweep(back + passed * SECOND) == 0
    assert sweep(back + 90 * SECOND) == 1000


def test_what_was_missing_before_the_outage_is_missing_after_it(runtime, start, sweep):
    with runtime.transaction() as session:
        store.insert(session, made("late", CONFIG, start - 91 * SECOND, by_beat=True))
        store.insert(session, made("in-time", CONFIG, start - 80 * SECOND, by_beat=True))
        store.ensure_mark(session, "heartbeats", start)
    assert sweep(start + 10 * MINUTE) == 1
    assert states(runtime) == {"late": "down", "in-time": "up"}


def test_two_sweeps_at_once_do_what_one_does(runtime, other_runtime, thousand, start, sweep):
    found, at = [], start + 5 * SECOND
    with runtime.transaction() as session:
        session.execute(sa.update(store.HEARTBEATS).values(expires_at_ms=store.milliseconds(start)))
    together = threading.Barrier(2)

    def once(one):
        together.wait()
        found.append(sweep(at, one=one))

    threads = [threading.Thread(target=once, args=(one,)) for one in (runtime, other_runtime)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sweep(at)
    assert sum(found) <= 1000
    assert n_alerts(runtime) == n_alerts(runtime, occurrences=1) == 1000
    assert set(states(runtime).values()) == {"down"}


def test_of_two_sweeps_after_an_outage_one_begins_the_time_anew(runtime, other_runtime, thousand, start, sweep):
    back, together, found = start + 10 * MINUTE, threading.Barrier(2), []

    def once(one):
        together.wait()
        found.append(sweep(back, one=one))

    threads = [threading.Thread(target=once, args=(one,)) for one in (runtime, other_runtime)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0, 0]
    with runtime.reading() as session:
        due = set(session.scalars(sa.select(store.HEARTBEATS.c.expires_at_ms)))
    assert due == {store.milliseconds(back + 90 * SECOND)}


def test_a_beat_and_a_sweep_that_race_leave_heartbeat_and_alert_of_one_mind(runtime, other_runtime, start, sweep):
    for n in range(10):
        name, now = f"race-{n}", utcnow()
        with runtime.transaction() as session:
            store.insert(session, made(name, CONFIG, now - 2 * MINUTE, by_beat=True))
            store.ensure_mark(session, "heartbeats", now)
        together = threading.Barrier(2)

        def come(name=name, together=together):
            together.wait()
            other_runtime.run(lambda session: service.beat(session, name, utcnow(), other_runtime.settings))

        thread = threading.Thread(target=come)
        thread.start()
        together.wait()
        sweep(utcnow())
        thread.join()
        assert states(runtime)[name] == "up"
    assert n_alerts(runtime, status="ACTIVE") == 0


def test_two_first_beats_at_once_make_one_heartbeat(runtime, other_runtime):
    together, found = threading.Barrier(2), []

    def come(one):
        together.wait()
        found.append(one.run(lambda session: service.beat(session, "new", utcnow(), one.settings))[1])

    threads = [threading.Thread(target=come, args=(one,)) for one in (runtime, other_runtime)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False, True]


def test_a_clock_that_is_behind_still_resolves_the_alert(runtime, start, sweep):
    with runtime.transaction() as session:
        store.insert(session, made("skewed", CONFIG, start - 2 * MINUTE, by_beat=True))
        store.ensure_mark(session, "heartbeats", start - SECOND)
    assert sweep(start) == 1
    with runtime.transaction() as session:
        service.beat(session, "skewed", start - 3 * SECOND, runtime.settings)
    assert (n_alerts(runtime, status="RESOLVED"), n_alerts(runtime)) == (1, 1)


def test_without_heartbeats_a_sweep_has_nothing_to_do(runtime, start, sweep):
    assert sweep(start) == 0
    with runtime.reading() as session:
        assert store.mark(session, "heartbeats") is None
