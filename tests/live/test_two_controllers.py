"""Two controllers on one real Asterisk: one decides, the other takes over when it dies or hangs."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.lease import TTL
from telephony.events import (
    AgentState,
    AgentStateChanged,
    ContactAnswered,
    ContactEnded,
    ContactQueued,
    OfferMade,
)
from telephony.softphone import PhoneCall, PhoneRack
from tests.live.balance import faults_of, overlapping_offers
from tests.live.pair import callers_wait, comes_to_lead, leader, standby, two_are_ready
from tests.live.stack import Agent, Api, Baseline, Feed, Scene, Stack

pytestmark = pytest.mark.live

AGENTS = ("8003", "8004", "8005")  # all who know logistics
TAKES_OVER_WITHIN = 3.0


@pytest.fixture
async def scene(pair: Stack, tmp_path: Path) -> AsyncIterator[Scene]:
    """One test's people. People on web pages are with the controller that stands by."""
    await two_are_ready(pair)
    url = standby(pair).url
    async with Api(pair, "supervisor", url) as api, Feed(pair) as feed:
        async with PhoneRack() as rack:
            scene = Scene(pair, api, feed, rack, tmp_path)
            baseline = Baseline(scene, watched=("asterisk",))  # one who leads opens more
            yield scene
        await two_are_ready(pair)
        async with Api(pair, "supervisor", leader(pair).url) as still_there:
            scene.api = still_there
            await baseline.restored()
        assert not faults_of(feed.events)
        assert not overlapping_offers(feed.events)


async def answers_all(agent: Agent, talks: asyncio.Queue[PhoneCall]) -> None:
    """An agent who answers everything and speaks for a moment."""
    while True:
        with contextlib.suppress(TimeoutError):
            call = await agent.answer(60)
            await talks.put(call)
            await asyncio.sleep(0.7)
            with contextlib.suppress(Exception):
                await call.hang_up()


async def test_the_holder_is_killed_under_load(scene: Scene) -> None:
    stack, feed = scene.stack, scene.feed
    agents = [await scene.agent(name) for name in AGENTS]
    callers = await callers_wait(scene, 12)
    talks = [await agent.answer(10) for agent in agents]
    await feed.event(ContactAnswered, number=3)
    # One agent's notes are done in the very time in which nobody decides.
    await talks[0].hang_up()
    await feed.event(AgentStateChanged, agent="8003", state=AgentState.WRAP_UP)
    await asyncio.sleep(2.0)

    old, offers = leader(stack), feed.count(OfferMade)
    pid = stack.kill(old.name)
    killed = time.monotonic()
    done: asyncio.Queue[PhoneCall] = asyncio.Queue()
    working = [asyncio.create_task(answers_all(agent, done)) for agent in agents]
    await feed.event(OfferMade, number=offers + 1)
    took = time.monotonic() - killed
    print(f"\nfrom kill -9 to the next offer: {took:.2f} s")
    assert took < TAKES_OVER_WITHIN
    # The two who talked all the while hang up, and agents go on taking callers.
    for talk in talks[1:]:
        await talk.hang_up()
    await feed.event(ContactAnswered, 40, number=12)
    await feed.event(ContactEnded, 20, number=12)
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)

    assert leader(stack).name != old.name
    # Nobody lost the place, and the order is that of the queue.
    assert feed.count(ContactQueued) == 12
    answered = [event.contact for event in feed.all(ContactAnswered)]
    first_offers = list(dict.fromkeys(event.contact for event in feed.all(OfferMade)))
    assert first_offers == [caller.contact for caller in callers]
    assert sorted(answered) == sorted(caller.contact for caller in callers)
    assert not any(event.adopted for event in feed.all(ContactAnswered))
    await stack.serves_again(old.name, pid)
    await two_are_ready(stack)
    assert standby(stack).name == old.name


async def test_a_hung_holder_that_goes_on_does_nothing(scene: Scene) -> None:
    stack, feed = scene.stack, scene.feed
    agent = await scene.agent("8004")
    talker, waiter = await callers_wait(scene, 2)
    talk = await agent.answer(10)
    await feed.event(ContactAnswered, contact=talker.contact)
    in_menu = await scene.caller()
    await in_menu.comes_to("language")

    old, other = leader(stack), standby(stack)
    pid = stack.pids()[old.name]
    os.kill(pid, signal.SIGSTOP)
    try:
        await talk.hang_up()  # nobody hears of it, until the other one leads
        await comes_to_lead(other, TTL + TAKES_OVER_WITHIN)
    finally:
        os.kill(pid, signal.SIGCONT)  # before the watchdog ends it
    await talker.call.ended(10)
    second = await agent.answer(10)
    assert second.number == waiter.number
    # The caller in the hung one's menu is asked again by the other one.
    await in_menu.comes_to("language", number=2)
    await in_menu.call.press("1")
    await in_menu.comes_to("main_menu")
    await in_menu.call.hang_up()
    answered = await feed.event(ContactAnswered, contact=waiter.contact)
    assert answered.agent == "8004"
    await stack.serves_again(old.name, pid)  # it ended by itself, and stands by
    assert leader(stack).name != old.name
    assert await scene.api.metric("huawu_leader") in (0.0, 1.0)
    text = stack.log(old.name).read_text(encoding="utf-8")
    assert "ends, to stand by" in text
    await second.hang_up()
    await waiter.gone()


async def test_pages_of_the_one_that_stands_by_show_and_change_the_same(scene: Scene) -> None:
    stack = scene.stack
    page = await scene.api.watch()
    assert await scene.api.metric("huawu_leader") == 0
    agent = await scene.agent("8004")  # asked for at the standby
    await agent.is_now(AgentState.READY)
    waiter = (await callers_wait(scene, 1))[0]
    await page.saw(waiter.contact, "offered")
    assert await scene.api.want("8005", "ready") == "refused-not-signed-in"
    await page.close()
    call = await agent.answer(10)
    await scene.feed.event(ContactAnswered, 30, contact=waiter.contact)
    await call.hang_up()
    await waiter.gone(30)
    assert leader(stack).name != standby(stack).name


async def test_both_start_again(scene: Scene) -> None:
    stack, feed = scene.stack, scene.feed
    agent = await scene.agent("8004")
    talker, waiter = await callers_wait(scene, 2)
    talk = await agent.answer(10)
    await feed.event(ContactAnswered, contact=talker.contact)
    old = {name: stack.kill(name) for name in ("controller", "controller-2")}
    await talk.hang_up()
    await talker.call.ended(10)
    for name, pid in old.items():
        await stack.serves_again(name, pid)
    second = await agent.answer(20)
    assert second.number == waiter.number
    await feed.event(ContactAnswered, contact=waiter.contact)
    await second.hang_up()
    await waiter.gone()
