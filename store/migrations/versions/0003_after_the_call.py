"""What follows a call: tasks, what callers' earlier calls came to, how far the log was read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _create_tasks()
    op.create_table(
        "past_contacts",
        sa.Column("contact", sa.String(128), nullable=False),
        sa.Column("caller", sa.String(32), nullable=False),
        sa.Column("ended", sa.Double, nullable=False),
        sa.Column("queue", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("solved", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("contact", name="pk_past_contacts"),
    )
    op.create_index("ix_past_contacts_caller_ended", "past_contacts", ["caller", "ended"])
    op.create_table(
        "progress",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("stream_ms", sa.BigInteger, nullable=False),
        sa.Column("stream_seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_progress"),
    )


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("queue", sa.String(64), nullable=False),
        sa.Column("contact", sa.String(128), nullable=False),
        sa.Column("caller", sa.String(32), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
        sa.Column("author", sa.String(80), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("recording", sa.Integer, nullable=True),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("score", sa.Integer, nullable=True),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("call", sa.String(128), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.CheckConstraint(
            "kind IN ('voicemail', 'callback', 'low_score', 'follow_up')",
            name=op.f("ck_tasks_kind"),
        ),
        sa.CheckConstraint("state IN ('open', 'in_progress', 'done')", name=op.f("ck_tasks_state")),
    )
    op.create_index("ix_tasks_state_due", "tasks", ["state", "due"])
    op.create_index("ix_tasks_caller_created", "tasks", ["caller", "created"])
    op.create_index("ix_tasks_contact", "tasks", ["contact"])
    op.create_index("ix_tasks_call", "tasks", ["call"])
