"""Messages on their way to customers: kept before anybody tries to send them.

A message is claimed for a limited time by whoever tries. One who died while trying may have sent
it already, and it is sent again: a message may come twice, but none is lost.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from store.database import Database
from store.schema import outbox

_columns = outbox.c


class LetterState(enum.StrEnum):
    """How far a message is."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message; times are Unix seconds."""

    id: int
    way: str
    recipient: str
    subject: str
    text: str
    contact: str
    state: LetterState
    attempts: int
    """Begun so far."""
    next_at: float
    made_at: float
    ended_at: float
    """0 while it is pending."""
    fault: str
    """Of the last attempt; "" when it went well."""


class OutboxStore:
    """The table of messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(
        self, *, way: str, recipient: str, subject: str, text: str, contact: str, now: float
    ) -> int:
        """Keep a message that is to be sent at once; returns its id."""
        statement = insert(outbox).values(
            way=way, recipient=recipient, subject=subject, text=text, contact=contact,
            state=LetterState.PENDING, attempts=0, next_at=now, made_at=now, ended_at=0.0,
            fault="",
        )  # fmt: skip
        made = statement.returning(_columns.id)
        return await self._database.write(lambda connection: connection.execute(made).scalar_one())

    async def count_for(self, recipient: str, *, since: float) -> int:
        """How many messages were made for a recipient since then."""
        query = select(func.count()).select_from(outbox)
        query = query.where(_columns.recipient == recipient, _columns.made_at >= since)
        ((count,),) = await self._database.rows(query)
        return int(count)

    async def claim(self, way: str, *, now: float, lease: float, most: int) -> Sequence[Letter]:
        """Undertake the messages that are due, the oldest first; others may after ``lease`` s.

        It locks SQLite's file: ask ``next_due`` whether there are any.
        """
        due = select(outbox).where(
            _columns.way == way, _columns.state == LetterState.PENDING, _columns.next_at <= now
        )
        oldest = due.order_by(_columns.next_at, _columns.id).limit(most)

        def undertake(connection: Connection) -> Sequence[Row[Any]]:
            # FOR UPDATE is PostgreSQL's; SQLite has locked the whole file by now.
            rows = connection.execute(oldest.with_for_update(skip_locked=True)).all()
            connection.execute(
                update(outbox)
                .where(_columns.id.in_([row.id for row in rows]))
                .values(attempts=_columns.attempts + 1, next_at=now + lease)
            )
            return rows

        rows = await self._database.write(undertake)
        return [_letter(row, attempts=row.attempts + 1, next_at=now + lease) for row in rows]

    async def end(self, letter: int, state: LetterState, *, now: float, fault: str = "") -> None:
        """It is sent, or never will be."""
        await self._change(letter, state=state, ended_at=now, fault=fault)

    async def put_off(self, letter: int, *, until: float, fault: str) -> None:
        """The attempt failed; the next one is due then."""
        await self._change(letter, next_at=until, fault=fault)

    async def next_due(self, way: str) -> float | None:
        """When the next pending message is due; None when there is none."""
        query = select(func.min(_columns.next_at)).where(
            _columns.way == way, _columns.state == LetterState.PENDING
        )
        ((due,),) = await self._database.rows(query)
        return None if due is None else float(due)

    async def newest(self, limit: int = 100) -> list[Letter]:
        """The messages made last, the newest first."""
        query = select(outbox).order_by(_columns.id.desc()).limit(limit)
        return [_letter(row) for row in await self._database.rows(query)]

    async def _change(self, letter: int, **values: Any) -> None:
        await self._database.change(update(outbox).where(_columns.id == letter).values(**values))


def _letter(row: Row[Any], **changed: Any) -> Letter:
    fields = {**row._mapping, **changed}
    return Letter(**{**fields, "state": LetterState(fields["state"])})
