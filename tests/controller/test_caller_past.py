"""What is known of a caller: never at the cost of the call."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from controller.caller_past import LIMIT, CallerPast
from ivr.ports import HISTORY
from store.past import Past, PastStore


class Store(PastStore):
    """Answers late, not at all, or as it is told."""

    def __init__(self, *, late: float = 0.0, error: Exception | None = None) -> None:
        self.late, self.error, self.asked = late, error, []

    async def of_caller(self, caller: str, now: float, within: float = 0.0) -> Past:
        await self._wait(caller)
        return Past(contacts=3, last_queue="order", last_agent="8001", last_solved=False)

    async def surveyed_since(self, caller: str, now: float, days: int) -> bool:
        await self._wait(caller)
        return False

    async def _wait(self, caller: str) -> None:
        self.asked.append(caller)
        await asyncio.sleep(self.late)
        if self.error:
            raise self.error


def past_of(store: Store) -> CallerPast:
    return CallerPast(store, lambda: 0.0)


async def test_facts_and_attributes() -> None:
    store = Store()
    caller = past_of(store)
    past = await caller.of("+8613800138000")
    assert store.asked == ["13800138000"]
    assert caller.attributes(past) == {"repeat": "within_24h"}
    facts = caller.facts(past)
    assert tuple(facts) == HISTORY
    assert facts["history.contacts"] == 3
    assert facts["history.agent"] == "8001"
    assert facts["history.complaint"] is False
    complains = Past(open_task_queues=frozenset({"complaints", "order"}))
    assert caller.attributes(complains) == {"complaint": "open"}


@pytest.mark.parametrize(
    "store",
    [
        Store(late=LIMIT * 20),
        Store(error=OperationalError("", {}, Exception())),
        Store(error=OSError()),
    ],
)
async def test_who_is_slow_or_away_makes_a_stranger_of_the_caller(store: Store) -> None:
    caller = past_of(store)
    assert await caller.of("13800138000") == Past()
    assert caller.slow == 1
    assert await caller.asked_within("13800138000", 7) is True  # better not asked than twice


async def test_who_may_always_be_asked_is_not_looked_up() -> None:
    store = Store()
    assert await past_of(store).asked_within("13800138000", 0) is False
    assert await past_of(store).asked_within("", 7) is False
    assert store.asked == []
    assert await past_of(store).asked_within("13800138000", 7) is False
