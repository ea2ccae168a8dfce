"""Fixtures for every room: a real Redis and real databases, made once and emptied for each test.

Settings come from the tests alone: of the environment only what says where programs lie stays.
"""

import asyncio
import gc
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from store.database import Database, migrate, open_database
from store.live import connect
from tests.servers import PostgresServer, RedisServer, postgres_programs

KEPT = {"HUAWU_STATE", "HUAWU_ASTERISK_ROOT", "HUAWU_SCREENSHOTS", "HUAWU_KEEP"}
for _name in [name for name in os.environ if name.startswith("HUAWU_") and name not in KEPT]:
    del os.environ[_name]

# Three thousand tests make a heap in which each full collection takes long: a tenth of all time.
gc.set_threshold(100_000, 20, 50)

_numbers = itertools.count(1)


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def _shared_redis() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture
async def redis(_shared_redis: RedisServer) -> AsyncIterator[Redis]:
    """A client of an empty Redis."""
    client = connect(_shared_redis.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def redis_url(_shared_redis: RedisServer, redis: Redis) -> str:
    """Address of the Redis of the fixture `redis`."""
    return _shared_redis.url


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A redis-server that the test may kill."""
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL cluster with a migrated database `migrated` to be used as a template."""
    if postgres_programs() is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt install postgresql)")
    server = PostgresServer().start()
    server.sql("CREATE DATABASE migrated")
    asyncio.run(migrate(server.url("migrated")))
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.live)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty, migrated database; the test runs once for each kind."""
    if request.param == "sqlite":
        path = tmp_path / "huawu.db"
        shutil.copy(request.getfixturevalue("_migrated_sqlite"), path)
        return f"sqlite:///{path}"
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"test{next(_numbers)}"
    server.sql(f"CREATE DATABASE {name} TEMPLATE migrated")
    return server.url(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database; the test runs on SQLite and on PostgreSQL."""
    opened = open_database(database_url)
    yield opened
    await opened.close()
