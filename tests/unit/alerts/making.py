"""Alerts and reports for tests: minimal valid ones, overridden by keyword."""

from datetime import UTC, datetime, timedelta

from app.alerts.domain.alert import Alert, Report
from app.core.severity import Severity

T0 = datetime(2026, 1, 31, 12, tzinfo=UTC)


def minutes(count):
    return timedelta(minutes=count)


def report(at=T0, firing=True, **more):
    fields = {
        "fingerprint": "f" * 64,
        "namespace": "source:test",
        "actor": "source:test",
        "name": "Disk full",
        "severity": Severity.HIGH,
        "firing": firing,
        "event_at": at,
        "source": "test",
        "labels": {"host": "a"},
        "reason": "said so",
    }
    return Report(**{**fields, **more})


def alert(**more):
    fields = {
        "id": "A1",
        "fingerprint": "f" * 64,
        "namespace": "source:test",
        "name": "Disk full",
        "severity": Severity.HIGH,
        "source": "test",
        "created_at": T0,
        "updated_at": T0,
        "first_seen_at": T0,
        "last_seen_at": T0,
        "labels": {"host": "a"},
        "starts_at": T0,
        "last_source_at": T0,
        "activated_at": T0,
        "last_repeat_at": T0,
        "timeline_seq": 1,
    }
    return Alert(**{**fields, **more})
