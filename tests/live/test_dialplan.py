"""The dialplan on a real Asterisk: with a controller, without one, and with one that hangs."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from controller.originate import customer_call
from telephony.agi import AgiSession
from telephony.ami import AmiRefused
from telephony.commands import CallCustomer
from telephony.softphone import Phone, PhoneCall, PhoneError, PhoneRack
from tests.live.node import AGENTS, Node, Stub, answer, enqueue, offer
from tests.tones import pitch, tone

pytestmark = pytest.mark.live


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


@pytest.fixture
async def rack(stub: Stub) -> AsyncIterator[PhoneRack]:
    async with PhoneRack() as rack:
        yield rack


@pytest.fixture
async def trunk(rack: PhoneRack, node: Node) -> Phone:
    return await phone_of(rack, node, "trunk", rings=False)


@pytest.fixture
async def agent(rack: PhoneRack, node: Node) -> Phone:
    return await phone_of(rack, node, "agent8001")


async def phone_of(rack: PhoneRack, node: Node, endpoint: str, *, rings: bool = True) -> Phone:
    make = rack.register if rings else rack.phone
    port = node.settings.sip_port
    return await make(endpoint, node.secret(endpoint), server="127.0.0.1", port=port)


async def dial(
    phone: Phone, *, number: str = "13800138000", heard: Path | None = None
) -> PhoneCall:
    call = await phone.dial("8000", number=number, heard=heard)
    await call.answered(5)
    return call


async def until(condition: Callable[[], bool], limit: float) -> None:
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.05)


async def until_nothing_is_left(node: Node) -> None:
    deadline = time.monotonic() + 5
    while left := await asyncio.to_thread(node.channels):
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.1)


# --- with a controller ---------------------------------------------------------------------------


async def test_a_phone_is_told_what_it_is_configured_to_be_told(
    stub: Stub, node: Node, rack: PhoneRack, trunk: Phone, agent: Phone
) -> None:
    told = []
    names = ("Call-Info", "Alert-Info", "X-Huawu-Queue")
    for number in AGENTS:
        phone = agent if number == "8001" else await phone_of(rack, node, f"agent{number}")
        stub.answers = {"menu": enqueue(), "tick": offer(number)}
        call = await dial(trunk)
        ringing = await phone.ringing(8)
        told.append([ringing.headers.get(name) for name in names])
        await call.hang_up()
        await stub.user_event("HuawuLanded")
    assert told == [
        [None, None, "order"],  # call_headers
        ["<sip:huawu>;answer-after=0", "<sip:huawu>;info=alert-autoanswer", "order"],
        [None, None, None],
    ]


async def test_a_talk_is_announced_heard_and_recorded_on_two_tracks(
    stub: Stub, node: Node, trunk: Phone, agent: Phone, tmp_path: Path
) -> None:
    stub.answers = {"menu": enqueue(), "tick": offer(), "after": answer(HUAWU_NEXT="hangup")}
    call = await dial(trunk, heard=tmp_path / "customer.wav")
    ringing = await agent.ringing(8)
    contact = (await stub.user_event("HuawuLanded")).get("Contact")
    assert contact == stub.asked[0].uniqueid
    assert contact.startswith("huawu-")
    assert (ringing.number, ringing.name) == ("13800138000", "订单")
    assert ringing.headers["X-Huawu-Contact"] == contact
    assert ringing.headers["X-Huawu-Queue"] == "order"

    await ringing.answer(heard=tmp_path / "agent.wav")
    answered = await stub.user_event("HuawuAnswered")
    assert answered.get("Channel").startswith("PJSIP/agent8001-")
    assert (answered.get("Agent"), answered.get("Offer")) == ("8001", "1")
    assert answered.variables()["HUAWU_CONTACT"] == contact
    low, high = tone(tmp_path / "440.wav", 440, 3.0), tone(tmp_path / "700.wav", 700, 3.0)
    speaking = asyncio.gather(call.say(low), ringing.say(high))
    tracks = {
        side: node.live_recordings / f"{contact}-1-{side}.wav" for side in ("customer", "agent")
    }
    deadline = time.monotonic() + 4  # Asterisk writes 32 kB, two seconds, at a time
    while not all(file.exists() and file.stat().st_size > 32_000 for file in tracks.values()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await speaking

    await ringing.hang_up()
    parted = await stub.user_event("HuawuTalkEnded")
    assert (parted.get("Agent"), parted.get("Offer"), parted.get("By")) == ("8001", "1", "agent")
    assert await call.ended(5) == 200
    assert stub.paths() == ["menu", "tick", "after"]
    assert len(stub.user_events("HuawuTalkEnded")) == 1

    assert pitch(tmp_path / "agent.wav") == pytest.approx(440, abs=5)
    await until_nothing_is_left(node)
    for side, hertz in (("customer", 440), ("agent", 700)):
        assert pitch(tracks[side]) == pytest.approx(hertz, abs=5)
        info = soundfile.info(tracks[side])
        assert (info.samplerate, info.channels, info.subtype) == (8000, 1, "PCM_16")
        assert info.duration == pytest.approx(3.0, abs=0.6)
    assert sorted(node.live_recordings.iterdir()) == sorted(tracks.values())


async def test_no_message_tells_of_variables(stub: Stub, trunk: Phone, agent: Phone) -> None:
    """A wrong word in stasis.conf would have Asterisk pass over all of it without a word."""
    stub.answers = {"menu": enqueue(), "tick": offer()}
    call = await dial(trunk)
    await agent.ringing(8)
    contact = (await stub.user_event("HuawuLanded")).get("Contact")
    await call.hang_up()
    await stub.until(
        lambda: any((e.name, e.get("Uniqueid")) == ("Hangup", contact) for e in stub.events),
        8,
        "the caller is gone",
    )
    heard = {event.name for event in stub.events}
    assert "Newexten" in heard  # where many variables are set
    assert "VarSet" not in heard


async def test_a_queue_that_is_not_recorded_leaves_no_file(
    stub: Stub, node: Node, trunk: Phone, agent: Phone
) -> None:
    stub.answers = {"menu": enqueue(record=""), "tick": offer(number=7)}
    call = await dial(trunk)
    await (await agent.ringing(8)).answer()
    contact = (await stub.user_event("HuawuAnswered")).get("Contact")
    await call.hang_up()
    parted = await stub.user_event("HuawuTalkEnded")
    assert (parted.get("Contact"), parted.get("Offer"), parted.get("By")) == (
        contact,
        "7",
        "caller",
    )
    assert not list(node.live_recordings.glob(f"{contact}*"))
    assert "after" not in stub.paths()


async def test_a_redirect_offers_a_waiting_caller(stub: Stub, trunk: Phone, agent: Phone) -> None:
    stub.answers = {"menu": enqueue(), "tick": answer(HUAWU_NEXT="wait")}
    call = await dial(trunk)
    channel = (await stub.until_asked("tick")).channel
    await stub.link.action(
        "Setvar", [("Channel", channel), ("Variable", "HUAWU_LABEL"), ("Value", "售后, 退换")]
    )
    await stub.redirect(channel, "huawu-offer", "8001*12*15")
    landed = await stub.user_event("HuawuLanded")
    assert (landed.get("Agent"), landed.get("Offer")) == ("8001", "12")
    ringing = await agent.ringing(3)
    assert ringing.name == "售后, 退换"
    await call.hang_up()
    assert await ringing.ended(3) == 487
    assert not stub.user_events("HuawuTalkEnded")


async def test_what_the_tick_wants_said_never_delays_a_redirect(
    stub: Stub, trunk: Phone, agent: Phone, tmp_path: Path
) -> None:
    prompt = tone(tmp_path / "long.wav", 500, 20).with_suffix("")
    stub.answers = {"menu": enqueue(), "tick": answer(HUAWU_SAY=prompt, HUAWU_NEXT="wait")}
    call = await dial(trunk)
    channel = (await stub.until_asked("tick")).channel
    await asyncio.sleep(0.5)
    began = time.monotonic()
    await stub.redirect(channel, "huawu-offer", "8001*1*15")
    await agent.ringing(3)
    assert time.monotonic() - began < 1
    await call.hang_up()


async def test_the_music_ends_at_once_for_a_redirect(
    stub: Stub, trunk: Phone, agent: Phone, node: Node
) -> None:
    stub.answers = {"menu": enqueue(), "tick": answer(HUAWU_NEXT="wait")}
    call = await dial(trunk)
    channel = (await stub.until_asked("tick", times=2)).channel
    took = []
    for number in range(1, 6):
        await until(lambda: "WaitExten" in node.ask("core show channels concise"), 5)
        began = time.monotonic()
        await stub.redirect(channel, "huawu-offer", f"8001*{number}*15")
        ringing = await agent.ringing(3)
        took.append(time.monotonic() - began)
        await stub.redirect(channel, "huawu-wait", "w")
        await ringing.ended(3)
    print("seconds from a redirect out of the music to the ringing phone:", sorted(took))
    assert sorted(took)[2] < 0.5
    await call.hang_up()


async def test_every_key_reaches_the_controller_and_the_caller_waits_on(
    stub: Stub, trunk: Phone, tmp_path: Path
) -> None:
    stub.answers = {
        "menu": enqueue(),
        "tick": answer(HUAWU_NEXT="wait"),
        "key": answer(HUAWU_NEXT="wait"),
    }
    call = await dial(trunk)
    await stub.until_asked("tick")
    for times, key in enumerate("19*0#", 1):
        await call.press(key)
        asked = await stub.until_asked("key", times=times)
        assert asked.arguments == (key,)
    seen = stub.paths().count("tick")
    await stub.until_asked("tick", times=seen + 2)
    # In the middle of what is said, too.
    prompt = tone(tmp_path / "long.wav", 500, 20).with_suffix("")
    stub.answers["tick"] = answer(HUAWU_SAY=prompt, HUAWU_NEXT="wait")
    await stub.until_asked("tick", times=seen + 3)
    await asyncio.sleep(0.5)
    stub.answers["key"] = answer(HUAWU_NEXT="hangup")
    began = time.monotonic()
    await call.press("1")
    assert await call.ended(8) == 200
    assert time.monotonic() - began < 5


async def test_a_key_that_nobody_answers_is_a_miss_like_any_other(
    stub: Stub, trunk: Phone, agent: Phone
) -> None:
    stub.answers = {"menu": enqueue(), "tick": answer(HUAWU_NEXT="wait")}
    await stub.mirror("8001", "order")
    call = await dial(trunk)
    await stub.until_asked("tick")
    await stub.die()
    await call.press("1")
    ringing = await agent.ringing(15)  # the fallback, after three misses
    await call.hang_up()
    await ringing.ended(3)


@pytest.mark.parametrize(
    "case, status, causes",
    [
        ("busy", "BUSY", {"17"}),
        ("declined", "CHANUNAVAIL", {"21"}),
        ("unanswered", "NOANSWER", {"0", "16"}),
        ("signed off", "CHANUNAVAIL", {"3", "20"}),
        ("vanished", "CHANUNAVAIL", {"0", "18"}),
    ],
)  # fmt: skip
async def test_an_offer_that_comes_to_nothing_says_why(
    stub: Stub, node: Node, trunk: Phone, case: str, status: str, causes: set[str]
) -> None:
    stub.answers = {
        "menu": enqueue(),
        "tick": offer("8002", ring=2),
        "offer-ended": answer(HUAWU_NEXT="hangup"),
    }
    async with PhoneRack() as other:
        if case != "signed off":
            phone = await phone_of(other, node, "agent8002")
        if case == "vanished":
            os.kill(other.pids[0], signal.SIGKILL)
        call = await dial(trunk)
        if case in {"busy", "declined"}:
            await (await phone.ringing(8)).decline(486 if case == "busy" else 603)
        said = (await stub.until_asked("offer-ended")).arguments
        assert said[0] == status
        assert said[1] in causes
        assert await call.ended(5) == 200
    assert not stub.user_events("HuawuTalkEnded")


async def test_ten_callers_for_one_agent_ring_one_phone_once(
    stub: Stub, trunk: Phone, agent: Phone
) -> None:
    stub.answers = {
        "menu": enqueue(),
        "tick": answer(HUAWU_NEXT="wait"),
        "offer-ended": answer(HUAWU_NEXT="wait"),
    }
    calls = await asyncio.gather(*(dial(trunk, number=f"1380013800{n}") for n in range(10)))
    await stub.until(lambda: len({s.channel for s in stub.asked}) == 10, 8, "ten callers")
    channels = sorted({session.channel for session in stub.asked})
    stub.asked.clear()
    await asyncio.gather(*(stub.redirect(c, "huawu-offer", "8001*1*15") for c in channels))
    await stub.until_asked("offer-ended", 5, times=9)
    assert {s.arguments[0] for s in stub.asked if s.path == "offer-ended"} == {"GATE"}
    await stub.until(lambda: len(stub.user_events("HuawuLanded")) == 10, 3, "ten landings")
    ringing = await agent.ringing(3)
    assert agent.is_quiet

    # The gate opens again when the offer ends.
    stub.asked.clear()
    await ringing.decline()
    loser = (await stub.until_asked("offer-ended")).channel
    await stub.redirect(next(c for c in channels if c != loser), "huawu-offer", "8001*2*15")
    again = await agent.ringing(3)
    await asyncio.gather(*(call.hang_up() for call in calls))
    assert await again.ended(3) == 487


async def test_a_redirect_back_to_waiting_opens_the_gate(
    stub: Stub, trunk: Phone, agent: Phone
) -> None:
    stub.answers = {"menu": enqueue(), "tick": offer(ring=20)}
    call = await dial(trunk)
    ringing = await agent.ringing(8)
    stub.answers["tick"] = answer(HUAWU_NEXT="wait")
    await stub.redirect(stub.asked[0].channel, "huawu-wait", "w")
    assert await ringing.ended(3) == 487
    other = await dial(trunk)
    await stub.until(lambda: len({s.channel for s in stub.asked}) == 2, 5, "another caller")
    await stub.redirect(stub.asked[-1].channel, "huawu-offer", "8001*1*15")
    await agent.ringing(3)
    await asyncio.gather(call.hang_up(), other.hang_up())


async def test_the_words_of_a_menu(stub: Stub, node: Node, trunk: Phone) -> None:
    seen: list[str] = []

    async def menu(session: AgiSession) -> None:
        seen.append(await session.get_variable("HUAWU_DIALLED") or "")
        await session.set_variable("HUAWU_NEXT", "menu" if len(seen) == 1 else "hangup")

    stub.answers = {"menu": menu}
    call = await dial(trunk)
    assert await call.ended(5) == 200
    assert seen == ["8000", "8000"]


# --- callers' numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number, kept",
    [
        ("13800138000", "13800138000"),
        ("+8613800138000", "+8613800138000"),
        ("anonymous", ""),
        ("138\r\n\x000;$[1]{x}", None),
        ("<img onerror>", ""),
        ("138张三\u202e\u200b0000", "1380000"),
        ("9" * 300, "9" * 32),
    ],
)  # fmt: skip
async def test_a_number_is_digits_from_the_first_line_on(
    stub: Stub, trunk: Phone, number: str, kept: str | None
) -> None:
    seen: list[tuple[str, str]] = []

    async def menu(session: AgiSession) -> None:
        get = session.get_variable
        seen.append((await get("CALLERID(num)") or "", await get("CALLERID(name)") or ""))
        await session.set_variable("HUAWU_NEXT", "hangup")

    stub.answers = {"menu": menu}
    call = await trunk.dial("8000", number=number, name='a" or "1"="1')
    assert await call.ended(5) == 200
    (caller, name) = seen[0]
    assert name == ""
    assert caller == kept if kept is not None else set(caller) <= set("0123456789+*#")
    assert stub.link.counters.hostile == stub.link.counters.malformed == 0


# --- agents --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["*45", "*46"])
async def test_a_feature_code_names_the_agent_by_the_endpoint(
    stub: Stub, agent: Phone, code: str
) -> None:
    seen: list[str | None] = []

    async def feature(session: AgiSession) -> None:
        seen.extend([*session.arguments, await session.get_variable("HUAWU_AGENT_ID")])
        await session.set_variable("HUAWU_NEXT", "hangup")

    stub.answers = {"feature": feature}
    call = await agent.dial(code, number="agent8003")
    assert await call.ended(5) == 200
    assert seen == [code, "8001", "8001"]


async def test_a_feature_code_without_a_controller_is_apologised_for(
    stub: Stub, agent: Phone, tmp_path: Path
) -> None:
    await stub.die()
    call = await agent.dial("*45", heard=tmp_path / "heard.wav")
    assert await call.ended(15) == 200
    assert pitch(tmp_path / "heard.wav") > 0


async def test_nothing_else_can_be_dialled(
    stub: Stub, node: Node, rack: PhoneRack, trunk: Phone, agent: Phone
) -> None:
    customer = await phone_of(rack, node, "customer")
    for phone, extension in [
        (trunk, "*45"), (trunk, "8001"), (trunk, "13800138000"), (trunk, "s"), (trunk, "h"),
        (customer, "*46"), (customer, "8002"),
        (agent, "8002"), (agent, "13800138000"), (agent, "agent8002"), (agent, "*47"), (agent, "w"),
    ]:  # fmt: skip
        call = await phone.dial(extension)
        assert await call.ended(3) == 404, extension
    assert not stub.asked


async def test_sip_and_audio_listen_on_loopback_only(stub: Stub, node: Node, trunk: Phone) -> None:
    stub.answers = {"menu": enqueue(), "tick": answer(HUAWU_NEXT="wait")}
    call = await dial(trunk)
    await stub.until_asked("tick")
    listing = subprocess.run(["ss", "-Hlntup"], capture_output=True, text=True, check=True).stdout
    sockets = [line.split()[4] for line in listing.splitlines() if f"pid={node.pid}," in line]
    ports = range(node.settings.rtp_start, node.settings.rtp_end + 1)
    audio = [socket for socket in sockets if int(socket.rpartition(":")[2]) in ports]
    assert len(audio) >= 2
    served = {
        socket
        for socket in sockets
        # The SIP stack's DNS client opens two ephemeral ports that serve nothing.
        if int(socket.rpartition(":")[2]) < 32768
    }
    assert served >= {f"127.0.0.1:{node.settings.sip_port}", f"127.0.0.1:{node.settings.ami_port}"}
    assert {socket.rpartition(":")[0] for socket in served} == {"127.0.0.1"}
    await call.hang_up()


async def test_a_stranger_reaches_nothing(stub: Stub, node: Node, rack: PhoneRack) -> None:
    where = {"server": "127.0.0.1", "port": node.settings.sip_port}
    for user in ("trunk", "agent8001", "customer", "anonymous", "8001"):
        stranger = await rack.phone(user, "guessed", **where)
        call = await stranger.dial("8000")
        assert await call.ended(3) in {401, 403}
        with pytest.raises(PhoneError):
            await rack.register(user, "guessed", **where)
    assert not stub.asked


async def test_a_phone_that_registers_again_takes_over(
    stub: Stub, node: Node, trunk: Phone, agent: Phone
) -> None:
    async with PhoneRack(transport="tcp") as other:
        newer = await phone_of(other, node, "agent8001")
        stub.answers = {"menu": enqueue(), "tick": offer(ring=10)}
        call = await dial(trunk)
        await newer.ringing(8)
        assert agent.is_quiet
        await call.hang_up()
        await newer.unregister()
    removed = [e for e in stub.events if e.get("ContactStatus") == "Removed"]
    assert removed[-1].get("EndpointName") == "agent8001"


async def test_the_manager_user_may_do_its_work_and_no_more(stub: Stub, trunk: Phone) -> None:
    stub.answers = {"menu": enqueue(), "tick": answer(HUAWU_NEXT="wait")}
    call = await dial(trunk)
    channel = ("Channel", (await stub.until_asked("tick")).channel)
    legs = await stub.link.list("Status", [("Variables", "HUAWU_QUEUE,HUAWU_ENQUEUED")])
    assert legs[0].variables("Variable")["HUAWU_QUEUE"] == "order"
    assert await stub.link.list("ShowDialPlan", [("Context", "huawu-wait")])
    assert await stub.link.list("DeviceStateList")
    await stub.mirror("8003")
    pause = [("Interface", "PJSIP/agent8003"), ("Paused", "1"), ("Reason", "break")]
    await stub.link.action("QueuePause", pause)
    await stub.link.action("QueueLog", [("Queue", "huawu-order"), ("Event", "INFO")])
    forbidden: list[tuple[str, list[tuple[str, str]]]] = [
        ("Command", [("Command", "core show uptime")]),
        ("GetConfig", [("Filename", "pjsip.conf")]),
        ("UpdateConfig", [("SrcFilename", "a.conf"), ("DstFilename", "a.conf")]),
        ("ModuleLoad", [("LoadType", "reload")]),
        ("MixMonitor", [channel, ("File", "x.wav")]),
        ("DBPut", [("Family", "a"), ("Key", "b"), ("Val", "c")]),
        ("DialplanExtensionAdd", [("Context", "nowhere"), ("Extension", "1"), ("Priority", "1")]),
        ("AGI", [channel, ("Command", "HANGUP")]),
    ]
    for name, fields in forbidden:
        with pytest.raises(AmiRefused, match="Permission denied"):
            await stub.link.action(name, fields)
    for application in ("System", "AGI", "MixMonitor", "Exec", "ExternalIVR"):  # calls, no programs
        begun = [("Channel", "Local/8000@from-customer"), ("Application", application)]
        with pytest.raises(AmiRefused, match="Forbidden"):
            await stub.link.action("Originate", [*begun, ("Data", "x")])
    await stub.link.action("Hangup", [channel])
    await call.ended(3)


async def test_one_contact_is_never_called_twice_at_a_time(
    stub: Stub, node: Node, rack: PhoneRack
) -> None:
    """Asterisk itself refuses a second channel of one id, and takes it again for a new try."""
    customers = await phone_of(rack, node, "trunk")
    call = CallCustomer(
        contact="huawu-1763760000.7", number="13800138000", ring=10, agent="8001", offer=1,
        agent_ring=5, partner="", label="订单", queue="order", queued=1.0, priority=0,
        language="zh-CN", music="default",
    )  # fmt: skip
    fields = customer_call(call, record=False)
    for code, cause in ((486, "17"), (603, "21")):
        seen = len(stub.events)
        await asyncio.gather(*(stub.link.action("Originate", fields) for _ in range(3)))
        ringing = await customers.ringing(5)
        assert (ringing.number, "13800138000@" in ringing.headers["To"]) == ("8000", True)
        await asyncio.sleep(1)
        assert customers.is_quiet
        assert len(node.channels()) == 1
        await ringing.decline(code)
        await until(lambda: any(e.name == "Hangup" for e in stub.events[seen:]), 5)  # noqa: B023
        (gone,) = [event for event in stub.events[seen:] if event.name == "Hangup"]
        assert (gone.get("Uniqueid"), gone.get("Cause")) == (call.contact, cause)
        assert gone.variables()["HUAWU_CONTACT"] == call.contact


# --- without a controller ------------------------------------------------------------------------


async def test_a_caller_whom_no_menu_greets_reaches_an_agent(
    stub: Stub, node: Node, trunk: Phone, agent: Phone, tmp_path: Path
) -> None:
    await stub.die()
    await stub.mirror("8001")
    call = await dial(trunk, heard=tmp_path / "heard.wav")
    ringing = await agent.ringing(30)
    assert ringing.headers["X-Huawu-Queue"] == "general"
    await ringing.answer()
    answered = await stub.user_event("HuawuAnswered")
    assert (answered.get("Agent"), answered.get("Offer")) == ("8001", "1")
    contact = answered.get("Contact")
    await until(lambda: any(node.live_recordings.glob(f"{contact}-1-*.wav")), 5)
    await ringing.hang_up()
    parted = await stub.user_event("HuawuTalkEnded")
    assert (parted.get("Agent"), parted.get("By")) == ("8001", "agent")
    assert await call.ended(15) == 200  # after a goodbye
    assert pitch(tmp_path / "heard.wav") > 0


@pytest.mark.parametrize("way", ["dead", "hung", "slow"])
async def test_a_waiting_caller_reaches_an_agent_through_the_fallback(
    stub: Stub, trunk: Phone, agent: Phone, way: str
) -> None:
    stub.answers = {"menu": enqueue(), "tick": answer(HUAWU_NEXT="wait")}
    await stub.mirror("8001", "order")
    call = await dial(trunk)
    await stub.until_asked("tick")
    if way == "slow":

        async def sleep(session: AgiSession) -> None:
            await asyncio.sleep(3)
            await session.set_variable("HUAWU_NEXT", "hangup")

        stub.answers["tick"] = sleep
    else:
        await stub.die()
    if way == "hung":
        stub.hang()
    ringing = await agent.ringing(25)
    await ringing.answer()
    await stub.user_event("HuawuAnswered")
    await call.hang_up()
    parted = await stub.user_event("HuawuTalkEnded")
    assert (parted.get("Agent"), parted.get("Offer"), parted.get("By")) == ("8001", "1", "caller")


async def test_a_controller_that_comes_back_finds_the_caller_waiting(
    stub: Stub, trunk: Phone
) -> None:
    stub.answers = {"menu": enqueue(), "tick": answer(HUAWU_NEXT="wait")}
    call = await dial(trunk)
    await stub.until_asked("tick")
    await stub.die()
    await asyncio.sleep(1.5)
    asked = len(stub.asked)
    await stub.live()
    await stub.until(lambda: len(stub.asked) > asked, 5, "a tick after the restart")
    await call.hang_up()


async def test_a_controller_pulls_a_caller_out_of_the_fallback(
    stub: Stub, node: Node, trunk: Phone, agent: Phone
) -> None:
    await stub.mirror("8001", "order")
    stub.answers = {"menu": enqueue(), "tick": answer()}  # asked, and no word: three misses
    call = await dial(trunk)
    channel = (await stub.until_asked("tick")).channel
    ringing = await agent.ringing(25)
    stub.answers["tick"] = offer(number=4)
    stub.asked.clear()
    await stub.redirect(channel, "huawu-wait", "w")
    assert await ringing.ended(3) == 487
    await stub.until_asked("tick")
    await (await agent.ringing(5)).answer()
    answered = await stub.user_event("HuawuAnswered")
    assert answered.get("Offer") == "4"
    await call.hang_up()


async def test_a_hung_menu_is_left_behind(stub: Stub, node: Node, trunk: Phone) -> None:
    async def hang(session: AgiSession) -> None:
        await asyncio.sleep(30)

    stub.answers = {"menu": hang, "tick": answer(HUAWU_NEXT="wait")}
    call = await dial(trunk)
    await stub.until_asked("menu", 8, times=2)
    stub.answers["menu"] = enqueue()
    await stub.until_asked("tick", 8)
    await call.hang_up()


async def test_nobody_at_all_takes_a_message(
    stub: Stub, node: Node, trunk: Phone, tmp_path: Path
) -> None:
    stub.answers = {"menu": enqueue(language="en"), "tick": answer()}
    heard = tmp_path / "heard.wav"
    call = await dial(trunk, heard=heard)
    contact = (await stub.until_asked("menu")).uniqueid
    file = node.messages / f"{contact}.json"
    await until(file.exists, 25)
    before = json.loads(file.read_text())
    assert (before["audio"], before["queue"], before["caller"]) == ("", "order", "13800138000")
    assert file.stat().st_mode & 0o777 == 0o600
    await until(file.with_suffix(".wav").exists, 5)  # after the prompt and the beep
    await call.say(tone(tmp_path / "440.wav", 440, 1.5))
    await call.hang_up()
    await until(lambda: json.loads(file.read_text())["audio"] != "", 5)
    message = json.loads(file.read_text())
    assert message["contact"] == contact
    assert message["language"] == "en"
    assert message["seconds"] == pytest.approx(1.5, abs=0.7)
    assert pitch(node.messages / message["audio"]) == pytest.approx(440, abs=5)


async def test_the_talk_goes_on_when_the_controller_dies(
    stub: Stub, trunk: Phone, agent: Phone, tmp_path: Path
) -> None:
    stub.answers = {"menu": enqueue(), "tick": offer()}
    call = await dial(trunk)
    ringing = await agent.ringing(8)
    await ringing.answer(heard=tmp_path / "agent.wav")
    await stub.user_event("HuawuAnswered")
    await stub.die()
    await call.say(tone(tmp_path / "440.wav", 440, 1.0))
    await ringing.hang_up()
    assert (await stub.user_event("HuawuTalkEnded")).get("By") == "agent"
    assert await call.ended(15) == 200
    assert pitch(tmp_path / "agent.wav") == pytest.approx(440, abs=5)
