"""Live events: bursts are coalesced, and the last change of a burst is the last in the stream."""

from app.core.live import EVENTS, Event
from tests.conditions import eventually


def published(runtime):
    return [fields[b"data"] for _, fields in runtime.redis.xrange(EVENTS)]


def test_of_a_burst_the_first_and_the_last_arrive(runtime):
    for version in range(1, 6):
        runtime.live.publish([Event("alert.updated", "a", {"version": version})])
    eventually(lambda: len(published(runtime)) == 2, what="the trailing event")
    assert published(runtime) == [b'{"version":1}', b'{"version":5}']


def test_a_held_event_never_comes_after_a_newer_one(runtime):
    for version in (1, 2):
        runtime.live.publish([Event("alert.updated", "a", {"version": version})])
    runtime.live._last_sent.clear()  # as if 250 ms had passed, and the timer had not had its turn
    runtime.live.publish([Event("alert.updated", "a", {"version": 3})])
    eventually(lambda: runtime.live._timer is None, what="the timer's turn")
    assert published(runtime) == [b'{"version":1}', b'{"version":3}']


def test_events_of_different_alerts_do_not_hold_each_other(runtime):
    runtime.live.publish([Event("alert.opened", str(n), {"n": n}) for n in range(1200)])
    assert published(runtime) == [b'{"n":%d}' % n for n in range(1200)]


def test_what_is_held_goes_out_when_the_process_ends(other_runtime, runtime):
    for version in (1, 2):
        other_runtime.live.publish([Event("alert.updated", "a", {"version": version})])
    other_runtime.live.close()
    assert published(runtime) == [b'{"version":1}', b'{"version":2}']
