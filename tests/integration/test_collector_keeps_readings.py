"""The collector's way with an API that is away, refuses, or takes what it is given."""

import json
import threading
from collections import deque
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from app.collector import BATCH, Backlog, post
from app.settings import Settings
from tests.e2e.system import free_ports

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Api(ThreadingHTTPServer):
    """Answers POST with the statuses that it was given, then with 202; keeps what was accepted."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.statuses = deque()
        self.accepted = []

    @property
    def settings(self):
        return Settings.from_env({"ALERTING_API_URL": f"http://127.0.0.1:{self.server_port}"})


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.statuses.popleft() if self.server.statuses else 202
        if status == 202:
            self.server.accepted += [sample["value"] for sample in body["samples"]]
        answer = json.dumps({"accepted": len(body["samples"]), "rejected": []}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        """Nothing: the test's own output stays readable."""


@pytest.fixture
def api():
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def http():
    with requests.Session() as session:
        yield session


def backlog_of(*values):
    backlog = Backlog()
    backlog.add([{"metric": "m", "value": value} for value in values], NOON)
    return backlog


def test_everything_that_waits_is_sent_in_order(api, http):
    backlog = backlog_of(*range(BATCH + 3))

    assert post(http, api.settings, backlog, answered=True)

    assert api.accepted == list(range(BATCH + 3))
    assert not backlog.waiting


def test_readings_wait_while_nobody_answers(http):
    backlog = backlog_of(1, 2)
    nobody = Settings.from_env({"ALERTING_API_URL": f"http://127.0.0.1:{free_ports(1)[0]}"})

    assert not post(http, nobody, backlog, answered=True)

    assert len(backlog.waiting) == 2


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_readings_wait_for_an_api_that_cannot_take_them(api, http, status):
    backlog = backlog_of(1, 2)
    api.statuses.append(status)

    post(http, api.settings, backlog, answered=True)
    assert len(backlog.waiting) == 2

    post(http, api.settings, backlog, answered=True)
    assert api.accepted == [1, 2]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_body_that_can_never_be_taken_does_not_hold_up_the_next(api, http, status):
    backlog = backlog_of(1)
    api.statuses.append(status)

    post(http, api.settings, backlog, answered=True)
    backlog.add([{"metric": "m", "value": 2}], NOON)
    post(http, api.settings, backlog, answered=True)

    assert api.accepted == [2]
