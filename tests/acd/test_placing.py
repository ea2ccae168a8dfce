"""Rings, kept places and the agent who is waited for."""

from dataclasses import replace

import pytest

from acd.company import Company
from acd.contact import Contact
from acd.rules import Exit, Limits, Ring, Routing, Rule, Sticky, WaitLimit
from telephony.commands import KeepEntry, KeepWaiting, TakeOffer
from telephony.events import (
    AgentWish,
    CallerArrived,
    CallStage,
    ContactAnswered,
    ContactQueued,
    MenuFinished,
    OfferEnd,
    QueueEnd,
    QueueEntryEnded,
    RequirementWidened,
    TimerFired,
)
from tests.acd.playbook import Playbook, company, offered_to
from tests.acd.test_callbacks import Office


def changed(queue: str, **fields: object) -> Company:
    """The playbook's company with one queue changed."""
    of = company()
    queues = dict(of.queues) | {queue: of.queues[queue].model_copy(update=fields)}
    return replace(of, queues=queues)


def events(book: Playbook, kind: type) -> list:
    return [event for event in book.events if isinstance(event, kind)]


def call(book: Playbook, contact: str, caller: str, queue: str = "presale", **attributes: str):
    book.tell(CallerArrived(contact=contact, channel=f"ch-{contact}", caller=caller, dialled="8"))
    return book.tell(
        MenuFinished(contact=contact, queue=queue, language="zh-CN", attributes=attributes)
    )


# --- rings -------------------------------------------------------------------------------------


def test_a_ring_widens_on_time_with_the_place_kept_and_a_match_at_once() -> None:
    book = Playbook(changed("logistics", rings=[Ring(after=30, skills={"logistics": 1})]))
    book.ready("8004")  # has level 2 of 3
    book.call("c1", "logistics")
    queued = book.domain.contacts["c1"].queued
    book.pass_(29)
    assert book.offers() == []
    book.pass_(1)
    assert book.offers() == [("c1", "8004")]
    (event,) = events(book, RequirementWidened)
    assert (event.ring, event.queue, event.at - queued) == (1, "logistics", 30)
    assert event.requires == {"every": {"logistics": 1, "mandarin": 1}}
    contact = book.domain.contacts["c1"]
    assert (contact.queued, contact.entered, contact.ring) == (queued, queued, 1)


def test_a_ring_is_for_those_whose_condition_holds() -> None:
    ring = Ring(after=30, when={"tier": "gold"}, skills={"logistics": 1})
    book = Playbook(changed("logistics", rings=[ring, Ring(after=60, drop=["mandarin"])]))
    call(book, "gold", "138", "logistics", tier="gold")
    call(book, "other", "139", "logistics", tier="iron")
    book.pass_(60)
    assert [(e.contact, e.ring) for e in events(book, RequirementWidened)] == [
        ("gold", 1), ("gold", 2), ("other", 2),
    ]  # fmt: skip
    assert book.domain.contacts["other"].requirement.plain() == {"every": {"logistics": 3}}


def test_an_overflow_ring_moves_the_contact_with_its_place() -> None:
    book = Playbook(changed("vip", rings=[Ring(after=20, overflow="presale")]))
    book.call("early", "vip")
    book.pass_(10)
    book.call("late", "presale")
    book.pass_(10)
    ended, queued = events(book, QueueEntryEnded), events(book, ContactQueued)[-1]
    assert [(e.contact, e.queue, e.end, e.waited) for e in ended] == [
        ("early", "vip", QueueEnd.OVERFLOWED, 20)
    ]
    assert (queued.queue, queued.why, queued.counts_from) == ("presale", "overflow", 1_000_000)
    (kept,) = [c for c in book.commands if isinstance(c, KeepEntry)]
    assert (kept.channel, kept.queue, kept.queued) == ("ch-early", "presale", 1_000_000)
    assert book.domain.contacts["early"].entered == 1_000_020
    book.ready("8001")
    assert book.offers() == [("early", "8001")]  # it came before the other, though elsewhere
    book.answer("early")
    (answered,) = events(book, ContactAnswered)
    assert answered.waited == pytest.approx(1)  # in this queue: the figures' wait
    assert book.figures.imbalance == 0
    assert book.figures.queue("vip", book.at).ends[QueueEnd.OVERFLOWED] == 1


def test_rings_count_from_the_place_not_from_the_entry() -> None:
    of = changed("vip", rings=[Ring(after=20, overflow="logistics")])
    rings = [Ring(after=50, skills={"logistics": 2}), Ring(after=10, drop=["mandarin"])]
    logistics = of.queues["logistics"].model_copy(update={"rings": rings})
    book = Playbook(replace(of, queues={**of.queues, "logistics": logistics}))
    book.call("c1", "vip")
    book.pass_(49)
    assert events(book, RequirementWidened) == []
    book.pass_(1)  # 50 s since it came, 30 s in this queue; the second ring is due as well
    assert [e.ring for e in events(book, RequirementWidened)] == [1, 2]


def test_overflows_never_run_in_a_circle() -> None:
    of = changed("vip", rings=[Ring(after=20, overflow="presale")])
    presale = of.queues["presale"].model_copy(update={"rings": [Ring(after=5, overflow="vip")]})
    book = Playbook(replace(of, queues={**of.queues, "presale": presale}))
    book.call("c1", "vip")
    book.pass_(600)
    assert book.domain.contacts["c1"].queue == "presale"
    assert len(events(book, QueueEntryEnded)) == 1


def test_a_ring_that_is_due_during_an_offer_opens_when_the_offer_ends() -> None:
    book = Playbook(changed("logistics", rings=[Ring(after=5, skills={"logistics": 1})]))
    book.ready("8003")
    assert offered_to(book.call("c1", "logistics")) == "8003"
    book.ready("8004")
    book.land("c1")
    book.pass_(9)
    assert events(book, RequirementWidened) == []
    step = book.returned("c1", OfferEnd.TIMED_OUT)
    assert isinstance(step, TakeOffer)
    assert step.agent == "8004"


def test_after_a_restart_due_rings_open_and_others_are_waited_for() -> None:
    rings = [Ring(after=10, skills={"logistics": 2}), Ring(after=40, skills={"logistics": 1})]
    book = Playbook(changed("logistics", rings=rings))
    book.call("c1", "logistics")
    kept = [contact.plain() for contact in book.domain.contacts.values()]
    later = Playbook(book.company)
    later.at = book.at + 20
    later.take(
        later.distribution.restore([Contact.from_plain(plain) for plain in kept], [], later.at)
    )
    assert [e.ring for e in events(later, RequirementWidened)] == [1]
    assert later.timers["widen:c1"] == book.at + 40
    assert later.timers["limit:c1"] == book.at + 1800


def test_a_contact_that_only_its_channel_remembers_keeps_place_priority_and_rings() -> None:
    book = Playbook(changed("logistics", rings=[Ring(after=10, skills={"logistics": 1})]))
    step = book.tick(
        "c1", HUAWU_QUEUE="logistics", HUAWU_LANGUAGE="zh-CN", HUAWU_PRIORITY="7",
        HUAWU_ENQUEUED=str(book.at - 15),
    )  # fmt: skip
    assert isinstance(step, KeepWaiting)
    contact = book.domain.contacts["c1"]
    assert (contact.ring, contact.priority, contact.queued) == (1, 7, book.at - 15)


@pytest.mark.parametrize("end", ["answered", "abandoned"])
def test_no_timer_is_left_when_the_waiting_is_over(end: str) -> None:
    rings = [Ring(after=100, skills={"logistics": 1})]
    book = Playbook(changed("logistics", rings=rings, sticky=Sticky(wait=60)))
    book.domain.served.note("138", "8003", book.at - 100)
    book.ready("8003", "8004")
    call(book, "busy", "1", "logistics")
    call(book, "c1", "138", "logistics")
    assert {"widen:c1", "limit:c1", "preferred:c1"} <= set(book.timers)
    if end == "answered":
        book.returned("busy", OfferEnd.DECLINED)
        book.caller_hangs_up("busy")
        book.wish("8003", AgentWish.READY)
        book.answer("c1")
    else:
        book.caller_hangs_up("c1")
    assert [key for key in book.timers if key.endswith(":c1")] == []


# --- rules of the place ------------------------------------------------------------------------


def test_rules_give_priority_and_target_and_later_ones_win() -> None:
    rules = [
        Rule(name="gold", when={"tier": "gold"}, priority="high", threshold=5),
        Rule(name="vip", when={"tier": ["gold", "vip"]}, queues=["presale"], priority=9),
    ]
    book = Playbook(replace(company(), routing=Routing(classes={"high": 5}, rules=rules)))
    call(book, "a", "1", tier="gold")
    call(book, "b", "2", "logistics", tier="gold")
    call(book, "c", "3", tier="iron")
    places = {c.id: (c.priority, c.threshold) for c in book.domain.contacts.values()}
    assert places == {"a": (9, 5), "b": (5, 5), "c": (0, 20)}


# --- the agent who is waited for ---------------------------------------------------------------


def sticky_book(wait: int = 20) -> Playbook:
    """8001 has served caller 138 and is busy; 8002 is free."""
    book = Playbook(changed("presale", sticky=Sticky(days=7, wait=wait)))
    book.ready("8001")
    call(book, "first", "138")
    book.answer("first")
    book.agent_hangs_up("first")
    book.pass_(30)
    call(book, "other", "139")
    book.answer("other")
    book.ready("8002")
    return book


def test_the_last_agent_is_waited_for_and_then_anybody_will_do() -> None:
    book = sticky_book()
    assert isinstance(call(book, "again", "138"), KeepWaiting)
    contact = book.domain.contacts["again"]
    assert (contact.preferred, contact.preferred_by) == ("8001", "rule:sticky")
    book.pass_(19.9)
    assert ("again", "8002") not in book.offers()
    book.pass_(0.1)
    assert ("again", "8002") in book.offers()


def test_the_last_agent_comes_free_in_time() -> None:
    book = sticky_book()
    call(book, "again", "138")
    book.agent_hangs_up("other")
    book.wish("8001", AgentWish.READY)
    assert ("again", "8001") in book.offers()


def test_a_hold_of_no_length_only_prefers() -> None:
    book = sticky_book(wait=0)
    assert offered_to(call(book, "again", "138")) == "8002"
    book.agent_hangs_up("other")
    book.wish("8001", AgentWish.READY)
    book.caller_hangs_up("again")
    book.pass_(1)
    assert offered_to(call(book, "third", "138")) == "8001"  # 8002 has been idle for longer


@pytest.mark.parametrize("wish", [AgentWish.SIGN_OUT, AgentWish.NOT_READY])
def test_nobody_waits_for_an_agent_who_goes_away(wish: AgentWish) -> None:
    book = sticky_book(wait=600)
    call(book, "again", "138")
    book.wish("8001", wish, "lunch")
    assert ("again", "8002") not in book.offers()  # still talking
    book.agent_hangs_up("other")
    book.pass_(20)
    assert ("again", "8002") in book.offers()


def test_nobody_waits_for_an_agent_who_is_away() -> None:
    book = sticky_book()
    book.agent_hangs_up("other")
    book.wish("8001", AgentWish.SIGN_OUT)
    assert offered_to(call(book, "again", "138")) == "8002"


def test_a_withheld_number_is_nobodys() -> None:
    book = sticky_book()
    book.domain.served.note("", "8001", book.at)
    assert offered_to(call(book, "again", "")) == "8002"


def test_nobody_is_waited_for_after_so_many_days() -> None:
    book = sticky_book()
    book.at += 8 * 86400
    assert offered_to(call(book, "again", "138")) == "8002"


def test_a_rule_may_prefer_an_agent_who_has_the_skills() -> None:
    def rules(agent: str) -> Routing:
        return Routing(rules=[Rule(name="own", when={"tier": "gold"}, preferred=agent, wait=15)])

    book = Playbook(replace(company(), routing=rules("8002")))
    book.ready("8001", "8002")
    assert offered_to(call(book, "a", "1", tier="gold")) == "8002"
    book.answer("a")
    assert isinstance(call(book, "b", "2", tier="gold"), KeepWaiting)  # 8001 is free
    book.pass_(15)
    assert ("b", "8001") in book.offers()
    unskilled = Playbook(replace(company(), routing=rules("8003")))
    unskilled.ready("8001", "8003")
    assert offered_to(call(unskilled, "a", "1", tier="gold")) == "8001"


def test_a_timer_of_a_contact_that_is_gone_does_nothing() -> None:
    book = Playbook()
    for kind in ("widen", "preferred", "limit"):
        book.tell(TimerFired(key=f"{kind}:gone"))
    assert book.events == []


def test_a_limit_counts_from_the_entry_not_from_the_place() -> None:
    limits = Limits(wait=WaitLimit(max=100, exit=Exit(voicemail=True)))
    of = changed("presale", limits=limits)
    vip = of.queues["vip"].model_copy(update={"rings": [Ring(after=90, overflow="presale")]})
    book = Playbook(replace(of, queues={**of.queues, "vip": vip}))
    book.call("c1", "vip")
    book.pass_(150)
    assert isinstance(book.tick("c1"), KeepWaiting)
    book.pass_(40)
    assert book.domain.contacts["c1"].exit == "voicemail"


def test_a_ring_that_is_due_while_the_customer_is_called_back_opens_after_the_attempt() -> None:
    book = Office(retry=30)
    rings = [Ring(after=20, skills={"logistics": 1})]
    logistics = book.company.queues["logistics"].model_copy(update={"rings": rings})
    book.domain.company = book.company = replace(
        book.company, queues={**book.company.queues, "logistics": logistics}
    )
    book.asks("c1", queue="logistics")
    book.ready("8003")
    assert book.of("c1").stage is CallStage.CALLING
    book.pass_(25)
    assert events(book, RequirementWidened) == []
    book.customer_leg_gone("c1", 17)
    assert [e.ring for e in events(book, RequirementWidened)] == [1]
    assert "limit:c1" not in book.timers
