"""Use cases of messages: channels, planning, claiming, sending, recording, and what is shown of them."""

from app.notifications.service.channels import (
    change_channel,
    channel,
    channel_named,
    channels_page,
    create_channel,
    delete_channel,
    ensure_default_channels,
)
from app.notifications.service.leases import take_back, worker_name
from app.notifications.service.outbox import Claimed, claim, record
from app.notifications.service.planning import plan
from app.notifications.service.records import (
    deliveries_of,
    health,
    notification,
    notifications_page,
    redrive,
    redrive_all,
)
from app.notifications.service.retention import Position, forget_old
from app.notifications.service.sends import Sends, open_sends, open_types, send_one
from app.notifications.service.sockets import mark_acknowledged, mark_taken, messages_for_new_client

__all__ = [
    "Claimed",
    "Position",
    "Sends",
    "change_channel",
    "channel",
    "channel_named",
    "channels_page",
    "claim",
    "create_channel",
    "delete_channel",
    "deliveries_of",
    "ensure_default_channels",
    "forget_old",
    "health",
    "mark_acknowledged",
    "mark_taken",
    "messages_for_new_client",
    "notification",
    "notifications_page",
    "open_sends",
    "open_types",
    "plan",
    "record",
    "redrive",
    "redrive_all",
    "send_one",
    "take_back",
    "worker_name",
]
