"""The built-in shop, and messages on their way to customers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _create_orders()
    op.create_table(
        "shop_applications",
        sa.Column("serial", sa.Integer, nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("serial", name="pk_shop_applications"),
        sa.ForeignKeyConstraint(
            ["number"], ["shop_orders.number"], name="fk_shop_applications_number_shop_orders"
        ),
    )
    op.create_index("ix_shop_applications_number_serial", "shop_applications", ["number", "serial"])
    op.create_table(
        "shop_promotions",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("since_at", sa.Double, nullable=False),
        sa.Column("until_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_shop_promotions"),
    )
    op.create_table(
        "shop_customers",
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("level", sa.String(40), nullable=False),
        sa.Column("complaint", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("phone", name="pk_shop_customers"),
    )
    _create_outbox()


def _create_orders() -> None:
    op.create_table(
        "shop_orders",
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("items", sa.Integer, nullable=False),
        sa.Column("returnable", sa.Boolean, nullable=False),
        sa.Column("company_title", sa.Boolean, nullable=False),
        sa.Column("placed_at", sa.Double, nullable=False),
        sa.Column("carrier", sa.String(40), nullable=False),
        sa.Column("tracking", sa.String(32), nullable=False),
        sa.Column("parcel", sa.String(20), nullable=False),
        sa.Column("place", sa.String(40), nullable=False),
        sa.Column("moved_at", sa.Double, nullable=False),
        sa.Column("expected_at", sa.Double, nullable=False),
        sa.Column("delivered_at", sa.Double, nullable=False),
        sa.Column("invoice", sa.String(16), nullable=False),
        sa.Column("wrong_tries", sa.Integer, nullable=False),
        sa.Column("wrong_since", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_shop_orders"),
    )
    op.create_index("ix_shop_orders_phone_placed_at", "shop_orders", ["phone", "placed_at"])


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("way", sa.String(16), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("contact", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Double, nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=False),
        sa.Column("fault", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.CheckConstraint("way IN ('sms', 'email')", name=op.f("ck_outbox_way")),
        sa.CheckConstraint("state IN ('pending', 'sent', 'failed')", name=op.f("ck_outbox_state")),
    )
    op.create_index("ix_outbox_state_next_at", "outbox", ["state", "next_at"])
    op.create_index("ix_outbox_made_at", "outbox", ["made_at"])
