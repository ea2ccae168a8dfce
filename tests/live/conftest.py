"""The running system, and one test's hand in it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from telephony.events import ConsultStarted, ContactArrived
from telephony.softphone import PhoneRack
from tests.live.stack import Api, Baseline, Feed, Scene, Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole system, started once for all tests that make calls."""
    stack = Stack()
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def pair() -> Iterator[Stack]:
    """The whole system with two controllers, for tests in which they or Redis die."""
    stack = Stack(controllers=2)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
async def scene(stack: Stack, tmp_path: Path) -> AsyncIterator[Scene]:
    """Callers, agents, API and events of one test; nothing of it is left after the test."""
    async with Api(stack, "supervisor") as api, Feed(stack) as feed:
        async with PhoneRack() as rack:
            scene = Scene(stack, api, feed, rack, tmp_path)
            baseline = Baseline(scene)
            strays = await api.by_kind("huawu_stray_events_total")
            yield scene
        await baseline.restored()
        # Of each call at most one late event: the second leg's end, after the contact's. Of each
        # consultation two: the third leg's end, and the consultation's own.
        strays = await api.by_kind("huawu_stray_events_total") - strays
        late = feed.count(ContactArrived) + 2 * feed.count(ConsultStarted)
        assert strays.total() <= late, strays
        assert not baseline.faults()
