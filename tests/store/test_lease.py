"""The lease on a real Redis: one holder, numbers that only grow, and what an outage does."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from store.lease import ANSWER, FENCING, GRACE, LEASE, RENEW, TTL, Lease, LeaseLost, holder_of
from store.live import connect
from tests.servers import RedisServer


class Part:
    """One controller's lease, with what it needs of the others played."""

    def __init__(self, url: str, name: str = "http://a") -> None:
        self.redis = connect(url, answer=ANSWER, retries=0)
        self.told = 0  # the number that Asterisk was told
        self.able = True
        self.is_intact = True
        self.restored: list[int] = []
        self.lease = Lease(
            self.redis,
            address=name,
            witness=self._witness,
            able=lambda: self.able,
            intact=self._intact,
            restore=self._restore,
        )
        self.task: asyncio.Task[None] | None = None

    async def _witness(self) -> int:
        return self.told

    async def _intact(self) -> bool:
        return self.is_intact

    async def _restore(self, number: int) -> None:
        self.restored.append(number)

    def start(self) -> "Part":
        self.task = asyncio.create_task(self.lease.run())
        return self

    async def lost(self) -> bool:
        """Whether it ended because another one has the lease."""
        assert self.task is not None
        with contextlib.suppress(LeaseLost):
            async with asyncio.timeout(5):
                await self.task
            return False
        return True

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
        await self.redis.aclose()


@pytest.fixture
async def parts(redis_url: str) -> AsyncIterator[Callable[..., Part]]:
    made: list[Part] = []

    def make(name: str = "http://a", url: str = redis_url) -> Part:
        made.append(Part(url, name))
        return made[-1]

    yield make
    for part in made:
        await part.stop()


async def until(condition: Callable[[], bool], limit: float = 5.0) -> float:
    """Seconds until it held."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < limit, "not in time"
        await asyncio.sleep(0.005)
    return time.monotonic() - begun


async def test_one_holds_it_and_the_other_knows_whom_to_name(
    parts: Callable[..., Part], redis: Redis
) -> None:
    first = parts("http://one").start()
    await until(lambda: first.lease.leads)
    second = parts("http://two").start()
    await asyncio.sleep(TTL + RENEW)
    assert first.lease.is_current()
    assert not second.lease.leads
    assert not second.lease.is_current()
    assert second.lease.holder == "http://one"
    assert await holder_of(redis) == (first.lease.number, "http://one")


async def test_a_killed_holder_is_followed_within_its_time(parts: Callable[..., Part]) -> None:
    first = parts().start()
    await until(lambda: first.lease.leads)
    second = parts().start()
    await asyncio.sleep(0.3)
    assert first.task is not None
    first.task.cancel()  # says nothing to anybody
    took = await until(lambda: second.lease.leads)
    assert TTL - RENEW - 0.2 < took < TTL + 0.7
    assert second.lease.number > first.lease.number


async def test_an_orderly_end_is_followed_at_once(parts: Callable[..., Part]) -> None:
    first = parts().start()
    await until(lambda: first.lease.leads)
    second = parts().start()
    await asyncio.sleep(0.1)
    assert first.task is not None
    first.task.cancel()
    await first.lease.release()
    assert not first.lease.is_current()
    assert await until(lambda: second.lease.leads) < 0.6


async def test_a_paused_holder_may_do_nothing_from_the_moment_it_goes_on(
    parts: Callable[..., Part],
) -> None:
    paused, other = parts(), parts("http://other")
    begun = time.monotonic()
    await paused.lease._try_to_take(begun)  # one look, then nothing more: paused
    assert paused.lease.is_current()
    other.start()
    await until(lambda: other.lease.leads)
    assert not paused.lease.is_current()  # before it has asked anybody
    paused.start()
    assert await paused.lost()
    assert not paused.lease.leads
    assert other.lease.is_current()


async def test_a_lapsed_lease_that_nobody_took_goes_on_under_its_number(
    parts: Callable[..., Part],
) -> None:
    part = parts()
    await part.lease._try_to_take(time.monotonic())
    number = part.lease.number
    await asyncio.sleep(TTL + 0.1)
    assert not part.lease.is_current()
    part.start()
    await until(part.lease.is_current)
    assert part.lease.number == number


async def test_one_who_could_not_serve_does_not_take_it(parts: Callable[..., Part]) -> None:
    part = parts()
    part.able = False
    part.start()
    await asyncio.sleep(0.5)
    assert not part.lease.leads
    part.able = True
    await until(lambda: part.lease.leads)


async def test_numbers_grow_over_an_emptied_redis_and_over_what_asterisk_was_told(
    parts: Callable[..., Part], redis: Redis
) -> None:
    far = int(time.time()) + 1_000_000
    first = parts()
    first.told = far
    first.start()
    await until(lambda: first.lease.leads)
    assert first.lease.number == far + 1
    second = parts().start()
    await asyncio.sleep(0.3)
    await redis.flushall()
    await until(lambda: bool(first.restored))
    assert first.restored == [far + 2]
    await until(lambda: first.lease.number == far + 2)
    assert int(await redis.get(FENCING)) == far + 2
    assert not second.lease.leads


async def test_a_fresh_redis_gives_numbers_by_its_clock(parts: Callable[..., Part]) -> None:
    part = parts().start()
    await until(lambda: part.lease.leads)
    assert part.lease.number >= int(time.time()) - 5


async def test_data_lost_in_an_outage_is_written_anew_under_a_new_number(
    parts: Callable[..., Part], own_redis: RedisServer
) -> None:
    part = parts(url=own_redis.url).start()
    await until(lambda: part.lease.leads)
    number = part.lease.number
    own_redis.kill()
    await until(lambda: part.lease.fault != "")
    part.is_intact = False  # it is back, and lacks what was written last
    own_redis.start()
    await until(lambda: bool(part.restored))
    await until(lambda: part.lease.number > number)
    assert part.lease.is_current()


@pytest.mark.parametrize("way", ["killed", "hung"])
async def test_the_holder_decides_on_while_redis_is_gone_and_comes_first_afterwards(
    parts: Callable[..., Part], own_redis: RedisServer, way: str
) -> None:
    holder = parts(url=own_redis.url).start()
    await until(lambda: holder.lease.leads)
    standby = parts(url=own_redis.url).start()
    await asyncio.sleep(0.3)
    own_redis.kill() if way == "killed" else own_redis.signal(signal.SIGSTOP)
    await until(lambda: holder.lease.fault != "")
    end = time.monotonic() + TTL + 1.5
    while time.monotonic() < end:
        assert holder.lease.is_current()
        assert not standby.lease.leads
        await asyncio.sleep(0.02)
    own_redis.start() if way == "killed" else own_redis.signal(signal.SIGCONT)
    await until(lambda: holder.lease.fault == "")
    await asyncio.sleep(GRACE + 0.5)
    assert holder.lease.is_current()
    assert not standby.lease.leads
    assert not holder.restored


async def test_one_who_is_cut_off_from_redis_steps_down_for_the_next(
    parts: Callable[..., Part], own_redis: RedisServer
) -> None:
    cut_off = parts(url=own_redis.url).start()
    await until(lambda: cut_off.lease.leads)
    own_redis.kill()  # as it looks from here
    await until(lambda: cut_off.lease.fault != "")
    await asyncio.sleep(TTL)
    assert cut_off.lease.is_current()
    cut_off.told = cut_off.lease.number + 1  # the other one told Asterisk
    assert await cut_off.lost()
    assert not cut_off.lease.is_current()


async def test_what_was_asked_before_an_outage_takes_nothing_after_it(
    parts: Callable[..., Part], redis: Redis
) -> None:
    from store.lease import _TAKE

    answer = await redis.eval(_TAKE, 2, LEASE, FENCING, "late", "1500", "0", "x", "1000")
    assert answer == 0
    assert not await redis.exists(LEASE)


async def test_a_lost_answer_to_taking_it_loses_nothing(
    parts: Callable[..., Part], redis: Redis
) -> None:
    part = parts()
    await part.lease._try_to_take(time.monotonic())
    taken = part.lease.number
    part.lease.number = 0  # as if the answer had not come
    part.start()
    await until(lambda: part.lease.leads)
    assert part.lease.number == taken
