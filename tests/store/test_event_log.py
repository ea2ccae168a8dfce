"""The event log on both databases."""

import contextlib
import dataclasses
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from store.database import Database, migrate, open_database
from store.event_log import EventLog
from store.stream import Entry
from telephony.events import (
    AgentState,
    AgentStateChanged,
    ContactAnswered,
    ContactArrived,
    ContactQueued,
    RecordedEvent,
)


def arrived(contact: str, at: float = 1.0) -> ContactArrived:
    return ContactArrived(at=at, contact=contact, channel="x", caller="13800138000", dialled="8000")


def entry(sequence: int, **fields: object) -> Entry:
    """One of the stream, of whatever version."""
    return Entry((1, sequence), json.dumps(fields))


def queued(contact: str, at: float = 2.0) -> ContactQueued:
    return ContactQueued(
        at=at, contact=contact, queue="order", language="zh-CN", priority=5,
        requires={"order": 3, "mandarin": 1},
    )  # fmt: skip


async def test_what_was_appended_is_read_back_whole(database: Database) -> None:
    log = EventLog(database)
    entries: list[tuple[str, RecordedEvent]] = [
        ("1-0", arrived("a")),
        ("2-0", queued("a")),
        (
            "2-1",
            AgentStateChanged(
                at=3.5, agent="8001", state=AgentState.READY, previous=AgentState.SIGNED_OUT,
                reason="签到", author="agent:8001",
            ),
        ),
    ]  # fmt: skip
    await log.append(entries)
    assert await log.of_contact("a") == entries[:2]
    assert await log.between(0, 100) == entries
    assert await log.of_contact("b") == []


async def test_order_is_that_of_the_stream_and_not_of_text(database: Database) -> None:
    log = EventLog(database)
    ids = ["9-0", "10-2", "10-10", "10-9", "100-0"]
    await log.append([(stream_id, arrived("a")) for stream_id in ids])
    found = [stream_id for stream_id, _ in await log.of_contact("a")]
    assert found == ["9-0", "10-2", "10-9", "10-10", "100-0"]
    assert await log.last_id() == "100-0"
    assert [stream_id for stream_id, _ in await log.after("10-2", limit=2)] == ["10-9", "10-10"]


async def test_appending_again_changes_nothing(database: Database) -> None:
    log = EventLog(database)
    await log.append([("1-0", arrived("a")), ("1-1", arrived("b"))])
    await log.append([("1-0", arrived("z")), ("1-1", arrived("b")), ("1-2", arrived("c"))])
    assert [event.contact for _, event in await log.between(0, 10)] == ["a", "b", "c"]  # type: ignore[union-attr]


async def test_the_end_of_a_period_is_outside_of_it(database: Database) -> None:
    log = EventLog(database)
    await log.append([(f"{n}-0", arrived(str(n), at=float(n))) for n in range(1, 5)])
    assert [stream_id for stream_id, _ in await log.between(2.0, 4.0)] == ["2-0", "3-0"]
    assert [stream_id for stream_id, _ in await log.of_kind("ContactArrived", 2, 4)] == [
        "2-0",
        "3-0",
    ]
    assert await log.of_kind("ContactQueued", 0, 9) == []


async def test_the_newest_contacts_come_first_page_by_page(database: Database) -> None:
    log = EventLog(database)
    await log.append([(f"{n}-0", arrived(str(n), at=float(n))) for n in range(1, 6)])
    await log.append([("9-0", queued("1", at=9.0))])
    assert await log.latest_contacts(2) == ["5", "4"]
    assert await log.latest_contacts(2, before=4.0) == ["3", "2"]
    assert await log.latest_contacts(5, before=1.0) == []


async def test_several_histories_in_one_query(database: Database) -> None:
    log = EventLog(database)
    await log.append([("1-0", arrived("a")), ("1-1", arrived("b")), ("1-2", queued("a"))])
    found = await log.of_contacts(["b", "a", "c"])
    assert {contact: [i for i, _ in history] for contact, history in found.items()} == {
        "b": ["1-1"], "a": ["1-0", "1-2"], "c": [],
    }  # fmt: skip
    assert (await log.of_contacts(["a"], ["ContactQueued"]))["a"] == [("1-2", queued("a"))]


async def test_kinds_of_events_behind_an_id(database: Database) -> None:
    log = EventLog(database)
    await log.append([("1-0", queued("a")), ("1-1", queued("b")), ("2-0", arrived("c"))])
    await log.append([("9-0", queued("d")), ("10-0", queued("e"))])
    found = await log.of_kinds_after("1-0", ["ContactQueued"], 2)
    assert [stream_id for stream_id, _ in found] == ["1-1", "9-0"]


async def test_sqlite_reads_what_is_asked_for_and_not_all_of_its_kind(tmp_path: Path) -> None:
    """The index of kinds holds the events of all days; a follower asks each second."""
    url = f"sqlite:///{tmp_path}/log.db"
    await migrate(url)
    plans: list[str] = []

    def explain(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as file:
            plan = file.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
        plans.append(plan[0][3])

    database = open_database(url)
    log = EventLog(database)
    event.listen(Engine, "before_cursor_execute", explain)
    try:
        await log.of_kinds_after("1-0", ["ContactQueued", "ContactEnded"], 10)
        await log.of_contacts(["a", "b"], ["ContactQueued", "ContactEnded"])
    finally:
        event.remove(Engine, "before_cursor_execute", explain)
        await database.close()
    behind, histories = [plan for plan in plans if plan.startswith("SEARCH events")]
    assert "(stream_ms,stream_seq)>" in behind
    assert "ix_events_contact" in histories


async def test_an_empty_log(database: Database) -> None:
    log = EventLog(database)
    assert await log.last_id() == "0-0"
    assert await log.latest_contacts(5) == []
    await log.append([])


async def test_many_at_once(database: Database) -> None:
    log = EventLog(database)
    await log.append([(f"1-{n}", arrived(str(n))) for n in range(1_700)])
    assert len(await log.between(0, 10)) == 1_700


async def test_an_unknown_kind_is_kept_and_passed_over(database: Database) -> None:
    log = EventLog(database)
    await log.append_entries([entry(0, kind="FromTheFuture", contact="a", at=1.0)])
    await log.append([("2-0", arrived("a"))])
    assert [stream_id for stream_id, _ in await log.of_contact("a")] == ["2-0"]
    assert await log.last_id() == "2-0"


async def test_values_that_a_database_cannot_hold_stop_nothing(database: Database) -> None:
    log = EventLog(database)
    await log.append_entries(
        [
            entry(0, kind="A\0", contact="c" * 500, at=float("nan")),
            entry(1, kind="B", contact="\ud800", at=1.0),
            entry(2, kind="C", contact="a", at=1.0, text="\0"),
            entry(4, kind="D\0", contact="a\0", at=1.0),
            entry(3, kind="C", contact=5, at="yesterday"),
            Entry.of(dataclasses.replace(arrived("\ud800"), at=float("inf")), (1, 5)),
            Entry.of(dataclasses.replace(arrived("a"), at=float("nan")), (1, 6)),
        ]
    )
    await log.append([("2-0", arrived("a"))])
    assert await log.last_id() == "2-0"


async def test_who_answered_whom(database: Database) -> None:
    def answered(contact: str, agent: str, at: float) -> ContactAnswered:
        return ContactAnswered(
            at=at, contact=contact, queue="order", agent=agent, offer=1, waited=1.0
        )

    log = EventLog(database)
    withheld = ContactArrived(at=1.0, contact="c", channel="x", caller="", dialled="8000")
    await log.append(
        [
            ("1-0", arrived("a")),
            ("2-0", arrived("b")),
            ("3-0", withheld),
            ("4-0", answered("b", "8002", 20.0)),
            ("5-0", answered("a", "8001", 10.0)),
            ("6-0", answered("c", "8003", 15.0)),
            ("7-0", answered("a", "8004", 30.0)),
        ]
    )
    assert await log.answers(10.0, 30.0) == [
        ("13800138000", "8001", 10.0), ("13800138000", "8002", 20.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE events; --",
        "' OR '1'='1",
        '"x" \\ %s :at ? $1',
        "${SHELL(id)} $[1+1]",
        "1\r\n2\n\n3",
        "😀 王小明",
        "9" * 10_000,
    ],
)
async def test_what_came_from_outside_is_kept_as_text(database: Database, text: str) -> None:
    log = EventLog(database)
    hostile = ContactArrived(at=1.0, contact="a", channel=text, caller=text, dialled=text)
    await log.append([("1-0", hostile), ("1-1", arrived("b"))])
    assert await log.of_contact("a") == [("1-0", hostile)]
    assert await log.of_contact(text) == []
    assert await log.of_kind(text, 0, 9) == []
    assert len(await log.between(0, 9)) == 2
