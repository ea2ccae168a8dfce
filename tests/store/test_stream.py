"""The stream and its tail in memory, on a real Redis."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from redis.asyncio import Redis

from store import stream as module
from store.database import Database
from store.drain import Drain
from store.event_log import EventLog
from store.live import Journal, append_event, connect
from store.stream import EVENTS, Stream, Tail
from telephony.events import ContactArrived, ContactQueued, RecordedEvent
from tests.servers import RedisServer
from tests.telephony.until import until


def arrived(number: int) -> ContactArrived:
    return ContactArrived(
        at=float(number), contact=f"c{number}", channel="x", caller="", dialled="8000"
    )


@contextlib.asynccontextmanager
async def running(tail: Tail) -> AsyncIterator[Tail]:
    """From when it has begun."""
    task = asyncio.create_task(tail.run())
    await until(lambda: tail._before is not None, 10)
    yield tail
    task.cancel()
    await asyncio.wait([task])


@contextlib.asynccontextmanager
async def heard(stream: Stream, after: str) -> AsyncIterator[list[RecordedEvent]]:
    """What a follower hears."""
    news: list[RecordedEvent] = []

    async def listen() -> None:
        async for _, event in stream.follow(after, linger=0.02):
            news.append(event)

    listening = asyncio.create_task(listen())
    yield news
    listening.cancel()
    await asyncio.wait([listening])


@pytest.fixture(params=["Redis", "memory"])
async def stream(redis: Redis, request: pytest.FixtureRequest) -> AsyncIterator[Stream]:
    """Read from Redis, and by way of a tail that was there from the beginning."""
    if request.param == "Redis":
        yield Stream(redis)
    else:
        async with running(Tail(redis)) as tail:
            yield tail


async def test_following_gets_what_comes_later(redis: Redis, stream: Stream) -> None:
    await append_event(redis, arrived(1))
    async with heard(stream, await stream.last_id()) as news:
        await append_event(redis, arrived(2))
        await redis.xadd(EVENTS, {"event": '{"kind":"FromTheFuture"}'})
        await redis.xadd(EVENTS, {"event": "no json"})
        await redis.xadd(EVENTS, {"other": "field"})
        await append_event(redis, arrived(3))
        await until(lambda: len(news) == 2, 10)
    assert news == [arrived(2), arrived(3)]


async def test_a_follower_may_want_some_kinds_alone(redis: Redis, stream: Stream) -> None:
    queued = ContactQueued(
        at=2.0, contact="c2", queue="order", language="en", priority=0, requires={}
    )
    for event in (arrived(1), queued, arrived(3), queued):
        await append_event(redis, event)
    news: list[RecordedEvent] = []
    async for _, event in stream.follow("0-0", {"ContactQueued"}, linger=0.0):
        news.append(event)
        if len(news) == 2:
            break
    assert news == [queued, queued]


@pytest.mark.parametrize("kind", [Stream, Tail])
async def test_a_follower_waits_for_redis_to_come_back(
    own_redis: RedisServer, kind: type[Stream]
) -> None:
    redis = connect(own_redis.url)
    async with contextlib.AsyncExitStack() as stack:
        stream = kind(redis)
        if isinstance(stream, Tail):
            await stack.enter_async_context(running(stream))
        news = await stack.enter_async_context(heard(stream, "$"))
        await until_stream_is_read(redis)
        await append_event(redis, arrived(1))
        await until(lambda: len(news) == 1, 10)
        own_redis.kill()
        await asyncio.sleep(0.1)
        own_redis.start()
        await append_event(redis, arrived(2))
        await until(lambda: len(news) == 2, 10)
    await redis.aclose()


async def until_stream_is_read(redis: Redis) -> None:
    for _ in range(500):
        if any(client.get("cmd", "").startswith("xread") for client in await redis.client_list()):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody reads the stream")


# --- the tail ------------------------------------------------------------------------------------


async def reads(redis: Redis) -> int:
    """How often anybody read the stream."""
    commands = await redis.info("commandstats")
    return int(commands.get("cmdstat_xread", {}).get("calls", 0))


async def test_what_the_journal_wrote_is_known_without_a_look_at_redis(redis: Redis) -> None:
    async with running(Tail(redis)) as tail, heard(tail, "$") as news:
        async with Journal(redis, wrote=tail.wrote) as journal:
            before, begun = await reads(redis), time.monotonic()
            events = [arrived(number) for number in range(60)]
            for event in events:
                journal.record({}, {}, [event])
                await journal.flushed()
            await until(lambda: len(news) == len(events), 10)
            looks = await reads(redis) - before
            assert looks <= 2 + (time.monotonic() - begun) / module._TOLD
        assert news == events


@pytest.mark.parametrize("seed", range(8))
async def test_whoever_writes_followers_hear_everything_once_in_order(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Another process writes in between, answers get lost, and some followers are slow."""
    monkeypatch.setattr(module, "KEPT", 10)
    chance = random.Random(seed)
    answers_lost = 0

    def wrote(before: str, entries: Sequence[module.Entry]) -> None:
        nonlocal answers_lost
        if chance.random() < 0.2:
            answers_lost += 1
        else:
            tail.wrote(before, entries)

    async with (
        running(Tail(redis)) as tail,
        Journal(redis, wrote=wrote) as journal,
        heard(tail, "0-0") as news,
        heard(tail, "0-0") as others,
    ):
        for number in range(120):
            if chance.random() < 0.3:
                await append_event(redis, arrived(number))
            else:
                journal.record({}, {}, [arrived(number)])
                await journal.flushed()
            if chance.random() < 0.1:
                await asyncio.sleep(chance.random() * 0.1)
        await until(lambda: len(news) == len(others) == 120, 10)
    assert news == others == [arrived(number) for number in range(120)]
    assert answers_lost


async def test_one_who_is_far_behind_reads_what_memory_has_no_more(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 5)
    async with running(Tail(redis)) as tail, Journal(redis, wrote=tail.wrote) as journal:
        for number in range(40):
            journal.record({}, {}, [arrived(number)])
            await journal.flushed()
        assert len(tail._entries) <= 10
        async with heard(tail, "0-0") as news:
            await until(lambda: len(news) == 40, 10)
    assert news == [arrived(number) for number in range(40)]


async def test_many_at_once_are_read_in_portions(redis: Redis) -> None:
    async with running(Tail(redis)) as tail, Journal(redis, wrote=tail.wrote) as journal:
        async with heard(tail, "$") as news:
            events: list[RecordedEvent] = [arrived(number) for number in range(1_300)]
            journal.record({}, {}, events)
            await until(lambda: len(news) == len(events), 10)
        assert news == events


async def test_a_stream_that_was_lost_is_followed_behind_its_new_counter(
    own_redis: RedisServer, database: Database
) -> None:
    """Redis' clock is behind: what comes first has ids below those known; SQL gets it all."""
    redis, log = connect(own_redis.url), EventLog(database)
    await log.append([("99999999999999-5", arrived(0))])
    async with running(Tail(redis)) as tail, Journal(redis, wrote=tail.wrote) as journal:
        drain = Drain(redis, log, stream=tail)
        await drain.catch_up()
        draining = asyncio.create_task(drain.run())

        async def stored(contacts: int) -> None:
            end = time.monotonic() + 10
            while len(await log.between(0, 1e12)) < contacts:
                assert time.monotonic() < end, drain.fault
                await asyncio.sleep(0.02)

        journal.record({}, {}, [arrived(1)])
        await stored(2)
        own_redis.lose_everything()
        journal.record({}, {}, [arrived(2)])
        await stored(3)
        async with heard(tail, await log.last_id()) as news:
            journal.record({}, {}, [arrived(3)])
            await stored(4)
            await until(lambda: arrived(3) in news, 10)
        draining.cancel()
        await asyncio.wait([draining])
    told = [getattr(event, "contact", "") for _, event in await log.between(0, 1e12)]
    assert sorted(told) == ["c0", "c1", "c2", "c3"]
    await redis.aclose()
