"""Opening and migrating databases."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text
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
    async with database.read() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True}), metadata
            )
        )
    assert differences == []


async def test_migrating_twice_changes_nothing(database: Database, database_url: str) -> None:
    assert await is_migrated(database)
    await migrate(database_url)
    assert await is_migrated(database)


async def test_a_new_file_is_not_migrated(tmp_path: Path) -> None:
    database = open_database(f"sqlite+aiosqlite:///{tmp_path}/folder/new.db")
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
    with pytest.raises(RuntimeError):
        await _add_account_and_fail(database)
    async with database.read() as connection:
        assert (await connection.execute(select(accounts))).all() == []


async def _add_account_and_fail(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(
            insert(accounts).values(
                name="a", role="admin", password_hash="", agent="", disabled=False
            )
        )
        raise RuntimeError


async def test_rows_must_keep_the_rules_of_the_tables(database: Database) -> None:
    orphan = {
        "contact": "c", "offer": 1, "leg": "agent", "language": "", "engine": "", "model": "",
        "text": "", "segments": [], "fault": "", "made_at": 0.0,
    }  # fmt: skip
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(insert(transcripts).values(**orphan))


async def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    async with database.write() as writing:
        await writing.execute(text("DELETE FROM accounts"))
        async with database.read() as reading:
            assert (await reading.execute(select(accounts))).all() == []


async def test_a_writer_does_not_wait_for_a_reader(database: Database) -> None:
    async with database.read() as reading:
        await reading.execute(select(accounts))
        async with asyncio.timeout(3), database.write() as writing:
            await writing.execute(text("DELETE FROM accounts"))


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite+pysqlite:///x", ""])
def test_a_strange_address_is_refused(url: str) -> None:
    with pytest.raises(DatabaseAddressError):
        open_database(url)


@pytest.mark.parametrize(
    "url", ["postgresql://u@h/d", "postgresql+asyncpg://u@h/d", "postgres://u@h/d"]
)
def test_postgresql_addresses(url: str) -> None:
    assert open_database(url).dialect == "postgresql"
