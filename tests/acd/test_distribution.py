"""A contact's and an agent's life, played against the pure core."""

import pytest

from telephony.commands import KeepWaiting, ReturnToWaiting, SayGoodbye, TakeOffer, TakePicture
from telephony.events import (
    AgentAnswered,
    AgentState,
    AgentStateChanged,
    AgentWish,
    CallerArrived,
    CallerLanded,
    CallerLeftOver,
    CallStage,
    ContactAnswered,
    ContactEnded,
    LegHungUp,
    OfferEnd,
    OfferEnded,
    OfferMade,
    QueueEnd,
    QueueEntryEnded,
    TalkEnded,
)
from tests.acd.playbook import Playbook, company, offered_to


def last(book: Playbook, kind: type) -> object:
    return [event for event in book.events if isinstance(event, kind)][-1]


def test_a_free_agent_rides_in_the_answer_and_nothing_goes_over_ami() -> None:
    book = Playbook()
    book.ready("8001")
    step = book.call("c1")
    assert isinstance(step, TakeOffer)
    assert (step.agent, step.offer, step.label) == ("8001", 1, "presale")
    assert book.offers() == []
    assert book.state("8001") is AgentState.OFFERED


def test_a_whole_call() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.pass_(1)
    book.answer("c1")
    assert book.state("8001") is AgentState.TALKING
    book.pass_(30)
    step = book.agent_hangs_up("c1")
    assert step == SayGoodbye(say=("goodbye",), language="zh-CN")
    assert book.state("8001") is AgentState.WRAP_UP
    assert book.kinds("c1") == [
        "ContactArrived", "ContactQueued", "AgentStateChanged", "OfferMade", "ContactAnswered",
        "QueueEntryEnded", "AgentStateChanged", "AgentStateChanged", "TalkEnded", "ContactEnded",
    ]  # fmt: skip
    talk = last(book, TalkEnded)
    assert isinstance(talk, TalkEnded)
    assert (talk.talked, talk.by) == (30, "agent")
    book.pass_(19)
    assert book.state("8001") is AgentState.WRAP_UP
    book.pass_(1)
    assert book.state("8001") is AgentState.READY
    assert book.domain.contacts == {}
    assert book.timers == {}


def test_an_unfit_agent_is_never_offered() -> None:
    book = Playbook()
    book.ready("8003", "8004", "8001")
    assert isinstance(book.call("c1", "logistics", "en"), KeepWaiting)  # nobody speaks English
    assert offered_to(book.call("c2", "logistics")) == "8003"  # 8004 has level 2 of 3
    assert isinstance(book.call("c3", "logistics"), KeepWaiting)


def test_a_freed_agent_gets_who_waits_over_ami() -> None:
    book = Playbook()
    assert isinstance(book.call("c1"), KeepWaiting)
    book.ready("8001")
    assert book.offers() == [("c1", "8001")]


@pytest.mark.parametrize(
    "result, reason",
    [(OfferEnd.TIMED_OUT, "rona"), (OfferEnd.DECLINED, "declined"),
     (OfferEnd.UNREACHABLE, "unreachable")],
)  # fmt: skip
def test_an_unanswered_offer_keeps_the_place_and_parks_the_agent(
    result: OfferEnd, reason: str
) -> None:
    book = Playbook()
    book.ready("8001")
    book.call("first")
    book.land("first")
    book.pass_(2)
    book.call("second")
    book.pass_(12)
    step = book.returned("first", result)
    assert isinstance(step, KeepWaiting)
    agent = book.domain.agents["8001"]
    assert (agent.state, agent.reason) == (AgentState.NOT_READY, reason)
    book.ready("8002")
    assert book.offers()[-1] == ("first", "8002")  # before the second, who came later
    assert book.domain.contacts["first"].queued == 1_000_001.0


def test_the_next_agent_is_offered_in_the_answer_to_an_offers_end() -> None:
    book = Playbook()
    book.ready("8001", "8002")
    assert offered_to(book.call("c1")) == "8001"
    book.land("c1")
    step = book.returned("c1", OfferEnd.DECLINED)
    assert isinstance(step, TakeOffer)
    assert (step.agent, step.offer) == ("8002", 2)


@pytest.mark.parametrize("stage", ["menu", "waiting", "offered", "talking", "after"])
def test_a_caller_may_hang_up_anywhere(stage: str) -> None:
    book = Playbook()
    if stage == "menu":
        book.tell(CallerArrived(contact="c1", channel="ch-c1", caller="1", dialled="8000"))
    if stage in ("offered", "talking", "after"):
        book.ready("8001")
    if stage != "menu":
        book.call("c1")
    book.pass_(1)
    if stage in ("talking", "after"):
        book.answer("c1")
        book.pass_(7)
    if stage == "after":
        book.agent_leg_gone("c1", "8001")
        book.tell(CallerLeftOver(contact="c1"))
    book.caller_hangs_up("c1")
    ended = last(book, ContactEnded)
    assert isinstance(ended, ContactEnded)
    assert ended.stage == stage
    assert book.domain.contacts == {}
    assert not [key for key in book.timers if key.endswith("c1")]
    if stage == "offered":
        offer = last(book, OfferEnded)
        assert isinstance(offer, OfferEnded)
        assert offer.result is OfferEnd.CALLER_GONE
        assert book.state("8001") is AgentState.READY
    if stage in ("waiting", "offered"):
        assert last(book, QueueEntryEnded).end is QueueEnd.SHORT_ABANDONED  # type: ignore[attr-defined]
    if stage in ("talking", "after"):
        assert book.state("8001") is AgentState.WRAP_UP
        assert last(book, TalkEnded).talked == 7  # type: ignore[attr-defined]


def test_a_long_wait_is_abandoned_not_short() -> None:
    book = Playbook()
    book.call("c1")
    book.pass_(5)
    book.caller_hangs_up("c1")
    entry = last(book, QueueEntryEnded)
    assert isinstance(entry, QueueEntryEnded)
    assert (entry.end, entry.waited) == (QueueEnd.ABANDONED, 5)


def test_a_withdrawn_offer_does_not_cost_the_agent_its_turn() -> None:
    book = Playbook()
    book.ready("8001", "8002")
    book.call("c1")
    book.pass_(3)
    book.caller_hangs_up("c1")
    assert offered_to(book.call("c2")) == "8001"


def test_priority_goes_first_and_then_waiting_against_the_target() -> None:
    book = Playbook()
    book.call("slow", "logistics")  # target 40 s
    book.pass_(5)
    book.call("quick", "presale")  # target 20 s
    book.pass_(20)
    book.ready("8002")
    assert book.offers() == [("quick", "8002")]  # 20/20 against 25/40
    book.answer("quick")
    book.call("vip", "vip")
    book.ready("8001")
    assert book.offers()[-1] == ("vip", "8001")


def test_a_redirect_that_never_lands_frees_the_agent_and_asks_before_trying_again() -> None:
    book = Playbook()
    book.call("c1")
    book.ready("8001")
    book.pass_(2.5)
    assert last(book, OfferEnded).result is OfferEnd.NOT_LANDED  # type: ignore[attr-defined]
    assert any(isinstance(command, TakePicture) for command in book.commands)
    assert book.state("8001") is AgentState.READY
    assert book.offers() == [("c1", "8001")]  # not again while the channel is in doubt
    step = book.tick("c1")  # the tick is the proof that the caller waits
    assert isinstance(step, TakeOffer)
    assert step.offer == 2


def test_a_late_landing_goes_back_to_the_loop() -> None:
    book = Playbook()
    book.call("c1")
    book.ready("8001")
    book.pass_(2.5)
    book.tell(CallerLanded(at=book.at, contact="c1", agent="8001", offer=1))
    assert book.commands[-1] == ReturnToWaiting(contact="c1", channel="ch-c1")
    assert book.domain.contacts["c1"].stage is CallStage.WAITING


def test_a_tick_while_a_redirect_is_on_its_way_changes_nothing() -> None:
    book = Playbook()
    book.call("c1")
    book.ready("8001")
    assert book.tick("c1") == KeepWaiting(language="zh-CN")
    assert book.domain.contacts["c1"].stage is CallStage.OFFERED


def test_position_is_announced_at_once_and_then_at_intervals() -> None:
    book = Playbook()
    book.ready("8001")
    book.wish("8001", AgentWish.NOT_READY)
    assert book.call("c1").say == ("position_1",)
    assert book.call("c2").say == ("position_2",)
    book.pass_(10)
    assert book.tick("c2").say == ()
    book.pass_(21)
    assert book.tick("c2").say == ("position_2",)
    book.caller_hangs_up("c1")
    book.pass_(31)
    assert book.tick("c2").say == ("position_1",)


def test_the_first_ten_positions_have_prompts_of_their_own() -> None:
    book = Playbook()
    book.wish("8001", AgentWish.SIGN_IN)
    said = [book.call(f"c{number:02}").say for number in range(1, 13)]  # type: ignore[union-attr]
    assert said[0] == ("position_1",)
    assert said[9:] == [("position_10",), ("position_more",), ("position_more",)]


def test_with_nobody_signed_in_the_caller_is_told_so() -> None:
    book = Playbook()
    assert book.call("c1").say == ("nobody_signed_in",)


def test_the_longest_wait_ends_with_an_apology() -> None:
    book = Playbook(company(max_wait=60))
    book.call("c1")
    book.pass_(61)
    assert book.tick("c1") == SayGoodbye(say=("queue_full",), language="zh-CN")
    book.caller_hangs_up("c1")
    ends = [e.end for e in book.events if isinstance(e, QueueEntryEnded)]
    assert ends == [QueueEnd.TIMED_OUT]


def test_a_menu_asked_twice_is_one_contact() -> None:
    book = Playbook()
    for channel in ("ch-c1", "ch-c1"):
        book.tell(CallerArrived(contact="c1", channel=channel, caller="1", dialled="8000"))
    assert book.kinds() == ["ContactArrived"]


def test_repeated_and_unknown_events_change_nothing_and_are_counted() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.answer("c1")
    before = (len(book.events), book.state("8001"))
    book.tell(CallerLanded(at=book.at, contact="c1", agent="8001", offer=1))
    book.tell(CallerLanded(at=book.at, contact="nobody", agent="8001", offer=1))
    book.tell(LegHungUp(at=book.at, contact="nobody", channel="x", agent="", cause=0))
    book.returned("c1", OfferEnd.TIMED_OUT)
    assert (len(book.events), book.state("8001")) == before
    assert book.domain.strays.total() == 4


def test_an_answer_by_the_fallback_queue_is_adopted() -> None:
    book = Playbook()
    book.call("c1")
    book.wish("8001", AgentWish.SIGN_IN)
    book.pass_(8)
    book.tell(AgentAnswered(at=book.at, contact="c1", agent="8001", offer=0, channel="agent"))
    answered = last(book, ContactAnswered)
    assert isinstance(answered, ContactAnswered)
    assert answered.adopted
    assert answered.waited == 8
    assert book.state("8001") is AgentState.TALKING


def test_a_wait_that_only_the_channel_remembers_is_adopted_with_its_place() -> None:
    book = Playbook()
    step = book.tick(
        "old", HUAWU_QUEUE="presale", HUAWU_ENQUEUED=str(book.at - 50), HUAWU_LANGUAGE="zh-CN"
    )
    assert isinstance(step, KeepWaiting)
    book.call("new")
    book.ready("8001")
    assert book.offers() == [("old", "8001")]


def test_a_tick_of_a_channel_that_names_no_queue_ends_politely() -> None:
    book = Playbook()
    assert book.tick("stranger") == SayGoodbye(say=("apology",))
    assert book.domain.strays.total() == 1


def test_every_state_change_names_its_author_and_reason() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.answer("c1")
    book.agent_hangs_up("c1")
    changes = [event for event in book.events if isinstance(event, AgentStateChanged)]
    assert [(change.state, change.author) for change in changes] == [
        ("not_ready", "agent:8001"), ("ready", "agent:8001"), ("offered", "rule:offer"),
        ("talking", "rule:answer"), ("wrap_up", "rule:wrap_up"),
    ]  # fmt: skip


def test_the_reason_of_an_offer_says_who_was_considered_and_why_others_were_not() -> None:
    book = Playbook()
    book.ready("8002", "8001")
    book.wish("8003", AgentWish.SIGN_IN)
    book.call("c1")
    made = last(book, OfferMade)
    assert isinstance(made, OfferMade)
    assert [entry["agent"] for entry in made.reason["considered"]] == ["8002", "8001"]
    assert {e["agent"]: e["why"] for e in made.reason["not_considered"]} == {
        "8003": "skill:presale:0<1",
        "8004": "skill:presale:0<1",
    }
