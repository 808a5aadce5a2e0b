"""Use cases of channels: make, read, change, delete, and the one that exists from the start."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.errors import Conflict, Invalid, NotFound, check_version
from app.core.ids import new_id
from app.core.secrets import SecretBox
from app.notifications import store
from app.notifications.domain import Channel, ChannelType
from app.notifications.domain.channels import Secrets, check_settings, check_type

WEBSOCKET = "websocket"


def create_channel(session: Session, given: Mapping[str, Any], box: SecretBox, now: datetime) -> Channel:
    """A new channel; Conflict when its id or name is taken."""
    type_ = check_type(given["type"])
    shown, secrets = check_settings(type_, given["settings"], {})
    channel_id = given.get("id") or new_id()
    if session.get(store.ChannelRow, channel_id) is not None:
        raise Conflict(f"there is a channel with the id {channel_id} already")
    _check_name(session, given["name"], None)
    row = store.ChannelRow(
        id=channel_id,
        name=given["name"],
        type=type_,
        enabled=given["enabled"],
        is_default=given["default"],
        settings=shown,
        sealed=_sealed(secrets, box),
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    return store.as_channel(row)


def channel(session: Session, channel_id: str) -> Channel:
    """The channel with this id; NotFound."""
    return store.as_channel(_row(session, channel_id))


def channel_named(session: Session, name: str) -> Channel | None:
    """The channel with this id or name; None when there is none."""
    found = {one.id: one for one in store.all_channels(session)}
    return found.get(name) or next((one for one in found.values() if one.name == name), None)


def channels_page(session: Session, after: tuple[datetime, str] | None, limit: int) -> list[Channel]:
    """Channels, newest first."""
    row = store.ChannelRow
    query = sa.select(row)
    if after is not None:
        query = query.where(sa.tuple_(row.created_at, row.id) < sa.tuple_(*map(sa.literal, after)))
    found = session.scalars(query.order_by(row.created_at.desc(), row.id.desc()).limit(limit))
    return [store.as_channel(one) for one in found]


def change_channel(
    session: Session, channel_id: str, given: Mapping[str, Any], box: SecretBox, now: datetime, *, whole: bool
) -> Channel:
    """A channel with what is given changed; with `whole` the settings take the place of the old ones.

    Secrets that come back as the mask stay as they are. The same again changes nothing.
    """
    row = _row(session, channel_id, lock=True)
    check_version(row.version, given.get("expected_version"), "channel")
    if "type" in given and given["type"] != row.type:
        raise Invalid({"type": [f"a channel keeps its type, {row.type}; make another channel"]})
    if "name" in given:
        _check_name(session, given["name"], row.id)
    kept: Secrets = orjson.loads(box.decrypt(row.sealed)) if row.sealed else {}
    wanted = given.get("settings", row.settings)
    shown, secrets = check_settings(row.type, wanted if whole else {**row.settings, **wanted}, kept)
    before = (row.name, row.enabled, row.is_default, row.settings, kept)
    row.name = given.get("name", row.name)
    row.enabled = given.get("enabled", row.enabled)
    row.is_default = given.get("default", row.is_default)
    if before != (row.name, row.enabled, row.is_default, shown, secrets):
        row.settings, row.sealed = shown, _sealed(secrets, box)
        row.version, row.updated_at = row.version + 1, now
        session.flush()
    return store.as_channel(row)


def delete_channel(session: Session, channel_id: str, expected_version: int | None = None) -> None:
    """Delete a channel; what was sent to it stays readable, what waits for it is cancelled when its turn comes."""
    row = _row(session, channel_id, lock=True)
    check_version(row.version, expected_version, "channel")
    if row.id == WEBSOCKET:
        raise Conflict("the channel websocket cannot be deleted; disable it instead")
    session.delete(row)
    session.flush()


def ensure_default_channels(session: Session, now: datetime) -> list[str]:
    """Make the websocket channel unless it exists; returns the names of what was made."""
    if session.get(store.ChannelRow, WEBSOCKET) is not None or channel_named(session, WEBSOCKET) is not None:
        return []
    row = store.ChannelRow(
        id=WEBSOCKET,
        name=WEBSOCKET,
        type=ChannelType.WEBSOCKET.value,
        enabled=True,
        is_default=True,
        settings={},
        sealed=None,
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    return [row.name]


def _row(session: Session, channel_id: str, *, lock: bool = False) -> store.ChannelRow:
    row = session.get(store.ChannelRow, channel_id, with_for_update=lock or None)
    if row is None:
        raise NotFound(f"no channel {channel_id}")
    return row


def _check_name(session: Session, name: str, own_id: str | None) -> None:
    taken = session.scalar(sa.select(store.ChannelRow.id).where(store.ChannelRow.name == name))
    if taken is not None and taken != own_id:
        raise Conflict(f"there is a channel named {name} already")


def _sealed(secrets: Secrets, box: SecretBox) -> str | None:
    return box.encrypt(orjson.dumps(secrets).decode()) if secrets else None
