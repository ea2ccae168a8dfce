"""The first schema: events, recordings, transcription jobs, transcripts, accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("stream_ms", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("stream_seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("contact", sa.String(128), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("queue", sa.String(64), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("stream_ms", "stream_seq", name="pk_events"),
    )
    op.create_index("ix_events_contact", "events", ["contact", "stream_ms", "stream_seq"])
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_kind_at", "events", ["kind", "at"])
    op.create_index("ix_events_agent_at", "events", ["agent", "at"])
    _create_recordings()
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_accounts"),
        sa.CheckConstraint(
            "role IN ('admin', 'supervisor', 'agent')", name=op.f("ck_accounts_role")
        ),
    )


def _create_recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("contact", sa.String(128), nullable=False),
        sa.Column("offer", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("talked", sa.Double, nullable=False),
        sa.Column("fault", sa.Text, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("contact", "offer", name="pk_recordings"),
    )
    op.create_index("ix_recordings_started_at", "recordings", ["started_at"])
    op.create_table(
        "transcription_jobs",
        sa.Column("contact", sa.String(128), nullable=False),
        sa.Column("offer", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("claimed_by", sa.String(64), nullable=False),
        sa.Column("claimed_at", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("contact", "offer", name="pk_transcription_jobs"),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'done', 'failed')",
            name=op.f("ck_transcription_jobs_state"),
        ),
        sa.ForeignKeyConstraint(
            ["contact", "offer"],
            ["recordings.contact", "recordings.offer"],
            name="fk_transcription_jobs_contact_offer_recordings",
        ),
    )
    op.create_index(
        "ix_transcription_jobs_state_made_at", "transcription_jobs", ["state", "made_at"]
    )
    op.create_table(
        "transcripts",
        sa.Column("contact", sa.String(128), nullable=False),
        sa.Column("offer", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("leg", sa.String(16), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("engine", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("segments", sa.JSON, nullable=False),
        sa.Column("fault", sa.Text, nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("contact", "offer", "leg", name="pk_transcripts"),
        sa.CheckConstraint("leg IN ('customer', 'agent')", name=op.f("ck_transcripts_leg")),
        sa.ForeignKeyConstraint(
            ["contact", "offer"],
            ["recordings.contact", "recordings.offer"],
            name="fk_transcripts_contact_offer_recordings",
        ),
    )
