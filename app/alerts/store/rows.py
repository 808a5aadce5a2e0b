"""Row classes of alerts."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Json, UtcDateTime

OPEN = "signal IN ('pending', 'firing')"


class AlertRow(Base):
    """One alert; its axes stand apart, `status` repeats what they show for filters and indexes."""

    __tablename__ = "alerts"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(sa.String(128))
    namespace: Mapped[str] = mapped_column(sa.String(300))
    name: Mapped[str] = mapped_column(sa.String(200))
    severity: Mapped[str] = mapped_column(sa.String(16))
    source: Mapped[str] = mapped_column(sa.String(200))
    description: Mapped[str] = mapped_column(sa.Text)
    service: Mapped[str | None] = mapped_column(sa.String(1024))
    labels: Mapped[dict[str, str]] = mapped_column(Json)
    annotations: Mapped[dict[str, str]] = mapped_column(Json)
    metric: Mapped[str | None] = mapped_column(sa.String(256))
    value: Mapped[float | None]
    threshold: Mapped[Any] = mapped_column(Json, nullable=True)
    rule_id: Mapped[str | None] = mapped_column(sa.String(64))
    notification_channels: Mapped[list[str]] = mapped_column(Json)
    escalation_policy: Mapped[str | None] = mapped_column(sa.String(200))
    previous_alert_id: Mapped[str | None] = mapped_column(sa.String(64))
    signal: Mapped[str] = mapped_column(sa.String(16))
    handling: Mapped[str] = mapped_column(sa.String(16))
    suppressors: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    status: Mapped[str] = mapped_column(sa.String(16))
    occurrences: Mapped[int] = mapped_column(sa.BigInteger)
    episodes: Mapped[int]
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_source_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    source_firing: Mapped[bool]
    pending_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    clearing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_repeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    activated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(sa.String(300))
    ack_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolved_by: Mapped[str | None] = mapped_column(sa.String(300))
    resolution: Mapped[str | None] = mapped_column(sa.String(32))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dispatch_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    timeline_seq: Mapped[int]
    latest: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (
        sa.Index(
            "uq_alerts_open_fingerprint",
            "fingerprint",
            "namespace",
            unique=True,
            sqlite_where=sa.text(OPEN),
            postgresql_where=sa.text(OPEN),
        ),
        sa.Index(
            "uq_alerts_latest_fingerprint",
            "fingerprint",
            "namespace",
            unique=True,
            sqlite_where=sa.text("latest"),
            postgresql_where=sa.text("latest"),
        ),
        sa.Index("ix_alerts_created_at_id", "created_at", "id"),
        sa.Index("ix_alerts_status_created_at", "status", "created_at"),
        sa.Index("ix_alerts_rule_id", "rule_id"),
        sa.Index(
            "ix_alerts_to_be_closed",
            "resolved_at",
            sqlite_where=sa.text("status = 'RESOLVED'"),
            postgresql_where=sa.text("status = 'RESOLVED'"),
        ),
        *(
            sa.Index(
                f"ix_alerts_{column}",
                column,
                sqlite_where=sa.text(f"{column} IS NOT NULL"),
                postgresql_where=sa.text(f"{column} IS NOT NULL"),
            )
            for column in ("dispatch_due_at", "ack_expires_at")
        ),
        # Room in each page for the next version of its rows: repeats touch no index, and so need not either.
        {"postgresql_with": {"fillfactor": 60}},
    )


class TimelineRow(Base):
    """One line of an alert's timeline."""

    __tablename__ = "alert_timeline"

    alert_id: Mapped[str] = mapped_column(sa.ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(sa.String(32))
    actor: Mapped[str] = mapped_column(sa.String(300))
    reason: Mapped[str] = mapped_column(sa.Text)
    from_status: Mapped[str | None] = mapped_column(sa.String(16))
    to_status: Mapped[str | None] = mapped_column(sa.String(16))
    detail: Mapped[dict[str, Any]] = mapped_column(Json)


class TombstoneRow(Base):
    """The end of something never seen firing; drops a firing event that started before it and comes late."""

    __tablename__ = "alert_tombstones"

    fingerprint: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    namespace: Mapped[str] = mapped_column(sa.String(300), primary_key=True)
    resolved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


ALERTS: sa.Table = AlertRow.__table__  # type: ignore[assignment]
TIMELINE: sa.Table = TimelineRow.__table__  # type: ignore[assignment]
TOMBSTONES: sa.Table = TombstoneRow.__table__  # type: ignore[assignment]
