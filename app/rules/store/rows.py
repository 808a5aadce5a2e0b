"""Row classes of rules, and what is read from them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, UtcDateTime
from app.core.errors import Conflict
from app.rules.domain.rule import Health, Rule


class RuleRow(Base):
    """A rule in its present version.

    Due times are numbers (ms since 1970), because then both databases can add an interval to them in a claim.
    `due_at_ms` is NULL for a rule that nobody evaluates. `withdraw` asks the next evaluation to resolve the rule's
    alerts. A deleted row stays until that is done; that of a starter rule for ever, so that it is not made again.
    `lease_until_ms` is set while a Prometheus-compatible server is asked for the rule. `trouble` names the alert of our
    own that the rule's state asks for.
    """

    __tablename__ = "rules"
    __table_args__ = (
        sa.Index("ix_rules_created_at_id", "created_at", "id"),
        sa.Index(
            "ix_rules_trouble",
            "trouble",
            sqlite_where=sa.text("trouble IS NOT NULL"),
            postgresql_where=sa.text("trouble IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    version: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(200))
    metric: Mapped[str] = mapped_column(sa.String(256), index=True)
    source: Mapped[str] = mapped_column(sa.String(16), default="metric", server_default="metric")
    datasource: Mapped[str | None] = mapped_column(sa.String(200))
    severity: Mapped[str] = mapped_column(sa.String(16), default="", server_default="")
    enabled: Mapped[bool]
    definition: Mapped[str] = mapped_column(sa.Text)
    checksum: Mapped[int] = mapped_column(sa.BigInteger)
    interval_ms: Mapped[int] = mapped_column(sa.BigInteger)
    due_at_ms: Mapped[int | None] = mapped_column(sa.BigInteger, index=True)
    lease_until_ms: Mapped[int | None] = mapped_column(sa.BigInteger)
    withdraw: Mapped[bool] = mapped_column(default=False)
    starter: Mapped[bool] = mapped_column(default=False)
    health: Mapped[str] = mapped_column(sa.String(16), default=Health.PENDING.value)
    health_reason: Mapped[str | None] = mapped_column(sa.Text)
    trouble: Mapped[str | None] = mapped_column(sa.String(300))
    last_evaluated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    n_missed: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    n_dropped: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RuleVersionRow(Base):
    """What a rule said in one of its versions, who made it so, and what that changed; kept when the rule is deleted."""

    __tablename__ = "rule_versions"

    rule_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    definition: Mapped[str] = mapped_column(sa.Text)
    change: Mapped[str] = mapped_column(sa.String(16))
    actor: Mapped[str] = mapped_column(sa.String(300))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


RULES = cast(sa.Table, RuleRow.__table__)
IN_FORCE = RULES.c.enabled & RULES.c.deleted_at.is_(None)
RULE_VERSIONS = cast(sa.Table, RuleVersionRow.__table__)


@dataclass(frozen=True)
class Stored:
    """A rule and what the system knows of it.

    `broken` tells why its definition cannot be read; then `rule` holds no more than the row's columns, to be shown.
    """

    rule: Rule
    interval: timedelta
    created_at: datetime
    updated_at: datetime
    due_at: datetime | None
    health: Health
    health_reason: str | None
    last_evaluated_at: datetime | None
    n_missed: int
    n_dropped: int
    broken: str | None = None

    @property
    def readable(self) -> Rule:
        """The rule, to be judged by; Conflict when its definition cannot be read."""
        if self.broken:
            raise Conflict(f"{self.broken}; send a whole new one by PUT /rules/{self.rule.id}, or delete the rule")
        return self.rule


@dataclass(frozen=True)
class Claimed:
    """A row that was claimed for an evaluation."""

    id: str
    version: int
    definition: str
    enabled: bool
    withdraw: bool
    starter: bool
    deleted_at: datetime | None
    health: str
    health_reason: str | None
    trouble: str | None
    n_dropped: int
    due_at_ms: int
    interval_ms: int


@dataclass(frozen=True)
class Trouble:
    """A rule that asks for an alert of our own, and why."""

    kind: str
    rule_id: str
    name: str
    severity: str
    reason: str | None
