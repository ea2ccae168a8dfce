"""The stream of events in Redis, and who follows it.

Each event is one entry of ``huawu:events``, its field ``event`` the JSON of
``telephony.events.to_plain``. A ``Stream`` reads it from Redis. A ``Tail`` does the same for many
followers in one process: it keeps the newest entries in memory, is told by the process's own
journal what that has written, and asks Redis for nothing but what others write.
"""

import asyncio
import bisect
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias, cast

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from telephony.events import RecordedEvent, UnknownEvent, from_plain, kind_of, to_plain

logger = structlog.get_logger("store.stream")

EVENTS = "huawu:events"
START = "0-0"
"""The id before every entry."""

_BLOCK_MS = 1_000
_PORTION = 500  # entries
_LINGER = 0.1  # seconds between two reads of a follower: each read costs as much as ten events
_BACK_OFF = (0.05, 2.0)  # seconds between tries while Redis is gone: first, longest
# Seconds between two looks of a tail that is told what is written: in between, it need only look
# when it is told of something that does not follow what it knows.
_TOLD = 1.0
#: Entries that a tail keeps, at the least: of two seconds at 200 calls a second.
KEPT = 4_000

Number: TypeAlias = tuple[int, int]
"""An entry's id as two numbers, in whose order entries stand."""


def parse_id(stream_id: str) -> Number:
    """``"1763760000123-4"`` as two numbers.

    Raises:
        ValueError: it is no stream id.
    """
    milliseconds, _, sequence = stream_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def dump(plain: Mapping[str, Any]) -> tuple[str, bool]:
    """Values as JSON, and whether every reader of JSON takes that.

    Raises:
        TypeError: a value has no form in JSON.
    """
    try:
        return orjson.dumps(plain).decode(), True
    except TypeError:  # half a surrogate pair, which json writes as an escape; or no JSON at all
        return json.dumps(plain), False


@dataclass(slots=True, eq=False)
class Entry:
    """One entry of the stream. ``known`` is its event where that is known without reading."""

    number: Number
    text: str
    known: RecordedEvent | None = None

    @classmethod
    def of(cls, event: RecordedEvent, number: Number = (0, 0)) -> "Entry":
        """The entry that an event makes; its number is not known before it is in the stream.

        Raises:
            TypeError: a value has no form in JSON.
        """
        text, readable = dump(to_plain(event))
        return cls(number, text, event if readable else None)

    @property
    def id(self) -> str:
        """As Redis writes it."""
        return "{}-{}".format(*self.number)

    def event(self) -> RecordedEvent | None:
        """What happened; ``None``, and a word in the log, for what this version does not know."""
        if self.known is None:
            try:
                self.known = from_plain(orjson.loads(self.text))
            except (UnknownEvent, ValueError) as error:
                logger.warning("an event is passed over", id=self.id, why=str(error))
        return self.known

    def may_be(self, kinds: Collection[str]) -> bool:
        """Whether it can be one of these kinds of event, as far as can be told unread."""
        if self.known is not None:
            return kind_of(self.known) in kinds
        return any(kind in self.text for kind in kinds)


class BackOff:
    """Waits longer after each failure; says so in the log at the first of a row."""

    def __init__(self) -> None:
        self._wait = _BACK_OFF[0]

    async def after(self, what: str, error: BaseException) -> None:
        """Wait."""
        if self._wait == _BACK_OFF[0]:
            logger.error(what, error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(self._wait)
        self._wait = min(self._wait * 2, _BACK_OFF[1])

    def reset(self) -> None:
        """All is well again."""
        self._wait = _BACK_OFF[0]


class Stream:
    """The stream as it lies in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def last_id(self) -> str:
        """The newest id that the stream ever gave out; ``0-0`` when there is no stream.

        Raises:
            redis.RedisError: Redis cannot be asked.
        """
        if not await self._redis.exists(EVENTS):
            return START
        info = await self._redis.xinfo_stream(EVENTS)
        return str(info["last-generated-id"])

    async def read(self, after: Number, *, block_ms: int = _BLOCK_MS) -> Sequence[Entry]:
        """The next entries, at most 500; waits for the first, ``block_ms`` at the longest.

        Raises:
            redis.RedisError, OSError: Redis cannot be asked.
        """
        known = "{}-{}".format(*after)
        answer = cast(Any, await self._redis.xread({EVENTS: known}, count=_PORTION, block=block_ms))
        if not answer:
            return ()
        # A list of [stream, entries] in protocol 2, a mapping in protocol 3 (there wrapped again).
        found = answer[EVENTS] if isinstance(answer, dict) else answer[0][1]
        if isinstance(answer, dict) and len(found) == 1 and isinstance(found[0], list):
            found = found[0]
        return [Entry(parse_id(name), fields.get("event", "")) for name, fields in found]

    async def follow(
        self, after: str, kinds: Collection[str] = (), linger: float = _LINGER
    ) -> AsyncIterator[tuple[str, RecordedEvent]]:
        """Every event behind an id, as it comes, for ever; waits out an absent Redis.

        Start with ``EventLog.last_id()`` after reading the log, or with ``$`` for news only.
        Events of a kind that this version does not know are passed over. ``kinds`` are names of
        events; none means all. ``linger`` is the time in seconds between two reads, during which
        events gather.
        """
        pause = BackOff()
        at: Number | None = None if after == "$" else parse_id(after)
        while True:
            try:
                if at is None:  # fixed at once, or what comes between two reads would be missed
                    at = parse_id(await self.last_id())
                entries = await self.read(at)
            except (RedisError, OSError) as error:
                await pause.after("the stream of events cannot be read", error)
                continue
            pause.reset()
            for entry in entries:
                at = entry.number
                if (not kinds or entry.may_be(kinds)) and (event := entry.event()):
                    yield entry.id, event
            if 0 < len(entries) < _PORTION:
                await asyncio.sleep(linger)


class Tail(Stream):
    """The newest entries in memory, for all followers in one process. ``run()`` is its task.

    Whoever is too far behind for it reads from Redis itself.
    """

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self._entries: list[Entry] = []
        self._before: Number | None = None  # what is behind it is in memory; None: not begun
        self._last: Number = (0, 0)
        self._news = asyncio.Event()  # another one after each piece of news
        self._gap = asyncio.Event()  # something was written behind what is known
        self._told = -math.inf  # when it was last told of something, in monotonic seconds

    def wrote(self, before: str, entries: Sequence[Entry]) -> None:
        """This process has added entries, in one piece; the one ``before`` them is named, too."""
        if self._before is None:
            return
        self._told = time.monotonic()
        if parse_id(before) > self._last:  # somebody else's, which have to be read first
            self._gap.set()
            return
        self._add(entries)

    async def run(self) -> None:
        """Read what others write, for ever."""
        pause = BackOff()
        while True:
            try:
                if self._before is None:
                    self._before = self._last = parse_id(await self.last_id())
                self._gap.clear()
                entries = await super().read(self._last)
            except (RedisError, OSError) as error:
                await pause.after("the stream of events cannot be read", error)
                continue
            pause.reset()
            self._add(entries)
            if 0 < len(entries) < _PORTION:
                told = time.monotonic() - self._told < _TOLD
                wait = _TOLD if told else _LINGER
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._gap.wait()

    def _add(self, entries: Sequence[Entry]) -> None:
        """Take what is behind the last one known."""
        new = [entry for entry in entries if entry.number > self._last]
        if not new:
            return
        self._last = new[-1].number
        self._entries += new
        if len(self._entries) > 2 * KEPT:
            self._before = self._entries[-KEPT - 1].number
            del self._entries[:-KEPT]
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def read(self, after: Number, *, block_ms: int = _BLOCK_MS) -> Sequence[Entry]:
        """As of a ``Stream``, out of memory where that reaches."""
        if self._before is None or after < self._before:
            return await super().read(after, block_ms=block_ms)
        if after >= self._last:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(block_ms / 1000):
                    await self._news.wait()
        begin = bisect.bisect_right(self._entries, after, key=attrgetter("number"))
        return self._entries[begin : begin + _PORTION]
