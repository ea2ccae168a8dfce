"""The lease: which controller decides for a routing domain, and under which fencing number.

One key in Redis says who holds it until when, another counts the holders: the fencing number only
grows, also over a Redis that lost all its data (it is never below Redis' own clock in seconds, nor
below any number that the taker has seen). Writers carry their number, and Redis refuses an older
one (``store/live.py``), so that a holder that was paused and goes on can overwrite nothing.

===================  ======  ===================================================================
``huawu:lease``      hash    ``owner``, ``number``, ``address`` of its pages; gone ``TTL`` after
                             the last renewal
``huawu:fencing``    string  the newest fencing number; stays
===================  ======  ===================================================================

What is promised to the holder, and what not:

* ``is_current`` is true for ``TTL`` seconds after each look that found nobody else, on the
  monotonic clock. A process that was paused finds it false before it can do anything.
* While Redis answers nobody, nobody else can take the lease: the holder stays the holder and
  decides from memory. Whether Redis is gone for all or for the holder alone it asks a witness
  (Asterisk, whom every new holder tells its number first).
* When Redis is back, the earlier holder comes first: others wait for ``GRACE`` seconds, and what
  they had sent before the outage is refused by its age.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = structlog.get_logger("store.lease")

LEASE = "huawu:lease"
FENCING = "huawu:fencing"

TTL = 1.5
"""Seconds that a lease lives without renewal."""
RENEW = 0.4
"""Seconds between two renewals."""
POLL = 0.2
"""Seconds between two looks of one who stands by."""
GRACE = 1.2
"""Seconds for which one who stands by leaves a Redis that came back to the earlier holder, who
looks at least every ``RENEW`` + ``ANSWER`` seconds."""
ANSWER = 0.5
"""Seconds that Redis may take for one answer (see ``store.live.connect``)."""

#: Answers of the scripts: somebody else holds it, it is ours, Redis lost data that we had written.
_FOREIGN, _OURS, _LOST = 0, 1, 2

# Who holds it, the newest number, and Redis' clock in milliseconds.
_LOOK = """
local held = redis.call('HMGET', KEYS[1], 'owner', 'number', 'address')
local now = redis.call('TIME')
return {held[1] or '', tonumber(held[2] or 0), held[3] or '',
        tonumber(redis.call('GET', KEYS[2]) or 0), now[1] * 1000 + math.floor(now[2] / 1000)}
"""

# ARGV: owner, milliseconds to live, a number that must be exceeded, address, latest time of Redis'
# clock in milliseconds. The holder itself gets a new number, too.
_TAKE = """
local now = redis.call('TIME')
if now[1] * 1000 + math.floor(now[2] / 1000) > tonumber(ARGV[5]) then return 0 end
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then return 0 end
local last = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), tonumber(ARGV[3]))
local number = math.max(last + 1, tonumber(now[1]))
redis.call('SET', KEYS[2], string.format('%.0f', number))
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'number', string.format('%.0f', number),
           'address', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return number
"""

# ARGV: owner, milliseconds to live, number, address. An expired lease that nobody took meanwhile
# is ours still. With a newer number that is ours, the answer to our own taking it anew was lost.
_RENEW = """
local owner = redis.call('HGET', KEYS[1], 'owner')
local last = tonumber(redis.call('GET', KEYS[2]) or 0)
local mine = tonumber(ARGV[3])
if owner == ARGV[1] and last > mine then return 2 end
if last > mine or (owner and owner ~= ARGV[1]) then return 0 end
if last < mine then return 2 end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'number', ARGV[3], 'address', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""

_RELEASE = """
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class LeaseLost(Exception):
    """Another controller holds the lease; this one must stop deciding at once."""


class Lease:
    """One controller's part in the matter; ``run()`` is its task.

    Args:
        redis: a client of its own whose answers are awaited ``ANSWER`` seconds at the most, and
            that tries nothing twice.
        address: where this controller's pages are, for the others to name.
        witness: the newest fencing number that Asterisk was told, 0 when it cannot be asked.
        able: whether this controller could serve if it got the lease now.
        intact: whether Redis still has all that we have written; asked after each outage.
        restore: called after Redis was found to have lost data, before the lease counts again;
            it is given the new number, and has the live state written anew.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        address: str,
        witness: Callable[[], Awaitable[int]],
        able: Callable[[], bool],
        intact: Callable[[], Awaitable[bool]],
        restore: Callable[[int], Awaitable[None]],
    ) -> None:
        self._redis = redis
        self._owner = secrets.token_hex(8)
        self._address = address
        self._witness, self._able = witness, able
        self._intact, self._restore = intact, restore
        self._current_until = 0.0  # monotonic seconds
        self._take_after = 0.0  # monotonic seconds: the earlier holder comes first until then
        self._newest = 0  # the number that Redis knew at the last look
        self._seen = 0  # the greatest number seen anywhere
        self._look_now = asyncio.Event()
        self.number = 0
        """Our fencing number; 0 while standing by."""
        self.holder = ""
        """Address of the other controller that holds the lease, as last seen; "" when none."""
        self.losses = 0
        """How often data of Redis was lost, or Redis could not be asked, while we held it."""
        self.fault = ""
        """Why Redis cannot be asked just now; "" when it can."""
        self.won = asyncio.Event()

    @property
    def leads(self) -> bool:
        """Whether this controller took the lease, and has not learned of another holder."""
        return self.number > 0

    def is_current(self) -> bool:
        """Whether this controller may decide and act at this very moment."""
        return time.monotonic() < self._current_until

    def look_now(self) -> None:
        """Ask at once rather than at the next turn: there is a sign of another holder."""
        self._look_now.set()

    async def run(self) -> None:
        """Stand by, take the lease, and keep it; for ever.

        Raises:
            LeaseLost: another controller has it. ``is_current`` is false from before that.
        """
        while True:
            begun = time.monotonic()
            try:
                await (self._keep(begun) if self.leads else self._try_to_take(begun))
                self.fault = ""
            except (RedisError, OSError) as error:
                await self._without_redis(error)
            pause = RENEW if self.leads else POLL
            rest = max(pause - (time.monotonic() - begun), pause / 4)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._look_now.wait()
            self._look_now.clear()

    async def release(self) -> None:
        """Let another one have it at once; for an orderly end."""
        self._current_until = 0.0
        if self.leads:
            with contextlib.suppress(RedisError, OSError):
                await self._script(_RELEASE, 1, LEASE, self._owner)

    # -- standing by -----------------------------------------------------------------------

    async def _try_to_take(self, begun: float) -> None:
        owner, number, address, last, redis_ms = await self._script(_LOOK, 2, LEASE, FENCING)
        if int(last) < self._newest:  # Redis lost data: its holder writes them anew
            self._take_after = begun + GRACE
        self._newest = int(last)
        self._seen = max(self._seen, self._newest)
        if owner == self._owner:  # the answer to our taking it was lost
            await self._hold(int(number), begun)
            return
        self.holder = str(address)
        if owner or begun < self._take_after or not self._able():
            return
        known = max(self._seen, await self._witness())
        latest = int(redis_ms) + round(2000 * ANSWER)
        words = (self._owner, round(TTL * 1000), known, self._address, latest)
        taken_at = time.monotonic()
        number = await self._script(_TAKE, 2, LEASE, FENCING, *words)
        if number:
            await self._hold(int(number), taken_at)

    async def _hold(self, number: int, begun: float) -> None:
        self.number, self._seen, self.holder = number, number, ""
        self._current_until = begun + TTL
        logger.info("holds the lease", number=number)
        self.won.set()

    # -- holding ---------------------------------------------------------------------------

    async def _keep(self, begun: float) -> None:
        words = (self._owner, round(TTL * 1000), self.number, self._address)
        answer = await self._script(_RENEW, 2, LEASE, FENCING, *words)
        if answer == _FOREIGN:
            self._lose("another controller holds the lease")
        elif answer == _LOST or (self.fault and not await self._intact()):
            await self._take_anew()
        else:
            self._current_until = begun + TTL

    async def _take_anew(self) -> None:
        """Redis lost data: a new number first, which refuses all writes that are under way."""
        logger.error("Redis lost data; the live state is written anew", number=self.number)
        self.losses += 1
        begun = time.monotonic()
        latest = 2**52  # of all numbers in Lua's floats
        words = (self._owner, round(TTL * 1000), self.number, self._address, latest)
        number = await self._script(_TAKE, 2, LEASE, FENCING, *words)
        if not number:
            self._lose("another controller took the lease of an emptied Redis")
        await self._restore(int(number))
        self.number = self._seen = int(number)
        self._current_until = begun + TTL

    async def _without_redis(self, error: Exception) -> None:
        if not self.fault:
            logger.error("the lease cannot be looked at", error=type(error).__name__)
            self.losses += self.leads
        self.fault = f"{type(error).__name__}: {error}"
        self._take_after = time.monotonic() + GRACE
        if not self.leads:
            return
        if await self._witness() > self.number:
            self._lose("Asterisk was told of a newer holder")
        self._current_until = time.monotonic() + TTL

    def _lose(self, why: str) -> None:
        logger.error("no longer holds the lease", number=self.number, why=why)
        self._current_until = 0.0
        self.number = 0
        raise LeaseLost(why)

    async def _script(self, script: str, keys: int, *words: str | int) -> Any:
        return await cast(Any, self._redis.eval(script, keys, *(str(word) for word in words)))


async def holder_of(redis: Redis) -> tuple[int, str]:
    """Fencing number and address of whoever holds the lease now; 0 and "" when nobody does.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    number, address = await cast(Any, redis.hmget(LEASE, ["number", "address"]))
    return int(number or 0), str(address or "")
