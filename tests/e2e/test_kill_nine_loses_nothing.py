"""kill -9 of any process while alerts flow: each alert is raised, delivered, resolved and delivered again."""

import os
import signal

import pytest
import requests

from tests.conditions import eventually
from tests.receivers.answering import answering

KILLED = (
    "web",
    "worker",
    "worker-delivery",
    "beat",
    "valkey",
    "collector",
    "dashboard",
    "flower",
    "supervisord",
)
RULE = {
    "id": "test_value",
    "name": "Test value",
    "metric": "test.value",
    "operator": "greater_than",
    "threshold": 50,
    "severity": "HIGH",
    "aggregation": "last",
    "evaluation_window": "10m",
    "interval": "1s",
    "group_by": ["case"],
    "notification_channels": ["receiver"],
}


@pytest.fixture(scope="module")
def receiver():
    with answering() as opened:
        yield opened


@pytest.fixture(scope="module")
def flowing(system, receiver):
    """A system with a rule whose alerts go to the receiver."""
    channel = {"id": "receiver", "name": "receiver", "type": "webhook", "settings": {"url": receiver.url}}
    for path, body in (("/channels", channel), ("/rules", RULE)):
        made = system.api("POST", path, json=body)
        assert made.status_code == 201, made.text
    return system


def push(system, case, value):
    """Push a sample until it is accepted, as a client does whose server is away for a moment."""

    def accepted():
        try:
            sample = {"metric": "test.value", "value": value, "labels": {"case": case}}
            return system.api("POST", "/metrics/ingest", json={"samples": [sample]}).status_code == 202
        except requests.ConnectionError:
            return False

    eventually(accepted, within=90, every=0.1, what="the sample to be accepted")


def delivered(receiver, case, status):
    """The messages about the alert of `case` with this status."""
    return receiver.about(
        lambda body: body["subject"]["status"] == status and body["alerts"][0]["labels"].get("case") == case
    )


@pytest.mark.parametrize("name", KILLED)
def test_an_alert_reaches_its_receiver_whatever_is_killed(flowing, receiver, name):
    before, during, after = (f"{name}-{part}" for part in ("before", "during", "after"))
    push(flowing, before, 99)
    flowing.kill(name)
    push(flowing, during, 99)
    eventually(lambda: delivered(receiver, before, "ACTIVE"), within=90, what="the alert of before the kill")
    eventually(lambda: delivered(receiver, during, "ACTIVE"), within=90, what="the alert of during the kill")

    push(flowing, after, 99)
    eventually(lambda: delivered(receiver, after, "ACTIVE"), within=90, what="the alert of after the kill")
    for case in (before, during, after):
        push(flowing, case, 1)
    for case in (before, during, after):
        eventually(lambda one=case: delivered(receiver, one, "RESOLVED"), within=90, what=f"{case} to be resolved")
        for status in ("ACTIVE", "RESOLVED"):
            surprising = [one for one in delivered(receiver, case, status)[1:] if not one["maybe_duplicate"]]
            assert surprising == []
    eventually(lambda: flowing.get("/monitoring/health")["status"] == "ok", within=90, what="all to be well again")


def test_the_worker_of_gunicorn_is_replaced(flowing):
    master = flowing.pid("web")
    worker = next(one for one in flowing.processes() if one.ppid() == master)

    os.kill(worker.pid, signal.SIGKILL)

    eventually(lambda: not worker.is_running(), what="the worker to be gone")
    push(flowing, "gunicorn", 1)
    assert flowing.pid("web") == master
