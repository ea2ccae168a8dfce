"""When events may be heard: after the first picture, while the lease is current, in order."""

import asyncio

import pytest

from controller.leadership import Leadership
from store.lease import TTL
from telephony.events import LegHungUp, PictureTaken, WireEvent


class Journal:
    """What the journal is asked for."""

    def __init__(self) -> None:
        self.fence = 0
        self.anew: list[int] = []

    async def intact(self) -> bool:
        return True

    async def write_anew(self, contacts: object, agents: object, fence: int) -> None:
        self.anew.append(fence)


class House:
    """A leadership without a Redis: the test says when the lease is held."""

    def __init__(self) -> None:
        self.heard: list[WireEvent] = []
        self.journal = Journal()
        self.looks = 0
        self.leadership = Leadership(
            None,  # type: ignore[arg-type]
            address="http://here",
            journal=self.journal,  # type: ignore[arg-type]
            witness=self._witness,
            able=lambda: True,
            state=lambda: ({"c": {}}, {"8001": {}}),
            listen=self._listen,
            look=self._look,
        )

    async def _witness(self) -> int:
        return 0

    def _listen(self, event: WireEvent) -> None:
        self.heard.append(event)
        if isinstance(event, LegHungUp) and event.cause == 99:
            raise ValueError("a defect")

    def _look(self) -> None:
        self.looks += 1

    def hold(self, seconds: float = TTL) -> None:
        loop = asyncio.get_running_loop()
        self.leadership.lease.number = 7
        self.leadership.lease._current_until = loop.time() + seconds


def hang_up(number: int, cause: int = 16) -> LegHungUp:
    return LegHungUp(at=0.0, contact=f"c{number}", channel="x", agent="", cause=cause)


PICTURE = PictureTaken(at=1.0, legs=(), phones=frozenset())


@pytest.fixture
async def house() -> House:
    return House()


async def test_one_who_stands_by_hears_nothing(house: House) -> None:
    house.leadership.hear(hang_up(1))
    house.hold()
    house.leadership.hear(PICTURE)
    assert house.heard == [PICTURE]
    assert house.leadership.role == "leader"


async def test_the_first_picture_comes_before_what_was_told_meanwhile(house: House) -> None:
    house.hold()
    for number in (1, 2):
        house.leadership.hear(hang_up(number))
    assert not house.heard
    assert house.leadership.may_act()
    assert not house.leadership.may_decide()
    house.leadership.hear(PICTURE)
    assert house.leadership.may_decide()
    house.leadership.hear(hang_up(3))
    assert house.heard == [PICTURE, hang_up(1), hang_up(2), hang_up(3)]


async def test_a_process_that_was_held_up_hears_on_only_when_the_lease_is_confirmed(
    house: House,
) -> None:
    house.hold()
    house.leadership.hear(PICTURE)
    house.hold(seconds=-1.0)
    house.leadership.hear(hang_up(1))
    await asyncio.sleep(0.12)
    assert house.heard == [PICTURE]
    house.hold()
    await asyncio.sleep(0.12)
    house.leadership.hear(hang_up(2))
    assert house.heard == [PICTURE, hang_up(1), hang_up(2)]


async def test_one_event_that_fails_does_not_stop_the_next(house: House) -> None:
    house.hold()
    house.leadership.hear(PICTURE)
    house.leadership.hear(hang_up(1, cause=99))
    house.leadership.hear(hang_up(2))
    assert len(house.heard) == 3


async def test_too_many_events_are_replaced_by_a_picture(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.leadership.LATE_LIMIT", 3)
    house.hold()
    house.leadership.hear(PICTURE)
    house.hold(seconds=-1.0)
    for number in range(5):
        house.leadership.hear(hang_up(number))
    assert house.looks == 1
    house.hold()
    await asyncio.sleep(0.12)
    assert house.heard == [PICTURE, hang_up(4)]


async def test_the_journal_writes_under_the_number_that_was_won(house: House) -> None:
    house.hold()
    house.leadership.lease.won.set()
    assert await house.leadership.won() == 7
    assert house.journal.fence == 7
    await house.leadership.lease._restore(9)
    assert house.journal.anew == [9]
