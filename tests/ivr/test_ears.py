"""A line takes whatever comes first: a key or a voice."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from ivr import ears
from ivr.ears import SIGNAL, DeafError
from ivr.line import AgiLine
from ivr.ports import Heard


class Phone:
    """An AGI session whose prompts and waits end by keys that the test presses."""

    channel = "PJSIP/trunk-00000001"

    def __init__(self) -> None:
        self.keys: asyncio.Queue[str] = asyncio.Queue()
        self.escapes: list[str] = []
        self.played: list[str] = []

    async def stream_file(self, prompt: str, keys: str) -> str:
        self.played.append(prompt)
        self.escapes.append(keys)
        while (key := await self._key(0.05)) and key not in keys:
            pass
        return key

    async def wait_for_digit(self, seconds: float) -> str:
        return await self._key(seconds)

    async def _key(self, seconds: float) -> str:
        try:
            async with asyncio.timeout(seconds):
                return await self.keys.get()
        except TimeoutError:
            return ""


class Ears:
    """Hear what the test says."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.listening = SimpleNamespace(spoke=False, ended=False, words=None)
        self.fault = fault
        self.asked: list[tuple[str, str]] = []
        self.left = False

    @asynccontextmanager
    async def listen(self, channel: str, language: str):
        self.asked.append((channel, language))
        if self.fault:
            raise self.fault
        yield self.listening
        self.left = True


@pytest.fixture
def phone() -> Phone:
    return Phone()


async def hear(phone: Phone, own: Ears | None, seconds: float = 0.2) -> Heard:
    line = AgiLine(phone, Path("/nonexistent"), own)
    return await line.hear(["a", "b"], seconds=seconds, language="zh-CN", comfort=["moment"])


async def test_nothing_is_nothing(phone):
    own = Ears()
    assert await hear(phone, own) == Heard()
    assert own.asked == [(phone.channel, "zh-CN")]
    assert own.left
    assert phone.played == ["a", "b"]


async def test_a_key_is_a_key_even_when_somebody_talks_beside_the_phone(phone):
    own = Ears()
    own.listening.spoke = True
    phone.keys.put_nowait("3")
    assert await hear(phone, own) == Heard(key="3")


async def test_speech_interrupts_the_prompt_and_is_heard_out(phone):
    own = Ears()
    own.listening.spoke = True
    phone.keys.put_nowait(SIGNAL)
    hearing = asyncio.create_task(hear(phone, own))
    while not phone.played or not phone.keys.empty():
        await asyncio.sleep(0)
    own.listening.words = "查快递"
    phone.keys.put_nowait(SIGNAL)
    assert await hearing == Heard(words="查快递", spoke=True)
    assert phone.played == ["a"]


async def test_a_key_while_the_words_are_awaited_ends_it(phone):
    own = Ears()
    own.listening.spoke = True
    for key in (SIGNAL, "5"):
        phone.keys.put_nowait(key)
    assert await hear(phone, own) == Heard(key="5", spoke=True)


async def test_slow_words_are_no_dead_air(phone, monkeypatch):
    monkeypatch.setattr(ears, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(ears, "COMFORT_SECONDS", 0.02)
    own = Ears()
    own.listening.spoke = own.listening.ended = True
    hearing = asyncio.create_task(hear(phone, own, seconds=30))
    while phone.played.count("moment") < 2:
        await asyncio.sleep(0.001)
    own.listening.words = "查快递"
    assert await hearing == Heard(words="查快递", spoke=True)


async def test_who_still_speaks_is_not_interrupted(phone, monkeypatch):
    monkeypatch.setattr(ears, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(ears, "COMFORT_SECONDS", 0.0)
    monkeypatch.setattr(ears, "SENTENCE_SECONDS", 0.1)
    own = Ears()
    own.listening.spoke = True
    assert await hear(phone, own) == Heard(spoke=True)
    assert "moment" not in phone.played


async def test_lost_signals_cost_a_moment_only(phone, monkeypatch):
    monkeypatch.setattr(ears, "LOOK_SECONDS", 0.01)
    own = Ears()
    hearing = asyncio.create_task(hear(phone, own, seconds=30))
    await asyncio.sleep(0)
    own.listening.spoke = True
    own.listening.words = "查快递"
    assert await hearing == Heard(words="查快递", spoke=True)


async def test_words_that_never_come_are_not_waited_for(phone, monkeypatch):
    monkeypatch.setattr(ears, "SENTENCE_SECONDS", 0.05)
    own = Ears()
    own.listening.spoke = True
    assert await hear(phone, own) == Heard(spoke=True)


async def test_a_key_that_telephones_lack_means_nothing_by_itself(phone):
    for _ in range(3):
        phone.keys.put_nowait(SIGNAL)
    assert await hear(phone, Ears()) == Heard()


async def test_a_late_signal_is_no_key_for_the_next_question(phone):
    phone.keys.put_nowait(SIGNAL)
    phone.keys.put_nowait("2")
    assert await AgiLine(phone, Path("/nonexistent")).wait_digit(1) == "2"


@pytest.mark.parametrize("own", [None, Ears(DeafError("away"))])
async def test_without_ears_keys_are_left(phone, own):
    asking = asyncio.create_task(hear(phone, own, seconds=30))
    while len(phone.played) < 2:
        await asyncio.sleep(0.001)
    phone.keys.put_nowait("4")
    assert await asking == Heard(key="4")
    assert SIGNAL not in phone.escapes[0]
