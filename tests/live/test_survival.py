"""The controller dies in the middle of it all: Asterisk keeps the calls, callers keep places."""

import asyncio

import pytest

from store.live import AGENTS
from telephony.events import (
    AgentState,
    ContactAnswered,
    ContactQueued,
    QueueEnd,
    QueueEntryEnded,
    RecordingFinished,
    TalkEnded,
)
from telephony.softphone import PhoneCall
from tests.live.sound import samples, seconds, tone_seconds, write_tone
from tests.live.stack import Agent, Caller, Scene

pytestmark = pytest.mark.live

CALLER_HERTZ, AGENT_HERTZ = 1000, 1400


async def hum(scene: Scene, customer: PhoneCall, agent: PhoneCall) -> None:
    """Both sides speak without a pause: a tone each."""
    await customer.play(write_tone(scene.folder / "1000.wav", CALLER_HERTZ), loop=True)
    await agent.play(write_tone(scene.folder / "1400.wav", AGENT_HERTZ), loop=True)


async def one_talks_one_waits(scene: Scene, agent: Agent) -> tuple[Caller, PhoneCall, Caller]:
    """A caller who talks with the agent, both humming, and one who waits for the same agent."""
    talker, waiter = await asyncio.gather(
        scene.caller(heard=scene.folder / "talker.wav"),
        scene.caller(heard=scene.folder / "waiter.wav"),
    )
    await talker.chooses("3")
    talk = await agent.answer(20, heard=scene.folder / "agent.wav")
    await scene.feed.event(ContactAnswered, contact=talker.contact)
    await hum(scene, talker.call, talk)
    await waiter.waits_in("logistics", key="3")
    await scene.hears_music(waiter)
    return talker, talk, waiter


async def test_a_killed_controller_costs_nobody_anything(scene: Scene) -> None:
    agent = await scene.agent("8004")
    talker, talk, waiter = await one_talks_one_waits(scene, agent)
    (place,) = scene.feed.all(ContactQueued, contact=waiter.contact)

    old = scene.stack.kill("controller")
    await scene.stack.serves_again("controller", old)
    assert (await scene.feed.store(AGENTS))["8004"]["state"] == AgentState.TALKING
    await talk.hang_up()
    ended = await scene.feed.event(TalkEnded, contact=talker.contact)
    await talker.call.ended(10)

    second = await agent.answer(15)
    assert second.number == waiter.number
    answered = await scene.feed.event(ContactAnswered, contact=waiter.contact)
    assert answered.waited == pytest.approx(answered.at - place.at, abs=0.01)
    assert not answered.adopted
    assert scene.feed.count(ContactQueued, contact=waiter.contact) == 1
    await asyncio.sleep(1)  # a talk
    await second.hang_up()
    await waiter.gone()

    assert ended.talked > 8  # it went on over the death and the start
    assert tone_seconds(samples(scene.folder / "agent.wav"), CALLER_HERTZ) > ended.talked - 1.5
    assert tone_seconds(samples(scene.folder / "talker.wav"), AGENT_HERTZ) > ended.talked - 1.5
    recording = await scene.feed.event(RecordingFinished, contact=talker.contact)
    assert recording.fault == ""
    assert recording.seconds == pytest.approx(ended.talked, abs=0.5)


async def test_with_no_restart_the_waiter_reaches_an_agent_through_the_fallback(
    scene: Scene,
) -> None:
    stack = scene.stack
    agent = await scene.agent("8004")
    async with stack.dialplan_times(HUAWU_TICK=3, HUAWU_RETRY=1):
        talker, talk, waiter = await one_talks_one_waits(scene, agent)
        with stack.no_restarts():
            old = stack.kill("controller")
            await asyncio.sleep(3)  # the talk goes on without anybody
            await talk.hang_up()
            assert await talker.call.ended(10) == 200
            second = await agent.answer(40, heard=scene.folder / "second.wav")
            assert second.number == waiter.number
            await hum(scene, waiter.call, second)
            await asyncio.sleep(3)
    await stack.serves_again("controller", old)
    answered = await scene.feed.event(ContactAnswered, contact=waiter.contact)
    assert answered.adopted
    (entry,) = scene.feed.all(QueueEntryEnded, contact=waiter.contact)
    assert entry.end is QueueEnd.ANSWERED
    await waiter.call.hang_up()
    assert await second.ended(5) == 200
    await waiter.gone()
    await agent.is_now(AgentState.WRAP_UP)

    assert tone_seconds(samples(scene.folder / "agent.wav"), CALLER_HERTZ) > 3
    assert seconds(scene.folder / "second.wav") > 3
    assert tone_seconds(samples(scene.folder / "second.wav"), CALLER_HERTZ) > 2.5
    assert tone_seconds(samples(scene.folder / "waiter.wav"), AGENT_HERTZ) > 2.5
