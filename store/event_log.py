"""The event log in SQL: appended once, never changed, read back in the order of the stream.

Every figure, record and report is computed from these rows. Rows come from the Redis stream
(``store/drain.py``) and are keyed by the stream's ids, so that appending twice changes nothing.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import orjson
import structlog
from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, tuple_
from sqlalchemy.dialects import postgresql

from store.database import Database
from store.schema import events
from store.stream import START, Entry, parse_id
from telephony.events import AgentStateChanged, RecordedEvent, UnknownEvent, from_plain, kind_of

logger = structlog.get_logger("store.event_log")

UNREADABLE = "Unreadable"
"""Kind under which an entry that cannot be understood is kept, so that nothing is lost."""

_BATCH = 500  # rows in one statement: 8 columns each stays far below SQLite's 32,766 parameters

_SQLITE_INSERT = (
    f"INSERT INTO events ({', '.join(column.name for column in events.columns)}) "  # noqa: S608
    f"VALUES ({', '.join('?' for _ in events.columns)}) ON CONFLICT DO NOTHING"
)

Logged = tuple[str, RecordedEvent]
"""An event with its id."""


class EventLog:
    """Appends to and reads the table of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entries: Sequence[Logged]) -> None:
        """Add the entries whose id is new; all of them or, on an error, none."""
        await self.append_entries([Entry.of(event, parse_id(name)) for name, event in entries])

    async def append_entries(self, entries: Sequence[Entry]) -> None:
        """``append`` for entries of the stream, whatever version wrote them.

        An entry that no database can hold is kept under the kind ``Unreadable`` with its text:
        it must not stop those behind it.

        Raises:
            sqlalchemy.exc.SQLAlchemyError, OSError: the database is locked, full or gone.
        """
        rows = [_row(entry) for entry in entries]
        if rows:
            await self._database.write(lambda connection: _insert(connection, rows))

    async def of_contact(self, contact: str) -> list[Logged]:
        """The contact's whole history, in order; empty for an unknown contact."""
        return await self._fetch(_in_order().where(events.c.contact == contact))

    async def of_contacts(
        self, contacts: Sequence[str], kinds: Sequence[str] = ()
    ) -> dict[str, list[Logged]]:
        """The histories of several contacts, one query; the order of ``contacts`` is kept.

        ``kinds`` are names of events; none means all.
        """
        histories: dict[str, list[Logged]] = {contact: [] for contact in contacts}
        chosen = _in_order().where(events.c.contact.in_(contacts))
        if kinds:
            chosen = chosen.where(_among(kinds))
        for entry in await self._fetch(chosen):
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

    async def agent_state(self, agent: str, at: float) -> AgentStateChanged | None:
        """The change of state that an agent was in at a moment; ``None`` before the first."""
        chosen = (
            _in_order()
            .where(events.c.kind == "AgentStateChanged", events.c.agent == agent, events.c.at < at)
            .order_by(None)
            .order_by(events.c.at.desc(), events.c.stream_ms.desc(), events.c.stream_seq.desc())
            .limit(1)
        )
        found = await self._fetch(chosen)
        event = found[0][1] if found else None
        return event if isinstance(event, AgentStateChanged) else None

    async def answers(self, start: float, end: float) -> list[tuple[str, str, float]]:
        """(caller, agent, Unix seconds) of who was answered from ``start`` to before ``end``, the
        oldest first; callers who withheld their number are left out.
        """
        came = events.alias()
        caller = came.c.data["caller"].as_string()
        found = (
            select(caller, events.c.agent, events.c.at)
            .join(came, came.c.contact == events.c.contact)
            .where(came.c.kind == "ContactArrived", caller != "")
            .where(events.c.kind == "ContactAnswered", events.c.at >= start, events.c.at < end)
            .order_by(events.c.at)
        )
        return [(row[0], row[1], row[2]) for row in await self._database.rows(found)]

    async def latest_contacts(self, limit: int, before: float | None = None) -> list[str]:
        """Ids of the contacts that arrived last (before ``before``), the newest first."""
        chosen = select(events.c.contact).where(events.c.kind == "ContactArrived")
        if before is not None:
            chosen = chosen.where(events.c.at < before)
        newest_first = chosen.order_by(events.c.at.desc(), events.c.stream_seq.desc()).limit(limit)
        rows = await self._database.rows(newest_first)
        return list(dict.fromkeys(row.contact for row in rows))

    async def latest_contacts_of(
        self, agent: str, limit: int, before: float | None = None
    ) -> list[tuple[str, float]]:
        """Contacts last offered to an agent (before ``before``), with that time; newest first."""
        offered = func.max(events.c.at)
        chosen = select(events.c.contact, offered).where(
            events.c.kind == "OfferMade", events.c.agent == agent
        )
        newest_first = chosen.group_by(events.c.contact).order_by(offered.desc()).limit(limit)
        if before is not None:
            newest_first = newest_first.having(offered < before)
        return [(row[0], row[1]) for row in await self._database.rows(newest_first)]

    async def last_id(self) -> str:
        """Id of the newest event, ``0-0`` when there is none."""
        newest = (
            select(events.c.stream_ms, events.c.stream_seq)
            .order_by(events.c.stream_ms.desc(), events.c.stream_seq.desc())
            .limit(1)
        )
        row = await self._database.first(newest)
        return START if row is None else f"{row.stream_ms}-{row.stream_seq}"

    async def after(self, stream_id: str, limit: int = 1_000) -> list[Logged]:
        """The next events behind an id, in order: for those who catch up in portions."""
        behind = tuple_(events.c.stream_ms, events.c.stream_seq) > parse_id(stream_id)
        return await self._fetch(_in_order().where(behind).limit(limit))

    async def of_kinds_after(
        self, stream_id: str, kinds: Sequence[str], limit: int
    ) -> list[Logged]:
        """``after`` for some kinds of events."""
        behind = tuple_(events.c.stream_ms, events.c.stream_seq) > parse_id(stream_id)
        return await self._fetch(_in_order().where(behind, _among(kinds)).limit(limit))

    async def _fetch(self, query: Select[Any]) -> list[Logged]:
        rows = await self._database.rows(query)
        return [entry for entry in map(_entry, rows) if entry is not None]


def _insert(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    if connection.dialect.name == "sqlite":
        # The driver's own words: SQLAlchemy's take as long again as SQLite itself.
        connection.exec_driver_sql(_SQLITE_INSERT, rows)
        return
    names = [column.name for column in events.columns]
    statement = postgresql.insert(events).on_conflict_do_nothing()
    for start in range(0, len(rows), _BATCH):
        portion = [
            dict(zip(names, (*values, orjson.loads(text)), strict=True))
            for *values, text in rows[start : start + _BATCH]
        ]
        connection.execute(statement, portion)


def _in_order() -> Select[Any]:
    return select(events.c.stream_ms, events.c.stream_seq, events.c.data).order_by(
        events.c.stream_ms, events.c.stream_seq
    )


def _among(kinds: Sequence[str]) -> ColumnElement[bool]:
    """Of one of these kinds, among rows that another index finds.

    SQLite prefers the index of kinds to any other, and would read all such events of all days.
    """
    return events.c.kind.concat("").in_(kinds)


def _row(entry: Entry) -> tuple[Any, ...]:
    """A row's values in the order of the columns, its data as text."""
    event, text = entry.known, entry.text
    if event is not None and type(event.at) is float and isfinite(event.at):
        at, kind = event.at, kind_of(event)
        contact, agent, queue = (getattr(event, name, "") for name in ("contact", "agent", "queue"))
    else:
        data, at = _read(entry)
        kind, text = data.get("kind", UNREADABLE), orjson.dumps(data).decode()
        contact, agent, queue = (data.get(name, "") for name in ("contact", "agent", "queue"))
    words = _short(kind, 64), _short(contact, 128), _short(agent, 64), _short(queue, 64)
    return (*entry.number, at, *words, text)


def _read(entry: Entry) -> tuple[dict[str, Any], float]:
    """What the entry says and of which moment; of one that no database can hold, its text."""
    written = entry.number[0] / 1000
    try:
        data = {**orjson.loads(entry.text)}  # which takes no NaN; neither does PostgreSQL
        at = data.get("at")
        if not all(map(isfinite, [value for value in data.values() if type(value) is float])):
            raise ValueError("JSON has no word for it")
        return data, float(written if at is None else at)
    except (TypeError, ValueError):
        logger.error("an event is kept as unreadable", id=entry.id)
        return {"kind": UNREADABLE, "text": entry.text}, written


def _short(value: object, length: int) -> str:
    if isinstance(value, str) and len(value) <= length and value.isascii() and "\0" not in value:
        return value
    # PostgreSQL holds neither NUL nor half a surrogate pair, nor more than the column's length.
    return str(value).encode(errors="replace").decode().replace("\0", "")[:length]


def _entry(row: Row[Any]) -> Logged | None:
    try:
        return f"{row.stream_ms}-{row.stream_seq}", from_plain(row.data)
    except UnknownEvent as error:
        # Written by a newer version, or unreadable: it stays in the table for one who knows it.
        logger.warning(
            "an event is passed over", id=f"{row.stream_ms}-{row.stream_seq}", why=str(error)
        )
        return None
