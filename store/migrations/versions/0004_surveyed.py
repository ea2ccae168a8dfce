"""When a customer was asked how satisfied they are, so that nobody is asked too often."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    column = sa.Column("surveyed", sa.Double, nullable=False, server_default="0")
    op.add_column("past_contacts", column)
