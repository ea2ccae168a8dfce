"""The durable tables: an append-only event log, and what is filed beside it.

The same definitions serve SQLite and PostgreSQL. ``store/migrations/`` brings a database to this
shape step by step; a test compares the two, so a change here needs a migration beside it.

Times are Unix seconds. The key of an event is its id in the Redis stream, held as two numbers
(milliseconds, sequence) because ``9-0`` and ``10-0`` sort wrongly as text.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    # Named constraints, so that a later migration can drop them on either database.
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

events = Table(
    "events",
    metadata,
    Column("stream_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("stream_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("kind", String(64), nullable=False),
    # "" where the event has none: the three columns are copies out of `data`, for the indexes.
    Column("contact", String(128), nullable=False),
    Column("agent", String(64), nullable=False),
    Column("queue", String(64), nullable=False),
    Column("data", JSON, nullable=False),  # telephony.events.to_plain
    Index("ix_events_contact", "contact", "stream_ms", "stream_seq"),
    Index("ix_events_at", "at"),
    Index("ix_events_kind_at", "kind", "at"),
    Index("ix_events_agent_at", "agent", "at"),
)

recordings = Table(
    "recordings",
    metadata,
    Column("contact", String(128), primary_key=True),
    Column("offer", Integer, primary_key=True, autoincrement=False),
    Column("agent", String(64), nullable=False),
    Column("language", String(16), nullable=False),  # of the queue entry, "" when not known
    Column("folder", Text, nullable=False),  # below the recordings folder
    Column("seconds", Double, nullable=False),  # length of the joined file
    Column("talked", Double, nullable=False),  # what the event log says, -1 when it does not
    Column("fault", Text, nullable=False),  # "" when the length fits the talk
    Column("started_at", Double, nullable=False),
    Index("ix_recordings_started_at", "started_at"),
)

_of_recording = ("contact", "offer")

transcription_jobs = Table(
    "transcription_jobs",
    metadata,
    Column("contact", String(128), primary_key=True),
    Column("offer", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("claimed_by", String(64), nullable=False),
    Column("claimed_at", Double, nullable=False),  # renewed while the worker lives
    Column("attempts", Integer, nullable=False),
    Column("made_at", Double, nullable=False),
    CheckConstraint("state IN ('pending', 'running', 'done', 'failed')", name="state"),
    ForeignKeyConstraint(_of_recording, ["recordings.contact", "recordings.offer"]),
    Index("ix_transcription_jobs_state_made_at", "state", "made_at"),
)

transcripts = Table(
    "transcripts",
    metadata,
    Column("contact", String(128), primary_key=True),
    Column("offer", Integer, primary_key=True, autoincrement=False),
    Column("leg", String(16), primary_key=True),
    Column("language", String(16), nullable=False),
    Column("engine", String(32), nullable=False),  # "" when no engine could be used
    Column("model", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("segments", JSON, nullable=False),  # [{start, end, text}], seconds from the talk's start
    Column("fault", Text, nullable=False),
    Column("made_at", Double, nullable=False),
    CheckConstraint("leg IN ('customer', 'agent')", name="leg"),
    ForeignKeyConstraint(_of_recording, ["recordings.contact", "recordings.offer"]),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(64), primary_key=True),  # made of what it came from: never made twice
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("queue", String(64), nullable=False),
    Column("contact", String(128), nullable=False),  # it came from
    Column("caller", String(32), nullable=False),  # digits, "" when withheld
    Column("language", String(16), nullable=False),
    Column("created", Double, nullable=False),
    Column("due", Double, nullable=False),  # nobody need look at it before
    Column("changed", Double, nullable=False),
    Column("author", String(80), nullable=False),  # of the last change: "agent:8001", "rule:NAME"
    Column("note", Text, nullable=False),
    Column("recording", Integer, nullable=True),  # `offer` of the contact's recorded message
    Column("seconds", Double, nullable=False),  # of the message, 0 without
    Column("score", Integer, nullable=True),
    Column("reason", String(64), nullable=False),
    Column("agent", String(64), nullable=False),  # whose talk it is about, "" for none
    Column("rule", String(64), nullable=False),  # of follow_ups.yaml, "" for none
    Column("calls", Integer, nullable=False),  # how many follow-up calls were asked for
    Column("call", String(128), nullable=False),  # contact of the newest of them, "" for none
    Column("outcome", String(16), nullable=False),  # of that call, "" while it is under way
    CheckConstraint("kind IN ('voicemail', 'callback', 'low_score', 'follow_up')", name="kind"),
    CheckConstraint("state IN ('open', 'in_progress', 'done')", name="state"),
    Index("ix_tasks_state_due", "state", "due"),
    Index("ix_tasks_caller_created", "caller", "created"),
    Index("ix_tasks_contact", "contact"),
    Index("ix_tasks_call", "call"),
)

past_contacts = Table(
    "past_contacts",
    metadata,
    Column("contact", String(128), primary_key=True),
    Column("caller", String(32), nullable=False),  # digits in their plain form
    Column("ended", Double, nullable=False),
    Column("queue", String(64), nullable=False),  # the last one, "" without
    Column("agent", String(64), nullable=False),  # who talked last, "" without
    Column("solved", Boolean, nullable=False),
    # When the caller was asked how satisfied they are, 0 never.
    Column("surveyed", Double, nullable=False, server_default="0"),
    Index("ix_past_contacts_caller_ended", "caller", "ended"),
)

progress = Table(
    "progress",
    metadata,
    Column("name", String(32), primary_key=True),  # of who follows the event log
    Column("stream_ms", BigInteger, nullable=False),  # the last event taken in
    Column("stream_seq", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("agent", String(64), nullable=False),  # agent id, "" for people without a phone
    Column("disabled", Boolean, nullable=False),
    CheckConstraint("role IN ('admin', 'supervisor', 'agent')", name="role"),
)

# -- the built-in shop: what it knows when no shop's own system is connected -------------------

shop_orders = Table(
    "shop_orders",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("phone", String(20), nullable=False),  # telephony.numbers.plain_number
    Column("email", String(254), nullable=False),  # "" when there is none
    Column("state", String(16), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),  # SQLite has no decimal numbers
    Column("items", Integer, nullable=False),
    Column("returnable", Boolean, nullable=False),
    Column("company_title", Boolean, nullable=False),  # a company's tax title is on file
    Column("placed_at", Double, nullable=False),
    Column("carrier", String(40), nullable=False),  # "" as long as nothing is sent
    Column("tracking", String(32), nullable=False),
    Column("parcel", String(20), nullable=False),
    Column("place", String(40), nullable=False),
    Column("moved_at", Double, nullable=False),  # 0 as long as nothing is sent
    Column("expected_at", Double, nullable=False),
    Column("delivered_at", Double, nullable=False),  # 0 as long as it has not arrived
    Column("invoice", String(16), nullable=False),  # title of the one asked for, "" for none
    Column("wrong_tries", Integer, nullable=False),
    Column("wrong_since", Double, nullable=False),
    Index("ix_shop_orders_phone_placed_at", "phone", "placed_at"),
)

shop_applications = Table(
    "shop_applications",
    metadata,
    Column("serial", Integer, primary_key=True),
    Column("number", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    ForeignKeyConstraint(["number"], ["shop_orders.number"]),
    Index("ix_shop_applications_number_serial", "number", "serial"),
)

shop_promotions = Table(
    "shop_promotions",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("since_at", Double, nullable=False),
    Column("until_at", Double, nullable=False),  # the last moment of its last day
)

shop_customers = Table(
    "shop_customers",
    metadata,
    Column("phone", String(20), primary_key=True),
    Column("level", String(40), nullable=False),
    Column("complaint", Boolean, nullable=False),  # one that is still open
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("way", String(16), nullable=False),
    Column("recipient", String(254), nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("contact", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Double, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),  # 0 while it is pending
    Column("fault", Text, nullable=False),  # of the last attempt, "" when it went well
    CheckConstraint("way IN ('sms', 'email')", name="way"),
    CheckConstraint("state IN ('pending', 'sent', 'failed')", name="state"),
    Index("ix_outbox_state_next_at", "state", "next_at"),
    Index("ix_outbox_made_at", "made_at"),
)
