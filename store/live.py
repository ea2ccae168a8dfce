"""The live state in Redis: contacts and agents as they are now, and the stream of events.

Redis is a store that can be rebuilt from Asterisk and SQL, but one that must survive its own
restart: ``append_only_on`` says whether it does. Keys:

=====================  ======  =====================================================
``huawu:contacts``     hash    contact id -> JSON of what the distribution keeps
``huawu:agents``       hash    agent id -> JSON of the same
``huawu:events``       stream  field ``event`` = JSON of ``telephony.events.to_plain``
``huawu:written:*``    string  number of the last batch of one writer; gone after an hour
=====================  ======  =====================================================

The lease and its fencing number stand in ``store/lease.py``: a journal writes only while Redis
knows no other number than the journal's own.
"""

import asyncio
import contextlib
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import orjson
import structlog
from redis.asyncio import Connection, ConnectionPool, Redis, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from store.lease import FENCING
from telephony.events import RecordedEvent, UnknownEvent, from_plain, to_plain

logger = structlog.get_logger("store.live")

CONTACTS = "huawu:contacts"
AGENTS = "huawu:agents"
EVENTS = "huawu:events"
_WRITTEN = "huawu:written:"

Plain = Mapping[str, Any]
Changes = Mapping[str, Plain | None]
"""Id -> its new state in JSON-ready values, or None when it is gone."""

_BLOCK_MS = 1_000
_SOCKET_TIMEOUT = 5.0  # seconds; far above _BLOCK_MS, so that a quiet stream is no fault
_BACK_OFF = (0.05, 2.0)  # seconds between tries while Redis is gone: first, longest
_BATCH_EVENTS = 500
_GATHER = 0.05  # seconds in which the journal gathers: decisions come in flocks
_LINGER = 0.1  # seconds between two reads of a follower: each read costs as much as ten events
_REFUSED_PAUSE = 0.05  # seconds until a batch that was refused is made anew

# One round trip for one batch. Redis may have run it although the answer was lost: the same
# number from the same writer changes nothing the second time. ARGV: number of the batch, fencing
# number ('0': of a writer that needs no lease), whether all that is there goes first, the changes
# of contacts and of agents, the events. Answer: ids of the events, or nil when it was refused.
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
    arguments = ["1", "0", "0", "0", "0", _dump(to_plain(event))]
    await redis.eval(_WRITE, 5, CONTACTS, AGENTS, EVENTS, once, FENCING, *arguments)


async def follow(
    redis: Redis, after: str, kinds: Collection[str] = (), linger: float = _LINGER
) -> AsyncIterator[tuple[str, RecordedEvent]]:
    """Every event behind the id ``after``, as it comes, for ever; waits out an absent Redis.

    Start with ``EventLog.last_id()`` after reading the log, or with ``$`` for news only.
    Events of a kind that this version does not know are passed over. ``kinds`` are names of
    events (others are left out where they can be told apart unread); none means all.
    ``linger`` is the time in seconds between two reads, during which events gather.
    """
    async for stream_id, text in follow_texts(redis, after, linger):
        if kinds and not any(kind in text for kind in kinds):
            continue
        try:
            event = from_plain(orjson.loads(text))
        except (UnknownEvent, ValueError) as error:
            logger.warning("an event is passed over", id=stream_id, why=str(error))
            continue
        yield stream_id, event


async def follow_texts(
    redis: Redis, after: str, linger: float = _LINGER
) -> AsyncIterator[tuple[str, str]]:
    """``follow`` with the events as they lie in the stream."""
    pause = _BackOff()
    while True:
        try:
            if after == "$":  # fixed at once, or what comes between two reads would be missed
                after = await last_stream_id(redis)
            entries = await read_stream(redis, after)
        except (RedisError, OSError) as error:
            await pause.after("the stream of events cannot be read", error)
            continue
        pause.reset()
        for stream_id, text in entries:
            after = stream_id
            yield stream_id, text
        if 0 < len(entries) < _BATCH_EVENTS:
            await asyncio.sleep(linger)


async def last_stream_id(redis: Redis) -> str:
    """The newest id that the stream ever gave out; ``0-0`` when there is no stream."""
    if not await redis.exists(EVENTS):
        return "0-0"
    info = await redis.xinfo_stream(EVENTS)
    return str(info["last-generated-id"])


async def read_stream(
    redis: Redis, after: str, *, count: int = _BATCH_EVENTS, block_ms: int = _BLOCK_MS
) -> list[tuple[str, str]]:
    """Up to ``count`` entries behind an id; waits up to ``block_ms`` for the first."""
    answer = cast(Any, await redis.xread({EVENTS: after}, count=count, block=block_ms))
    if not answer:
        return []
    # A list of [stream, entries] in protocol 2, a mapping in protocol 3 (there wrapped once more).
    entries = answer[EVENTS] if isinstance(answer, dict) else answer[0][1]
    if isinstance(answer, dict) and len(entries) == 1 and isinstance(entries[0], list):
        entries = entries[0]
    return [(stream_id, fields.get("event", "")) for stream_id, fields in entries]


class _BackOff:
    """Waits longer after each failure; says so in the log at the first of a row."""

    def __init__(self) -> None:
        self._wait = _BACK_OFF[0]

    async def after(self, what: str, error: BaseException) -> None:
        if self._wait == _BACK_OFF[0]:
            logger.error(what, error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(self._wait)
        self._wait = min(self._wait * 2, _BACK_OFF[1])

    def reset(self) -> None:
        self._wait = _BACK_OFF[0]


def _dump(plain: Plain) -> str:
    try:
        return orjson.dumps(plain).decode()
    except TypeError:  # half a surrogate pair, which json writes as an escape; or no JSON at all
        return json.dumps(plain)


#: Events that a journal keeps at the most while Redis is gone: of about 25,000 calls, in 140 MB.
EVENTS_KEPT = 300_000


@dataclass(slots=True)
class _Entry:
    """What one call of ``record`` wants written."""

    since: float  # monotonic seconds
    contacts: dict[str, str]  # "" deletes
    agents: dict[str, str]
    events: list[str]
    anew: bool = False  # what is there goes first


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
    """

    def __init__(
        self, redis: Redis, *, fenced: bool = False, refused: Callable[[], None] | None = None
    ) -> None:
        self._redis = redis
        self._fenced = fenced
        self._refused = refused or (lambda: None)
        self._entries: deque[_Entry] = deque()
        self._recorded = 0  # entries ever
        self._written = 0
        self._batch = 0
        self._writer = _WRITTEN + secrets.token_hex(8)
        self._news = asyncio.Event()
        self._progress = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._kept = 0  # events in the entries
        self._newest: dict[tuple[str, str], _Entry] = {}  # (hash, id) -> where its last state is
        self._unstored: deque[tuple[tuple[int, int], str]] = deque()  # in Redis, not in SQL
        self._stored = (0, 0)  # the last id in SQL
        self.dropped = 0
        """Events lost because Redis was gone for too long."""
        self.fence = 0
        """Our fencing number; 0: none yet, and nothing is written if there must be one."""
        self.fault = ""
        """Why nothing can be written just now; "" when all is well."""

    def record(self, contacts: Changes, agents: Changes, events: Sequence[RecordedEvent]) -> None:
        """Have changed states and new events written; returns at once.

        The values are turned into text here: what the caller changes later is not seen.

        Raises:
            TypeError: a value has no form in JSON (nothing of this call is written).
        """
        if not (contacts or agents or events):
            return
        entry = _Entry(
            since=time.monotonic(),
            contacts=_texts(contacts),
            agents=_texts(agents),
            events=[_dump(to_plain(event)) for event in events],
        )
        if self._kept + len(entry.events) > EVENTS_KEPT:
            self._drop(entry)
        self._supersede(entry)
        self._kept += len(entry.events)
        self._entries.append(entry)
        self._recorded += 1
        self._news.set()

    def _drop(self, entry: _Entry) -> None:
        if not self.dropped:
            logger.error("Redis is gone for too long; events are lost from now on")
        self.dropped += len(entry.events)
        entry.events = []

    def _supersede(self, entry: _Entry) -> None:
        """An older state that still waits to be written is not needed any more."""
        for name, changes in ((CONTACTS, entry.contacts), (AGENTS, entry.agents)):
            for key in changes:
                if older := self._newest.get((name, key)):
                    (older.contacts if name == CONTACTS else older.agents).pop(key, None)
                self._newest[name, key] = entry

    def lag(self) -> float:
        """Age in seconds of the oldest entry that is not yet in Redis; 0 when all is written."""
        return time.monotonic() - self._entries[0].since if self._entries else 0.0

    def stored(self, stream_id: str) -> None:
        """All events up to this id are in SQL, or in the hands of who brings them there."""
        self._stored = _number(stream_id)
        while self._unstored and self._unstored[0][0] <= self._stored:
            self._unstored.popleft()

    async def intact(self) -> bool:
        """Whether the stream still has all events that Redis has ever taken from us.

        Raises:
            redis.RedisError: Redis cannot be asked.
        """
        if not self._unstored:
            return True
        return self._unstored[-1][0] <= _number(await last_stream_id(self._redis))

    async def write_anew(self, contacts: Changes, agents: Changes, fence: int) -> None:
        """Redis lost data: write the whole state, then what it lost, then what it never got.

        Raises:
            redis.RedisError: Redis cannot be asked what it has; nothing has changed here.
        """
        last = _number(await last_stream_id(self._redis))
        lost = [text for stream_id, text in self._unstored if stream_id > last]
        self._unstored.clear()
        logger.error("written anew", contacts=len(contacts), agents=len(agents), events=len(lost))
        entry = _Entry(time.monotonic(), _texts(contacts), _texts(agents), lost, anew=True)
        self._entries.appendleft(entry)
        self._recorded += 1
        self._kept += len(lost)
        self.fence = fence
        self._news.set()

    def abandon(self) -> None:
        """Forget what is not written: another controller decides, and has seen for itself."""
        if self._entries:
            logger.error("decisions of a former holder are dropped", entries=len(self._entries))
        self._entries.clear()
        self._newest.clear()
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
        if self._entries:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.flushed()
        if self._entries:
            logger.error("the journal ends with entries unwritten", entries=len(self._entries))
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
            while self._entries:
                if len(self._entries) < _BATCH_EVENTS:
                    await asyncio.sleep(_GATHER)
                await self._write_batch()

    async def _write_batch(self) -> None:
        """Write the oldest entries; tries the very same batch until Redis takes or refuses it."""
        if self._fenced and not self.fence:
            await asyncio.sleep(_REFUSED_PAUSE)
            return
        pause = _BackOff()
        batch, keys_and_arguments = self._next_batch()
        while True:
            try:
                ids = await self._redis.eval(_WRITE, 5, *keys_and_arguments)
                break
            except (RedisError, OSError) as error:
                self.fault = f"{type(error).__name__}: {error}"
                await pause.after("the journal cannot be written", error)
        if ids is None:  # then the lease is taken anew, or lost, and the batch made anew
            self.fault = "Redis knows another fencing number"
            self._refused()
            await asyncio.sleep(_REFUSED_PAUSE)
            return
        self.fault = ""
        await self._done(batch, str(ids).split())

    def _next_batch(self) -> tuple[list[_Entry], list[str]]:
        """The oldest entries as one script call; a state that changed twice is written once."""
        contacts: dict[str, str] = {}
        agents: dict[str, str] = {}
        events: list[str] = []
        batch: list[_Entry] = []
        for entry in self._entries:
            if batch and (
                entry.anew
                or len(batch) >= _BATCH_EVENTS
                or len(events) + len(entry.events) > _BATCH_EVENTS
            ):
                break
            contacts |= entry.contacts
            agents |= entry.agents
            events += entry.events
            batch.append(entry)
        self._batch += 1
        arguments = [CONTACTS, AGENTS, EVENTS, self._writer, FENCING, str(self._batch)]
        arguments += (str(self.fence if self._fenced else 0), "1" if batch[0].anew else "0")
        for changes in (contacts, agents):
            arguments.append(str(len(changes)))
            for key, text in changes.items():
                arguments += (key, text)
        return batch, arguments + events

    async def _done(self, batch: Sequence[_Entry], ids: Sequence[str]) -> None:
        # What came to the front meanwhile is not of this batch.
        front = []
        while self._entries and self._entries[0] is not batch[0]:
            front.append(self._entries.popleft())
        for _ in batch[: len(self._entries)]:
            self._forget(self._entries.popleft())
        self._entries.extendleft(reversed(front))
        texts = [text for entry in batch for text in entry.events]
        if self._fenced and ids:  # none: it was written before, and the ids were lost
            # The drain may have read them before we hear that they are written.
            written = zip(map(_number, ids), texts, strict=True)
            self._unstored.extend(pair for pair in written if pair[0] > self._stored)
            while len(self._unstored) > EVENTS_KEPT:
                self._unstored.popleft()
        async with self._progress:
            self._written += len(batch)
            self._progress.notify_all()

    def _forget(self, entry: _Entry) -> None:
        self._kept -= len(entry.events)
        for name, changes in ((CONTACTS, entry.contacts), (AGENTS, entry.agents)):
            for key in changes:
                if self._newest.get((name, key)) is entry:
                    del self._newest[name, key]


def _number(stream_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = stream_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def _texts(changes: Changes) -> dict[str, str]:
    return {key: "" if plain is None else _dump(plain) for key, plain in changes.items()}
