"""Every row class of the product in one import, for migrations and for tests that make all tables."""

from app.alerts.store import AlertRow, TimelineRow, TombstoneRow
from app.auth.store import TokenRow
from app.core.idempotency import IdempotencyRow
from app.heartbeats.store import HeartbeatRow, MarkRow
from app.notifications.store import AttemptRow, ChannelRow, NotificationRow
from app.rules.store import RuleRow

ROWS = (
    *(AlertRow, AttemptRow, ChannelRow, HeartbeatRow, IdempotencyRow, MarkRow, NotificationRow, RuleRow, TimelineRow),
    *(TokenRow, TombstoneRow),
)
