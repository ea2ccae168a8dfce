"""What the tests of messages share."""

import asyncio
from collections.abc import Awaitable, Callable

from ivr.ports import Message
from store.outbox import LetterState, OutboxStore


def message(by: str = "sms", to: str = "13800000101", **changed: str) -> Message:
    fields = {"contact": "c1", "subject": "您的退货申请", "text": "申请号 7000000013", **changed}
    return Message(by=by, to=to, **fields)


class FakeProvider:
    """Takes what it is told to take, and remembers it."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.taken: list[tuple[Message, str]] = []
        self.tried = 0
        self.open = asyncio.Event()
        self.open.set()

    async def deliver(self, message: Message, key: str) -> None:
        self.tried += 1
        await self.open.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        self.taken.append((message, key))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)


async def is_ended(store: OutboxStore, state: LetterState, count: int = 1) -> bool:
    return [letter.state for letter in await store.newest()].count(state) == count
