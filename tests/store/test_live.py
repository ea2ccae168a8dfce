"""The live state and the journal, on a real Redis."""

import asyncio
import dataclasses
import signal
import time
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis

from store.database import Database
from store.drain import Drain
from store.event_log import EventLog
from store.lease import FENCING
from store.live import Journal, append_only_on, connect, load
from store.stream import EVENTS, Entry, Stream
from telephony.events import ContactArrived
from tests.servers import RedisServer
from tests.telephony.until import until


def arrived(number: int) -> ContactArrived:
    return ContactArrived(
        at=float(number), contact=f"c{number}", channel="x", caller="", dialled="8000"
    )


class State(dict[str, object]):
    """A contact or an agent."""

    def plain(self) -> dict[str, object]:
        return dict(self)


async def stream(redis: Redis) -> list[str]:
    """The contacts of all events in the stream, in order."""
    found: list[str] = []
    length = await redis.xlen(EVENTS)
    if length:
        async for _, event in Stream(redis).follow("0-0"):
            found.append(getattr(event, "contact", ""))
            if len(found) == length:
                break
    return found


async def test_states_and_events_are_written_in_order(redis: Redis) -> None:
    async with Journal(redis) as journal:
        journal.record(
            {"c1": State(stage="等待"), "c2": State(n=1)}, {"8001": State(x=[1])}, [arrived(1)]
        )
        journal.record({"c2": None}, {"8001": State(x=[2])}, [arrived(2), arrived(3)])
        await journal.flushed()
        assert await load(redis) == ({"c1": {"stage": "等待"}}, {"8001": {"x": [2]}})
        assert await stream(redis) == ["c1", "c2", "c3"]
        assert journal.lag() == 0


async def test_nothing_recorded_is_flushed_at_once(redis: Redis) -> None:
    async with Journal(redis) as journal:
        journal.record({}, {}, [])
        await asyncio.wait_for(journal.flushed(), 1)


async def test_the_newest_state_is_written(redis: Redis) -> None:
    state = State(n=1)
    async with Journal(redis) as journal:
        journal.record({"c": state}, {}, [])
        state["n"] = 2
        await journal.flushed()
        journal.record({"c": state}, {}, [])
        journal.record({"c": None}, {"8001": state}, [])
        await journal.flushed()
    assert await load(redis) == ({}, {"8001": {"n": 2}})


async def test_leaving_writes_what_is_left_and_leaves_no_key_of_its_own(redis: Redis) -> None:
    async with Journal(redis) as journal:
        journal.record({}, {}, [arrived(n) for n in range(1_200)])
        journal.record({}, {}, [arrived(1_200)])
    assert len(await stream(redis)) == 1_201
    assert await redis.keys("*") == [EVENTS]


async def test_an_event_without_json_form_is_refused_with_its_states(redis: Redis) -> None:
    async with Journal(redis) as journal:
        bad = dataclasses.replace(arrived(2), caller=object())  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            journal.record({"c": State(n=1)}, {}, [arrived(1), bad])
        await journal.flushed()
    assert await stream(redis) == []
    assert await load(redis) == ({}, {})


async def test_a_state_without_json_form_holds_nothing_up(redis: Redis) -> None:
    async with Journal(redis) as journal:
        journal.record({"c": State(x=object()), "d": State(n=1)}, {}, [arrived(1)])
        await asyncio.wait_for(journal.flushed(), 2)
    assert await stream(redis) == ["c1"]
    assert await load(redis) == ({"d": {"n": 1}}, {})


async def test_redis_killed_and_back_loses_and_doubles_nothing(own_redis: RedisServer) -> None:
    redis = connect(own_redis.url)
    async with Journal(redis) as journal:
        journal.record({"c": State(n=0)}, {}, [arrived(0)])
        await journal.flushed()
        own_redis.kill()
        for number in range(1, 51):
            journal.record({"c": State(n=number)}, {}, [arrived(number)])
        await until(lambda: journal.fault != "", 10)
        assert journal.lag() > 0
        own_redis.start()
        await asyncio.wait_for(journal.flushed(), 10)
        assert journal.fault == ""
    assert await stream(redis) == [f"c{n}" for n in range(51)]
    assert (await load(redis))[0] == {"c": {"n": 50}}
    await redis.aclose()


async def test_it_tells_what_it_wrote_and_behind_what(redis: Redis) -> None:
    told: list[tuple[str, list[str]]] = []
    stream = Stream(redis)
    async with Journal(
        redis, wrote=lambda before, new: told.append((before, texts(new)))
    ) as journal:
        journal.record({}, {}, [arrived(1), arrived(2)])
        await journal.flushed()
        journal.record({"c": State(n=1)}, {}, [])
        await journal.flushed()
        last = await stream.last_id()
        journal.record({}, {}, [arrived(3)])
        await journal.flushed()
    everything = texts(await stream.read((0, 0)))
    assert told == [("0-0", everything[:2]), (last, everything[2:])]


def texts(entries: Sequence[Entry]) -> list[str]:
    return [f"{entry.id} {entry.text}" for entry in entries]


async def test_a_lost_answer_does_not_double_events(redis: Redis) -> None:
    journal = Journal(LosesFirstAnswer(redis))  # type: ignore[arg-type]
    async with journal:
        journal.record({}, {}, [arrived(1)])
        await asyncio.wait_for(journal.flushed(), 5)
    assert await stream(redis) == ["c1"]


class LosesFirstAnswer:
    """Runs a command on Redis, but the first answer never arrives."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lost = False

    async def eval(self, *arguments: object) -> object:
        answer = await self._redis.eval(*arguments)  # type: ignore[arg-type]
        if not self._lost:
            self._lost = True
            raise ConnectionResetError
        return answer

    async def delete(self, *keys: str) -> object:
        return await self._redis.delete(*keys)


async def test_a_hung_redis_does_not_stop_the_recorder(own_redis: RedisServer) -> None:
    redis = connect(own_redis.url)
    journal = Journal(redis)
    async with journal:
        own_redis.signal(signal.SIGSTOP)
        started = time.monotonic()
        for number in range(100):
            journal.record({}, {}, [arrived(number)])
        assert time.monotonic() - started < 0.5
        own_redis.signal(signal.SIGCONT)
        await asyncio.wait_for(journal.flushed(), 10)
    assert len(await stream(redis)) == 100
    await redis.aclose()


async def test_closing_without_redis_ends(own_redis: RedisServer) -> None:
    redis = connect(own_redis.url)
    journal = Journal(redis)
    async with journal:
        own_redis.kill()
        journal.record({}, {}, [arrived(1)])
        await journal.close(patience=0.2)
    await redis.aclose()


async def test_append_only_is_told(own_redis: RedisServer) -> None:
    redis = connect(own_redis.url)
    assert await append_only_on(redis)
    await redis.config_set("appendonly", "no")
    assert not await append_only_on(redis)
    await redis.aclose()


async def test_a_cancelled_task_always_ends(redis: Redis) -> None:
    """Each of these cancels hits another moment of a command."""

    async def ask_on() -> None:
        while True:
            await redis.xlen(EVENTS)

    for number in range(100):
        task = asyncio.create_task(ask_on())
        await asyncio.sleep(number % 10 / 10_000)
        task.cancel()
        _, alive = await asyncio.wait([task], timeout=2)
        assert not alive


# --- under a lease -------------------------------------------------------------------------------


async def test_nothing_is_written_before_there_is_a_fencing_number(redis: Redis) -> None:
    async with Journal(redis, fenced=True) as journal:
        journal.record({"c": State(n=1)}, {}, [arrived(1)])
        await asyncio.sleep(0.2)
        assert await stream(redis) == []
        await redis.set(FENCING, 7)
        journal.fence = 7
        await asyncio.wait_for(journal.flushed(), 5)
    assert await stream(redis) == ["c1"]


async def test_a_writer_with_an_older_number_is_refused(redis: Redis) -> None:
    refused: list[int] = []
    await redis.set(FENCING, 7)
    journal = Journal(redis, fenced=True, refused=lambda: refused.append(1))
    async with journal:
        journal.fence = 7
        journal.record({"c": State(by="old")}, {}, [arrived(1)])
        await journal.flushed()
        await redis.set(FENCING, 8)  # another controller took over
        journal.record({"c": State(by="paused")}, {"8001": State(x=1)}, [arrived(2)])
        await until(lambda: bool(refused), 10)
        assert "fencing" in journal.fault
        journal.abandon()
        assert journal.lag() == 0
    assert await load(redis) == ({"c": {"by": "old"}}, {})
    assert await stream(redis) == ["c1"]


async def test_an_emptied_redis_gets_state_and_events_anew_in_order(
    own_redis: RedisServer,
) -> None:
    redis = connect(own_redis.url)
    await redis.set(FENCING, 7)
    async with Journal(redis, fenced=True) as journal:
        journal.fence = 7
        journal.record({"old": State(n=1)}, {"8001": State(n=1)}, [arrived(n) for n in range(5)])
        await journal.flushed()
        third = [key for key, _ in await redis.xrange(EVENTS)][2]
        journal.stored(str(third))  # the first three are in SQL
        own_redis.lose_everything()
        journal.record({"old": None, "new": State(n=2)}, {}, [arrived(5)])
        await until(lambda: journal.fault != "", 10)
        assert not await journal.intact()
        await redis.set(FENCING, 8)
        await journal.write_anew({"new": State(n=2)}, {"8001": State(n=1)}, 8)
        await asyncio.wait_for(journal.flushed(), 10)
        assert await journal.intact()
    assert await stream(redis) == ["c3", "c4", "c5"]
    assert await load(redis) == ({"new": {"n": 2}}, {"8001": {"n": 1}})
    await redis.aclose()


async def test_an_event_that_the_drain_took_is_not_written_twice(
    redis: Redis, database: Database
) -> None:
    log = EventLog(database)
    await redis.set(FENCING, 7)
    async with Journal(redis, fenced=True) as journal:
        drain = Drain(redis, log, taken=journal.stored)
        await drain.catch_up()
        journal.fence = 7
        journal.record({}, {}, [arrived(1), arrived(2)])
        await journal.flushed()
        await drain.carry()
        journal.record({}, {}, [arrived(3)])
        await journal.flushed()
        await redis.flushall()
        await redis.set(FENCING, 8)
        await journal.write_anew({}, {}, 8)
        await journal.flushed()
        await drain.carry(block_ms=1)  # notices the loss
        await drain.catch_up()
    told = [getattr(event, "contact", "") for _, event in await log.between(0, 1e12)]
    assert told == ["c1", "c2", "c3"]


async def test_what_is_kept_has_a_bound_and_what_is_lost_a_count(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.live.EVENTS_KEPT", 100)
    redis = connect(own_redis.url)
    async with Journal(redis) as journal:
        own_redis.kill()
        for number in range(150):
            journal.record({"c": State(n=number)}, {}, [arrived(number)])
        assert journal.dropped == 50
        own_redis.start()
        await asyncio.wait_for(journal.flushed(), 10)
        assert (await load(redis))[0] == {"c": {"n": 149}}  # the state is the newest all the same
        assert len(await stream(redis)) == 100
        journal.record({}, {}, [arrived(150)])
        await journal.flushed()
    assert (await stream(redis))[-1] == "c150"
    await redis.aclose()


async def test_the_drain_may_be_faster_than_the_answer(redis: Redis) -> None:
    class DrainedFirst:
        """Runs a command on Redis; the drain has its events before the answer is here."""

        async def eval(self, *arguments: object) -> object:
            answer = await redis.eval(*arguments)  # type: ignore[arg-type]
            if answer:
                journal.stored(str(answer).rpartition(" ")[2])
            return answer

        def __getattr__(self, name: str) -> object:
            return getattr(redis, name)

    await redis.set(FENCING, 7)
    journal = Journal(DrainedFirst(), fenced=True)  # type: ignore[arg-type]
    journal.fence = 7
    async with journal:
        journal.record({}, {}, [arrived(1), arrived(2)])
        await asyncio.wait_for(journal.flushed(), 5)
        await redis.delete(EVENTS)
        assert await journal.intact()
        await journal.write_anew({}, {}, 7)
        await asyncio.wait_for(journal.flushed(), 5)
    assert await stream(redis) == []
