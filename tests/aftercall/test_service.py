"""The follower of the log: everything once, whatever is read twice; calls under ids of tasks."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from aftercall.rules import FollowUps
from aftercall.service import AfterCall
from store.database import Database
from store.event_log import EventLog
from store.past import PastContact, PastStore
from store.recordings import JobState, RecordingStore
from store.tasks import Task, TaskKind, TaskState, TaskStore
from telephony.events import (
    CallbackEnd,
    CallbackEnded,
    CallStage,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    FollowUpDue,
    FollowUpPlaced,
    MessageRecorded,
    RecordedEvent,
    SurveyAnswered,
)

NUMBER = "13800138000"
RULE = {"name": "r", "when": {"queues": ["order"]}, "delay": 10, "queue": "order", "days": 30}


class Room:
    """The room on a real database, and a distribution that a test plays."""

    def __init__(self, database: Database, folder: Path, rule: dict[str, Any] = RULE) -> None:
        self.log, self.tasks = EventLog(database), TaskStore(database)
        self.log_is_known = True
        self.past, self.filed = PastStore(database), RecordingStore(database)
        self.rules = FollowUps.model_validate({"rules": [rule]})
        self.folder, self.now, self.written = folder, 1000.0, 0
        self.placed: list[FollowUpDue] = []
        self.remembered: list[PastContact] = []
        self.live: set[str] = set()
        self.refusal = ""
        self.undecided = False
        self.open = True
        self.room = self.started()

    def started(self) -> AfterCall:
        """Another process of the same."""
        return AfterCall(
            log=self.log, stored=lambda: f"{self.written}-0" if self.log_is_known else "",
            tasks=self.tasks, past=self.past, filed=self.filed,
            rules=lambda: self.rules, is_open=lambda hours, at: self.open or at > 5000,
            known_queue=lambda queue: queue or "general", place=self.place,
            remember=self.remembered.extend,
            is_live=lambda contact: contact in self.live, append=self.happen,
            spool=self.folder / "spool", recordings=self.folder / "recordings",
            now=lambda: self.now,
        )  # fmt: skip

    async def place(self, due: FollowUpDue) -> str:
        if self.undecided:
            raise ConnectionError("nobody decides")
        if self.refusal:
            return self.refusal
        self.placed.append(due)
        self.live.add(due.contact)
        return ""

    async def happen(self, *events: RecordedEvent) -> None:
        entries = []
        for event in events:
            self.written += 1
            entries.append((f"{self.written}-0", event))
        await self.log.append(entries)

    async def seen(self, now: float = 1e9) -> list[Task]:
        states = tuple(TaskState)
        return [found.task for found in await self.tasks.list(now=now, states=states)]


@pytest.fixture
async def room(database: Database, tmp_path: Path) -> Room:
    made = Room(database, tmp_path)
    await made.room.follow()  # begins here
    return made


def talk(contact: str, caller: str = NUMBER, at: float = 100.0) -> list[RecordedEvent]:
    return [
        ContactArrived(at=at, contact=contact, channel="ch", caller=caller, dialled="8000"),
        ContactAnswered(at=at + 1, contact=contact, queue="order", agent="8001", offer=1, waited=1),
        ContactEnded(at=at + 50, contact=contact, stage=CallStage.AFTER, cause=16),
    ]


def left(contact: str, purpose: str = "voicemail", name: str = "a") -> MessageRecorded:
    file = f"messages/{contact}.{purpose}.{name}/customer.wav"
    return MessageRecorded(
        at=100, contact=contact, node="n", purpose=purpose, queue="order", file=file, seconds=4
    )


async def test_what_was_before_is_not_made_up_for(database: Database, tmp_path: Path) -> None:
    made = Room(database, tmp_path)
    await made.happen(left("old"))
    await made.room.follow()
    await made.happen(left("new"))
    await made.room.follow()
    assert [task.contact for task in await made.seen()] == ["new"]


async def test_a_message_is_filed_for_its_text_and_becomes_one_task(room: Room) -> None:
    await room.happen(*talk("c"), left("c"))
    await room.room.follow()
    await room.past.take_in("aftercall", "0-0")  # died before it was marked
    await room.started().follow()
    tasks = [task for task in await room.seen() if task.kind is TaskKind.VOICEMAIL]
    assert [(t.contact, t.queue, t.caller, t.recording) for t in tasks] == [
        ("c", "order", NUMBER, 0)
    ]
    assert await room.filed.job_state("c", 0) is JobState.PENDING
    assert len(await room.filed.of_contact("c")) == 1


async def test_nothing_is_read_while_nobody_knows_how_far_the_log_goes(room: Room) -> None:
    await room.happen(*talk("c"), left("c"))
    room.log_is_known = False
    await room.room.follow()
    assert await room.seen() == []
    room.log_is_known = True
    await room.room.follow()
    assert [task.contact for task in await room.seen() if task.kind is TaskKind.VOICEMAIL] == ["c"]


@pytest.mark.parametrize("first", ["score", "comment"])
async def test_a_low_score_has_its_comment(room: Room, first: str) -> None:
    score = SurveyAnswered(
        at=99, contact="c", node="s", score=1, queue="order", agent="8001", offer=1
    )
    both = [score, left("c", "comment")]
    await room.happen(*(both if first == "score" else reversed(both)))
    await room.room.follow()
    (task,) = await room.seen()
    assert (task.kind, task.score, task.recording) == (TaskKind.LOW_SCORE, 1, 0)


async def test_a_good_score_is_nobodys_task(room: Room) -> None:
    score = SurveyAnswered(at=99, contact="c", node="s", score=5)
    await room.happen(score, left("c", "comment"))
    await room.room.follow()
    assert not await room.seen()
    assert await room.filed.job_state("c", 0) is JobState.PENDING  # the comment is still read


async def test_one_follow_up_a_customer_in_so_many_days(room: Room) -> None:
    await room.happen(*talk("a"), *talk("b", at=500), *talk("x", "13900000000"))
    await room.happen(*talk("withheld", ""))
    await room.room.follow()
    assert sorted(task.contact for task in await room.seen()) == ["a", "x"]
    await room.happen(*talk("later", at=31 * 86400.0))
    await room.room.follow()
    assert sorted(task.contact for task in await room.seen()) == ["a", "later", "x"]


async def test_what_callers_came_to_is_remembered(room: Room) -> None:
    await room.happen(*talk("a", "+8613800138000"))
    await room.room.follow()
    (past,) = await room.past.since(0)
    assert (past.caller, past.agent, past.queue) == (NUMBER, "8001", "order")
    assert room.remembered == [past]


async def due(room: Room) -> Task:
    await room.happen(*talk("a"))
    await room.room.follow()
    (task,) = await room.seen()
    room.now = task.due
    return task


async def test_a_due_call_is_placed_once_and_its_end_kept(room: Room) -> None:
    task = await due(room)
    room.now -= 1
    await room.room.call()
    assert not room.placed
    room.now += 1
    for _ in range(3):
        await room.room.call()
    (placed,) = room.placed
    assert (placed.contact, placed.task, placed.place) == (f"{task.id}.1", task.id, task.due)
    assert (placed.why, placed.preferred) == ("rule:r", "")
    await room.happen(
        CallbackEnded(
            at=2000, contact=placed.contact, queue="order", result=CallbackEnd.GAVE_UP,
            attempts=3, waited=9,
        )
    )  # fmt: skip
    await room.room.follow()
    await room.room.call()
    (task,) = await room.seen()
    assert (task.state, task.outcome, len(room.placed)) == (TaskState.DONE, "gave_up", 1)


async def test_asked_for_and_lost_it_is_asked_for_again(room: Room) -> None:
    await due(room)
    room.undecided = True
    with pytest.raises(ConnectionError):
        await room.room.call()
    room.undecided = False
    await room.room.call()
    assert len(room.placed) == 1
    room.live.clear()  # the process and Redis died before anything was written
    await room.started().call()
    assert [each.contact for each in room.placed] == [room.placed[0].contact] * 2


async def test_what_the_log_knows_is_not_asked_for_again(room: Room) -> None:
    await due(room)
    await room.room.call()
    room.live.clear()
    await room.happen(
        FollowUpPlaced(
            at=1, contact=room.placed[0].contact, caller=NUMBER, queue="order", language="",
            task="t", author="rule:r",
        )
    )  # fmt: skip
    await room.started().call()
    assert len(room.placed) == 1


async def test_who_is_to_be_called_anyway_is_called_later(room: Room) -> None:
    await due(room)
    room.refusal = "callback_pending"
    await room.room.call()
    (task,) = await room.seen()
    assert (task.state, task.due) == (TaskState.OPEN, room.now + 600)
    room.refusal, room.now = "", room.now + 600
    await room.room.call()
    assert [each.contact for each in room.placed] == [f"{task.id}.2"]


async def test_a_number_that_cannot_be_called_ends_it(room: Room) -> None:
    await due(room)
    room.refusal = "not_dialable"
    await room.room.call()
    (task,) = await room.seen()
    assert (task.state, task.outcome) == (TaskState.DONE, "not_dialable")


async def test_outside_the_hours_it_waits(room: Room) -> None:
    await due(room)
    room.open = False
    await room.room.call()
    (task,) = await room.seen()
    assert not room.placed
    assert task.due > 5000


async def test_a_rule_that_is_gone_calls_nobody(room: Room) -> None:
    await due(room)
    room.rules = FollowUps()
    await room.room.call()
    (task,) = await room.seen()
    assert (task.state, task.author, room.placed) == (TaskState.DONE, "rule:gone", [])


async def test_who_presses_the_button_is_waited_for(room: Room) -> None:
    await room.happen(*talk("c")[:2], left("c"))
    await room.room.follow()
    (task,) = await room.seen()
    assert await room.room.begin(task, "agent:8003") == ""
    (placed,) = room.placed
    assert (placed.preferred, placed.why, placed.place) == ("8003", "agent:8003", room.now)
    again = await room.tasks.get(task.id)
    assert again is not None
    assert await room.room.begin(again, "agent:8001") == "call_under_way"
    await room.happen(
        CallbackEnded(
            at=2000, contact=placed.contact, queue="order", result=CallbackEnd.ANSWERED,
            attempts=1, waited=9,
        )
    )  # fmt: skip
    await room.room.follow()
    again = await room.tasks.get(task.id)
    assert again is not None
    assert (again.state, again.outcome) == (TaskState.IN_PROGRESS, "answered")


def spool(room: Room, *, audio: str, seconds: int, age: float = 0.0) -> Path:
    folder = room.folder / "spool"
    folder.mkdir(exist_ok=True)
    file = folder / "1764.9.json"
    file.write_text(
        json.dumps({
            "contact": "1764.9", "at": 500.0, "audio": audio, "seconds": seconds,
            "caller": NUMBER, "queue": "order", "language": "en", "enqueued": "490",
        })
    )  # fmt: skip
    if seconds:
        file.with_suffix(".wav").write_bytes(bytes(44 + 16_000 * seconds))
    os.utime(file, (file.stat().st_atime, file.stat().st_mtime - age))
    return file


async def test_messages_left_without_a_controller_become_tasks(room: Room) -> None:
    file = spool(room, audio="1764.9.wav", seconds=5)
    await room.room.collect()
    await room.room.follow()
    (task,) = await room.seen()
    assert (task.kind, task.caller, task.language) == (TaskKind.VOICEMAIL, NUMBER, "en")
    assert (task.created, task.seconds) == (500.0, 5.0)
    assert not list(file.parent.iterdir())
    (message,) = await room.filed.of_contact("1764.9")
    assert (room.folder / "recordings" / message.folder / "customer.wav").is_file()


async def test_one_that_is_still_being_left_is_let_be(room: Room) -> None:
    file = spool(room, audio="", seconds=0)
    await room.room.collect()
    assert file.exists()
    assert not room.written


async def test_who_said_nothing_wants_a_call(room: Room) -> None:
    spool(room, audio="", seconds=0, age=300)
    await room.room.collect()
    await room.room.follow()
    (task,) = await room.seen()
    assert (task.kind, task.recording) == (TaskKind.CALLBACK, None)


async def test_a_message_whose_event_was_not_taken_is_tried_again(room: Room) -> None:
    spool(room, audio="1764.9.wav", seconds=5)
    happen, tries = room.happen, []

    async def away(*events: RecordedEvent) -> None:
        tries.append(events)
        raise ConnectionError("Redis is away")

    room.happen = away  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        await room.started().collect()
    room.happen = happen  # type: ignore[method-assign]
    await room.started().collect()
    await room.room.follow()
    (task,) = await room.seen()
    assert (task.kind, task.recording, len(tries)) == (TaskKind.VOICEMAIL, 0, 1)


def message_on_disk(room: Room, name: str, *, seconds: int = 4, age: float = 300.0) -> None:
    file = room.folder / "recordings" / "messages" / name / "customer.wav"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(44 + 16_000 * seconds))
    os.utime(file, (file.stat().st_atime, file.stat().st_mtime - age))


async def test_a_message_whose_controller_died_in_it_is_found(room: Room) -> None:
    await room.happen(*talk("1764.9")[:2], left("1764.9", name="known"))
    await room.room.follow()
    message_on_disk(room, "1764.9.voicemail.known")
    message_on_disk(room, "1764.9.voicemail.lost")
    message_on_disk(room, "1764.9.voicemail.grows", age=0)
    message_on_disk(room, "1764.9.voicemail.breath", seconds=1)
    message_on_disk(room, "strange")
    for process in (room.room, room.room, room.started()):
        await process.find_forgotten()
        await room.room.follow()
    tasks = [task for task in await room.seen() if task.kind is TaskKind.VOICEMAIL]
    assert sorted(task.recording or 0 for task in tasks) == [-1, 0]
    filed = {message.folder for message in await room.filed.of_contact("1764.9")}
    assert filed == {"messages/1764.9.voicemail.known", "messages/1764.9.voicemail.lost"}


async def test_it_works_on_after_a_failure(room: Room) -> None:
    await due(room)
    room.undecided = True
    working = asyncio.create_task(room.room.run())
    async with asyncio.timeout(10):
        while not room.room.fault:
            await asyncio.sleep(0.01)
        room.undecided = False
        while not room.placed:
            await asyncio.sleep(0.01)
    working.cancel()
    await asyncio.wait([working])
