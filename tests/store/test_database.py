"""Opening and migrating databases."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from store.database import (
    Database,
    DatabaseAddressError,
    is_migrated,
    migrate,
    open_database,
)
from store.schema import accounts, metadata, transcripts


async def test_migrations_and_tables_agree(database: Database) -> None:
    differences = await database.read(
        lambda connection: compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), metadata
        )
    )
    assert differences == []


async def test_migrating_twice_changes_nothing(database: Database, database_url: str) -> None:
    assert await is_migrated(database)
    await migrate(database_url)
    assert await is_migrated(database)


async def test_a_new_file_is_not_migrated(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/folder/new.db")
    assert not await is_migrated(database)
    await database.close()


@pytest.mark.live
def test_several_programs_may_migrate_a_new_file_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    code = f"import asyncio, store.database as d; asyncio.run(d.migrate({url!r}))"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)
    ]
    errors = [process.communicate()[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * 4, errors


async def test_an_exception_rolls_back(database: Database) -> None:
    def add_account_and_fail(connection: Connection) -> None:
        values = {"name": "a", "role": "admin", "password_hash": "", "agent": "", "disabled": False}
        connection.execute(insert(accounts).values(**values))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(add_account_and_fail)
    assert await database.rows(select(accounts)) == []


async def test_rows_must_keep_the_rules_of_the_tables(database: Database) -> None:
    orphan = {
        "contact": "c", "offer": 1, "leg": "agent", "language": "", "engine": "", "model": "",
        "text": "", "segments": [], "fault": "", "made_at": 0.0,
    }  # fmt: skip
    with pytest.raises(IntegrityError):
        await database.change(insert(transcripts).values(**orphan))


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """A database whose work can be held up in its thread."""
    url = f"sqlite:///{tmp_path}/held_up.db"
    await migrate(url)
    opened = open_database(url)
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def held_up(
    do: Callable[[Callable[[Connection], None]], Awaitable[None]],
) -> AsyncIterator[None]:
    """Inside of the block a piece of work has begun and is not over."""
    begun, go_on = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        connection.execute(delete(accounts) if do.__name__ == "write" else select(accounts))
        begun.set()
        assert go_on.wait(10)

    task = asyncio.ensure_future(do(work))
    assert await asyncio.to_thread(begun.wait, 10)
    try:
        yield
    finally:
        go_on.set()
        await task


async def test_a_reader_does_not_wait_for_writers(sqlite: Database) -> None:
    async with held_up(sqlite.write), asyncio.timeout(3):
        waiting = [asyncio.create_task(sqlite.change(delete(accounts))) for _ in range(20)]
        assert await sqlite.rows(select(accounts)) == []
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)


async def test_a_writer_does_not_wait_for_a_reader(sqlite: Database) -> None:
    async with held_up(sqlite.read), asyncio.timeout(3):
        await sqlite.change(delete(accounts))


async def test_the_loop_goes_on_meanwhile_and_short_work_beside_long(sqlite: Database) -> None:
    async with held_up(sqlite.read), held_up(sqlite.read), asyncio.timeout(3):
        assert await sqlite.first(select(accounts)) is None


async def test_a_change_says_how_many_rows_it_changed(database: Database) -> None:
    values = {"role": "admin", "password_hash": "", "agent": "", "disabled": False}
    for name in ("a", "b"):
        assert await database.change(insert(accounts).values(name=name, **values)) == 1
    assert await database.change(delete(accounts)) == 2
    assert await database.change(delete(accounts)) == 0


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite+pysqlite:///x", ""])
def test_a_strange_address_is_refused(url: str) -> None:
    with pytest.raises(DatabaseAddressError):
        open_database(url)


@pytest.mark.parametrize(
    "url", ["postgresql://u@h/d", "postgresql+asyncpg://u@h/d", "postgres://u@h/d"]
)
def test_postgresql_addresses(url: str) -> None:
    assert open_database(url).dialect == "postgresql"
