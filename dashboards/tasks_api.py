"""Tasks: what calls have left to do, taken and done by agents of the queue and by supervisors."""

from typing import Annotated

import structlog
from aiohttp import web
from pydantic import Field, StringConstraints

from dashboards.contacts_api import PLAYS, file_of
from dashboards.problems import Refusal, not_found
from dashboards.routes import Answer, Call, Route
from dashboards.views import TaskList, TaskView, View
from store.tasks import Task, TaskKind, TaskState, TaskText

audit = structlog.get_logger("audit")

#: Agents see no scores of their colleagues' talks.
OF_AGENTS = frozenset({TaskKind.VOICEMAIL, TaskKind.CALLBACK, TaskKind.FOLLOW_UP})
NOT_DONE = (TaskState.OPEN, TaskState.IN_PROGRESS)


class TaskQuery(View):
    """Which tasks."""

    state: TaskState | None = Field(default=None, description="None: all that are not done")
    kind: TaskKind | None = None
    queue: str = Field(default="", max_length=64)
    limit: int = Field(default=50, ge=1, le=200)
    cursor: int = Field(default=0, ge=0, le=1_000_000)


class TaskNote(View):
    """What is to be kept with a task."""

    note: Annotated[str, StringConstraints(max_length=2000)] | None = None


async def list_tasks(call: Call) -> Answer:
    """Tasks that are due, those in hand first, then the oldest."""
    query = call.query_as(TaskQuery)
    queues = theirs = _queues(call)
    if query.queue:
        queues = [query.queue] if theirs is None or query.queue in theirs else []
    kinds = [kind for kind in TaskKind if call.supervises or kind in OF_AGENTS]
    now = call.ports.now()
    found = await call.ports.tasks.list(
        now=now,
        queues=queues,
        states=[query.state] if query.state else NOT_DONE,
        kinds=[kind for kind in kinds if query.kind in (None, kind)],
        limit=query.limit,
        offset=query.cursor,
    )
    full = len(found) == query.limit
    return TaskList(
        tasks=[_view(call, each) for each in found],
        next=str(query.cursor + query.limit) if full else "",
        open=await call.ports.tasks.open_count(now=now, queues=theirs, kinds=kinds),
    )


def _queues(call: Call) -> list[str] | None:
    """The queues whose tasks the reader sees; None is all."""
    if call.supervises:
        return None
    agent, company = call.who.agent, call.ports.company
    return sorted(company.queues_of(agent)) if agent in company.agents else []


async def _task(call: Call) -> TaskText:
    """The task of the path. Raises Refusal when there is none for this reader."""
    found = await call.ports.tasks.with_text(call.part("task"))
    if found is not None:
        queues = _queues(call)
        task = found.task
        if queues is None or (task.queue in queues and task.kind in OF_AGENTS):
            return found
    raise not_found("task")


async def read_task(call: Call) -> Answer:
    """One task."""
    return _view(call, await _task(call))


async def take_task(call: Call) -> Answer:
    """The task is in the reader's hand."""
    return await _bring(call, TaskState.IN_PROGRESS, (TaskState.OPEN,))


async def finish_task(call: Call) -> Answer:
    """Nothing is left to do."""
    return await _bring(call, TaskState.DONE, NOT_DONE)


async def reopen_task(call: Call) -> Answer:
    """Something is left to do after all, or somebody else is to do it."""
    return await _bring(call, TaskState.OPEN, (TaskState.IN_PROGRESS, TaskState.DONE))


async def _bring(call: Call, state: TaskState, come_from: tuple[TaskState, ...]) -> Answer:
    task = (await _task(call)).task
    changed = await call.ports.tasks.change(
        task.id,
        state,
        come_from=come_from,
        author=_author(call),
        now=call.ports.now(),
        note=call.body_as(TaskNote).note,
    )
    if not changed:
        raise Refusal(409, "task-state", "somebody else was quicker: the task's state has changed")
    audit.info("task", account=call.who.account, task=task.id, state=state)
    return _view(call, await _task(call))


async def call_for_task(call: Call) -> Answer:
    """Call the customer: through the task's queue, and to the agent who asks for it first."""
    task = (await _task(call)).task
    if task.state is TaskState.DONE:
        raise Refusal(409, "task-state", "the task is done: reopen it first")
    if refusal := await call.ports.call_for(task, _author(call)):
        raise Refusal(409, "refused-" + refusal.replace("_", "-"), "the customer is not called")
    audit.info("task call", account=call.who.account, task=task.id)
    return _view(call, await _task(call))


def _author(call: Call) -> str:
    who = call.who
    return f"supervisor:{who.account}" if call.supervises else f"agent:{who.agent}"


async def play_message(call: Call) -> Answer:
    """What the caller said; answers ``Range``. Each opening is audited."""
    found = await _task(call)
    task, folder = found.task, found.folder
    file = file_of(call.ports.recordings, folder, "customer") if folder else None
    if file is None:
        raise not_found("message")
    if call.request.app[PLAYS].is_new(call.who.csrf, str(file), call.ports.now()):
        audit.info("message opened", account=call.who.account, task=task.id)
    response = web.FileResponse(file, chunk_size=64 * 1024)
    response.content_type = "audio/wav"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _view(call: Call, found: TaskText) -> TaskView:
    task: Task = found.task
    return TaskView(
        id=task.id,
        kind=task.kind,
        state=task.state,
        queue=task.queue,
        contact=task.contact,
        caller=call.show(task.caller),
        language=task.language,
        created=task.created,
        due=task.due,
        changed=task.changed or None,
        author=task.author,
        note=task.note,
        message=f"/api/v1/tasks/{task.id}/message.wav" if task.recording is not None else "",
        seconds=task.seconds,
        transcript=found.transcript,
        transcribing=found.transcribing,
        fault=found.fault,
        score=task.score,
        reason=task.reason,
        agent=task.agent,
        rule=task.rule,
        calls=task.calls,
        call=task.call,
        outcome=task.outcome,
    )


_ONE = "/api/v1/tasks/{task}"

ROUTES = (
    Route(
        method="GET",
        path="/api/v1/tasks",
        run=list_tasks,
        summary="Tasks that are due; agents see those of their queues",
        query=TaskQuery,
        answer=TaskList,
    ),
    Route(method="GET", path=_ONE, run=read_task, summary="One task", answer=TaskView),
    Route(
        method="GET",
        path=_ONE + "/message.wav",
        run=play_message,
        summary="Audio of the caller's message; answers Range",
        media_type="audio/wav",
    ),
    Route(
        method="POST",
        path=_ONE + "/take",
        run=take_task,
        summary="Take a task in hand; 409 when somebody else has it",
        body=TaskNote,
        answer=TaskView,
    ),
    Route(
        method="POST",
        path=_ONE + "/done",
        run=finish_task,
        summary="Finish a task",
        body=TaskNote,
        answer=TaskView,
    ),
    Route(
        method="POST",
        path=_ONE + "/reopen",
        run=reopen_task,
        summary="Give a task back, or take it up again",
        body=TaskNote,
        answer=TaskView,
    ),
    Route(
        method="POST",
        path=_ONE + "/call",
        run=call_for_task,
        summary="Call the task's customer through its queue; 409 when that cannot be now",
        answer=TaskView,
    ),
)
