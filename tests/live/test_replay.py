"""A stretch of real life, fed back from its log, comes out the same decision by decision."""

import asyncio
import os
from pathlib import Path

import pytest

from acd.company import load_company
from acd.simulation.replay import diff_lines, replay, write_events
from ivr.hours import load_hours
from telephony.events import (
    AgentState,
    ContactEnded,
    OfferEnd,
    OfferEnded,
    OfferMade,
    QueueEnd,
    QueueEntryEnded,
)
from tests.live.stack import Caller, Scene

pytestmark = pytest.mark.live


async def test_a_stretch_of_real_life_is_replayed_exactly(scene: Scene) -> None:
    one, two = await asyncio.gather(scene.agent("8003"), scene.agent("8004"))
    first, second = await asyncio.gather(waiting(scene), waiting(scene))
    talks = await asyncio.gather(one.answer(), two.answer())
    await one.want("not_ready")  # during the talk: kept for after it
    third = await waiting(scene)
    await third.call.hang_up()  # gives up
    await third.gone()
    await talks[0].hang_up()  # one talk ends so, the other by its caller
    await scene.feed.event(ContactEnded, number=2)
    await asyncio.gather(first.call.hang_up(), second.call.hang_up())
    await asyncio.gather(first.gone(), second.gone())
    await one.is_now(AgentState.NOT_READY, limit=15)
    await two.is_now(AgentState.READY, limit=15)

    fourth = await waiting(scene)
    await (await two.phone.ringing(10)).decline(486)
    await one.want("ready")  # the place was kept
    talk = await one.answer()
    await talk.hang_up()
    await fourth.gone()
    await one.is_now(AgentState.READY, limit=15)
    missed = await waiting(scene)  # nobody picks up
    await scene.feed.event(OfferEnded, 20, result=OfferEnd.TIMED_OUT)
    await missed.call.hang_up()
    await missed.gone()
    await one.want("signed_out")
    await two.want("signed_out")
    await one.is_now(AgentState.SIGNED_OUT)
    await two.is_now(AgentState.SIGNED_OUT)

    events = list(scene.feed.events)
    if file := os.environ.get("SAVE_RECORDED_DAY"):
        write_events(events, Path(file))
    folder = scene.stack.settings.company
    found = replay(events, load_company(folder), is_open=load_hours(folder / "hours.yaml").is_open)
    assert diff_lines(found.differences + found.unexplained) == []
    assert found.offers == sum(isinstance(event, OfferMade) for event in events) >= 5
    ends = {event.end for event in events if isinstance(event, QueueEntryEnded)}
    assert {QueueEnd.ANSWERED} < ends


async def waiting(scene: Scene) -> Caller:
    caller = await scene.caller()
    await caller.waits_in("logistics", key="3")
    return caller
