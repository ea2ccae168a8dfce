"""Passing callers on, asking first, three on a line, hold; and a hang-up at every point of it."""

import dataclasses
from typing import Any, TypeVar

import pytest

from acd.contact import Contact
from acd.queue_log import QueueLog
from acd.rules import Exit
from acd.simulation.replay import replay
from acd.wishes import ActionRefused
from telephony.commands import (
    EndCall,
    EnterRoom,
    FollowIntoRoom,
    KeepEntry,
    KeepWaiting,
    NextStep,
    OfferContact,
    PassOutside,
    PassToMenu,
    ReturnToWaiting,
    SayGoodbye,
    StartConsult,
    TakePicture,
)
from telephony.events import (
    OUTSIDE,
    AgentJoined,
    AgentState,
    AgentWish,
    CallerLeftOver,
    CallStage,
    ConsultEnd,
    ConsultEnded,
    ConsultReturned,
    ContactAnswered,
    ContactQueued,
    ContactTransferred,
    HoldEnded,
    LegFound,
    LegHungUp,
    MenuFinished,
    OfferEnd,
    OfferMade,
    OutsideReturned,
    Party,
    PictureTaken,
    Question,
    RecordedEvent,
    TalkEnded,
    WireEvent,
)
from tests.acd.playbook import offered_to
from tests.acd.transfer_book import TransferBook

E = TypeVar("E", bound=RecordedEvent)


@pytest.fixture
def book() -> TransferBook:
    """A caller talks with 8001; 8002 is free."""
    book = TransferBook()
    book.talk()
    book.ready("8002")
    return book


def contact(book: TransferBook) -> Contact:
    return book.domain.contacts["c1"]


def last(book: TransferBook, kind: type[E]) -> E:
    return [event for event in book.events if isinstance(event, kind)][-1]


def all_of(book: TransferBook, kind: type[E]) -> list[E]:
    return [event for event in book.events if isinstance(event, kind)]


def check(book: TransferBook) -> None:
    """What holds at every moment."""
    assert book.figures.imbalance == 0
    made = [e for e in book.events if isinstance(e, OfferMade | AgentJoined)]
    numbers = [(e.contact, e.offer) for e in made]
    assert len(numbers) == len(set(numbers))


# --- at once -------------------------------------------------------------------------------------


@pytest.mark.parametrize("credit, kept", [(1.0, 30), (0.5, 15), (0.0, 0)])
def test_a_queue_grants_its_share_of_the_time_waited_before(credit: float, kept: float) -> None:
    book = TransferBook(credit)
    book.call("c1")
    book.pass_(29)
    book.ready("8001")
    book.answer("c1")
    book.pass_(100)
    book.pass_on("queue", "logistics", by="agent:8001")
    assert contact(book).stage is CallStage.WAITING
    assert book.at - contact(book).queued == pytest.approx(kept)
    queued = last(book, ContactQueued)
    assert (queued.queue, queued.why) == ("logistics", "transfer")
    assert book.state("8001") is AgentState.WRAP_UP
    assert last(book, TalkEnded).by is Party.AGENT
    kinds = book.kinds("c1")
    assert kinds.index("ContactTransferred") < kinds.index("TalkEnded") < len(kinds) - 1
    entry, back = book.ordered(KeepEntry, ReturnToWaiting)[-2:]
    assert isinstance(entry, KeepEntry)
    assert entry.queue == "logistics"
    assert isinstance(back, ReturnToWaiting)
    assert back.channel == "ch-c1"
    for name in ("presale", "logistics"):
        assert book.figures.queue(name, book.at).offered == 1
    assert book.figures.queue("presale", book.at).transferred == 1
    check(book)


def test_a_free_agent_of_the_queue_gets_the_caller_without_a_way_round() -> None:
    book = TransferBook()
    book.talk()
    book.ready("8003")
    book.pass_on("queue", "logistics")
    assert book.offers()[-1] == ("c1", "8003")
    assert last(book, OfferMade).offer == 2
    assert not book.ordered(ReturnToWaiting)
    book.answer("c1")
    assert last(book, ContactAnswered).queue == "logistics"
    book.leg_gone("8001")  # the old leg, late
    assert book.state("8003") is AgentState.TALKING
    check(book)


def test_wrap_up_is_not_lost_on_transfer(book: TransferBook) -> None:
    book.pass_on("queue", "logistics", by="agent:8001")
    assert book.state("8001") is AgentState.WRAP_UP
    book.leg_gone("8001")
    book.pass_(19)
    assert book.state("8001") is AgentState.WRAP_UP
    book.pass_(2)
    assert book.state("8001") is AgentState.READY


def test_an_agent_who_is_busy_is_waited_for_and_then_anybody_may(book: TransferBook) -> None:
    book.wish("8002", AgentWish.SIGN_OUT)
    book.ready("8003")
    book.call("c2", "logistics")
    book.answer("c2")
    assert book.state("8003") is AgentState.TALKING
    book.pass_on("agent", "8003", by="agent:8001")
    assert contact(book).queue == "presale"
    book.pass_(21)
    assert book.state("8001") is AgentState.READY  # could serve, and has to leave it to 8003
    assert contact(book).stage is CallStage.WAITING
    book.pass_(10)
    assert book.offers()[-1] == ("c1", "8001")
    check(book)


def test_a_free_agent_gets_a_caller_passed_on_whatever_the_skills(book: TransferBook) -> None:
    book.ready("8003")
    book.pass_on("agent", "8003")
    assert book.offers()[-1] == ("c1", "8003")


def test_to_the_menu_and_from_there_to_another_queue(book: TransferBook) -> None:
    book.pass_on("node", "main_menu")
    assert contact(book).stage is CallStage.MENU
    (passed,) = book.ordered(PassToMenu)
    assert isinstance(passed, PassToMenu)
    assert (passed.channel, passed.node) == ("ch-c1", "main_menu")
    assert book.figures.in_menu == 1
    step = book.tell(MenuFinished(contact="c1", queue="logistics", language="zh-CN"))
    assert step is not None
    assert offered_to(step) == "8002"
    assert book.figures.in_menu == 0
    check(book)


def test_outside_until_somebody_hangs_up(book: TransferBook) -> None:
    book.pass_on("outside", "40012345")
    assert contact(book).stage is CallStage.OUTSIDE
    (passed,) = book.ordered(PassOutside)
    assert isinstance(passed, PassOutside)
    assert passed.number == "40012345"
    assert isinstance(book.tell(CallerLeftOver(contact="c1")), SayGoodbye)
    assert contact(book).stage is CallStage.AFTER
    book.caller_hangs_up("c1")
    check(book)


def test_nobody_outside_answers(book: TransferBook) -> None:
    book.wish("8002", AgentWish.SIGN_OUT)
    place = contact(book).queued
    book.pass_on("outside", "95588")
    book.pass_(40)
    answer = book.tell(OutsideReturned(contact="c1"))
    assert answer is not None  # 8001 is ready again, or the caller waits
    assert contact(book).queued == place
    assert last(book, ContactQueued).why == "outside_failed"
    check(book)


@pytest.mark.parametrize(
    "target, to, attended, code",
    [
        ("queue", "nowhere", False, "unknown_queue"),
        ("agent", "9999", False, "unknown_agent"),
        ("agent", "8001", False, "same_agent"),
        ("agent", "8004", False, "agent_signed_out"),
        ("agent", "8003", True, "agent_not_free"),
        ("queue", "vip", True, "nobody_free"),
        ("node", "main_menu", True, "not_attended"),
        ("node", "gone", False, "unknown_node"),
        ("outside", "955881", False, "number_not_allowed"),
        ("outside", "9558", True, "number_not_allowed"),
        ("outside", "4001*5", False, "number_not_allowed"),
        ("outside", "4001(5", False, "number_not_allowed"),
        ("outside", "", False, "number_not_allowed"),
    ],
)
def test_refusals_change_nothing(
    book: TransferBook, target: str, to: str, attended: bool, code: str
) -> None:
    book.domain.is_node = lambda node: node == "main_menu"
    book.wish("8003", AgentWish.SIGN_IN)
    before = (len(book.events), len(book.commands), contact(book).plain())
    with pytest.raises(ActionRefused) as refused:
        book.pass_on(target, to, attended=attended)
    assert refused.value.code == code
    assert (len(book.events), len(book.commands), contact(book).plain()) == before


def test_not_into_a_queue_that_is_closed() -> None:
    book = TransferBook()
    book.talk()
    vip = book.company.queue("vip")
    limits = vip.limits.model_copy(update={"closed": Exit(announce="closed")})
    closed = vip.model_copy(update={"limits": limits, "hours": "day"})
    book.domain.company = dataclasses.replace(
        book.company, queues={**book.company.queues, "vip": closed}
    )
    book.domain.is_open = lambda hours, now: hours != "day"
    with pytest.raises(ActionRefused) as refused:
        book.pass_on("queue", "vip")
    assert refused.value.code == "queue_closed"
    book.pass_on("queue", "logistics")


def test_only_the_own_talk_and_only_a_talk(book: TransferBook) -> None:
    with pytest.raises(ActionRefused, match="another agent"):
        book.pass_on("queue", "logistics", by="agent:8002")
    with pytest.raises(ActionRefused, match="nobody is asked"):
        book.step("complete")
    book.agent_leg_gone("c1", "8001")
    with pytest.raises(ActionRefused) as refused:
        book.pass_on("queue", "logistics")
    assert refused.value.code == "no_talk"


# --- asking first --------------------------------------------------------------------------------


def test_the_colleague_takes_over(book: TransferBook) -> None:
    book.pass_(10)
    book.ask()
    (start,) = book.ordered(StartConsult)
    assert isinstance(start, StartConsult)
    assert (start.channel, start.leg, start.agent, start.offer) == ("ch-c1", "leg-8001", "8002", 2)
    assert book.state("8002") is AgentState.OFFERED
    assert not [e for e in book.events if isinstance(e, OfferMade) and e.agent == "8002"]
    book.pass_(3)
    book.colleague_answers()
    assert book.state("8002") is AgentState.TALKING
    with pytest.raises(ActionRefused, match="already"):
        book.pass_on("queue", "logistics")
    book.pass_(7)
    book.step("complete")
    enter = book.ordered(EnterRoom)[-1]
    assert enter == EnterRoom(contact="c1", legs=("leg-8002",), released="leg-8001")
    assert contact(book).agent == "8001"  # until the leg has landed
    book.joins("8002", 2)
    assert book.ordered(FollowIntoRoom) == [FollowIntoRoom(contact="c1", channel="ch-c1")]
    assert last(book, ConsultEnded).result is ConsultEnd.TRANSFERRED
    transferred = last(book, ContactTransferred)
    assert (transferred.how, transferred.to, transferred.agent) == ("attended", "8002", "8001")
    talk = last(book, TalkEnded)
    assert (talk.agent, talk.offer, talk.talked, talk.held) == ("8001", 1, pytest.approx(11), 10)
    assert book.state("8001") is AgentState.WRAP_UP
    assert (contact(book).agent, contact(book).offer) == ("8002", 2)
    book.leg_gone("8001")
    book.pass_(30)
    book.agent_hangs_up("c1")
    talk = last(book, TalkEnded)
    assert (talk.agent, talk.offer, talk.talked, talk.held) == ("8002", 2, pytest.approx(30), 0)
    assert book.state("8002") is AgentState.WRAP_UP
    figures = book.figures.queue("presale", book.at)
    assert (figures.offered, figures.average_hold, figures.holds) == (1, 10, 1)
    assert book.figures.agent("8002", book.at).consults == 1
    check(book)


def test_the_queues_best_free_agent_is_asked(book: TransferBook) -> None:
    book.ready("8003")
    book.ask("logistics", "queue")
    assert book.consult.to == "8002"  # idle for longer


@pytest.mark.parametrize(
    "result, state, end",
    [
        (OfferEnd.DECLINED, AgentState.NOT_READY, ConsultEnd.DECLINED),
        (OfferEnd.TIMED_OUT, AgentState.NOT_READY, ConsultEnd.TIMED_OUT),
        (OfferEnd.UNREACHABLE, AgentState.NOT_READY, ConsultEnd.UNREACHABLE),
        (OfferEnd.NOT_LANDED, AgentState.READY, ConsultEnd.LOST),
    ],
)
def test_a_colleague_who_does_not_answer(
    book: TransferBook, result: OfferEnd, state: AgentState, end: ConsultEnd
) -> None:
    book.ask()
    book.pass_(6)
    book.comes_back(result)
    assert book.state("8002") is state
    assert last(book, ConsultEnded).result is end
    assert contact(book).consult is None
    assert book.state("8001") is AgentState.TALKING
    assert len(book.ordered(FollowIntoRoom)) == 1
    assert last(book, HoldEnded).seconds == 6
    check(book)


def test_back_to_the_caller_and_the_next_question_has_its_own_number(book: TransferBook) -> None:
    book.ask()
    book.colleague_answers()
    offer = book.consult.offer
    book.step("cancel")
    assert book.state("8002") is AgentState.READY
    assert book.ordered(EndCall) == [EndCall(contact="c1", channel="leg-8002")]
    book.leg_gone("8002")
    book.tell(ConsultReturned(at=book.at, contact="c1", offer=offer, result=None))
    book.joins("8001")
    assert not book.domain.strays
    assert last(book, ConsultEnded).result is ConsultEnd.CANCELLED
    book.ask()
    assert book.consult.offer == 3
    book.colleague_answers()
    book.step("complete")
    book.joins("8002", 3)
    assert contact(book).offer == 3
    check(book)


def test_somebody_outside_is_asked_and_takes_over(book: TransferBook) -> None:
    book.ask("95588", "outside")
    (start,) = book.ordered(StartConsult)
    assert isinstance(start, StartConsult)
    assert (start.agent, start.number) == ("", "95588")
    book.colleague_answers()
    book.step("complete")
    book.joins(OUTSIDE, 2)
    assert contact(book).stage is CallStage.OUTSIDE
    assert book.state("8001") is AgentState.WRAP_UP
    assert last(book, ContactTransferred).to == "95588"
    book.caller_hangs_up("c1")
    check(book)


def test_three_talk_and_any_agent_may_leave(book: TransferBook) -> None:
    book.conference()
    legs = ("leg-8001", "leg-8002")
    assert book.ordered(EnterRoom)[-1] == EnterRoom(contact="c1", legs=legs)
    assert len(book.ordered(FollowIntoRoom)) == 1
    joined = last(book, AgentJoined)
    assert (joined.agent, joined.offer, joined.how) == ("8002", 2, "conference")
    assert book.figures.queue("presale", book.at).talking == 1
    book.pass_(20)
    book.leg_gone("8001")
    assert (last(book, TalkEnded).agent, contact(book).agent) == ("8001", "8002")
    assert book.state("8001") is AgentState.WRAP_UP
    book.pass_(5)
    book.agent_hangs_up("c1")
    talk = last(book, TalkEnded)
    assert (talk.agent, talk.offer, talk.talked) == ("8002", 2, 25)
    check(book)


def test_three_talk_and_the_colleague_leaves(book: TransferBook) -> None:
    book.conference()
    book.pass_(20)
    book.leg_gone("8002")
    assert book.state("8002") is AgentState.WRAP_UP
    assert (last(book, TalkEnded).agent, last(book, TalkEnded).talked) == ("8002", 20)
    assert contact(book).agent == "8001"
    book.pass_on("queue", "logistics", by="agent:8001")
    assert last(book, TalkEnded).agent == "8001"
    assert contact(book).stage is CallStage.WAITING
    check(book)


def test_three_talk_and_the_caller_leaves(book: TransferBook) -> None:
    book.conference()
    book.pass_(20)
    book.caller_hangs_up("c1")
    assert {talk.agent for talk in all_of(book, TalkEnded)} == {"8001", "8002"}
    assert (book.state("8001"), book.state("8002")) == (AgentState.WRAP_UP, AgentState.WRAP_UP)
    assert not book.ordered(EndCall)  # the dialplan empties the room
    check(book)


def test_three_talk_with_somebody_outside(book: TransferBook) -> None:
    book.ask("95588", "outside")
    book.colleague_answers()
    book.step("conference")
    book.joins("8001")
    book.joins(OUTSIDE, 2)
    book.leg_gone("8001")
    assert contact(book).stage is CallStage.OUTSIDE
    assert book.state("8001") is AgentState.WRAP_UP


def test_somebody_outside_leaves_the_three(book: TransferBook) -> None:
    book.ask("95588", "outside")
    book.colleague_answers()
    book.step("conference")
    book.joins("8001")
    book.joins(OUTSIDE, 2)
    book.leg_gone(OUTSIDE)
    assert contact(book).consult is None
    assert contact(book).stage is CallStage.TALKING


# --- hang-ups at every point ---------------------------------------------------------------------


def test_the_agent_hangs_up_while_the_colleagues_phone_rings(book: TransferBook) -> None:
    place = contact(book).queued
    book.ask("8002")
    book.pass_(2)
    book.leg_gone("8001")
    assert last(book, ConsultEnded).result is ConsultEnd.LEFT
    assert contact(book).queued == place
    assert last(book, ContactQueued).why == "left_alone"
    assert book.state("8001") is AgentState.WRAP_UP
    assert book.offers()[-1] == ("c1", "8002")  # now by the queue's rules
    assert last(book, OfferMade).offer == 3
    check(book)


def test_the_agent_hangs_up_while_the_colleague_talks(book: TransferBook) -> None:
    """As on a desk phone, that completes the transfer: the colleague goes on by itself."""
    book.ask()
    book.colleague_answers()
    book.pass_(5)
    book.leg_gone("8001")
    assert book.state("8001") is AgentState.WRAP_UP
    book.joins("8002", 2)
    assert contact(book).agent == "8002"
    assert last(book, ContactTransferred).how == "attended"
    assert last(book, TalkEnded).held == 5
    check(book)


def test_agent_and_colleague_hang_up_at_once(book: TransferBook) -> None:
    book.ask()
    book.colleague_answers()
    book.leg_gone("8001")
    book.leg_gone("8002")
    assert last(book, ContactQueued).why == "left_alone"
    assert book.offers()[-1] == ("c1", "8002")
    check(book)


def test_the_colleague_hangs_up_while_asked(book: TransferBook) -> None:
    book.ask()
    book.colleague_answers()
    book.pass_(8)
    book.leg_gone("8002")
    book.comes_back(None)
    assert last(book, ConsultEnded).result is ConsultEnd.LEFT
    assert last(book, ConsultEnded).talked == 8
    assert book.state("8002") is AgentState.READY
    assert book.state("8001") is AgentState.TALKING
    check(book)


def test_back_to_the_caller_while_it_rings(book: TransferBook) -> None:
    book.ask()
    book.step("cancel")
    assert book.ordered(EnterRoom)[-1] == EnterRoom(contact="c1", legs=("leg-8001",))
    assert book.state("8002") is AgentState.READY
    book.joins("8001")
    assert len(book.ordered(FollowIntoRoom)) == 1


@pytest.mark.parametrize("answered", [False, True])
def test_the_caller_hangs_up_on_hold(book: TransferBook, answered: bool) -> None:
    book.ask()
    if answered:
        book.colleague_answers()
    book.pass_(4)
    book.caller_hangs_up("c1")
    assert "c1" not in book.domain.contacts
    assert last(book, ConsultEnded).result is ConsultEnd.CALLER_GONE
    assert last(book, TalkEnded).held == 4
    assert book.state("8001") is AgentState.WRAP_UP
    assert book.state("8002") is AgentState.READY
    legs = [command.channel for command in book.commands if isinstance(command, EndCall)]
    assert legs == (["leg-8002", "leg-8001"] if answered else ["leg-8001"])
    check(book)


def test_a_caller_whom_everybody_has_left_waits_by_its_own_word(book: TransferBook) -> None:
    book.ask()
    book.colleague_answers()
    answer = book.tick("c1")  # the dialplan has found no leg, and waits
    assert contact(book).stage in (CallStage.WAITING, CallStage.OFFERED)
    assert answer is not None
    assert not isinstance(answer, SayGoodbye)
    check(book)


def test_a_caller_passed_on_while_the_agent_hangs_up_is_not_sent_away(book: TransferBook) -> None:
    book.pass_on("queue", "vip", by="agent:8001")
    assert isinstance(book.tell(CallerLeftOver(contact="c1")), KeepWaiting)
    assert contact(book).stage is CallStage.WAITING


# --- what a picture shows ------------------------------------------------------------------------


def leg(agent: str, bridge: str, context: str = "huawu-room") -> LegFound:
    return LegFound(
        contact="c1",
        channel=f"leg-{agent}" if agent else "ch-c1",
        agent=agent,
        context=context,
        application="",
        bridge=bridge,
        variables={"HUAWU_QUEUE": "presale", "HUAWU_OFFER": "1"},
    )


def look(book: TransferBook, *legs: LegFound) -> None:
    book.pass_(1)
    book.tell(
        PictureTaken(at=book.at, legs=legs, phones=frozenset({"8001", "8002", "8003", "8004"}))
    )


def reborn(book: TransferBook) -> TransferBook:
    """Another controller, with what the store remembers."""
    other = TransferBook()
    other.at = book.at
    domain = book.domain
    other.figures, other.timers = book.figures, {}
    other.events = book.events
    other.take(
        other.distribution.restore(
            [Contact.from_plain(c.plain()) for c in domain.contacts.values()],
            list(domain.agents.values()),
            other.at,
        )
    )
    return other


HOLD, CONSULT = "huawu-hold", "huawu-consult-dial"


def test_a_consultation_goes_on_over_the_controllers_death(book: TransferBook) -> None:
    book.ask()
    book.colleague_answers()
    other = reborn(book)
    look(other, leg("", "", HOLD), leg("8001", "b1", CONSULT), leg("8002", "b1", CONSULT))
    assert (other.state("8001"), other.state("8002")) == (AgentState.TALKING, AgentState.TALKING)
    other.step("complete")
    other.joins("8002", 2)
    assert contact(other).agent == "8002"
    check(other)


def test_an_answer_nobody_saw(book: TransferBook) -> None:
    book.ask()
    other = reborn(book)
    look(other, leg("", "", HOLD), leg("8001", "b1", CONSULT), leg("8002", "b1", CONSULT))
    assert other.state("8002") is AgentState.TALKING
    other.step("conference")


def test_a_ringing_phone_is_left_alone(book: TransferBook) -> None:
    book.ask()
    look(book, leg("", "", HOLD), leg("8001", "", CONSULT), leg("8002", "", CONSULT))
    assert book.state("8002") is AgentState.OFFERED


def test_a_takeover_nobody_saw(book: TransferBook) -> None:
    book.ask()
    book.colleague_answers()
    other = reborn(book)
    look(other, leg("", "b1"), leg("8002", "b1"))
    assert contact(other).agent == "8002"
    assert other.state("8001") is AgentState.WRAP_UP
    check(other)


def test_a_conference_nobody_saw(book: TransferBook) -> None:
    book.ask()
    look(book, leg("", "b1"), leg("8001", "b1"), leg("8002", "b1"))
    assert last(book, ConsultEnded).result is ConsultEnd.CONFERENCE
    assert (book.state("8001"), book.state("8002")) == (AgentState.TALKING, AgentState.TALKING)
    assert contact(book).held_since == 0
    check(book)


def test_a_return_nobody_saw(book: TransferBook) -> None:
    book.ask()
    book.colleague_answers()
    look(book, leg("", "b1"), leg("8001", "b1"))
    assert contact(book).consult is None
    assert book.state("8002") is AgentState.READY
    assert contact(book).held_since == 0
    check(book)


def test_an_agent_who_left_the_three_unseen(book: TransferBook) -> None:
    book.conference()
    look(book, leg("", "b1"), leg("8002", "b1"))
    assert contact(book).agent == "8002"
    assert book.state("8001") is AgentState.WRAP_UP
    check(book)


def test_a_caller_left_alone_unseen(book: TransferBook) -> None:
    book.ask()
    book.colleague_answers()
    look(book, leg("", "", HOLD))
    assert contact(book).stage in (CallStage.WAITING, CallStage.OFFERED)
    assert book.ordered(ReturnToWaiting, OfferContact)
    check(book)


def test_a_lost_redirect_leaves_the_talk_as_it_was(book: TransferBook) -> None:
    book.pass_on("agent", "8002", attended=True)
    book.pass_(3)
    assert isinstance(book.commands[-1], TakePicture)
    look(book, leg("", "b1", "huawu-offer"), leg("8001", "b1", "from-agents"))
    assert contact(book).consult is None
    assert contact(book).held_since == 0
    assert book.state("8002") is AgentState.READY


# --- hold ----------------------------------------------------------------------------------------


def test_hold_by_the_phone_is_no_talk(book: TransferBook) -> None:
    book.pass_(9)
    book.hold(on=True)
    book.pass_(30)
    book.hold(on=False)
    book.pass_(5)
    book.hold(on=True)
    book.pass_(2)
    book.caller_hangs_up("c1")
    talk = last(book, TalkEnded)
    assert (talk.talked, talk.held) == (pytest.approx(15), 32)
    assert [hold.seconds for hold in all_of(book, HoldEnded)] == [30, 2]
    book.pass_(20)
    figures = book.figures.queue("presale", book.at)
    assert (figures.average_hold, figures.holds) == (32, 2)
    assert figures.aht == pytest.approx(15 + 32 + 20)


def test_hold_of_somebody_else_is_nobodys(book: TransferBook) -> None:
    book.hold(on=True, agent="8002")
    book.hold(on=False)
    assert not all_of(book, HoldEnded)


# --- numbers, log --------------------------------------------------------------------------------


def test_an_adopted_talk_takes_no_number_back(book: TransferBook) -> None:
    book.pass_on("queue", "vip")
    before = contact(book).count
    known = contact(book)
    book.pass_(1)
    look(book, leg("", "b1", "huawu-fallback"), leg("8002", "b1", "from-agents"))
    assert known.stage is CallStage.TALKING
    assert known.offer == 1  # as the dialplan says
    book.joined_leg("c1", "8002")
    book.pass_on("queue", "vip")
    assert contact(book).offer >= before


def rows(events: list[RecordedEvent]) -> list[tuple[str, str]]:
    log = QueueLog()
    found: list[Any] = [log.row(event) for event in events]
    return [(row.event, row.words) for row in found if row]


def test_transfers_stand_in_the_queue_log(book: TransferBook) -> None:
    book.pass_(4)
    book.ask()
    book.colleague_answers()
    book.step("complete")
    book.joins("8002", 2)
    book.pass_(6)
    book.joined_leg("c1", "8002")
    book.pass_on("queue", "logistics", by="agent:8002")
    assert [name for name, _ in rows(book.events)] == [
        "ENTERQUEUE", "CONNECT", "ATTENDEDTRANSFER", "ENTERQUEUE",
    ]  # fmt: skip
    assert dict(rows(book.events))["ATTENDEDTRANSFER"] == "APP|ConfBridge|0|5|1"
    other = TransferBook()
    other.talk()
    other.pass_on("node", "main_menu")
    assert rows(other.events)[-1] == ("BLINDTRANSFER", "main_menu|huawu-menu|0|0|1")


def test_a_leg_of_a_contact_that_is_gone_is_a_stray(book: TransferBook) -> None:
    book.caller_hangs_up("c1")
    book.tell(LegHungUp(at=book.at, contact="c1", channel="x", agent=OUTSIDE, cause=16))
    assert book.domain.strays["LegHungUp"] == 1


class Ticking(TransferBook):
    """A decision has a moment of its own, as in a log."""

    def tell(self, event: WireEvent | Question) -> NextStep | None:
        self.at += 0.001
        return super().tell(event)


def test_a_recorded_transfer_is_replayed() -> None:
    book = Ticking()
    steps = [
        lambda: book.talk(),
        lambda: book.ready("8002", "8003"),
        lambda: book.hold(on=True),
        lambda: book.hold(on=False),
        lambda: book.ask(),
        lambda: book.colleague_answers(),
        lambda: book.step("conference"),
        lambda: book.joins("8001"),
        lambda: book.joins("8002", 2),
        lambda: book.leg_gone("8001"),
        lambda: book.pass_on("queue", "logistics", by="agent:8002"),
        lambda: book.answer("c1"),
        lambda: book.agent_hangs_up("c1"),
    ]
    for step in steps:
        step()
        book.pass_(1.5)
    found = replay(book.events, book.company)
    assert found.decisions > len(steps)
    assert (found.differences, found.unexplained) == ([], [])
