"""A caller says what they want, over SIP, to the whole system."""

import pytest

from telephony.events import ContactQueued, MenuStepTaken, WordsHeard
from tests.live.stack import SPEECH, Caller, Scene
from tests.recordings.phrases import FOLDER

pytestmark = pytest.mark.live

BUSY = 90.0
"""Seconds in which a busy machine has recognised a sentence."""


async def at_the_menu(scene: Scene) -> Caller:
    caller = await scene.caller()
    await caller.comes_to("language")
    await caller.call.press("1")
    await caller.comes_to("main_menu")
    return caller


async def test_my_parcel_has_not_moved_for_three_days(scene: Scene) -> None:
    caller = await at_the_menu(scene)
    await caller.call.play(SPEECH / "customer_logistics.wav")
    heard = await scene.feed.event(WordsHeard, BUSY, contact=caller.contact)
    assert heard.intent == "logistics"
    assert "快递" in heard.words
    await scene.feed.event(ContactQueued, contact=caller.contact, queue="logistics")
    pressed = [e.key for e in scene.feed.all(MenuStepTaken, contact=caller.contact) if e.key]
    assert pressed == ["1"]  # the language
    await caller.call.hang_up()


async def test_who_says_something_else_is_asked_for_keys(scene: Scene) -> None:
    caller = await at_the_menu(scene)
    await caller.call.play(FOLDER / "zh_none_2.wav")  # shut the door, will you
    heard = await scene.feed.event(WordsHeard, BUSY, contact=caller.contact)
    assert heard.intent == ""
    await caller.call.press("2")
    await scene.feed.event(ContactQueued, BUSY, contact=caller.contact, queue="order")
    await caller.call.hang_up()


async def test_who_hangs_up_while_speaking_leaves_nothing_behind(scene: Scene) -> None:
    caller = await at_the_menu(scene)
    await caller.call.play(SPEECH / "customer_logistics.wav")
    channels = await scene.stack.console("core show channels concise")
    assert "AudioSocket/" in channels
    await caller.call.hang_up()
    # The scene's end sees to it that no channel is left.
