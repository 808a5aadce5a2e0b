"""Ends of what was never seen firing."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.alerts.domain.absorption import Tombstone
from app.alerts.domain.alert import Key
from app.alerts.store.rows import TOMBSTONES
from app.core.db import among, insert_many


def tombstones_of(session: Session, fingerprints: Sequence[str]) -> dict[Key, Tombstone]:
    """The ends of what was never seen firing."""
    found = session.execute(sa.select(TOMBSTONES).where(among(session, TOMBSTONES.c.fingerprint, fingerprints)))
    return {(row.namespace, row.fingerprint): Tombstone(row.resolved_at, row.received_at) for row in found}


def put_tombstones(session: Session, ends: Mapping[Key, Tombstone]) -> None:
    """Remember ends, in place of earlier ones."""
    if not ends:
        return
    rows = [
        {
            "namespace": namespace,
            "fingerprint": fingerprint,
            "resolved_at": end.resolved_at,
            "received_at": end.received_at,
        }
        for (namespace, fingerprint), end in ends.items()
    ]
    keys = sa.tuple_(TOMBSTONES.c.namespace, TOMBSTONES.c.fingerprint)
    session.execute(sa.delete(TOMBSTONES).where(keys.in_(list(ends))))
    insert_many(session, TOMBSTONES, rows)


def forget_tombstones(session: Session, before: datetime) -> None:
    """Delete ends that were received before then."""
    session.execute(sa.delete(TOMBSTONES).where(TOMBSTONES.c.received_at < before))
