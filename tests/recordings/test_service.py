"""From growing files to filed recordings, with restarts in between."""

import asyncio
import dataclasses
import os
import time
from pathlib import Path

import pytest

from recordings.service import RecordingsService
from store.database import Database
from store.event_log import EventLog
from store.recordings import JobState, RecordingStore
from telephony.events import (
    ContactAnswered,
    ContactQueued,
    Party,
    RecordedEvent,
    RecordingFinished,
    TalkEnded,
)
from tests.recordings.sounds import heard, read, sine, write, write_growing

CONTACT = "huawu-1767198600.12"
AT = 1767198600.0


def queued() -> ContactQueued:
    return ContactQueued(
        at=AT - 30, contact=CONTACT, queue="order", language="en", priority=0, requires={}
    )


def answered() -> ContactAnswered:
    return ContactAnswered(
        at=AT - 2, contact=CONTACT, queue="order", agent="8001", offer=1, waited=3.0
    )


def ended(talked: float = 2.0, queue: str = "order") -> TalkEnded:
    return TalkEnded(
        at=AT, contact=CONTACT, queue=queue, agent="8001", offer=1, by=Party.CALLER, talked=talked
    )


class House:
    """The service with its surroundings: folders, database, and the stream as a list."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.live = folder / "live"
        self.database = database
        self.log = EventLog(database)
        self.store = RecordingStore(database)
        self.stream: list[RecordedEvent] = []
        self.stream_fails = 0
        self.service = self.restarted()

    def restarted(self, **options: float) -> RecordingsService:
        self.service = RecordingsService(
            folder=self.folder,
            database=self.database,
            log=self.log,
            append=self._append,
            is_recorded=lambda queue: queue != "unrecorded",
            now=lambda: AT + 5,
            **options,  # type: ignore[arg-type]
        )
        return self.service

    async def _append(self, event: RecordedEvent) -> None:
        if self.stream_fails:
            self.stream_fails -= 1
            raise ConnectionError
        self.stream.append(event)

    async def happened(self, *events: RecordedEvent) -> None:
        """Put events into the log, as a drain does."""
        last = int((await self.log.last_id()).partition("-")[0])
        await self.log.append([(f"{last + n}-0", event) for n, event in enumerate(events, 1)])

    def file(self, leg: str) -> Path:
        return self.live / f"{CONTACT}-1-{leg}.wav"

    def both_files(self, seconds: float = 2.0) -> None:
        write(self.file("agent"), sine(400, seconds))
        write(self.file("customer"), sine(700, seconds))

    async def hears(self, *events: RecordedEvent) -> None:
        for event in events:
            await self.service.handle(event)
        await self.service.idle()


@pytest.fixture
async def house(tmp_path: Path, database: Database) -> House:
    return House(tmp_path / "recordings", database)


async def test_a_talk_becomes_a_filed_recording(house: House) -> None:
    house.both_files()
    await house.hears(queued(), answered(), ended())
    [recording] = await house.store.of_contact(CONTACT)
    assert recording.folder == f"2026/01/01/{CONTACT}-1"
    assert (recording.seconds, recording.talked, recording.fault) == (2.0, 2.0, "")
    assert (recording.agent, recording.language, recording.started_at) == ("8001", "en", AT - 2)
    assert house.stream == [
        RecordingFinished(
            at=AT + 5, contact=CONTACT, offer=1, agent="8001", folder=recording.folder,
            seconds=2.0, talked=2.0, fault="",
        )
    ]  # fmt: skip
    assert await house.store.job_state(CONTACT, 1) == JobState.PENDING
    stereo = read(house.folder / recording.folder / "stereo.wav")
    assert heard(stereo[:, 0], 700) > 0.9
    assert heard(stereo[:, 1], 400) > 0.9
    assert list(house.live.iterdir()) == []
    assert house.service.faults == 0


async def test_a_file_that_still_grows_is_waited_for(house: House) -> None:
    path, whole = house.file("agent"), sine(400, 2.0)
    write(house.file("customer"), sine(700, 2.0))
    write_growing(path, whole[:8_000])
    await house.service.handle(ended())
    for _ in range(4):
        await asyncio.sleep(0.1)
        with path.open("ab") as file:
            file.write(sine(400, 0.25).tobytes())
    await house.service.idle()
    [recording] = await house.store.of_contact(CONTACT)
    assert (recording.seconds, recording.fault) == (2.0, "")


async def test_a_cut_recording_is_an_alarm(house: House) -> None:
    house.both_files(2.0)
    await house.hears(ended(talked=12.0))
    [recording] = await house.store.of_contact(CONTACT)
    assert recording.fault == "short: 2.0 s of a talk of 12.0 s"
    assert house.service.faults == 1


async def test_a_talk_that_began_or_ended_unseen_cannot_be_compared(house: House) -> None:
    house.both_files(2.0)
    await house.hears(dataclasses.replace(answered(), adopted=True), ended(talked=0.1))
    [recording] = await house.store.of_contact(CONTACT)
    assert recording.fault.startswith("not checked")
    other = dataclasses.replace(ended(talked=60.0), contact="huawu-2.2", by=Party.SYSTEM)
    for leg, hertz in (("agent", 400), ("customer", 700)):
        write(house.live / f"huawu-2.2-1-{leg}.wav", sine(hertz, 2.0))
    await house.hears(other)
    [recording] = await house.store.of_contact("huawu-2.2")
    assert recording.fault.startswith("not checked")
    assert house.service.faults == 0


async def test_no_file_at_all_is_an_alarm_and_no_work_for_a_transcriber(house: House) -> None:
    await house.hears(ended())
    [recording] = await house.store.of_contact(CONTACT)
    assert recording.fault == "missing: no file"
    assert await house.store.job_state(CONTACT, 1) is None
    assert house.service.faults == 1
    assert len(house.stream) == 1


async def test_a_queue_without_recording_has_none(house: House) -> None:
    await house.hears(ended(queue="unrecorded"))
    assert await house.store.of_contact(CONTACT) == []
    assert house.stream == []


async def test_a_queue_that_stopped_recording_in_mid_talk_keeps_what_there_is(house: House) -> None:
    house.both_files()
    await house.hears(ended(queue="unrecorded"))
    assert len(await house.store.of_contact(CONTACT)) == 1


async def test_the_same_end_twice_is_one_recording(house: House) -> None:
    house.both_files()
    await house.hears(ended(), ended())
    await house.happened(*house.stream)
    await house.hears(ended())
    assert len(await house.store.of_contact(CONTACT)) == 1
    assert len(house.stream) == 1


async def test_what_was_left_is_swept_up_at_the_next_start(house: House) -> None:
    """The controller was dead when the talk ended; the log got the end from another one."""
    house.both_files()
    await house.happened(queued(), answered(), ended())
    service = house.restarted()
    await service.sweep()
    await service.idle()
    [recording] = await house.store.of_contact(CONTACT)
    assert (recording.fault, recording.language, recording.talked) == ("", "en", 2.0)
    assert list(house.live.iterdir()) == []


async def test_dying_after_filing_still_tells(house: House) -> None:
    house.both_files()
    await house.hears(ended())
    house.stream.clear()  # as if the stream never got it
    house.both_files()  # as if the files had not been removed
    await house.happened(ended())
    service = house.restarted()
    await service.sweep()
    await service.idle()
    assert len(house.stream) == 1
    assert len(await house.store.of_contact(CONTACT)) == 1
    assert list(house.live.iterdir()) == []


async def test_a_talk_that_goes_on_is_left_alone(house: House) -> None:
    write_growing(house.file("agent"), sine(400, 2.0))
    await house.happened(queued(), answered())
    await house.service.sweep()
    await house.service.idle()
    assert house.file("agent").exists()
    assert house.stream == []


async def test_an_orphan_is_filed_with_what_is_known(house: House) -> None:
    house.both_files()
    long_ago = time.time() - 1000
    for leg in ("agent", "customer"):
        os.utime(house.file(leg), (long_ago, long_ago))
    await house.happened(queued(), answered())
    await house.service.sweep()
    await house.service.idle()
    [recording] = await house.store.of_contact(CONTACT)
    assert recording.agent == "8001"
    assert recording.talked == -1
    assert recording.fault == "not checked: the end of the talk was not seen"
    assert list(house.live.iterdir()) == []


async def test_strange_files_are_left_where_they_are(house: House) -> None:
    for name in ("note.txt", "x.wav", "a-b-agent.wav"):
        (house.live / name).write_bytes(b"x")
    await house.service.sweep()
    await house.service.idle()
    assert len(list(house.live.iterdir())) == 3
    assert house.service.faults == 0


async def test_an_absent_stream_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recordings.service._APPEND_TRIES", (0.01, 0.02))
    house.both_files()
    house.stream_fails = 5
    await house.hears(ended())
    assert len(house.stream) == 1


async def test_a_hostile_contact_id_touches_no_file(house: House) -> None:
    event = TalkEnded(
        at=AT, contact="../../etc/x", queue="order", agent="8001", offer=1, by=Party.AGENT,
        talked=1.0,
    )  # fmt: skip
    await house.hears(event)
    assert house.service.faults == 1
    assert house.stream == []


async def test_a_full_disk_stops_new_recordings_only(house: House) -> None:
    assert house.service.may_record(True)
    assert not house.service.may_record(False)
    assert not house.restarted(free_space_floor=1 << 60).may_record(True)
