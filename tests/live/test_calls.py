"""Real calls through the whole system: every caller, agent and wire is real."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.settings import ROOT
from ivr.versions import load_version
from telephony.events import (
    AgentState,
    AgentStateChanged,
    CallStage,
    ContactAnswered,
    ContactQueued,
    OfferEnd,
    OfferEnded,
    OfferMade,
    QueueEnd,
    QueueEntryEnded,
    TalkEnded,
)
from telephony.softphone import PhoneCall
from tests.live.sound import likeness, samples, seconds
from tests.live.stack import SPEECH, WRAP_UP, Agent, Api, Caller, Scene
from tests.speech_text import spoken

pytestmark = pytest.mark.live

QUESTION = SPEECH / "customer_refund.wav"
ANSWER = SPEECH / "agent_refund.wav"
PHRASES = yaml.safe_load((SPEECH / "phrases.yaml").read_text(encoding="utf-8"))["phrases"]
MENU = load_version(ROOT / "company").flow.shelf
"""Every prompt that a caller may hear."""

STORY = [
    "ContactArrived",
    "MenuStepTaken",  # greeting
    "MenuStepTaken",  # language
    "MenuStepTaken",  # ... key 1
    "MenuStepTaken",  # who
    "MenuStepTaken",  # main_menu
    "MenuStepTaken",  # ... key 3
    "MenuStepTaken",  # logistics
    "ContactQueued",
    "OfferMade",
    "ContactAnswered",
    "QueueEntryEnded",
    "TalkEnded",
]
"""What happens to a contact up to the end of its talk, in this order."""


def heard(file: Path, prompt: str) -> float:
    """How surely a Chinese prompt was heard."""
    return likeness(samples(file), samples(Path(MENU.path(prompt, "zh-CN") + ".wav")))


async def test_a_caller_reaches_the_agent_whose_skill_fits(scene: Scene) -> None:
    page = await scene.api.watch()
    await scene.agent("8001")  # free all the time, but knows nothing of logistics
    fit = await scene.agent("8004", ready=False)
    caller = await scene.caller(heard=scene.folder / "caller.wav")
    await caller.waits_in("logistics", key="3")
    await page.saw(caller.contact, "waiting")

    await fit.want("ready")
    talk = await fit.answer(heard=scene.folder / "agent.wav")
    assert (talk.number, talk.name) == (caller.number, "物流")
    assert talk.headers["X-Huawu-Queue"] == "logistics"
    assert talk.headers["X-Huawu-Contact"] == caller.contact
    await page.saw(caller.contact, "talking")
    await caller.call.say(QUESTION)
    await talk.say(ANSWER)
    await talk.hang_up()
    await caller.call.ended(10)
    await caller.gone()
    await page.saw(caller.contact, "gone")
    await page.close()

    seen = [stage for stage in page.stages[caller.contact] if stage != "offered"]  # very short
    assert seen == ["menu", "waiting", "talking", "after", "gone"]
    shown = [counts[1:] for counts in page.counts if counts[0] == "logistics"]
    assert [counts for counts in ((1, 0), (0, 1), (0, 0)) if counts not in shown] == []
    assert likeness(samples(scene.folder / "agent.wav"), samples(QUESTION)) > 0.7
    assert likeness(samples(scene.folder / "caller.wav"), samples(ANSWER)) > 0.7
    assert heard(scene.folder / "caller.wav", "main-greeting") > 0.7
    assert heard(scene.folder / "caller.wav", "goodbye") > 0.7
    await check_record(scene, caller)


async def check_record(scene: Scene, caller: Caller) -> None:
    """The record has every event in order, and says why this agent and not the other."""
    record = await scene.record(
        caller.contact, lambda found: found["transcripts"] and found["summary"]["transcribed"], 60
    )
    kinds = [event["kind"] for event in record["events"]]
    assert [kind for kind in kinds if kind in STORY] == STORY
    assert set(kinds) - set(STORY) - {"EstimateTold"} == {  # told when somebody is at work
        "AgentStateChanged", "ContactEnded", "MenuLeft", "RecordingFinished", "TranscriptFinished"
    }  # fmt: skip
    times = [event["at"] for event in record["events"]]
    assert times == sorted(times)
    states = [event["data"]["state"] for event in record["events"] if "state" in event["data"]]
    assert states[:3] == ["offered", "talking", "wrap_up"]
    assert record["summary"]["caller"] == caller.number
    assert record["summary"]["outcome"] == QueueEnd.ANSWERED
    (routing,) = record["routing"]
    assert routing["agent"] == "8004"
    assert "8001" in {other["agent"] for other in routing["passed_over"]}
    await check_recording(scene, record)
    check_transcripts(record)


async def check_recording(scene: Scene, record: Any) -> None:
    """Both sides were recorded from the answer to the parting."""
    (recording,) = record["recordings"]
    assert recording["fault"] == ""
    (talk,) = [event["data"] for event in record["events"] if event["kind"] == "TalkEnded"]
    for leg, phrase in (("customer_leg", QUESTION), ("agent_leg", ANSWER)):
        file = scene.folder / f"{leg}.wav"
        file.write_bytes(await scene.api.read(recording[leg]))
        assert seconds(file) == pytest.approx(talk["talked"], abs=0.5)
        assert likeness(samples(file), samples(phrase)) > 0.7
    assert (await scene.api.read(recording["stereo"]))[:4] == b"RIFF"


def check_transcripts(record: Any) -> None:
    """What each side said is there in writing, four characters of five at least."""
    written = {transcript["leg"]: transcript for transcript in record["transcripts"]}
    for leg, phrase in (("customer", QUESTION), ("agent", ANSWER)):
        said = spoken(PHRASES[phrase.stem]["text"])
        found = spoken(written[leg]["text"])
        assert common(said, found) >= 0.8 * len(said), (said, found)
        assert written[leg]["engine"]
        assert written[leg]["model"]


def common(one: str, other: str) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for char in one:
        previous = row
        row = [0]
        for index, candidate in enumerate(other):
            same = previous[index] + 1 if char == candidate else 0
            row.append(max(same, previous[index + 1], row[index]))
    return row[-1]


async def test_callers_may_hang_up_anywhere(scene: Scene) -> None:
    """In the greeting, in the menu, at once in the queue, later in the queue, while it rings."""
    agent = await scene.agent("8004")

    async def leaves_in(node: str) -> None:
        caller = await scene.caller()
        await caller.comes_to("language")
        if node == "main_menu":
            await caller.call.press("1")
        await caller.comes_to(node)
        await caller.call.hang_up()
        ended = await caller.gone()
        assert ended.stage is CallStage.MENU
        assert not scene.feed.count(ContactQueued, contact=caller.contact)

    async def leaves_the_queue(after: float, end: QueueEnd) -> None:
        caller = await scene.caller()
        queued = await caller.waits_in("complaints", key="5")
        await asyncio.sleep(after)
        await caller.call.hang_up()
        assert (await caller.gone()).stage is CallStage.WAITING
        (entry,) = scene.feed.all(QueueEntryEnded, contact=caller.contact)
        assert entry.end is end
        assert entry.waited == pytest.approx(entry.at - queued.at, abs=0.01)

    async def leaves_while_it_rings() -> None:
        caller = await scene.caller()
        await caller.chooses("3")
        ringing = await agent.phone.ringing(20)
        await caller.call.hang_up()
        assert await ringing.ended(5) != 200
        assert (await caller.gone()).stage is CallStage.OFFERED
        offer = await scene.feed.event(OfferEnded, contact=caller.contact)
        assert offer.result is OfferEnd.CALLER_GONE
        await agent.is_now(AgentState.READY)

    await asyncio.gather(
        leaves_in("language"),
        leaves_in("main_menu"),
        leaves_the_queue(0.5, QueueEnd.SHORT_ABANDONED),
        leaves_the_queue(5.5, QueueEnd.ABANDONED),
        leaves_while_it_rings(),
    )
    assert not scene.feed.count(ContactAnswered)


async def test_an_unanswered_offer_returns_the_caller_to_the_same_place(scene: Scene) -> None:
    agent = await scene.agent("8004", ready=False)
    first, second = await asyncio.gather(scene.caller(), scene.caller())
    place = await first.waits_in("logistics", key="3")
    await second.waits_in("logistics", key="3")

    await agent.want("ready")
    ringing = await agent.phone.ringing(10)
    assert ringing.number == first.number
    await ringing.ended(10)  # nobody picks up
    offer = await scene.feed.event(OfferEnded, contact=first.contact)
    assert offer.result is OfferEnd.TIMED_OUT
    await agent.is_now(AgentState.NOT_READY, reason="rona")

    other = await scene.phone_of("8003")
    async with Api(scene.stack, other.id) as page:
        await other.want("signed_in", at=page)
        await other.want("ready", at=page)
    await scene.feed.event(AgentStateChanged, state=AgentState.READY, author="agent:8003")
    talk = await other.answer()
    assert talk.number == first.number
    answered = await scene.feed.event(ContactAnswered, contact=first.contact)
    assert answered.waited == pytest.approx(answered.at - place.at, abs=0.01)
    assert answered.offer == 2
    assert scene.feed.count(ContactQueued, contact=first.contact) == 1


async def test_a_declined_call_goes_to_the_next_agent(scene: Scene) -> None:
    async def declines(code: int, key: str, first: str, second: str) -> None:
        agent = await scene.agent(first)
        caller = await scene.caller()
        await caller.chooses(key)
        ringing = await agent.phone.ringing(20)
        other = await scene.agent(second)
        await ringing.decline(code)
        await agent.is_now(AgentState.NOT_READY, reason="declined")
        talk = await other.answer()
        assert talk.number == caller.number
        (offer,) = scene.feed.all(OfferEnded, contact=caller.contact)
        assert (offer.agent, offer.result) == (first, OfferEnd.DECLINED)
        await scene.feed.event(ContactAnswered, contact=caller.contact, agent=second, offer=2)

    await asyncio.gather(declines(486, "3", "8003", "8004"), declines(603, "5", "8006", "8007"))


async def test_two_callers_and_one_agent(scene: Scene) -> None:
    """The second is served when the first one's notes are written, with no further word."""
    agent = await scene.agent("8004", ready=False)
    first, second = await asyncio.gather(scene.caller(), scene.caller())
    await first.waits_in("logistics", key="3")
    await second.waits_in("logistics", key="3")

    await agent.want("ready")
    talk = await agent.answer()
    assert talk.number == first.number
    await scene.feed.event(ContactAnswered, contact=first.contact)
    await first.call.hang_up()
    ended = await scene.feed.event(TalkEnded, contact=first.contact)
    assert ended.by == "caller"
    noting = await agent.is_now(AgentState.WRAP_UP)
    talk = await agent.answer()
    assert talk.number == second.number
    offer = await scene.feed.event(OfferMade, contact=second.contact)
    assert offer.at - noting.at == pytest.approx(WRAP_UP, abs=0.5)
    await scene.feed.event(ContactAnswered, contact=second.contact)
    await talk.hang_up()
    await scene.feed.event(AgentStateChanged, agent="8004", state=AgentState.WRAP_UP, number=2)
    await second.gone()
    await agent.is_now(AgentState.READY, WRAP_UP + 2)


async def test_nobody_is_signed_in_until_an_agent_dials_the_codes(scene: Scene) -> None:
    caller = await scene.caller(heard=scene.folder / "caller.wav")
    await caller.waits_in("returns", key="4")
    agent = await scene.phone_of("8005")
    await until_over(await caller_of(agent, "*45", scene))
    await agent.is_now(AgentState.NOT_READY)
    await scene.hears_music(caller)
    await until_over(await caller_of(agent, "*46", scene))
    await agent.is_now(AgentState.OFFERED, author="rule:offer")
    talk = await agent.answer()
    assert talk.number == caller.number
    await talk.hang_up()
    await caller.call.ended(10)
    assert heard(scene.folder / "caller.wav", "nobody_signed_in") > 0.7
    assert heard(scene.folder / "*45.wav", "agent_signed_in") > 0.7
    assert heard(scene.folder / "*46.wav", "agent_ready") > 0.7


async def caller_of(agent: Agent, code: str, scene: Scene) -> PhoneCall:
    """The agent dials a feature code."""
    return await agent.phone.dial(code, heard=scene.folder / f"{code}.wav")


async def until_over(call: PhoneCall) -> None:
    """The system answers the code, says what it did, and hangs up."""
    assert await call.ended(15) == 200


async def test_wrong_keys_and_silence_lead_to_a_person(scene: Scene) -> None:
    async def presses_wrong_keys() -> None:
        caller = await scene.caller(heard=scene.folder / "wrong.wav")
        await caller.comes_to("language")
        await caller.call.press("1")
        await caller.comes_to("main_menu")
        await caller.call.press("9")
        await scene.feed.event(ContactQueued, 60, contact=caller.contact, queue="general")
        await caller.call.hang_up()
        await caller.gone()
        assert heard(scene.folder / "wrong.wav", "invalid_key") > 0.7

    async def says_nothing() -> None:
        caller = await scene.caller(heard=scene.folder / "silent.wav")
        queued = await scene.feed.event(ContactQueued, 90, contact=caller.contact)
        assert (queued.queue, queued.language) == ("general", "zh-CN")
        await caller.call.hang_up()
        await caller.gone()
        assert heard(scene.folder / "silent.wav", "no_input") > 0.7

    await asyncio.gather(presses_wrong_keys(), says_nothing())
