"""first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alert_tombstones",
        sa.Column("fingerprint", sa.String(length=128), nullable=False),
        sa.Column("namespace", sa.String(length=300), nullable=False),
        sa.Column("resolved_at", MOMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "namespace", name=op.f("pk_alert_tombstones")),
    )
    with op.batch_alter_table("alert_tombstones", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_tombstones_received_at"), ["received_at"], unique=False)

    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=128), nullable=False),
        sa.Column("namespace", sa.String(length=300), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("service", sa.String(length=1024), nullable=True),
        sa.Column("labels", JSON, nullable=False),
        sa.Column("annotations", JSON, nullable=False),
        sa.Column("metric", sa.String(length=256), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("threshold", JSON, nullable=True),
        sa.Column("rule_id", sa.String(length=64), nullable=True),
        sa.Column("notification_channels", JSON, nullable=False),
        sa.Column("escalation_policy", sa.String(length=200), nullable=True),
        sa.Column("previous_alert_id", sa.String(length=64), nullable=True),
        sa.Column("signal", sa.String(length=16), nullable=False),
        sa.Column("handling", sa.String(length=16), nullable=False),
        sa.Column("suppressors", JSON, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("occurrences", sa.BigInteger(), nullable=False),
        sa.Column("episodes", sa.Integer(), nullable=False),
        sa.Column("starts_at", MOMENT, nullable=True),
        sa.Column("ends_at", MOMENT, nullable=True),
        sa.Column("last_source_at", MOMENT, nullable=True),
        sa.Column("source_firing", sa.Boolean(), nullable=False),
        sa.Column("pending_since", MOMENT, nullable=True),
        sa.Column("last_repeat_at", MOMENT, nullable=True),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("activated_at", MOMENT, nullable=True),
        sa.Column("acknowledged_at", MOMENT, nullable=True),
        sa.Column("acknowledged_by", sa.String(length=300), nullable=True),
        sa.Column("ack_expires_at", MOMENT, nullable=True),
        sa.Column("resolved_at", MOMENT, nullable=True),
        sa.Column("resolved_by", sa.String(length=300), nullable=True),
        sa.Column("resolution", sa.String(length=32), nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("dispatch_due_at", MOMENT, nullable=True),
        sa.Column("timeline_seq", sa.Integer(), nullable=False),
        sa.Column("latest", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        postgresql_with={"fillfactor": 60},
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alerts_ack_expires_at",
            ["ack_expires_at"],
            unique=False,
            sqlite_where=sa.text("ack_expires_at IS NOT NULL"),
            postgresql_where=sa.text("ack_expires_at IS NOT NULL"),
        )
        batch_op.create_index("ix_alerts_created_at_id", ["created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_alerts_dispatch_due_at",
            ["dispatch_due_at"],
            unique=False,
            sqlite_where=sa.text("dispatch_due_at IS NOT NULL"),
            postgresql_where=sa.text("dispatch_due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_alerts_rule_id", ["rule_id"], unique=False)
        batch_op.create_index("ix_alerts_status_created_at", ["status", "created_at"], unique=False)
        batch_op.create_index(
            "ix_alerts_to_be_closed",
            ["resolved_at"],
            unique=False,
            sqlite_where=sa.text("status = 'RESOLVED'"),
            postgresql_where=sa.text("status = 'RESOLVED'"),
        )
        batch_op.create_index(
            "uq_alerts_latest_fingerprint",
            ["fingerprint", "namespace"],
            unique=True,
            sqlite_where=sa.text("latest"),
            postgresql_where=sa.text("latest"),
        )
        batch_op.create_index(
            "uq_alerts_open_fingerprint",
            ["fingerprint", "namespace"],
            unique=True,
            sqlite_where=sa.text("signal IN ('pending', 'firing')"),
            postgresql_where=sa.text("signal IN ('pending', 'firing')"),
        )

    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_table(
        "channels",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channels")),
        sa.UniqueConstraint("name", name=op.f("uq_channels_name")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_keys_created_at"), ["created_at"], unique=False)

    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject_type", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.String(length=64), nullable=False),
        sa.Column("channel_type", sa.String(length=16), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("n_attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("claim", sa.String(length=200), nullable=True),
        sa.Column("claimed_by", sa.String(length=128), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("maybe_duplicate", sa.Boolean(), nullable=False),
        sa.Column("redrive_of", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("delivered_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_notifications_idempotency_key")),
    )
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.create_index("ix_notifications_channel_id_created_at", ["channel_id", "created_at"], unique=False)
        batch_op.create_index("ix_notifications_created_at_id", ["created_at", "id"], unique=False)
        batch_op.create_index("ix_notifications_due", ["state", "channel_type", "due_at"], unique=False)
        batch_op.create_index("ix_notifications_thread", ["subject_id", "channel_id", "place"], unique=False)

    op.create_table(
        "rules",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("metric", sa.String(length=256), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("checksum", sa.BigInteger(), nullable=False),
        sa.Column("interval_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("withdraw", sa.Boolean(), nullable=False),
        sa.Column("starter", sa.Boolean(), nullable=False),
        sa.Column("health", sa.String(length=16), nullable=False),
        sa.Column("health_reason", sa.Text(), nullable=True),
        sa.Column("last_evaluated_at", MOMENT, nullable=True),
        sa.Column("n_missed", sa.BigInteger(), nullable=False),
        sa.Column("n_dropped", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules")),
    )
    with op.batch_alter_table("rules", schema=None) as batch_op:
        batch_op.create_index("ix_rules_created_at_id", ["created_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rules_due_at_ms"), ["due_at_ms"], unique=False)
        batch_op.create_index(batch_op.f("ix_rules_metric"), ["metric"], unique=False)

    op.create_table(
        "alert_timeline",
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("from_status", sa.String(length=16), nullable=True),
        sa.Column("to_status", sa.String(length=16), nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name=op.f("fk_alert_timeline_alert_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alert_id", "seq", name=op.f("pk_alert_timeline")),
    )
    op.create_table(
        "notification_attempts",
        sa.Column("notification_id", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
            name=op.f("fk_notification_attempts_notification_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("notification_id", "n", name=op.f("pk_notification_attempts")),
    )
    with op.batch_alter_table("notification_attempts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notification_attempts_at"), ["at"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("notification_attempts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notification_attempts_at"))

    op.drop_table("notification_attempts")
    op.drop_table("alert_timeline")
    with op.batch_alter_table("rules", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rules_metric"))
        batch_op.drop_index(batch_op.f("ix_rules_due_at_ms"))
        batch_op.drop_index("ix_rules_created_at_id")

    op.drop_table("rules")
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.drop_index("ix_notifications_thread")
        batch_op.drop_index("ix_notifications_due")
        batch_op.drop_index("ix_notifications_created_at_id")
        batch_op.drop_index("ix_notifications_channel_id_created_at")

    op.drop_table("notifications")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_created_at"))

    op.drop_table("idempotency_keys")
    op.drop_table("channels")
    op.drop_table("api_tokens")
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_alerts_open_fingerprint",
            sqlite_where=sa.text("signal IN ('pending', 'firing')"),
            postgresql_where=sa.text("signal IN ('pending', 'firing')"),
        )
        batch_op.drop_index(
            "uq_alerts_latest_fingerprint", sqlite_where=sa.text("latest"), postgresql_where=sa.text("latest")
        )
        batch_op.drop_index(
            "ix_alerts_to_be_closed",
            sqlite_where=sa.text("status = 'RESOLVED'"),
            postgresql_where=sa.text("status = 'RESOLVED'"),
        )
        batch_op.drop_index("ix_alerts_status_created_at")
        batch_op.drop_index("ix_alerts_rule_id")
        batch_op.drop_index(
            "ix_alerts_dispatch_due_at",
            sqlite_where=sa.text("dispatch_due_at IS NOT NULL"),
            postgresql_where=sa.text("dispatch_due_at IS NOT NULL"),
        )
        batch_op.drop_index("ix_alerts_created_at_id")
        batch_op.drop_index(
            "ix_alerts_ack_expires_at",
            sqlite_where=sa.text("ack_expires_at IS NOT NULL"),
            postgresql_where=sa.text("ack_expires_at IS NOT NULL"),
        )

    op.drop_table("alerts")
    with op.batch_alter_table("alert_tombstones", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_tombstones_received_at"))

    op.drop_table("alert_tombstones")
