"""Callers of a real Asterisk hang up at every node of flows that have every kind.

The flows are those of ``tests/ivr/test_hang_ups.py``; each call has keys for its way and leaves at
the moment in which the dialogue comes to its node, so nothing depends on how fast the machine is.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ivr.dialogue import Caller, Ending, Outcome, run_dialogue
from ivr.line import AgiLine
from ivr.ports import World
from ivr.prompts import load_catalogue
from telephony.agi import AgiSession, FastAgiServer
from telephony.ami import AmiLink, AmiRefused
from telephony.events import (
    CallStage,
    ContactArrived,
    ContactEnded,
    MenuLeft,
    MenuStepTaken,
    MessageRecorded,
)
from tests.ivr.test_hang_ups import HELP, MAIN
from tests.ivr.test_kinds import ORDER, Answer, version
from tests.live.bare_asterisk import BareAsterisk, bare_asterisk, free_port
from tests.live.raw_sip import RawCall
from tests.live.stack import Scene
from tests.telephony.until import until
from tests.tones import tone

pytestmark = pytest.mark.live

AGI_PORT = free_port()
DIALPLAN = f"""
[calls]
exten => menu,1,Answer()
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,AGI(agi://127.0.0.1:{AGI_PORT}/menu)
exten => caller,1,Answer()
 same => n,Wait(120)
"""
TO_CHOICE = {"language": "1"}
TO_RATE = {**TO_CHOICE, "choice": "1", "number": "1234#"}
WAYS: dict[str, dict[str, str]] = {
    # Where the caller hangs up -> what is pressed at which node before.
    "begin": {},
    "language": {},
    "choice": TO_CHOICE,
    "number": {**TO_CHOICE, "choice": "1"},
    "ask": TO_RATE,
    "tell": TO_RATE,
    "rate": TO_RATE,
    "message": {**TO_CHOICE, "choice": "3"},
    "help/choice": {**TO_CHOICE, "choice": "4"},
    "end": {**TO_RATE, "rate": "5"},
    # Nothing is asked of the caller here: the dialogue may be over before the hang-up.
    "who": {"language": "1"},
    "opening": {**TO_CHOICE, "choice": "2"},
    "load": {**TO_CHOICE, "choice": "2"},
    "write": TO_RATE,
    "help": {**TO_CHOICE, "choice": "4"},
    "around": {**TO_CHOICE, "choice": "4", "help/choice": "1"},
    "help/back": {**TO_CHOICE, "choice": "4", "help/choice": "1"},
    "later": {**TO_CHOICE, "choice": "5"},
    "away": {**TO_CHOICE, "choice": "6"},
    "person": {**TO_CHOICE, "choice": "0"},
}
WAITS = tuple(WAYS)[:10]


class Shop:
    """Answers after a moment, and knows how many wait for it."""

    def __init__(self) -> None:
        self.known = {"order": ORDER}
        self.waiting = 0

    async def ask(self, service: str, arguments: dict[str, str]) -> Answer:
        self.waiting += 1
        try:
            await asyncio.sleep(1)
            return Answer(result="found", values={"state": "shipped"})
        finally:
            self.waiting -= 1


@dataclass
class Call:
    """A caller who hangs up at a node, and what became of it."""

    leaves: str
    keys: dict[str, str]
    events: list[object] = field(default_factory=list)
    outcome: Outcome | None = None


class Exchange:
    """Makes the calls and plays the callers."""

    def __init__(self, asterisk: BareAsterisk, folder: Path) -> None:
        self.flows = version(folder, MAIN, HELP)
        self.recordings = folder / "recordings"
        self.shop = Shop()
        self.calls: dict[str, Call] = {}
        self.acts: set[asyncio.Task[None]] = set()
        self.server = FastAgiServer({"menu": self.route}, host="127.0.0.1", port=AGI_PORT)

        async def on_up() -> None:
            """Nothing to reconcile."""

        self.link = AmiLink(
            host="127.0.0.1", port=asterisk.ami_port, username="controller",
            secret=asterisk.secret, on_event=lambda _: None, on_up=on_up,
            on_down=lambda: None, wanted=frozenset({"UserEvent"}), back_off=(0.05, 0.3),
        )  # fmt: skip

    async def route(self, session: AgiSession) -> None:
        call = self.calls[await session.get_variable("CALLERID(num)") or ""]

        def tell(event: object) -> None:
            call.events.append(event)
            if isinstance(event, MenuStepTaken) and not event.key:
                task = asyncio.create_task(self.act(session.channel, call, event.node))
                self.acts.add(task)
                task.add_done_callback(self.acts.discard)

        async def send(message: object) -> None:
            """Taken."""

        call.outcome = await run_dialogue(
            AgiLine(session, self.recordings),
            self.flows,
            Caller(contact=session.uniqueid, number="13800138000"),
            World(now=lambda: 0.0, services=self.shop, send=send),
            tell,
        )

    async def act(self, channel: str, call: Call, node: str) -> None:
        """What the caller does on coming to a node."""
        try:
            if node == call.leaves:
                await self.link.action("Hangup", [("Channel", channel)])
            for digit in call.keys.pop(node, ""):
                theirs = channel.removesuffix(";1") + ";2"
                await self.link.action("PlayDTMF", [("Channel", theirs), ("Digit", digit)])
        except AmiRefused:
            """The dialogue ended in the same moment, and the call with it."""

    async def call(self, leaves: str) -> Call:
        """Make a call and wait until its dialogue is over."""
        number = str(13_800_000_000 + len(self.calls))
        call = self.calls[number] = Call(leaves, dict(WAYS[leaves]))
        where = [("Context", "calls"), ("Exten", "menu"), ("Priority", "1")]
        fields = [("Channel", "Local/caller@calls"), *where, ("CallerID", f"<{number}>")]
        await self.link.action("Originate", [*fields, ("Async", "true")])
        await until(lambda: call.outcome is not None, 60)
        return call


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareAsterisk]:
    with bare_asterisk(tmp_path_factory.mktemp("asterisk"), DIALPLAN) as running:
        yield running


@pytest.fixture
async def exchange(
    asterisk: BareAsterisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Exchange]:
    shelf = load_catalogue(folder=tmp_path / "prompts")
    monkeypatch.setattr("tests.ivr.test_kinds.load_catalogue", lambda: shelf)
    made = Exchange(asterisk, tmp_path)
    sound = tone(tmp_path / "tone.wav", 600, 1.0)
    for prompt in made.flows.flow.shelf:
        file = tmp_path / "prompts" / prompt.file_name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(sound)
    await made.server.start()
    task = asyncio.create_task(made.link.run())
    await until(lambda: made.link.is_up, 10)
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.server.stop()


async def test_callers_hang_up_at_every_node(exchange: Exchange) -> None:
    assert set(WAYS) == set(exchange.flows.flows.places)
    tasks = len(asyncio.all_tasks())
    calls = await asyncio.gather(*(exchange.call(node) for node in WAYS))
    for call in calls:
        assert call.outcome is not None
        nodes = [event.node for event in call.events if isinstance(event, MenuStepTaken)]
        assert call.leaves in nodes
        assert sum(isinstance(event, MenuLeft) for event in call.events) == 1
        if call.leaves in WAITS:
            assert call.outcome.ending is Ending.CALLER_GONE, call
            assert call.outcome.node == call.leaves
    await nothing_is_left(exchange, tasks, calls)
    assert exchange.server.counters.hang_ups + exchange.server.counters.lost == 0
    again = await exchange.call("end")  # and the next caller is served to the end
    assert again.outcome is not None
    assert again.outcome.node == "end"


async def nothing_is_left(exchange: Exchange, tasks: int, calls: list[Call]) -> None:
    """No session, task, question, file or channel."""
    await until(lambda: exchange.server.counters.open == 0)
    assert exchange.server.counters.failures == 0
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    assert exchange.shop.waiting == 0
    told = {
        event.file for call in calls for event in call.events if isinstance(event, MessageRecorded)
    }
    kept = {str(file.relative_to(exchange.recordings)) for file in exchange.recordings.rglob("*.*")}
    assert kept == told
    async with asyncio.timeout(10):
        while await exchange.link.list("CoreShowChannels"):
            await asyncio.sleep(0.1)


# --- the whole system -----------------------------------------------------------------------------

KEYS: dict[str, list[tuple[str, str]]] = {
    # Node of the example's main flow -> what is pressed at which node before.
    "greeting": [],
    "language": [],
    "main_menu": [("language", "1")],
    "main_menu in English": [("language", "2")],
}
AT_ONCE = 6


async def test_callers_of_the_whole_system_hang_up_in_the_menu(scene: Scene) -> None:
    """Each has ended in the event log, too; the scene proves that nothing is left."""

    async def caller(raw: RawCall, contact: str, leaves: str) -> None:
        for node, key in KEYS[leaves]:
            await scene.feed.event(MenuStepTaken, 20, contact=contact, node=node)
            await asyncio.to_thread(raw.press, key)
        node = leaves.partition(" ")[0]
        await scene.feed.event(MenuStepTaken, 30, contact=contact, node=node, key="")
        await asyncio.to_thread(raw.hang_up)
        ended = await scene.feed.event(ContactEnded, contact=contact)
        assert ended.stage is CallStage.MENU
        left = await scene.feed.event(MenuLeft, contact=contact)
        assert (left.node, left.ending) == (node, Ending.CALLER_GONE)

    contacts = []
    with contextlib.ExitStack() as calls:
        async with asyncio.TaskGroup() as group:
            for leaves in list(KEYS) * AT_ONCE:
                raw = calls.enter_context(
                    RawCall(
                        port=scene.stack.settings.sip_port,
                        secret=scene.stack.credentials.sip["trunk"],
                        target="8000",
                        sender="<sip:13800138000@127.0.0.1>",
                    )
                )
                assert await asyncio.to_thread(raw.dial) == 200
                arrived = await scene.feed.event(ContactArrived, number=len(contacts) + 1)
                contacts.append(arrived.contact)
                group.create_task(caller(raw, arrived.contact, leaves))
    for contact in contacts:
        await scene.record(contact, lambda record: record["summary"]["ended_at"])
