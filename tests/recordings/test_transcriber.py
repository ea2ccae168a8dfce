"""The worker with a recogniser that needs no model."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis

from recordings import transcriber
from recordings.models import ModelMissingError
from recordings.recogniser import Segment
from recordings.transcriber import Models, Transcriber, TranscriberSettings, _is_dead, _worker_name
from store.database import Database
from store.recordings import JobState, Leg, Recording, RecordingStore
from store.stream import Stream
from telephony.events import RecordedEvent, TranscriptFinished
from tests.recordings.sounds import sine, write


class Parrot:
    """Says the file's name and the language."""

    engine = "parrot"
    model = "grey"

    def __init__(self, error: Exception | None = None, slow: float = 0.0) -> None:
        self.heard: list[str] = []
        self._error = error
        self._slow = slow

    def recognise(self, path: Path, language: str) -> list[Segment]:
        time.sleep(self._slow)
        if self._error is not None:
            raise self._error
        if not path.exists():
            raise FileNotFoundError(path)
        self.heard.append(path.name)
        return [
            Segment(start=0.5, end=1.0, text=f"{path.stem}说"),
            Segment(start=1, end=2, text=language),
        ]


class OneModel(Models):
    """Always the same recogniser, or none."""

    def __init__(self, recogniser: Parrot | None) -> None:
        self._only = recogniser

    def recogniser(self, language: str) -> Parrot:
        if self._only is None:
            raise ModelMissingError
        return self._only


class Workshop:
    def __init__(self, folder: Path, database: Database, redis: Redis) -> None:
        self.folder = folder
        self.store = RecordingStore(database)
        self.redis = redis

    def worker(self, recogniser: Parrot | None) -> Transcriber:
        settings = TranscriberSettings(
            recordings=self.folder, models=self.folder, database_url="", redis_url=""
        )
        return Transcriber(
            settings, store=self.store, redis=self.redis, models=OneModel(recogniser)
        )

    async def file(self, contact: str = "c", legs: tuple[str, ...] = ("agent", "customer")) -> None:
        folder = self.folder / contact
        folder.mkdir()
        for leg in legs:
            write(folder / f"{leg}.wav", sine(400, 0.1))
        recording = Recording(
            contact=contact, offer=1, agent="8001", language="zh-CN", folder=contact, seconds=0.1,
            talked=0.1, fault="", started_at=1.0,
        )  # fmt: skip
        await self.store.file(recording, now=1.0, transcribe=True)

    async def run_until(self, worker: Transcriber, event_number: int) -> list[TranscriptFinished]:
        """Run the worker until the stream holds that many events."""
        running = asyncio.create_task(worker.run())
        events: list[RecordedEvent] = []
        async with asyncio.timeout(15):
            async for _, event in Stream(self.redis).follow("0-0"):
                events.append(event)
                if len(events) == event_number:
                    break
            while any([await self.store.workers()]):
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])
        return [event for event in events if isinstance(event, TranscriptFinished)]


@pytest.fixture
async def workshop(tmp_path: Path, database: Database, redis: Redis) -> Workshop:
    return Workshop(tmp_path, database, redis)


async def test_both_legs_become_text(workshop: Workshop) -> None:
    await workshop.file()
    [finished] = await workshop.run_until(workshop.worker(Parrot()), 1)
    assert (finished.contact, finished.offer, finished.fault) == ("c", 1, "")
    assert (finished.engine, finished.model) == ("parrot", "grey")
    agent, customer = await workshop.store.transcripts("c")
    assert (agent.leg, agent.text) == (Leg.AGENT, "agent说zh-CN")
    assert (customer.leg, customer.text) == (Leg.CUSTOMER, "customer说zh-CN")
    assert customer.segments[0] == {"start": 0.5, "end": 1.0, "text": "customer说"}
    assert finished.characters == len(agent.text) + len(customer.text)
    assert await workshop.store.job_state("c", 1) == JobState.DONE


async def test_without_a_model_the_record_says_so(workshop: Workshop) -> None:
    await workshop.file()
    [finished] = await workshop.run_until(workshop.worker(None), 1)
    assert finished.fault == "no model for zh-CN"
    assert [text.fault for text in await workshop.store.transcripts("c")] == [finished.fault] * 2
    assert await workshop.store.job_state("c", 1) == JobState.FAILED


async def test_a_leg_without_a_file_does_not_spoil_the_other(workshop: Workshop) -> None:
    await workshop.file(legs=("customer",))
    [finished] = await workshop.run_until(workshop.worker(Parrot()), 1)
    agent, customer = await workshop.store.transcripts("c")
    assert (agent.fault, customer.fault) == ("no audio", "")
    assert customer.text
    assert finished.fault == "no audio"
    assert await workshop.store.job_state("c", 1) == JobState.DONE


async def test_a_recogniser_that_fails_stops_nothing(workshop: Workshop) -> None:
    await workshop.file("c")
    [finished] = await workshop.run_until(workshop.worker(Parrot(RuntimeError("bad"))), 1)
    assert finished.fault == "the recogniser failed: RuntimeError"


async def test_the_work_of_a_dead_worker_is_taken_over_at_once(workshop: Workshop) -> None:
    await workshop.file()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = f"{transcriber._machine()}/{process.pid}/{transcriber._started(process.pid)}"
    await workshop.store.claim(name, now=time.time(), lease=60)
    worker = workshop.worker(Parrot())
    await worker.release_dead()
    assert await workshop.store.workers() == [name]  # it lives
    process.kill()
    process.communicate()
    [finished] = await workshop.run_until(worker, 1)
    assert finished.fault == ""


async def test_a_talk_that_kills_workers_is_given_up(workshop: Workshop) -> None:
    await workshop.file()
    for _ in range(3):
        await workshop.store.claim("x", now=time.time(), lease=60)
        await workshop.store.release(["x"])
    parrot = Parrot()
    [finished] = await workshop.run_until(workshop.worker(parrot), 1)
    assert finished.fault == "given up: 3 workers died of it"
    assert parrot.heard == []


async def test_text_that_is_filed_already_is_only_told(workshop: Workshop) -> None:
    await workshop.file()
    claim = await workshop.store.claim("x", now=time.time(), lease=60)
    assert claim is not None
    await workshop.store.file_transcripts(transcriber.faulty(claim.recording, "by the first"))
    await workshop.store.release(["x"])
    parrot = Parrot()
    [finished] = await workshop.run_until(workshop.worker(parrot), 1)
    assert finished.fault == "by the first"
    assert parrot.heard == []


async def test_a_stream_that_was_away_is_told_later(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await workshop.file()
    tries: list[TranscriptFinished] = []
    tell = transcriber.append_event

    async def fail_twice(redis: Redis, event: TranscriptFinished) -> None:
        tries.append(event)
        if len(tries) < 3:
            raise ConnectionError
        await tell(redis, event)

    monkeypatch.setattr(transcriber, "append_event", fail_twice)
    monkeypatch.setattr(transcriber, "_POLL", 0.01)
    parrot = Parrot()
    [finished] = await workshop.run_until(workshop.worker(parrot), 1)
    assert finished.fault == ""
    assert parrot.heard == ["agent.wav", "customer.wav"]  # recognised once


async def test_given_back_work_can_be_claimed(workshop: Workshop) -> None:
    await workshop.file()
    worker = workshop.worker(Parrot(slow=0.5))
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(5):
        while await workshop.store.workers() != [worker.name]:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    await worker.give_back()
    assert await workshop.store.job_state("c", 1) == JobState.PENDING


def test_who_is_dead() -> None:
    mine = _worker_name()
    machine, pid, started = mine.split("/")
    assert int(pid) == os.getpid()
    assert not _is_dead(mine)
    assert _is_dead(f"{machine}/{pid}/{int(started) + 1}")  # the number was used again
    assert not _is_dead(f"elsewhere/{pid}/1")
    assert not _is_dead("nonsense")
