"""The menu is changed while calls go on: new callers get the new one, a broken one nobody."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.settings import ROOT
from tests.live.stack import Caller, Scene, Stack, until

pytestmark = pytest.mark.live


@pytest.fixture
def menu(stack: Stack) -> Iterator[Path]:
    """The main menu's file, in use with time to think; afterwards it is as it was, and in use."""
    file = stack.settings.company / "menus" / "main.yaml"
    good = file.read_text(encoding="utf-8")
    assert "    wait: 2" in good
    file.write_text(good.replace("    wait: 2", "    wait: 30"), encoding="utf-8")
    assert reload(stack).returncode == 0
    yield file
    file.write_text(good, encoding="utf-8")
    assert reload(stack).returncode == 0


def reload(stack: Stack) -> subprocess.CompletedProcess[str]:
    return ivr(stack, "reload")


def ivr(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    with stack.environment():
        return subprocess.run(
            [sys.executable, "-m", "controller", "ivr", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )


def versions(stack: Stack) -> int:
    return stack.log("controller").read_text(encoding="utf-8").count('"event": "menu taken up"')


async def hangs_up(caller: Caller) -> None:
    await caller.call.hang_up()
    await caller.gone()


async def test_a_new_menu_is_for_new_callers_and_a_broken_one_for_nobody(
    scene: Scene, menu: Path
) -> None:
    text = menu.read_text(encoding="utf-8")
    inside = await scene.caller()
    await inside.comes_to("main_menu")

    before = versions(scene.stack)  # now, when what a test before has put back is taken up, too
    menu.write_text(text.replace("3: logistics", "3: nowhere"), encoding="utf-8")
    broken = reload(scene.stack)
    assert broken.returncode == 1
    line = text[: text.index("3: logistics")].count("\n") + 1
    assert f"main.yaml:{line}:" in broken.stderr
    assert versions(scene.stack) == before

    swapped = text.replace("3: logistics", "3: returns").replace("4: returns", "4: logistics")
    menu.write_text(swapped, encoding="utf-8")
    assert reload(scene.stack).returncode == 0

    async def is_read() -> bool:
        return versions(scene.stack) > before

    await until(is_read, 5, "the controller reads the menu")
    await inside.call.press("3")
    await inside.comes_to("logistics")
    newcomer = await scene.caller()
    await newcomer.waits_in("returns", key="3")
    await hangs_up(inside)
    await hangs_up(newcomer)


async def test_a_version_is_put_back_by_a_click(scene: Scene, menu: Path) -> None:
    good = menu.read_text(encoding="utf-8")
    menu.write_text(
        good.replace("3: logistics", "3: returns").replace("4: returns", "4: logistics"), "utf-8"
    )
    changed = await scene.api.change("POST", "menus/reload")
    assert (changed["author"], changed["in_use"]) == ("supervisor", True)
    newcomer = await scene.caller()
    await newcomer.waits_in("returns", key="3")
    back = await scene.api.change("POST", "menus/rollback", number=changed["number"] - 1)
    assert back["note"] == f"rollback to {changed['number'] - 1}"
    assert menu.read_text(encoding="utf-8") == good
    next_one = await scene.caller()
    await next_one.waits_in("logistics", key="3")
    listed = ivr(scene.stack, "versions").stdout.splitlines()
    assert listed[0].split()[0] == str(back["number"])
    await hangs_up(newcomer)
    await hangs_up(next_one)
