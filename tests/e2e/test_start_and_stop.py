"""`make up` as a user meets it: it starts, says where everything is, ends, and starts again where it was."""

import os
import signal
import socket
import stat

import pytest
import requests

from tests.conditions import eventually


def test_it_starts_says_where_everything_is_and_ends_without_a_trace(new_system):
    system = new_system().start()

    assert system.url + "/docs" in system.output
    assert system.dashboard_url in system.output
    assert system.token in system.output
    assert system.get("/monitoring/health")["status"] == "ok"
    assert requests.get(system.url + "/docs", timeout=5).status_code == 200
    assert requests.get(system.flower_url + "/workers", timeout=5).status_code == 401
    password = (system.home / "flower_password").read_text().strip()
    assert requests.get(system.flower_url + "/workers", auth=("admin", password), timeout=5).status_code == 200
    for name in ("token", "secret_key", "collector_token", "flower_password"):
        assert stat.S_IMODE((system.home / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(system.home.stat().st_mode) == 0o700
    eventually(
        lambda: system.get("/metrics/series", metric="system.cpu.usage")["items"], what="the collector's samples"
    )

    assert system.stop() == 0
    eventually(system.is_gone, within=3, what="every process to end")


def test_it_goes_on_where_it_was(new_system):
    system = new_system().start()
    made = system.api("POST", "/alerts/create", json={"name": "Disk is full", "severity": "HIGH"})
    assert made.status_code == 201, made.text
    token = system.token
    system.stop(signal.SIGTERM)

    system.start()

    assert system.token == token
    assert system.get(f"/alerts/{made.json()['id']}")["name"] == "Disk is full"


def test_a_launcher_that_is_killed_leaves_nothing_and_the_next_start_works(new_system):
    system = new_system().start()

    os.kill(system.launcher.pid, signal.SIGKILL)
    system.launcher.wait()
    eventually(system.is_gone, within=30, what="every process to follow its launcher")

    system.start()
    assert system.get("/monitoring/health")["status"] == "ok"


def test_a_second_start_on_the_same_home_is_refused(new_system):
    first = new_system().start()
    second = new_system()

    assert second.launch().wait(30) == 2
    assert "already running" in second.output
    assert first.get("/monitoring/health")["status"] == "ok"


def test_two_of_them_run_side_by_side(new_system):
    one, other = new_system("one").start(), new_system("other").start()

    made = one.api("POST", "/alerts/create", json={"name": "Only here", "severity": "LOW"})

    assert made.status_code == 201
    assert one.get("/alerts", q="Only here")["items"]
    assert not other.get("/alerts", q="Only here")["items"]
    assert other.get("/monitoring/health")["status"] == "ok"


@pytest.mark.parametrize("name", ["PORT", "DASHBOARD_PORT", "FLOWER_PORT"])
def test_a_taken_port_is_named_with_its_setting(new_system, name):
    system = new_system()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        system.settings[name] = port

        assert system.launch().wait(30) == 2

    assert f"port {port} is taken; set ALERTING_{name} to another" in system.output
    assert "Traceback" not in system.output


def test_every_wrong_setting_is_listed(new_system):
    system = new_system(RETRY_ATTEMPTS="many", LOG_LEVL="info")

    assert system.launch().wait(30) == 2

    assert "ALERTING_RETRY_ATTEMPTS=many" in system.output
    assert "did you mean ALERTING_LOG_LEVEL?" in system.output
