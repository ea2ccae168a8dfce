"""New rules while calls go on: nobody loses a place; what has left the files goes when it can."""

import dataclasses

import pytest

from acd.company import Company
from acd.rules import AgentProfile, Queue, Ring, Routing
from acd.rules import Rule as RoutingRule
from telephony.commands import MirrorAgent, SayGoodbye, TakeOffer
from telephony.events import (
    AgentState,
    AgentStateChanged,
    AgentWish,
    QueueEntryEnded,
    RulesChanged,
)
from tests.acd.playbook import Playbook, offered_to


def changed(
    base: Company,
    *,
    without: tuple[str, ...] = (),
    agents: tuple[AgentProfile, ...] = (),
    queues: tuple[Queue, ...] = (),
    routing: Routing | None = None,
) -> Company:
    """The company without some queues and agents, and with others new or different."""
    return dataclasses.replace(
        base,
        queues={
            name: queue
            for name, queue in {**base.queues, **{queue.id: queue for queue in queues}}.items()
            if name not in without
        },
        agents={
            name: agent
            for name, agent in {**base.agents, **{agent.id: agent for agent in agents}}.items()
            if name not in without
        },
        routing=routing or base.routing,
    )


def adopt(book: Playbook, rules: Company) -> None:
    book.take(book.distribution.adopt(rules, book.at, version=2, author="mei"))
    book.company = rules


@pytest.fixture
def book() -> Playbook:
    return Playbook()


def seller(name: str, level: int) -> AgentProfile:
    return AgentProfile(id=name, name={"en": name}, skills={"presale": level, "mandarin": 5})


def test_the_change_is_recorded_with_version_and_author(book: Playbook) -> None:
    adopt(book, changed(book.company))
    assert book.events == [RulesChanged(at=book.at, version=2, author="mei")]


def test_a_waiting_contact_keeps_its_place_and_is_asked_for_anew(book: Playbook) -> None:
    book.ready("8003")
    book.call("c1", "presale")
    since = book.domain.contacts["c1"].queued
    book.pass_(30)
    easier = book.company.queue("presale").model_copy(update={"skills": {"logistics": 1}})
    adopt(book, changed(book.company, queues=(easier,)))
    assert book.offers() == [("c1", "8003")]
    assert book.domain.contacts["c1"].queued == since


def test_new_rules_change_the_order_of_those_who_wait(book: Playbook) -> None:
    book.call("c1", "presale")
    book.pass_(5)
    book.call("c2", "logistics")
    routing = Routing(rules=[RoutingRule(name="up", when={"queue": "logistics"}, priority=7)])
    adopt(book, changed(book.company, routing=routing))
    assert book.domain.contacts["c2"].priority == 7
    book.ready("8002")
    assert book.offers() == [("c2", "8002")]


def test_what_somebody_changed_for_one_contact_stays(book: Playbook) -> None:
    book.call("c1", "presale")
    book.domain.contacts["c1"].priority = 99
    higher = book.company.queue("presale").model_copy(update={"priority": 5})
    adopt(book, changed(book.company, queues=(higher,)))
    assert book.domain.contacts["c1"].priority == 99
    book.call("c2", "presale")
    assert book.domain.contacts["c2"].priority == 5


def test_rings_that_are_due_under_the_new_rules_open_at_once(book: Playbook) -> None:
    book.ready("8003")
    book.call("c1", "presale")
    book.pass_(40)
    assert book.offers() == []
    wider = book.company.queue("presale").model_copy(
        update={"rings": [Ring(after=30, queues=["logistics"])]}
    )
    adopt(book, changed(book.company, queues=(wider,)))
    assert book.offers() == [("c1", "8003")]


def test_the_timer_of_an_old_ring_does_not_open_a_new_one_early(book: Playbook) -> None:
    def with_ring(after: int) -> Queue:
        return book.company.queue("presale").model_copy(
            update={"rings": [Ring(after=after, queues=["logistics"])]}
        )

    adopt(book, changed(book.company, queues=(with_ring(30),)))
    book.ready("8003")
    book.call("c1", "presale")
    book.pass_(10)
    adopt(book, changed(book.company, queues=(with_ring(60),)))
    book.pass_(40)
    assert book.offers() == []
    book.pass_(15)
    assert book.offers() == [("c1", "8003")]


def test_a_new_agent_can_sign_in_and_work(book: Playbook) -> None:
    book.call("c1", "presale")
    adopt(book, changed(book.company, agents=(seller("8009", 4),)))
    book.ready("8009")
    assert book.offers() == [("c1", "8009")]


def test_an_agent_who_has_left_the_files_is_signed_out_and_gone(book: Playbook) -> None:
    book.ready("8001")
    adopt(book, changed(book.company, without=("8001",)))
    assert "8001" not in book.domain.agents
    last = [event for event in book.events if isinstance(event, AgentStateChanged)][-1]
    assert (last.state, last.author) == (AgentState.SIGNED_OUT, "rule:rules_changed")
    mirror = [c for c in book.commands if isinstance(c, MirrorAgent) and c.agent == "8001"][-1]
    assert mirror.queues == frozenset()
    book.call("c1", "presale")
    assert book.offers() == []


def test_an_agent_who_has_left_the_files_keeps_the_call_in_hand(book: Playbook) -> None:
    book.ready("8001")
    assert offered_to(book.call("c1", "presale")) == "8001"
    adopt(book, changed(book.company, without=("8001",)))
    assert book.state("8001") is AgentState.OFFERED
    book.answer("c1")
    book.pass_(60)
    assert book.state("8001") is AgentState.TALKING
    assert isinstance(book.agent_hangs_up("c1"), SayGoodbye)
    assert "8001" not in book.domain.agents
    assert "8001" not in book.domain.company.agents
    ends = [event.end for event in book.events if isinstance(event, QueueEntryEnded)]
    assert ends == ["answered"]


def test_an_agent_who_comes_back_into_the_files_in_time_stays(book: Playbook) -> None:
    before = book.company
    book.ready("8001")
    book.call("c1", "presale")
    adopt(book, changed(before, without=("8001",)))
    adopt(book, before)
    book.answer("c1")
    book.agent_hangs_up("c1")
    assert book.state("8001") is AgentState.WRAP_UP


def test_a_queue_that_has_left_the_files_serves_who_is_inside(book: Playbook) -> None:
    book.call("c1", "logistics")
    adopt(book, changed(book.company, without=("logistics",)))
    book.pass_(20)
    assert not isinstance(book.tick("c1"), SayGoodbye)
    assert "logistics" in book.domain.company.queues
    book.ready("8003")
    assert book.offers() == [("c1", "8003")]
    book.answer("c1")
    book.agent_hangs_up("c1")
    assert "logistics" in book.domain.company.queues, "8003's wrap-up still goes by its rules"
    book.wish("8003", AgentWish.READY)
    assert "logistics" not in book.domain.company.queues


def test_an_offer_on_its_way_is_not_disturbed(book: Playbook) -> None:
    book.ready("8001")
    assert isinstance(book.call("c1", "presale"), TakeOffer)
    adopt(book, changed(book.company, agents=(seller("8001", 1),)))
    book.answer("c1")
    assert book.state("8001") is AgentState.TALKING
    assert book.domain.company.agent("8001").skills["presale"] == 1


def test_a_restart_under_rules_that_have_lost_a_queue_ends_its_entries(book: Playbook) -> None:
    book.call("c1", "logistics")
    book.call("c2", "presale")
    kept = list(book.domain.contacts.values())
    later = Playbook(changed(book.company, without=("logistics",)))
    later.take(later.distribution.restore(kept, [], later.at))
    assert list(later.domain.contacts) == ["c2"]
    ends = [(event.contact, event.end) for event in later.events if hasattr(event, "end")]
    assert ends == [("c1", "refused")]
    assert later.domain.strays["unknown_queue"] == 1
    later.ready("8001")
    assert later.offers() == [("c2", "8001")]
