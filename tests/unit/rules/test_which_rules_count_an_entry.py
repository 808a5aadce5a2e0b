"""Which rules count an entry of a log or an event, and as what."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core.labels import compile_pattern
from app.rules.domain.entries import EntryIndex, PatternSet
from app.rules.domain.rule import Source
from app.telemetry.domain import EventEntry, LogEntry, Sample
from tests.unit.rules.making import rule

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
BOMBS = ["(a+)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*x(.*)*y", "(x+x+)+y", "(a|a)*b", "(a?){300}a{300}"]


def log_rule(rule_id="r", **changes):
    return rule(id=rule_id, metric="", source=Source.LOG, **changes)


def event_rule(rule_id="r", **changes):
    return rule(id=rule_id, metric="", source=Source.EVENT, **{"type": "payment.failed", **changes})


def line(message="", level="info", **labels):
    return LogEntry(NOW, message, {"level": level, **labels})


def event(type_="payment.failed", value=1.0, **labels):
    return EventEntry(NOW, type_, labels, value)


def counting(rules, entry):
    by_metric = {one.series_metric: one.id for one in rules}
    return sorted(by_metric[sample.metric] for sample in EntryIndex(rules).counted([entry]))


@pytest.mark.parametrize(
    ("changes", "entry", "counts"),
    [
        ({}, line("anything"), True),
        ({"pattern": "refused"}, line("connection refused by db-1"), True),
        ({"pattern": "^refused"}, line("connection refused"), False),
        ({"pattern": "refused$"}, line("connection refused"), True),
        ({"pattern": "REFUSED"}, line("connection refused"), False),
        ({"pattern": "(?i)REFUSED"}, line("connection refused"), True),
        ({"pattern": "ü+ß"}, line("xüüßx"), True),
        ({"pattern": "a.b"}, line("a\nb"), False),
        ({"pattern": "(?s)a.b"}, line("a\nb"), True),
        ({"level": "warning"}, line(level="info"), False),
        ({"level": "warning"}, line(level="warn"), True),
        ({"level": " WARNING "}, line(level="fatal"), True),
        ({"level": "info"}, line(level="made up"), True),
        ({"level": "notice"}, line(level="made up"), False),
        ({"level": "trace"}, line(level="trace"), True),
        ({"level": "error", "pattern": "x"}, line("x", "warning"), False),
        ({"level": "error", "pattern": "x"}, line("x", "error"), True),
        ({"labels": {"host": "a"}}, line(host="a"), True),
        ({"labels": {"host": "a"}}, line(host="b"), False),
        ({"labels": {"host": "a"}, "pattern": "x"}, line("x", host="b"), False),
        ({"labels": ('host=~"web.*"', 'level!="debug"')}, line(host="web-1"), True),
        ({"labels": ('host=~"web.*"', 'level!="debug"')}, line(level="debug", host="web-1"), False),
        ({}, event(), False),
    ],
)
def test_a_log_rule_counts_by_level_pattern_and_labels(changes, entry, counts):
    assert counting([log_rule(**changes)], entry) == (["r"] if counts else [])


@pytest.mark.parametrize(
    ("changes", "entry", "counts"),
    [
        ({}, event(), True),
        ({}, event("payment.failed.twice"), False),
        ({}, event("Payment.Failed"), False),
        ({"labels": {"source": "shop"}}, event(source="shop"), True),
        ({"labels": {"source": "shop"}}, event(source="web"), False),
        ({"type": "info"}, line("info"), False),
    ],
)
def test_an_event_rule_counts_its_type_exactly(changes, entry, counts):
    assert counting([event_rule(**changes)], entry) == (["r"] if counts else [])


def test_rules_of_other_sources_count_nothing():
    assert counting([rule(id="metric"), rule(id="query", source=Source.PROMETHEUS, query="up")], line("x")) == []


def test_each_entry_is_counted_by_every_rule_that_it_satisfies():
    rules = [
        log_rule("any"),
        log_rule("errors", level="error"),
        log_rule("refused", pattern="refused"),
        log_rule("same-pattern", pattern="refused", labels={"host": "a"}),
        log_rule("refused-errors", pattern="refused", level="error"),
        log_rule("timeouts", pattern="time-?out"),
    ]
    assert counting(rules, line("refused after a timeout", "error", host="a")) == sorted(one.id for one in rules)
    assert counting(rules, line("refused", "debug")) == ["any", "refused"]


def test_a_match_is_a_sample_of_the_rules_own_series():
    plain, grouped = log_rule("plain"), log_rule("grouped", group_by=("host", "zone"))
    later = NOW + timedelta(seconds=1)
    entries = [LogEntry(NOW, "", {"level": "info", "host": "a", "zone": ""}), LogEntry(later, "", {"level": "info"})]
    assert EntryIndex([plain]).counted(entries) == [
        Sample(plain.series_metric, {}, NOW, 1.0),
        Sample(plain.series_metric, {}, later, 1.0),
    ]
    assert EntryIndex([grouped]).counted(entries) == [
        Sample(grouped.series_metric, {"host": "a"}, NOW, 1.0),
        Sample(grouped.series_metric, {}, later, 1.0),
    ]


def test_an_event_brings_its_own_value():
    one = event_rule(group_by=("source",))
    assert EntryIndex([one]).counted([event(value=12.5, source="shop")]) == [
        Sample(one.series_metric, {"source": "shop"}, NOW, 12.5)
    ]


def test_a_pattern_that_is_none_harms_no_other_rule():
    assert counting([log_rule("broken", pattern="("), log_rule("sound", pattern="x")], line("(x")) == ["sound"]


@pytest.mark.parametrize("pattern", BOMBS)
def test_a_pattern_that_would_backtrack_for_ever_answers(pattern):
    rules = [log_rule("bomb", pattern=pattern), log_rule("sound", pattern="ab$")]
    message = "a" * 65_535 + "b"
    wanted = ["bomb"] if compile_pattern(pattern).search(message) else []
    assert counting(rules, line(message)) == [*wanted, "sound"]


def test_patterns_that_do_not_fit_into_one_automaton_are_still_all_searched_for():
    patterns = [rf"^(?:\pL{{1,40}}\d{{1,40}}){{5}}{n}$" for n in range(6)]
    found = PatternSet(patterns)
    assert list(found.found_in("größe1" * 5 + "4")) == [patterns[4]]
    assert list(found.found_in("größe1" * 5 + "x")) == []


def test_many_patterns_find_what_each_finds_alone():
    patterns = [f"{n}(0|5)" for n in range(600)] + [f"a.*{n}" for n in range(60)]
    found = PatternSet(patterns)
    for text in ("", "a 1234567890 59", "5950 a", "ü" * 1000):
        alone = {pattern for pattern in patterns if compile_pattern(pattern).search(text) is not None}
        assert set(found.found_in(text)) == alone
