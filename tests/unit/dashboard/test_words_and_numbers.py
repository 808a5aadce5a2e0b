"""How the dashboard words times, numbers, labels and people."""

from datetime import UTC, datetime

import pytest

from dashboard.components import wording

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "\u2013"),
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (2 * 3600 + 5 * 60, "2 h 5 min"),
        (11 * 3600 + 30 * 60, "11 h"),
        (26 * 3600, "1 d 2 h"),
        (9 * 86400 + 3600, "9 d"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds, text):
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\u2013"),
        (0, "0"),
        (97.31234, "97.31"),
        (5.0, "5"),
        (-3.25, "-3.25"),
        (999.96, "1000"),
        (1234567.0, "1,234,567"),
        (0.00012, "0.00012"),
        (4e15, "4e+15"),
    ],
)
def test_a_number_keeps_what_a_reader_needs(value, text):
    assert wording.number(value) == text


def test_a_range_is_a_threshold_too():
    assert wording.threshold([10, 90.5]) == "10 to 90.5"
    assert wording.threshold(90.0) == "90"


def test_a_threshold_that_is_half_typed_is_shown_as_it_stands():
    assert wording.threshold("9o") == "9o"
    assert wording.threshold([10, None]) == "10 to \u2013"
    assert wording.threshold(["1o", 20]) == "1o to 20"


def test_units_come_from_the_name_of_the_metric():
    assert wording.unit("system.cpu.usage") == " %"
    assert wording.unit("request_latency_ms") == " ms"
    assert wording.unit("queue.depth") == ""
    assert wording.unit(None) == ""


def test_labels_that_say_where_come_first_and_the_name_is_left_out():
    alert = {"labels": {"zone": "b", "alertname": "X", "host": "web-1", "app": "shop"}, "service": "checkout"}
    assert wording.ordered_labels(alert) == [
        ("service", "checkout"),
        ("host", "web-1"),
        ("app", "shop"),
        ("zone", "b"),
    ]


def test_people_and_machines_are_named_as_readers_know_them():
    assert wording.actor("token:alice") == "alice"
    assert wording.actor("engine") == "the rule engine"
    assert wording.actor("source:api") == "source api"
    assert wording.actor(None) == "\u2013"


def test_a_time_of_today_is_short_and_one_of_another_day_has_its_date():
    assert wording.clock("2026-03-01T08:05:06.123456Z", NOW) == "08:05:06"
    assert wording.clock("2026-02-27T08:05:06Z", NOW) == "27 Feb, 08:05"


def test_an_age_is_an_element_that_the_page_keeps_fresh():
    html = wording.ago("2026-03-01T11:57:00Z")
    assert html == ('<time datetime="2026-03-01T11:57:00Z" title="01 Mar 2026, 11:57:00 UTC" data-age></time>')
    assert wording.ago(None) == "\u2013"
