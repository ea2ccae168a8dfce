"""Callbacks over real SIP: press a key, hang up, be called when it is one's turn."""

import asyncio

import pytest

from store.live import CONTACTS
from telephony.events import (
    AgentState,
    CallbackEnd,
    CallbackEnded,
    CallbackRequested,
    CallbackTried,
    CallResult,
    ContactAnswered,
    ContactEnded,
    ContactQueued,
    OfferMade,
    PlaceResumed,
    QueueEnd,
    QueueEntryEnded,
    RecordingFinished,
    TalkEnded,
)
from telephony.softphone import Phone, PhoneCall
from tests.live.sound import samples, tone_seconds, write_tone
from tests.live.stack import Caller, Scene, until
from tests.live.test_calls import heard

pytestmark = pytest.mark.live

CUSTOMER_HERTZ, AGENT_HERTZ = 1000, 1400


async def asks_for_a_callback(scene: Scene, *, queue: str, key: str) -> tuple[Caller, float]:
    """A caller waits with music, presses 1, hears the promise to its end; the place taken."""
    caller = await scene.caller(heard=scene.folder / "asks.wav")
    place = await caller.waits_in(queue, key=key)
    await scene.hears_music(caller)
    await caller.call.press("1")
    await scene.feed.event(CallbackRequested, contact=caller.contact)
    assert await caller.call.ended(15) == 200
    assert heard(scene.folder / "asks.wav", "callback_promised") > 0.7
    (entry,) = scene.feed.all(QueueEntryEnded, contact=caller.contact)
    assert entry.end is QueueEnd.CALLBACK
    return caller, place.at


async def talk(scene: Scene, customer: PhoneCall, agent: PhoneCall) -> None:
    """Both sides hum for three seconds."""
    await customer.play(write_tone(scene.folder / "c.wav", CUSTOMER_HERTZ), loop=True)
    await agent.play(write_tone(scene.folder / "a.wav", AGENT_HERTZ), loop=True)
    await asyncio.sleep(3)


async def they_heard_each_other(scene: Scene, caller: Caller) -> None:
    """Both directions were there, in the ears and on the recording."""
    assert tone_seconds(samples(scene.folder / "agent.wav"), CUSTOMER_HERTZ) > 2
    assert tone_seconds(samples(scene.folder / "customer.wav"), AGENT_HERTZ) > 2
    recording = await scene.feed.event(RecordingFinished, 20, contact=caller.contact)
    assert recording.fault == ""
    record = await scene.record(caller.contact, lambda found: found["recordings"], 20)
    (files,) = record["recordings"]
    for leg, hertz in (("customer_leg", CUSTOMER_HERTZ), ("agent_leg", AGENT_HERTZ)):
        file = scene.folder / f"{leg}.wav"
        file.write_bytes(await scene.api.read(files[leg]))
        assert tone_seconds(samples(file), hertz) > 2, leg


async def one_record(scene: Scene, caller: Caller) -> None:
    """One contact tells of both calls, and the talk is the agent's."""
    record = await scene.record(caller.contact, lambda found: found["summary"]["ended_at"], 20)
    kinds = [event["kind"] for event in record["events"]]
    story = [
        "ContactArrived", "ContactQueued", "CallbackRequested", "QueueEntryEnded", "OfferMade",
        "CallbackTried", "ContactAnswered", "CallbackEnded", "TalkEnded", "ContactEnded",
    ]  # fmt: skip
    assert [kind for kind in kinds if kind in story] == story
    assert record["summary"]["caller"] == caller.number


async def customer_is_called(phones: Phone, caller: Caller, limit: float = 20) -> PhoneCall:
    """The customer's phone rings, once."""
    ringing = await phones.ringing(limit)
    assert f"sip:{caller.number}@" in ringing.headers["To"]
    assert ringing.number == "8000"
    return ringing


async def test_the_customer_is_called_when_an_agent_is_free(scene: Scene) -> None:
    async with scene.customers() as phones:
        caller, place = await asks_for_a_callback(scene, queue="logistics", key="3")
        await asyncio.sleep(1)
        assert phones.is_quiet  # nobody is free
        agent = await scene.agent("8004")
        ringing = await customer_is_called(phones, caller)
        await agent.is_now(AgentState.OFFERED)
        await ringing.answer(heard=scene.folder / "customer.wav")
        answered = await agent.answer(20, heard=scene.folder / "agent.wav")
        assert answered.number == caller.number
        assert answered.headers["X-Huawu-Contact"] == caller.contact
        fact = await scene.feed.event(ContactAnswered, contact=caller.contact, agent="8004")
        assert fact.waited == pytest.approx(fact.at - place, abs=0.01)
        await talk(scene, ringing, answered)
        await ringing.hang_up()
        ended = await scene.feed.event(TalkEnded, contact=caller.contact)
        assert ended.by == "caller"
        await caller.gone()
        assert heard(scene.folder / "customer.wav", "callback_greeting") > 0.7
        assert phones.is_quiet
    (over,) = scene.feed.all(CallbackEnded, contact=caller.contact)
    assert (over.result, over.attempts) == (CallbackEnd.ANSWERED, 1)
    assert scene.feed.count(ContactEnded) == scene.feed.count(ContactQueued) == 1
    await they_heard_each_other(scene, caller)
    await one_record(scene, caller)


async def test_the_agent_is_called_before_the_customer(scene: Scene) -> None:
    async with scene.customers() as phones:
        caller, _ = await asks_for_a_callback(scene, queue="returns", key="4")
        agent = await scene.agent("8005")
        first = await agent.phone.ringing(10)
        assert first.number == caller.number
        assert phones.is_quiet
        await first.answer(heard=scene.folder / "agent.wav")
        ringing = await customer_is_called(phones, caller)
        await ringing.answer(heard=scene.folder / "customer.wav")
        await scene.feed.event(ContactAnswered, contact=caller.contact, agent="8005")
        await talk(scene, ringing, first)
        await first.hang_up()
        ended = await scene.feed.event(TalkEnded, contact=caller.contact)
        assert ended.by == "agent"
        assert await ringing.ended(15) == 200
        await caller.gone()
    assert heard(scene.folder / "agent.wav", "callback_calling") > 0.7
    assert heard(scene.folder / "customer.wav", "goodbye") > 0.7
    await agent.is_now(AgentState.READY)
    await they_heard_each_other(scene, caller)
    await one_record(scene, caller)


async def test_who_does_not_answer_is_tried_again_by_the_rule(scene: Scene) -> None:
    async with scene.customers() as phones:
        caller, place = await asks_for_a_callback(scene, queue="logistics", key="3")
        agent = await scene.agent("8004")
        idle = (await agent.is_now(AgentState.OFFERED)).at
        first = await customer_is_called(phones, caller)
        await first.decline(486)
        tried = await scene.feed.event(CallbackTried, contact=caller.contact)
        assert (tried.attempt, tried.result) == (1, CallResult.BUSY)
        await agent.is_now(AgentState.READY)
        second = await customer_is_called(phones, caller)
        assert await second.ended(25) != 200  # nobody picks up
        tried = await scene.feed.event(CallbackTried, number=2, contact=caller.contact)
        assert (tried.attempt, tried.result) == (2, CallResult.NO_ANSWER)
        third = await customer_is_called(phones, caller)
        await third.answer()
        answered = await agent.answer(20)
        fact = await scene.feed.event(ContactAnswered, contact=caller.contact)
        assert fact.waited == pytest.approx(fact.at - place, abs=0.01)
        await answered.hang_up()
        await caller.gone()
        assert phones.is_quiet
    offers = scene.feed.all(OfferMade, contact=caller.contact)
    assert [offer.offer for offer in offers] == [1, 2, 3]
    assert offers[1].at - tried.at < 0 < idle
    (over,) = scene.feed.all(CallbackEnded, contact=caller.contact)
    assert (over.result, over.attempts) == (CallbackEnd.ANSWERED, 3)


async def test_who_dials_again_takes_the_place_back(scene: Scene) -> None:
    caller, place = await asks_for_a_callback(scene, queue="logistics", key="3")
    again = await scene.caller(caller.number)
    queued = await again.waits_in("logistics", key="3")
    assert queued.counts_from == pytest.approx(place, abs=0.01)
    resumed = await scene.feed.event(PlaceResumed, contact=again.contact)
    assert resumed.earlier == caller.contact
    (over,) = scene.feed.all(CallbackEnded, contact=caller.contact)
    assert over.result is CallbackEnd.RESUMED
    agent = await scene.agent("8004")
    answered = await agent.answer()
    assert answered.number == caller.number
    await answered.hang_up()
    await again.gone()


async def test_the_ticket_outlives_a_killed_controller(scene: Scene) -> None:
    """Once while it waits, once in the middle of the call: one call in all."""
    stack = scene.stack
    async with scene.customers() as phones:
        caller, place = await asks_for_a_callback(scene, queue="logistics", key="3")
        agent = await scene.agent("8004", ready=False)
        await agent.is_now(AgentState.NOT_READY)  # written down
        await stack.serves_again("controller", stack.kill("controller"))
        assert (await scene.feed.store(CONTACTS))[caller.contact]["stage"] == "callback"
        await agent.want("ready")
        ringing = await customer_is_called(phones, caller)
        await until(lambda: in_store(scene, caller, "calling"), 5, "the attempt is written down")
        await stack.serves_again("controller", stack.kill("controller"))
        calls = 1
        if ringing.end:  # on a slow machine; then it was tried again
            ringing, calls = await customer_is_called(phones, caller), 2
        await ringing.answer()
        answered = await agent.answer(20)
        fact = await scene.feed.event(ContactAnswered, contact=caller.contact)
        assert fact.waited == pytest.approx(fact.at - place, abs=0.01)
        assert not fact.adopted
        await asyncio.sleep(1)  # a talk
        await answered.hang_up()
        await caller.gone()
        assert phones.is_quiet
    (over,) = scene.feed.all(CallbackEnded, contact=caller.contact)
    assert (over.result, over.attempts) == (CallbackEnd.ANSWERED, calls)


async def in_store(scene: Scene, caller: Caller, stage: str) -> bool:
    """Whether the live store has the contact in this stage."""
    return (await scene.feed.store(CONTACTS))[caller.contact]["stage"] == stage


async def test_a_withheld_number_waits_on(scene: Scene) -> None:
    caller = await scene.caller("0014155550100", heard=scene.folder / "withheld.wav")
    await caller.waits_in("logistics", key="3")
    await scene.hears_music(caller)
    await caller.call.press("1")
    agent = await scene.agent("8004", ready=False)
    await asyncio.sleep(8)  # the whole of what is said
    await scene.hears_music(caller)
    assert not scene.feed.count(CallbackRequested)
    await agent.want("ready")
    answered = await agent.answer()
    await answered.hang_up()
    await caller.gone()
    assert heard(scene.folder / "withheld.wav", "callback_no_number") > 0.7
