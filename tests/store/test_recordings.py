"""Recordings, the wish for their text, and the text, on both databases."""

import asyncio
from collections.abc import Sequence

from store.database import Database
from store.recordings import JobState, Leg, Recording, RecordingStore, Transcript


def recording(contact: str = "c", offer: int = 1) -> Recording:
    return Recording(
        contact=contact, offer=offer, agent="8001", language="zh-CN", folder=f"f/{contact}-{offer}",
        seconds=9.8, talked=10.0, fault="", started_at=100.0,
    )  # fmt: skip


def transcript(leg: Leg, text: str, contact: str = "c") -> Transcript:
    return Transcript(
        contact=contact, offer=1, leg=leg, language="zh-CN", engine="e", model="m", text=text,
        segments=[{"start": 0.5, "end": 1.5, "text": text}], fault="", made_at=1.0,
    )  # fmt: skip


async def test_a_recording_is_filed_once(database: Database) -> None:
    store = RecordingStore(database)
    assert await store.file(recording(), now=1, transcribe=True)
    assert not await store.file(recording(), now=2, transcribe=True)
    assert await store.file(recording(offer=2), now=3, transcribe=False)
    assert await store.of_contact("c") == [recording(), recording(offer=2)]
    assert await store.get("c", 2) == recording(offer=2)
    assert await store.get("c", 3) is None
    assert await store.job_state("c", 1) == JobState.PENDING
    assert await store.job_state("c", 2) is None


async def test_the_oldest_wish_is_claimed_first_and_only_once(database: Database) -> None:
    store = RecordingStore(database)
    for number, contact in enumerate("ba"):
        await store.file(recording(contact), now=number, transcribe=True)
    assert await claimed(store, "w1") == ("b", 1)
    assert await claimed(store, "w2") == ("a", 1)
    assert await claimed(store, "w3") is None


async def claimed(store: RecordingStore, worker: str, now: float = 10.0) -> object:
    claim = await store.claim(worker, now=now, lease=60)
    return claim and (claim.recording.contact, claim.attempts)


async def test_many_workers_at_once_never_share_a_talk(database: Database) -> None:
    store = RecordingStore(database)
    for number in range(6):
        await store.file(recording(f"c{number}"), now=number, transcribe=True)
    results: Sequence[object] = await asyncio.gather(
        *(claimed(store, f"w{number}") for number in range(10))
    )
    # On PostgreSQL a loser may find nothing although there is more; it asks again a second later.
    won = [result for result in results if result]
    assert len(set(won)) == len(won)
    while more := await claimed(store, "late"):
        won.append(more)
    assert sorted(won) == [(f"c{number}", 1) for number in range(6)]  # type: ignore[type-var]


async def test_a_silent_worker_loses_its_lease(database: Database) -> None:
    store = RecordingStore(database)
    await store.file(recording(), now=0, transcribe=True)
    assert await claimed(store, "w1", now=100) == ("c", 1)
    assert await store.renew("w1", "c", 1, now=150)
    assert await claimed(store, "w2", now=205) is None
    assert await claimed(store, "w2", now=211) == ("c", 2)
    assert not await store.renew("w1", "c", 1, now=212)


async def test_work_can_be_given_back(database: Database) -> None:
    store = RecordingStore(database)
    await store.file(recording(), now=0, transcribe=True)
    await claimed(store, "w1")
    assert await store.workers() == ["w1"]
    assert not await store.release(["w2"])
    assert await store.release(["w1", "w2"])
    assert await store.workers() == []
    assert await claimed(store, "w2") == ("c", 2)


async def test_ended_work_is_not_claimed(database: Database) -> None:
    store = RecordingStore(database)
    for contact, state in (("c", JobState.DONE), ("d", JobState.FAILED)):
        await store.file(recording(contact), now=0, transcribe=True)
        await store.end_job(contact, 1, state)
        assert await store.job_state(contact, 1) == state
    assert await claimed(store, "w", now=10_000) is None


async def test_texts_are_replaced_by_newer_ones(database: Database) -> None:
    store = RecordingStore(database)
    await store.file(recording(), now=0, transcribe=True)
    await store.file_transcripts([transcript(leg, "旧") for leg in Leg])
    new = [transcript(leg, f"你好 {leg}") for leg in (Leg.AGENT, Leg.CUSTOMER)]
    await store.file_transcripts(new)
    assert await store.transcripts("c") == new
    assert await store.transcripts("d") == []
