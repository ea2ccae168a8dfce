"""Follow-up calls: a ticket among the callbacks, once, and never two calls to one customer."""

from dataclasses import replace

import pytest

from acd.inputs import from_kept, to_kept
from acd.wishes import ActionRefused
from telephony.commands import CallCustomer
from telephony.events import (
    AgentWish,
    CallbackEnd,
    CallbackEnded,
    CallbackRequested,
    CallResult,
    CallStage,
    ContactAnswered,
    ContactQueued,
    FollowUpDue,
    FollowUpPlaced,
    QueueEntryEnded,
    TalkEnded,
)
from tests.acd.test_callbacks import NUMBER, Office, restarted

DUE = FollowUpDue(
    contact="follow-up-1.1", task="follow-up-1", caller=NUMBER, queue="presale",
    language="zh-CN", why="rule:after_sale", attributes={"follow_up": "follow_up"},
)  # fmt: skip


def kinds(office: Office) -> list[type]:
    return [type(event) for event in office.events]


def test_it_waits_for_a_free_agent_and_goes_the_way_of_every_callback() -> None:
    office = Office()
    office.tell(DUE)
    assert office.of(DUE.contact).stage is CallStage.CALLBACK
    assert not office.calls()  # nobody is free: nobody is called
    office.ready("8001")
    (call,) = office.calls()
    assert (call.contact, call.number, call.queue) == (DUE.contact, NUMBER, "presale")
    assert call.attributes == {"follow_up": "follow_up"}
    office.reached(DUE.contact)
    office.bridged(DUE.contact)
    told = kinds(office)
    for kind in (FollowUpPlaced, CallbackRequested, ContactAnswered):
        assert told.count(kind) == 1
    assert ContactQueued not in told  # nobody waited in a queue
    assert QueueEntryEnded not in told
    (ended,) = [event for event in office.events if isinstance(event, CallbackEnded)]
    assert ended.result is CallbackEnd.ANSWERED
    office.pass_(60)
    office.caller_hangs_up(DUE.contact)
    assert TalkEnded in kinds(office)
    assert not office.domain.callbacks


def test_asked_for_twice_it_is_made_once() -> None:
    office = Office()
    office.tell(DUE)
    office.ready("8001")
    before = len(office.events)
    office.tell(DUE)
    assert len(office.events) == before
    assert len(office.calls()) == 1


def test_never_two_calls_to_one_customer() -> None:
    office = Office()
    office.asks("a")
    with pytest.raises(ActionRefused) as refused:
        office.tell(DUE)
    assert refused.value.code == "callback_pending"
    assert DUE.contact not in office.domain.contacts


def test_a_customer_who_is_on_the_line_is_not_called() -> None:
    office = Office()
    office.dials("talks")
    office.tell(DUE)
    office.ready("8001")
    office.answer("talks")
    office.ready("8002")
    assert not office.calls()
    office.caller_hangs_up("talks")
    assert len(office.calls()) == 1


@pytest.mark.parametrize(
    "due, code",
    [(replace(DUE, queue="gone"), "unknown_queue"), (replace(DUE, caller="+4930"), "not_dialable")],
)
def test_what_cannot_be_called(due: FollowUpDue, code: str) -> None:
    office = Office()
    with pytest.raises(ActionRefused) as refused:
        office.tell(due)
    assert (refused.value.code, office.events) == (code, [])


def test_nobody_answers_and_it_is_tried_by_the_queues_rule_and_given_up() -> None:
    office = Office()
    office.tell(DUE)
    office.ready("8001")
    office.customer_leg_gone(DUE.contact, 17)
    office.pass_(61)
    office.ready("8001")
    assert len(office.calls()) == 2
    office.customer_leg_gone(DUE.contact, 0)
    assert office.tried() == [CallResult.BUSY, CallResult.NO_ANSWER]
    (ended,) = [event for event in office.events if isinstance(event, CallbackEnded)]
    assert ended.result is CallbackEnd.GAVE_UP
    assert DUE.contact not in office.domain.contacts


def test_who_asked_for_it_is_waited_for() -> None:
    office = Office()
    office.ready("8001")
    office.dials("talks", "13900000000")
    office.answer("talks")
    office.ready("8002")
    office.tell(replace(DUE, why="agent:8001", preferred="8001"))
    assert not office.calls()  # 8002 is free, and is not the one
    office.caller_hangs_up("talks")
    office.wish("8001", AgentWish.READY)
    (call,) = office.calls()
    assert call.agent == "8001"


def test_its_place_is_the_time_when_it_was_due() -> None:
    office = Office()
    office.dials("waits", "13900000000")
    office.pass_(5)
    office.tell(replace(DUE, place=office.at - 100))
    office.ready("8001")
    assert [type(command) for command in office.commands].count(CallCustomer) == 1


def test_it_survives_a_restart() -> None:
    office = Office()
    office.tell(DUE)
    heir = restarted(office)
    heir.ready("8001")
    assert len(heir.calls()) == 1
    heir.tell(DUE)
    assert len(heir.calls()) == 1


def test_a_replay_is_told_of_it() -> None:
    assert from_kept(to_kept(DUE, 1.0)) == DUE
