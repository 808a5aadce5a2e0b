"""Whatever an alert carries is shown as text; only addresses on the web become links."""

import re
from datetime import UTC, datetime

import pytest

from dashboard.components import feed, marks, story

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
    for html in map(str, pieces):
        assert "<img" not in html
        assert not [tag for tag in attributes_and_tags(html) if re.search(r"\son\w+=", tag)]
        assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', html))


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
