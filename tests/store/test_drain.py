"""From the stream to SQL: nothing lost, nothing doubled, nothing trimmed too early."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis

from store.database import Database, open_database
from store.drain import Drain
from store.event_log import EventLog
from store.live import append_event, connect
from store.schema import metadata
from store.stream import EVENTS, Stream
from telephony.events import ContactArrived
from tests.servers import RedisServer


def arrived(number: int) -> ContactArrived:
    return ContactArrived(
        at=float(number), contact=f"c{number}", channel="x", caller="", dialled="8000"
    )


async def contacts(log: EventLog) -> list[str]:
    return [getattr(event, "contact", "") for _, event in await log.between(0, 1e12)]


async def until(condition, deadline: float = 15.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + deadline
    while not await condition():
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.02)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_events_arrive_in_sql_once(redis: Redis, database: Database) -> None:
    log = EventLog(database)
    await append_event(redis, arrived(0))
    for _ in range(2):  # a second drain, as after a restart
        running = asyncio.create_task(Drain(redis, log).run())
        await append_event(redis, arrived(1))
        await until(lambda: _has_drained(redis, log))
        await stop(running)
    assert await contacts(log) == ["c0", "c1", "c1"]


async def _has_drained(redis: Redis, log: EventLog) -> bool:
    return await log.last_id() == await Stream(redis).last_id()


async def test_the_stream_is_trimmed_to_what_is_kept(redis: Redis, database: Database) -> None:
    log = EventLog(database)
    drain = Drain(redis, log, keep=20)
    for number in range(100):
        await append_event(redis, arrived(number))
    await drain.catch_up()
    assert await redis.xlen(EVENTS) == 100
    await append_event(redis, arrived(100))
    await drain.carry()
    assert await redis.xlen(EVENTS) == 20
    assert len(await contacts(log)) == 101


async def test_nothing_is_trimmed_that_is_not_in_sql(redis: Redis, database: Database) -> None:
    drain = Drain(redis, EventLog(database), keep=1)
    await append_event(redis, arrived(0))
    await drain.catch_up()
    for number in range(1, 700):  # more than one portion
        await append_event(redis, arrived(number))
    assert await drain.carry() == 500
    assert await redis.xlen(EVENTS) == 200  # the last stored one stays


async def test_a_locked_database_is_waited_for(
    redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.database._SQLITE_BUSY_MS", 20)
    path = tmp_path / "huawu.db"
    database = open_database(f"sqlite:///{path}")
    await database.write(metadata.create_all)
    log = EventLog(database)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    drain = Drain(redis, log)
    running = asyncio.create_task(drain.run())
    await append_event(redis, arrived(1))

    async def failed() -> bool:
        return "locked" in drain.fault

    await until(failed)
    other.execute("ROLLBACK")
    other.close()
    await until(lambda: _has_drained(redis, log))
    await stop(running)
    assert await contacts(log) == ["c1"]
    await database.close()


async def test_redis_gone_and_back(own_redis: RedisServer, database: Database) -> None:
    redis, log = connect(own_redis.url), EventLog(database)
    await append_event(redis, arrived(1))
    running = asyncio.create_task(Drain(redis, log).run())
    await until(lambda: _has_drained(redis, log))
    own_redis.kill()
    await asyncio.sleep(0.2)
    own_redis.start()
    await append_event(redis, arrived(2))
    await until(lambda: _has_drained(redis, log))
    await stop(running)
    assert await contacts(log) == ["c1", "c2"]
    await redis.aclose()


async def test_an_emptied_redis_goes_on_counting(
    own_redis: RedisServer, database: Database
) -> None:
    redis, log = connect(own_redis.url), EventLog(database)
    # As if Redis' clock had been far ahead when these were written.
    await log.append([("99999999999999-5", arrived(1))])
    drain = Drain(redis, log)
    await append_event(redis, arrived(2))  # gets an id far below
    await drain.catch_up()
    await append_event(redis, arrived(3))
    await drain.carry()
    assert sorted(await contacts(log)) == ["c1", "c2", "c3"]
    own_redis.lose_everything()
    running = asyncio.create_task(drain.run())

    async def counter_moved() -> bool:
        return (await Stream(redis).last_id()).startswith("99999999999999-")

    await until(counter_moved)
    await append_event(redis, arrived(4))
    await until(lambda: _has_drained(redis, log))
    assert sorted(await contacts(log)) == ["c1", "c2", "c3", "c4"]
    await stop(running)
    await redis.aclose()


async def test_rubbish_in_the_stream_is_kept_and_stops_nothing(
    redis: Redis, database: Database
) -> None:
    log = EventLog(database)
    for field in ({"event": "no json"}, {"event": "[1]"}, {"event": '{"at":NaN}'}, {"x": "y"}):
        await redis.xadd(EVENTS, field)
    await append_event(redis, arrived(1))
    drain = Drain(redis, log)
    await drain.catch_up()
    assert await contacts(log) == ["c1"]
    assert await _has_drained(redis, log)
