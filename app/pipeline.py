"""THE page: the whole way of an alert, from a sample to a delivered message, as short lists of named steps."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from time import sleep

import sqlalchemy as sa
import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app import counting, internal, querying
from app.alerts import service as alerts
from app.alerts import store as alert_store
from app.alerts.domain.alert import Alert, Status
from app.alerts.limits import limits_of
from app.alerts.schemas import alert_out
from app.core import idempotency, live, ticks
from app.core.clock import monotonic, utcnow
from app.core.queue import nudge
from app.core.runtime import Runtime
from app.heartbeats import service as heartbeats
from app.notifications import service as notifications
from app.notifications.domain import Done, Sending, Subject
from app.reports import fingerprints_of, reports_of
from app.rules import service as rules
from app.rules.domain import Verdict
from app.settings import Settings
from app.telemetry import service as telemetry
from app.telemetry.domain import Series

_LONGEST_DELIVERY_S = 10.0  # a task ends now and then, so that its worker can be stopped
_PATIENCE_S = 0.2  # how long new messages may wait while others are under way
_PAUSE_S = 0.5  # between two tries to record
log = structlog.get_logger(__name__)


def evaluate(runtime: Runtime) -> int:
    """Ask the due rules of their series, and let the answers open, keep and resolve alerts; returns how many rules.

    Log entries and events that came are counted first: each match is a sample of its rule's series.

    Claim and results stand in one transaction: one that fails leaves its rules as due as they were, and the arrivals
    taken for it are put back. A worker that is killed loses the arrivals it took: their rules wait for their interval.

    The transaction covers the reading of the windows from Redis. So on SQLite nobody else writes meanwhile, two round
    trips in all and two seconds each at the worst; on PostgreSQL it holds the claimed rules only.
    """
    settings = runtime.settings
    counting.count(runtime)
    with telemetry.arrivals(runtime.redis, settings.evaluation_batch) as arrived:
        return runtime.run(lambda session: _evaluate(session, runtime.redis, arrived, utcnow(), settings))


def _evaluate(session: Session, redis: Redis, arrived: Sequence[Series], now: datetime, settings: Settings) -> int:
    claim = rules.claim_due(session, redis, arrived, now, settings.evaluation_batch)
    if claim.left:
        telemetry.put_back(redis, claim.left)
        nudge(session, "evaluation")
    if not claim.claimed:
        return 0
    windows = telemetry.windows(redis, rules.windows_wanted(claim), now)
    baselines = rules.baselines(redis, claim.rules, windows, now, settings)
    _settle(session, redis, claim, rules.evaluate(claim.rules, windows, baselines), now, settings)
    return len(claim.claimed)


def _settle(
    session: Session, redis: Redis, claim: rules.Claim, verdicts: Sequence[Verdict], now: datetime, settings: Settings
) -> None:
    """Let verdicts open, keep and resolve alerts, and save how the evaluations went."""
    if claim.withdrawn:
        alerts.withdraw(session, [rule.id for rule in claim.withdrawn], now)
    whole = [rule.id for rule in claim.rules if rule.id not in claim.parts]
    single = fingerprints_of([verdict for verdict in verdicts if verdict.rule.id in claim.parts])
    watched = alert_store.watched(session, whole, single)
    reports = list(reports_of(verdicts, watched, now, known=watched))
    outcomes = alerts.absorb(session, reports, now, limits_of(settings))
    dropped = Counter(str(said.rule_id) for said, became in zip(reports, outcomes, strict=True) if became.dropped)
    if rules.record(session, redis, claim, verdicts, now, utcnow() - now, dropped):
        internal.tell(session, now, settings)


def settled_by(runtime: Runtime) -> querying.Settle:
    """The third step of querying.Rounds: what servers answered opens, keeps and resolves alerts as samples do.

    1 claim the due rules of the servers that are not being asked   with a lease
    2 ask, many at once                                             no transaction open
    3 settle what has come                                          only rules that are as they were when claimed
    """

    def settle(session: Session, claim: rules.Claim, verdicts: Sequence[Verdict], now: datetime) -> None:
        _settle(session, runtime.redis, claim, verdicts, now, runtime.settings)

    return settle


def correlate(session: Session, now: datetime, settings: Settings, only: str | None = None) -> int:
    """Decide for changed alerts who is told; returns how many alerts."""
    changed = alerts.claim_dispatch(session, now, settings.batch_size, only)
    if not changed:
        return 0
    plan = notifications.plan(session, [_subject(alert, settings) for alert in changed], now, settings)
    if plan.untold:
        alerts.note_untold(session, plan.untold, now)
    return len(changed)


def deliver(runtime: Runtime, worker: str, sweep_due: Callable[[], bool] = lambda: True) -> int:
    """Send what is due; returns how many messages. Nothing is open in the database while receivers are waited for.

    `sweep_due()` says whether a claim shall look for lost and expired messages as well.
    """
    n_sent, stop_claiming_at = 0, monotonic() + _LONGEST_DELIVERY_S
    unrecorded: Sequence[Done] = ()
    with notifications.open_sends(runtime) as sends:
        while True:
            claimed: Sequence[Sending] = ()
            if sends.room and not unrecorded and monotonic() < stop_claiming_at:
                try:
                    claimed = runtime.run(partial(_claim, runtime, worker, sends, sweep_due()))
                except Exception:
                    if not len(sends):
                        raise
                    log.exception("nothing can be claimed; what is under way is finished first")
                    stop_claiming_at = monotonic()
            sends.start(claimed)
            n_sent += len(claimed)
            unrecorded = [*unrecorded, *sends.finished(_PATIENCE_S)]
            if unrecorded:
                unrecorded = record_finished(runtime, unrecorded)
            elif not claimed and not len(sends):
                return n_sent


def record_finished(runtime: Runtime, outcomes: Sequence[Done]) -> Sequence[Done]:
    """Write down how tries ended; what could not be written, after a pause, to be tried again.

    A message whose lease has ended is given up: it belongs to whoever takes it next, who sends it again.
    """
    try:
        runtime.run(partial(_record, outcomes, runtime.settings))
    except sa.exc.SQLAlchemyError as error:
        log.warning("outcomes cannot be recorded", n=len(outcomes), error=str(error).splitlines()[0][:300])
    else:
        return ()
    now = utcnow()
    for done in outcomes:
        if done.sending.lease_until <= now:
            log.error("outcome lost", notification_id=done.sending.id, outcome=done.attempt.outcome.value)
    sleep(_PAUSE_S)
    return [done for done in outcomes if done.sending.lease_until > now]


def _claim(
    runtime: Runtime, worker: str, sends: notifications.Sends, sweep: bool, session: Session
) -> Sequence[Sending]:
    settings, limit = runtime.settings, min(sends.room, runtime.settings.batch_size)

    def subjects_of(session: Session, alert_ids: Sequence[str]) -> dict[str, Subject]:
        found = alert_store.by_ids(session, alert_ids)
        return {alert_id: _subject(alert, settings) for alert_id, alert in found.items()}

    types, crowded = notifications.open_types(runtime), sends.crowded
    now = utcnow()
    claimed = notifications.claim(
        session, worker, now, settings, limit, subjects_of, types=types, without=crowded, sweep=sweep
    )
    return claimed.sending


def _record(outcomes: Sequence[Done], settings: Settings, session: Session) -> None:
    notifications.record(session, outcomes, utcnow(), settings)


def escalate(session: Session, now: datetime, settings: Settings) -> int:
    """Move what waits for a time: acknowledgements that ran out, resolved alerts to be closed.

    Returns how many of the kind of which there were more: a full batch of either means that more of it may wait.
    """
    expired = alerts.expire_acknowledgements(session, now, settings.batch_size)
    closed = alerts.close_old(session, now, settings.close_after, settings.batch_size)
    return max(expired, closed)


def watch(runtime: Runtime) -> int:
    """Open the alerts of heartbeats that did not come in time; returns how many.

    While Redis does not answer, nobody knows whether beats can come in, and so none is missing.
    """
    try:
        web_seen_at = ticks.last_seen(runtime.redis).get(ticks.WEB)
    except RedisError as error:
        log.warning("heartbeats not watched", error=str(error))
        web_seen_at = None
    return runtime.run(lambda session: heartbeats.sweep(session, web_seen_at, utcnow(), runtime.settings))


def tidy(runtime: Runtime, now: datetime) -> None:
    """Alerts about ourselves, and forgetting what has had its time; a step that fails holds up no other."""
    for step in (_tell_of_ourselves, _tidy_database, _tidy_messages, _tidy_redis):
        try:
            step(runtime, now)
        except Exception:
            log.exception("not tidied", step=step.__name__)


def _tell_of_ourselves(runtime: Runtime, now: datetime) -> None:
    """What an evaluation tells at once is told again, so that nothing that was missed stays so."""
    runtime.run(lambda session: internal.tell(session, now, runtime.settings))


def _tidy_database(runtime: Runtime, now: datetime) -> None:
    with runtime.transaction() as session:
        idempotency.forget_old_answers(session, now)
        alert_store.forget_tombstones(session, now - runtime.settings.tombstone_window)


def _tidy_messages(runtime: Runtime, now: datetime) -> None:
    before, limit = now - runtime.settings.retention_notifications, runtime.settings.batch_size
    position: notifications.Position | None = None
    while True:  # a transaction a batch, so that others write in between
        with runtime.transaction() as session:
            position = notifications.forget_old(session, before, position, limit, _still_open)
        if position is None:
            return


def _tidy_redis(runtime: Runtime, now: datetime) -> None:
    telemetry.forget_silent(runtime.redis, now, runtime.settings)
    live.trim(runtime.redis, now)


def _still_open(session: Session, alert_ids: Sequence[str]) -> set[str]:
    return {id_ for id_, alert in alert_store.by_ids(session, alert_ids).items() if alert.status is not Status.CLOSED}


def _subject(alert: Alert, settings: Settings) -> Subject:
    return Subject(
        type="alert",
        id=alert.id,
        title=alert.name,
        status=alert.status.value,
        severity=alert.severity.value,
        version=alert.version,
        episode=alert.episodes,
        channels=alert.notification_channels,
        body=alert_out(alert, settings.dashboard_url),
    )
