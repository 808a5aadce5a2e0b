"""The only place that reads the clock."""

import threading
import time
from datetime import UTC, datetime


def utcnow() -> datetime:
    """The current time as an aware UTC datetime."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds of a clock that never steps back; only differences mean something."""
    return time.monotonic()


class Pace:
    """Says yes at most once in `every_s` seconds, to whichever thread asks first."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._lock = threading.Lock()
        self._next_at = 0.0

    def due(self) -> bool:
        """Whether it is time; after a yes the pause begins."""
        with self._lock:
            now = monotonic()
            if now < self._next_at:
                return False
            self._next_at = now + self._every_s
            return True
