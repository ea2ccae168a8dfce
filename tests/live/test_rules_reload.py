"""The rules are changed while people wait and talk: at once for all, and broken ones for nobody."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.settings import ROOT
from telephony.events import AgentState, OfferMade, RulesChanged
from tests.live.stack import Scene, Stack, until

pytestmark = pytest.mark.live


def huawu(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    with stack.environment():
        return subprocess.run(
            [sys.executable, "-m", "controller", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )


class Rules:
    """The copied company's rule files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def edit(self, file: str, old: str, new: str) -> int:
        """Change one place; returns its line."""
        text = (self.folder / file).read_text(encoding="utf-8")
        assert old in text, old
        (self.folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        return text[: text.index(old)].count("\n") + 1

    def add(self, file: str, text: str) -> None:
        with (self.folder / file).open("a", encoding="utf-8") as opened:
            opened.write(text)


@pytest.fixture
def rules(scene: Scene) -> Iterator[Rules]:
    """The rule files; afterwards they are as they were, and in use."""
    folder = scene.stack.settings.company
    good = {file: file.read_text(encoding="utf-8") for file in folder.rglob("*.yaml")}
    yield Rules(folder)
    for file, text in good.items():
        file.write_text(text, encoding="utf-8")
    for files in ("rules", "ivr"):
        result = huawu(scene.stack, files, "reload")
        assert result.returncode == 0, result.stderr


async def changed(scene: Scene, count: int) -> None:
    async def heard() -> bool:
        return scene.feed.count(RulesChanged) >= count

    await until(heard, 10, f"{count} changes of the rules")


async def test_broken_rules_stay_out_and_good_ones_reach_who_waits(
    scene: Scene, rules: Rules
) -> None:
    seller = await scene.agent("8001")  # free, but knows nothing of delivery
    first = await scene.caller()
    place = await first.waits_in("logistics", key="3")
    talker = await scene.caller()
    li = await scene.agent("8006")
    await talker.chooses("5")
    talk = await li.answer()

    line = rules.edit("queues.yaml", "{logistics: 1}", "{logistik: 1}")
    broken = huawu(scene.stack, "rules", "reload")
    assert broken.returncode == 1
    assert f"queues.yaml:{line}: no agent has the skill logistik" in broken.stderr
    assert "mend: " in broken.stderr
    assert scene.feed.count(RulesChanged) == 0
    assert scene.feed.count(OfferMade, contact=first.contact) == 0

    # Delivery asks for what 8001 knows; 8006, in a call, leaves the company.
    rules.edit("queues.yaml", "{logistik: 1}", "{order: 1}")
    text = (rules.folder / "agents.yaml").read_text(encoding="utf-8")
    start, end = text.index('  - id: "8006"'), text.index('  - id: "8007"')
    text = (text[:start] + text[end:]).replace("logistics", "returns")
    text = text.replace("returns: 9, returns: 4", "returns: 9").replace(
        "returns: 5, returns: 8", "returns: 8"
    )
    (rules.folder / "agents.yaml").write_text(text, encoding="utf-8")
    rules.edit("routing.yaml", 'agent: "8006"', 'agent: "8005"')
    good = huawu(scene.stack, "rules", "reload", "--author", "mei")
    assert good.returncode == 0, good.stderr
    await changed(scene, 1)
    (change,) = scene.feed.all(RulesChanged)
    assert change.author == "mei"
    offer = await scene.feed.event(OfferMade, contact=first.contact)
    assert (offer.agent, offer.queue) == ("8001", "logistics")
    call = await seller.answer()
    assert (await scene.feed.store("huawu:contacts"))[first.contact]["queued"] == place.at

    assert "8006" in await scene.feed.store("huawu:agents"), "the call in hand goes on"
    await talker.call.hang_up()
    await talk.ended(10)
    await talker.gone()

    async def has_left() -> bool:
        return "8006" not in await scene.feed.store("huawu:agents")

    await until(has_left, 10, "8006 has left")
    await first.call.hang_up()
    await call.ended(10)
    await first.gone()


async def test_a_new_agent_and_a_new_queue_are_there_without_a_restart(
    scene: Scene, rules: Rules
) -> None:
    page = await scene.api.watch()
    rules.add(
        "agents.yaml",
        '\n  - {id: "8099", name: {zh-CN: 新人, en: New}, skills: {repair: 3, mandarin: 5}, '
        "call_headers: true}\n",
    )
    rules.add(
        "queues.yaml",
        "\n  - id: repair\n    name: {zh-CN: 维修, en: Repair}\n    skills: {repair: 1}\n",
    )
    rules.edit("menus/main.yaml", "    queue: order\n", "    queue: repair\n")
    result = huawu(scene.stack, "rules", "reload")
    assert result.returncode == 0, result.stderr
    assert "new accounts: 8099" in result.stdout
    assert "./huawu ivr reload" in result.stdout
    assert huawu(scene.stack, "ivr", "reload").returncode == 0
    await changed(scene, 1)
    newcomer = await scene.agent("8099")
    assert "agent8099" in await scene.stack.console("queue show huawu-repair")

    async def is_shown(offered: int = 0) -> bool:
        return "repair" in page.queues and page.queues["repair"]["offered"] == offered

    await until(is_shown, 10, "the open page shows the new queue")
    caller = await scene.caller()
    await caller.chooses("2")
    call = await newcomer.answer()
    assert call.headers["X-Huawu-Contact"] == caller.contact
    await caller.call.hang_up()
    await call.ended(10)
    await caller.gone()
    await newcomer.is_now(AgentState.WRAP_UP)
    await until(lambda: is_shown(1), 5, "the open page counts the caller")
    await page.close()

    back = huawu(scene.stack, "rules", "rollback")
    assert back.returncode == 1, "the menu names the queue"
    assert "there is no queue 'repair'" in back.stderr
    rules.edit("menus/main.yaml", "    queue: repair\n", "    queue: order\n")
    back = huawu(scene.stack, "rules", "rollback")
    assert back.returncode == 0, back.stderr
    await changed(scene, 2)

    async def has_left() -> bool:
        return "8099" not in await scene.feed.store("huawu:agents")

    await until(has_left, 10, "8099 has left")


async def test_a_controller_that_starts_over_broken_files_goes_by_the_last_good_ones(
    scene: Scene, rules: Rules
) -> None:
    line = rules.edit("queues.yaml", "  - id: order", "\t- id: order")  # not even YAML
    old = scene.stack.kill("controller")
    await scene.stack.serves_again("controller", old)
    said = scene.stack.log("controller").read_text(encoding="utf-8")
    assert "the rules stay as they were" in said
    assert f"queues.yaml:{line}: " in said
    caller = await scene.caller()
    await caller.waits_in("order", key="2")
    await caller.call.hang_up()
    await caller.gone()
