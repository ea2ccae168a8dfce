"""The outbox on both databases."""

import asyncio

from store.database import Database
from store.outbox import LetterState, OutboxStore


async def put(store: OutboxStore, to: str = "13800000001", way: str = "sms", now: float = 0) -> int:
    return await store.put(way=way, recipient=to, subject="", text="t", contact="c", now=now)


async def claimed(store: OutboxStore, now: float, way: str = "sms") -> list[int]:
    return [letter.id for letter in await store.claim(way, now=now, lease=60, most=2)]


async def test_the_oldest_are_claimed_first_each_way_by_itself(database: Database) -> None:
    store = OutboxStore(database)
    late, mail, early = await put(store, now=5), await put(store, way="email"), await put(store)
    third = await put(store, now=6)
    assert await claimed(store, 4) == [early]
    assert await claimed(store, 10) == [late, third]
    assert await claimed(store, 10) == []
    assert await claimed(store, 10, "email") == [mail]


async def test_who_died_while_trying_leaves_it_to_others(database: Database) -> None:
    store = OutboxStore(database)
    letter = await put(store)
    assert await claimed(store, 0) == [letter]
    assert await store.next_due("sms") == 60
    assert await claimed(store, 59) == []
    assert (await store.claim("sms", now=60, lease=60, most=2))[0].attempts == 2


async def test_two_who_drain_at_once_never_share_a_message(database: Database) -> None:
    store = OutboxStore(database)
    letters = {await put(store) for _ in range(6)}
    claims = await asyncio.gather(*(claimed(store, 1) for _ in range(5)))
    won = [letter for claim in claims for letter in claim]
    while more := await claimed(store, 1):
        won.extend(more)
    assert len(won) == 6
    assert set(won) == letters


async def test_what_is_ended_is_never_tried_again(database: Database) -> None:
    store = OutboxStore(database)
    first, second, third = [await put(store) for _ in range(3)]
    await store.end(first, LetterState.SENT, now=1)
    await store.end(second, LetterState.FAILED, now=1, fault="refused")
    await store.put_off(third, until=50, fault="busy")
    assert await claimed(store, 49) == []
    assert await claimed(store, 50) == [third]
    newest = await store.newest()
    assert [(each.id, each.state, each.fault) for each in newest] == [
        (third, LetterState.PENDING, "busy"),
        (second, LetterState.FAILED, "refused"),
        (first, LetterState.SENT, ""),
    ]
    assert await store.next_due("email") is None


async def test_messages_of_a_recipient_are_counted(database: Database) -> None:
    store = OutboxStore(database)
    for now in (0, 10, 20):
        await put(store, now=now)
    await put(store, to="13800000002", now=20)
    assert await store.count_for("13800000001", since=10) == 2
