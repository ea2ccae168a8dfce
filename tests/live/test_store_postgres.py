"""What only a PostgreSQL server of one's own can show; the rest is in tests/store, on both."""

import asyncio

import pytest
from redis.asyncio import Redis

from store.database import is_migrated, migrate, open_database
from store.drain import Drain
from store.event_log import EventLog
from store.live import append_event
from store.stream import Stream
from telephony.events import ContactArrived
from tests.servers import PostgresServer

pytestmark = pytest.mark.live


def arrived(number: int) -> ContactArrived:
    return ContactArrived(
        at=float(number), contact=f"c{number}", channel="x", caller="", dialled="8000"
    )


async def test_several_programs_may_migrate_at_once(postgres: PostgresServer) -> None:
    postgres.sql("CREATE DATABASE raced")
    url = postgres.url("raced")
    await asyncio.gather(*(migrate(url) for _ in range(4)))
    database = open_database(url)
    assert await is_migrated(database)
    await database.close()


async def test_a_restart_of_the_database_loses_and_doubles_nothing(
    postgres: PostgresServer, redis: Redis
) -> None:
    postgres.sql("CREATE DATABASE restarted TEMPLATE migrated")
    database = open_database(postgres.url("restarted"))
    log = EventLog(database)
    drain = Drain(redis, log)
    running = asyncio.create_task(drain.run())
    for number in range(20):
        if number == 10:
            postgres.stop()
        await append_event(redis, arrived(number))
    async with asyncio.timeout(20):
        while not drain.fault:
            await asyncio.sleep(0.02)
        postgres.start()
        while drain.fault or await log.last_id() != await Stream(redis).last_id():
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running])
    found = [getattr(event, "contact", "") for _, event in await log.between(0, 1e9)]
    assert found == [f"c{number}" for number in range(20)]
    await database.close()
