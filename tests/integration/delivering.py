"""Steps of delivery for tests: channels, planning, one round of sending."""

from datetime import timedelta

from app.core.clock import utcnow
from app.notifications import service
from app.notifications.domain import Subject
from app.notifications.domain.records import Search

WORKER = "delivery@test"


def subject(status="ACTIVE", **more):
    fields = {
        "type": "alert",
        "id": "A1",
        "title": "Disk full",
        "severity": "HIGH",
        "version": 3,
        "episode": 1,
        "channels": ("hook",),
        "body": {"id": "A1", "name": "Disk full", "status": status, "labels": {"service": "db"}},
    }
    return Subject(**{**fields, "status": status, **more})


def make_channel(runtime, url, channel_id="hook", **more):
    settings = {"url": url, **more.pop("settings", {})}
    given = {"id": channel_id, "name": channel_id, "type": "webhook", "enabled": True, "default": False, **more}
    with runtime.transaction() as session:
        return service.create_channel(session, {**given, "settings": settings}, runtime.secrets, utcnow())


def make_websocket(runtime):
    with runtime.transaction() as session:
        service.ensure_default_channels(session, utcnow())


def plan(runtime, *subjects, now=None):
    with runtime.transaction() as session:
        return service.plan(session, subjects, now or utcnow(), runtime.settings)


def claim(runtime, *subjects, now=None, worker=WORKER, limit=100, **more):
    by_id = {one.id: one for one in subjects}
    with runtime.transaction() as session:
        return service.claim(
            session,
            worker,
            now or utcnow(),
            runtime.settings,
            limit,
            lambda _session, ids: {id_: by_id[id_] for id_ in ids if id_ in by_id},
            **more,
        )


def record(runtime, outcomes, now=None):
    with runtime.transaction() as session:
        return service.record(session, outcomes, now or utcnow(), runtime.settings)


def deliver(runtime, *subjects, now=None, **more):
    """Claim once, send all of it, record it."""
    claimed = claim(runtime, *subjects, now=now, **more)
    with service.open_sends(runtime) as sends:
        sends.start(claimed.sending)
        while len(sends):
            record(runtime, sends.finished(30), now)
    return claimed


def all_of(runtime, **search):
    """Every message, oldest first."""
    with runtime.reading() as session:
        return service.notifications_page(session, Search(**search), None, 200)[::-1]


def states(runtime):
    return [(one.kind, one.state) for one in all_of(runtime)]


def seconds(count):
    return timedelta(seconds=count)
