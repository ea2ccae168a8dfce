"""The hearing process with the real voice detector and a recogniser of the test's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from recordings import hearing
from recordings.audiosocket import Kind
from recordings.hearing import Hearing, Recogniser
from recordings.listening import HearingLink, NoHearingError
from recordings.models import ModelMissingError
from tests.recordings.hearing_process import audio_messages, named
from tests.recordings.phrases import RATE, load_phrases, noisy
from tests.telephony.until import until

SILENCE = np.zeros(RATE, dtype=np.int16)


class FakeSentence:
    """Tells how many samples it was fed, or fails."""

    def __init__(self, book: "FakeSentences") -> None:
        self.book, self.samples = book, 0

    def feed(self, samples: np.ndarray) -> None:
        self.samples += samples.size

    def text(self) -> str:
        self.book.asked.append(self.samples)
        if self.book.fault:
            raise self.book.fault
        return f"{self.samples} samples"

    def close(self) -> None:
        self.book.open -= 1


class FakeSentences:
    """In place of the models."""

    def __init__(self) -> None:
        self.expected: dict[str, object] = {}
        self.asked: list[int] = []
        self.open = 0
        self.fault: Exception | None = None

    def expect(self, language: str, expectation: object) -> None:
        if language == "xx":
            raise ModelMissingError("no model")
        self.expected[language] = expectation

    def sentence(self, language: str) -> FakeSentence:
        self.open += 1
        return FakeSentence(self)


class Room:
    """The servers, a controller's link, and Asterisk's side of a call."""

    def __init__(self, folder: Path) -> None:
        self.sentences = FakeSentences()
        self.hearing = Hearing(Recogniser(self.sentences, patience=30))
        self.socket = folder / "hearing.sock"
        self.known = {"zh-CN": ("物流", ("查快递",)), "xx": ("", ())}
        self.link = HearingLink(self.socket, lambda: self.known)

        self.writers: list[asyncio.StreamWriter] = []

    async def open(self, address: str, sent: bytes) -> asyncio.StreamReader:
        """Connect as Asterisk does, or as somebody else."""
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        self.writers.append(writer)
        writer.write(sent)
        return reader

    async def connect(self, address: str, name: str) -> asyncio.StreamWriter:
        """As Asterisk does, with the caller's name."""
        await self.open(address, named(name))
        return self.writers[-1]

    async def close(self) -> None:
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    @staticmethod
    def say(writer: asyncio.StreamWriter, samples: np.ndarray) -> None:
        writer.writelines(audio_messages(samples))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path)
    tasks = [asyncio.create_task(made.hearing.serve(made.socket))]
    await until(made.socket.exists)
    tasks.append(asyncio.create_task(made.link.run()))
    await until(lambda: made.link.is_up)
    yield made
    await made.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def phrase(name: str) -> np.ndarray:
    return next(p for p in load_phrases() if p.name == name).samples()


async def test_speech_begins_and_becomes_words(room: Room):
    news = []
    async with room.link.listen("zh-CN") as caller:
        caller.news = lambda: news.append((caller.spoke, caller.words))
        writer = await room.connect(caller.address, caller.name)
        said = phrase("zh_logistics_1")
        room.say(writer, np.concatenate([SILENCE, said, SILENCE]))
        await until(lambda: caller.words is not None)
        assert news[0] == (True, None)
        samples = int(caller.words.split()[0])
        assert said.size - 0.4 * RATE < samples < said.size + 0.8 * RATE
        # A second sentence on the same line.
        caller.spoke, caller.words = False, None
        room.say(writer, np.concatenate([SILENCE, said, SILENCE]))
        await until(lambda: caller.words is not None)
    await until(lambda: room.sentences.open == 0)
    assert room.sentences.expected.keys() == {"zh-CN"}


async def test_words_are_begun_in_the_silence_before_the_end_is_sure(room: Room):
    async with room.link.listen("zh-CN") as caller:
        writer = await room.connect(caller.address, caller.name)
        room.say(writer, np.concatenate([SILENCE, phrase("zh_person_1"), SILENCE]))
        await until(lambda: caller.words is not None)
        # Asked for once, before the silence was over.
        assert len(room.sentences.asked) == 1


async def test_a_phone_that_falls_silent_for_good_has_ended_its_sentence(room: Room):
    async with room.link.listen("zh-CN") as caller:
        writer = await room.connect(caller.address, caller.name)
        room.say(writer, np.concatenate([SILENCE, phrase("zh_person_1")]))
        await until(lambda: caller.words is not None)


async def test_noise_is_no_speech(room: Room):
    async with room.link.listen("zh-CN") as caller:
        writer = await room.connect(caller.address, caller.name)
        hum = (800 * np.sin(np.arange(3 * RATE) * 2 * np.pi * 50 / RATE)).astype(np.int16)
        random = np.random.default_rng(1)
        rush = (random.standard_normal(3 * RATE) * 300).astype(np.int16)
        room.say(writer, np.concatenate([hum, rush]))
        writer.write(bytes([Kind.HANG_UP, 0, 0]))
        await until(lambda: caller.over)
        assert not caller.spoke


async def test_speech_in_noise_is_speech(room: Room):
    async with room.link.listen("zh-CN") as caller:
        writer = await room.connect(caller.address, caller.name)
        said = np.concatenate([SILENCE, phrase("zh_logistics_4"), SILENCE])
        room.say(writer, noisy(said, 20, seed=3))
        await until(lambda: caller.spoke)


async def test_a_recogniser_that_fails_understood_nothing(room: Room):
    room.sentences.fault = RuntimeError("broken")
    async with room.link.listen("zh-CN") as caller:
        writer = await room.connect(caller.address, caller.name)
        room.say(writer, np.concatenate([phrase("zh_person_1"), SILENCE]))
        await until(lambda: caller.words is not None)
        assert caller.words == ""


async def test_a_language_without_a_model_is_refused(room: Room):
    with pytest.raises(NoHearingError):
        async with room.link.listen("xx"):
            pass


async def test_more_callers_than_the_limit_are_refused(room: Room, monkeypatch):
    monkeypatch.setattr(hearing, "CALLERS", 1)
    async with room.link.listen("zh-CN"):
        with pytest.raises(NoHearingError):
            async with room.link.listen("zh-CN"):
                pass
    async with room.link.listen("zh-CN"):
        pass  # there is room again


async def closed(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 20) == b""
    return True


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        bytes([Kind.AUDIO, 0, 2, 0, 0]),
        bytes([Kind.UUID, 0, 16]) + bytes(range(16)),  # of nobody
        bytes([Kind.UUID, 0, 3]) + b"abc",
        bytes([Kind.UUID, 255, 255]),
    ],
)
async def test_strangers_are_closed(room: Room, monkeypatch, sent):
    monkeypatch.setattr(hearing, "CONNECT_SECONDS", 0.2)
    async with room.link.listen("zh-CN") as caller:
        assert await closed(await room.open(caller.address, sent))


async def test_a_second_connection_with_the_same_name_is_closed(room: Room):
    async with room.link.listen("zh-CN") as caller:
        first = await room.connect(caller.address, caller.name)
        room.say(first, SILENCE)
        await until(lambda: room.hearing._callers[caller.name].connection is not None)
        assert await closed(await room.open(caller.address, named(caller.name)))
        assert not caller.over


async def test_who_is_announced_and_never_connects_is_given_up(room: Room, monkeypatch):
    monkeypatch.setattr(hearing, "CONNECT_SECONDS", 0.1)
    async with room.link.listen("zh-CN") as caller:
        await until(lambda: caller.over)
        assert caller.words == ""


async def test_leaving_the_block_ends_the_connection(room: Room):
    async with room.link.listen("zh-CN") as caller:
        reader = await room.open(caller.address, named(caller.name))
        await until(lambda: room.hearing._callers[caller.name].connection is not None)
    assert await closed(reader)
    assert room.hearing._callers == {}


async def test_the_link_says_nobody_is_there_and_comes_back(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("recordings.listening.AGAIN_SECONDS", 0.05)
    made = Room(tmp_path)
    following = asyncio.create_task(made.link.run())
    with pytest.raises(NoHearingError):
        async with made.link.listen("zh-CN"):
            pass
    serving = asyncio.create_task(made.hearing.serve(made.socket))
    await until(lambda: made.link.is_up)
    async with made.link.listen("zh-CN") as caller:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await until(lambda: caller.over)
        assert caller.words == ""
    await until(lambda: not made.link.is_up)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
