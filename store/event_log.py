"""The event log in SQL: appended once, never changed, read back in the order of the stream.

Every figure, record and report is computed from these rows. Rows come from the Redis stream
(``store/drain.py``) and are keyed by the stream's ids, so that appending twice changes nothing.
"""

import math
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, Select, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.schema import events
from telephony.events import RecordedEvent, UnknownEvent, from_plain, to_plain

logger = structlog.get_logger("store.event_log")

START = "0-0"
"""The id before every event."""

UNREADABLE = "Unreadable"
"""Kind under which an entry that cannot be understood is kept, so that nothing is lost."""

_BATCH = 500  # rows in one statement: 8 columns each stays far below SQLite's 32,766 parameters

Logged = tuple[str, RecordedEvent]
"""An event with its id."""


def parse_id(stream_id: str) -> tuple[int, int]:
    """``"1763760000123-4"`` as two numbers.

    Raises:
        ValueError: it is no stream id.
    """
    milliseconds, _, sequence = stream_id.partition("-")
    return int(milliseconds), int(sequence or 0)


class EventLog:
    """Appends to and reads the table of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entries: Sequence[Logged]) -> None:
        """Add the entries whose id is new; all of them or, on an error, none."""
        await self.append_plain([(stream_id, to_plain(event)) for stream_id, event in entries])

    async def append_plain(self, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """``append`` for events in wire form, whatever version wrote them.

        An entry that the database cannot hold (not the database's own trouble) is kept under the
        kind ``Unreadable`` with its text, and logged.
        """
        rows = [_row(stream_id, plain) for stream_id, plain in entries]
        try:
            async with self._database.write() as connection:
                await self._insert(connection, rows)
        except (DataError, UnicodeError, OverflowError) as error:
            await self._insert_one_by_one(rows, error)
        except StatementError as error:
            if error.connection_invalidated or not isinstance(error.orig, (TypeError, ValueError)):
                raise
            await self._insert_one_by_one(rows, error)

    async def _insert(self, connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
        # Both dialects say the same thing, but SQLAlchemy keeps it in their own modules.
        dialect = postgresql if self._database.dialect == "postgresql" else sqlite
        statement = dialect.insert(events).on_conflict_do_nothing()
        for start in range(0, len(rows), _BATCH):
            await connection.execute(statement, rows[start : start + _BATCH])

    async def _insert_one_by_one(self, rows: list[dict[str, Any]], first: Exception) -> None:
        logger.error("an event cannot be stored as it is", error=type(first).__name__)
        async with self._database.write() as connection:
            for row in rows:
                try:
                    async with connection.begin_nested():
                        await self._insert(connection, [row])
                except (StatementError, UnicodeError, OverflowError, TypeError, ValueError):
                    await self._insert(connection, [_unreadable(row)])

    async def of_contact(self, contact: str) -> list[Logged]:
        """The contact's whole history, in order; empty for an unknown contact."""
        return await self._fetch(_in_order().where(events.c.contact == contact))

    async def of_contacts(self, contacts: Sequence[str]) -> dict[str, list[Logged]]:
        """The histories of several contacts, one query; the order of ``contacts`` is kept."""
        histories: dict[str, list[Logged]] = {contact: [] for contact in contacts}
        for entry in await self._fetch(_in_order().where(events.c.contact.in_(contacts))):
            histories[str(getattr(entry[1], "contact", ""))].append(entry)
        return histories

    async def between(self, start: float, end: float) -> list[Logged]:
        """What happened from ``start`` to before ``end`` (Unix seconds), in order."""
        return await self._fetch(_in_order().where(events.c.at >= start, events.c.at < end))

    async def of_kind(self, kind: str, start: float, end: float) -> list[Logged]:
        """``between`` for one kind of event."""
        chosen: list[ColumnElement[bool]] = [
            events.c.kind == kind,
            events.c.at >= start,
            events.c.at < end,
        ]
        return await self._fetch(_in_order().where(*chosen))

    async def latest_contacts(self, limit: int, before: float | None = None) -> list[str]:
        """Ids of the contacts that arrived last (before ``before``), the newest first."""
        chosen = select(events.c.contact).where(events.c.kind == "ContactArrived")
        if before is not None:
            chosen = chosen.where(events.c.at < before)
        newest_first = chosen.order_by(events.c.at.desc(), events.c.stream_seq.desc()).limit(limit)
        async with self._database.read() as connection:
            return list(dict.fromkeys((await connection.execute(newest_first)).scalars()))

    async def last_id(self) -> str:
        """Id of the newest event, ``0-0`` when there is none."""
        newest = (
            select(events.c.stream_ms, events.c.stream_seq)
            .order_by(events.c.stream_ms.desc(), events.c.stream_seq.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(newest)).first()
        return START if row is None else f"{row.stream_ms}-{row.stream_seq}"

    async def after(self, stream_id: str, limit: int = 1_000) -> list[Logged]:
        """The next events behind an id, in order: for those who catch up in portions."""
        behind = tuple_(events.c.stream_ms, events.c.stream_seq) > parse_id(stream_id)
        return await self._fetch(_in_order().where(behind).limit(limit))

    async def _fetch(self, query: Select[Any]) -> list[Logged]:
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [entry for entry in map(_entry, rows) if entry is not None]


def _in_order() -> Select[Any]:
    return select(events.c.stream_ms, events.c.stream_seq, events.c.data).order_by(
        events.c.stream_ms, events.c.stream_seq
    )


def _row(stream_id: str, plain: Mapping[str, Any]) -> dict[str, Any]:
    milliseconds, sequence = parse_id(stream_id)
    at = plain.get("at")
    usable = isinstance(at, (int, float)) and math.isfinite(at)  # SQLite turns NaN into NULL
    return {
        "stream_ms": milliseconds,
        "stream_seq": sequence,
        "at": float(typing.cast(float, at)) if usable else milliseconds / 1000,
        "kind": _short(plain.get("kind", UNREADABLE), 64),
        "contact": _short(plain.get("contact", ""), 128),
        "agent": _short(plain.get("agent", ""), 64),
        "queue": _short(plain.get("queue", ""), 64),
        "data": dict(plain),
    }


def _short(value: object, length: int) -> str:
    # PostgreSQL holds neither NUL nor more than the column's length; SQLite would not mind.
    return str(value).replace("\0", "")[:length]


def _unreadable(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"kind": UNREADABLE, "text": ascii(row["data"])}
    return {**row, "at": row["stream_ms"] / 1000, "kind": UNREADABLE, "data": kept}


def _entry(row: Row[Any]) -> Logged | None:
    try:
        return f"{row.stream_ms}-{row.stream_seq}", from_plain(row.data)
    except UnknownEvent as error:
        # Written by a newer version, or unreadable: it stays in the table for one who knows it.
        logger.warning(
            "an event is passed over", id=f"{row.stream_ms}-{row.stream_seq}", why=str(error)
        )
        return None
