"""Races, transactions, Redis gone: what was answered stands in the database, once."""

import contextlib
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app import pipeline
from app.alerts import service, store
from app.alerts.domain.absorption import Limits, Result
from app.alerts.domain.alert import Status
from app.core.clock import utcnow
from app.core.runtime import open_redis
from app.notifications.service import ensure_default_channels
from app.web import create_app
from tests.integration.conftest import settings_for
from tests.unit.alerts.making import T0, minutes, report
from workers import correlation


def absorb(runtime, reports, now=T0):
    return runtime.run(lambda session: service.absorb(session, reports, now, Limits()))


def rows(runtime):
    with runtime.reading() as session:
        return store.select_alerts(session, store.alert_columns())


def test_two_at_once_make_one_alert(runtime, other_runtime):
    start = threading.Barrier(2)
    results = []

    def report_it(open_ends):
        start.wait()
        results.extend(outcome.result for outcome in absorb(open_ends, [report()]))

    threads = [threading.Thread(target=report_it, args=(ends,)) for ends in (runtime, other_runtime)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(results) == [Result.CREATED, Result.DEDUPLICATED]
    assert [alert.occurrences for alert in rows(runtime)] == [2]


def test_reports_of_one_alert_in_a_batch_are_taken_one_after_the_other(runtime):
    batch = [report(T0), report(T0 + minutes(1), firing=False), report(T0 + minutes(2))]
    outcomes = absorb(runtime, batch, T0 + minutes(2))
    assert [outcome.result for outcome in outcomes] == [Result.CREATED, Result.RESOLVED, Result.REOPENED]
    (alert,) = rows(runtime)
    assert (alert.status, alert.episodes) == (Status.ACTIVE, 2)
    with runtime.reading() as session:
        assert [line.seq for line in store.timeline_of(session, alert.id)] == [1, 2, 3]


def test_a_pending_alert_made_and_dropped_in_one_batch_leaves_nothing(runtime):
    made = report(T0, pending_for=minutes(5), rule_id="r")
    absorb(runtime, [made, report(T0, firing=False, rule_id="r")])
    assert rows(runtime) == []


def test_a_rollback_leaves_no_alert_and_sends_no_event(runtime):
    def unit(session):
        service.absorb(session, [report()], T0, Limits())
        raise LookupError("the edge failed")

    with pytest.raises(LookupError):
        runtime.run(unit)
    assert rows(runtime) == []
    assert runtime.redis.xlen("live:events") == 0


def test_alerts_are_taken_in_with_redis_gone(database_url, runtime, tmp_path, headers):
    gone = create_app(settings_for(database_url, "unix:///nowhere/redis.sock?db=0", tmp_path))
    answer = gone.test_client().post("/alerts/create", json={"name": "x", "severity": "low"}, headers=headers("ingest"))
    assert answer.status_code == 201
    assert [alert.id for alert in rows(runtime)] == [answer.json["id"]]
    gone.extensions["alerting"].close()


def test_with_the_database_gone_the_answer_is_503_and_says_when_to_come_again(redis_url, tmp_path):
    gone = create_app(settings_for("postgresql://nobody@127.0.0.1:1/none", redis_url, tmp_path))
    answer = gone.test_client().post("/alerts/create", json={}, headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    gone.extensions["alerting"].close()


def test_a_change_is_announced_once_it_is_committed(runtime, settings):
    absorb(runtime, [report()])
    client = open_redis(settings.redis_url)
    ((_, fields),) = client.xrange("live:events")
    assert fields[b"event"] == b"alert.opened"
    client.close()


def test_an_acknowledgement_with_a_timeout_runs_out(runtime, client, headers):
    made = client.post("/alerts/create", json={"name": "x", "severity": "low"}, headers=headers("ingest")).json
    client.post(f"/alerts/{made['id']}/acknowledge", json={"timeout": "30m"}, headers=headers("responder"))
    later = utcnow() + timedelta(minutes=31)
    assert runtime.run(lambda session: service.expire_acknowledgements(session, utcnow(), 10)) == 0
    assert runtime.run(lambda session: service.expire_acknowledgements(session, later, 10)) == 1
    assert [alert.status for alert in rows(runtime)] == [Status.ACTIVE]


def test_resolved_alerts_are_closed_after_a_day(runtime, settings):
    absorb(runtime, [report(), report(T0 + minutes(1), firing=False)], T0 + minutes(1))
    runtime.run(lambda session: pipeline.escalate(session, T0 + timedelta(hours=23), settings))
    assert [alert.status for alert in rows(runtime)] == [Status.RESOLVED]
    runtime.run(lambda session: pipeline.escalate(session, T0 + timedelta(hours=25), settings))
    assert [alert.status for alert in rows(runtime)] == [Status.CLOSED]


def test_a_withdrawn_rules_alerts_are_resolved_and_its_pending_ones_go(runtime):
    absorb(runtime, [report(rule_id="r"), report(rule_id="r", fingerprint="p" * 64, pending_for=minutes(5))])
    assert runtime.run(lambda session: service.withdraw(session, ["r"], T0)) == 2
    (alert,) = rows(runtime)
    assert (alert.status, alert.resolution) == (Status.RESOLVED, "rule_changed")


def test_the_same_key_of_two_sources_is_two_alerts(runtime):
    absorb(runtime, [report(namespace="source:a"), report(namespace="source:b"), report(namespace="source:b")])
    assert sorted((alert.namespace, alert.occurrences) for alert in rows(runtime)) == [("source:a", 1), ("source:b", 2)]


def test_a_dropped_successor_leaves_its_predecessor_the_latest(runtime):
    absorb(runtime, [report(rule_id="r"), report(T0 + minutes(1), firing=False, rule_id="r")], T0 + minutes(1))
    pending = {"rule_id": "r", "pending_for": minutes(5)}
    absorb(runtime, [report(T0 + minutes(30), **pending)], T0 + minutes(30))
    absorb(runtime, [report(T0 + minutes(31), firing=False, rule_id="r")], T0 + minutes(31))
    (old,) = rows(runtime)
    absorb(runtime, [report(T0 + minutes(40), rule_id="r")], T0 + minutes(40))
    (new,) = [alert for alert in rows(runtime) if alert.id != old.id]
    assert new.previous_alert_id == old.id


def test_a_race_that_is_lost_again_and_again_blames_no_alert(runtime):
    with runtime.transaction() as session:
        ensure_default_channels(session, T0)
    absorb(runtime, [report()])
    with refusing_inserts(runtime, "notifications"), pytest.raises(sa.exc.IntegrityError):
        correlation.take_batch(runtime)
    assert [alert.dispatch_due_at for alert in rows(runtime)] == [T0]
    assert correlation.take_batch(runtime) == 1
    assert [alert.dispatch_due_at for alert in rows(runtime)] == [None]


def test_an_alert_that_cannot_be_read_is_set_aside_and_the_others_go_on(runtime):
    bad, good = absorb(runtime, [report(), report(fingerprint="g" * 64)])
    with runtime.transaction() as session:
        session.execute(sa.update(store.ALERTS).where(store.ALERTS.c.id == bad.alert.id).values(suppressors=5))
    correlation.take_batch(runtime)
    with runtime.reading() as session:
        due = session.execute(sa.select(store.ALERTS.c.id).where(store.ALERTS.c.dispatch_due_at.is_not(None))).all()
        kinds = [line.kind for line in store.timeline_of(session, bad.alert.id)]
        assert store.by_ids(session, [good.alert.id])[good.alert.id].dispatch_due_at is None
    assert due == []
    assert kinds == ["opened", "dispatch_failed"]


@contextlib.contextmanager
def refusing_inserts(runtime, table):
    """A trigger that makes every insert fail as a lost race does."""
    if runtime.engine.dialect.name == "sqlite":
        up = [f"CREATE TRIGGER refuse BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"]
        down = ["DROP TRIGGER refuse"]
    else:
        body = "BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'unique_violation'; END"
        up = [
            f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            f"CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()",
        ]
        down = [f"DROP TRIGGER refuse ON {table}", "DROP FUNCTION refuse"]
    run_all(runtime, up)
    try:
        yield
    finally:
        run_all(runtime, down)


def run_all(runtime, statements):
    with runtime.transaction() as session:
        for statement in statements:
            session.execute(sa.text(statement))


def test_the_database_refuses_a_second_open_alert_of_a_fingerprint(runtime):
    absorb(runtime, [report()])
    with runtime.reading() as session:
        values = dict(session.execute(sa.select(store.ALERTS)).mappings().one())
    twin = store.ALERTS.insert().values({**values, "id": "second", "latest": False})
    with pytest.raises(sa.exc.IntegrityError, match=r"open_fingerprint|alerts\.fingerprint"):
        runtime.run(lambda session: session.execute(twin))
