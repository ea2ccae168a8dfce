"""After a restart or a lost link: what is remembered against what Asterisk carries."""

import dataclasses

import pytest

from acd.distribution import Distribution
from telephony.commands import KeepWaiting, ReturnToWaiting, TakeOffer
from telephony.events import (
    AgentState,
    CallStage,
    ContactAnswered,
    ContactEnded,
    LegFound,
    Party,
    PictureTaken,
    QueueEntryEnded,
    TalkEnded,
)
from tests.acd.playbook import Playbook


def leg(
    contact: str,
    *,
    agent: str = "",
    context: str = "huawu-wait",
    application: str = "MusicOnHold",
    bridge: str = "",
    **variables: str,
) -> LegFound:
    channel = f"PJSIP/agent{agent}-1" if agent else f"ch-{contact}"
    return LegFound(
        contact=contact,
        channel=channel,
        agent=agent,
        context=context,
        application=application,
        bridge=bridge,
        variables=variables,
    )


def see(book: Playbook, *legs: LegFound, phones: tuple[str, ...] = ("8001", "8002")) -> None:
    book.pass_(0.1)
    book.tell(PictureTaken(at=book.at, legs=legs, phones=frozenset(phones)))


def pair_legs(contact: str, agent: str) -> tuple[LegFound, LegFound]:
    return (
        leg(contact, context="huawu-offer", application="Dial", bridge="b"),
        leg(contact, agent=agent, context="from-agents", application="AppDial", bridge="b"),
    )


def restarted(book: Playbook) -> Playbook:
    """The controller died: a new distribution knows what the live store kept."""
    contacts = list(book.domain.contacts.values())
    agents = list(book.domain.agents.values())
    again = Playbook(book.company)
    again.at = book.at + 3
    again.distribution = Distribution(book.company)
    again.domain = again.distribution.domain
    again.take(again.distribution.restore(contacts, agents, again.at))
    return again


def test_who_waits_keeps_the_place_over_a_restart() -> None:
    book = Playbook()
    book.call("c1")
    queued = book.at
    again = restarted(book)
    see(again, leg("c1"))
    again.ready("8001")
    assert again.offers() == [("c1", "8001")]
    assert again.domain.contacts["c1"].queued == queued


def test_who_waits_in_the_fallback_queue_is_fetched_back() -> None:
    book = Playbook()
    book.call("c1")
    again = restarted(book)
    see(again, leg("c1", context="huawu-fallback", application="Queue"))
    assert again.commands == [ReturnToWaiting(contact="c1", channel="ch-c1")]
    assert again.domain.contacts["c1"].stage is CallStage.WAITING


def test_an_offer_takes_a_caller_out_of_the_fallback_queue_by_itself() -> None:
    book = Playbook()
    book.call("c1")
    again = restarted(book)
    again.ready("8001")  # the redirect of this offer found no Asterisk
    again.pass_(3)
    again.commands.clear()
    see(again, leg("c1", context="huawu-fallback", application="Queue"))
    assert again.offers() == [("c1", "8001")]
    assert not [c for c in again.commands if isinstance(c, ReturnToWaiting)]


def test_a_talk_goes_on_over_a_restart() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.answer("c1")
    again = restarted(book)
    see(again, *pair_legs("c1", "8001"))
    assert again.state("8001") is AgentState.TALKING
    again.pass_(10)
    again.agent_hangs_up("c1")
    assert [e.talked for e in again.events if isinstance(e, TalkEnded)] == [pytest.approx(13.1)]


def test_a_talk_that_ended_unseen_is_closed() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.answer("c1")
    again = restarted(book)
    see(again)
    assert again.kinds("c1")[-1] == "ContactEnded"
    assert again.state("8001") is AgentState.WRAP_UP
    ended = [event for event in again.events if isinstance(event, ContactEnded)]
    assert ended[0].note == "gone while nobody watched"
    assert [event.by for event in again.events if isinstance(event, TalkEnded)] == [Party.SYSTEM]


def test_a_talk_begun_by_the_fallback_is_adopted() -> None:
    book = Playbook()
    book.call("c1")
    again = restarted(book)
    see(again, *pair_legs("c1", "8002"))
    assert [e.adopted for e in again.events if isinstance(e, ContactAnswered)] == [True]
    assert again.state("8002") is AgentState.TALKING


def test_an_adopted_talk_has_the_number_under_which_it_is_recorded() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.land("c1")  # offer 1 comes to nothing, then no controller is there
    again = restarted(book)
    caller, partner = pair_legs("c1", "8002")
    caller = dataclasses.replace(caller, variables={"HUAWU_OFFER": "0"})
    see(again, caller, partner)
    assert [e.offer for e in again.events if isinstance(e, ContactAnswered)] == [0]
    again.pass_(5)
    again.agent_hangs_up("c1")
    again.pass_(1)
    see(again)
    assert {e.offer for e in again.events if isinstance(e, TalkEnded)} == {0}


def test_an_answer_missed_while_the_link_was_down_is_seen() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.land("c1")
    see(book, *pair_legs("c1", "8001"))
    assert [e.adopted for e in book.events if isinstance(e, ContactAnswered)] == [False]
    assert book.state("8001") is AgentState.TALKING


def test_an_offer_whose_caller_is_back_in_the_loop_has_ended() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.land("c1")
    see(book, leg("c1"))
    offer_numbers = [c.offer for c in book.domain.contacts.values()]
    assert offer_numbers == [2]  # ended, and matched anew at once


def test_an_offer_on_its_way_is_left_alone_by_a_picture() -> None:
    book = Playbook()
    book.call("c1")
    book.ready("8001")  # a redirect goes out
    book.at += 0.3
    see(book, leg("c1"))
    assert book.domain.contacts["c1"].offer == 1
    assert book.domain.contacts["c1"].stage is CallStage.OFFERED


def test_an_abandoned_wait_that_nobody_saw_is_counted_once() -> None:
    book = Playbook()
    book.call("c1")
    book.pass_(60)
    see(book)
    see(book)
    ends = [(e.end, e.note) for e in book.events if isinstance(e, QueueEntryEnded)]
    assert ends == [("abandoned", "gone while nobody watched")]
    assert book.figures.imbalance == 0


def test_what_changed_after_the_picture_is_newer() -> None:
    book = Playbook()
    asked = book.at
    book.pass_(0.5)
    book.call("c1")
    book.tell(PictureTaken(at=asked, legs=(), phones=frozenset({"8001"})))
    assert "c1" in book.domain.contacts


def test_a_waiting_channel_that_no_store_knows_is_adopted() -> None:
    book = Playbook()
    entry = {"HUAWU_QUEUE": "presale", "HUAWU_ENQUEUED": str(book.at - 40)}
    see(book, leg("lost", HUAWU_LANGUAGE="zh-CN", **entry))
    assert book.domain.contacts["lost"].queued == book.at - 40.1
    assert isinstance(book.tick("lost"), KeepWaiting)


def test_a_talk_that_no_store_knows_is_adopted() -> None:
    book = Playbook()
    caller, agent = pair_legs("lost", "8001")
    caller = leg(
        "lost", context="huawu-offer", application="Dial", bridge="b",
        HUAWU_QUEUE="presale", HUAWU_ENQUEUED="1000", HUAWU_LANGUAGE="zh-CN",
    )  # fmt: skip
    see(book, caller, agent)
    assert book.state("8001") is AgentState.TALKING


def test_a_ready_agent_without_a_phone_is_not_ready() -> None:
    book = Playbook()
    book.ready("8001")
    see(book, phones=("8002",))
    agent = book.domain.agents["8001"]
    assert (agent.state, agent.reason) == (AgentState.NOT_READY, "phone_gone")


def test_wrap_up_goes_on_over_a_restart() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.answer("c1")
    book.agent_hangs_up("c1")
    book.pass_(10)
    again = restarted(book)  # 3 seconds later
    assert again.state("8001") is AgentState.WRAP_UP
    again.pass_(6.9)
    assert again.state("8001") is AgentState.WRAP_UP
    again.pass_(0.2)
    assert again.state("8001") is AgentState.READY


def test_a_caller_queued_just_before_the_controller_died_gets_an_offer_from_the_menu() -> None:
    book = Playbook()
    book.call("c1")
    again = restarted(book)
    again.ready("8001")
    again.pass_(3)  # the redirect found no waiting loop: doubtful
    assert isinstance(again.tick("c1"), TakeOffer)
