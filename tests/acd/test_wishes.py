"""What agents may ask for, when, and what happens to a wish during a call."""

from dataclasses import replace

import pytest

from acd.rules import Routing
from acd.wishes import ActionRefused
from telephony.events import AgentState, AgentWish, CallStage, OfferEnd, PhoneChanged
from tests.acd.playbook import Playbook, company


@pytest.mark.parametrize(
    "wish, code",
    [
        (AgentWish.READY, "not_signed_in"),
        (AgentWish.NOT_READY, "not_signed_in"),
        (AgentWish.SIGN_OUT, "not_signed_in"),
    ],
)
def test_a_signed_out_agent_must_sign_in_first(wish: AgentWish, code: str) -> None:
    book = Playbook()
    with pytest.raises(ActionRefused) as refused:
        book.wish("8001", wish)
    assert refused.value.code == code
    assert book.events == []


def test_an_unknown_agent_is_refused() -> None:
    with pytest.raises(ActionRefused, match="no agent 9999"):
        Playbook().wish("9999", AgentWish.SIGN_IN)


def test_ready_needs_a_phone() -> None:
    book = Playbook()
    book.tell(PhoneChanged(at=book.at, agent="8001", reachable=False))
    book.wish("8001", AgentWish.SIGN_IN)
    with pytest.raises(ActionRefused) as refused:
        book.wish("8001", AgentWish.READY)
    assert refused.value.code == "no_phone"


@pytest.mark.parametrize(
    "wish, state",
    [
        (AgentWish.NOT_READY, AgentState.NOT_READY),
        (AgentWish.SIGN_OUT, AgentState.SIGNED_OUT),
        (AgentWish.READY, AgentState.READY),
    ],
)
def test_a_wish_during_a_call_is_granted_after_the_wrap_up(
    wish: AgentWish, state: AgentState
) -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.answer("c1")
    book.wish("8001", wish, "lunch")
    assert book.state("8001") is AgentState.TALKING
    book.agent_hangs_up("c1")
    assert book.state("8001") is AgentState.WRAP_UP
    book.pass_(20)
    assert book.state("8001") is state


def test_a_phone_that_went_during_the_call_leaves_the_agent_not_ready_after_it() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.answer("c1")
    book.tell(PhoneChanged(at=book.at, agent="8001", reachable=False))
    book.agent_hangs_up("c1")
    book.pass_(20)
    agent = book.domain.agents["8001"]
    assert (agent.state, agent.reason) == (AgentState.NOT_READY, "phone_gone")


def test_finishing_the_wrap_up_early_cancels_its_timer() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    book.answer("c1")
    book.agent_hangs_up("c1")
    book.wish("8001", AgentWish.READY)
    assert book.state("8001") is AgentState.READY
    assert book.timers == {}


def test_app_queue_mirrors_membership_and_pauses() -> None:
    book = Playbook()
    book.wish("8002", AgentWish.SIGN_IN)
    signed_in = book.commands[-1]
    assert (signed_in.queues, signed_in.paused) == ({"presale", "logistics"}, True)  # type: ignore[union-attr]
    book.wish("8002", AgentWish.READY)
    assert book.commands[-1].paused is False  # type: ignore[union-attr]
    book.wish("8002", AgentWish.SIGN_OUT)
    assert book.commands[-1].queues == frozenset()  # type: ignore[union-attr]


# -- breaks, misses, extensions ------------------------------------------------------------------


def _with_rules(**rules: object) -> Playbook:
    return Playbook(replace(company(), routing=Routing.model_validate(rules)))


LUNCH = {"id": "lunch", "name": {"en": "Lunch"}}


def _refusal(book: Playbook, agent: str, wish: AgentWish, reason: str = "") -> str:
    before = len(book.events)
    with pytest.raises(ActionRefused) as refused:
        book.wish(agent, wish, reason)
    assert len(book.events) == before
    return refused.value.code


def test_only_so_many_agents_have_a_break_at_one_time() -> None:
    book = _with_rules(breaks=[{**LUNCH, "at_once": 1}])
    book.ready("8001", "8002")
    book.wish("8001", AgentWish.NOT_READY, "lunch")
    assert _refusal(book, "8002", AgentWish.NOT_READY, "lunch") == "break_full"
    book.wish("8002", AgentWish.NOT_READY, "meeting")  # another reason has no limit
    book.wish("8001", AgentWish.READY)
    book.wish("8002", AgentWish.NOT_READY, "lunch")


def test_a_break_promised_for_after_the_call_counts_as_taken() -> None:
    book = _with_rules(breaks=[{**LUNCH, "at_once": 1}])
    book.ready("8001", "8002")
    book.call("c1")
    book.answer("c1")
    book.wish("8001", AgentWish.NOT_READY, "lunch")
    assert _refusal(book, "8002", AgentWish.NOT_READY, "lunch") == "break_full"
    book.agent_hangs_up("c1")
    book.pass_(20)
    assert (book.state("8001"), book.domain.agents["8001"].reason) == (
        AgentState.NOT_READY,
        "lunch",
    )


def test_a_break_can_be_had_so_often_between_two_sign_ins() -> None:
    book = _with_rules(breaks=[{**LUNCH, "times": 1}])
    book.ready("8001")
    book.wish("8001", AgentWish.NOT_READY, "lunch")
    book.wish("8001", AgentWish.READY)
    assert _refusal(book, "8001", AgentWish.NOT_READY, "lunch") == "break_used_up"
    book.wish("8001", AgentWish.SIGN_OUT)
    book.ready("8001")
    book.wish("8001", AgentWish.NOT_READY, "lunch")


def test_a_break_that_takes_too_long_is_recorded_and_not_ended() -> None:
    book = _with_rules(breaks=[{**LUNCH, "minutes": 30}])
    book.ready("8001")
    book.wish("8001", AgentWish.NOT_READY, "lunch")
    book.pass_(30 * 60 - 1)
    assert "BreakOverran" not in book.kinds()
    book.pass_(2)
    assert book.kinds().count("BreakOverran") == 1
    assert book.state("8001") is AgentState.NOT_READY


def test_a_break_that_ended_in_time_overruns_nothing() -> None:
    book = _with_rules(breaks=[{**LUNCH, "minutes": 30}])
    book.ready("8001")
    book.wish("8001", AgentWish.NOT_READY, "lunch")
    book.pass_(60)
    book.wish("8001", AgentWish.READY)
    book.pass_(3600)
    assert "BreakOverran" not in book.kinds()


def test_unanswered_offers_in_a_row_end_the_shift() -> None:
    book = _with_rules(misses={"reason": "missed_call", "sign_out_after": 2})
    book.ready("8001")
    book.call("c1")
    book.land("c1")
    book.returned("c1", OfferEnd.TIMED_OUT)
    agent = book.domain.agents["8001"]
    assert (agent.state, agent.reason) == (AgentState.NOT_READY, "missed_call")
    book.wish("8001", AgentWish.READY)
    book.land("c1")
    book.returned("c1", OfferEnd.TIMED_OUT)
    assert agent.state is AgentState.SIGNED_OUT
    last = book.events[-1]
    assert (last.reason, last.author) == ("misses", "rule:misses")  # type: ignore[union-attr]
    assert book.domain.contacts["c1"].stage is CallStage.WAITING


def test_an_answered_call_forgives_earlier_misses() -> None:
    book = _with_rules(misses={"sign_out_after": 2})
    book.ready("8001")
    book.call("c1")
    for _ in range(3):
        book.land("c1")
        book.returned("c1", OfferEnd.TIMED_OUT)
        book.wish("8001", AgentWish.READY)
        book.answer("c1")
        book.agent_hangs_up("c1")
        book.pass_(20)
        book.call("c1")
    assert book.state("8001") is AgentState.OFFERED


def test_a_declined_call_is_no_miss() -> None:
    book = _with_rules(misses={"sign_out_after": 1})
    book.ready("8001")
    book.call("c1")
    book.land("c1")
    book.returned("c1", OfferEnd.DECLINED)
    assert book.state("8001") is AgentState.NOT_READY


def test_a_wrap_up_can_be_extended_so_often() -> None:
    book = _with_rules(wrap_up={"extend": 30, "times": 1})
    book.ready("8001")
    assert _refusal(book, "8001", AgentWish.EXTEND) == "no_wrap_up"
    book.call("c1")
    book.answer("c1")
    book.agent_hangs_up("c1")
    book.pass_(15)
    book.wish("8001", AgentWish.EXTEND)
    assert _refusal(book, "8001", AgentWish.EXTEND) == "extended_enough"
    book.pass_(34.9)
    assert book.state("8001") is AgentState.WRAP_UP
    book.pass_(0.2)
    assert book.state("8001") is AgentState.READY
    assert book.kinds().count("WrapUpExtended") == 1
