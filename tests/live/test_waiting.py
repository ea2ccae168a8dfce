"""Waiting in a real line: limits that end it, what is told, and no telling that delays a match."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.prompts import prompt_path
from telephony.events import (
    AgentState,
    AgentStateChanged,
    CallStage,
    ContactAnswered,
    ContactQueued,
    EstimateTold,
    LimitReached,
    MessageRecorded,
    OfferMade,
    PlaceChanged,
    QueueEnd,
    QueueEntryEnded,
)
from tests.live.sound import likeness, samples, seconds
from tests.live.stack import SPEECH, Caller, Scene, Stack, until

pytestmark = pytest.mark.live

QUESTION = SPEECH / "customer_refund.wav"
LONGEST_WAIT = 10
"""Seconds in the queue of complaints: the shortest that the rules allow."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A system whose complaints wait 10 s at most, and whose orders overflow at once."""
    stack = Stack()
    queues = stack.settings.company / "queues.yaml"
    text = queues.read_text(encoding="utf-8")
    for old, new in (
        ("wait: {max: 900, exit: {voicemail: true}}",
         f"wait: {{max: {LONGEST_WAIT}, exit: {{voicemail: true}}}}"),
        ("  - id: order\n",
         "  - id: order\n    limits:\n      length: {max: 0, exit: {overflow: general}}\n"),
        ("  - id: logistics\n", "  - id: logistics\n    announcements: {every: 10}\n"),
    ):  # fmt: skip
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    queues.write_text(text, encoding="utf-8")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


async def place_of(stack: Stack, caller: Caller) -> str:
    """Where the caller's channel is: ``context!application``."""
    lines = (await stack.console("core show channels concise")).splitlines()
    own = [line.split("!") for line in lines if line.endswith(f"!{caller.contact}")]
    return f"{own[0][1]}!{own[0][5]}" if own else ""


async def test_the_longest_wait_ends_in_the_voicemail(scene: Scene) -> None:
    caller = await scene.caller(heard=scene.folder / "caller.wav")
    queued = await caller.waits_in("complaints", key="5")
    reached = await scene.feed.event(LimitReached, LONGEST_WAIT + 5, contact=caller.contact)
    assert (reached.limit, reached.exit) == ("wait", "voicemail")
    assert reached.at - queued.at == pytest.approx(LONGEST_WAIT, abs=0.2)  # not the next tick

    async def in_the_voicemail() -> bool:
        return (await place_of(scene.stack, caller)).startswith("huawu-message!")

    await until(in_the_voicemail, 2, "the caller is asked for a message")
    (entry,) = scene.feed.all(QueueEntryEnded, contact=caller.contact)
    assert entry.end is QueueEnd.TIMED_OUT
    prompt = Path(prompt_path("leave_message") + ".wav")
    await asyncio.sleep(seconds(prompt) + 2)  # and its tone
    for _ in range(2):  # on a busy machine the tone may come late
        await caller.call.say(QUESTION)
    await caller.call.hang_up()
    assert (await caller.gone()).stage is CallStage.AFTER
    assert likeness(samples(scene.folder / "caller.wav"), samples(prompt)) > 0.7
    # From Asterisk's spool it comes to the recordings, whenever the controller looks next.
    message = await scene.feed.event(MessageRecorded, 20, contact=caller.contact)
    sound = scene.stack.settings.recordings_dir / message.file
    assert likeness(samples(sound), samples(QUESTION)) > 0.7


async def test_a_full_queue_overflows_to_an_agent_of_the_other(scene: Scene) -> None:
    agent = await scene.agent("8007")  # general, not orders
    caller = await scene.caller()
    await caller.chooses("2")
    talk = await agent.answer(20)
    assert talk.headers["X-Huawu-Queue"] == "general"
    reached = await scene.feed.event(LimitReached, contact=caller.contact)
    assert (reached.queue, reached.limit, reached.exit) == ("order", "length", "overflow:general")
    entries = scene.feed.all(ContactQueued, contact=caller.contact)
    assert [(entry.queue, entry.why) for entry in entries] == [
        ("order", ""), ("general", "overflow"),
    ]  # fmt: skip
    answered = await scene.feed.event(ContactAnswered, contact=caller.contact)
    ends = scene.feed.all(QueueEntryEnded, contact=caller.contact)
    assert [(entry.queue, entry.end) for entry in ends] == [
        ("order", QueueEnd.OVERFLOWED), ("general", QueueEnd.ANSWERED),
    ]  # fmt: skip
    assert answered.queue == "general"
    await talk.hang_up()
    await caller.gone()


async def test_the_place_and_the_wait_are_told_and_an_offer_ends_the_telling(scene: Scene) -> None:
    first, second = await scene.agent("8004"), await scene.agent("8005", ready=False)
    busy = await scene.caller()
    await busy.chooses("3")
    talk = await first.answer(20)
    caller = await scene.caller(heard=scene.folder / "caller.wav")
    await caller.waits_in("logistics", key="3")
    told = await scene.feed.event(EstimateTold, contact=caller.contact)
    assert told.position == 1
    assert told.seconds is not None
    assert 30 < told.seconds < 300

    async def announced() -> bool:
        return (await place_of(scene.stack, caller)) == "huawu-wait!BackGround"

    await scene.hears_music(caller)  # the first telling is over
    await scene.feed.event(EstimateTold, 25, number=2, contact=caller.contact)
    await until(announced, 3, "the second telling plays")
    await second.want("ready")
    answer = await second.answer(5)
    ready = await scene.feed.event(AgentStateChanged, agent="8005", state=AgentState.READY)
    offer = await scene.feed.event(OfferMade, contact=caller.contact)
    answered = await scene.feed.event(ContactAnswered, contact=caller.contact)
    assert offer.at - ready.at < 0.05
    assert answered.at - offer.at < 0.5  # moved, rung and picked up
    print(f"ready to offer {offer.at - ready.at:.4f} s, to answer {answered.at - offer.at:.4f} s")
    await asyncio.sleep(1)
    for one in (answer, talk):
        await one.hang_up()
    await caller.gone()
    await busy.gone()
    heard = samples(scene.folder / "caller.wav")
    minutes = [name for name in ("wait_1", "wait_2", "wait_3")
               if likeness(heard, samples(Path(prompt_path(name) + ".wav"))) > 0.7]  # fmt: skip
    assert len(minutes) == 1
    assert likeness(heard, samples(Path(prompt_path("position_next") + ".wav"))) > 0.7


async def test_a_supervisor_sends_a_waiting_caller_elsewhere(scene: Scene) -> None:
    agent = await scene.agent("8006")  # returns and complaints
    caller = await scene.caller()
    queued = await caller.waits_in("logistics", key="3")
    body = {"queue": "returns", "priority": 9}
    path = f"/api/v1/contacts/{caller.contact}/place"
    async with scene.api._session.post(path, json=body) as answer:
        assert answer.status == 204, await answer.text()
    talk = await agent.answer(5)
    assert talk.headers["X-Huawu-Queue"] == "returns"
    changed = await scene.feed.event(PlaceChanged, contact=caller.contact)
    assert (changed.queue, changed.priority, changed.author) == (
        "returns", 9, "supervisor:supervisor",
    )  # fmt: skip
    moved = await scene.feed.event(ContactQueued, number=2, contact=caller.contact)
    assert moved.counts_from == pytest.approx(queued.at, abs=0.01)
    async with scene.api._session.post(path, json=body) as answer:
        assert answer.status == 409
        assert re.search("refused-(talking|being-offered)", await answer.text())
    await talk.hang_up()
    await caller.gone()


async def test_the_agent_who_served_a_customer_before_a_restart_is_preferred(scene: Scene) -> None:
    stack = scene.stack
    fit = await scene.agent("8005", ready=False)  # more level, and idle for longer below
    known = await scene.agent("8006")
    first = await scene.caller()
    await first.chooses("4")
    talk = await known.answer(20)
    await known.want("not_ready")
    await talk.hang_up()
    await first.gone()
    old = stack.kill("controller")
    await stack.serves_again("controller", old)
    await fit.want("ready")
    await known.want("ready")
    again = await scene.caller(first.number)
    await again.chooses("4")
    talk = await known.answer(20)
    queued = await scene.feed.event(ContactQueued, contact=again.contact)
    assert queued.preferred == "8006"
    # Who calls again within a day goes to the same agent by a rule of its own, which does without
    # when the log is slow to answer.
    assert queued.preferred_by in ("rule:repeat_caller", "rule:sticky")
    await talk.hang_up()
    await again.gone()
