"""What is left to do after a call: messages to hear, unhappy callers, calls that are due.

A task is made once, whatever is read twice: its id comes from what it was made of. It is done in
a web page by an agent of its queue or a supervisor, who calls the customer from it if need be.
"""

import enum
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from store.database import Database
from store.schema import recordings, tasks, transcription_jobs, transcripts

_t = tasks.c


class TaskKind(enum.StrEnum):
    """What a task is about."""

    VOICEMAIL = "voicemail"  # a message is to be heard
    CALLBACK = "callback"  # wanted to leave a message, and said nothing
    LOW_SCORE = "low_score"  # an unhappy caller, for a supervisor
    FOLLOW_UP = "follow_up"  # a call that a rule wants made


class TaskState(enum.StrEnum):
    """How far it is."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do. Times are Unix seconds."""

    id: str
    kind: TaskKind
    queue: str
    contact: str  # it came from
    caller: str  # digits, "" when withheld
    language: str
    created: float
    due: float  # nobody need look at it before
    state: TaskState = TaskState.OPEN
    changed: float = 0.0
    author: str = ""  # of the last change: "agent:8001", "supervisor:NAME" or "rule:NAME"
    note: str = ""
    recording: int | None = None  # ``offer`` of the contact's recorded message
    seconds: float = 0.0  # of the message
    score: int | None = None
    reason: str = ""
    agent: str = ""  # whose talk it is about
    rule: str = ""  # of follow_ups.yaml
    calls: int = 0  # how many follow-up calls were asked for
    call: str = ""  # contact of the newest of them
    outcome: str = ""  # of that call; "" while it is under way


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskText:
    """A task with what the caller said, as far as it is written down."""

    task: Task
    transcript: str = ""
    transcribing: bool = False  # the text is still to come
    fault: str = ""  # why there is no text
    folder: str = ""  # of the message, below the recordings folder


def task_id(kind: TaskKind, *source: str) -> str:
    """The id of the task that comes of this source: the same source, the same task."""
    digest = hashlib.sha256("\0".join(source).encode()).hexdigest()
    return f"{kind.value.replace('_', '-')}-{digest[:16]}"


class TaskStore:
    """The table of tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, task: Task) -> bool:
        """Keep a new task; False when it is there already, which is then left as it is."""
        dialect: Any = postgresql if self._database.dialect == "postgresql" else sqlite
        statement = dialect.insert(tasks).values(**asdict(task)).on_conflict_do_nothing()
        return bool(await self._database.change(statement))

    async def get(self, task: str) -> Task | None:
        """One task."""
        found = await self._tasks(select(tasks).where(_t.id == task))
        return found[0] if found else None

    async def with_text(self, task: str) -> TaskText | None:
        """One task with what the caller said."""
        found = await self._texts(_with_text().where(_t.id == task))
        return found[0] if found else None

    async def list(
        self,
        *,
        now: float,
        queues: Collection[str] | None = None,
        states: Collection[TaskState] = (TaskState.OPEN, TaskState.IN_PROGRESS),
        kinds: Collection[TaskKind] = tuple(TaskKind),
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[TaskText]:
        """Tasks that are due, those in hand first, then the oldest due; ``queues`` None is all."""
        chosen = _with_text().where(_due(now, queues, states, kinds))
        in_order = chosen.order_by(_t.state, _t.due, _t.id)
        return await self._texts(in_order.limit(limit).offset(offset))

    async def open_count(
        self, *, now: float, queues: Collection[str] | None, kinds: Collection[TaskKind]
    ) -> int:
        """How many are due that nobody has in hand; ``queues`` None is all."""
        chosen = select(func.count()).where(_due(now, queues, (TaskState.OPEN,), kinds))
        return await self._count(chosen)

    async def change(
        self,
        task: str,
        state: TaskState,
        *,
        come_from: Collection[TaskState],
        author: str,
        now: float,
        note: str | None = None,
    ) -> bool:
        """Bring a task into another state; False when it is in none of ``come_from``."""
        values = {"state": state.value, "author": author, "changed": now}
        if note is not None:
            values["note"] = note
        states = [each.value for each in come_from]
        return await self._change(and_(_t.id == task, _t.state.in_(states)), values)

    async def attach(self, contact: str, kind: TaskKind, *, recording: int, seconds: float) -> bool:
        """A message belongs to the contact's tasks of this kind that have none."""
        theirs = and_(_t.contact == contact, _t.kind == kind.value, _t.recording.is_(None))
        return await self._change(theirs, {"recording": recording, "seconds": seconds})

    # -- follow-up calls -----------------------------------------------------------------------

    async def due(self, now: float, limit: int = 20) -> Sequence[Task]:
        """Follow-up calls of rules whose time has come and that nobody has in hand."""
        chosen = select(tasks).where(
            _t.kind == TaskKind.FOLLOW_UP.value,
            _t.state == TaskState.OPEN.value,
            _t.due <= now,
        )
        return await self._tasks(chosen.order_by(_t.due).limit(limit))

    async def under_way(self) -> Sequence[Task]:
        """Tasks whose follow-up call was asked for and has not ended."""
        return await self._tasks(select(tasks).where(_t.call != "", _t.outcome == ""))

    async def begin_call(self, task: Task, *, author: str, now: float) -> str:
        """Note that a call is to be made for the task; the contact's id that it will have.

        "" when somebody else was quicker, or a call is under way already.
        """
        call = f"{task.id}.{task.calls + 1}"
        free = and_(
            _t.id == task.id,
            _t.calls == task.calls,
            _t.state != TaskState.DONE.value,
            or_(_t.call == "", _t.outcome != ""),
        )
        values = {
            "state": TaskState.IN_PROGRESS.value,
            "author": author,
            "changed": now,
            "calls": task.calls + 1,
            "call": call,
            "outcome": "",
        }
        return call if await self._change(free, values) else ""

    async def of_call(self, call: str) -> Task | None:
        """The task that a follow-up call was made for."""
        found = await self._tasks(select(tasks).where(_t.call == call))
        return found[0] if found else None

    async def end_call(self, call: str, outcome: str, *, state: TaskState, now: float) -> bool:
        """What came of a follow-up call, and how its task goes on; False when that is known.

        A task that somebody has finished meanwhile stays so.
        """
        open_call = and_(_t.call == call, _t.outcome == "")
        goes_on = case((_t.state == TaskState.DONE.value, _t.state), else_=state.value)
        return await self._change(open_call, {"outcome": outcome, "state": goes_on, "changed": now})

    async def put_off(self, task: str, due: float) -> None:
        """Let a follow-up call wait until then."""
        await self._change(
            _t.id == task,
            {"state": TaskState.OPEN.value, "call": "", "outcome": "", "due": due},
        )

    async def made_for(self, caller: str, kind: TaskKind, since: float) -> int:
        """How many tasks of a kind were made for a customer since then."""
        chosen = select(func.count()).where(
            _t.caller == caller, _t.kind == kind.value, _t.created > since
        )
        return await self._count(chosen)

    async def _change(self, which: ColumnElement[bool], values: dict[str, Any]) -> bool:
        return bool(await self._database.change(update(tasks).where(which).values(**values)))

    async def _count(self, query: Select[Any]) -> int:
        ((count,),) = await self._database.rows(query)
        return int(count)

    async def _tasks(self, query: Select[Any]) -> Sequence[Task]:
        return [_task(row) for row in await self._database.rows(query)]

    async def _texts(self, query: Select[Any]) -> Sequence[TaskText]:
        return [_text(row) for row in await self._database.rows(query)]


def _due(
    now: float,
    queues: Collection[str] | None,
    states: Collection[TaskState],
    kinds: Collection[TaskKind],
) -> ColumnElement[bool]:
    return and_(
        _t.due <= now,
        _t.state.in_([state.value for state in states]),
        _t.kind.in_([kind.value for kind in kinds]),
        *(() if queues is None else (_t.queue.in_(queues),)),
    )


def _with_text() -> Select[Any]:
    said = and_(
        transcripts.c.contact == _t.contact,
        transcripts.c.offer == _t.recording,
        transcripts.c.leg == "customer",
    )
    job = and_(
        transcription_jobs.c.contact == _t.contact,
        transcription_jobs.c.offer == _t.recording,
    )
    filed = and_(recordings.c.contact == _t.contact, recordings.c.offer == _t.recording)
    return (
        select(
            tasks,
            transcripts.c.text.label("said"),
            transcripts.c.fault.label("fault"),
            transcription_jobs.c.state.label("job"),
            recordings.c.folder.label("folder"),
        )
        .outerjoin(transcripts, said)
        .outerjoin(transcription_jobs, job)
        .outerjoin(recordings, filed)
    )


def _task(row: Row[Any]) -> Task:
    fields = {column.name: row._mapping[column] for column in tasks.columns}
    kind, state = TaskKind(fields["kind"]), TaskState(fields["state"])
    return Task(**{**fields, "kind": kind, "state": state})


def _text(row: Row[Any]) -> TaskText:
    return TaskText(
        task=_task(row),
        transcript=row.said or "",
        transcribing=row.said is None and row.job in ("pending", "running"),
        fault=row.fault or "",
        folder=row.folder or "",
    )
