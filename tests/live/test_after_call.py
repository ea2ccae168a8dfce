"""After the call over real SIP: the survey, a message with nobody there, a call by rule."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.settings import ROOT
from telephony.events import (
    CallbackEnded,
    ContactAnswered,
    ContactEnded,
    FollowUpPlaced,
    LimitReached,
    MenuStepTaken,
    MessageRecorded,
    SurveyAnswered,
    SurveyOffered,
    TalkEnded,
)
from tests.live.stack import SPEECH, Api, Caller, Scene, Stack, until

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not (ROOT / "company" / "menus" / "survey.yaml").exists(),
        reason="the example company has no survey",
    ),
]

SAID = SPEECH / "customer_refund.wav"
TRANSCRIBED = 240.0
"""Seconds; a busy machine recognises at a quarter of its speed."""
RULES = """
low_score: {at_most: 2, queue: complaints}
rules:
  - name: praise
    when: {queues: [order], score_at_least: 5}
    delay: 0
    queue: order
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A house that asks after every talk, takes messages, and calls who was very satisfied."""
    stack = Stack()
    company = stack.settings.company
    change(company / "routing.yaml", r"(?m)^(survey: .*)?\Z", "survey: {flow: survey, days: 0}\n")
    change(
        company / "queues.yaml", r"wait: {max: 900, exit: {voicemail: true}}",
        "nobody_signed_in: {voicemail: true}",
    )  # fmt: skip
    (company / "follow_ups.yaml").write_text(RULES, encoding="utf-8")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def change(file: Path, pattern: str, by: str) -> None:
    """Replace the first place of a pattern, which must be there."""
    text, found = re.subn(pattern, by, file.read_text(encoding="utf-8"), count=1)
    assert found, pattern
    file.write_text(text, encoding="utf-8")


async def task_of(
    scene: Scene, contact: str, *, limit: float = 15, written: bool = False, **wanted: Any
) -> Any:
    """The contact's task, once it is as wanted, and its message (``written``) a text."""

    seen: list[Any] = []

    async def found() -> Any:
        page = await scene.api.get("tasks?limit=200")
        seen[:] = [task for task in page["tasks"] if task["contact"] == contact]
        for task in page["tasks"]:
            assert not task["fault"]
            ready = bool(task["transcript"]) or not written
            if task["contact"] == contact and ready and wanted.items() <= task.items():
                return task
        return None

    try:
        return await until(found, limit, f"a task of {contact} that is {wanted}")
    except AssertionError as late:
        raise AssertionError(f"{late}; there is {seen}") from late


async def is_left_over(scene: Scene, agent: str = "8003") -> Caller:
    """A caller about an order talks with an agent, who hangs up; the survey begins."""
    desk = await scene.agent(agent)
    caller = await scene.caller()
    await caller.chooses("2")
    talk = await desk.answer(15)
    await scene.feed.event(ContactAnswered, contact=caller.contact, agent=agent)
    await talk.hang_up()
    await scene.feed.event(TalkEnded, contact=caller.contact)
    offered = await scene.feed.event(SurveyOffered, contact=caller.contact)
    assert (offered.queue, offered.agent, offered.offer) == ("order", agent, 1)
    return caller


async def presses(scene: Scene, caller: Caller, *keys: str) -> None:
    """Answer question after question of the survey, each once it is asked."""
    await caller.comes_to("survey/score")
    for key in keys:
        await caller.call.press(key)
        await scene.feed.event(MenuStepTaken, contact=caller.contact, node="survey/score", key=key)


async def test_a_low_score_is_a_supervisors_task(scene: Scene) -> None:
    caller = await is_left_over(scene)
    await presses(scene, caller, "2", "1")
    answered = await scene.feed.event(SurveyAnswered, contact=caller.contact)
    assert (answered.score, answered.reason, answered.agent) == (2, "not_solved", "8003")
    await caller.call.press("#")  # no comment
    assert await caller.call.ended(20) == 200
    await caller.gone()
    task = await task_of(scene, caller.contact, kind="low_score")
    assert (task["queue"], task["score"], task["reason"]) == ("complaints", 2, "not_solved")
    assert (task["agent"], task["caller"], task["state"]) == ("8003", caller.number, "open")
    figures = (await scene.api.get("surveys"))["agents"]["8003"]
    assert figures["counts"]["2"] >= 1
    async with Api(scene.stack, "8003") as colleague:
        assert await colleague.get(f"tasks/{task['id']}") is None


async def test_a_spoken_comment_is_written_down_with_the_task(scene: Scene) -> None:
    caller = await is_left_over(scene)
    await presses(scene, caller, "1", "3")
    await caller.call.play(SAID, loop=True)
    await scene.feed.event(SurveyAnswered, contact=caller.contact, score=1)
    await speaks_and_hangs_up(scene, caller)
    message = await scene.feed.event(MessageRecorded, contact=caller.contact)
    assert (message.purpose, message.queue) == ("comment", "")
    task = await task_of(scene, caller.contact, limit=TRANSCRIBED, written=True)
    assert task["kind"] == "low_score"
    assert len(await scene.api.read(task["message"])) > 44 + 16_000


async def speaks_and_hangs_up(scene: Scene, caller: Caller) -> None:
    """Once the message grows; hanging up while speaking leaves what was said."""
    settings = scene.stack.settings

    async def grows() -> bool:
        folders = (settings.recordings_dir / "messages", settings.asterisk_dir / "spool")
        found = [file for folder in folders for file in folder.rglob(f"*{caller.contact}*/*.wav")]
        found += folders[1].rglob(f"{caller.contact}.wav")
        return any(file.stat().st_size > 120_000 for file in found)

    await until(grows, 40, "the message grows")
    await caller.call.hang_up()
    await caller.gone()


async def test_who_hangs_up_in_the_survey_leaves_nothing(scene: Scene) -> None:
    caller = await is_left_over(scene)
    await caller.comes_to("survey/score")
    await caller.call.hang_up()
    await caller.gone()
    assert not scene.feed.count(SurveyAnswered, contact=caller.contact)


async def test_when_the_caller_hangs_up_first_nobody_asks(scene: Scene) -> None:
    agent = await scene.agent("8003")
    caller = await scene.caller()
    await caller.chooses("2")
    await agent.answer(15)
    await scene.feed.event(ContactAnswered, contact=caller.contact)
    await caller.call.hang_up()
    await caller.gone()
    assert not scene.feed.count(SurveyOffered)


async def test_a_message_with_nobody_there_is_a_task_and_its_caller_is_called(
    scene: Scene,
) -> None:
    caller = await scene.caller()
    await caller.chooses("5")
    limit = await scene.feed.event(LimitReached, contact=caller.contact)
    assert limit.exit == "voicemail"
    await caller.call.play(SAID, loop=True)
    await speaks_and_hangs_up(scene, caller)
    message = await scene.feed.event(MessageRecorded, 20, contact=caller.contact)
    assert (message.queue, message.caller) == ("complaints", caller.number)
    assert message.seconds > 4
    task = await task_of(scene, caller.contact, limit=TRANSCRIBED, written=True)
    assert (task["kind"], task["queue"], task["caller"]) == (
        "voicemail", "complaints", caller.number,
    )  # fmt: skip
    assert not list((scene.stack.settings.asterisk_dir / "spool").rglob("*.json"))
    await call_for(scene, caller, task)


async def call_for(scene: Scene, caller: Caller, task: Any) -> None:
    """An agent of the queue presses the button, and talks with the customer."""
    async with scene.customers() as phones, Api(scene.stack, "8006") as desk:
        agent = await scene.agent("8006")
        (own,) = (await desk.get("tasks"))["tasks"]
        assert own["id"] == task["id"]
        assert own["caller"] != caller.number  # masked for agents
        called = await desk.change("POST", f"tasks/{task['id']}/call")
        assert (called["state"], called["author"]) == ("in_progress", "agent:8006")
        ringing = await phones.ringing(20)
        assert f"sip:{caller.number}@" in ringing.headers["To"]
        await ringing.answer()
        talk = await agent.answer(20)
        assert talk.number == caller.number
        fact = await scene.feed.event(ContactAnswered, contact=called["call"])
        assert (fact.agent, fact.queue) == ("8006", "complaints")
        await talk.hang_up()
        await ringing.ended(15)
        await scene.feed.event(ContactEnded, contact=called["call"])
        known = await task_of(scene, caller.contact, outcome="answered")
        assert known["state"] == "in_progress"
        done = await desk.change("POST", f"tasks/{task['id']}/done", note="已处理")
        assert (done["state"], done["note"]) == ("done", "已处理")


async def test_a_call_by_rule_outlives_a_killed_controller_and_is_made_once(scene: Scene) -> None:
    caller = await is_left_over(scene)
    await scene.api.want("8003", "not_ready")
    await presses(scene, caller, "5")
    assert await caller.call.ended(20) == 200
    await caller.gone()
    placed = await scene.feed.event(FollowUpPlaced, 15, caller=caller.number)
    assert placed.author == "rule:praise"
    stack = scene.stack
    await stack.serves_again("controller", stack.kill("controller"))
    async with scene.customers() as phones:
        agent = await scene.agent("8002")
        ringing = await phones.ringing(30)
        assert f"sip:{caller.number}@" in ringing.headers["To"]
        await ringing.answer()
        talk = await agent.answer(20)
        await scene.feed.event(ContactAnswered, contact=placed.contact, agent="8002")
        await ringing.hang_up()
        await talk.ended(10)
        await scene.feed.event(ContactEnded, contact=placed.contact)

        async def done() -> Any:
            page = await scene.api.get("tasks?state=done&kind=follow_up")
            return [task for task in page["tasks"] if task["outcome"] == "answered"]

        (task,) = await until(done, 15, "the task is done")
        assert task["contact"] == caller.contact
        assert phones.is_quiet
    assert scene.feed.count(FollowUpPlaced) == scene.feed.count(CallbackEnded) == 1
