"""Whatever an alert, a rule or a series carries is shown as text; only addresses on the web become links."""

import re
from datetime import UTC, datetime

import pytest

from dashboard.components import feed, import_report, marks, rule_list, rule_parts, series, story, trial

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>\"'`</div>{0}%s"
AT = "2026-03-01T11:00:00Z"


def hostile_alert(status="ACTIVE"):
    """An alert whose every text is an attack."""
    return {
        "id": HOSTILE,
        "name": HOSTILE,
        "description": HOSTILE,
        "source": HOSTILE,
        "service": HOSTILE,
        "severity": "HIGH",
        "status": status,
        "labels": {HOSTILE: HOSTILE, "b": HOSTILE, "c": "1", "d": "2"},
        "annotations": {"summary": HOSTILE, "runbook_url": "javascript:alert(1)", HOSTILE: HOSTILE},
        "value": 1.5,
        "threshold": 1,
        "metric": HOSTILE,
        "occurrences": 2,
        "episodes": 3,
        "first_seen_at": AT,
        "last_seen_at": AT,
        "activated_at": AT,
        "acknowledged_at": AT,
        "acknowledged_by": f"token:{HOSTILE}",
        "suppression_reason": HOSTILE,
        "suppressed_until": AT,
        "resolved_at": AT,
        "resolved_by": HOSTILE,
        "resolution": HOSTILE,
        "notification_channels": [HOSTILE],
        "timeline": [
            {"seq": 1, "at": AT, "kind": HOSTILE, "actor": HOSTILE, "reason": HOSTILE, "from": "ACTIVE", "to": HOSTILE},
        ],
        "deliveries": [
            {
                "state": "dead",
                "kind": HOSTILE,
                "channel": HOSTILE,
                "channel_name": HOSTILE,
                "channel_type": HOSTILE,
                "created_at": AT,
                "dead_reason": HOSTILE,
                "attempts": [
                    {"n": 1, "at": AT, "outcome": HOSTILE, "status": 500, "latency_ms": 1.0, "error": HOSTILE}
                ],
            }
        ],
    }


def hostile_rule(source="metric", health="error"):
    """A rule whose every text is an attack."""
    return {
        **dict.fromkeys(("id", "name", "description", "metric", "query", "type", "pattern", "level"), HOSTILE),
        **dict.fromkeys(("operator", "aggregation", "evaluation_window", "for", "keep_firing_for"), HOSTILE),
        "source": source,
        "severity": "HIGH",
        "threshold": 1.0,
        "version": 1,
        "enabled": health != "off",
        "health": health,
        "health_reason": HOSTILE,
        "last_evaluated_at": AT,
        "no_data": "keep",
        "labels": {HOSTILE: HOSTILE},
        "group_by": [HOSTILE],
        "notification_channels": [HOSTILE],
        "annotations": {HOSTILE: HOSTILE},
        "runbook_url": "javascript:alert(1)",
        "resolve_threshold": 1.0,
        "advice": [{"field": HOSTILE, "message": HOSTILE}],
    }


def hostile_trial():
    """A back-test whose every text is an attack."""
    points = [[AT, 1.0], [NOW.isoformat(), 2.0]]
    return {
        "since": AT,
        "until": NOW.isoformat(),
        "n_alerts": 1,
        "failures": [HOSTILE],
        "series": [{"labels": {HOSTILE: str(n) + HOSTILE}, "points": points} for n in range(2)],
        "alerts": [{"labels": {HOSTILE: HOSTILE}, "fired_at": AT, "reason": HOSTILE}],
    }


def attributes_and_tags(html):
    """What a browser would take for markup: every tag with its attributes, values left out."""
    return re.findall(r"<[^>]*>", re.sub(r'"[^"]*"', '""', html))


@pytest.mark.parametrize("status", ["ACTIVE", "ACKNOWLEDGED", "SUPPRESSED", "RESOLVED", "CLOSED", "PENDING"])
@pytest.mark.parametrize("role", ["viewer", "responder"])
def test_texts_of_an_alert_are_escaped_everywhere(status, role):
    alert = hostile_alert(status)
    pieces = [
        feed.row(alert, role),
        story.header(alert),
        story.actions(alert, role),
        story.facts(alert, NOW),
        story.timeline(alert, NOW),
        story.deliveries(alert, NOW),
        marks.notice(HOSTILE, HOSTILE),
        marks.copyable(HOSTILE),
        feed.all_quiet(
            [{"name": HOSTILE, "severity": "LOW", "metric": HOSTILE, "operator": HOSTILE}], HOSTILE, HOSTILE
        ),
    ]
    assert_harmless(pieces)


def assert_harmless(pieces):
    """None of these pieces of HTML has a tag, a script or an address that is not ours."""
    for html in map(str, pieces):
        assert "<img" not in html
        assert not [tag for tag in attributes_and_tags(html) if re.search(r"\son\w+=", tag)]
        assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', html))


@pytest.mark.parametrize("role", ["viewer", "admin"])
@pytest.mark.parametrize("source", ["metric", "log", "event", "prometheus"])
@pytest.mark.parametrize("health", ["error", "late", "no_data", "off"])
def test_texts_of_a_rule_are_escaped_everywhere(role, source, health):
    rule = hostile_rule(source, health)
    verdict = {"labels": {HOSTILE: HOSTILE}, "outcome": HOSTILE, "window": HOSTILE, "reason": HOSTILE, "value": 1.0}
    older, newer = ({"version": n, "at": AT, "actor": HOSTILE, "change": HOSTILE} for n in (1, 2))
    assert_harmless(
        [
            rule_list.row(rule, {"n_alerts": 1, "n_open": 1}, role),
            rule_list.toolbar(role),
            rule_list.pages({HOSTILE: HOSTILE, "cursor": HOSTILE}, HOSTILE, 1),
            rule_parts.header(rule),
            rule_parts.ill_health(rule),
            rule_parts.actions(rule, role, HOSTILE),
            rule_parts.facts(rule, NOW),
            rule_parts.advice(rule["advice"]),
            rule_parts.verdicts({"at": AT, "verdicts": [verdict]}, rule, NOW),
            rule_parts.versions([{**newer, "definition": rule}, {**older, "definition": {HOSTILE: HOSTILE}}], NOW),
            feed.only_of_rule(HOSTILE),
        ]
    )


def test_texts_of_a_trial_an_import_and_of_series_are_escaped():
    found = hostile_trial()
    reported = {"index": 1, "group": HOSTILE, "name": HOSTILE, "reason": HOSTILE}
    advice = {"id": HOSTILE, "field": HOSTILE, "message": HOSTILE}
    assert_harmless(
        [
            trial.sentence(found, HOSTILE),
            trial.trial_chart(found, hostile_rule()),
            trial.fired_list(found, NOW),
            trial.failures(found),
            trial.without_values(HOSTILE),
            import_report.report({"skipped": [reported], "advice": [advice]}),
            series.latest_table(found["series"], [HOSTILE, HOSTILE], HOSTILE),
            series.make_rule(HOSTILE, [HOSTILE]),
            series.no_series(HOSTILE, HOSTILE),
            series.nothing_there(HOSTILE),
        ]
    )


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/alerts",
        "http://",
        "x",
        "",
        None,
        7,
    ],
)
def test_only_addresses_on_the_web_are_links(text):
    assert story.web_link(text) is None


@pytest.mark.parametrize("text", ["https://runbooks.example/cpu?x=1", "http://wiki.internal/page"])
def test_addresses_on_the_web_are_links(text):
    assert story.web_link(text) == text
