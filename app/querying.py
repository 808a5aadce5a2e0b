"""Rules over Prometheus-compatible servers: claimed, asked for with no transaction open, settled as answers come."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from queue import SimpleQueue

import structlog
from sqlalchemy.orm import Session

from app.core.clock import utcnow
from app.core.runtime import AWAY, Runtime
from app.rules import service as rules
from app.rules.domain import Verdict
from app.rules.service import Claim, Told
from app.telemetry.datasources.domain import Datasource, SourceFailed, datasource_for
from app.telemetry.datasources.service import datasources_named
from app.telemetry.prometheus import Asked, Sessions, ask_all

LEASE = timedelta(minutes=2)  # longer than the slowest round; a worker that died gives its rules back after it
_AT_ONCE = 8  # rounds; one that waits for a slow server must not hold up the servers that answer
_BATCH = 500
Settle = Callable[[Session, Claim, Sequence[Verdict], datetime], None]
log = structlog.get_logger(__name__)


class Rounds:
    """The rounds of questions of this process. A server that is being asked is in no other round meanwhile."""

    def __init__(self, runtime: Runtime, settle: Callable[[Runtime], Settle]) -> None:
        self._runtime = runtime
        self._settle = settle(runtime)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="round")
        self._sessions = Sessions()
        self._lock = threading.Lock()
        self._busy: set[str | None] = set()
        self._n_running = 0

    def begin(self) -> Future[int] | None:
        """Begin a round over the servers that are due and not being asked; None when there is none, or no room."""
        try:
            with self._runtime.reading() as session:
                due = rules.datasources_due(session, utcnow())
        except AWAY as error:
            log.warning("store does not answer", error=str(error).splitlines()[0][:300])
            return None
        with self._lock:
            free = [name for name in due if name not in self._busy]
            if not free or self._n_running >= _AT_ONCE:
                return None
            self._busy.update(free)
            self._n_running += 1
        return self._threads.submit(self._round, free)

    def close(self) -> None:
        """Wait for the rounds that run, and close all connections."""
        self._threads.shutdown()
        self._sessions.close()

    def _round(self, names: Sequence[str | None]) -> int:
        try:
            return self._ask(names)
        except AWAY as error:
            log.warning("store does not answer", error=str(error).splitlines()[0][:300])
            return 0
        except Exception:
            log.exception("round failed; its rules wait for the end of their lease")
            return 0
        finally:
            self._free(names)
            with self._lock:
                self._n_running -= 1

    def _ask(self, names: Sequence[str | None]) -> int:
        """Claim, ask and settle; a server is free again as soon as the last of its rules is settled."""
        now = utcnow()
        claims = {name: self._claimed(name, now) for name in names}
        with self._runtime.reading() as session:
            known = datasources_named(session, self._runtime.secrets)
        waiting = {name: len(claim.claimed) for name, claim in claims.items()}
        for told in _in_batches(self._answers(claims, known, now)):
            for name in {name for name, _, _ in told}:
                mine = {rule_id: answers for of, rule_id, answers in told if of == name}
                self._save(claims[name], mine, now)
                waiting[name] -= len(mine)
                if not waiting[name]:
                    self._free([name])
        return sum(len(claim.claimed) for claim in claims.values())

    def _free(self, names: Sequence[str | None]) -> None:
        with self._lock:
            self._busy.difference_update(names)

    def _claimed(self, name: str | None, now: datetime) -> Claim:
        return self._runtime.run(lambda session: rules.claim_queries(session, name, now, LEASE, _BATCH))

    def _answers(
        self, claims: Mapping[str | None, Claim], known: Mapping[str, Datasource], now: datetime
    ) -> Iterator[tuple[str | None, str, Told]]:
        """The name of the source, the rule's id, and what was answered."""
        asked: list[Asked] = []
        places: list[tuple[str | None, str]] = []
        for name, claim in claims.items():
            for broken in claim.broken:
                yield name, broken, []
            try:
                source = datasource_for(known, name)
            except SourceFailed as error:
                for rule in claim.rules:
                    yield name, rule.id, error
                continue
            for rule in claim.rules:
                asked.append(Asked(source, rule.query or ""))
                places.append((name, rule.id))
        for position, told in ask_all(self._sessions, asked, now, self._runtime.settings.max_concurrent_evaluations):
            yield (*places[position], told)

    def _save(self, claim: Claim, told: Mapping[str, Told], now: datetime) -> None:
        part = replace(claim, claimed=tuple(row for row in claim.claimed if row.id in told))

        def unit(session: Session) -> None:
            still = rules.still_claimed(session, part, now, LEASE)
            verdicts = [verdict for rule in still.rules for verdict in rules.judged(rule, told[rule.id], now)]
            self._settle(session, still, verdicts, now)

        self._runtime.run(unit)


def _in_batches(
    answers: Iterator[tuple[str | None, str, Told]],
) -> Iterator[list[tuple[str | None, str, Told]]]:
    """What has come by now, as often as something has: answers do not wait in line for a slow one behind them."""
    came: SimpleQueue[tuple[str | None, str, Told] | BaseException | None] = SimpleQueue()

    def feed() -> None:
        try:
            for one in answers:
                came.put(one)
        except BaseException as error:  # noqa: BLE001 (raised again by whoever reads)
            came.put(error)
        finally:
            came.put(None)

    threading.Thread(target=feed, name="answers", daemon=True).start()
    over = False
    while not over:
        batch = [came.get()]
        while not came.empty():  # nobody else takes from it
            batch.append(came.get())
        over = batch[-1] is None
        for one in batch:
            if isinstance(one, BaseException):
                raise one
        yield [one for one in batch if isinstance(one, tuple)]
