"""Prometheus' rule files: what becomes of each rule, and why one is skipped."""

from datetime import timedelta

import pytest

from app.core.severity import Severity
from app.rules.domain.imported import stable_id
from app.rules.domain.prometheus_rules import read_groups
from app.rules.domain.rule import Source

RULE = {
    "alert": "HostOutOfMemory",
    "expr": "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.10",
    "for": "1h30m",
    "keep_firing_for": "5m",
    "labels": {"severity": "page", "team": "{{ $labels.team }}", "service": "hosts"},
    "annotations": {"summary": "Memory on {{ $labels.instance }}", "description": "A host is short of memory."},
}


def read(*rules, **group):
    return read_groups({"groups": [{"name": "Hosts", "rules": list(rules), **group}]}, "main")


def only_reason(found):
    (skipped,) = found.skipped
    assert not found.rules
    return skipped.reason


def test_an_alerting_rule_becomes_a_rule_that_asks_the_same():
    found = read(RULE, interval="30s")
    assert not found.skipped
    assert not found.notes
    rule = found.rules[0].definition
    assert found.rules[0].id == "hosts-host-out-of-memory"
    assert (rule.name, rule.source, rule.query) == (RULE["alert"], Source.PROMETHEUS, RULE["expr"])
    assert (rule.operator, rule.threshold, rule.datasource) == (None, None, "main")
    assert (rule.pending_for, rule.keep_firing_for) == (timedelta(minutes=90), timedelta(minutes=5))
    assert (rule.interval, rule.severity, rule.service) == (timedelta(seconds=30), Severity.CRITICAL, "hosts")
    assert rule.alert_labels == {"team": "{{ $labels.team }}", "service": "hosts"}
    assert rule.annotations == RULE["annotations"]
    assert rule.description == "A host is short of memory."


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        ({}, "names no severity"),
        ({"severity": "dire"}, "is none of ours"),
        ({"severity": "{{ if true }}high{{ end }}"}, "is a template"),
    ],
)
def test_a_severity_that_is_not_clear_is_medium_with_a_note_and_stays_a_label(labels, note):
    found = read({**RULE, "labels": labels})
    assert found.rules[0].definition.severity is Severity.MEDIUM
    assert found.rules[0].definition.alert_labels == labels
    assert note in found.notes[0].message
    assert found.notes[0].id == found.rules[0].id


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a", "https://example.org/a"),
        ("{{ $externalURL }}/a", None),
        ("javascript:x", None),
        ("https://[", None),
        ("http://a b", None),
    ],
)
def test_a_plain_link_is_the_runbook(url, expected):
    assert read({**RULE, "annotations": {"runbook_url": url}}).rules[0].definition.runbook_url == expected


def test_labels_of_the_group_go_under_those_of_the_rule():
    found = read(RULE, labels={"service": "other", "severity": "low", "region": "eu"})
    rule = found.rules[0].definition
    assert (rule.severity, rule.service, rule.alert_labels["region"]) == (Severity.CRITICAL, "hosts", "eu")


def test_what_a_group_asks_for_and_is_not_taken_over_is_noted():
    notes = [note.message for note in read(RULE, limit=5, query_offset="1m").notes]
    assert ["limit" in notes[0], "query_offset" in notes[1]] == [True, True]


def test_scalars_that_stand_for_texts_are_texts():
    rule = read({**RULE, "labels": {"priority": 1, "on": True, "ratio": 0.5}}).rules[0].definition
    assert rule.alert_labels == {"priority": "1", "on": "true", "ratio": "0.5"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"record": "a:b"}, "a recording rule makes series for Prometheus itself; leave it there"),
        ({"alert": None}, "the rule has no name; write alert: NAME"),
        ({"expr": " "}, "the rule has no query"),
        ({"expr": "up >"}, "expr: no PromQL"),
        ({"for": "5 minutes"}, 'for: "5 minutes" is no duration; use one like 30s, 5m, 1h30m or 2d'),
        ({"for": "-5m"}, "is no duration"),
        ({"for": "30m1h"}, "is no duration"),
        ({"for": 5}, "is no duration"),
        ({"for": ["5m"]}, "for: use a duration"),
        ({"for": "99999999999999y"}, "too long"),
        ({"labels": ["a"]}, "labels: use an object"),
        ({"labels": {"a b": "c"}}, "is no name"),
        ({"labels": {"a": ["b"]}}, "labels.a: use a text"),
        ({"labels": {"a": "{{ b }}"}}, "labels.a: line 1, column 4: there is no function b"),
        ({"annotations": {"a": "{{"}}, "annotations.a: line 1, column 1: {{ is not closed"),
    ],
)
def test_a_rule_that_cannot_be_used_is_skipped_with_the_mend(changes, reason):
    found = read({**RULE, **changes})
    assert reason in only_reason(found)
    assert (found.skipped[0].place.index, found.skipped[0].place.group) == (0, "Hosts")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, "begins with groups:"),
        ({"groups": {}}, "groups is a list"),
        ({"groups": [3]}, "has no name"),
        ({"groups": [{"rules": [RULE]}]}, "the group has no name"),
        ({"groups": [{"name": "a", "rules": [3]}]}, "a rule is an object"),
        ({"groups": [{"name": "a", "rules": [RULE], "interval": "2d"}]}, "interval: use a duration from 1s to 1d"),
    ],
)
def test_a_document_that_is_no_rule_file_is_told(document, reason):
    assert reason in only_reason(read_groups(document))


def test_the_object_of_kubernetes_is_read():
    document = {"kind": "PrometheusRule", "spec": {"groups": [{"name": "a", "rules": [RULE]}]}}
    assert len(read_groups(document).rules) == 1


def test_the_same_rule_twice_is_taken_once_and_its_like_gets_a_number():
    found = read(RULE, {**RULE, "expr": "up == 0"}, RULE, {**RULE, "expr": "up == 1"})
    assert [one.id for one in found.rules] == [f"hosts-host-out-of-memory{end}" for end in ("", "-2", "-3")]
    assert found.skipped[0].place.index == 2
    assert "stand at index 0" in found.skipped[0].reason


def test_ids_are_slugs_of_at_most_64_characters():
    long = stable_id(("g" * 80, "HighErrorRate"))
    assert len(long) <= 64
    assert "high-error-rate" in long
    assert long != stable_id(("g" * 81, "HighErrorRate"))
    assert stable_id(("", "lint")) == "lint-2"
    assert stable_id(("負荷", "高い")).startswith("rule-")
    assert stable_id(("a", "b"), {"a-b", "a-b-2"}) == "a-b-3"
