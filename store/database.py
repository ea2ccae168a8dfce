"""The SQL database behind every durable record: one engine, opened the same way everywhere.

SQLite is the default; PostgreSQL is meant when the address says so. Both are spoken to through
SQLAlchemy, and no module outside this room knows which one it is.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import orjson
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Executable, Row, create_engine, event, text
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_MIGRATIONS = Path(__file__).parent / "migrations"
_SQLITE_BUSY_MS = 5_000
_SQLITE_AT_ONCE = 8  # reads, and writes that wait for each other: what is long holds up few others
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


_READS: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
#: Ways to name a database -> the driver's name.
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+aiosqlite": "sqlite",  # as addresses were written before
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}

T = TypeVar("T")
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class DatabaseAddressError(ValueError):
    """The address names a database that we cannot speak to."""


class Database:
    """Pieces of work on the database, each done whole: away from the event loop, with a plain
    connection. SQLite does it in a thread, in one go: a statement at a time, as an asyncio driver
    does it, takes four turns between thread and loop for each.

    Close it before the event loop ends.
    """

    def __init__(self, writer: Engine | AsyncEngine, reader: Engine | AsyncEngine) -> None:
        self._writer, self._reader = writer, reader
        # Threads start when they are needed: never, for PostgreSQL.
        self._writing = ThreadPoolExecutor(_SQLITE_AT_ONCE, "writing")
        self._reading = ThreadPoolExecutor(_SQLITE_AT_ONCE, "reading")

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._writer.dialect.name

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do this in a transaction, which is committed at the end and rolled back by an exception.

        On SQLite it takes the write lock at its beginning: a transaction that reads first and
        writes later would be refused at once when another process wrote between.
        """
        return await _do(self._writer, self._writing, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do this, which only reads, and never waits for a writer on either database.

        Each statement sees one state of the database, but two of them may see different ones: a
        transaction around a single statement adds more than half to what it costs.
        """
        return await _do(self._reader, self._reading, work)

    async def rows(self, query: Executable) -> Sequence[AnyRow]:
        """What one statement finds."""
        return await self.read(lambda connection: connection.execute(query).all())

    async def first(self, query: Executable) -> AnyRow | None:
        """The first of what one statement finds."""
        return await self.read(lambda connection: connection.execute(query).first())

    async def change(self, statement: Executable) -> int:
        """Carry out one statement that writes; returns how many rows it added or changed."""
        return await self.write(lambda connection: connection.execute(statement).rowcount)

    async def close(self) -> None:
        """Give all connections back."""
        for threads, engine in ((self._writing, self._writer), (self._reading, self._reader)):
            await asyncio.to_thread(threads.shutdown)
            if isinstance(engine, AsyncEngine):
                await engine.dispose()
            else:
                engine.dispose()


async def _do(
    engine: Engine | AsyncEngine, threads: Executor, work: Callable[[Connection], T]
) -> T:
    if isinstance(engine, AsyncEngine):
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(threads, _in_transaction, engine, work)


def _in_transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.begin() as connection:
        return work(connection)


def open_database(url: str) -> Database:
    """Open ``sqlite:///FILE`` or ``postgresql[+asyncpg]://…``; connects at first use.

    Raises:
        DatabaseAddressError: the address is malformed, or of another kind of database.
    """
    address = _with_driver(url)
    if address.get_backend_name() == "postgresql":
        options = _JSON | _POSTGRESQL
        return Database(
            create_async_engine(address, **options),
            create_async_engine(address, **options, **_READS),
        )
    if address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    options = _JSON | {"pool_size": _SQLITE_AT_ONCE}
    writer, reader = create_engine(address, **options), create_engine(address, **options, **_READS)
    for each in (writer, reader):
        event.listen(each, "connect", _prepare_sqlite)
    event.listen(writer, "begin", _begin_sqlite)
    return Database(writer, reader)


def _with_driver(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise DatabaseAddressError("the database address cannot be read") from error
    driver = _DRIVERS.get(address.drivername)
    if driver is None:
        raise DatabaseAddressError(
            f"{address.drivername!r} is no database we know: use sqlite:///FILE or postgresql://…"
        )
    return address.set(drivername=driver)


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
        await _patiently(database)
    finally:
        await database.close()


async def _patiently(database: Database) -> None:
    """Upgrade; waits while others turn a new SQLite file into WAL mode.

    That switch answers "locked" at once instead of waiting for ``busy_timeout``.
    """
    for attempt in range(20):
        try:
            await database.write(_upgrade)
            return
        except OperationalError as error:
            if attempt == 19 or "locked" not in str(error):
                raise
            await asyncio.sleep(0.1)


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(:key)")
        connection.execute(lock, {"key": _POSTGRES_MIGRATION_LOCK})
    config = _migration_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def is_migrated(database: Database) -> bool:
    """Whether the schema is the newest one."""
    newest = ScriptDirectory.from_config(_migration_config()).get_current_head()
    return await database.read(_revision) == newest


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
