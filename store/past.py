"""What callers' earlier calls came to, by their number: one row for each ended contact.

Made from the event log by who follows it (``aftercall/``), so that nobody searches the log for a
caller. Who decides keeps the last day of it in memory (``controller/caller_past.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from store.database import Database
from store.schema import past_contacts, progress, tasks
from store.stream import parse_id
from store.tasks import TaskState

DAY = 86_400.0


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


class PastStore:
    """The table of past contacts, and how far the log has been read into it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, moment: float) -> list[PastContact]:
        """All contacts that ended after a moment (Unix seconds), in the order of their ends."""
        query = (
            select(past_contacts)
            .where(past_contacts.c.ended > moment)
            .order_by(past_contacts.c.ended)
        )
        return [PastContact(**row._mapping) for row in await self._database.rows(query)]

    async def unfinished(self) -> list[tuple[str, str]]:
        """Callers with tasks that are not done, and the queues of these."""
        unfinished = [state.value for state in TaskState if state is not TaskState.DONE]
        query = select(tasks.c.caller, tasks.c.queue).where(
            tasks.c.state.in_(unfinished), tasks.c.caller != ""
        )
        return [(row.caller, row.queue) for row in await self._database.rows(query)]

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
        return await self._database.first(asked) is not None

    # -- how far the log was read ----------------------------------------------------------------

    async def read_until(self, name: str) -> str | None:
        """Id of the last event that this follower has taken in; None when it never began."""
        query = select(progress).where(progress.c.name == name)
        row = await self._database.first(query)
        return f"{row.stream_ms}-{row.stream_seq}" if row else None

    async def take_in(
        self, name: str, stream_id: str, contacts: Sequence[PastContact] = ()
    ) -> None:
        """This follower has taken in all events up to an id; that is what contacts came to.

        What was known of them is replaced.
        """
        milliseconds, sequence = parse_id(stream_id)
        mark = {"stream_ms": milliseconds, "stream_seq": sequence}
        begun = self._insert(progress).values(name=name, **mark)
        known = self._insert(past_contacts)
        replaced = {column.name: known.excluded[column.name] for column in past_contacts.c}

        def write(connection: Connection) -> None:
            if contacts:
                connection.execute(
                    known.on_conflict_do_update(index_elements=["contact"], set_=replaced),
                    [{name: getattr(contact, name) for name in replaced} for contact in contacts],
                )
            connection.execute(begun.on_conflict_do_update(index_elements=["name"], set_=mark))

        await self._database.write(write)

    def _insert(self, table: Any) -> Any:
        dialect: Any = postgresql if self._database.dialect == "postgresql" else sqlite
        return dialect.insert(table)
