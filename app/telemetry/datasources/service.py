"""Use cases of data sources: make, read, change, delete, try out, and hand them to whoever asks them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from app.core.clock import monotonic
from app.core.durations import parse_duration
from app.core.errors import AppError, Conflict, NotFound, check_version
from app.core.ids import new_id
from app.core.secrets import SecretBox
from app.telemetry.datasources import store
from app.telemetry.datasources.domain import (
    TIMEOUT,
    Datasource,
    QueryFailed,
    Secrets,
    Shown,
    SourceFailed,
    check_settings,
)
from app.telemetry.prometheus import Answer, Sessions, ask

_TRIAL = "vector(1)"  # needs no data, so that an empty server answers it too


@dataclass(frozen=True)
class Tried:
    """How a trial of a data source went."""

    ok: bool
    latency_ms: float
    detail: str


def create_datasource(session: Session, given: Mapping[str, Any], box: SecretBox, now: datetime) -> Shown:
    """A new data source; Conflict when its id or name is taken."""
    shown, secrets = check_settings(given, {})
    datasource_id = given.get("id") or new_id()
    if session.get(store.DatasourceRow, datasource_id) is not None:
        raise Conflict(f"there is a data source with the id {datasource_id} already")
    _check_name(session, given["name"], None)
    row = store.DatasourceRow(
        id=datasource_id,
        name=given["name"],
        settings=shown,
        sealed=_sealed(secrets, box),
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    return _shown(row)


def datasource(session: Session, datasource_id: str) -> Shown:
    """The data source with this id, secrets masked; NotFound."""
    return _shown(_row(session, datasource_id))


def datasources_page(session: Session, after: tuple[datetime, str] | None, limit: int) -> list[Shown]:
    """Data sources, newest first, secrets masked."""
    return [_shown(row) for row in store.page(session, after, limit)]


def change_datasource(
    session: Session, datasource_id: str, given: Mapping[str, Any], box: SecretBox, now: datetime, *, whole: bool
) -> Shown:
    """A data source with what is given changed; with `whole` it takes the place of all settings.

    Secrets that come back as the mask stay as they are. The same again changes nothing.
    """
    row = _row(session, datasource_id, lock=True)
    check_version(row.version, given.get("expected_version"), "data source")
    if "name" in given:
        _check_name(session, given["name"], row.id)
    try:
        kept = _secrets(row, box)
    except AppError:
        kept = {}  # written with another key: whoever changes it sends them again, and not their mask
    shown, secrets = check_settings(given if whole else {**row.settings, **given}, kept)
    before = (row.name, row.settings, kept)
    row.name = given.get("name", row.name)
    if before != (row.name, shown, secrets):
        row.settings, row.sealed = shown, _sealed(secrets, box)
        row.version, row.updated_at = row.version + 1, now
        session.flush()
    return _shown(row)


def delete_datasource(session: Session, datasource_id: str, expected_version: int | None = None) -> None:
    """Delete a data source; rules that name it fail from then on, and their health says why."""
    row = _row(session, datasource_id, lock=True)
    check_version(row.version, expected_version, "data source")
    session.delete(row)
    session.flush()


def datasources_named(session: Session, box: SecretBox) -> Mapping[str, Datasource]:
    """Every data source, ready to be asked, by its id and by its name; an id wins over a like name.

    One whose secrets cannot be read is among them, with its `problem`: it harms no other.
    """
    found = [_opened(row, box) for row in store.every(session)]
    return {one.name: one for one in found} | {one.id: one for one in found}


def datasource_to_ask(session: Session, datasource_id: str, box: SecretBox) -> Datasource:
    """The data source with this id, ready to be asked; NotFound."""
    return _opened(_row(session, datasource_id), box)


def try_out(source: Datasource, now: datetime) -> Tried:
    """Ask the data source something that every server can answer; nothing is raised for what it does."""
    started = monotonic()
    with Sessions() as opened:
        try:
            answers = ask(opened, source, _TRIAL, now)
        except (SourceFailed, QueryFailed) as error:
            return Tried(False, _milliseconds_since(started), str(error))
    if answers != [Answer({}, 1.0)]:
        told = ", ".join(f"{dict(one.labels)} {one.value:g}" for one in answers[:3]) or "nothing"
        return Tried(False, _milliseconds_since(started), f"{_TRIAL} is answered by {told} instead of 1")
    return Tried(True, _milliseconds_since(started), f"answered {_TRIAL}")


def _milliseconds_since(started: float) -> float:
    return round((monotonic() - started) * 1000, 3)


def _opened(row: store.DatasourceRow, box: SecretBox) -> Datasource:
    secrets: Secrets = {}
    problem = None
    try:
        secrets = _secrets(row, box)
    except AppError as error:
        problem = f"{error.detail}; send them again by PATCH /datasources/{row.id}"
    timeout = row.settings.get("timeout")
    return Datasource(
        id=row.id,
        name=row.name,
        url=row.settings["url"],
        timeout=TIMEOUT if timeout is None else parse_duration(timeout),
        username=row.settings.get("username"),
        password=secrets.get("password"),
        token=secrets.get("token"),
        headers=secrets.get("headers", {}),
        problem=problem,
    )


def _shown(row: store.DatasourceRow) -> Shown:
    return Shown(row.id, row.name, row.settings, row.version, row.created_at, row.updated_at)


def _row(session: Session, datasource_id: str, *, lock: bool = False) -> store.DatasourceRow:
    row = session.get(store.DatasourceRow, datasource_id, with_for_update=lock or None)
    if row is None:
        raise NotFound(f"no data source {datasource_id}")
    return row


def _check_name(session: Session, name: str, own_id: str | None) -> None:
    taken = store.id_of_name(session, name)
    if taken is not None and taken != own_id:
        raise Conflict(f"there is a data source named {name} already")


def _secrets(row: store.DatasourceRow, box: SecretBox) -> Secrets:
    found: Secrets = orjson.loads(box.decrypt(row.sealed)) if row.sealed else {}
    return found


def _sealed(secrets: Secrets, box: SecretBox) -> str | None:
    return box.encrypt(orjson.dumps(secrets).decode()) if secrets else None
