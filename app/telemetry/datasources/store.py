"""Rows of data sources."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.db import Base, Json, UtcDateTime


class DatasourceRow(Base):
    """A server that rules may ask."""

    __tablename__ = "datasources"
    __table_args__ = (sa.Index("ix_datasources_created_at_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200), unique=True)
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # what may be shown
    sealed: Mapped[str | None] = mapped_column(sa.Text)  # the secrets among the settings, encrypted
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


def page(session: Session, after: tuple[datetime, str] | None, limit: int) -> list[DatasourceRow]:
    """Rows, newest first, from the one after the position `after`."""
    query = sa.select(DatasourceRow)
    if after is not None:
        position = sa.tuple_(DatasourceRow.created_at, DatasourceRow.id)
        query = query.where(position < sa.tuple_(*map(sa.literal, after)))
    query = query.order_by(DatasourceRow.created_at.desc(), DatasourceRow.id.desc()).limit(limit)
    return list(session.scalars(query))


def every(session: Session) -> list[DatasourceRow]:
    """Every row, by name. They are few, so whoever needs some takes all."""
    return list(session.scalars(sa.select(DatasourceRow).order_by(DatasourceRow.name)))


def id_of_name(session: Session, name: str) -> str | None:
    """The id of the data source with this name."""
    return session.scalar(sa.select(DatasourceRow.id).where(DatasourceRow.name == name))
