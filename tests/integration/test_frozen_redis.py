"""A Redis that is frozen keeps its connections and says nothing: what was committed is answered all the same."""

import os
import signal
import threading

import pytest

from app.alerts import store
from app.core.live import Event
from app.core.runtime import open_redis
from app.web import create_app
from tests.integration.conftest import settings_for
from tests.stores import private_valkey

PATIENCE_S = 15  # long beyond every time-out of ours, and nothing to somebody who hangs for good


@pytest.fixture
def valkey():
    with private_valkey() as url:
        yield url


@pytest.fixture
def freeze(valkey):
    """Freeze the private Valkey; it thaws at the end."""
    with open_redis(valkey) as client:
        pid = client.info("server")["process_id"]
    yield lambda: os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)


def within_patience(call):
    """What `call()` returns; a failure of the test when it hangs."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call()), daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert answers, f"no answer within {PATIENCE_S} s"
    return answers[0]


@pytest.mark.parametrize("frozen", ["redis and broker", "broker"])
def test_an_alert_is_answered_and_kept(database_url, redis_url, runtime, tmp_path, headers, valkey, freeze, frozen):
    if frozen == "broker":
        path = valkey.removeprefix("unix://").partition("?")[0]
        settings = settings_for(database_url, redis_url, tmp_path, broker_url=f"redis+socket://{path}?virtual_host=0")
    else:
        settings = settings_for(database_url, valkey, tmp_path)
    app = create_app(settings)

    def create(name):
        body = {"name": name, "severity": "low"}
        return app.test_client().post("/alerts/create", json=body, headers=headers("ingest"))

    assert create("before").status_code == 201  # connections are open, as they are in a running system
    app.extensions["alerting"].redis.delete("nudge:correlation")

    freeze()
    answer = within_patience(lambda: create("meanwhile"))

    assert answer.status_code == 201
    with runtime.reading() as session:
        assert {alert.name for alert in store.select_alerts(session, store.alert_columns())} == {"before", "meanwhile"}
    app.extensions["alerting"].close()


def test_live_events_are_dropped(database_url, app, tmp_path, valkey, freeze):
    alone = create_app(settings_for(database_url, valkey, tmp_path)).extensions["alerting"]
    alone.live.publish([Event("alert.opened", "before")])
    freeze()
    assert within_patience(lambda: alone.live.publish([Event("alert.opened", str(n)) for n in range(2000)]) or "done")


@pytest.mark.parametrize(
    "redis, broker, same",
    [
        ("unix:///a/s?db=0", None, True),
        ("redis://:p@host:6379/0", None, True),
        ("redis://:p@host:6379/0", "redis://:p@host:6379/1", True),
        ("redis://:p@host:6379/0", "redis://:p@other:6379/0", False),
        ("unix:///a/s?db=0", "redis+socket:///b/s?virtual_host=0", False),
        ("redis://:p@host:6379/0", "amqp://host:5672/", False),
    ],
)
def test_whether_the_broker_is_that_redis(tmp_path, redis, broker, same):
    more = {"broker_url": broker} if broker else {}
    assert settings_for("sqlite:///x.db", redis, tmp_path, **more).broker_is_redis is same
