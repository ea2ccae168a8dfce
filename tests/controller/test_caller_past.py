"""What is known of a caller: never at the cost of the call."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.exc import OperationalError

from controller import caller_past
from controller.caller_past import LIMIT, CallerPast, Past
from ivr.ports import HISTORY
from store.past import DAY, PastContact, PastStore

NUMBER = "13800138000"
NOW = 10 * DAY


class Store(PastStore):
    """Answers late, not at all, or as it is told."""

    def __init__(self, *, late: float = 0.0, error: Exception | None = None) -> None:
        self.late, self.error, self.asked = late, error, []
        self.ended: list[PastContact] = []
        self.open: list[tuple[str, str]] = []

    async def since(self, moment: float) -> list[PastContact]:
        await self._wait("")
        return [contact for contact in self.ended if contact.ended > moment]

    async def unfinished(self) -> list[tuple[str, str]]:
        return self.open

    async def surveyed_since(self, caller: str, now: float, days: int) -> bool:
        await self._wait(caller)
        return False

    async def _wait(self, caller: str) -> None:
        self.asked.append(caller)
        await asyncio.sleep(self.late)
        if self.error:
            raise self.error


def ended(
    contact: str, ago: float, queue: str = "order", agent: str = "8001", *, solved: bool = True
) -> PastContact:
    return PastContact(
        contact=contact, caller=NUMBER, ended=NOW - ago, queue=queue, agent=agent, solved=solved
    )


def past_of(store: Store) -> CallerPast:
    return CallerPast(store, lambda: NOW)


def test_the_last_day_counts_and_the_newest_first() -> None:
    caller = past_of(Store())
    caller.remember([ended("old", DAY + 1, "vip", "8009"), ended("b", 3600, "returns", "8002")])
    caller.remember([ended("c", 60, "", "")])
    caller.remember([ended("c", 60, "order", "", solved=False)])  # read again, with more known
    known = caller.of("+86 138 0013 8000")
    assert known == Past(contacts=2, last_queue="order", last_agent="8002", last_solved=False)
    assert caller.of("13900000000") == caller.of("") == Past()


def test_what_is_older_than_a_day_is_forgotten() -> None:
    moment = NOW
    caller = CallerPast(Store(), lambda: moment)
    caller.remember([ended("a", 10), ended("b", 5)])
    moment = NOW + DAY - 7
    assert caller.of(NUMBER).contacts == 1
    caller.remember([])
    assert [contact.contact for contact in caller._order] == ["b"]
    moment = NOW + DAY
    caller.remember([])
    assert not caller._contacts


def test_what_is_read_late_stands_in_its_place() -> None:
    caller = past_of(Store())
    caller.remember([ended("new", 10, "order", "8001")])
    caller.remember([ended("old", 500, "returns", "8002", solved=False)])  # of the first reading
    assert caller.of(NUMBER) == Past(contacts=2, last_queue="order", last_agent="8001")
    caller.remember([replace(ended("new", 10), caller="13900000000")])
    assert caller.of(NUMBER).last_agent == "8002"
    assert caller.of("13900000000").contacts == 1


def test_facts_and_attributes() -> None:
    caller = past_of(Store())
    past = Past(contacts=3, last_queue="order", last_agent="8001", last_solved=False)
    assert caller.attributes(past) == {"repeat": "within_24h"}
    facts = caller.facts(past)
    assert tuple(facts) == HISTORY
    assert facts["history.contacts"] == 3
    assert facts["history.agent"] == "8001"
    assert facts["history.complaint"] is False
    assert caller.attributes(Past(complains=True)) == {"complaint": "open"}


async def test_what_there_is_is_read_and_complaints_are_followed(monkeypatch) -> None:
    monkeypatch.setattr(caller_past, "LOOK", 0.001)
    store = Store(error=OperationalError("", {}, Exception()))
    store.ended = [ended("a", 60)]
    caller = past_of(store)
    running = asyncio.create_task(caller.run())

    async def becomes(past: Past) -> None:
        async with asyncio.timeout(5):
            while caller.of(NUMBER) != past:
                await asyncio.sleep(0.001)

    try:
        await becomes(Past())  # the database is away: a stranger
        store.error = None
        known = Past(contacts=1, last_queue="order", last_agent="8001")
        await becomes(known)
        store.open = [(NUMBER, "order"), (NUMBER, "complaints")]
        await becomes(Past(contacts=1, last_queue="order", last_agent="8001", complains=True))
        store.open = [(NUMBER, "order")]
        await becomes(known)
    finally:
        running.cancel()


@pytest.mark.parametrize(
    "store",
    [
        Store(late=LIMIT * 20),
        Store(error=OperationalError("", {}, Exception())),
        Store(error=OSError()),
    ],
)
async def test_a_store_that_is_slow_or_away_asks_nobody_twice(store: Store) -> None:
    caller = past_of(store)
    assert await caller.asked_within(NUMBER, 7) is True
    assert caller.slow == 1


async def test_who_may_always_be_asked_is_not_looked_up() -> None:
    store = Store()
    assert await past_of(store).asked_within(NUMBER, 0) is False
    assert await past_of(store).asked_within("", 7) is False
    assert store.asked == []
    assert await past_of(store).asked_within(NUMBER, 7) is False
