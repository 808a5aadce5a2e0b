"""What runs when: task names and intervals in seconds.

Each tick is a question ("is anything due?"), so a lost or doubled one is harmless.
"""

from typing import Any


def _tick(task: str, every_s: float) -> dict[str, Any]:
    queue = task.partition(".")[0]
    options = {"queue": queue, "expires": max(every_s * 3, 5)}
    return {"task": task, "schedule": every_s, "kwargs": {"asked_by_beat": True}, "options": options}


SCHEDULE: dict[str, dict[str, Any]] = {
    "evaluation": _tick("evaluation.evaluate", 1.0),
    "queries": _tick("evaluation.ask", 1.0),
    "correlation": _tick("correlation.correlate", 1.0),
    "escalation": _tick("escalation.escalate", 1.0),
    "delivery": _tick("delivery.deliver", 1.0),
    "maintenance": _tick("maintenance.tidy", 30.0),
}
