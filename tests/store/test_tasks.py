"""Tasks and callers' past, on both databases."""

from dataclasses import replace

from store.database import Database
from store.past import DAY, PastContact, PastStore
from store.recordings import Leg, RecordingStore, Transcript
from store.tasks import Task, TaskKind, TaskState, TaskStore, task_id


def task(source: str = "c", kind: TaskKind = TaskKind.VOICEMAIL, **values: object) -> Task:
    plain = Task(
        id=task_id(kind, source), kind=kind, queue="order", contact="c", caller="13800138000",
        language="zh-CN", created=100.0, due=100.0,
    )  # fmt: skip
    return replace(plain, **values)  # type: ignore[arg-type]


def test_the_same_source_is_the_same_task() -> None:
    assert task_id(TaskKind.VOICEMAIL, "a", "b") == task_id(TaskKind.VOICEMAIL, "a", "b")
    ids = {task_id(kind, *words) for kind in TaskKind for words in (("a", "b"), ("ab",), ("a",))}
    assert len(ids) == 12


async def test_a_task_is_made_once_and_kept_as_it_is(database: Database) -> None:
    store = TaskStore(database)
    assert await store.add(task())
    assert not await store.add(task(queue="other"))
    assert await store.get(task().id) == task()
    assert await store.get("x") is None


async def test_a_message_comes_with_its_text_once_it_is_written_down(database: Database) -> None:
    filed, store = RecordingStore(database), TaskStore(database)
    said = {"language": "zh-CN", "seconds": 4.0, "at": 90.0, "now": 100.0}
    assert await filed.file_message("c", "messages/a", **said) == 0  # type: ignore[arg-type]
    assert await filed.file_message("c", "messages/b", **said) == -1  # type: ignore[arg-type]
    assert await filed.file_message("c", "messages/a", **said) == 0  # type: ignore[arg-type]
    await store.add(task(recording=-1, seconds=4.0))
    found = await store.with_text(task().id)
    assert found is not None
    assert (found.transcript, found.transcribing, found.folder) == ("", True, "messages/b")
    text = Transcript(
        contact="c", offer=-1, leg=Leg.CUSTOMER, language="zh-CN", engine="e", model="m",
        text="请回电", segments=[], fault="", made_at=1.0,
    )  # fmt: skip
    await filed.file_transcripts([text])
    found = await store.with_text(task().id)
    assert found is not None
    assert (found.transcript, found.transcribing) == ("请回电", False)
    (message, _) = [each for each in await filed.of_contact("c") if each.offer <= 0]
    assert message.legs == (Leg.CUSTOMER,)


async def test_a_comment_is_attached_to_a_task_that_has_none(database: Database) -> None:
    store = TaskStore(database)
    await store.add(task(kind=TaskKind.LOW_SCORE, score=1))
    assert await store.attach("c", TaskKind.LOW_SCORE, recording=0, seconds=3.0)
    assert not await store.attach("c", TaskKind.LOW_SCORE, recording=-1, seconds=9.0)
    found = await store.get(task_id(TaskKind.LOW_SCORE, "c"))
    assert found is not None
    assert (found.recording, found.seconds) == (0, 3.0)


async def test_only_one_person_takes_a_task(database: Database) -> None:
    store = TaskStore(database)
    await store.add(task())
    words = {"come_from": [TaskState.OPEN], "now": 200.0}
    assert await store.change(task().id, TaskState.IN_PROGRESS, author="agent:1", **words)  # type: ignore[arg-type]
    assert not await store.change(task().id, TaskState.IN_PROGRESS, author="agent:2", **words)  # type: ignore[arg-type]
    known = await store.get(task().id)
    assert known is not None
    assert (known.author, known.changed, known.note) == ("agent:1", 200.0, "")


async def test_who_sees_which_tasks(database: Database) -> None:
    store = TaskStore(database)
    for number, queue in enumerate(("order", "returns", "order")):
        await store.add(task(str(number), queue=queue, due=100.0 - number))
    await store.add(task("later", due=500.0))
    await store.change(
        task_id(TaskKind.VOICEMAIL, "0"), TaskState.IN_PROGRESS,
        come_from=[TaskState.OPEN], author="a", now=1.0,
    )  # fmt: skip
    seen = [each.task.id for each in await store.list(now=200.0, queues=["order"])]
    assert seen == [task_id(TaskKind.VOICEMAIL, "0"), task_id(TaskKind.VOICEMAIL, "2")]
    assert len(await store.list(now=200.0)) == 3
    assert len(await store.list(now=500.0)) == 4
    assert not await store.list(now=200.0, queues=[])
    assert not await store.list(now=200.0, states=[TaskState.DONE])


async def test_a_call_for_a_task_is_begun_once_and_ended_once(database: Database) -> None:
    store = TaskStore(database)
    await store.add(task(kind=TaskKind.FOLLOW_UP))
    (due,) = await store.due(100.0)
    call = await store.begin_call(due, author="rule:x", now=100.0)
    assert call == f"{due.id}.1"
    assert await store.begin_call(due, author="agent:1", now=100.0) == ""
    assert not await store.due(100.0)
    (under_way,) = await store.under_way()
    assert (under_way.call, under_way.state) == (call, TaskState.IN_PROGRESS)
    assert await store.begin_call(under_way, author="agent:1", now=100.0) == ""
    assert await store.end_call(call, "gave_up", state=TaskState.OPEN, now=300.0)
    assert not await store.end_call(call, "answered", state=TaskState.DONE, now=400.0)
    known = await store.of_call(call)
    assert known is not None
    assert (known.state, known.outcome) == (TaskState.OPEN, "gave_up")
    assert await store.begin_call(known, author="agent:1", now=500.0) == f"{due.id}.2"


async def test_a_task_that_was_finished_meanwhile_stays_finished(database: Database) -> None:
    store = TaskStore(database)
    await store.add(task())
    call = await store.begin_call(task(), author="agent:1", now=1.0)
    await store.change(
        task().id, TaskState.DONE, come_from=[TaskState.IN_PROGRESS], author="agent:1", now=2.0
    )
    await store.end_call(call, "expired", state=TaskState.OPEN, now=3.0)
    known = await store.get(task().id)
    assert known is not None
    assert (known.state, known.outcome) == (TaskState.DONE, "expired")


async def test_put_off(database: Database) -> None:
    store = TaskStore(database)
    await store.add(task(kind=TaskKind.FOLLOW_UP))
    await store.begin_call(task(kind=TaskKind.FOLLOW_UP), author="rule:x", now=1.0)
    await store.put_off(task_id(TaskKind.FOLLOW_UP, "c"), 900.0)
    assert not await store.due(899.0)
    (due,) = await store.due(900.0)
    assert await store.begin_call(due, author="rule:x", now=1.0) == f"{due.id}.2"


async def test_what_is_known_of_a_caller(database: Database) -> None:
    past, now = PastStore(database), 10 * DAY

    def ended(contact: str, ago: float, queue: str, agent: str, *, solved: bool) -> PastContact:
        return PastContact(
            contact=contact, caller="13800138000", ended=now - ago, queue=queue, agent=agent,
            solved=solved,
        )  # fmt: skip

    old = ended("old", DAY + 1, "vip", "8009", solved=True)
    await past.take_in("x", "1-0", [ended("b", 3600, "returns", "8001", solved=True), old])
    await past.take_in("x", "2-0", [ended("c", 60, "", "", solved=True)])
    last = ended("c", 60, "order", "", solved=False)
    await past.take_in("x", "2-0", [last])  # read again, with more known
    await past.take_in("x", "3-0")
    found = await past.since(now - DAY)
    assert [contact.contact for contact in found] == ["b", "c"]
    assert found[-1] == last
    await TaskStore(database).add(task(queue="complaints"))
    await TaskStore(database).add(task("done", state=TaskState.DONE))
    assert await past.unfinished() == [("13800138000", "complaints")]


async def test_the_mark_in_the_log(database: Database) -> None:
    past = PastStore(database)
    assert await past.read_until("x") is None
    await past.take_in("x", "5-1")
    await past.take_in("x", "7-0")
    assert await past.read_until("x") == "7-0"
