"""rules of every source."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "rule_versions",
        sa.Column("rule_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("change", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=300), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "version", name=op.f("pk_rule_versions")),
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("clearing_since", MOMENT, nullable=True))

    with op.batch_alter_table("rules", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", sa.String(length=16), server_default="metric", nullable=False))
        batch_op.add_column(sa.Column("datasource", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("severity", sa.String(length=16), server_default="", nullable=False))
        batch_op.add_column(sa.Column("lease_until_ms", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("trouble", sa.String(length=300), nullable=True))
        batch_op.create_index(
            "ix_rules_trouble",
            ["trouble"],
            unique=False,
            sqlite_where=sa.text("trouble IS NOT NULL"),
            postgresql_where=sa.text("trouble IS NOT NULL"),
        )

    if op.get_bind().dialect.name == "postgresql":
        op.execute("UPDATE rules SET severity = definition::json->>'severity'")
    else:
        op.execute("UPDATE rules SET severity = json_extract(definition, '$.severity')")
    op.execute(
        "INSERT INTO rule_versions (rule_id, version, definition, change, actor, at) "
        "SELECT id, version, definition, 'created', 'engine', updated_at FROM rules"
    )


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("rules", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_rules_trouble",
            sqlite_where=sa.text("trouble IS NOT NULL"),
            postgresql_where=sa.text("trouble IS NOT NULL"),
        )
        batch_op.drop_column("trouble")
        batch_op.drop_column("lease_until_ms")
        batch_op.drop_column("severity")
        batch_op.drop_column("datasource")
        batch_op.drop_column("source")

    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_column("clearing_since")

    op.drop_table("rule_versions")
