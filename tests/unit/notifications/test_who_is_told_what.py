"""One destination and one subject: what goes out now, and why."""

import pytest

from app.notifications.domain import decide, idempotency_key, reason_to_cancel
from tests.unit.notifications.telling import subject, told

TOLD_AND_ENDED = [told(), told("resolved")]


@pytest.mark.parametrize(
    "now, before, kind, reason",
    [
        (subject(), [], "firing", "first notification"),
        (subject("PENDING"), [], None, "pending: nobody is told yet"),
        (subject("ACKNOWLEDGED"), [], None, "acknowledged: somebody is on it"),
        (subject("SUPPRESSED"), [], None, "suppressed"),
        (subject("RESOLVED"), [], None, "its firing notice never went out"),
        (subject("CLOSED"), [], None, "its firing notice never went out"),
        (subject(), [told(state="queued")], None, "it was told of this episode, and nothing got worse"),
        (subject(), [told(state="dead")], None, "it was told of this episode, and nothing got worse"),
        (subject(severity="LOW"), [told()], None, "it was told of this episode, and nothing got worse"),
        (subject(severity="CRITICAL"), [told()], "update", "severity rose from HIGH to CRITICAL"),
        (
            subject(severity="CRITICAL"),
            [told(), told("update", severity="CRITICAL")],
            None,
            "it was told of this episode, and nothing got worse",
        ),
        (subject(), [told(state="cancelled")], "firing", "first notification"),
        (subject(episode=2), TOLD_AND_ENDED, "firing", "fired again"),
        (subject(episode=2), [told(state="cancelled")], "firing", "first notification"),
        (subject("RESOLVED"), [told()], "resolved", "resolved"),
        (subject("CLOSED"), [told(state="delivered")], "resolved", "resolved"),
        (subject("RESOLVED"), [told(state="sending")], "resolved", "resolved"),
        (subject("RESOLVED"), [told(state="queued")], None, "its firing notice never went out"),
        (subject("RESOLVED"), [told(state="cancelled")], None, "its firing notice never went out"),
        (subject("RESOLVED"), [told(state="cancelled", maybe_taken=True)], "resolved", "resolved"),
        (subject("RESOLVED"), [told(state="dead")], None, "its firing notice never went out"),
        (subject("RESOLVED"), [told(state="dead", maybe_taken=True)], "resolved", "resolved"),
        (subject("RESOLVED"), TOLD_AND_ENDED, None, "it was told of the end of this episode"),
        (subject("RESOLVED", episode=2), TOLD_AND_ENDED, None, "its firing notice never went out"),
        (subject("RESOLVED", episode=2), [*TOLD_AND_ENDED, told(episode=2)], "resolved", "resolved"),
    ],
)
def test_what_a_destination_is_told(now, before, kind, reason):
    decision = decide(now, before)
    assert (decision.kind, decision.reason) == (kind, reason)


@pytest.mark.parametrize(
    "now, before, key",
    [
        (subject(), [], "alert:A1:firing:1:hook"),
        (subject(episode=2), TOLD_AND_ENDED, "alert:A1:firing:2:hook"),
        (subject(severity="CRITICAL"), [told()], "alert:A1:update:1:CRITICAL:hook"),
        (subject("RESOLVED"), [told()], "alert:A1:resolved:1:hook"),
        (subject(), [told(state="cancelled")], "alert:A1:firing:1:hook:again-1"),
    ],
)
def test_the_same_message_has_the_same_key(now, before, key):
    assert idempotency_key(now, decide(now, before), "hook") == key


@pytest.mark.parametrize(
    "kind, now, told_of_it, reason",
    [
        ("firing", subject(), False, None),
        ("update", subject(), False, None),
        ("firing", subject("ACKNOWLEDGED"), False, "the alert is ACKNOWLEDGED"),
        ("update", subject("ACKNOWLEDGED"), False, "the alert is ACKNOWLEDGED"),
        ("firing", subject("SUPPRESSED"), False, "the alert is SUPPRESSED"),
        ("firing", subject("RESOLVED"), False, "the alert is RESOLVED"),
        ("firing", subject("CLOSED"), False, "the alert is CLOSED"),
        ("firing", subject(episode=2), False, "the alert was resolved and has fired again since"),
        ("firing", None, False, "its subject does not exist any more"),
        ("resolved", subject("RESOLVED"), True, None),
        ("resolved", subject(episode=2), True, None),
        ("resolved", subject("RESOLVED"), False, "its firing notice never went out"),
    ],
)
def test_a_claimed_message_is_cancelled_when_its_subject_changed(kind, now, told_of_it, reason):
    assert reason_to_cancel(kind, 1, now, told_of_it) == reason
