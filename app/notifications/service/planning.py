"""Planning: rows for what has to be told, written in the transaction that changed the subject."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import insert_many
from app.core.ids import new_id
from app.core.live import announce
from app.core.queue import nudge
from app.notifications import store
from app.notifications.domain import (
    Channel,
    ChannelType,
    Kind,
    Plan,
    Planned,
    State,
    Subject,
    decide,
    destinations,
    has_ended,
    idempotency_key,
    is_page,
)
from app.notifications.service.events import event_of_row, event_of_values
from app.settings import Settings


def plan(session: Session, subjects: Sequence[Subject], now: datetime, settings: Settings) -> Plan:
    """Queue what the subjects' destinations have to be told now; also returns what is not sent, and why.

    At most six statements however many subjects. Planning the same again changes nothing.
    """
    latest = list({(subject.type, subject.id): subject for subject in subjects}.values())
    planned: list[Planned] = []
    for type_ in sorted({subject.type for subject in latest}):
        planned += _plan(session, type_, [subject for subject in latest if subject.type == type_], now, settings)
    return Plan(tuple(planned))


def _plan(session: Session, type_: str, subjects: list[Subject], now: datetime, settings: Settings) -> list[Planned]:
    if ended := [subject.id for subject in subjects if has_ended(subject)]:
        reason = f"the {type_} ended before it went out"
        cancelled = store.cancel_waiting(session, type_, ended, reason, now)
        announce(session, [event_of_row(row) for row in cancelled])
    channels = store.all_channels(session)
    threads = store.threads(session, type_, [subject.id for subject in subjects])
    told_ids: dict[str, list[str]] = {}
    for subject_id, channel_id in threads:
        told_ids.setdefault(subject_id, []).append(channel_id)
    planned: list[Planned] = []
    rows: list[dict[str, Any]] = []
    off = switched_off(settings)
    for subject in subjects:
        for asked, channel, problem in destinations(subject, channels, told_ids.get(subject.id, ()), off):
            thread = threads.get((subject.id, channel.id)) if channel else None
            decision = decide(subject, thread.told if thread else ())
            if decision.kind is None:
                planned.append(Planned(subject.id, asked, None, None, decision.reason))
                continue
            if channel is None or problem is not None:
                planned.append(Planned(subject.id, asked, None, None, problem or "", is_problem=True))
                continue
            key = idempotency_key(subject, decision, channel.id)
            row = row_of(subject, channel, decision.kind, decision.reason, key, thread, now, settings)
            rows.append(row)
            planned.append(Planned(subject.id, channel.id, decision.kind, row["id"], decision.reason))
    if insert_many(session, store.NOTIFICATIONS, rows, on_conflict_do_nothing=True) != len(rows):
        planned = _without_doubles(session, planned)
        made = {one.notification_id for one in planned}
        rows = [row for row in rows if row["id"] in made]
    if rows:
        announce(session, [event_of_values(row) for row in rows])
        nudge(session, "delivery")
    return planned


def row_of(
    subject: Subject,
    channel: Channel,
    kind: Kind,
    reason: str,
    key: str,
    thread: store.Thread | None,
    now: datetime,
    settings: Settings,
) -> dict[str, Any]:
    """The values of a new row."""
    to_sockets = channel.type == ChannelType.WEBSOCKET
    return {
        "id": new_id(),
        "idempotency_key": key,
        "kind": kind.value,
        "subject_type": subject.type,
        "subject_id": subject.id,
        "episode": subject.episode,
        "title": subject.title,
        "severity": subject.severity,
        "payload": payload_of(subject),
        "reason": reason,
        "channel_id": channel.id,
        "channel_type": channel.type,
        "destination": destination_of(channel),
        "place": thread.next_place if thread else 1,
        "state": State.QUEUED.value,
        "state_reason": "waits for a connected client" if to_sockets else "waits for its turn",
        "n_attempts": 0,
        "due_at": now,
        "expires_at": now + expires_after(kind, settings),
        "maybe_duplicate": False,
        "redrive_of": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def payload_of(subject: Subject) -> dict[str, Any]:
    """What a message tells of its subject."""
    return {
        "title": subject.title,
        "status": subject.status,
        "severity": subject.severity,
        "version": subject.version,
        "episode": subject.episode,
        "body": subject.body,
    }


def destination_of(channel: Channel) -> str:
    """Where a channel leads, as it may be shown: a query may hold a key, so it is left out."""
    if channel.type != ChannelType.WEBHOOK:
        return channel.type
    parts = urlsplit(str(channel.settings.get("url", "")))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def expires_after(kind: str, settings: Settings) -> timedelta:
    """How long a message of this kind is worth sending."""
    return settings.page_expires if is_page(kind) else settings.update_expires


def switched_off(settings: Settings) -> list[str]:
    """Types of channels that the settings switch off."""
    switches = {ChannelType.WEBSOCKET: settings.websocket_enabled, ChannelType.WEBHOOK: settings.webhook_enabled}
    return [type_.value for type_, on in switches.items() if not on]


def _without_doubles(session: Session, planned: list[Planned]) -> list[Planned]:
    """The same list, where what another process planned at the same moment is marked so."""
    ids = [one.notification_id for one in planned if one.notification_id]
    row = store.NotificationRow
    made = set(session.scalars(sa.select(row.id).where(row.id.in_(ids))))
    return [
        Planned(one.subject_id, one.channel, None, None, "somebody else planned it at the same moment")
        if one.notification_id and one.notification_id not in made
        else one
        for one in planned
    ]
