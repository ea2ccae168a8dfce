"""Hold, consultation and conference in the dialplan alone, on a real Asterisk.

The controller is a stub that moves channels and is told what became of it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.moves import TalkMove, actions_of, bridged_first
from telephony.commands import EnterRoom, StartConsult
from telephony.softphone import Phone, PhoneCall, PhoneRack
from tests.live.node import Node, Stub, answer, enqueue, offer
from tests.live.sound import samples, tone_seconds, write_tone
from tests.live.stack import until
from tests.live.test_dialplan import phone_of, until_nothing_is_left

pytestmark = pytest.mark.live

CALLER, FIRST, SECOND = 1000, 1400, 1800  # hertz that each hums


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    node = Node()
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
async def stub(node: Node) -> AsyncIterator[Stub]:
    async with Stub(node).running() as stub:
        await stub.live()
        yield stub
        await stub.forget_agents()
        await until_nothing_is_left(node)


@dataclass
class Talk:
    """A caller who talks with agent 8001; each of three has a tone and a file of what it hears."""

    stub: Stub
    folder: Path
    contact: str
    caller: str  # channels
    first: str
    phone: PhoneCall
    agent: PhoneCall
    trunk: Phone
    first_phone: Phone
    second: Phone

    def heard(self, who: str, hertz: int) -> float:
        return tone_seconds(samples(self.folder / f"{who}.wav"), hertz)

    async def consult(self, number: int = 2) -> None:
        """8001 asks 8002: the caller goes on hold."""
        asked = StartConsult(
            contact=self.contact, channel=self.caller, leg=self.first, agent="8002", number="",
            offer=number, ring=10, label="订单",
        )  # fmt: skip
        await carry_out(self.stub, asked)
        begun = lambda: len(self.stub.user_events("HuawuConsulting")) >= number - 1  # noqa: E731
        await self.stub.until(begun, 5, "a consultation")

    async def second_answers(self) -> tuple[PhoneCall, str]:
        ringing = await self.second.ringing(5)
        await ringing.answer(heard=self.folder / "second.wav")
        channel = (await self.stub.user_event("HuawuConsulted")).get("Channel")
        await ringing.play(write_tone(self.folder / f"{SECOND}.wav", SECOND), loop=True)
        return ringing, channel


@pytest.fixture
async def talk(stub: Stub, node: Node, tmp_path: Path) -> AsyncIterator[Talk]:
    async with PhoneRack() as rack:
        trunk = await phone_of(rack, node, "trunk", rings=False)
        first = await phone_of(rack, node, "agent8001")
        second = await phone_of(rack, node, "agent8002")
        stub.answers = {"menu": enqueue(), "tick": offer(), "after": answer(HUAWU_NEXT="hangup")}
        call = await trunk.dial("8000", number="13800138000", heard=tmp_path / "caller.wav")
        await call.answered(5)
        ringing = await first.ringing(8)
        await ringing.answer(heard=tmp_path / "first.wav")
        answered = await stub.user_event("HuawuAnswered")
        await call.play(write_tone(tmp_path / f"{CALLER}.wav", CALLER), loop=True)
        await ringing.play(write_tone(tmp_path / f"{FIRST}.wav", FIRST), loop=True)
        await asyncio.sleep(1)
        yield Talk(
            stub=stub, folder=tmp_path, contact=answered.get("Contact"),
            caller=stub.asked[0].channel, first=answered.get("Channel"), phone=call, agent=ringing,
            trunk=trunk, first_phone=first, second=second,
        )  # fmt: skip


async def is_bridged(stub: Stub, leg: str) -> bool:
    answer = await stub.link.action("Getvar", [("Channel", leg), ("Variable", "BRIDGEPEER")])
    return bool(answer.get("Value"))


async def carry_out(stub: Stub, command: TalkMove) -> None:
    """Do as the controller does."""
    if leg := bridged_first(command):
        await until(lambda: is_bridged(stub, leg), 5, "a bridge")
    for name, fields in actions_of(command):
        await stub.order(name, fields)


async def enter(stub: Stub, *legs: str, released: str = "") -> None:
    """Bring one or two legs into the room."""
    await carry_out(stub, EnterRoom(contact="", legs=legs, released=released))
    await stub.user_event("HuawuJoined")


async def files_of(talk: Talk, node: Node) -> dict[str, float]:
    """Seconds recorded, by the end of the file's name."""
    await until_nothing_is_left(node)
    found = node.live_recordings.glob(f"{talk.contact}-*.wav")
    return {file.stem.removeprefix(f"{talk.contact}-"): len(samples(file)) / 8000 for file in found}


async def test_three_in_a_room_and_each_leg_has_its_own_recording(
    talk: Talk, node: Node, stub: Stub
) -> None:
    await talk.consult()
    second, channel = await talk.second_answers()
    await asyncio.sleep(2)
    await enter(stub, talk.first, channel)
    await stub.redirect(talk.caller, "huawu-hold", "come")
    await asyncio.sleep(3)
    await talk.agent.hang_up()
    await asyncio.sleep(2)
    assert talk.phone.end is None
    await second.hang_up()
    assert await talk.phone.ended(5) == 200
    assert stub.paths()[-1] == "after"
    # Names and ids of channels are the same after all the moves.
    ends = [e for e in stub.events if e.name == "Hangup"]
    assert {e.get("Channel") for e in ends} == {talk.caller, talk.first, channel}
    assert all(e.variables()["HUAWU_CONTACT"] == talk.contact for e in ends)
    recorded = await files_of(talk, node)
    assert recorded["1-agent"] == pytest.approx(4, abs=0.8)  # not the two seconds of asking
    assert recorded["2-customer"] == pytest.approx(5, abs=0.8)
    assert talk.heard("second", CALLER) > 1
    assert talk.heard("caller", SECOND) > 1


async def test_nobody_answers_and_the_agent_is_back_without_a_word(
    talk: Talk, node: Node, stub: Stub
) -> None:
    await stub.die()
    await talk.consult()
    ringing = await talk.second.ringing(5)
    await ringing.decline(603)
    ended = await stub.user_event("HuawuConsultEnded")
    assert ended.get("Cause") == "21"
    await stub.user_event("HuawuJoined")
    await asyncio.sleep(5)  # the caller looks for the agent every two seconds
    await talk.agent.hang_up()
    parted = await stub.user_event("HuawuTalkEnded")
    assert parted.get("By") == "agent"
    await talk.phone.ended(10)
    assert talk.heard("caller", FIRST) > 2.5
    recorded = await files_of(talk, node)
    assert set(recorded) == {"1-agent", "1-customer"}


async def test_a_colleague_left_alone_goes_on_to_the_caller(
    talk: Talk, node: Node, stub: Stub
) -> None:
    await stub.die()
    await talk.consult()
    second, _ = await talk.second_answers()
    await asyncio.sleep(0.5)
    await talk.agent.hang_up()
    joined = await stub.user_event("HuawuJoined")
    assert (joined.get("Agent"), joined.get("Offer")) == ("8002", "2")
    await asyncio.sleep(4)
    await talk.phone.hang_up()
    assert await second.ended(5) == 200  # the room is empty without the caller
    assert talk.heard("second", CALLER) > 1
    assert "2-agent" in await files_of(talk, node)


async def test_a_caller_whom_all_have_left_waits_again(talk: Talk, stub: Stub) -> None:
    await talk.consult()
    await talk.second.ringing(5)
    stub.answers["tick"] = answer(HUAWU_NEXT="wait")
    asked = stub.paths().count("tick")
    await talk.agent.hang_up()
    await stub.until_asked("tick", 10, times=asked + 1)
    await talk.phone.hang_up()


async def test_who_has_handed_over_is_free_and_who_took_over_is_not(talk: Talk, stub: Stub) -> None:
    """The gate goes with the legs: 8001 rings for the next caller, 8002 does not."""
    await talk.consult()
    second, channel = await talk.second_answers()
    await enter(stub, channel, released=talk.first)
    await stub.redirect(talk.caller, "huawu-hold", "come")
    await talk.agent.ended(5)
    stub.answers |= {
        "tick": offer("8002", number=1),
        "offer-ended": offer("8001", number=2),
    }
    other = await talk.trunk.dial("8000", number="13900000000")
    ringing = await talk.first_phone.ringing(20)
    assert ringing.number == "13900000000"
    assert talk.second.is_quiet
    await other.hang_up()
    await talk.phone.hang_up()
    await second.ended(5)


async def test_a_caller_who_is_passed_on_out_of_the_room_leaves_no_agent_in_it(
    talk: Talk, stub: Stub
) -> None:
    await talk.consult()
    await (await talk.second.ringing(5)).decline(603)
    await stub.user_event("HuawuJoined")
    await stub.redirect(talk.caller, "huawu-hold", "come")
    await asyncio.sleep(1)
    stub.answers["tick"] = answer(HUAWU_NEXT="wait")
    await stub.redirect(talk.caller, "huawu-wait", "w")
    assert await talk.agent.ended(5) == 200
    assert talk.phone.end is None
    await talk.phone.hang_up()


async def test_a_caller_who_hangs_up_before_the_agent_is_back_leaves_nobody_in_the_room(
    talk: Talk, stub: Stub
) -> None:
    await talk.consult()
    await (await talk.second.ringing(5)).decline(603)
    await stub.user_event("HuawuJoined")
    await talk.phone.hang_up()  # the music goes on for two seconds
    assert await talk.agent.ended(5) == 200


async def test_asking_again_at_once_keeps_the_caller(talk: Talk, stub: Stub, node: Node) -> None:
    """The room that the agent is leaving draws nobody back into it."""
    for again in range(4):
        await talk.consult(2 + again)
        await (await talk.second.ringing(5)).decline(603)
        await stub.until(
            lambda again=again: len(stub.user_events("HuawuJoined")) == again + 1, 5, "back"
        )
        await stub.redirect(talk.caller, "huawu-hold", "come")
        await stub.until(lambda: "agent8002" not in " ".join(node.channels()), 5, "8002 free")
    await asyncio.sleep(1)
    assert (talk.phone.end, talk.agent.end) == (None, None)
    assert not stub.user_events("HuawuTalkEnded")
    await talk.phone.hang_up()
    await talk.agent.ended(5)


async def test_a_phone_cannot_transfer_by_itself(talk: Talk, node: Node) -> None:
    """REFER is not spoken: transfers go through the desk, where the contact stays in sight."""
    assert "res_pjsip_refer.so" not in await asyncio.to_thread(node.ask, "module show like refer")
    await talk.phone.hang_up()
