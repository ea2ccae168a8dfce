"""The twin lives a call's life: what people do there reaches the distribution as on the wires."""

import math

import numpy as np
import pytest

from acd.company import Company
from acd.simulation.draws import fixed
from acd.simulation.script import Call, Ring, Script, Wish
from acd.simulation.traffic import Phones
from acd.simulation.twin import Twin
from telephony.events import (
    AgentState,
    AgentStateChanged,
    AgentWish,
    ContactAnswered,
    OfferEnd,
    OfferEnded,
    Party,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
    TalkEnded,
)
from tests.acd.playbook import company

START = 1_000_000.0


def live(
    *calls: Call, wishes: tuple[Wish, ...] = (), of: Company | None = None
) -> list[RecordedEvent]:
    """The events of a day on which 8001 (pre-sales) works from the start."""
    at_work = (
        Wish(at=START, agent="8001", wish=AgentWish.SIGN_IN),
        Wish(at=START, agent="8001", wish=AgentWish.READY),
    )
    heard: list[RecordedEvent] = []
    twin = Twin(
        company=of or company(),
        rng=np.random.default_rng(1),
        hear=heard.append,
        phones=Phones(answer=fixed(3), back_after=fixed(60)),
    )
    script = Script(start=START, end=START + 100, calls=calls, wishes=(*at_work, *wishes))
    twin.play(script, until=START + 3600)
    return heard


def call(name: str, at: float, **more: object) -> Call:
    return Call(id=name, at=START + at, queue="presale", menu=5.0, talk=40.0, **more)  # type: ignore[arg-type]


def states(events: list[RecordedEvent]) -> list[tuple[float, AgentState, str]]:
    return [
        (round(event.at - START, 2), event.state, event.reason)
        for event in events
        if isinstance(event, AgentStateChanged)
    ]


def test_a_call_from_the_menu_to_the_end_of_the_notes() -> None:
    events = live(call("a", 10, wrap_up=7.0))
    (answered,) = (event for event in events if isinstance(event, ContactAnswered))
    (talk,) = (event for event in events if isinstance(event, TalkEnded))
    assert answered.at == pytest.approx(START + 18, abs=0.001)
    assert answered.waited == pytest.approx(3, abs=0.001)
    assert talk.talked == pytest.approx(40, abs=0.001)
    assert talk.by is Party.CALLER
    assert [state for _, state, _ in states(events)[2:]] == [
        AgentState.OFFERED,
        AgentState.TALKING,
        AgentState.WRAP_UP,
        AgentState.READY,
    ]
    assert states(events)[-1][0] == pytest.approx(65, abs=0.01)


def test_notes_that_never_end_are_cut_by_the_queues_time() -> None:
    events = live(call("a", 10, wrap_up=math.inf, agent_ends=True))
    assert states(events)[-1] == (78.0, AgentState.READY, "")
    assert [event.by for event in events if isinstance(event, TalkEnded)] == [Party.AGENT]


def test_impatient_callers_go() -> None:
    events = live(call("a", 10), call("b", 11, patience=30.0))
    ends = {e.contact: (e.end, round(e.waited)) for e in events if isinstance(e, QueueEntryEnded)}
    assert ends == {"a": (QueueEnd.ANSWERED, 3), "b": (QueueEnd.ABANDONED, 30)}


def test_a_missed_call_rings_the_whole_time_and_the_agent_comes_back() -> None:
    events = live(call("a", 10, rings=(Ring(seconds=0, end=OfferEnd.TIMED_OUT),)))
    (missed,) = (event for event in events if isinstance(event, OfferEnded))
    assert (missed.result, round(missed.rang)) == (OfferEnd.TIMED_OUT, 15)
    assert (30.0, AgentState.NOT_READY, "rona") in states(events)
    assert (90.0, AgentState.READY, "") in states(events)
    assert [round(e.waited) for e in events if isinstance(e, ContactAnswered)] == [78]


def test_a_break_waits_for_the_end_of_the_call_and_lasts_from_then() -> None:
    pause = Wish(
        at=START + 30,
        agent="8001",
        wish=AgentWish.NOT_READY,
        reason="lunch",
        back_after=600,
    )
    events = live(call("a", 10, wrap_up=5.0), wishes=(pause,))
    assert [(at, state) for at, state, _ in states(events)][-2:] == [
        (78.0, AgentState.NOT_READY),
        (678.0, AgentState.READY),
    ]


def test_no_two_events_share_a_moment() -> None:
    events = live(call("a", 10), call("b", 10), call("c", 10))
    of_contact: dict[float, set[str]] = {}
    for event in events:
        if name := getattr(event, "contact", ""):
            of_contact.setdefault(event.at, set()).add(name)
    assert all(len(names) == 1 for names in of_contact.values())
