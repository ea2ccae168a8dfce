"""Tasks through the API: who sees which, who takes, finishes and calls."""

import pytest

from store.recordings import RecordingStore
from store.tasks import Task, TaskKind, TaskState, task_id
from telephony.events import SurveyAnswered, SurveyOffered
from tests.dashboards.conftest import NOW, Browser, House, pretty

NUMBER = "13800138000"


def task(source: str, kind: TaskKind = TaskKind.VOICEMAIL, queue: str = "order") -> Task:
    recording = 0 if kind is TaskKind.VOICEMAIL else None
    return Task(
        id=task_id(kind, source), kind=kind, queue=queue, contact=source, caller=NUMBER,
        language="zh-CN", created=NOW - 60, due=NOW - 60, recording=recording, seconds=4.0,
        score=1 if kind is TaskKind.LOW_SCORE else None,
    )  # fmt: skip


VOICEMAIL, LOW, COMPLAINT = task("a"), task("b", TaskKind.LOW_SCORE), task("c", queue="complaints")


@pytest.fixture
async def full(house: House, database) -> House:
    """A voicemail and a low score in one queue of agent 8001, a voicemail in another's."""
    filed = RecordingStore(database)
    await filed.file_message("a", "messages/a", language="zh-CN", seconds=4, at=NOW, now=NOW)
    (house.recordings / "messages" / "a").mkdir(parents=True)
    (house.recordings / "messages" / "a" / "customer.wav").write_bytes(b"RIFFsound")
    for each in (VOICEMAIL, LOW, COMPLAINT):
        await house.tasks.add(each)
    return house


async def seen(browser: Browser, query: str = "") -> list[str]:
    answer = await browser.get(f"/api/v1/tasks{query}")
    assert answer.status == 200, await answer.text()
    return sorted(each["id"] for each in (await answer.json())["tasks"])


async def test_agents_see_their_queues_and_no_scores(boss, agent, full) -> None:
    assert "complaints" not in full.company.queues_of("8001")
    assert await seen(agent) == [VOICEMAIL.id]
    assert await seen(agent, "?queue=complaints") == []
    assert await seen(boss) == sorted([VOICEMAIL.id, LOW.id, COMPLAINT.id])
    assert await seen(boss, "?kind=low_score") == [LOW.id]
    assert await seen(boss, "?queue=complaints") == [COMPLAINT.id]
    assert await seen(boss, "?state=done") == []
    assert (await boss.get("/api/v1/tasks?state=lost")).status == 400
    for other in (LOW, COMPLAINT):
        assert (await agent.get(f"/api/v1/tasks/{other.id}")).status == 404
        assert (await agent.post(f"/api/v1/tasks/{other.id}/take", json={})).status == 404
    view = await (await agent.get(f"/api/v1/tasks/{VOICEMAIL.id}")).json()
    assert (view["caller"], view["transcribing"], view["state"]) == ("138****8000", True, "open")


async def test_a_part_at_a_time(boss: Browser, full: House) -> None:
    first = await (await boss.get("/api/v1/tasks?limit=2")).json()
    second = await (await boss.get(f"/api/v1/tasks?limit=2&cursor={first['next']}")).json()
    assert (len(first["tasks"]), len(second["tasks"]), second["next"]) == (2, 1, "")


async def test_what_is_open_is_counted_whatever_part_is_asked_for(boss, agent, full) -> None:
    async def counted(browser: Browser) -> int:
        answer = await browser.get("/api/v1/tasks?limit=1&state=done&queue=complaints")
        return (await answer.json())["open"]

    assert (await counted(boss), await counted(agent)) == (3, 1)
    await agent.post(f"/api/v1/tasks/{VOICEMAIL.id}/take", json={})
    assert (await counted(boss), await counted(agent)) == (2, 0)


async def test_a_task_is_taken_by_one_and_finished_with_a_note(boss, agent, full) -> None:
    path = f"/api/v1/tasks/{VOICEMAIL.id}"
    taken = await (await agent.post(f"{path}/take", json={})).json()
    assert (taken["state"], taken["author"], taken["changed"]) == (
        "in_progress", "agent:8001", NOW,
    )  # fmt: skip
    quicker = await boss.post(f"{path}/take", json={})
    assert (quicker.status, (await quicker.json())["type"]) == (409, "urn:huawu:problem:task-state")
    done = await (await agent.post(f"{path}/done", json={"note": "已回电"})).json()
    assert (done["state"], done["note"]) == ("done", "已回电")
    assert (await agent.post(f"{path}/call")).status == 409
    again = await (await boss.post(f"{path}/reopen", json={})).json()
    assert (again["state"], again["author"], again["note"]) == ("open", "supervisor:boss", "已回电")
    assert (await boss.post(f"{path}/done", json={"note": "x" * 2001})).status == 400


async def test_the_customer_is_called_for_who_asks(boss, agent, full) -> None:
    assert (await agent.post(f"/api/v1/tasks/{VOICEMAIL.id}/call")).status == 200
    refused = await boss.post(f"/api/v1/tasks/{LOW.id}/call")
    assert refused.status == 409
    assert (await refused.json())["type"] == "urn:huawu:problem:refused-call-under-way"
    assert full.called == [(VOICEMAIL.id, "agent:8001"), (LOW.id, "supervisor:boss")]


async def test_the_message_is_heard_by_those_who_see_the_task(agent, full) -> None:
    heard = await agent.get(f"/api/v1/tasks/{VOICEMAIL.id}/message.wav")
    assert (heard.status, await heard.read()) == (200, b"RIFFsound")
    assert (await agent.get(f"/api/v1/tasks/{COMPLAINT.id}/message.wav")).status == 404


async def test_nothing_is_left_when_it_is_done(boss: Browser, full: House) -> None:
    for each in (VOICEMAIL, LOW, COMPLAINT):
        await boss.post(f"/api/v1/tasks/{each.id}/done", json={})
    assert await seen(boss) == []
    assert len(await seen(boss, f"?state={TaskState.DONE}")) == 3


async def test_scores_by_queue_and_by_agent(boss, agent, house) -> None:
    def asked(contact: str, queue: str, who: str) -> SurveyOffered:
        return SurveyOffered(at=NOW - 9, contact=contact, queue=queue, agent=who, offer=1)

    def said(contact: str, score: int, queue: str, who: str, why: str = "") -> SurveyAnswered:
        return SurveyAnswered(
            at=NOW - 8, contact=contact, node="s", score=score, reason=why, queue=queue, agent=who,
            offer=1,
        )  # fmt: skip

    await house.store([
        asked("a", "order", "8001"), said("a", 5, "order", "8001"),
        asked("b", "order", "8002"), said("b", 2, "order", "8002", "slow"),
        asked("c", "returns", "8001"),
        said("d", 4, "", ""),
    ])  # fmt: skip
    figures = await (await boss.get("/api/v1/surveys")).json()
    total = figures["total"]
    assert (total["asked"], total["answered"]) == (3, 3), pretty(figures)
    assert total["average"] == pytest.approx(11 / 3)
    assert total["satisfied"] == pytest.approx(2 / 3)
    assert total["reasons"] == {"slow": 1}
    assert figures["agents"]["8001"]["answered_share"] == 0.5
    assert figures["queues"]["returns"]["average"] is None
    one = await (await boss.get("/api/v1/surveys?queue=order&agent=8002")).json()
    assert (one["total"]["average"], one["total"]["counts"]["2"]) == (2.0, 1)
    before = await (await boss.get(f"/api/v1/surveys?end={NOW - 100}")).json()
    assert before["total"]["asked"] == 0
    assert (await boss.get("/api/v1/surveys?start=9&end=1")).status == 400
    assert (await agent.get("/api/v1/surveys")).status == 403
