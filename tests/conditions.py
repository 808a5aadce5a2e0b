"""Waiting for what must come true: with a deadline, never for a fixed time."""

import time


def eventually(condition, *, within=15.0, every=0.02, what="the condition"):
    """What `condition()` returns once it is true; AssertionError with its last answer or error when it never is."""
    deadline = time.monotonic() + within
    last = None
    while time.monotonic() < deadline:
        try:
            last = condition()
            if last:
                return last
        except (OSError, AssertionError, LookupError, ValueError) as error:
            last = error
        time.sleep(every)  # between two looks, not instead of one
    raise AssertionError(f"waited {within} s for {what}; last: {last!r}")
