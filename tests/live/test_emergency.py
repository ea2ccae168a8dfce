"""The emergency switch on real calls: at once, in front of everything, of one queue, and away."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.settings import ROOT
from ivr.versions import load_version
from telephony.events import CallStage, EmergencyMet, EmergencySwitched
from tests.live.sound import likeness, samples
from tests.live.stack import Agent, Caller, Scene, until

pytestmark = pytest.mark.live

SHELF = load_version(ROOT / "company").flow.shelf


def prompt(name: str, language: str = "zh-CN") -> Path:
    return Path(SHELF.path(name, language) + ".wav")


def heard_likeness(heard: Path, name: str, language: str = "zh-CN") -> float:
    return likeness(samples(heard), samples(prompt(name, language)))


@pytest.fixture
async def scene_off(scene: Scene) -> AsyncIterator[Scene]:
    """A scene after which nothing is switched on."""
    yield scene
    for switch in (await scene.api.get("emergency"))["on"]:
        await scene.api.change("DELETE", f"emergency?scope={switch['scope']}")


def terminal(scene: Scene, *words: str) -> None:
    with scene.stack.environment():
        done = subprocess.run(
            [sys.executable, "-m", "controller", "ivr", "emergency", *words],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr


async def hangs_up(caller: Caller) -> None:
    await caller.call.hang_up()
    await caller.gone()


async def test_in_front_of_everything_and_away_again(scene_off: Scene, tmp_path: Path) -> None:
    scene = scene_off
    inside = await scene.caller()
    await inside.comes_to("language")
    terminal(scene, "on", "system_trouble", "--author", "mei")
    told = await scene.feed.event(EmergencySwitched, on=True)
    assert (told.author, told.scope, told.say) == ("mei", "everything", "emergency_system")

    stopped = await scene.caller(heard=tmp_path / "stopped.wav")
    await scene.feed.event(EmergencyMet, contact=stopped.contact)
    ended = await stopped.gone(40)
    assert ended.stage is CallStage.MENU
    for language in ("zh-CN", "en"):
        assert heard_likeness(tmp_path / "stopped.wav", "emergency_system", language) > 0.8
    assert heard_likeness(tmp_path / "stopped.wav", "main-greeting") < 0.7

    await inside.call.press("1")  # who was inside notices nothing
    await inside.comes_to("main_menu")
    await hangs_up(inside)
    record = await scene.record(stopped.contact)
    assert "emergency_system" in str(record["events"])

    await scene.api.change("DELETE", "emergency")
    caller = await scene.caller(heard=tmp_path / "free.wav")
    await caller.waits_in("order", key="2")
    await hangs_up(caller)
    assert heard_likeness(tmp_path / "free.wav", "emergency_system") < 0.7
    assert heard_likeness(tmp_path / "free.wav", "main-greeting") > 0.8


async def test_in_front_of_one_queue(scene_off: Scene, tmp_path: Path) -> None:
    scene = scene_off
    switched = await scene.api.change(
        "PUT", "emergency", scope="logistics", say="emergency_delays", then="go_on"
    )
    assert switched["author"] == "supervisor:supervisor"
    caller = await scene.caller(heard=tmp_path / "logistics.wav")
    await caller.waits_in("logistics", key="3")
    await hangs_up(caller)
    assert scene.feed.count(EmergencyMet, contact=caller.contact, scope="logistics") == 1
    assert heard_likeness(tmp_path / "logistics.wav", "emergency_delays") > 0.8
    other = await scene.caller()
    await other.waits_in("order", key="2")
    await hangs_up(other)
    assert scene.feed.count(EmergencyMet, contact=other.contact) == 0


async def dial(agent: Agent, scene: Scene, code: str, pin: str) -> None:
    call = await agent.phone.dial(code)
    await call.answered(10)
    for digit in pin:
        await call.press(digit)
    await call.ended(30)


async def test_by_a_feature_code_with_the_pin(scene_off: Scene) -> None:
    scene = scene_off
    pin = scene.stack.credentials.emergency_pin
    allowed, other = await scene.phone_of("8007"), await scene.phone_of("8001")
    await dial(other, scene, "*91", pin)
    await dial(allowed, scene, "*91", "000000" if pin != "000000" else "111111")
    assert scene.feed.count(EmergencySwitched) == 0
    await dial(allowed, scene, "*91", pin)
    told = await scene.feed.event(EmergencySwitched, on=True)
    assert (told.author, told.scope) == ("agent:8007", "everything")
    await dial(allowed, scene, "*90", pin)
    await scene.feed.event(EmergencySwitched, on=False)

    async def nothing_on() -> bool:
        return not (await scene.api.get("emergency"))["on"]

    await until(nothing_on, 5, "nothing is switched on")
