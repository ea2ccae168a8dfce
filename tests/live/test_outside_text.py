"""What callers send is text and stays text: names, numbers, what is dialled, keys."""

import asyncio
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from store.live import CONTACTS
from telephony.events import ContactArrived, ContactEnded, ContactQueued, MenuStepTaken
from tests.live.raw_sip import KEYS, RawCall
from tests.live.stack import Scene

pytestmark = pytest.mark.live

MARK = "huawu-was-here"
HOSTILE = {
    "shell": f"${{SHELL(touch /tmp/{MARK})}}",
    "system": f"`touch /tmp/{MARK}`;touch /tmp/{MARK}",
    "expression": "$[1+1]",
    "variable": "${HUAWU_CONTACT}${DB(a/b)}${GLOBAL(AGI)}",
    "quotes": "\"'\"'",
    "sql": "'; DROP TABLE events; --",
    "line breaks": "1\r\nagi_arg_1: forged\r\n\r\n200 result=1 (forged)\r\nAction: Hangup",
    "a null": "12\0 34",
    "emoji": "😀王小明",
    "separators": "a|b,c&d^e;f\\g",
    "percent": "%0a%s%n",
    "markup": "<script>alert(1)</script>",
    "10,000 digits": "9" * 10_000,
}


def sender(text: str) -> str:
    """From, with a text as the caller's name and as the number."""
    name = re.sub(r"[\x00-\x1f]", "", text[:200]).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{name}" <sip:{quote("138" + text, safe="")}@127.0.0.1>'


def call(scene: Scene, text: str, *, target: str = "8000") -> RawCall:
    """A call in which everything that a caller may say says this."""
    name = quote(text[:200], safe="")
    return RawCall(
        port=scene.stack.settings.sip_port,
        secret=scene.stack.credentials.sip["trunk"],
        target=target,
        sender=sender(text),
        headers=[
            f"P-Asserted-Identity: <sip:{name}@127.0.0.1>",
            f"Remote-Party-ID: <sip:{name}@127.0.0.1>;party=calling",
            f"Diversion: <sip:{name}@127.0.0.1>;reason=no-answer",
            f"Subject: {name}",
            f"User-Agent: {name}",
        ],
    )


async def test_callers_names_and_numbers_stay_text(scene: Scene) -> None:
    """All at once; each is let through to a person."""
    served = []
    for text in HOSTILE.values():
        raw = call(scene, text)
        assert await asyncio.to_thread(raw.dial) == 200, text
        arrived = await scene.feed.event(ContactArrived, number=len(served) + 1)
        kept = text.partition("\0")[0]  # the rest is no part of a C string
        assert arrived.caller == re.sub("[^0-9+*#]", "", "138" + kept)[:32]
        assert arrived.dialled == "8000"
        served.append(asyncio.create_task(ask_for_a_person(scene, raw, text, arrived)))
    await asyncio.gather(*served)
    assert not list(Path("/tmp").glob(MARK))
    assert len((await scene.api.get("contacts"))["contacts"]) >= len(HOSTILE)


async def ask_for_a_person(scene: Scene, raw: RawCall, text: str, arrived: ContactArrived) -> None:
    """Press 0 when the menu listens, look at what is known of the caller, hang up."""
    contact = arrived.contact
    with raw:
        await scene.feed.event(MenuStepTaken, 20, contact=contact, node="language")
        await asyncio.to_thread(raw.press, "0")
        await scene.feed.event(ContactQueued, contact=contact, queue="general")
        told = [
            await scene.stack.console(f"core show channel {arrived.channel}"),
            str(await scene.feed.store(CONTACTS)),
        ]
        assert await asyncio.to_thread(raw.hang_up) == 200
    await scene.feed.event(ContactEnded, contact=contact)
    told += [str(await scene.record(contact)), str(scene.feed.of(contact))]
    for seen in told:
        assert "forged" not in seen
        assert text.strip() not in seen


async def test_what_is_dialled_is_the_service_number_or_nothing(scene: Scene) -> None:
    targets = [quote("8000" + text[:200], safe="") for text in HOSTILE.values()]
    for target in (*targets, "8000${EXTEN}", "$[8000]", "8" * 3000, "%24%7BEXTEN%7D"):
        with call(scene, "1", target=target) as raw:
            code = await asyncio.to_thread(raw.dial, 2.0)
            assert code == 0 or 400 <= code < 500, (target[:60], code)  # 0: no SIP address at all
    assert not await scene.stack.channels()
    assert not scene.feed.count(ContactArrived)
    assert not list(Path("/tmp").glob(MARK))


async def test_keys_that_no_telephone_sends_are_no_keys(scene: Scene) -> None:
    with call(scene, "1") as raw:
        assert await asyncio.to_thread(raw.dial) == 200
        arrived = await scene.feed.event(ContactArrived)
        await scene.feed.event(MenuStepTaken, 20, contact=arrived.contact, node="language")
        for number in (16, 17, 63, 255):  # flash, and events that mean nothing
            await asyncio.to_thread(raw.event, number)
        for signal in (*HOSTILE.values(), "12", "E", "", "\u0661"):
            await asyncio.to_thread(raw.info, f"Signal={signal}\r\nDuration=100\r\n")
            await asyncio.to_thread(raw.info, signal, "application/dtmf")
        await asyncio.to_thread(raw.press, "0")
        await scene.feed.event(ContactQueued, 30, contact=arrived.contact)
        assert await asyncio.to_thread(raw.hang_up) == 200
    await scene.feed.event(ContactEnded, contact=arrived.contact)
    keys = {step.key for step in scene.feed.all(MenuStepTaken, contact=arrived.contact)}
    assert keys <= {*KEYS, ""}
    assert not list(Path("/tmp").glob(MARK))


async def test_ten_thousand_keys_are_bounded_and_others_are_served(scene: Scene) -> None:
    controller = Path(f"/proc/{scene.stack.pids()['controller']}/status")

    def memory() -> int:
        return int(controller.read_text().partition("VmRSS:")[2].split()[0])

    before = memory()
    with call(scene, "1") as raw:
        assert await asyncio.to_thread(raw.dial) == 200
        arrived = await scene.feed.event(ContactArrived)
        await scene.feed.event(MenuStepTaken, 20, contact=arrived.contact, node="language")
        pressing = asyncio.create_task(asyncio.to_thread(raw.press, "9" * 10_000))
        other = await scene.caller()
        await other.waits_in("logistics", key="3")
        await other.call.hang_up()
        await other.gone()
        await pressing
        await scene.feed.event(ContactQueued, contact=arrived.contact)  # a person is to help
        assert await asyncio.to_thread(raw.hang_up) == 200
    await scene.feed.event(ContactEnded, contact=arrived.contact)
    steps = scene.feed.all(MenuStepTaken, contact=arrived.contact)
    assert len(steps) < 100
    assert {len(step.key) for step in steps} <= {0, 1}
    assert memory() - before < 20_000  # kB
