"""What has had its time is forgotten, each kind by itself."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app import pipeline
from app.alerts import service as alerts
from app.alerts.domain.absorption import Limits
from app.core.clock import utcnow
from app.core.idempotency import IdempotencyRow
from app.core.queue import open_celery
from app.core.runtime import open_runtime
from app.notifications.store import AttemptRow
from tests.integration.conftest import settings_for
from tests.integration.delivering import all_of, deliver, make_channel, plan, subject
from tests.integration.logged import logged
from tests.unit.alerts.making import report

NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def old_answer(runtime):
    with runtime.transaction() as session:
        at = utcnow() - timedelta(days=2)
        kept = IdempotencyRow(caller="c", key="k", request_hash="", status=201, answer="", created_at=at)
        session.add(kept)


def answers(runtime):
    with runtime.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(IdempotencyRow))


def tries(runtime):
    with runtime.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(AttemptRow))


@pytest.mark.usefixtures("old_answer")
def test_the_database_is_tidied_without_redis(database_url, runtime, tmp_path):
    settings = settings_for(database_url, "unix:///nowhere/redis.sock?db=0", tmp_path)
    alone = open_runtime(settings, open_celery(settings))
    with logged() as logs:
        pipeline.tidy(alone, utcnow())
    alone.close()
    assert answers(runtime) == 0
    assert [entry["step"] for entry in logs if entry["event"] == "not tidied"] == ["_tidy_redis"]


def test_redis_is_tidied_without_the_database(redis_url, runtime, tmp_path):
    settings = settings_for("postgresql://nobody@127.0.0.1:1/none", redis_url, tmp_path)
    alone = open_runtime(settings, open_celery(settings))
    old_ms = int((utcnow() - timedelta(hours=1)).timestamp() * 1000)
    runtime.redis.xadd("live:sockets", {"data": "x"}, id=f"{old_ms}-1")
    with logged() as logs:
        pipeline.tidy(alone, utcnow())
    alone.close()
    assert runtime.redis.xlen("live:sockets") == 0
    failed = [entry["step"] for entry in logs if entry["event"] == "not tidied"]
    assert failed == ["_tell_of_ourselves", "_tidy_database", "_tidy_messages"]


def test_finished_messages_are_forgotten_after_their_time(runtime):
    make_channel(runtime, NOWHERE)
    subjects = [subject(id=f"A{n}") for n in range(runtime.settings.batch_size + 5)]
    now = utcnow()
    plan(runtime, *subjects, now=now)
    deliver(runtime, subjects[0], now=now, limit=1)
    assert tries(runtime) == 1
    with runtime.transaction() as session:
        session.execute(sa.text("UPDATE notifications SET state = 'dead', due_at = NULL WHERE subject_id <> 'A3'"))
    kept = runtime.settings.retention_notifications
    pipeline.tidy(runtime, now + kept - timedelta(seconds=1))
    assert tries(runtime) == 1
    pipeline.tidy(runtime, now + kept + timedelta(seconds=1))
    assert [(one.subject_id, one.state) for one in all_of(runtime)] == [("A3", "queued")]
    assert tries(runtime) == 0


def test_what_was_told_of_an_open_alert_is_kept_until_it_is_closed(runtime):
    make_channel(runtime, NOWHERE)
    now = utcnow()
    new = report(now, notification_channels=("hook",))
    runtime.run(lambda session: alerts.absorb(session, [new], now, Limits()))
    runtime.run(lambda session: pipeline.correlate(session, now, runtime.settings))
    with runtime.transaction() as session:
        session.execute(sa.text("UPDATE notifications SET state = 'delivered', due_at = NULL"))
    later = now + runtime.settings.retention_notifications + timedelta(days=1)
    pipeline.tidy(runtime, later)
    assert len(all_of(runtime)) == 1
    ended = report(later, firing=False)
    runtime.run(lambda session: alerts.absorb(session, [ended], later, Limits()))
    runtime.run(lambda session: pipeline.escalate(session, later + timedelta(days=2), runtime.settings))
    pipeline.tidy(runtime, later + timedelta(days=2))
    assert all_of(runtime) == []
