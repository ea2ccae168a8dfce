"""The live state in Redis: contacts and agents as they are now, and the stream of events.

Redis is a store that can be rebuilt from Asterisk and SQL, but one that must survive its own
restart: ``append_only_on`` says whether it does. Keys:

=====================  ======  =====================================================
``huawu:contacts``     hash    contact id -> JSON of what the distribution keeps
``huawu:agents``       hash    agent id -> JSON of the same
``huawu:events``       stream  what happened, see ``store/stream.py``
``huawu:written:*``    string  number of the last batch of one writer; gone after an hour
=====================  ======  =====================================================

The lease and its fencing number stand in ``store/lease.py``: a journal writes only while Redis
knows no other number than the journal's own.
"""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import orjson
import structlog
from redis.asyncio import Connection, ConnectionPool, Redis, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from store.lease import FENCING
from store.stream import EVENTS, START, BackOff, Entry, Stream, dump, parse_id
from telephony.events import RecordedEvent

logger = structlog.get_logger("store.live")

CONTACTS = "huawu:contacts"
AGENTS = "huawu:agents"
_WRITTEN = "huawu:written:"


class Kept(Protocol):
    """A contact or an agent."""

    def plain(self) -> Mapping[str, Any]:
        """Its state in JSON-ready values."""


Changes = Mapping[str, Kept | None]
"""Id -> what has changed, or None when it is gone."""

_SOCKET_TIMEOUT = 5.0  # seconds; far above a follower's wait, so that a quiet stream is no fault
_BATCH_EVENTS = 500
_GATHER = 0.05  # seconds in which the journal gathers: decisions come in flocks
_REFUSED_PAUSE = 0.05  # seconds until a batch that was refused is made anew

# One round trip for one batch. Redis may have run it although the answer was lost: the same
# number from the same writer changes nothing the second time. ARGV: number of the batch, fencing
# number ('0': of a writer that needs no lease), whether all that is there goes first, the changes
# of contacts and of agents, the events. Answer: the id of the entry before the events and theirs;
# nothing when the batch had none, or was written before; nil when it was refused.
_WRITE = """
if ARGV[2] ~= '0' and redis.call('GET', KEYS[5]) ~= ARGV[2] then return false end
local done = redis.call('GET', KEYS[4])
if done and tonumber(done) >= tonumber(ARGV[1]) then return '' end
if ARGV[3] == '1' then redis.call('DEL', KEYS[1], KEYS[2]) end
local at = 4
for hash = 1, 2 do
  local changes = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, changes do
    if ARGV[at + 1] == '' then redis.call('HDEL', KEYS[hash], ARGV[at])
    else redis.call('HSET', KEYS[hash], ARGV[at], ARGV[at + 1]) end
    at = at + 2
  end
end
local ids = {}
if ARGV[at] then
  local newest = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)
  ids[1] = newest[1] and newest[1][1] or '0-0'
end
while ARGV[at] do
  ids[#ids + 1] = redis.call('XADD', KEYS[3], '*', 'event', ARGV[at])
  at = at + 1
end
redis.call('SET', KEYS[4], ARGV[1], 'EX', 3600)
return table.concat(ids, ' ')
"""


def connect(url: str, *, answer: float = _SOCKET_TIMEOUT, retries: int = 1) -> Redis:
    """A client for ``unix:///PATH`` or ``redis://HOST:PORT/DB``; it connects at first use.

    Args:
        url: the address.
        answer: seconds that Redis may take for an answer.
        retries: how often a command is tried again: once, for a pooled connection that a restart
            of Redis left dead.
    """
    pool = ConnectionPool.from_url(
        url,
        decode_responses=True,
        socket_timeout=answer,
        socket_connect_timeout=min(answer, 2.0),
        retry=Retry(ExponentialBackoff(cap=0.1, base=0.01), retries),
    )
    unix = issubclass(pool.connection_class, UnixDomainSocketConnection)
    pool.connection_class = _UnixConnection if unix else _TcpConnection
    return Redis.from_pool(pool)


class _CancelsPromptly:
    """Sends under ``asyncio.timeout``.

    redis-py 8 sends under ``asyncio.wait_for``, which before Python 3.12 loses a cancellation
    that comes in the moment it ends (bpo-37658): a task that is told to stop would go on for ever.
    """

    socket_timeout: float | None

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)  # type: ignore[misc]
        except TimeoutError as error:
            raise RedisTimeoutError("Redis does not take a command") from error
        finally:
            self.socket_timeout = limit


class _TcpConnection(_CancelsPromptly, Connection):
    pass


class _UnixConnection(_CancelsPromptly, UnixDomainSocketConnection):
    pass


async def append_only_on(redis: Redis) -> bool:
    """Whether Redis keeps an append-only file: without it a kill loses everything.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    persistence = await redis.info("persistence")
    return bool(persistence.get("aof_enabled"))


async def load(redis: Redis) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """All contacts and all agents as last written.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hgetall(CONTACTS)
        pipe.hgetall(AGENTS)
        contacts, agents = await pipe.execute()
    return (
        {key: orjson.loads(value) for key, value in contacts.items()},
        {key: orjson.loads(value) for key, value in agents.items()},
    )


async def append_event(redis: Redis, event: RecordedEvent) -> None:
    """Add one event to the stream, exactly once even when the connection breaks in between.

    Raises:
        redis.RedisError: it could not be added; the caller may try again later.
    """
    once = _WRITTEN + secrets.token_hex(8)
    arguments = ["1", "0", "0", "0", "0", Entry.of(event).text]
    await redis.eval(_WRITE, 5, CONTACTS, AGENTS, EVENTS, once, FENCING, *arguments)


#: Events that a journal keeps at the most while Redis is gone: of about 30,000 calls, in 200 MB.
EVENTS_KEPT = 300_000


@dataclass(slots=True, eq=False)
class _Record:
    """The events of one call of ``record``."""

    since: float  # monotonic seconds
    events: Sequence[Entry]


@dataclass(slots=True)
class _Batch:
    """What one call of the script writes."""

    records: list[_Record]
    contacts: Changes
    agents: Changes
    anew: bool  # what is there goes first


class Journal:
    """Writes decisions behind the distribution's back: in order, in batches, never blocking it.

    While Redis is gone everything is kept in memory and written later, in the same order; beyond
    ``EVENTS_KEPT`` events, further ones are lost and counted. Use as ``async with Journal(redis)
    as journal``; leaving the block writes what is left, for as long as ``close`` allows.

    Args:
        redis: where to write.
        fenced: whether to write only under a lease: then nothing is written before ``fence`` is
            set, nor while Redis knows another number.
        refused: called when Redis knows another fencing number.
        wrote: told what was added to the stream, and the id of the entry before it.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        fenced: bool = False,
        refused: Callable[[], None] = lambda: None,
        wrote: Callable[[str, Sequence[Entry]], None] = lambda before, entries: None,
    ) -> None:
        self._redis = redis
        self._fenced = fenced
        self._refused, self._wrote = refused, wrote
        self._contacts: dict[str, Kept | None] = {}  # changed and not yet written
        self._agents: dict[str, Kept | None] = {}
        self._anew = False
        self._records: deque[_Record] = deque()
        self._recorded = 0  # records ever
        self._written = 0
        self._batch = 0
        self._writer = _WRITTEN + secrets.token_hex(8)
        self._news = asyncio.Event()
        self._progress = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._kept = 0  # events in the records
        self._unstored: deque[Entry] = deque()  # in Redis, not in SQL
        self._stored = parse_id(START)  # the last id in SQL
        self.dropped = 0
        """Events lost because Redis was gone for too long."""
        self.fence = 0
        """Our fencing number; 0: none yet, and nothing is written if there must be one."""
        self.fault = ""
        """Why nothing can be written just now; "" when all is well."""

    def record(self, contacts: Changes, agents: Changes, events: Sequence[RecordedEvent]) -> None:
        """Have changed states and new events written; returns at once.

        Events are turned into text here. Of a state that changes again before it is written, the
        newest is: it is asked for at the last moment.

        Raises:
            TypeError: an event has no form in JSON (nothing of this call is written).
        """
        if not (contacts or agents or events):
            return
        record = _Record(time.monotonic(), [Entry.of(event) for event in events])
        if self._kept + len(record.events) > EVENTS_KEPT:
            self._drop(record)
        self._contacts.update(contacts)
        self._agents.update(agents)
        self._kept += len(record.events)
        self._records.append(record)
        self._recorded += 1
        self._news.set()

    def _drop(self, record: _Record) -> None:
        if not self.dropped:
            logger.error("Redis is gone for too long; events are lost from now on")
        self.dropped += len(record.events)
        record.events = ()

    def lag(self) -> float:
        """Age in seconds of the oldest record that is not yet in Redis; 0 when all is written."""
        return time.monotonic() - self._records[0].since if self._records else 0.0

    def stored(self, stream_id: str) -> None:
        """All events up to this id are in SQL, or in the hands of who brings them there."""
        self._stored = parse_id(stream_id)
        while self._unstored and self._unstored[0].number <= self._stored:
            self._unstored.popleft()

    async def intact(self) -> bool:
        """Whether the stream still has all events that Redis has ever taken from us.

        Raises:
            redis.RedisError: Redis cannot be asked.
        """
        if not self._unstored:
            return True
        return self._unstored[-1].number <= parse_id(await Stream(self._redis).last_id())

    async def write_anew(self, contacts: Changes, agents: Changes, fence: int) -> None:
        """Redis lost data: write the whole state, then what it lost, then what it never got.

        Raises:
            redis.RedisError: Redis cannot be asked what it has; nothing has changed here.
        """
        last = parse_id(await Stream(self._redis).last_id())
        lost = [replace(entry) for entry in self._unstored if entry.number > last]
        self._unstored.clear()
        logger.error("written anew", contacts=len(contacts), agents=len(agents), events=len(lost))
        self._contacts, self._agents, self._anew = dict(contacts), dict(agents), True
        self._records.appendleft(_Record(time.monotonic(), lost))
        self._recorded += 1
        self._kept += len(lost)
        self.fence = fence
        self._news.set()

    def abandon(self) -> None:
        """Forget what is not written: another controller decides, and has seen for itself."""
        if self._records:
            logger.error("decisions of a former holder are dropped", records=len(self._records))
        self._records.clear()
        self._contacts, self._agents, self._anew = {}, {}, False
        self._kept = 0

    async def flushed(self) -> None:
        """Wait until everything recorded before this call is in Redis."""
        goal = self._recorded
        async with self._progress:
            await self._progress.wait_for(lambda: self._written >= goal)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write_on(), name="journal")
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self, patience: float = 3.0) -> None:
        """Write what is left, for ``patience`` seconds at the most, and stop."""
        if self._task is None:
            return
        if self._records:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.flushed()
        if self._records:
            logger.error("the journal ends with records unwritten", records=len(self._records))
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        with contextlib.suppress(RedisError, OSError):
            await self._redis.delete(self._writer)

    async def _write_on(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._records:
                if len(self._records) < _BATCH_EVENTS:
                    await asyncio.sleep(_GATHER)
                await self._write_batch()

    async def _write_batch(self) -> None:
        """Write the oldest records; tries the very same batch until Redis takes or refuses it."""
        if self._fenced and not self.fence:
            await asyncio.sleep(_REFUSED_PAUSE)
            return
        pause = BackOff()
        batch = self._next_batch()
        keys_and_arguments = self._arguments(batch)
        while True:
            try:
                answer = await self._redis.eval(_WRITE, 5, *keys_and_arguments)
                break
            except (RedisError, OSError) as error:
                self.fault = f"{type(error).__name__}: {error}"
                await pause.after("the journal cannot be written", error)
        if answer is None:  # then the lease is taken anew, or lost, and the batch made anew
            self.fault = "Redis knows another fencing number"
            self._put_back(batch)
            self._refused()
            await asyncio.sleep(_REFUSED_PAUSE)
            return
        self.fault = ""
        await self._done(batch.records, str(answer).split())

    def _next_batch(self) -> _Batch:
        """The oldest records, and every state that has changed."""
        records: list[_Record] = []
        events = 0
        for record in self._records:
            events += len(record.events)
            if records and (len(records) >= _BATCH_EVENTS or events > _BATCH_EVENTS):
                break
            records.append(record)
        batch = _Batch(records, self._contacts, self._agents, self._anew)
        self._contacts, self._agents, self._anew = {}, {}, False
        return batch

    def _put_back(self, batch: _Batch) -> None:
        """The states of a batch that was refused are still to be written, unless all are anew."""
        if not self._anew:
            self._contacts = {**batch.contacts, **self._contacts}
            self._agents = {**batch.agents, **self._agents}
            self._anew = batch.anew

    def _arguments(self, batch: _Batch) -> list[str]:
        self._batch += 1
        arguments = [CONTACTS, AGENTS, EVENTS, self._writer, FENCING, str(self._batch)]
        arguments += (str(self.fence if self._fenced else 0), "1" if batch.anew else "0")
        for changes in (batch.contacts, batch.agents):
            texts = _texts(changes)
            arguments.append(str(len(texts)))
            for pair in texts.items():
                arguments += pair
        return arguments + [entry.text for record in batch.records for entry in record.events]

    async def _done(self, records: Sequence[_Record], ids: Sequence[str]) -> None:
        # What came to the front meanwhile is not of this batch.
        front = []
        while self._records and self._records[0] is not records[0]:
            front.append(self._records.popleft())
        for _ in records[: len(self._records)]:
            self._kept -= len(self._records.popleft().events)
        self._records.extendleft(reversed(front))
        entries = [entry for record in records for entry in record.events]
        if ids:  # none: there were no events, or they were written before, and the ids were lost
            before, *ids = ids
            for entry, name in zip(entries, ids, strict=True):
                entry.number = parse_id(name)
            if self._fenced:
                # The drain may have read them before we hear that they are written.
                self._unstored.extend(entry for entry in entries if entry.number > self._stored)
                while len(self._unstored) > EVENTS_KEPT:
                    self._unstored.popleft()
            self._wrote(before, entries)
        async with self._progress:
            self._written += len(records)
            self._progress.notify_all()


def _texts(changes: Changes) -> dict[str, str]:
    """The states as they are written; ``""`` for what is gone."""
    texts = {}
    for name, kept in changes.items():
        try:
            texts[name] = "" if kept is None else dump(kept.plain())[0]
        except TypeError as error:  # what is known of the others is written all the same
            logger.error("a state has no form in JSON", id=name, why=str(error))
    return texts
