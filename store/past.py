"""What callers' earlier calls came to, by their number: one row for each ended contact.

Made from the event log by who follows it (``aftercall/``), so that a question about a caller is
one look into an index and not a search through the log.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from store.database import Database
from store.event_log import START, parse_id
from store.schema import past_contacts, progress, tasks

DAY = 86_400.0
_MOST = 50
"""Contacts of one caller that are looked at; who calls more often in a day is in no hurry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastContact:
    """One ended contact."""

    contact: str
    caller: str  # digits in their plain form, see ``telephony.numbers``
    ended: float  # Unix seconds
    queue: str  # the last one, "" without
    agent: str  # who talked last, "" without
    solved: bool
    surveyed: float = 0.0  # when the caller was asked how satisfied they are, 0 never


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of a caller's last 24 hours, and of what is still open."""

    contacts: int = 0
    last_queue: str = ""
    last_agent: str = ""
    last_solved: bool = True  # True when there was no contact
    open_task_queues: frozenset[str] = frozenset()


class PastStore:
    """The table of past contacts, and how far the log has been read into it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, contact: PastContact) -> None:
        """Keep what a contact came to; what was known of it is replaced."""
        statement = self._insert(past_contacts).values(**asdict(contact))
        replaced = {name: statement.excluded[name] for name in asdict(contact)}
        async with self._database.write() as connection:
            await connection.execute(
                statement.on_conflict_do_update(index_elements=["contact"], set_=replaced)
            )

    async def of_caller(self, caller: str, now: float, within: float = DAY) -> Past:
        """The past of the caller with this plain number; nothing of a withheld one."""
        if not caller:
            return Past()
        recent = (
            select(past_contacts)
            .where(past_contacts.c.caller == caller, past_contacts.c.ended > now - within)
            .order_by(past_contacts.c.ended.desc())
            .limit(_MOST)
        )
        still_open = select(tasks.c.queue).where(tasks.c.caller == caller, tasks.c.state != "done")
        async with self._database.read() as connection:
            rows: Sequence[Any] = (await connection.execute(recent)).all()
            queues = frozenset((await connection.execute(still_open)).scalars())
        return Past(
            contacts=len(rows),
            last_queue=next((row.queue for row in rows if row.queue), ""),
            last_agent=next((row.agent for row in rows if row.agent), ""),
            last_solved=bool(rows[0].solved) if rows else True,
            open_task_queues=queues,
        )

    async def surveyed_since(self, caller: str, now: float, days: int) -> bool:
        """Was the caller with this plain number asked for a score within so many days?"""
        since = now - days * DAY
        asked = (
            select(past_contacts.c.contact)
            .where(
                past_contacts.c.caller == caller,
                past_contacts.c.ended > since,
                past_contacts.c.surveyed > since,
            )
            .limit(1)
        )
        async with self._database.read() as connection:
            return (await connection.execute(asked)).first() is not None

    # -- how far the log was read ----------------------------------------------------------------

    async def read_until(self, name: str) -> str | None:
        """Id of the last event that this follower has taken in; None when it never began."""
        query = select(progress).where(progress.c.name == name)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return f"{row.stream_ms}-{row.stream_seq}" if row else None

    async def keep_progress(self, name: str, stream_id: str = START) -> None:
        """All events up to this id are taken in."""
        milliseconds, sequence = parse_id(stream_id)
        values = {"stream_ms": milliseconds, "stream_seq": sequence}
        statement = self._insert(progress).values(name=name, **values)
        async with self._database.write() as connection:
            await connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_=values)
            )

    def _insert(self, table: Any) -> Any:
        dialect: Any = postgresql if self._database.dialect == "postgresql" else sqlite
        return dialect.insert(table)
