"""Phones of one rack call each other without any server between them."""

import asyncio
import os
from pathlib import Path

import pytest

from telephony.softphone import CallEndedError, Phone, PhoneCall, PhoneError, PhoneRack
from tests.tones import pitch, tone


@pytest.fixture
async def rack():
    async with PhoneRack() as rack:
        yield rack


async def connect(rack: PhoneRack, **options) -> tuple[Phone, PhoneCall, PhoneCall]:
    phone = await rack.phone("8001", "x", server="127.0.0.1", port=rack.port)
    made = await phone.dial("8001", **options)
    return phone, made, await phone.ringing(3)


async def test_each_side_hears_the_other_and_its_keys(rack: PhoneRack, tmp_path: Path) -> None:
    heard, heard_too = tmp_path / "a.wav", tmp_path / "b.wav"
    _, made, came = await connect(rack, number="13800138000", name="李雷", heard=heard)
    assert (came.number, came.name) == ("13800138000", "李雷")
    await came.answer(heard=heard_too)
    await made.answered(3)
    low, high = tone(tmp_path / "low.wav", 440, 0.8), tone(tmp_path / "high.wav", 700, 0.8)
    await asyncio.gather(made.say(low, 5), came.say(high, 5), made.press("1#"))
    await came.pressed("1#", 3)
    await came.hang_up()
    assert await made.ended(3) == 200
    assert made.is_answered
    assert pitch(heard) == pytest.approx(700, abs=5)
    assert pitch(heard_too) == pytest.approx(440, abs=5)


@pytest.mark.parametrize("code", [486, 603])
async def test_a_declined_call_ends_with_the_status(rack: PhoneRack, code: int) -> None:
    _, made, came = await connect(rack)
    await came.decline(code)
    with pytest.raises(CallEndedError, match=str(code)):
        await made.answered(3)
    assert await made.ended(1) == code


async def test_a_caller_who_gives_up_stops_the_ringing(rack: PhoneRack) -> None:
    phone, made, came = await connect(rack)
    await made.hang_up()
    assert await came.ended(3) == 487
    assert phone.is_quiet


async def test_a_wait_has_a_limit(rack: PhoneRack) -> None:
    phone, made, _ = await connect(rack)
    with pytest.raises(TimeoutError):
        await made.answered(0.05)
    with pytest.raises(TimeoutError):
        await phone.ringing(0.05)


async def test_a_file_that_is_missing_is_a_fault_of_the_call(
    rack: PhoneRack, tmp_path: Path
) -> None:
    _, made, came = await connect(rack)
    await came.answer()
    with pytest.raises(PhoneError):
        await made.say(tmp_path / "none.wav", 3)


async def test_any_number_of_calls_at_a_time(rack: PhoneRack) -> None:
    phone = await rack.phone("8001", "x", server="127.0.0.1", port=rack.port)
    calls = [await phone.dial("8001", number=f"1380013800{n}") for n in range(2)]
    async with PhoneRack() as other:
        more = await other.phone("8002", "x", server="127.0.0.1", port=rack.port)
        calls += [await more.dial("8001") for _ in range(6)]
        assert len(other.pids) == 2
        # The first child has room for four: two ends of its own two calls.
        assert {await call.ended(3) for call in calls[2:]} == {486}


async def test_a_callers_text_arrives_as_it_was_given(rack: PhoneRack) -> None:
    _, made, came = await connect(rack, number="+86 <138>;x", name='say "hi" \\')
    assert (came.number, came.name) == ("+86 <138>;x", 'say "hi" \\')
    await made.hang_up()


async def test_closing_ends_calls_and_the_child() -> None:
    async with PhoneRack() as rack:
        _, made, _ = await connect(rack)
        (child,) = rack.pids
    assert made.end is not None
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    with pytest.raises(PhoneError):
        await made.press("1")
