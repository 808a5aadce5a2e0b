"""When a part counts as healthy."""

from dataclasses import dataclass
from datetime import datetime, timedelta

QUEUES = ("evaluation", "correlation", "escalation", "delivery")
LATE_AFTER = timedelta(seconds=15)  # Beat asks each queue every second; a restarted worker is back well within


@dataclass(frozen=True)
class Check:
    """One part: `ok`, or what is wrong and the mend."""

    name: str
    ok: bool
    detail: str


def tick_check(name: str, seen_at: datetime | None, now: datetime, mend: str) -> Check:
    """Whether a queue's worker, or Beat, gave a sign lately."""
    if seen_at is None:
        return Check(name, ok=False, detail=f"never seen; {mend}")
    age = max((now - seen_at).total_seconds(), 0.0)
    if age > LATE_AFTER.total_seconds():
        return Check(name, ok=False, detail=f"last seen {age:.0f} s ago; {mend}")
    return Check(name, ok=True, detail=f"seen {age:.1f} s ago")


def overall(checks: list[Check]) -> str:
    """`ok`; `down` when the database is away, because then nothing is durable; else `degraded`."""
    if all(check.ok for check in checks):
        return "ok"
    return "down" if any(check.name == "database" and not check.ok for check in checks) else "degraded"
