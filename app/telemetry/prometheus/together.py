"""Many queries at once: bounded, fair among servers, and a dead server costs one time-out and not one a query."""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from app.telemetry.datasources.domain import Datasource, QueryFailed, SourceFailed
from app.telemetry.prometheus.answers import Answer
from app.telemetry.prometheus.asking import Sessions, ask

_PATIENCE = 2  # failures in a row of a server that is there, until it is asked no more
log = structlog.get_logger(__name__)
Outcome = list[Answer] | SourceFailed | QueryFailed


@dataclass(frozen=True)
class Asked:
    """A query, and whom to ask."""

    source: Datasource
    query: str


@dataclass
class Lane:
    """The queries of one server that wait, and how it does."""

    waiting: deque[int] = field(default_factory=deque)
    n_running: int = 0
    n_answered: int = 0
    n_failed: int = 0  # in a row, though it is there
    down: SourceFailed | None = None

    def note(self, outcome: Outcome, n_answered_before: int) -> None:
        """A query has ended that was begun after so many answers.

        A server that says itself what failed, or that answered others meanwhile, is not down for one heavy query.
        """
        self.n_running -= 1
        if not isinstance(outcome, SourceFailed):
            self.n_answered += 1
            self.n_failed = 0
            return
        self.n_failed += 1
        is_there = outcome.answered or self.n_answered > n_answered_before
        if not is_there or self.n_failed >= _PATIENCE:
            self.down = outcome


def ask_all(opened: Sessions, asked: Sequence[Asked], at: datetime, n_at_once: int) -> Iterator[tuple[int, Outcome]]:
    """Every query's position in `asked` with its answers, or with why there are none; in the order in which they end.

    At most `n_at_once` are under way, of one server at most half of these while others wait. When a server does not
    answer, its queries that have not been started fail with the same message.
    """
    lanes: dict[str, Lane] = {}
    for position, one in enumerate(asked):
        lanes.setdefault(one.source.id, Lane()).waiting.append(position)
    running: dict[Future[Outcome], tuple[int, int]] = {}
    with ThreadPoolExecutor(max(1, min(n_at_once, len(asked))), thread_name_prefix="ask") as threads:
        while running or any(lane.waiting for lane in lanes.values()):
            while (lane := next_lane(lanes.values(), n_at_once)) is not None:
                position = lane.waiting.popleft()
                lane.n_running += 1
                running[threads.submit(_outcome, opened, asked[position], at)] = position, lane.n_answered
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            outcomes: list[tuple[int, Outcome]] = []
            for future in ended:
                (position, n_answered_before), outcome = running.pop(future), future.result()
                outcomes.append((position, outcome))
                lane = lanes[asked[position].source.id]
                lane.note(outcome, n_answered_before)
                if lane.down is not None:
                    outcomes += [(waiting, lane.down) for waiting in lane.waiting]
                    lane.waiting.clear()
            yield from outcomes


def next_lane(lanes: Collection[Lane], n_at_once: int) -> Lane | None:
    """The server to be asked next: of those that may, the one with the fewest queries under way; None when none may."""
    busy = [lane for lane in lanes if lane.waiting or lane.n_running]
    if sum(lane.n_running for lane in busy) >= n_at_once:
        return None
    most = n_at_once if len(busy) <= 1 else max(1, n_at_once // 2)
    may = [lane for lane in busy if lane.waiting and lane.n_running < most]
    return min(may, key=lambda lane: lane.n_running, default=None)


def _outcome(opened: Sessions, asked: Asked, at: datetime) -> Outcome:
    try:
        return ask(opened, asked.source, asked.query, at)
    except (SourceFailed, QueryFailed) as error:
        return error
    except Exception as error:  # poison isolation: the other queries are answered
        log.exception("asking failed", datasource=asked.source.id)
        return QueryFailed(f"asking failed on our side ({type(error).__name__}); the log has it")
