"""What a stranger reaches: nothing that can dial, nothing beyond loopback."""

import asyncio
import secrets
import socket
from pathlib import Path

import pytest

from controller.lifecycle import marked_processes
from controller.setup.ports import Port, listeners
from telephony.events import ContactAnswered, ContactArrived
from telephony.softphone import CallEndedError
from tests.live.stack import Scene, Stack, until

EPHEMERAL = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
"""The first of the ports that the kernel gives out itself."""

pytestmark = pytest.mark.live


def invite(stack: Stack, target: str, sender: str, wire: socket.socket) -> str:
    """An INVITE without any proof of identity."""
    port, own = stack.settings.sip_port, wire.getsockname()[1]
    tag = secrets.token_hex(6)
    body = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
    return (
        f"INVITE sip:{target}@127.0.0.1:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{tag};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{sender}@127.0.0.1>;tag={tag}\r\n"
        f"To: <sip:{target}@127.0.0.1>\r\nCall-ID: {tag}\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <sip:{sender}@127.0.0.1:{own}>\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


def answers(stack: Stack, target: str, sender: str) -> list[int]:
    """The status codes that come back within a second of the last one."""
    codes = []
    with socket.socket(type=socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        wire.settimeout(1.0)
        message = invite(stack, target, sender, wire).encode()
        wire.sendto(message, ("127.0.0.1", stack.settings.sip_port))
        try:
            while True:
                codes.append(int(wire.recv(65535).split()[1]))
                if codes[-1] >= 200:
                    return codes
        except TimeoutError:
            return codes


@pytest.mark.parametrize("target", ["8000", "8001", "agent8001", "*45", "0013800138000", "s"])
async def test_anonymous_callers_reach_nothing(scene: Scene, target: str) -> None:
    senders = ("anonymous", "13800138000", "customer", "trunk", "agent8001", "8001")
    for sender in senders:
        codes = await asyncio.to_thread(answers, scene.stack, target, sender)
        assert codes, "no answer at all"
        assert set(codes) <= {401, 403, 404, 407}, (sender, codes)
    assert not await scene.stack.channels()
    assert not scene.feed.count(ContactArrived)


async def test_a_customer_reaches_the_service_number_alone(scene: Scene) -> None:
    stack = scene.stack
    port, secret = stack.settings.sip_port, stack.credentials.sip["trunk"]
    trunk = await scene.rack.phone("trunk", secret, server="127.0.0.1", port=port)
    for target in ("8001", "agent8001", "*45", "0013800138000", "80000", "huawu-offer", "s", "h"):
        call = await trunk.dial(target, number="13800138000")
        with pytest.raises(CallEndedError) as refused:
            await call.answered(5)
        assert refused.value.code == 404, target
    guess = await scene.rack.phone("trunk", "huawu", server="127.0.0.1", port=port)
    call = await guess.dial("8000", number="13800138000")
    with pytest.raises(CallEndedError) as refused:
        await call.answered(10)
    assert refused.value.code in (401, 403)
    assert not scene.feed.count(ContactArrived)


async def test_an_agent_dials_the_codes_and_the_service_number_alone(scene: Scene) -> None:
    agent = await scene.phone_of("8001")
    for target in ("8002", "agent8002", "0013800138000", "*47", "s"):
        call = await agent.phone.dial(target)
        with pytest.raises(CallEndedError) as refused:
            await call.answered(5)
        assert refused.value.code == 404, target


def listening(stack: Stack) -> dict[str, set[str]]:
    """Address and port -> of every socket of ours that strangers could send to."""
    inodes: dict[str, str] = {}
    for pid in marked_processes(stack.settings):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(descriptor.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes[target[8:-1]] = Path(f"/proc/{pid}/comm").read_text().strip()
    found: dict[str, set[str]] = {}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[9] not in inodes or (table.startswith("tcp") and columns[3] != "0A"):
                continue
            number = int(columns[1].rpartition(":")[2], 16)
            where = listeners(Port("", number, "", udp=table.startswith("udp")))
            found.setdefault(f"{inodes[columns[9]]} {table} {number}", set()).update(where)
    return found


async def test_nothing_listens_beyond_loopback(scene: Scene) -> None:
    """Not even the audio of a call that is going on."""
    agent = await scene.agent("8004")
    caller = await scene.caller()
    await caller.chooses("3")
    await agent.answer(20)
    await scene.feed.event(ContactAnswered, contact=caller.contact)

    async def look() -> dict[str, set[str]]:
        return await asyncio.to_thread(listening, scene.stack)

    sockets = await until(look, 5, "our sockets")
    assert len(sockets) > 6, sockets
    beyond = {name for name, where in sockets.items() if where - {"127.0.0.1", "::1"}}
    # PJSIP's resolver keeps two sockets, for the answers of name servers that it asks.
    resolver = {name for name in beyond if " udp" in name and int(name.split()[-1]) >= EPHEMERAL}
    assert len(resolver) <= 2
    assert not beyond - resolver
