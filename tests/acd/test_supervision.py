"""A supervisor changes a waiting contact: at once, with a name, or refused with a reason."""

from dataclasses import replace

import pytest

from acd.company import Company
from acd.rules import DoNotRoute, LengthLimit, Routing
from acd.wishes import ActionRefused
from telephony.commands import KeepEntry
from telephony.events import (
    AgentWish,
    CallerArrived,
    ContactQueued,
    PlaceChanged,
    PlaceWished,
    QueueEnd,
    QueueEntryEnded,
)
from tests.acd.playbook import Playbook, company
from tests.acd.test_limits import BUSY, limited
from tests.acd.test_placing import events


def wish(book: Playbook, contact: str, **wanted: object) -> None:
    book.tell(PlaceWished(contact=contact, author="supervisor:mei", **wanted))  # type: ignore[arg-type]


def classes() -> Company:
    pairs = [DoNotRoute(caller="13800138000", agent="8002")]
    return replace(company(), routing=Routing(classes={"gold": 50}, do_not_route=pairs))


def test_a_priority_moves_ahead_and_names_its_author() -> None:
    book = Playbook(classes())
    book.call("first")
    book.pass_(10)
    book.call("second")
    wish(book, "second", priority="gold")
    (changed,) = events(book, PlaceChanged)
    assert (changed.contact, changed.priority, changed.author) == ("second", 50, "supervisor:mei")
    kept = [c for c in book.commands if isinstance(c, KeepEntry)]
    assert [(c.contact, c.priority) for c in kept] == [("second", 50)]
    book.ready("8001")
    assert book.offers() == [("second", "8001")]


def test_another_queue_keeps_the_place_and_offers_at_once() -> None:
    book = Playbook()
    book.ready("8003")
    book.call("c1", "presale")
    queued = book.domain.contacts["c1"].queued
    book.pass_(30)
    wish(book, "c1", queue="logistics")
    assert book.offers() == [("c1", "8003")]
    ended, entered = events(book, QueueEntryEnded)[0], events(book, ContactQueued)[-1]
    assert (ended.end, ended.queue, ended.note) == (
        QueueEnd.OVERFLOWED, "presale", "supervisor:mei",
    )  # fmt: skip
    assert (entered.queue, entered.why, entered.counts_from) == (
        "logistics", "supervisor:mei", queued,
    )  # fmt: skip
    assert book.figures.imbalance == 0


def test_no_limit_turns_away_whom_a_person_sends() -> None:
    book = Playbook(limited(queue="logistics", length=LengthLimit(max=0, exit=BUSY)))
    book.call("c1", "presale")
    wish(book, "c1", queue="logistics")
    assert book.domain.contacts["c1"].exit == ""


def test_a_named_agent_is_waited_for_whatever_the_skills() -> None:
    book = Playbook()
    book.ready("8003")
    book.call("busy", "logistics")
    book.answer("busy")
    book.call("c1", "presale")
    wish(book, "c1", preferred="8003")  # delivers; talks now
    book.ready("8001")
    assert ("c1", "8001") not in book.offers()
    book.agent_hangs_up("busy")
    book.wish("8003", AgentWish.READY)
    assert book.offers()[-1] == ("c1", "8003")


def test_the_wish_for_an_agent_can_be_taken_back() -> None:
    book = Playbook()
    book.ready("8003")
    book.call("busy", "logistics")
    book.answer("busy")
    book.call("c1", "presale")
    wish(book, "c1", preferred="8003")
    book.ready("8001")
    wish(book, "c1", preferred="")
    assert book.offers()[-1] == ("c1", "8001")
    assert "preferred:c1" not in book.timers


def test_an_agent_who_is_away_is_preferred_but_not_waited_for() -> None:
    book = Playbook()
    book.wish("8003", AgentWish.SIGN_IN)
    book.call("c1", "presale")
    wish(book, "c1", preferred="8003")
    book.ready("8001")
    assert book.offers() == [("c1", "8001")]


@pytest.mark.parametrize(
    "wanted, code",
    [
        ({}, "nothing_asked"),
        ({"queue": "nowhere"}, "unknown_queue"),
        ({"queue": "presale"}, "same_queue"),
        ({"priority": "silver"}, "unknown_priority"),
        ({"priority": 1001}, "unknown_priority"),
        ({"priority": -1}, "unknown_priority"),
        ({"preferred": "8999"}, "unknown_agent"),
        ({"preferred": "8002"}, "do_not_route"),
        ({"preferred": "8001"}, "agent_signed_out"),
        ({"priority": 5, "queue": "nowhere"}, "unknown_queue"),
    ],
)
def test_what_cannot_be_is_refused_whole(wanted: dict[str, object], code: str) -> None:
    book = Playbook(classes())
    book.tell(CallerArrived(contact="c1", channel="ch-c1", caller="13800138000", dialled="8"))
    book.call("c1")
    before, known = len(book.events), book.domain.contacts["c1"].plain()
    with pytest.raises(ActionRefused) as refused:
        wish(book, "c1", **wanted)
    assert refused.value.code == code
    assert len(book.events) == before
    assert book.domain.contacts["c1"].plain() == known


@pytest.mark.parametrize(
    "stage, code",
    [("menu", "not_waiting"), ("offered", "being_offered"), ("talking", "talking"),
     ("gone", "unknown_contact")],
)  # fmt: skip
def test_who_does_not_wait_is_left_alone(stage: str, code: str) -> None:
    book = Playbook()
    book.ready("8001")
    if stage == "menu":
        book.tell(CallerArrived(contact="c1", channel="ch-c1", caller="1", dialled="8"))
    elif stage != "gone":
        book.call("c1")
        if stage == "talking":
            book.answer("c1")
    with pytest.raises(ActionRefused) as refused:
        wish(book, "c1", priority=9)
    assert refused.value.code == code
