"""Subjects, earlier messages and tries for tests: minimal valid ones, overridden by keyword."""

from datetime import UTC, datetime

from app.notifications.domain import Attempt, Channel, Outcome, Sending, Subject, Told

T0 = datetime(2026, 1, 31, 12, tzinfo=UTC)


def subject(status="ACTIVE", **more):
    fields = {"type": "alert", "id": "A1", "title": "Disk full", "severity": "HIGH", "version": 3, "episode": 1}
    return Subject(**{**fields, "status": status, **more})


def told(kind="firing", state="sent", episode=1, severity="HIGH", **more):
    return Told(kind, state, episode, severity, **more)


def attempt(outcome=Outcome.TEMPORARY, **more):
    return Attempt(outcome, T0, error=more.pop("error", "HTTP 500"), **more)


def channel(channel_id="hook", **more):
    fields = {
        "name": channel_id,
        "type": "webhook",
        "enabled": True,
        "default": False,
        "settings": {"url": "http://127.0.0.1:9/"},
        "sealed": None,
        "version": 1,
        "created_at": T0,
        "updated_at": T0,
    }
    return Channel(**{"id": channel_id, **fields, **more})


def sending(**more):
    fields = {
        "id": "N1",
        "claim": "w:1",
        "n": 1,
        "kind": "firing",
        "subject_type": "alert",
        "subject_id": "A1",
        "payload": {
            "title": "Disk full",
            "status": "ACTIVE",
            "severity": "HIGH",
            "version": 3,
            "episode": 1,
            "body": {"id": "A1", "name": "Disk full", "links": {"dashboard": "http://dash/?alert=A1"}},
        },
        "reason": "first notification",
        "channel_id": "hook",
        "channel_type": "webhook",
        "settings": {"url": "http://127.0.0.1:9/"},
        "sealed": None,
        "maybe_duplicate": False,
        "created_at": T0,
        "expires_at": T0,
        "lease_until": T0,
        "version": 1,
    }
    return Sending(**{**fields, **more})
