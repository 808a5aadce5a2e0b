"""What a beat, a configuration, silence and an outage do to a heartbeat."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.errors import Invalid
from app.core.severity import Severity
from app.heartbeats.domain import Config, State, Watch, beaten, check_name, configured, made, missing, watch, withdrawn

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LATER = NOW + MINUTE
CONFIG = Config(interval=MINUTE, grace=30 * SECOND)
TIME = 90 * SECOND
NEW = made("job", CONFIG, NOW)
UP = made("job", CONFIG, NOW, by_beat=True)
DOWN = missing(UP, NOW + TIME).heartbeat
OFF = made("job", replace(CONFIG, enabled=False), NOW)


@pytest.mark.parametrize(
    ("before", "state", "expires_at", "version", "firing"),
    [
        (NEW, State.UP, LATER + TIME, 2, None),
        (UP, State.UP, LATER + TIME, 1, None),
        (DOWN, State.UP, LATER + TIME, 3, False),
        (OFF, State.DISABLED, None, 1, None),
    ],
    ids=["new", "up", "down", "disabled"],
)
def test_a_beat(before, state, expires_at, version, firing):
    step = beaten(before, LATER)
    after = step.heartbeat
    assert (after.state, after.expires_at, after.last_beat_at, after.version) == (state, expires_at, LATER, version)
    assert (step.report and step.report.firing) is firing


@pytest.mark.parametrize(
    ("before", "enabled", "state", "expires_at", "version", "firing"),
    [
        (NEW, True, State.NEW, LATER + MINUTE, 2, None),
        (UP, True, State.UP, LATER + MINUTE, 2, None),
        (DOWN, True, State.DOWN, None, 3, None),
        (OFF, True, State.NEW, LATER + MINUTE, 2, None),
        (replace(OFF, last_beat_at=NOW), True, State.UP, LATER + MINUTE, 2, None),
        (NEW, False, State.DISABLED, None, 2, None),
        (UP, False, State.DISABLED, None, 2, None),
        (DOWN, False, State.DISABLED, None, 3, False),
    ],
)
def test_a_configuration(before, enabled, state, expires_at, version, firing):
    config = Config(interval=50 * SECOND, grace=10 * SECOND, enabled=enabled)
    step = configured(before, config, LATER)
    after = step.heartbeat
    assert (after.state, after.expires_at, after.version, after.config) == (state, expires_at, version, config)
    assert after.last_beat_at == before.last_beat_at
    assert (step.report and step.report.firing) is firing


@pytest.mark.parametrize("before", [NEW, UP, DOWN, OFF])
def test_the_same_configuration_changes_nothing(before):
    assert configured(before, before.config, LATER).heartbeat is before


def test_silence_is_reported_with_what_was_expected():
    step = missing(UP, NOW + TIME)
    assert (step.heartbeat.state, step.heartbeat.expires_at, step.heartbeat.version) == (State.DOWN, None, 2)
    report = step.report
    assert (report.name, report.severity, report.firing) == ("Heartbeat job is missing", Severity.HIGH, True)
    assert (report.namespace, report.labels, report.source) == ("heartbeat:job", {"heartbeat": "job"}, "heartbeats")
    assert (report.actor, report.rule_id) == ("engine", None)
    assert report.reason == ("no beat came since 2026-01-31 12:00:00Z; one is expected every 1m, with 30s of grace")


def test_opening_and_resolving_speak_of_the_same_alert():
    assert missing(UP, LATER).report.key == beaten(DOWN, LATER).report.key == withdrawn(DOWN, LATER, "x").key
    assert missing(made("other", CONFIG, NOW), LATER).report.key != missing(UP, LATER).report.key


def test_only_a_missing_one_has_an_alert_to_be_withdrawn():
    assert [withdrawn(one, LATER, "x") for one in (NEW, UP, OFF)] == [None, None, None]


def test_a_clock_that_goes_back_makes_no_report_older_than_the_one_before():
    down = missing(UP, LATER)
    up = beaten(down.heartbeat, LATER - 5 * SECOND)
    assert up.report.event_at >= down.report.event_at
    again = missing(up.heartbeat, LATER - 4 * SECOND)
    assert again.report.event_at >= up.report.event_at


def test_a_long_name_makes_a_title_that_fits():
    title = missing(made("x" * 200, CONFIG, NOW), LATER).report.name
    assert len(title) == 200
    assert title.endswith("x… is missing")


@pytest.mark.parametrize("name", ["a", "x" * 200, "nightly backup", "größe"])
def test_names(name):
    check_name(name)


@pytest.mark.parametrize("name", ["", "x" * 201, "a/b", "a\x00"])
def test_no_names(name):
    with pytest.raises(Invalid, match="name"):
        check_name(name)


@pytest.mark.parametrize(
    ("seen_after", "until_after", "restart"),
    [
        (None, 0, False),
        (-60, 0, False),
        (0, 0, False),
        (2, 2, False),
        (10, 10, False),
        (11, 11, True),
        (600, 600, True),
    ],
)
def test_the_mark_follows_the_signs_of_web_processes(seen_after, until_after, restart):
    seen = None if seen_after is None else NOW + seen_after * SECOND
    assert watch(NOW, seen, 10 * SECOND) == Watch(NOW + until_after * SECOND, restart)
