"""What is done at a pace: by one, and again only after a while."""

import threading

from app.core.clock import Pace
from tests.conditions import eventually


def test_it_is_due_at_once_and_then_not_for_a_while():
    pace = Pace(3600)
    assert [pace.due(), pace.due()] == [True, False]


def test_it_is_due_again_after_the_while():
    pace = Pace(0.05)
    assert pace.due()
    assert eventually(pace.due)


def test_of_many_threads_one_does_it():
    pace, start, answers = Pace(3600), threading.Barrier(8), []

    def ask():
        start.wait()
        answers.append(pace.due())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(answers) == 1
