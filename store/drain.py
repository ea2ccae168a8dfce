"""Carries events from the Redis stream to SQL, then lets the stream forget them.

Runs as one task in the controller. It loses nothing: an entry leaves the stream only after its
row is committed, and a row written twice is one row. While SQL is locked or Redis is gone it
tries again, and the stream grows meanwhile.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from sqlalchemy.exc import SQLAlchemyError

from store.event_log import EventLog
from store.stream import EVENTS, START, Entry, Stream, parse_id

logger = structlog.get_logger("store.drain")

_KEEP = 10_000
_SLACK = 500  # trimming is done in portions of at least this many entries
_FULL = 200  # entries; after a smaller portion more are waited for
_LINGER = 0.5  # seconds: a transaction costs as much as fifty rows
_PAUSES = (0.1, 5.0)  # seconds: first and longest wait after a failure


class Drain:
    """One stream's way into one event log. ``run()`` is the task.

    Args:
        redis, log: where from and where to.
        stream: reads what is in Redis; a ``Tail`` knows most of it already.
        keep: entries that stay in the stream.
        taken: told the id up to which entries are in SQL, or kept here until they are.
    """

    def __init__(
        self,
        redis: Redis,
        log: EventLog,
        *,
        stream: Stream | None = None,
        keep: int = _KEEP,
        taken: Callable[[str], None] | None = None,
    ) -> None:
        self._redis = redis
        self._log = log
        self._stream = stream or Stream(redis)
        self._keep = keep
        self._taken = taken or (lambda _: None)
        self._in_hand: Sequence[Entry] = ()  # read, and not yet in SQL
        self._untrimmed = _SLACK  # entries stored since the stream was looked at
        self.cursor = ""
        """Id of the last entry known to be in SQL; "" before ``catch_up``."""
        self.fault = ""
        """Why nothing is carried just now; "" when all is well."""

    async def run(self) -> None:
        """Carry for ever; ends only by being cancelled."""
        pause = _PAUSES[0]
        while True:
            try:
                if not self.cursor:
                    await self.catch_up()
                carried = await self.carry()
                if 0 < carried < _FULL:
                    await asyncio.sleep(_LINGER)
            except (RedisError, SQLAlchemyError, OSError) as error:
                if not self.fault:
                    logger.error("events cannot be stored", error=type(error).__name__)
                self.fault = f"{type(error).__name__}: {str(error).splitlines()[0]}"
                await asyncio.sleep(pause)
                pause = min(pause * 2, _PAUSES[1])
            else:
                self.fault, pause = "", _PAUSES[0]

    async def catch_up(self) -> None:
        """Store what the stream holds beyond the log; afterwards new ids follow the log's.

        Call it before anything is shown or decided from the log. A Redis that lost its data would
        give out ids below those in SQL if its clock is behind: its counter is moved forward.

        Raises:
            redis.RedisError, sqlalchemy.exc.SQLAlchemyError: Redis or SQL is not there.
        """
        stored = await self._log.last_id()
        if parse_id(await self._stream.last_id()) < parse_id(stored):
            # First the counter: an entry added from here on lies behind `stored`.
            await self._move_counter(stored)
            await self._store_all(START)
        self.cursor = stored
        await self._store_all(stored)

    async def catch_up_with(self, stream_id: str) -> None:
        """Wait until everything up to this id is in SQL (``run`` carries it there)."""
        while not self.cursor or parse_id(self.cursor) < parse_id(stream_id):  # noqa: ASYNC110
            await asyncio.sleep(_PAUSES[0])

    async def carry(self, block_ms: int = 1_000) -> int:
        """Store the next portion and trim; returns how many entries were stored."""
        if not self._in_hand:
            self._in_hand = await self._stream.read(parse_id(self.cursor), block_ms=block_ms)
        entries = self._in_hand
        if entries:
            # From here on Redis may lose them: they are kept here until SQL takes them.
            self._taken(entries[-1].id)
            await self._log.append_entries(entries)
            self.cursor, self._in_hand = entries[-1].id, ()
            await self._trim(len(entries))
        elif parse_id(await self._stream.last_id()) < parse_id(self.cursor):
            # Redis came back empty while we ran.
            logger.error("the stream of events was lost; its counter is moved on")
            self.cursor = ""
        return len(entries)

    async def _store_all(self, after: str) -> None:
        while entries := await Stream(self._redis).read(parse_id(after), block_ms=1):
            await self._log.append_entries(entries)
            after = entries[-1].id
            self._taken(after)
            if parse_id(after) > parse_id(self.cursor or START):
                self.cursor = after

    async def _move_counter(self, to: str) -> None:
        try:
            # XSETID needs a stream; a group is the way to make an empty one.
            if not await self._redis.exists(EVENTS):
                await self._redis.xgroup_create(EVENTS, "making", id="$", mkstream=True)
                await self._redis.xgroup_destroy(EVENTS, "making")
            await self._redis.eval("return redis.call('XSETID', KEYS[1], ARGV[1])", 1, EVENTS, to)
        except ResponseError as error:
            # Another writer added an entry with a higher id just now: that is all we wanted.
            logger.info("the stream's counter is already ahead", answer=str(error))

    async def _trim(self, stored: int) -> None:
        """Cut the stream to ``keep`` entries, but never beyond what is in SQL."""
        self._untrimmed += stored
        if self._untrimmed < min(_SLACK, self._keep):
            return
        self._untrimmed = 0
        surplus = await self._redis.xlen(EVENTS) - self._keep
        if surplus <= 0:
            return
        oldest = await self._redis.xrange(EVENTS, min="-", max=self.cursor, count=surplus + 1)
        if oldest:
            await self._redis.xtrim(EVENTS, minid=str(oldest[-1][0]), approximate=False)
