"""Buttons follow the alert's status and the reader's role."""

from datetime import UTC, datetime

import pytest

from dashboard.components import feed, story
from tests.unit.dashboard.test_nothing_hostile_reaches_the_page import hostile_alert

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "quick", "whole"),
    [
        ("PENDING", set(), {"comment"}),
        ("ACTIVE", {"acknowledge", "resolve"}, {"acknowledge", "resolve", "comment"}),
        ("ACKNOWLEDGED", {"resolve"}, {"unacknowledge", "resolve", "comment"}),
        ("SUPPRESSED", {"resolve"}, {"resolve", "comment"}),
        ("RESOLVED", set(), {"close", "comment"}),
        ("CLOSED", set(), {"comment"}),
    ],
)
def test_only_what_is_legal_now_is_offered(status, quick, whole):
    alert = hostile_alert(status)
    row, page = str(feed.row(alert, "responder")), str(story.actions(alert, "responder"))
    every = ("acknowledge", "unacknowledge", "resolve", "close", "comment")
    assert {action for action in every if f'data-act="{action}"' in row} == quick
    assert {action for action in every if f'data-act="{action}"' in page} == whole
    assert "disabled" not in row + page


def test_a_viewer_sees_the_buttons_and_why_they_do_nothing():
    row = str(feed.row(hostile_alert(), "viewer"))
    assert row.count("<button") == 2
    assert row.count(' disabled title="Needs the role responder; yours is viewer"') == 2
    assert "may look, not act" in str(story.actions(hostile_alert(), "viewer"))
