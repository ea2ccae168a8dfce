"""Limits of a queue: each leads to its named exit, at once, and to nothing else."""

from dataclasses import replace

import pytest

from acd.company import Company
from acd.rules import Exit, LengthLimit, Limits, Ring, WaitLimit
from telephony.commands import KeepWaiting, LeaveMessage, MoveCaller, SayGoodbye, TakeOffer
from telephony.events import (
    AgentWish,
    CallStage,
    LimitReached,
    OfferEnd,
    QueueEnd,
    QueueEntryEnded,
)
from tests.acd.playbook import Playbook
from tests.acd.test_placing import changed, events

BUSY, SHUT, MAIL = Exit(announce="queue_full"), Exit(announce="closed"), Exit(voicemail=True)


def limited(book_or_company: Company | None = None, queue: str = "presale", **limits) -> Company:
    of = book_or_company or changed(queue)
    limited = of.queues[queue].model_copy(update={"limits": Limits(**limits)})
    return replace(of, queues={**of.queues, queue: limited})


def moved(book: Playbook) -> list[tuple[str, object]]:
    return [(c.contact, c.step) for c in book.commands if isinstance(c, MoveCaller)]


def ends(book: Playbook) -> list[tuple[str, str, QueueEnd]]:
    return [(e.contact, e.queue, e.end) for e in events(book, QueueEntryEnded)]


def reached(book: Playbook) -> list[tuple[str, str, str, str]]:
    return [(e.contact, e.queue, e.limit, e.exit) for e in events(book, LimitReached)]


def goodbye(prompt: str) -> SayGoodbye:
    return SayGoodbye(say=(prompt,), language="zh-CN")


# --- the longest wait ----------------------------------------------------------------------------


def test_the_longest_wait_moves_the_caller_out_of_the_music_at_once() -> None:
    book = Playbook(limited(wait=WaitLimit(max=60, exit=MAIL)))
    book.call("c1")
    book.pass_(59.9)
    assert moved(book) == []
    book.pass_(0.1)
    assert moved(book) == [("c1", LeaveMessage(language="zh-CN"))]
    assert reached(book) == [("c1", "presale", "wait", "voicemail")]
    assert ends(book) == [("c1", "presale", QueueEnd.TIMED_OUT)]
    assert book.domain.contacts["c1"].stage is CallStage.AFTER
    assert book.tick("c1") == LeaveMessage(language="zh-CN")  # a tick that crossed the move
    book.caller_hangs_up("c1")
    assert len(ends(book)) == 1
    assert book.figures.imbalance == 0
    assert book.timers == {}


def test_who_is_being_offered_is_under_no_limit_until_the_offer_ends() -> None:
    book = Playbook(limited(wait=WaitLimit(max=60, exit=BUSY)))
    book.call("c1")
    book.pass_(58)
    book.ready("8001")
    book.land("c1")
    book.pass_(10)
    assert reached(book) == []
    assert book.returned("c1", OfferEnd.TIMED_OUT) == goodbye("queue_full")
    assert moved(book) == []  # the answer says it
    assert reached(book) == [("c1", "presale", "wait", "announce:queue_full")]


def test_a_free_agent_is_better_than_any_exit() -> None:
    book = Playbook(
        limited(wait=WaitLimit(max=60, exit=BUSY), length=LengthLimit(max=0, exit=BUSY))
    )
    book.ready("8001")
    assert isinstance(book.call("c1"), TakeOffer)
    assert book.call("c2") == goodbye("queue_full")


# --- the length ----------------------------------------------------------------------------------


def test_a_full_queue_refuses_the_next_and_only_the_next() -> None:
    book = Playbook(limited(length=LengthLimit(max=2, exit=BUSY)))
    assert isinstance(book.call("c1"), KeepWaiting)
    assert isinstance(book.call("c2"), KeepWaiting)
    assert isinstance(book.call("other", "logistics"), KeepWaiting)
    assert book.call("c3") == goodbye("queue_full")
    assert moved(book) == []
    assert reached(book) == [("c3", "presale", "length", "announce:queue_full")]
    assert ends(book) == [("c3", "presale", QueueEnd.REFUSED)]
    assert isinstance(book.tick("c1"), KeepWaiting)
    book.caller_hangs_up("c1")
    assert isinstance(book.call("c4"), KeepWaiting)
    assert book.figures.queue("presale", book.at).ends[QueueEnd.REFUSED] == 1
    assert book.figures.imbalance == 0


def test_a_full_queue_may_overflow_and_the_place_is_kept() -> None:
    book = Playbook(limited(length=LengthLimit(max=1, exit=Exit(overflow="logistics"))))
    book.call("c1")
    book.pass_(5)
    assert isinstance(book.call("c2"), KeepWaiting)
    contact = book.domain.contacts["c2"]
    assert (contact.queue, contact.queued, contact.entered) == ("logistics", book.at, book.at)
    assert ends(book) == [("c2", "presale", QueueEnd.OVERFLOWED)]
    assert reached(book) == [("c2", "presale", "length", "overflow:logistics")]


def test_an_overflow_finds_a_free_agent_in_the_same_step() -> None:
    book = Playbook(limited(length=LengthLimit(max=0, exit=Exit(overflow="logistics"))))
    book.ready("8003")
    step = book.call("c1")
    assert isinstance(step, TakeOffer)
    assert step.agent == "8003"


def test_exits_that_point_at_each_other_end_in_an_announcement() -> None:
    full = LengthLimit(max=0, exit=Exit(overflow="logistics"))
    back = LengthLimit(max=0, exit=Exit(overflow="presale"))
    book = Playbook(limited(limited(length=full), "logistics", length=back))
    assert book.call("c1") == goodbye("queue_full")
    assert ends(book) == [
        ("c1", "presale", QueueEnd.OVERFLOWED), ("c1", "logistics", QueueEnd.REFUSED),
    ]  # fmt: skip
    assert book.figures.imbalance == 0


# --- nobody --------------------------------------------------------------------------------------


def test_nobody_signed_in_at_the_entry() -> None:
    book = Playbook(limited(nobody_signed_in=MAIL))
    book.ready("8003")  # delivers, does not sell
    assert book.call("c1") == LeaveMessage(language="zh-CN")
    assert reached(book) == [("c1", "presale", "nobody_signed_in", "voicemail")]
    assert ends(book) == [("c1", "presale", QueueEnd.REFUSED)]
    book.wish("8001", AgentWish.SIGN_IN)  # not ready is there
    assert isinstance(book.call("c2"), KeepWaiting)


def test_the_last_agent_signs_out_and_who_waits_leaves_at_once() -> None:
    book = Playbook(limited(nobody_signed_in=MAIL))
    book.wish("8001", AgentWish.SIGN_IN)
    book.wish("8002", AgentWish.SIGN_IN)
    book.call("c1")
    book.call("c2", "logistics")
    book.wish("8001", AgentWish.SIGN_OUT)
    assert moved(book) == []
    book.wish("8002", AgentWish.SIGN_OUT)
    assert moved(book) == [("c1", LeaveMessage(language="zh-CN"))]


def test_an_agent_of_a_later_ring_is_somebody() -> None:
    of = changed("logistics", rings=[Ring(after=30, skills={"logistics": 1})])
    book = Playbook(limited(of, "logistics", nobody_signed_in=MAIL, nobody_able=BUSY))
    book.wish("8004", AgentWish.SIGN_IN)
    assert isinstance(book.call("c1", "logistics"), KeepWaiting)


def test_nobody_who_could_ever_serve() -> None:
    book = Playbook(limited(queue="logistics", nobody_able=BUSY))
    assert book.call("c1", "logistics", "fr") != goodbye("queue_full")
    agents = {n: a for n, a in book.company.agents.items() if n == "8001"}
    book = Playbook(replace(book.company, agents=agents))
    assert book.call("c1", "logistics") == goodbye("queue_full")
    assert reached(book) == [("c1", "logistics", "nobody_able", "announce:queue_full")]
    assert ends(book) == [("c1", "logistics", QueueEnd.REFUSED)]


def test_an_overflow_ring_is_a_way_on_for_whom_nobody_can_serve() -> None:
    of = changed("logistics", rings=[Ring(after=30, overflow="presale")])
    of = limited(of, "logistics", nobody_able=BUSY)
    agents = {name: agent for name, agent in of.agents.items() if name == "8001"}
    book = Playbook(replace(of, agents=agents))
    assert isinstance(book.call("c1", "logistics"), KeepWaiting)


# --- closed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_open", [True, False])
def test_closed_hours_turn_away_even_beside_a_free_agent(is_open: bool) -> None:
    of = limited(changed("presale", hours="office"), closed=SHUT)
    asked: list[str] = []
    book = Playbook(of, lambda hours, now: asked.append(hours) or is_open)  # type: ignore[func-returns-value]
    book.ready("8001")
    step = book.call("c1")
    assert asked == ["office"]
    if is_open:
        assert isinstance(step, TakeOffer)
    else:
        assert step == goodbye("closed")
        assert reached(book) == [("c1", "presale", "closed", "announce:closed")]
        assert ends(book) == [("c1", "presale", QueueEnd.REFUSED)]
        assert book.offers() == []


def test_closed_may_overflow_into_a_queue_that_is_open() -> None:
    of = limited(changed("presale", hours="office"), closed=Exit(overflow="logistics"))
    book = Playbook(of, lambda hours, now: hours == "always")
    book.ready("8001", "8003")
    step = book.call("c1")
    assert isinstance(step, TakeOffer)
    assert step.agent == "8003"


def test_who_waits_when_the_hours_end_is_still_served() -> None:
    of = limited(changed("presale", hours="office"), closed=SHUT)
    closes = 1_000_100.0
    book = Playbook(of, lambda hours, now: now < closes)
    book.call("c1")
    book.pass_(200)
    assert isinstance(book.tick("c1"), KeepWaiting)


# --- callback ------------------------------------------------------------------------------------


def test_a_limit_may_lead_to_a_callback() -> None:
    book = Playbook(limited(wait=WaitLimit(max=60, exit=Exit(callback=True))))
    book.call("c1")
    book.domain.contacts["c1"].caller = "13800138000"
    book.pass_(60)
    assert moved(book) == [("c1", goodbye("callback_promised"))]
    assert ends(book) == [("c1", "presale", QueueEnd.CALLBACK)]


def test_who_cannot_be_called_back_hears_that_all_lines_are_busy() -> None:
    book = Playbook(limited(wait=WaitLimit(max=60, exit=Exit(callback=True))))
    book.call("c1")
    book.domain.contacts["c1"].caller = ""
    book.pass_(60)
    assert moved(book) == [("c1", goodbye("queue_full"))]
    assert ends(book) == [("c1", "presale", QueueEnd.TIMED_OUT)]
