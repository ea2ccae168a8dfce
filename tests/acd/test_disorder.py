"""Time and events as they must not be: nothing is changed wrongly, and it is counted."""

import asyncio
import itertools
import random
from collections.abc import Callable

import pytest

from acd.distribution import Distribution
from acd.service import DistributionService
from acd.wishes import ActionRefused
from telephony.clock import Clock
from telephony.commands import WakeAt
from telephony.events import (
    AgentAnswered,
    AgentState,
    AgentWish,
    CallerArrived,
    CallerLanded,
    CallerLeftOver,
    CallStage,
    ContactAnswered,
    ContactQueued,
    LegHungUp,
    MenuFinished,
    NextStepAsked,
    OfferEnd,
    OfferReturned,
    PairParted,
    Party,
    PhoneChanged,
    QueueEntryEnded,
    TimerFired,
)
from tests.acd.playbook import Playbook, company
from tests.acd.test_placing import events

HOUR = 3600.0


# --- the clock -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_a_step_of_the_wall_clock_bends_no_wait(
    step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the process carries the core over the step."""
    wall, ticks = 1_700_000_000.0, 500.0
    monkeypatch.setattr("time.time", lambda: wall)
    monkeypatch.setattr("time.monotonic", lambda: ticks)
    clock = Clock()
    book = Playbook()
    book.at = clock.now()
    book.call("c1")
    wall, ticks = wall + step + 7, ticks + 7
    book.at = clock.now()
    book.ready("8001")
    book.answer("c1")
    (answered,) = events(book, ContactAnswered)
    assert answered.waited == pytest.approx(8)
    assert book.figures.imbalance == 0


@pytest.mark.parametrize("step", [-HOUR, HOUR])
async def test_timers_fire_after_their_time_whatever_the_wall_clock_does(
    step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Journal:
        def record(self, *_: object) -> None:
            pass

    service = DistributionService(
        Distribution(company()), clock=Clock(), journal=Journal(), carry_out=lambda _: None
    )
    fired: list[str] = []
    monkeypatch.setattr(service, "_fire", fired.append)
    real = __import__("time").time
    now = service._clock.now()
    monkeypatch.setattr("time.time", lambda: real() + step)
    service._wake_at(WakeAt(key="soon", at=now + 0.05))
    service._wake_at(WakeAt(key="later", at=now + 30))
    await asyncio.sleep(0.2)
    assert fired == ["soon"]
    service.stop()


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_a_process_that_starts_under_another_wall_clock_goes_on(step: float) -> None:
    """Between two processes the wall clock may step: what was kept lies in the past or future."""
    book = Playbook()
    book.ready("8003")
    book.call("talks", "logistics")
    book.answer("talks")
    book.call("waits")
    book.call("waits too")
    later = Playbook()
    later.at = book.at + step
    later.take(
        later.distribution.restore(
            list(book.domain.contacts.values()), list(book.domain.agents.values()), later.at
        )
    )
    for contact in ("waits", "waits too"):
        later.tick(contact)
    later.ready("8001")
    offered = [contact for contact, _ in later.offers()]
    if step < 0:
        assert offered == ["waits"]  # the order is kept
        assert later.domain.contacts["waits too"].stage is CallStage.WAITING
    later.caller_hangs_up("waits")
    later.caller_hangs_up("waits too")
    later.agent_hangs_up("talks")
    waits = [e.waited for e in events(later, QueueEntryEnded)]
    assert all(wait >= 0 for wait in waits)
    assert later.domain.contacts == {}


# --- events --------------------------------------------------------------------------------------


def everything(contact: str, agent: str, at: float) -> list[object]:
    """Every kind of event about a contact and an agent that the wires can report."""
    return [
        CallerLanded(at=at, contact=contact, agent=agent, offer=1),
        AgentAnswered(at=at, contact=contact, agent=agent, offer=1, channel="x"),
        PairParted(at=at, contact=contact, agent=agent, offer=1, by=Party.AGENT),
        LegHungUp(at=at, contact=contact, channel="x", agent="", cause=16),
        LegHungUp(at=at, contact=contact, channel="x", agent=agent, cause=16),
        OfferReturned(contact=contact, result=OfferEnd.TIMED_OUT),
        CallerLeftOver(contact=contact),
        NextStepAsked(contact=contact, channel="x", variables={}),
        MenuFinished(contact=contact, queue="presale", language="zh-CN"),
    ]


def test_unknown_channels_change_nothing_and_are_counted_by_kind() -> None:
    book = Playbook()
    book.ready("8001")
    before = len(book.events)
    told = everything("ghost", "8001", book.at)
    for event in told:
        book.tell(event)  # type: ignore[arg-type]
    book.tell(PhoneChanged(at=book.at, agent="9999", reachable=False))
    for kind in ("widen", "limit", "preferred", "ring", "landing", "wrap_up", "nonsense"):
        book.tell(TimerFired(key=f"{kind}:ghost"))
    assert len(book.events) == before
    assert book.domain.contacts == {}
    assert book.state("8001") is AgentState.READY
    assert book.domain.strays == {
        "CallerLanded": 1, "AgentAnswered": 1, "PairParted": 1, "LegHungUp": 2,
        "OfferReturned": 1, "CallerLeftOver": 1, "unknown_queue": 1, "MenuFinished": 1,
        "PhoneChanged": 1,
    }  # fmt: skip


STEPS: list[Callable[[Playbook], object]] = [
    lambda book: book.call("c1"),
    lambda book: book.land("c1"),
    lambda book: book.answer("c1"),
    lambda book: book.agent_hangs_up("c1"),
]


@pytest.mark.parametrize("reached", range(5))
def test_events_that_come_again_change_nothing(reached: int) -> None:
    """At any point of a call, all that was heard of it is heard once more."""
    book = Playbook()
    book.ready("8001")
    heard: list[object] = []
    tell = book.tell

    def listen(event: object) -> object:
        heard.append(event)
        return tell(event)  # type: ignore[arg-type]

    book.tell = listen  # type: ignore[method-assign,assignment]
    for step in STEPS[:reached]:
        step(book)
        book.pass_(1)
    stages = {c.id: c.stage for c in book.domain.contacts.values()}
    state, recorded = book.state("8001"), len(book.events)
    asked = [OfferReturned, NextStepAsked, CallerLeftOver, TimerFired]
    if reached == 4:  # a dialplan that is gone asks nothing any more
        asked += [CallerArrived, MenuFinished]
    for event in list(heard):
        if not isinstance(event, tuple(asked)):
            tell(event)  # type: ignore[arg-type]
    assert book.events[recorded:] == []
    assert {c.id: c.stage for c in book.domain.contacts.values()} == stages
    assert book.state("8001") is state
    assert book.figures.imbalance == 0


@pytest.mark.parametrize("seed", range(40))
def test_events_in_any_order_lose_nobody(seed: int) -> None:
    """The events of three calls, shuffled and doubled, among those of calls that go well."""
    chance = random.Random(seed)
    book = Playbook()
    book.ready("8001", "8002", "8003")
    noise = list(
        itertools.chain.from_iterable(
            everything(contact, agent, book.at) * 2
            for contact in ("c1", "c2", "ghost")
            for agent in ("8001", "8003")
        )
    )
    noise = [e for e in noise if not (isinstance(e, LegHungUp) and not e.agent)]  # really gone
    chance.shuffle(noise)
    for number, event in enumerate(noise):
        if number % 6 == 0:
            book.call(f"good{number}", chance.choice(["presale", "logistics"]))
        book.pass_(chance.choice([0.0, 0.5, 3.0]))
        book.tell(event)  # type: ignore[arg-type]
        paired = [c.agent for c in book.domain.contacts.values()
                  if c.stage in (CallStage.OFFERED, CallStage.TALKING)]  # fmt: skip
        assert len(paired) == len(set(paired))
        assert book.figures.imbalance == 0
    for contact in list(book.domain.contacts):
        book.caller_hangs_up(contact)
    book.pass_(100)
    assert book.domain.contacts == {}
    queued, ended = events(book, ContactQueued), events(book, QueueEntryEnded)
    assert sorted(e.contact for e in queued) == sorted(e.contact for e in ended)


def test_an_agent_who_signs_in_twice_is_refused_and_counted() -> None:
    book = Playbook()
    book.ready("8001")
    signed_in = book.domain.agents["8001"].signed_in
    for wish in (AgentWish.SIGN_IN, AgentWish.READY):
        with pytest.raises(ActionRefused) as refused:
            book.wish("8001", wish)
        assert refused.value.code == "already"
    assert book.domain.refusals == {"already": 2}
    assert book.domain.agents["8001"].signed_in == signed_in
    assert book.state("8001") is AgentState.READY
