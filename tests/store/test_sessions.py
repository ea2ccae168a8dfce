"""Web sessions on a real Redis."""

import asyncio

from redis.asyncio import Redis

from store.sessions import Sessions


async def test_a_session_is_found_by_its_token_only(redis: Redis) -> None:
    sessions = Sessions(redis)
    token, made = await sessions.create(account="wang", role="agent", agent="8001")
    assert await sessions.read(token) == made
    assert (made.account, made.role, made.agent) == ("wang", "agent", "8001")
    for wrong in ("", token[:-1], token + "x", "\ud800"):
        assert await sessions.read(wrong) is None


async def test_the_token_is_long_and_not_in_redis(redis: Redis) -> None:
    sessions = Sessions(redis)
    tokens = {(await sessions.create(account="a", role="admin"))[0] for _ in range(10)}
    assert len(tokens) == 10
    assert min(map(len, tokens)) >= 22  # 128 bits in base64
    kept = " ".join([*(await redis.keys("*")), *(await redis.smembers("huawu:sessions:a"))])
    for key in await redis.keys("huawu:session:*"):
        kept += await redis.get(key)
    assert not any(token in kept for token in tokens)


async def test_signing_out_ends_one_session(redis: Redis) -> None:
    sessions = Sessions(redis)
    (one, _), (two, _) = [await sessions.create(account="a", role="admin") for _ in range(2)]
    await sessions.delete(one)
    await sessions.delete(one)
    assert await sessions.read(one) is None
    assert await sessions.read(two) is not None
    await sessions.delete(two)
    assert await redis.keys("*") == []


async def test_all_sessions_of_an_account_can_be_ended(redis: Redis) -> None:
    sessions = Sessions(redis)
    mine = [(await sessions.create(account="a", role="admin"))[0] for _ in range(3)]
    other, _ = await sessions.create(account="b", role="agent")
    await sessions.delete_all_for("a")
    await sessions.delete_all_for("nobody")
    assert [await sessions.read(token) for token in mine] == [None] * 3
    assert await sessions.read(other) is not None


async def test_an_idle_session_ends_and_use_prolongs_it(redis: Redis) -> None:
    sessions = Sessions(redis, idle=0.4)
    used, _ = await sessions.create(account="a", role="admin")
    idle, _ = await sessions.create(account="a", role="admin")
    for _ in range(4):
        await asyncio.sleep(0.15)
        assert await sessions.read(used) is not None
    assert await sessions.read(idle) is None


async def test_no_session_outlives_its_absolute_limit(redis: Redis) -> None:
    now = 1000.0
    sessions = Sessions(redis, idle=50, absolute=100, clock=lambda: now)
    token, _ = await sessions.create(account="a", role="admin")
    now = 1099.0
    assert await sessions.read(token) is not None
    now = 1100.0
    assert await sessions.read(token) is None
    now = 1000.0
    assert await sessions.read(token) is None
