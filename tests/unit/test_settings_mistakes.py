"""A wrong environment is told whole, in the user's words, and never with a secret in it."""

import pytest

from app.settings import Settings, SettingsError


def mistakes(**environ):
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    return caught.value.mistakes


def test_all_mistakes_are_listed_together():
    found = mistakes(ALERTING_PORT="70000", ALERTING_BATCH_SIZE="0", ALERTING_LOG_LEVEL="loud")

    assert found == [
        "ALERTING_BATCH_SIZE=0: use a whole number from 1 to 10000",
        "ALERTING_LOG_LEVEL=loud: use one of debug, info, warning, error",
        "ALERTING_PORT=70000: use a port between 1 and 65535",
    ]


def test_an_unknown_name_is_a_mistake_and_the_nearest_known_one_is_named():
    assert mistakes(ALERTING_DASHBORD_PORT="1") == [
        "ALERTING_DASHBORD_PORT is unknown; did you mean ALERTING_DASHBOARD_PORT?"
    ]
    assert mistakes(ALERTING_XYZZY="1") == ["ALERTING_XYZZY is unknown"]


def test_a_secret_is_not_repeated():
    [line] = mistakes(ALERTING_BOOTSTRAP_TOKEN="hunter2")

    assert "hunter2" not in line
    assert line.startswith("ALERTING_BOOTSTRAP_TOKEN:")


@pytest.mark.parametrize(
    "name, text",
    [
        ("PORT", "eighty"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("REDIS_URL", "localhost:6379"),
        ("BROKER_URL", "kafka://localhost"),
        ("API_URL", "localhost:8000"),
        ("COLLECTOR_INTERVAL", "soon"),
        ("COLLECTOR_INTERVAL", "-5s"),
        ("COLLECTOR_INTERVAL", "nan"),
        ("WEBHOOK_ENABLED", "maybe"),
        ("WEBHOOK_ALLOWED_NETWORKS", "10.0.0.0/40"),
        ("SECRET_KEY", "short"),
        ("HEARTBEAT_OUTAGE", "4s"),
        ("ENTRIES_BACKLOG", "64MiB"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(name, text):
    assert mistakes(**{f"ALERTING_{name}": text})


def test_an_empty_value_counts_as_not_given():
    assert Settings.from_env({"ALERTING_PORT": "", "ALERTING_LOG_LEVEL": " "}).port == 8000


def test_names_of_others_are_left_alone():
    assert Settings.from_env({"PATH": "/bin", "ALERT": "x"}).port == 8000
