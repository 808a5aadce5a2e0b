"""The `flask` commands against a real database."""

import re
from datetime import UTC, datetime

import pytest

from app.cli.main import with_commands


@pytest.fixture
def flask(app):
    """Runs a command and returns its result."""
    runner = with_commands(app).test_cli_runner()
    return lambda *words: runner.invoke(args=list(words))


def call(client, token, path="/auth/me"):
    return client.get(path, headers={"Authorization": f"Bearer {token}"})


def test_a_token_is_made_listed_and_revoked(flask, client):
    made = flask("token", "create", "ci", "--role", "viewer")
    value = made.stdout.strip()
    assert made.exit_code == 0
    assert call(client, value).get_json()["role"] == "viewer"

    [line] = [line for line in flask("token", "list").output.splitlines() if "  ci  " in line]
    assert value not in line
    token_id = line.split()[0]

    assert flask("token", "revoke", token_id).exit_code == 0
    assert call(client, value).status_code == 401
    assert "  ci  " not in flask("token", "list").output


def test_a_token_may_expire(flask):
    flask("token", "create", "short", "--role", "ingest", "--expires", "30d")

    [line] = [line for line in flask("token", "list").output.splitlines() if "  short  " in line]
    expires = datetime.fromisoformat(re.search(r"expires (\S+)\)", line)[1])
    assert 29 <= (expires - datetime.now(UTC)).days <= 30


@pytest.mark.parametrize(
    "words, said",
    [
        (["token", "create", "x", "--role", "king"], "'king' is not one of"),
        (["token", "create", "x", "--role", "viewer", "--expires", "soon"], "is no duration"),
        (["token", "create", "x"], "--role"),
        (["token", "revoke", "nobody"], "no token nobody"),
    ],
)
def test_a_mistake_is_told_without_a_traceback(flask, words, said):
    answer = flask(*words)

    assert answer.exit_code != 0
    assert said in answer.output
    assert "Traceback" not in answer.output


def test_seed_makes_what_is_missing_once(flask, client, settings):
    first, second = flask("seed"), flask("seed")

    assert "the admin token" in first.output
    assert "nothing to do" in second.output
    assert call(client, settings.bootstrap_token).get_json()["role"] == "admin"
    assert call(client, settings.collector_token).get_json()["role"] == "ingest"
    assert call(client, settings.bootstrap_token, "/rules").get_json()["items"]


def test_the_doctor_shows_settings_masked_and_what_to_mend(flask, settings):
    answer = flask("doctor")

    assert answer.exit_code == 1  # no worker runs in this test
    assert f"ALERTING_PORT={settings.port}" in answer.output
    assert settings.secret_key not in answer.output
    assert settings.bootstrap_token not in answer.output
    assert re.search(r"^ok +redis", answer.output, re.M)
    assert re.search(r"^MEND +worker:delivery .*running\?$", answer.output, re.M)
