"""What is said when a process dies after the start."""

import pytest

from app.up.supervision import State
from app.up.watching import change


def state(running, pid):
    return State("web", running=running, pid=pid, up_s=30)


@pytest.mark.parametrize(
    "before, now, said",
    [
        (state(True, 5), state(True, 5), None),
        (state(False, 0), state(False, 0), None),
        (state(True, 5), state(False, 0), "web died and will be started again; `make logs` shows why"),
        (state(False, 0), state(True, 6), "web runs again (process 6)"),
        (state(True, 5), state(True, 6), "web died and was started again (process 6)"),
    ],
)
def test_a_death_and_a_return_are_told_once(before, now, said):
    assert change(before, now) == said
