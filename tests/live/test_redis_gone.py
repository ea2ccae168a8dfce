"""Redis hangs for half a minute, dies, or comes back empty, while callers wait and talk."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from controller.settings import ROOT
from store.database import open_database
from store.event_log import EventLog
from store.live import AGENTS, CONTACTS
from telephony.events import (
    AgentState,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    OfferMade,
    RecordedEvent,
    TalkEnded,
)
from telephony.softphone import PhoneCall, PhoneRack
from tests.live.balance import faults_of, overlapping_offers
from tests.live.pair import leader, two_are_ready
from tests.live.sound import samples, tone_seconds, write_tone
from tests.live.stack import SERVICE_NUMBER, Agent, Api, Caller, Feed, Scene, Stack, until

pytestmark = pytest.mark.live

GONE = 30.0
"""Seconds for which Redis answers nobody."""
CALLER_HERTZ, AGENT_HERTZ = 1000, 1400


@pytest.fixture
async def scene(pair: Stack, tmp_path: Path) -> AsyncIterator[Scene]:
    """One test's people; at its end everybody has gone home and all sums are right."""
    await two_are_ready(pair)
    url = leader(pair).url
    async with Api(pair, "supervisor", url) as api, Feed(pair) as feed, PhoneRack() as rack:
        scene = Scene(pair, api, feed, rack, tmp_path)
        yield scene
        await until(lambda: _nobody(pair), 20, "no calls are left")
        # Sessions went with an emptied Redis.
        async with Api(pair, "supervisor", leader(pair).url) as again:
            for name, agent in (await feed.store(AGENTS)).items():
                if agent["state"] != AgentState.SIGNED_OUT:
                    await again.want(name, "signed_out")
    events = await logged(pair)
    assert not faults_of(events)
    assert not overlapping_offers(events)


async def _nobody(stack: Stack) -> bool:
    return not await stack.channels()


async def logged(stack: Stack) -> list[RecordedEvent]:
    """All that SQL has of everything."""
    database = open_database(stack.settings.effective_database_url)
    try:
        return [event for _, event in await EventLog(database).between(0, float("inf"))]
    finally:
        await database.close()


async def stored(stack: Stack, kind: type[Any], limit: float = 15.0, **fields: Any) -> Any:
    """Wait until SQL has such an event."""

    async def found() -> Any:
        for event in await logged(stack):
            if isinstance(event, kind) and all(
                getattr(event, name) == value for name, value in fields.items()
            ):
                return event
        return None

    return await until(found, limit, f"{kind.__name__} {fields} in SQL")


async def talking(scene: Scene, agent: Agent) -> tuple[Caller, PhoneCall]:
    """A caller who talks with the agent, both with a tone."""
    caller = await scene.caller(heard=scene.folder / "caller.wav")
    await caller.chooses("3")
    talk = await agent.answer(20, heard=scene.folder / "agent.wav")
    await scene.feed.event(ContactAnswered, contact=caller.contact)
    await caller.call.play(write_tone(scene.folder / "1000.wav", CALLER_HERTZ), loop=True)
    await talk.play(write_tone(scene.folder / "1400.wav", AGENT_HERTZ), loop=True)
    return caller, talk


async def newcomer(scene: Scene, number: str, heard: Path) -> PhoneCall:
    """Somebody calls and chooses logistics while no event can be followed."""
    stack = scene.stack
    secret, port = stack.credentials.sip["trunk"], stack.settings.sip_port
    trunk = await scene.rack.phone("trunk", secret, server="127.0.0.1", port=port)
    call = await trunk.dial(SERVICE_NUMBER, number=number, heard=heard)
    await call.answered(10)
    await asyncio.sleep(await greeting_seconds() + 1.0)
    await call.press("1")
    await asyncio.sleep(1.5)
    await call.press("3")
    return call


async def greeting_seconds() -> float:
    """How long the words last that no key skips."""
    (file,) = (ROOT / "ivr" / "prompts" / "zh-CN").glob("main-greeting-*.wav")
    return soundfile.info(file).duration


async def test_redis_hangs_for_half_a_minute(scene: Scene) -> None:
    stack = scene.stack
    first, second = await scene.agent("8004"), await scene.agent("8003")
    await second.want("not_ready")
    (talker, talk), waiter = await asyncio.gather(talking(scene, first), scene.caller())
    await waiter.waits_in("logistics", key="3")
    await scene.hears_music(waiter)
    redis = stack.pids()["redis"]
    os.kill(redis, signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        late = await newcomer(scene, "13911112222", scene.folder / "late.wav")
        assert await stack.hears_music(waiter.contact)
        await talk.hang_up()
        await talker.call.ended(10)
        # The notes end by a timer, and the agent gets who waited longest: all from memory.
        for_waiter = await first.answer(12)
        assert for_waiter.number == waiter.number
        await asyncio.sleep(1.0)
        await for_waiter.hang_up()
        await waiter.call.ended(10)
        for_late = await first.answer(12)
        assert for_late.number == "13911112222"
        assert await scene.api.metric("huawu_journal_lag_seconds") > 5
        await asyncio.sleep(max(0.0, GONE - (time.monotonic() - stopped)))
    finally:
        os.kill(redis, signal.SIGCONT)
    # All that happened meanwhile is told now, in its order and with its times.
    arrived = await stored(stack, ContactArrived, caller="13911112222")
    await stored(stack, ContactAnswered, contact=arrived.contact)
    await late.hang_up()
    await stored(stack, ContactEnded, contact=arrived.contact)
    assert await for_late.ended(5) == 200

    events = [event for event in await logged(stack) if hasattr(event, "contact")]
    order = [(type(event), event.contact) for event in events]
    told = [
        order.index((TalkEnded, talker.contact)),
        order.index((ContactAnswered, waiter.contact)),
        order.index((TalkEnded, waiter.contact)),
        order.index((ContactAnswered, arrived.contact)),
    ]
    assert told == sorted(told)
    talked = next(e for e in events if isinstance(e, TalkEnded) and e.contact == talker.contact)
    assert talked.talked > 4
    assert tone_seconds(samples(scene.folder / "caller.wav"), AGENT_HERTZ) > talked.talked - 1.5
    assert await scene.api.metric("huawu_journal_dropped_total") == 0
    # The holder was never another one.
    assert stack.log("controller").read_text(encoding="utf-8").count("no longer holds") == 0
    assert stack.log("controller-2").read_text(encoding="utf-8").count("no longer holds") == 0


@pytest.mark.parametrize("empty", [False, True], ids=["with its file", "empty"])
async def test_redis_is_killed_and_comes_back(scene: Scene, empty: bool) -> None:
    stack = scene.stack
    agent = await scene.agent("8005")
    (talker, talk), waiter = await asyncio.gather(talking(scene, agent), scene.caller())
    await waiter.waits_in("logistics", key="3")
    await scene.hears_music(waiter)
    with stack.no_restarts():
        old = stack.kill("redis")
        await until(lambda: _gone(old), 5, "redis is gone")
        if empty:
            shutil.rmtree(stack.settings.redis_dir)
            stack.settings.redis_dir.mkdir(mode=0o700)
        await talk.hang_up()
        await talker.call.ended(10)
        for_waiter = await agent.answer(12)
        assert for_waiter.number == waiter.number
    await stored(stack, ContactAnswered, 20, contact=waiter.contact)
    await until(lambda: _keeps(scene, waiter.contact), 10, "the live state is there again")
    await asyncio.sleep(1)  # a talk
    await for_waiter.hang_up()
    await stored(stack, ContactEnded, contact=waiter.contact)
    events = [e for e in await logged(stack) if getattr(e, "contact", "") == waiter.contact]
    kinds = [type(event) for event in events]
    assert kinds.count(ContactQueued) == kinds.count(ContactAnswered) == kinds.count(OfferMade) == 1


async def _gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}/fd/0").exists()


async def _keeps(scene: Scene, contact: str) -> bool:
    return contact in await scene.feed.store(CONTACTS)
