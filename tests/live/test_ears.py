"""Callers who speak into a real Asterisk are heard by the real process with a real model."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from controller.asterisk_node import TEMPLATES
from controller.ears import AsteriskEars
from ivr.intents import load_intents
from ivr.line import AgiLine
from ivr.ports import Heard
from recordings.listening import HearingLink
from telephony.agi import AgiSession, FastAgiServer
from telephony.ami import AmiLink
from tests.live.bare_asterisk import BareAsterisk, bare_asterisk, free_port
from tests.recordings.hearing_process import hearing_process
from tests.telephony.until import until

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
AGI_PORT = free_port()
PHRASES = ROOT / "tests" / "data" / "phrases"
LONG_PROMPT = "demo-congrats"
"""Half a minute of speech."""


def ear_context() -> str:
    """The ears' own lines of our dialplan."""
    text = (TEMPLATES / "extensions.conf").read_text(encoding="utf-8")
    return "[huawu-ear]" + text.split("[huawu-ear]")[1].split("\n[")[0]


DIALPLAN = f"""
[calls]
exten => menu,1,Answer()
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,AGI(agi://127.0.0.1:{AGI_PORT}/menu)
exten => speaks,1,Answer()
 same => n,Wait(1)
 same => n,Playback({ROOT}/company/speech/customer_logistics)
 same => n,Wait(60)
exten => says-yes,1,Answer()
 same => n,Wait(1)
 same => n,Playback({PHRASES}/zh_person_1)
 same => n,Wait(60)
exten => presses,1,Answer()
 same => n,Wait(1)
 same => n,SendDTMF(3,250)
 same => n,Wait(60)
exten => says-nothing,1,Answer()
 same => n,Wait(60)
exten => clicks,1,Answer()
 same => n,Wait(0.5)
 same => n,Playback(beep)
 same => n,Wait(60)

{ear_context()}
"""


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareAsterisk]:
    with bare_asterisk(tmp_path_factory.mktemp("asterisk"), DIALPLAN) as running:
        yield running


@pytest.fixture(scope="module")
def hearing_socket() -> Iterator[Path]:
    """The hearing process, with the models of this checkout."""
    with hearing_process("--patience", "60") as socket:
        yield socket


class Callers:
    """Makes calls whose dialogue is one `AgiLine.hear`, and keeps what was heard."""

    def __init__(self, asterisk: BareAsterisk, socket: Path, folder: Path) -> None:
        self.server = FastAgiServer({"menu": self.route}, host="127.0.0.1", port=AGI_PORT)
        self.heard: list[Heard] = []
        self.folder = folder
        self.prompts = [LONG_PROMPT] * 10  # ends only when interrupted
        self.seconds = 5.0

        async def on_up() -> None:
            """Nothing to reconcile."""

        self.link = AmiLink(
            host="127.0.0.1", port=asterisk.ami_port, username="controller",
            secret=asterisk.secret, on_event=lambda _: None, on_up=on_up, on_down=lambda: None,
            wanted=frozenset({"UserEvent"}), back_off=(0.05, 0.3),
        )  # fmt: skip
        intents = load_intents(ROOT / "company" / "intents.yaml")
        self.hearing = HearingLink(socket, intents.expectations)
        self.ears = AsteriskEars(self.hearing, self.link)

    async def route(self, session: AgiSession) -> None:
        line = AgiLine(session, self.folder, self.ears)
        self.heard.append(
            await line.hear(self.prompts, seconds=self.seconds, language="zh-CN", comfort=[])
        )
        assert await line.wait_digit(0.3) == ""  # no late signal
        await session.hang_up()

    async def call(self, who: str) -> Heard:
        """What was heard of this caller."""
        before = len(self.heard)
        fields = [
            ("Channel", f"Local/{who}@calls"), ("Context", "calls"), ("Exten", "menu"),
            ("Priority", "1"), ("Async", "true"),
        ]  # fmt: skip
        await self.link.action("Originate", fields)
        await until(lambda: len(self.heard) > before, 120)
        return self.heard[-1]

    async def channels(self) -> int:
        return len(await self.link.list("CoreShowChannels"))


@pytest.fixture
async def callers(
    asterisk: BareAsterisk, hearing_socket: Path, tmp_path: Path
) -> AsyncIterator[Callers]:
    made = Callers(asterisk, hearing_socket, tmp_path)
    await made.server.start()
    tasks = [asyncio.create_task(part()) for part in (made.link.run, made.hearing.run)]
    await until(lambda: made.link.is_up and made.hearing.is_up, 30)
    yield made
    assert made.server.counters.failures == 0
    async with asyncio.timeout(10):
        while await made.channels():
            await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await made.server.stop()


async def test_who_speaks_into_a_prompt_is_heard(callers: Callers):
    heard = await callers.call("speaks")
    assert heard.spoke
    assert "快递" in heard.words
    assert not heard.key


async def test_who_speaks_after_the_prompt_is_heard(callers: Callers):
    callers.prompts = ["beep"]
    heard = await callers.call("speaks")
    assert heard.spoke
    assert "快递" in heard.words


async def test_a_key_counts_as_ever(callers: Callers):
    assert await callers.call("presses") == Heard(key="3")


async def test_silence_and_a_click_are_no_speech(callers: Callers):
    callers.prompts, callers.seconds = ["beep"], 2.0
    for who in ("says-nothing", "clicks"):
        heard = await callers.call(who)
        assert heard == Heard()


async def test_two_callers_at_once_are_not_mixed_up(callers: Callers):
    await asyncio.gather(callers.call("speaks"), callers.call("says-yes"))
    await until(lambda: len(callers.heard) == 2, 120)
    words = sorted(heard.words for heard in callers.heard)
    assert sum("快递" in text for text in words) == 1
    assert sum("人工" in text for text in words) == 1


async def test_without_the_process_keys_are_left(callers: Callers, tmp_path: Path):
    callers.ears._hearing = HearingLink(tmp_path / "nobody", dict)
    callers.seconds = 1.0
    heard = await callers.call("presses")
    assert heard == Heard(key="3")
