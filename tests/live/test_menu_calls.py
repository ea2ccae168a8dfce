"""The committed menu with its recordings on a real Asterisk: keys, barge-in, hang-ups.

Calls are made of Local channels. A caller acts when the dialogue reports a step, so nothing
depends on how fast the machine is.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ivr.call import MenuEvent
from ivr.dialogue import Caller, Ending, Outcome, Reason, run_dialogue
from ivr.line import AgiLine
from ivr.ports import World
from ivr.versions import load_version
from telephony.agi import AgiSession, CallerHungUp, FastAgiServer
from telephony.ami import AmiLink
from telephony.events import MenuStepTaken
from tests.example_company import COMPANY
from tests.live.bare_asterisk import BareAsterisk, bare_asterisk, free_port
from tests.telephony.until import until

pytestmark = pytest.mark.live

AGI_PORT = free_port()
HANG_UP = "hang up"
DIALPLAN = f"""
[calls]
exten => menu,1,Answer()
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,AGI(agi://127.0.0.1:{AGI_PORT}/menu)
exten => caller,1,Answer()
 same => n,Wait(120)
"""


@dataclass
class Call:
    """One caller: what they do at which step, and what became of it."""

    number: str
    plan: dict[tuple[str, str], str]
    steps: list[tuple[str, str]] = field(default_factory=list)
    times: dict[tuple[str, str], float] = field(default_factory=dict)
    outcome: Outcome | None = None


class Switchboard:
    """Makes the calls and plays the callers."""

    def __init__(self, asterisk: BareAsterisk) -> None:
        self.menu = load_version(COMPANY)
        self.calls: dict[str, Call] = {}
        self.acts: set[asyncio.Task[object]] = set()
        self.server = FastAgiServer({"menu": self.route}, host="127.0.0.1", port=AGI_PORT)

        async def on_up() -> None:
            """Nothing to reconcile."""

        self.link = AmiLink(
            host="127.0.0.1",
            port=asterisk.ami_port,
            username="controller",
            secret=asterisk.secret,
            on_event=lambda _: None,
            on_up=on_up,
            on_down=lambda: None,
            wanted=frozenset({"UserEvent"}),
            back_off=(0.05, 0.3),
        )

    async def route(self, session: AgiSession) -> None:
        call = self.calls[await session.get_variable("CALLERID(num)") or ""]

        def on_step(event: MenuEvent) -> None:
            if not isinstance(event, MenuStepTaken):
                return
            node, key = event.node, event.key
            call.steps.append((node, key))
            call.times.setdefault((node, key), asyncio.get_running_loop().time())
            if act := call.plan.pop((node, key), ""):
                task = asyncio.create_task(self.act(session.channel, act))
                self.acts.add(task)
                task.add_done_callback(self.acts.discard)

        call.outcome = await run_dialogue(
            AgiLine(session, Path("/nonexistent")),
            self.menu,
            Caller(contact=session.uniqueid, number=call.number),
            World(now=lambda: 1_795_233_600.0),  # Saturday noon in Shanghai
            on_step,
        )
        if call.outcome.ending is Ending.QUEUE:
            # What the dialplan would play next exists on this machine.
            for path in call.outcome.announcement:
                assert Path(path + ".wav").is_file()
        else:
            with pytest.raises(CallerHungUp):
                await session.get_variable("CALLERID(num)")

    async def act(self, channel: str, act: str) -> None:
        if act == HANG_UP:
            await self.link.action("Hangup", [("Channel", channel)])
        else:
            theirs = channel.removesuffix(";1") + ";2"
            await self.link.action("PlayDTMF", [("Channel", theirs), ("Digit", act)])

    async def call(self, number: str, plan: dict[tuple[str, str], str]) -> Call:
        """Make a call and wait until its dialogue is over."""
        call = self.calls[number] = Call(number, plan)
        await self.link.action(
            "Originate",
            [
                ("Channel", "Local/caller@calls"),
                ("Context", "calls"),
                ("Exten", "menu"),
                ("Priority", "1"),
                ("CallerID", f"<{number}>"),
                ("Async", "true"),
            ],
        )
        await until(lambda: call.outcome is not None, 60)
        return call


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareAsterisk]:
    with bare_asterisk(tmp_path_factory.mktemp("asterisk"), DIALPLAN) as running:
        yield running


@pytest.fixture
async def switchboard(asterisk: BareAsterisk) -> AsyncIterator[Switchboard]:
    made = Switchboard(asterisk)
    await made.server.start()
    task = asyncio.create_task(made.link.run())
    await until(lambda: made.link.is_up, 10)
    yield made
    await until(lambda: made.server.counters.open == 0)
    assert made.server.counters.failures == 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.server.stop()


async def test_callers_at_the_menu(switchboard: Switchboard, caplog: pytest.LogCaptureFixture):
    """All at once: the notice alone lasts seven seconds."""
    english, vip, zero, at_notice, at_language, at_menu, at_wait = await asyncio.gather(
        switchboard.call(
            "13800000001",
            {
                ("greeting", ""): "1",  # lost: nobody skips the notice
                ("language", ""): "2",
                ("main_menu", ""): "9",
                ("main_menu", "9"): "3",  # interrupts "that is not a valid choice"
            },
        ),
        switchboard.call("19900000001", {("language", ""): "1"}),
        switchboard.call("13800000002", {("language", ""): "0"}),
        switchboard.call("13800000003", {("greeting", ""): HANG_UP}),
        switchboard.call("13800000004", {("language", ""): HANG_UP}),
        switchboard.call("13800000005", {("language", ""): "1", ("main_menu", ""): HANG_UP}),
        switchboard.call(
            "13800000006",
            {("language", ""): "1", ("main_menu", ""): "#", ("main_menu", "#"): HANG_UP},
        ),
    )

    assert english.outcome.queue == "logistics"
    assert english.outcome.language == "en"
    assert english.outcome.reason is Reason.CHOICE
    assert english.steps[-4:] == [
        ("main_menu", ""), ("main_menu", "9"), ("main_menu", "3"), ("logistics", ""),
    ]  # fmt: skip
    notice = english.times["language", ""] - english.times["greeting", ""]
    assert notice > 6.5, "the notice was cut"
    menu = english.times["main_menu", "9"] - english.times["main_menu", ""]
    assert menu < 5, "the key did not interrupt the menu"

    assert (vip.outcome.queue, vip.outcome.language) == ("vip", "zh-CN")
    assert (zero.outcome.queue, zero.outcome.reason) == ("general", Reason.PERSON_KEY)
    for call, node in [
        (at_notice, "greeting"), (at_language, "language"),
        (at_menu, "main_menu"), (at_wait, "main_menu"),
    ]:  # fmt: skip
        assert call.outcome.ending is Ending.CALLER_GONE
        assert call.outcome.node == node
    assert "no recording" not in caplog.text

    async def channels() -> int:
        return len(await switchboard.link.list("CoreShowChannels"))

    async with asyncio.timeout(10):
        while await channels():
            await asyncio.sleep(0.1)
