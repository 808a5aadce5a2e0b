"""Every row class of the product in one import, for migrations and for tests that make all tables."""

from app.alerts.store import AlertRow, TimelineRow, TombstoneRow
from app.auth.store import TokenRow
from app.core.idempotency import IdempotencyRow
from app.heartbeats.store import HeartbeatRow, MarkRow
from app.notifications.store import AttemptRow, ChannelRow, NotificationRow
from app.rules.store import RuleRow, RuleVersionRow
from app.telemetry.datasources.store import DatasourceRow

ROWS = (
    AlertRow,
    AttemptRow,
    ChannelRow,
    DatasourceRow,
    HeartbeatRow,
    IdempotencyRow,
    MarkRow,
    NotificationRow,
    RuleRow,
    RuleVersionRow,
    TimelineRow,
    TokenRow,
    TombstoneRow,
)
