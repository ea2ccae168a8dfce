"""Callbacks: the place is kept, one number is never called twice at a time, each ticket ends."""

import contextlib
import dataclasses
from collections import Counter
from typing import Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from acd.calling import UNDER_WAY, dialable
from acd.contact import Contact
from acd.queue_log import QueueLog
from acd.rules import Callback
from acd.wishes import ActionRefused
from telephony.commands import (
    CallAgentFirst,
    CallCustomer,
    EndCall,
    KeepWaiting,
    NextStep,
    SayGoodbye,
    TakeOffer,
    TakePicture,
)
from telephony.events import (
    AgentAnswered,
    AgentState,
    AgentWaits,
    AgentWish,
    CallbackCancelled,
    CallbackEnd,
    CallbackEnded,
    CallbackRequested,
    CallbackTried,
    CallerArrived,
    CallResult,
    CallStage,
    ContactAnswered,
    CustomerReached,
    KeyPressed,
    LegFound,
    LegHungUp,
    MenuFinished,
    OfferEnd,
    OfferEnded,
    OfferMade,
    PictureTaken,
    PlaceResumed,
    QueueEnd,
    QueueEntryEnded,
)
from tests.acd.naive_routing import shadow
from tests.acd.playbook import Playbook, company

NUMBER = "13800138000"


class Office(Playbook):
    """A playbook whose queues call back, and the words for it."""

    def __init__(self, first: Literal["agent", "customer"] = "customer", **rules: int) -> None:
        plain = company()
        callback = Callback(first=first, **{"attempts": 2, "retry": 60, **rules})
        queues = {
            name: queue.model_copy(update={"callback": callback})
            for name, queue in plain.queues.items()
        }
        super().__init__(dataclasses.replace(plain, queues=queues))

    def dials(self, contact: str, number: str = NUMBER, queue: str = "presale") -> NextStep:
        """A caller with a number arrives and chooses a queue."""
        self.tell(
            CallerArrived(contact=contact, channel=f"ch-{contact}", caller=number, dialled="8000")
        )
        answer = self.tell(MenuFinished(contact=contact, queue=queue, language="zh-CN"))
        assert answer is not None
        return answer

    def presses(self, contact: str, key: str = "1") -> NextStep:
        answer = self.tell(KeyPressed(contact=contact, channel=f"ch-{contact}", key=key))
        assert answer is not None
        return answer

    def asks(self, contact: str, number: str = NUMBER, queue: str = "presale") -> None:
        """Dials, waits three seconds, presses the key, hears the promise, hangs up."""
        self.dials(contact, number, queue)
        self.pass_(3)
        assert self.presses(contact) == SayGoodbye(say=("callback_promised",), language="zh-CN")
        self.pass_(4)
        self.caller_hangs_up(contact)

    def of(self, contact: str) -> Contact:
        return self.domain.contacts[contact]

    def reached(self, contact: str) -> None:
        """The customer answers."""
        known = self.of(contact)
        self.tell(
            CustomerReached(
                at=self.at, contact=contact, agent=known.agent, offer=known.offer,
                channel=f"ch-{contact}",
            )
        )  # fmt: skip

    def agent_is_there(self, contact: str) -> None:
        """The agent who is called first answers."""
        known = self.of(contact)
        self.tell(
            AgentWaits(
                at=self.at, contact=contact, agent=known.agent, offer=known.offer, channel="agent"
            )
        )

    def bridged(self, contact: str) -> None:
        known = self.of(contact)
        self.tell(
            AgentAnswered(
                at=self.at, contact=contact, agent=known.agent, offer=known.offer, channel="agent"
            )
        )

    def customer_leg_gone(self, contact: str, cause: int) -> None:
        self.tell(LegHungUp(at=self.at, contact=contact, channel="new", agent="", cause=cause))

    def agent_leg_gone_by(self, contact: str, cause: int) -> None:
        agent = self.of(contact).agent
        self.tell(LegHungUp(at=self.at, contact=contact, channel="x", agent=agent, cause=cause))

    def picture(self, *legs: LegFound) -> None:
        """A picture of exactly these legs; every phone is reachable."""
        phones = frozenset(self.company.agents)
        self.tell(PictureTaken(at=self.at, legs=legs, phones=phones))

    def calls(self) -> list[CallCustomer]:
        return [command for command in self.commands if isinstance(command, CallCustomer)]

    def tried(self) -> list[CallResult]:
        return [event.result for event in self.events if isinstance(event, CallbackTried)]

    def ends(self) -> list[CallbackEnd]:
        return [event.result for event in self.events if isinstance(event, CallbackEnded)]


def leg(contact: str, context: str, *, agent: str = "", bridge: str = "") -> LegFound:
    return LegFound(
        contact=contact, channel=f"found-{contact}", agent=agent, context=context,
        application="", bridge=bridge, variables={},
    )  # fmt: skip


def entry_ends(book: Office) -> list[tuple[str, QueueEnd]]:
    return [(e.contact, e.end) for e in book.events if isinstance(e, QueueEntryEnded)]


# --- asking for it -------------------------------------------------------------------------------


def test_the_key_keeps_the_place_and_lets_the_caller_go() -> None:
    book = Office()
    begun = book.at
    book.asks("a")
    ticket = book.of("a")
    assert (ticket.stage, ticket.queued, ticket.queue) == (CallStage.CALLBACK, begun, "presale")
    assert entry_ends(book) == [("a", QueueEnd.CALLBACK)]
    (asked,) = [e for e in book.events if isinstance(e, CallbackRequested)]
    assert (asked.why, asked.first, asked.merged) == ("key:1", "customer", "")
    assert not book.calls()


def test_the_key_is_named_to_those_for_whom_it_does_something() -> None:
    book = Office()
    assert book.dials("a") == KeepWaiting(
        say=("nobody_signed_in", "callback_key_1"), language="zh-CN"
    )
    assert book.dials("b", "") == KeepWaiting(say=("nobody_signed_in",), language="zh-CN")
    book.ready("8001")
    book.answer("a")
    book.dials("c", "13800000003")
    book.pass_(31)
    answer = book.tick("c")
    assert isinstance(answer, KeepWaiting)
    assert answer.say[0] == "position_2"
    assert answer.say[-1] == "callback_key_1"


def test_other_keys_are_nothing() -> None:
    book = Office()
    book.dials("a")
    assert book.presses("a", "7") == KeepWaiting(language="zh-CN")
    assert book.of("a").stage is CallStage.WAITING


@pytest.mark.parametrize("number", ["", "8001", "110", "+14155550100", "0014155550100", "#31#13"])
def test_a_number_that_cannot_be_called_keeps_waiting(number: str) -> None:
    book = Office()
    book.dials("a", number)
    assert book.presses("a") == KeepWaiting(say=("callback_no_number",), language="zh-CN")
    assert book.of("a").stage is CallStage.WAITING
    assert not entry_ends(book)


@pytest.mark.parametrize(
    "caller, digits",
    [(NUMBER, NUMBER), ("+8613800138000", NUMBER), ("008602161000000", "02161000000"),
     ("4008123456", "4008123456")],
)  # fmt: skip
def test_national_numbers_are_dialled_as_digits(caller: str, digits: str) -> None:
    assert dialable(caller) == digits


def test_nobody_is_called_who_still_hears_the_promise() -> None:
    book = Office()
    book.dials("a")
    book.presses("a")
    book.ready("8001")
    assert not book.calls()
    book.caller_hangs_up("a")
    assert [call.number for call in book.calls()] == [NUMBER]


def test_the_order_is_that_of_the_callers_who_stayed() -> None:
    book = Office()
    book.asks("a", "13800000001")
    book.dials("b", "13800000002")
    book.asks("c", "13800000003")
    book.ready("8001")
    offers = [e.contact for e in book.events if isinstance(e, OfferMade)]
    assert offers == ["a"]
    book.customer_leg_gone("a", 17)
    offers = [e.contact for e in book.events if isinstance(e, OfferMade)]
    assert offers == ["a", "b"]


def test_a_second_wish_of_a_number_joins_the_first() -> None:
    book = Office(resume=0)
    book.asks("a")
    book.pass_(5)
    book.asks("b")
    (_, second) = [e for e in book.events if isinstance(e, CallbackRequested)]
    assert second.merged == "a"
    assert set(book.domain.contacts) == {"a"}
    assert entry_ends(book) == [("a", QueueEnd.CALLBACK), ("b", QueueEnd.CALLBACK)]
    book.ready("8001")
    assert [call.contact for call in book.calls()] == ["a"]


# --- an attempt ----------------------------------------------------------------------------------


def test_the_customer_first_then_an_ordinary_offer() -> None:
    book = Office()
    book.asks("a")
    book.pass_(30)
    book.ready("8001")
    (call,) = book.calls()
    assert (call.contact, call.number, call.agent, call.partner) == ("a", NUMBER, "8001", "")
    assert book.state("8001") is AgentState.OFFERED
    assert book.of("a").stage is CallStage.CALLING
    book.pass_(6)
    book.reached("a")
    book.pass_(4)
    book.answer("a")
    assert book.state("8001") is AgentState.TALKING
    assert (book.tried(), book.ends()) == ([CallResult.REACHED], [CallbackEnd.ANSWERED])
    assert entry_ends(book) == [("a", QueueEnd.CALLBACK)]
    (answered,) = [e for e in book.events if isinstance(e, ContactAnswered)]
    assert not answered.adopted
    book.pass_(50)
    book.agent_hangs_up("a")
    assert not book.domain.contacts
    figures = book.figures.queue("presale", book.at)
    assert (figures.offered, figures.ends[QueueEnd.CALLBACK]) == (1, 1)
    assert figures.aht == pytest.approx(50)
    assert figures.service_level is None
    assert book.figures.imbalance == 0


def test_the_agent_first_then_the_customer() -> None:
    book = Office(first="agent")
    book.asks("a")
    book.ready("8001")
    (ring,) = [c for c in book.commands if isinstance(c, CallAgentFirst)]
    assert (ring.agent, ring.number) == ("8001", NUMBER)
    assert not book.calls()
    book.pass_(8)
    book.agent_is_there("a")
    (call,) = book.calls()
    assert (call.number, call.partner) == (NUMBER, "agent")
    book.pass_(5)
    book.reached("a")
    book.bridged("a")
    assert book.state("8001") is AgentState.TALKING
    assert book.ends() == [CallbackEnd.ANSWERED]


def test_an_agent_who_does_not_answer_first_costs_the_customer_nothing() -> None:
    book = Office(first="agent")
    book.asks("a")
    book.ready("8001")
    book.pass_(15)
    book.agent_leg_gone_by("a", 19)
    assert book.state("8001") is AgentState.NOT_READY
    assert (book.of("a").stage, book.of("a").attempts) == (CallStage.CALLBACK, 0)
    assert not book.calls()
    book.ready("8002")
    assert book.of("a").agent == "8002"


def test_an_agent_who_leaves_while_the_customer_rings_stops_the_ringing() -> None:
    book = Office(first="agent")
    book.asks("a")
    book.ready("8001", "8002")
    book.agent_is_there("a")
    book.agent_leg_gone_by("a", 16)
    assert EndCall(contact="a", channel="a") in book.commands
    assert book.of("a").stage is CallStage.CALLBACK  # not at once: the phone still rings
    book.customer_leg_gone("a", 16)
    book.pass_(6)
    assert book.of("a").agent == "8002"
    assert book.of("a").attempts == 0
    assert book.tried() == []


@pytest.mark.parametrize(
    "cause, result",
    [(17, CallResult.BUSY), (21, CallResult.BUSY), (19, CallResult.NO_ANSWER),
     (16, CallResult.NO_ANSWER), (1, CallResult.FAILED), (38, CallResult.FAILED)],
)  # fmt: skip
def test_who_is_not_reached_is_tried_again_by_the_rule(cause: int, result: CallResult) -> None:
    book = Office()
    book.asks("a")
    book.ready("8001")
    idle = book.domain.agents["8001"].idle_since
    book.pass_(20)
    book.customer_leg_gone("a", cause)
    assert book.tried() == [result]
    assert book.state("8001") is AgentState.READY
    assert book.domain.agents["8001"].idle_since == idle
    (over,) = [e for e in book.events if isinstance(e, OfferEnded)]
    assert over.result is OfferEnd.NOT_REACHED
    book.pass_(59)
    assert len(book.calls()) == 1
    book.pass_(2)
    assert len(book.calls()) == 2
    book.customer_leg_gone("a", cause)
    assert book.ends() == [CallbackEnd.GAVE_UP]
    assert not book.domain.contacts
    assert not book.timers


def test_a_customer_reached_and_no_agent_waits_on_the_line_in_the_old_place() -> None:
    book = Office()
    begun = book.at
    book.asks("a")
    book.ready("8001")
    book.reached("a")
    book.land("a")
    book.pass_(15)
    assert isinstance(book.returned("a", OfferEnd.TIMED_OUT), KeepWaiting)
    assert (book.of("a").stage, book.of("a").queued) == (CallStage.WAITING, begun)
    book.pass_(4000)  # longer than anybody may wait, and than a callback is kept
    assert book.of("a").stage is CallStage.WAITING
    book.ready("8002")
    book.answer("a")
    assert book.ends() == [CallbackEnd.ANSWERED]
    assert book.figures.imbalance == 0


def test_a_customer_who_hangs_up_while_the_agent_rings_keeps_the_ticket() -> None:
    book = Office()
    book.asks("a")
    book.ready("8001")
    book.reached("a")
    book.land("a")
    book.caller_hangs_up("a")
    assert book.tried() == [CallResult.REACHED, CallResult.HUNG_UP]
    assert book.state("8001") is AgentState.READY
    assert book.of("a").stage is CallStage.CALLBACK
    book.pass_(61)
    assert len(book.calls()) == 2
    assert entry_ends(book) == [("a", QueueEnd.CALLBACK)]


def test_a_late_answer_of_an_attempt_that_was_given_up_waits_on_the_line() -> None:
    book = Office()
    book.asks("a")
    book.ready("8001")
    book.pass_(UNDER_WAY + 1)
    book.picture()  # nothing is seen of the call ...
    assert book.tried() == [CallResult.FAILED]
    late = CustomerReached(at=book.at, contact="a", agent="8001", offer=1, channel="ch-a")
    book.tell(late)  # ... but the customer says hello
    assert book.of("a").stage is CallStage.OFFERED  # the agent is still free
    assert len(book.calls()) == 1


def test_it_expires() -> None:
    book = Office(expires=600)
    book.asks("a")
    book.pass_(601)
    assert book.ends() == [CallbackEnd.EXPIRED]
    assert not book.domain.contacts


def test_it_is_cancelled_also_in_the_middle_of_a_call() -> None:
    book = Office()
    with pytest.raises(ActionRefused, match="no callback"):
        book.tell(CallbackCancelled(contact="a", author="supervisor:li"))
    book.asks("a")
    book.ready("8001")
    book.tell(CallbackCancelled(contact="a", author="supervisor:li"))
    assert EndCall(contact="a", channel="a") in book.commands
    assert book.state("8001") is AgentState.READY
    (over,) = [e for e in book.events if isinstance(e, CallbackEnded)]
    assert (over.result, over.author) == (CallbackEnd.CANCELLED, "supervisor:li")
    assert not book.domain.contacts


def test_a_customer_on_the_line_cannot_be_cancelled() -> None:
    book = Office()
    book.asks("a")
    book.ready("8001")
    book.reached("a")
    with pytest.raises(ActionRefused, match="answered"):
        book.tell(CallbackCancelled(contact="a", author="supervisor:li"))


# --- the customer dials again --------------------------------------------------------------------


def test_who_dials_again_has_the_old_place() -> None:
    book = Office(resume=30)
    begun = book.at
    book.asks("a")
    book.pass_(600)
    book.dials("b")
    (resumed,) = [e for e in book.events if isinstance(e, PlaceResumed)]
    assert (resumed.contact, resumed.earlier) == ("b", "a")
    assert book.of("b").queued == begun
    assert book.ends() == [CallbackEnd.RESUMED]
    assert set(book.domain.contacts) == {"b"}
    assert book.figures.imbalance == 0


def test_too_late_or_in_another_queue_the_ticket_stays() -> None:
    book = Office(resume=1)
    book.asks("a")
    book.pass_(61)
    book.dials("b")
    assert book.of("b").queued == book.at
    assert book.of("a").stage is CallStage.CALLBACK
    book.caller_hangs_up("b")
    book.dials("c", queue="logistics")
    assert book.of("c").queued == book.at
    assert not book.ends()


def test_nobody_is_called_who_is_on_the_line() -> None:
    book = Office(resume=0)
    book.asks("a")
    book.dials("b", queue="logistics")
    book.ready("8001")
    assert not book.calls()
    book.caller_hangs_up("b")
    assert [call.contact for call in book.calls()] == ["a"]


# --- figures and the queue log -------------------------------------------------------------------


def test_callbacks_are_counted_and_each_once() -> None:
    book = Office(attempts=1)
    for number in range(4):
        book.asks(f"c{number}", f"1380000000{number}")
    book.dials("again", "13800000001")
    book.caller_hangs_up("again")
    book.ready("8001")
    book.customer_leg_gone("c0", 19)
    assert book.of("c2").stage is CallStage.CALLING
    book.reached("c2")
    book.answer("c2")
    seen = book.figures.queue("presale", book.at)
    counts = {end: count for end, count in seen.callback_ends.items() if count}
    assert counts == {CallbackEnd.GAVE_UP: 1, CallbackEnd.RESUMED: 1, CallbackEnd.ANSWERED: 1}
    assert (seen.callbacks, seen.to_call_back, seen.ends[QueueEnd.CALLBACK]) == (4, 1, 4)
    book.figures.start_day(book.at)
    seen = book.figures.queue("presale", book.at)
    assert (seen.callbacks, seen.to_call_back) == (1, 1)


def test_the_queue_log_has_a_row_with_the_key() -> None:
    book = Office()
    book.dials("a", "13800000001")
    book.asks("b", "13800000002")
    log = QueueLog()
    rows = [row for event in book.events if (row := log.row(event))]
    assert (rows[-1].event, rows[-1].words) == ("EXITWITHKEY", "1|2|2|3")


# --- death and truth -----------------------------------------------------------------------------


def restarted(book: Office) -> Office:
    """Another controller begins from what the first one kept."""
    heir = Office()
    heir.distribution = type(book.distribution)(book.company)
    heir.company, heir.domain, heir.at = book.company, heir.distribution.domain, book.at + 10
    contacts = [Contact.from_plain(c.plain()) for c in book.domain.contacts.values()]
    heir.take(heir.distribution.restore(contacts, book.domain.agents.values(), heir.at))
    return heir


def test_a_ticket_survives_a_restart_with_its_place_and_its_timers() -> None:
    book = Office()
    begun = book.at
    book.asks("a")
    book.ready("8001")
    book.customer_leg_gone("a", 17)
    heir = restarted(book)
    heir.picture()
    assert (heir.of("a").stage, heir.of("a").queued) == (CallStage.CALLBACK, begun)
    assert not heir.calls()
    heir.pass_(60)
    assert [call.contact for call in heir.calls()] == ["a"]


def test_a_ticket_whose_queue_is_gone_ends() -> None:
    book = Office()
    book.asks("a")
    ticket = Contact.from_plain({**book.of("a").plain(), "queue": "gone"})
    heir = Office()
    heir.take(heir.distribution.restore([ticket], [], book.at))
    assert (heir.ends(), heir.domain.contacts, heir.domain.callbacks) == (
        [CallbackEnd.CANCELLED], {}, {},
    )  # fmt: skip


def test_a_call_in_flight_is_found_and_not_made_again() -> None:
    book = Office()
    book.asks("a")
    book.ready("8001")
    heir = restarted(book)
    heir.pass_(1)
    heir.picture(leg("a", ""))
    assert heir.of("a").stage is CallStage.CALLING
    heir.reached("a")
    heir.answer("a")
    assert (len(heir.calls()), heir.ends()) == (0, [CallbackEnd.ANSWERED])


def test_a_call_that_is_nowhere_has_failed_and_is_made_again_later() -> None:
    book = Office()
    book.asks("a")
    book.ready("8001")
    heir = restarted(book)
    heir.picture()
    assert heir.tried() == [CallResult.FAILED]
    assert heir.state("8001") is AgentState.READY
    assert not heir.calls()
    heir.pass_(61)
    assert len(heir.calls()) == 1


def test_a_call_that_nobody_remembers_is_not_made_a_second_time() -> None:
    book = Office()
    book.asks("a")
    heir = restarted(book)  # died after the call had begun, before it was written down
    heir.picture(leg("a", ""))
    heir.ready("8001")
    assert not heir.calls()
    heir.customer_leg_gone("a", 19)
    assert len(heir.calls()) == 1


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("seen", ["picture", "tick", "offered"])
def test_a_customer_reached_while_nobody_watched_waits_on_the_line(
    seen: str, written: bool
) -> None:
    book = Office()
    begun = book.at
    book.asks("a")
    heirs = restarted(book)  # the attempt's beginning was not written down
    book.ready("8001")
    heir = restarted(book) if written else heirs
    if seen == "picture":
        heir.picture(leg("a", "huawu-wait"))
    elif seen == "offered":
        heir.ready("8002")
        heir.commands.clear()
        heir.picture(leg("a", "huawu-offer"), leg("a", "", agent="8001" if written else "8002"))
        assert heir.of("a").stage is CallStage.OFFERED
        assert not heir.calls()
        heir.returned("a", OfferEnd.TIMED_OUT)
    elif written:
        assert isinstance(heir.tick("a"), KeepWaiting | TakeOffer)
    else:
        heir.of("a").exit = ""
        assert isinstance(heir.tick("a"), KeepWaiting)
    assert heir.of("a").stage in (CallStage.WAITING, CallStage.OFFERED)
    assert heir.of("a").queued == begun
    assert heir.of("a").channel
    assert not heir.calls()


def test_who_promised_and_died_promises_again() -> None:
    book = Office()
    book.dials("a")
    book.presses("a")
    heir = restarted(book)
    heir.picture(dataclasses.replace(leg("a", "huawu-wait"), channel="ch-a"))
    assert heir.of("a").stage is CallStage.CALLBACK
    assert heir.tick("a") == SayGoodbye(say=("callback_promised",), language="zh-CN")


def test_an_agent_who_answered_while_nobody_watched_gets_the_customer() -> None:
    book = Office(first="agent")
    book.asks("a")
    book.ready("8001")
    heir = restarted(book)
    heir.picture(leg("a", "from-agents", agent="8001"))
    assert not heir.calls()  # the phone still rings
    heir.pass_(1)
    heir.picture(leg("a", "huawu-agent-first", agent="8001"))
    (call,) = heir.calls()
    assert (call.contact, call.partner) == ("a", "found-a")
    heir.pass_(1)
    heir.picture(leg("a", "huawu-agent-first", agent="8001"))
    assert len(heir.calls()) == 1


def test_a_talk_that_began_while_nobody_watched_ends_the_ticket() -> None:
    book = Office()
    book.asks("a")
    book.ready("8001")
    heir = restarted(book)
    heir.picture(
        leg("a", "huawu-offer", bridge="b"), leg("a", "huawu-offer", agent="8001", bridge="b")
    )
    assert heir.state("8001") is AgentState.TALKING
    assert heir.ends() == [CallbackEnd.ANSWERED]


def test_a_call_that_was_only_just_ordered_may_be_missing_in_a_picture() -> None:
    book = Office()
    book.asks("a")
    book.ready("8001")
    assert book.of("a").stage is CallStage.CALLING
    book.pass_(1)
    book.picture()
    assert not book.tried()
    book.pass_(UNDER_WAY)
    book.picture()
    assert book.tried() == [CallResult.FAILED]


def test_a_call_is_looked_for_in_asterisk_soon() -> None:
    book = Office()
    book.asks("a")
    book.ready("8001")
    book.pass_(UNDER_WAY)
    assert [c for c in book.commands if isinstance(c, TakePicture)]


# --- whatever happens ----------------------------------------------------------------------------

AGENTS = st.sampled_from(["8001", "8002", "8003"])
NUMBERS = st.sampled_from(["", "13800000001", "13800000002", "13800000003"])
PICK = st.integers(0, 50)


class Tickets(RuleBasedStateMachine):
    """Customers, agents and wires in any order; calls live from the command to the hang-up."""

    @staticmethod
    def first() -> Literal["agent", "customer"]:
        return "customer"

    def __init__(self) -> None:
        super().__init__()
        self.book = Office(first=self.first())
        shadow(self.book.domain)
        self.count = 0
        self.seen = 0
        self.live: dict[str, str] = {}  # contact -> number: calls to customers in Asterisk

    def see(self) -> None:
        """What Asterisk makes of the new commands."""
        for command in self.book.commands[self.seen :]:
            if isinstance(command, CallCustomer):
                assert command.contact not in self.live, "two calls of one contact"
                assert command.number not in self.live.values(), "two calls to one number"
                self.live[command.contact] = command.number
        self.seen = len(self.book.commands)

    def some(self, pick: int, *stages: CallStage) -> str:
        found = [c.id for c in self.book.domain.contacts.values() if c.stage in stages]
        return found[pick % len(found)] if found else ""

    @rule(number=NUMBERS, queue=st.sampled_from(["presale", "logistics"]))
    def comes(self, number: str, queue: str) -> None:
        self.count += 1
        self.book.dials(f"c{self.count:03}", number, queue)

    @rule(pick=PICK)
    def presses(self, pick: int) -> None:
        if contact := self.some(pick, CallStage.WAITING):
            self.book.presses(contact)

    @rule(pick=PICK)
    def hangs_up(self, pick: int) -> None:
        contact = self.some(pick, *CallStage)
        if contact and self.book.of(contact).channel:
            self.live.pop(contact, None)
            self.book.caller_hangs_up(contact)

    @rule(agent=AGENTS, wish=st.sampled_from(list(AgentWish)))
    def agent_wishes(self, agent: str, wish: AgentWish) -> None:
        with contextlib.suppress(ActionRefused):
            self.book.wish(agent, wish)

    @rule(pick=PICK)
    def first_agent_is_there(self, pick: int) -> None:
        contact = self.some(pick, CallStage.CALLING)
        if contact and self.first() == "agent" and not self.book.of(contact).partner:
            self.book.agent_is_there(contact)

    @rule(pick=PICK, cause=st.sampled_from([16, 17, 19, 20]))
    def first_agent_goes(self, pick: int, cause: int) -> None:
        contact = self.some(pick, CallStage.CALLING)
        if contact and self.first() == "agent":
            self.book.agent_leg_gone_by(contact, cause)

    @rule(pick=PICK)
    def customer_answers(self, pick: int) -> None:
        contact = self.some(pick, CallStage.CALLING)
        if contact in self.live and not self.book.of(contact).reached:
            self.book.reached(contact)

    @rule(pick=PICK, cause=st.sampled_from([17, 19, 38]))
    def customer_does_not(self, pick: int, cause: int) -> None:
        if self.live:
            contact = sorted(self.live)[pick % len(self.live)]
            known = self.book.domain.contacts.get(contact)
            if known is None or not known.reached:
                del self.live[contact]
                self.book.customer_leg_gone(contact, cause)

    @rule(pick=PICK)
    def agent_answers(self, pick: int) -> None:
        if contact := self.some(pick, CallStage.OFFERED):
            self.book.answer(contact)
            return
        contact = self.some(pick, CallStage.CALLING)
        if contact and self.book.of(contact).reached:
            self.book.bridged(contact)

    @rule(pick=PICK, result=st.sampled_from([OfferEnd.TIMED_OUT, OfferEnd.DECLINED]))
    def agent_does_not(self, pick: int, result: OfferEnd) -> None:
        if contact := self.some(pick, CallStage.OFFERED):
            self.book.returned(contact, result)

    @rule(pick=PICK)
    def talk_ends(self, pick: int) -> None:
        if contact := self.some(pick, CallStage.TALKING):
            self.live.pop(contact, None)
            self.book.agent_hangs_up(contact)

    @rule(pick=PICK)
    def cancelled(self, pick: int) -> None:
        if contact := self.some(pick, CallStage.CALLBACK, CallStage.CALLING):
            with contextlib.suppress(ActionRefused):
                self.book.tell(CallbackCancelled(contact=contact, author="supervisor:li"))

    @rule()
    def looked_at(self) -> None:
        legs = [leg(contact, "huawu-callback") for contact in self.live]
        legs += [
            leg(c.id, "huawu-wait" if c.stage is CallStage.WAITING else "huawu-menu")
            for c in self.book.domain.contacts.values()
            if c.channel
            and c.id not in self.live
            and c.stage not in (CallStage.OFFERED, CallStage.TALKING)
        ]
        self.book.at += 0.001
        if not self.some(0, CallStage.OFFERED, CallStage.TALKING):
            self.book.picture(*legs)

    @rule(seconds=st.sampled_from([0.5, 3, 10, 70, 2000]))
    def time_passes(self, seconds: float) -> None:
        self.book.pass_(seconds)

    @invariant()
    def never_two_calls_to_one_number(self) -> None:
        self.see()
        for command in [c for c in self.book.commands if isinstance(c, EndCall)]:
            self.live.pop(command.channel, None)
        self.book.commands.clear()
        self.seen = 0

    @invariant()
    def an_attempt_holds_an_agent(self) -> None:
        domain = self.book.domain
        calling = [c for c in domain.contacts.values() if c.stage is CallStage.CALLING]
        reserved = [a for a in domain.agents.values() if a.state is AgentState.OFFERED]
        assert len(calling) <= len(reserved)
        for contact in calling:
            assert domain.agents[contact.agent].contact == contact.id

    @invariant()
    def a_number_has_one_ticket(self) -> None:
        tickets = Counter(
            dialable(c.caller) for c in self.book.domain.contacts.values() if c.promised
        )
        assert not [number for number, count in tickets.items() if count > 1]

    @invariant()
    def the_sums_are_right(self) -> None:
        assert self.book.figures.imbalance == 0
        asked = {
            e.contact for e in self.book.events if isinstance(e, CallbackRequested) and not e.merged
        }
        ended = [e.contact for e in self.book.events if isinstance(e, CallbackEnded)]
        assert len(ended) == len(set(ended))
        live = {c.id for c in self.book.domain.contacts.values() if c.promised}
        assert asked == live | set(ended)


class TicketsAgentFirst(Tickets):
    """The same with the agent called first."""

    @staticmethod
    def first() -> Literal["agent", "customer"]:
        return "agent"


for machine in (Tickets, TicketsAgentFirst):
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTickets = Tickets.TestCase
TestTicketsAgentFirst = TicketsAgentFirst.TestCase
