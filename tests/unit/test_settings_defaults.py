"""What follows from few settings: one directory and three ports are all that two installations must differ in."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from app.settings import Settings, kept_secret


def test_everything_that_is_written_follows_home(tmp_path):
    settings = Settings.from_env({"ALERTING_HOME": str(tmp_path)})

    assert settings.database_url == f"sqlite:///{tmp_path}/alerting.db"
    assert settings.redis_url == f"unix://{tmp_path}/valkey.sock?db=0"
    assert settings.broker_url == f"redis+socket://{tmp_path}/valkey.sock?virtual_host=0"
    assert settings.embedded_redis


def test_home_is_the_same_place_from_every_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    assert Settings.from_env({"ALERTING_HOME": "run"}).home == tmp_path / "run"
    assert Settings.from_env({}).home == tmp_path / ".run"


def test_an_own_redis_is_the_broker_too_unless_another_is_named():
    own = {"ALERTING_REDIS_URL": "redis://cache:6379/2"}

    assert Settings.from_env(own).broker_url == "redis://cache:6379/2"
    assert not Settings.from_env(own).embedded_redis
    amqp = Settings.from_env({**own, "ALERTING_BROKER_URL": "amqp://guest@mq//"})
    assert (amqp.redis_url, amqp.broker_url) == ("redis://cache:6379/2", "amqp://guest@mq//")


def test_addresses_follow_the_ports():
    settings = Settings.from_env({"ALERTING_PORT": "9000", "ALERTING_DASHBOARD_PORT": "9001"})

    assert settings.api_url == "http://127.0.0.1:9000"
    assert settings.dashboard_url == "http://127.0.0.1:9001"


@pytest.mark.parametrize(
    "environ, port",
    [
        ({}, 8000),
        ({"PORT": "9000"}, 9000),
        ({"ALERTING_PORT": "9001"}, 9001),
        ({"PORT": "9000", "ALERTING_PORT": "9001"}, 9001),
    ],
)
def test_the_port_of_a_procfile_host_is_honoured(environ, port):
    assert Settings.from_env(environ).port == port


def test_postgresql_urls_may_leave_the_driver_out():
    settings = Settings.from_env({"ALERTING_DATABASE_URL": "postgresql://user@db/alerts"})

    assert settings.database_url == "postgresql+psycopg://user@db/alerts"


def test_durations_are_texts_or_seconds():
    settings = Settings.from_env({"ALERTING_COLLECTOR_INTERVAL": "1500ms", "ALERTING_RETRY_DELAY": "2"})

    assert settings.collector_interval == timedelta(seconds=1.5)
    assert settings.retry_delay == timedelta(seconds=2)


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path):
    settings = Settings.from_env({"ALERTING_HOME": str(tmp_path / "home")})

    first, second = settings.with_secrets(), settings.with_secrets()

    assert first == second
    assert len({first.secret_key, first.bootstrap_token, first.collector_token, first.flower_password}) == 4
    for name in ("secret_key", "token", "collector_token", "flower_password"):
        path = tmp_path / "home" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(path.read_text().strip()) >= 32
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == sorted(
        ["secret_key", "token", "collector_token", "flower_password"]
    )


def test_a_given_secret_wins_and_is_not_written_down(tmp_path):
    settings = Settings.from_env(
        {"ALERTING_HOME": str(tmp_path), "ALERTING_BOOTSTRAP_TOKEN": "a token of sixteen and more"}
    ).with_secrets()

    assert settings.bootstrap_token == "a token of sixteen and more"
    assert not (tmp_path / "token").exists()


def test_a_secret_that_another_process_made_first_is_taken(tmp_path):
    (tmp_path / "token").write_text("made by the other\n")

    assert kept_secret(tmp_path / "token") == "made by the other"


def test_the_description_masks_secrets_and_keeps_the_rest():
    shown = Settings.from_env(
        {
            "ALERTING_DATABASE_URL": "postgresql://user:hunter2@db/alerts",
            "ALERTING_SECRET_KEY": "0123456789abcdef",
            "ALERTING_WEBHOOK_ALLOWED_NETWORKS": "10.0.0.0/8, ::1/128",
        }
    ).describe()

    assert shown["ALERTING_DATABASE_URL"] == "postgresql+psycopg://user:********@db/alerts"
    assert shown["ALERTING_SECRET_KEY"] == "********"
    assert shown["ALERTING_WEBHOOK_ALLOWED_NETWORKS"] == "10.0.0.0/8,::1/128"
    assert shown["ALERTING_COLLECTOR_INTERVAL"] == "5s"
    assert shown["ALERTING_HOME"] == str(Path(".run").resolve())
    assert "hunter2" not in " ".join(shown.values())
