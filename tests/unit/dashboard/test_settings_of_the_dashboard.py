"""The dashboard's own reading of its environment."""

from pathlib import Path

import pytest

from dashboard.settings import Settings, read_settings


def test_without_anything_it_finds_what_make_up_starts():
    assert read_settings({}) == Settings("http://127.0.0.1:8000", Path(".run"), 8501, 2.0, 50)


def test_everything_can_be_set():
    given = {
        "ALERTING_API_URL": "https://alerts.example/",
        "ALERTING_HOME": "/var/lib/alerting",
        "ALERTING_DASHBOARD_PORT": "9001",
        "ALERTING_DASHBOARD_REFRESH_INTERVAL": "1500ms",
        "ALERTING_DASHBOARD_MAX_ALERTS": "20",
    }
    assert read_settings(given) == Settings("https://alerts.example", Path("/var/lib/alerting"), 9001, 1.5, 20)


def test_the_api_follows_its_port():
    assert read_settings({"ALERTING_PORT": "8100"}).api_url == "http://127.0.0.1:8100"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ALERTING_DASHBOARD_PORT", "0"),
        ("ALERTING_DASHBOARD_MAX_ALERTS", "many"),
        ("ALERTING_DASHBOARD_MAX_ALERTS", "201"),
        ("ALERTING_DASHBOARD_REFRESH_INTERVAL", "often"),
    ],
)
def test_a_mistake_names_its_setting(name, text):
    with pytest.raises(ValueError, match=f"{name}={text}"):
        read_settings({name: text})


@pytest.mark.parametrize(("text", "seconds"), [("2", 2.0), ("2s", 2.0), ("1m", 60.0), ("0", 0.5)])
def test_polling_is_never_faster_than_twice_a_second(text, seconds):
    assert read_settings({"ALERTING_DASHBOARD_REFRESH_INTERVAL": text}).refresh_s == seconds
