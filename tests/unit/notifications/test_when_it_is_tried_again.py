"""Retries: how long to wait, when to stop, and what a lost worker means."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notifications.domain import Outcome, RetryPolicy, State, after_attempt, after_lost_lease, retry_delay
from tests.unit.notifications.telling import T0, attempt

POLICY = RetryPolicy(attempts=3, delay=timedelta(seconds=2), cap=timedelta(seconds=10))
LATER = T0 + timedelta(minutes=15)


class Highest(Random):
    """Always the upper end."""

    def uniform(self, a, b):
        return b


@pytest.mark.parametrize("n, seconds", [(1, 2), (2, 4), (3, 8), (4, 10), (2000, 10)])
def test_the_ceiling_doubles_up_to_the_cap(n, seconds):
    assert retry_delay(n, POLICY, Highest()) == timedelta(seconds=seconds)


@given(st.integers(1, 200), st.integers(0, 2**32))
def test_the_delay_is_anything_below_the_ceiling(n, seed):
    ceiling = retry_delay(n, POLICY, Highest())
    assert timedelta(0) <= retry_delay(n, POLICY, Random(seed)) <= ceiling


@given(st.integers(1, 200), st.integers(0, 7200), st.integers(0, 2**32))
def test_a_receiver_that_asks_for_more_time_gets_it(n, seconds, seed):
    wanted = timedelta(seconds=seconds)
    assert retry_delay(n, POLICY, Random(seed), wanted) >= wanted


@pytest.mark.parametrize(
    "kind, n, tried, expected",
    [
        ("firing", 1, attempt(Outcome.OK), (State.DELIVERED, "the receiver confirmed it")),
        ("firing", 1, attempt(), (State.RETRY_WAIT, "try 1 failed: HTTP 500")),
        ("firing", 3, attempt(), (State.DEAD, "gave up after 3 tries: HTTP 500")),
        ("firing", 1, attempt(Outcome.PERMANENT, error="HTTP 404"), (State.DEAD, "refused for good: HTTP 404")),
        ("firing", 1, attempt(Outcome.AMBIGUOUS, error="no answer"), (State.RETRY_WAIT, "try 1 failed: no answer")),
        (
            "resolved",
            1,
            attempt(Outcome.AMBIGUOUS, error="no answer"),
            (State.DEAD, "may have arrived, so it does not go again: no answer"),
        ),
        ("resolved", 2, attempt(), (State.RETRY_WAIT, "try 2 failed: HTTP 500")),
        (
            "firing",
            1,
            attempt(retry_after=timedelta(minutes=20)),
            (State.DEAD, "expires before its next try: HTTP 500"),
        ),
        ("firing", 1, attempt(Outcome.WAITING), (State.QUEUED, "waits: nobody is connected")),
        ("firing", 1, attempt(Outcome.HANDED), (State.SENDING, "handed to the connected clients")),
    ],
)
def test_where_a_message_stands_after_a_try(kind, n, tried, expected):
    step = after_attempt(kind, n, tried, T0, LATER, POLICY, Highest())
    assert (step.state, step.reason) == expected


def test_a_page_without_an_answer_goes_again_marked_as_a_possible_repeat():
    step = after_attempt("firing", 1, attempt(Outcome.AMBIGUOUS), T0, LATER, POLICY, Highest())
    assert step.maybe_duplicate
    assert step.due_at == T0 + timedelta(seconds=2)


def test_a_connection_that_broke_after_the_body_went_out_marks_the_next_try():
    assert after_attempt("resolved", 1, attempt(maybe_taken=True), T0, LATER, POLICY, Highest()).maybe_duplicate
    assert not after_attempt("resolved", 1, attempt(), T0, LATER, POLICY, Highest()).maybe_duplicate


@pytest.mark.parametrize(
    "kind, channel_type, n, expires_at, state",
    [
        ("firing", "webhook", 1, LATER, State.QUEUED),
        ("resolved", "webhook", 1, LATER, State.QUEUED),
        ("update", "webhook", 1, LATER, State.DEAD),
        ("firing", "webhook", 8, LATER, State.DEAD),
        ("firing", "webhook", 1, T0, State.DEAD),
        ("update", "websocket", 30, LATER, State.QUEUED),
    ],
)
def test_what_a_dead_worker_held(kind, channel_type, n, expires_at, state):
    step = after_lost_lease(kind, channel_type, n, "its worker did not come back", T0, expires_at)
    assert step.state is state
    assert step.maybe_duplicate
    assert "its worker did not come back" in step.reason
