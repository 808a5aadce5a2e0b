"""Advice on rules: what there is to think of, and silence where there is nothing."""

from datetime import timedelta

import pytest

from app.core.severity import Severity
from app.rules.domain.advice import advice
from app.rules.domain.rule import Aggregation, NoData, Operator, Source
from app.rules.domain.starter import STARTER_RULES
from tests.unit.rules.making import definition

FINE = {"description": "The queue grows faster than it is emptied.", "runbook_url": "https://example.org/queue"}
ASKS = {"source": Source.PROMETHEUS, "metric": "", "operator": None, "threshold": None}
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def fields(sample_interval=None, **changes):
    return [one.field for one in advice(definition(**{**FINE, **changes}), sample_interval)]


def test_a_good_rule_gets_none():
    assert fields() == []
    assert [one for rule in STARTER_RULES.values() for one in advice(rule, 5 * SECOND)] == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"operator": Operator.ABSENT, "threshold": None}, ["for"]),
        ({"operator": Operator.ABSENT, "threshold": None, "pending_for": MINUTE}, []),
        (
            {"operator": Operator.ABSENT, "threshold": None, "pending_for": MINUTE, "keep_firing_for": MINUTE},
            ["keep_firing_for"],
        ),
        ({**ASKS, "query": "absent(up)"}, ["for"]),
        ({**ASKS, "query": "sum(x) > 1 or absent_over_time(up[5m])"}, ["for"]),
        ({**ASKS, "query": "absent(up)", "pending_for": MINUTE}, []),
        ({**ASKS, "query": 'up{job="absent(up)"} == 0'}, []),
        ({**ASKS, "query": "up >"}, []),
        ({"alert_labels": {"level": "{{ if gt $value 5.0 }}a{{ end }}"}}, ["alert_labels"]),
        ({"alert_labels": {"level": "{{ $labels.host }}", "broken": "{{"}}, []),
        ({"group_by": ("host", "pod_uid", "Request_ID")}, ["group_by", "group_by"]),
        ({"pending_for": SECOND}, ["for"]),
        ({"pending_for": SECOND, "interval": SECOND}, []),
        ({"keep_firing_for": SECOND}, ["keep_firing_for"]),
        ({"operator": Operator.EQUAL}, ["operator"]),
        ({"operator": Operator.NOT_EQUAL, "aggregation": Aggregation.LAST}, []),
        ({"resolve_threshold": 10.0}, ["resolve_threshold"]),
        ({"resolve_threshold": 8.0}, []),
        ({"metric": "system.cpu.usage", "threshold": 0.9}, ["threshold"]),
        ({"metric": "disk_used_percent", "threshold": 0.9}, ["threshold"]),
        ({"metric": "system.cpu.usage", "threshold": 90.0}, []),
        ({"metric": "usages", "threshold": 0.9}, []),
        ({"metric": "queue.length", "aggregation": Aggregation.RATE}, ["aggregation"]),
        ({"metric": "http_requests_total", "aggregation": Aggregation.RATE}, []),
        ({"metric": "http_requests_total", "aggregation": Aggregation.AVG}, ["aggregation"]),
        ({"source": Source.LOG, "metric": "", "aggregation": Aggregation.COUNT, "no_data": NoData.ALERT}, ["no_data"]),
        ({"description": ""}, ["description"]),
        ({"description": "", "annotations": {"summary": "x"}}, []),
        ({"severity": Severity.CRITICAL, "runbook_url": None}, ["runbook_url"]),
    ],
)
def test_a_doubtful_rule_is_told_of(changes, expected):
    assert fields(**changes) == expected


@pytest.mark.parametrize(
    ("changes", "sample_interval", "expected"),
    [
        ({"window": MINUTE}, 30 * SECOND, []),
        ({"window": MINUTE}, 31 * SECOND, ["evaluation_window"]),
        ({"window": MINUTE, "aggregation": Aggregation.DELTA}, 31 * SECOND, ["evaluation_window"]),
        ({"window": MINUTE, "min_samples": 6}, 10 * SECOND, []),
        ({"window": MINUTE, "min_samples": 7}, 10 * SECOND, ["min_samples"]),
        ({**ASKS, "query": "up == 0", "window": SECOND}, MINUTE, []),
    ],
)
def test_a_window_is_compared_with_the_time_between_samples(changes, sample_interval, expected):
    assert fields(sample_interval, **changes) == expected


def test_the_message_gives_the_reason_and_the_mend():
    (found,) = advice(definition(**FINE, pending_for=SECOND), default_interval=timedelta(seconds=30))
    assert found.message == (
        "the rule is evaluated every 30s, so a shorter for means a second evaluation at most; use a multiple of 30s"
    )
