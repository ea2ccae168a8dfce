"""What agents may ask for, when, and what happens to a wish during a call."""

import pytest

from acd.wishes import ActionRefused
from telephony.events import AgentState, AgentWish, PhoneChanged
from tests.acd.playbook import Playbook


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
