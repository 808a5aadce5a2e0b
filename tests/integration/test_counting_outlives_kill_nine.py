"""Workers that are killed while they count lose no entry and count none twice."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from app import counting
from app.core.clock import utcnow
from app.rules import service as rules
from app.rules.domain.rule import Aggregation, Source
from app.telemetry import backlog, service
from app.telemetry.domain import EventEntry
from tests.conditions import eventually
from tests.unit.rules.making import definition

STREAM, GROUP = "telemetry:entries", "counting"
REQUESTS, A_REQUEST = 300, 40
WORKER = """
from app import counting
from app.core.queue import open_celery
from app.core.runtime import open_runtime
from app.settings import load_settings

settings = load_settings()
runtime = open_runtime(settings, open_celery(settings))
while True:
    counting.count(runtime)
"""


@pytest.fixture
def worker(runtime):
    def start():
        given = {
            "ALERTING_HOME": str(runtime.settings.home),
            "ALERTING_DATABASE_URL": runtime.settings.database_url,
            "ALERTING_REDIS_URL": runtime.settings.redis_url,
        }
        return subprocess.Popen([sys.executable, "-c", WORKER], env={**os.environ, **given})

    return start


def test_every_entry_counts_once_whenever_workers_are_killed(runtime, worker):
    redis, now = runtime.redis, utcnow()
    every = definition(
        metric="", source=Source.EVENT, type="tick", window=timedelta(hours=1), aggregation=Aggregation.COUNT
    )
    with runtime.transaction() as session:
        rule = rules.create_rule(session, every, "every", now, runtime.settings).rule
    for n in range(REQUESTS):
        assert backlog.keep(redis, [EventEntry(now, "tick", {}, float(n))] * A_REQUEST, 10**9)
    for left in (240, 160, 80):
        process = worker()
        eventually(lambda left=left: redis.xlen(STREAM) <= left, every=0.001, what="the worker to count")
        process.kill()
        process.wait()
        for one in redis.xpending_range(STREAM, GROUP, "-", "+", 100):
            redis.xclaim(STREAM, GROUP, "gone", 0, [one["message_id"]], idle=20_000)
    while redis.xlen(STREAM):
        counting.count(runtime)
    found = service.windows(redis, [rule.wanted], utcnow()).values.tolist()
    assert sorted(found) == [float(n) for n in range(REQUESTS) for _ in range(A_REQUEST)]
