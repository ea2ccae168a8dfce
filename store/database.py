"""The SQL database behind every durable record: one engine, opened the same way everywhere.

SQLite is the default; PostgreSQL is meant when the address says so. Both are spoken to through
SQLAlchemy's asyncio engine, and no module outside this room knows which one it is.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

_MIGRATIONS = Path(__file__).parent / "migrations"
_SQLITE_BUSY_MS = 5_000
# Any constant will do; two programs that migrate at once must only agree on it.
_POSTGRES_MIGRATION_LOCK = 0x4855_4157
# A third of what storing an event cost was its text.
_JSON: dict[str, Any] = {
    "json_serializer": lambda value: orjson.dumps(value).decode(),
    "json_deserializer": orjson.loads,
}
_POSTGRESQL: dict[str, Any] = {
    # After a restart of PostgreSQL no statement is lost on a dead connection.
    "pool_pre_ping": True,
    "pool_size": 5,
    "max_overflow": 5,
    # Seconds. A server that hangs must become an error, or its callers hang too.
    "connect_args": {"timeout": 10, "command_timeout": 60},
}


class DatabaseAddressError(ValueError):
    """The address names a database that we cannot speak to."""


class Database:
    """A pool of connections that write and one of such that read.

    Close it before the event loop ends.
    """

    def __init__(self, engine: AsyncEngine, reader: AsyncEngine) -> None:
        self.engine = engine
        self._reader = reader

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed at the end, rolled back by an exception.

        On SQLite it takes the write lock at its beginning: a transaction that reads first and
        writes later would be refused at once when another process wrote between.
        """
        async with self.engine.begin() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Only reads, and never waits for a writer on either database.

        Each statement sees one state of the database, but two of them may see different ones: a
        transaction around a single statement adds more than half to what it costs.
        """
        async with self._reader.connect() as connection:
            yield connection

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()
        await self._reader.dispose()


def open_database(url: str) -> Database:
    """Open ``sqlite[+aiosqlite]:///FILE`` or ``postgresql[+asyncpg]://…``; connects at first use.

    Raises:
        DatabaseAddressError: the address is malformed, or of another kind of database.
    """
    address = _with_async_driver(url)
    sqlite = address.get_backend_name() == "sqlite"
    options = _JSON if sqlite else _JSON | _POSTGRESQL
    engine = create_async_engine(address, **options)
    reader = create_async_engine(
        address, **options, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True
    )
    if sqlite:
        if address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        for each in (engine, reader):
            event.listen(each.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return Database(engine, reader)


def _with_async_driver(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise DatabaseAddressError("the database address cannot be read") from error
    drivers = {"sqlite": "aiosqlite", "postgresql": "asyncpg", "postgres": "asyncpg"}
    backend = address.get_backend_name()
    if backend not in drivers or address.drivername not in (
        backend,
        f"{backend}+{drivers[backend]}",
    ):
        raise DatabaseAddressError(
            f"{address.drivername!r} is no database we know: use sqlite:///FILE or postgresql://…"
        )
    name = "postgresql" if backend == "postgres" else backend
    return address.set(drivername=f"{name}+{drivers[backend]}")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Python's driver would begin transactions by itself, too late for BEGIN IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_SQLITE_BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # A power cut may lose the last commits but never corrupts; the stream still has the events.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


# --- migrations ------------------------------------------------------------------------------


def _migration_config() -> Config:
    config = Config()
    # A % would be read as an interpolation by Alembic's configuration.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


async def migrate(url: str) -> None:
    """Bring the database to the newest schema; many processes may do so at the same time.

    Raises:
        DatabaseAddressError: see ``open_database``.
        sqlalchemy.exc.DBAPIError: the database cannot be reached or refuses; nothing was changed,
            because all steps are one transaction.
    """
    database = open_database(url)
    try:
        async with _patiently(database) as connection:
            if database.dialect == "postgresql":
                await connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_MIGRATION_LOCK}
                )
            await connection.run_sync(_upgrade)
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _patiently(database: Database) -> AsyncIterator[AsyncConnection]:
    """A write transaction; waits while others turn a new SQLite file into WAL mode.

    That switch answers "locked" at once instead of waiting for ``busy_timeout``.
    """
    for attempt in range(20):
        try:
            connection = await database.engine.connect()
            break
        except DBAPIError as error:
            if attempt == 19 or "locked" not in str(error):
                raise
            await asyncio.sleep(0.1)
    try:
        async with connection.begin():
            yield connection
    finally:
        await connection.close()


def _upgrade(connection: Connection) -> None:
    config = _migration_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def is_migrated(database: Database) -> bool:
    """Whether the schema is the newest one."""
    newest = ScriptDirectory.from_config(_migration_config()).get_current_head()
    async with database.read() as connection:
        return await connection.run_sync(_revision) == newest


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
