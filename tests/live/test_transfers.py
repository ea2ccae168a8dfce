"""Callers passed on over real SIP: who hears whom, what is kept, and what survives a crash."""

import asyncio

import numpy as np
import pytest

from telephony.events import (
    OUTSIDE,
    AgentJoined,
    AgentState,
    ConsultAnswered,
    ConsultEnd,
    ConsultEnded,
    ContactAnswered,
    ContactEnded,
    ContactQueued,
    ContactTransferred,
    HoldEnded,
    HoldStarted,
    MenuStepTaken,
    OfferMade,
    RecordingFinished,
    TalkEnded,
)
from telephony.softphone import PhoneCall, PhoneRack
from tests.live.sound import tone_seconds, write_tone
from tests.live.stack import Agent, Caller, Scene

pytestmark = pytest.mark.live

CALLER, FIRST, SECOND = 1000, 1400, 1800
"""Hertz that each of them hums."""


async def hum(scene: Scene, call: PhoneCall, hertz: int) -> None:
    await call.play(write_tone(scene.folder / f"{hertz}.wav", hertz), loop=True)


def heard(scene: Scene, who: str, hertz: int) -> float:
    """For how many seconds a tone was heard so far; the file may still grow."""
    data = (scene.folder / f"{who}.wav").read_bytes()[44:]
    return tone_seconds(np.frombuffer(data[: len(data) // 2 * 2], "<i2") / 32768.0, hertz)


async def talk(scene: Scene, key: str = "3") -> tuple[Caller, Agent, PhoneCall]:
    """A caller talks with 8004, each with a tone of their own."""
    first = await scene.agent("8004")
    caller = await scene.caller(heard=scene.folder / "caller.wav")
    await caller.chooses(key)
    call = await first.answer(20, heard=scene.folder / "first.wav")
    await scene.feed.event(ContactAnswered, contact=caller.contact)
    await hum(scene, caller.call, CALLER)
    await hum(scene, call, FIRST)
    return caller, first, call


async def consult(scene: Scene, caller: Caller, second: Agent) -> PhoneCall:
    """8004 asks another agent, who answers; the caller is on hold."""
    assert await scene.api.do(caller.contact, "consult", target="agent", to=second.id) == ""
    call = await second.answer(heard=scene.folder / "second.wav")
    await hum(scene, call, SECOND)
    await scene.feed.event(ConsultAnswered, contact=caller.contact)
    return call


async def test_to_a_queue_with_the_time_waited_before(scene: Scene) -> None:
    caller = await scene.caller(heard=scene.folder / "caller.wav")
    place = await caller.waits_in("logistics", key="3")
    await asyncio.sleep(2)
    first = await scene.agent("8004")
    call = await first.answer(20)
    answered = await scene.feed.event(ContactAnswered, contact=caller.contact)
    await hum(scene, caller.call, CALLER)
    await asyncio.sleep(1)
    assert await scene.api.do(caller.contact, "transfer", target="queue", to="complaints") == ""
    assert await call.ended(5) == 200
    queued = await scene.feed.event(ContactQueued, contact=caller.contact, queue="complaints")
    assert queued.why == "transfer"
    waited = answered.at - place.at
    assert queued.at - queued.counts_from == pytest.approx(waited, abs=0.1)
    await first.is_now(AgentState.WRAP_UP)
    await scene.hears_music(caller)

    second = await scene.agent("8006")
    other = await second.answer(heard=scene.folder / "second.wav")
    assert other.headers["X-Huawu-Contact"] == caller.contact
    assert other.headers["X-Huawu-Queue"] == "complaints"
    await scene.feed.event(ContactAnswered, contact=caller.contact, agent="8006")
    await asyncio.sleep(2)
    await other.hang_up()
    await caller.gone()
    assert heard(scene, "second", CALLER) > 1.5
    numbers = [offer.offer for offer in scene.feed.all(OfferMade, contact=caller.contact)]
    assert numbers == [1, 2]
    for number in numbers:
        recording = await scene.feed.event(RecordingFinished, contact=caller.contact, offer=number)
        assert recording.fault == ""


async def test_to_a_free_agent_at_once(scene: Scene) -> None:
    caller, first, call = await talk(scene)
    second = await scene.agent("8001")  # knows nothing of deliveries: it is a person's wish
    assert await scene.api.do(caller.contact, "transfer", target="agent", to="8001") == ""
    other = await second.answer(heard=scene.folder / "second.wav")
    assert await call.ended(5) == 200
    await first.is_now(AgentState.WRAP_UP)
    await hum(scene, other, SECOND)
    await asyncio.sleep(2)
    await other.hang_up()
    await caller.gone()
    assert heard(scene, "second", CALLER) > 1.5
    assert heard(scene, "caller", SECOND) > 1.5


async def test_the_colleague_takes_over_after_a_word(scene: Scene) -> None:
    caller, first, call = await talk(scene)
    second = await scene.agent("8001")
    await asyncio.sleep(1)
    other = await consult(scene, caller, second)
    await asyncio.sleep(2)
    assert heard(scene, "caller", SECOND) == 0
    assert await scene.api.do(caller.contact, "consult/complete") == ""
    await scene.feed.event(AgentJoined, contact=caller.contact, agent="8001", offer=2)
    assert await call.ended(5) == 200
    await first.is_now(AgentState.WRAP_UP)
    await asyncio.sleep(3)
    await other.hang_up()
    assert await caller.call.ended(15) == 200
    await caller.gone()

    # Caller and colleague heard each other only afterwards, the two agents only before.
    assert heard(scene, "second", CALLER) > 2
    assert heard(scene, "second", FIRST) > 1.5
    assert heard(scene, "caller", SECOND) > 2
    talks = {end.agent: end for end in scene.feed.all(TalkEnded, contact=caller.contact)}
    assert talks["8004"].held > 2
    assert talks["8001"].talked == pytest.approx(3, abs=1)
    for agent in ("8004", "8001"):
        recording = await scene.feed.event(RecordingFinished, contact=caller.contact, agent=agent)
        assert recording.fault == ""
    assert scene.feed.count(ContactEnded, contact=caller.contact) == 1
    record = await scene.record(caller.contact, lambda found: len(found["recordings"]) == 2)
    assert record["summary"]["agents"] == ["8004", "8001"]
    assert record["summary"]["held"] > 2


async def test_a_colleague_who_declines_and_one_who_is_let_go(scene: Scene) -> None:
    caller, _first, call = await talk(scene)
    second = await scene.agent("8001")
    assert await scene.api.do(caller.contact, "consult", target="agent", to="8001") == ""
    ringing = await second.phone.ringing(5)
    assert ringing.number == "8004"
    await ringing.decline(603)
    ended = await scene.feed.event(ConsultEnded, contact=caller.contact)
    assert ended.result is ConsultEnd.DECLINED
    await scene.feed.event(HoldEnded, contact=caller.contact)
    await second.want("ready")
    other = await consult(scene, caller, second)
    assert await scene.api.do(caller.contact, "consult/cancel") == ""
    assert await other.ended(5) == 200
    await scene.feed.event(HoldEnded, contact=caller.contact, number=2)
    await second.is_now(AgentState.READY)
    before = heard(scene, "caller", FIRST)
    await asyncio.sleep(3)
    await call.hang_up()
    await caller.gone()
    assert heard(scene, "caller", FIRST) - before > 2
    assert heard(scene, "caller", SECOND) == 0
    recording = await scene.feed.event(RecordingFinished, contact=caller.contact)
    assert recording.fault == ""


async def test_three_hear_each_other_and_the_first_may_leave(scene: Scene) -> None:
    caller, first, call = await talk(scene)
    second = await scene.agent("8001")
    other = await consult(scene, caller, second)
    assert await scene.api.do(caller.contact, "conference") == ""
    await scene.feed.event(AgentJoined, contact=caller.contact, how="conference")
    await asyncio.sleep(1)
    for speaker, listeners in (
        (caller.call, ("first", "second")),
        (call, ("caller", "second")),
        (other, ("caller", "first")),
    ):
        # One at a time, so that each tone is heard alone.
        for silent in (caller.call, call, other):
            if silent is not speaker:
                await silent.hush()
        hertz = {caller.call: CALLER, call: FIRST, other: SECOND}[speaker]
        before = {who: heard(scene, who, hertz) for who in listeners}
        await hum(scene, speaker, hertz)
        await asyncio.sleep(3)
        for who in listeners:
            assert heard(scene, who, hertz) - before[who] > 1, (who, hertz)
    await call.hang_up()
    await first.is_now(AgentState.WRAP_UP)
    await asyncio.sleep(1)
    assert other.end is None
    await caller.call.hang_up()
    assert await other.ended(5) == 200
    await second.is_now(AgentState.WRAP_UP)
    await caller.gone()
    talks = {end.agent for end in scene.feed.all(TalkEnded, contact=caller.contact)}
    assert talks == {"8001", "8004"}


async def test_hanging_up_while_asking_hands_the_caller_over(scene: Scene) -> None:
    caller, first, call = await talk(scene)
    second = await scene.agent("8001")
    other = await consult(scene, caller, second)
    await asyncio.sleep(1)
    await call.hang_up()
    transferred = await scene.feed.event(ContactTransferred, contact=caller.contact)
    assert transferred.how == "attended"
    await asyncio.sleep(2)
    await caller.call.hang_up()
    assert await other.ended(5) == 200
    await caller.gone()
    assert heard(scene, "second", CALLER) > 1
    await first.is_now(AgentState.WRAP_UP)


async def test_an_agent_who_hangs_up_while_it_rings_leaves_nobody_alone(scene: Scene) -> None:
    caller, _first, call = await talk(scene)
    second = await scene.agent("8001")
    assert await scene.api.do(caller.contact, "consult", target="agent", to="8001") == ""
    ringing = await second.phone.ringing(5)
    await call.hang_up()
    assert await ringing.ended(5) == 487
    queued = await scene.feed.event(ContactQueued, contact=caller.contact, why="left_alone")
    assert queued.queue == "logistics"
    await scene.hears_music(caller)
    await caller.call.hang_up()
    await caller.gone()
    await second.is_now(AgentState.READY)


async def test_a_caller_who_hangs_up_on_hold_frees_both(scene: Scene) -> None:
    caller, first, call = await talk(scene)
    second = await scene.agent("8001")
    other = await consult(scene, caller, second)
    await caller.call.hang_up()
    await caller.gone()
    assert await call.ended(5) == 200
    assert await other.ended(5) == 200
    await first.is_now(AgentState.WRAP_UP)
    await second.is_now(AgentState.READY)


async def test_back_into_the_menu(scene: Scene) -> None:
    caller, _first, call = await talk(scene)
    assert await scene.api.do(caller.contact, "transfer", target="node", to="main_menu") == ""
    assert await call.ended(5) == 200
    await scene.feed.event(MenuStepTaken, 20, contact=caller.contact, node="main_menu", number=2)
    await caller.call.press("4")
    await scene.feed.event(ContactQueued, 20, contact=caller.contact, queue="returns")
    await caller.call.hang_up()
    await caller.gone()


async def test_outside_only_where_it_is_allowed(scene: Scene) -> None:
    caller, first, call = await talk(scene)
    refusal = await scene.api.do(caller.contact, "transfer", target="outside", to="13800138000")
    assert refusal == "refused-number-not-allowed"
    port = scene.stack.settings.sip_port
    secret = scene.stack.credentials.sip["trunk"]
    async with PhoneRack() as rack:
        gateway = await rack.register("trunk", secret, server="127.0.0.1", port=port)
        assert await scene.api.do(caller.contact, "transfer", target="outside", to="12315") == ""
        outside = await gateway.ringing(5)
        await outside.answer(heard=scene.folder / "outside.wav")
        await hum(scene, outside, SECOND)
        assert await call.ended(5) == 200
        await first.is_now(AgentState.WRAP_UP)
        await asyncio.sleep(3)
        await outside.hang_up()
        assert await caller.call.ended(15) == 200
        await caller.gone()
    assert heard(scene, "outside", CALLER) > 2
    assert heard(scene, "caller", SECOND) > 2


async def test_somebody_outside_is_asked_first(scene: Scene) -> None:
    caller, _first, _call = await talk(scene)
    port = scene.stack.settings.sip_port
    secret = scene.stack.credentials.sip["trunk"]
    async with PhoneRack() as rack:
        gateway = await rack.register("trunk", secret, server="127.0.0.1", port=port)
        assert await scene.api.do(caller.contact, "consult", target="outside", to="12315") == ""
        outside = await gateway.ringing(5)
        await outside.answer(heard=scene.folder / "outside.wav")
        await hum(scene, outside, SECOND)
        await scene.feed.event(ConsultAnswered, contact=caller.contact, to="12315")
        await asyncio.sleep(2)
        assert await scene.api.do(caller.contact, "consult/complete") == ""
        transferred = await scene.feed.event(ContactTransferred, contact=caller.contact)
        assert (transferred.target, transferred.to) == (OUTSIDE, "12315")
        await asyncio.sleep(3)
        await caller.call.hang_up()
        await caller.gone()
        assert await outside.ended(5) == 200
    assert heard(scene, "outside", FIRST) > 1
    assert heard(scene, "outside", CALLER) > 2


async def test_hold_by_the_phone_is_counted(scene: Scene) -> None:
    caller, _, call = await talk(scene)
    await asyncio.sleep(1)
    await call.hold(on=True)
    await scene.feed.event(HoldStarted, contact=caller.contact, by="phone")
    await asyncio.sleep(3)
    await call.hold(on=False)
    hold = await scene.feed.event(HoldEnded, contact=caller.contact)
    assert hold.seconds == pytest.approx(3, abs=0.7)
    await asyncio.sleep(2)
    await call.hang_up()
    await caller.gone()
    talked = await scene.feed.event(TalkEnded, contact=caller.contact)
    assert talked.held == pytest.approx(hold.seconds, abs=0.01)
    recording = await scene.feed.event(RecordingFinished, contact=caller.contact)
    assert recording.fault == ""


@pytest.mark.parametrize("three", [False, True], ids=["consultation", "conference"])
async def test_a_killed_controller_parts_nobody(scene: Scene, three: bool) -> None:
    caller, first, call = await talk(scene)
    second = await scene.agent("8001")
    other = await consult(scene, caller, second)
    if three:
        assert await scene.api.do(caller.contact, "conference") == ""
        await scene.feed.event(AgentJoined, contact=caller.contact, how="conference")
    old = scene.stack.kill("controller")
    await scene.stack.serves_again("controller", old)
    assert (call.end, other.end, caller.call.end) == (None, None, None)
    if not three:
        assert await scene.api.do(caller.contact, "consult/complete") == ""
        await scene.feed.event(AgentJoined, contact=caller.contact, agent="8001")
    await call.hang_up()
    await first.is_now(AgentState.WRAP_UP)
    before = heard(scene, "second", CALLER)
    await asyncio.sleep(3)
    assert heard(scene, "second", CALLER) - before > 1.5
    await other.hang_up()
    assert await caller.call.ended(15) == 200
    await caller.gone()
    assert {end.agent for end in scene.feed.all(TalkEnded, contact=caller.contact)} == {
        "8001",
        "8004",
    }


async def test_with_no_controller_the_agent_comes_back_by_itself(scene: Scene) -> None:
    caller, _, call = await talk(scene)
    second = await scene.agent("8001")
    other = await consult(scene, caller, second)
    with scene.stack.no_restarts():
        old = scene.stack.kill("controller")
        await other.hang_up()
        await asyncio.sleep(4)
        before = heard(scene, "caller", FIRST)
        await asyncio.sleep(3)
        assert heard(scene, "caller", FIRST) - before > 1.5
    await scene.stack.serves_again("controller", old)
    await call.hang_up()
    await caller.gone(20)
