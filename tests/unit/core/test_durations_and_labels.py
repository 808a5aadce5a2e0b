"""Durations, labels, matchers, fingerprints: what people write and what it means."""

from datetime import timedelta

import pytest

from app.core.durations import format_duration, parse_duration
from app.core.labels import fingerprint, label_problems, parse_matcher


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("7d", 604_800), (2.5, 2.5), ("30", 30), ("0s", 0)]
)
def test_a_duration_is_read_and_written(text, seconds):
    value = parse_duration(text)
    assert value == timedelta(seconds=seconds)
    assert parse_duration(format_duration(value)) == value


@pytest.mark.parametrize("text", ["", "5x", "m5", "-5m", True, None, [], float("nan"), "1e9d", "99999d"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"duration|ten years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ('host="a"', {"host": "a"}, True),
        ("host=a", {"host": "b"}, False),
        ('host!="a"', {}, True),
        ('host=""', {}, True),
        ('host=~"web.*"', {"host": "web-1"}, True),
        ('host=~"web"', {"host": "web-1"}, False),
        ('host!~"web.*"', {"host": "db"}, True),
        ('"odd name"="x \\"y\\""', {"odd name": 'x "y"'}, True),
    ],
)
def test_a_matcher_selects(text, labels, matches):
    matcher = parse_matcher(text)
    assert matcher.matches(labels) is matches
    assert parse_matcher(str(matcher)).matches(labels) is matches


@pytest.mark.parametrize("text", ["host", "=a", 'host=~"("', 'host=~"(a+)+\\1"'])
def test_what_is_no_matcher_is_refused(text):
    with pytest.raises(ValueError, match=r"no matcher|no regular expression"):
        parse_matcher(text)


@pytest.mark.parametrize("text", ["host=" + " " * 5000 + "x", '"' + "a" * 5000 + '"=x'])
def test_a_matcher_of_endless_length_is_refused(text):
    with pytest.raises(ValueError, match="at most 4096 characters"):
        parse_matcher(text)


def test_the_longest_label_makes_a_matcher_that_is_read_again():
    longest = parse_matcher(f'{"n" * 128}="{chr(92) * 2 * 1024}"')
    assert len(longest.value) == 1024
    assert parse_matcher(str(longest)) == longest


def test_spaces_around_a_matchers_value_do_not_count():
    assert parse_matcher(' host =~ "a b"\n').value == "a b"


def test_a_fingerprint_ignores_order_empty_values_and_volatile_labels():
    whole = fingerprint("s", {"a": "1", "b": "2", "c": "", "replica": "x"}, ["replica"])
    assert whole == fingerprint("s", {"b": "2", "a": "1", "replica": "y"}, ["replica"])
    assert whole != fingerprint("t", {"a": "1", "b": "2"})
    assert fingerprint("s", {"a": "b"}) != fingerprint("s", {"a,b": ""})


def test_label_limits_name_the_label():
    assert label_problems({"a": "x" * 1025, "b" * 129: "", "c": 1}).keys() == {"a", "b" * 128, "c"}
    assert label_problems({str(n): "" for n in range(65)})[""] == ["at most 64 labels; there are 65"]
    assert label_problems([1])[""] == ["use an object of texts"]
