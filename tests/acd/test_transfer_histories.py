"""Whatever is passed on, asked and hung up in whatever order: nobody is lost, nobody is twice."""

import contextlib
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from acd.contact import ConsultStage, Contact
from acd.wishes import ActionRefused
from telephony.events import (
    OUTSIDE,
    AgentJoined,
    AgentState,
    AgentWish,
    CallerLeftOver,
    CallStage,
    ColleagueAnswered,
    ConsultReturned,
    ConsultStarted,
    ConsultStep,
    ConsultStepWished,
    LegHeld,
    LegHungUp,
    LegJoined,
    MenuFinished,
    OfferEnd,
    OfferMade,
    OutsideReturned,
    TransferTarget,
    TransferWished,
)
from tests.acd.naive_routing import shadow
from tests.acd.transfer_book import TransferBook

AGENTS = st.sampled_from(["8001", "8002", "8003", "8004"])
QUEUES = st.sampled_from(["presale", "logistics", "vip"])
PICK = st.integers(0, 50)
WITH_AN_AGENT = (CallStage.OFFERED, CallStage.TALKING)


class TransferHistories(RuleBasedStateMachine):
    """Callers, agents and those who are asked do anything that the wires can report."""

    def __init__(self) -> None:
        super().__init__()
        self.book = TransferBook(0.5)
        shadow(self.book.domain)
        self.book.ready("8001", "8002", "8003", "8004")
        self.calls = 0

    def pick(self, number: int, act: Callable[[Contact], object], *stages: CallStage) -> None:
        found = [c for c in self.book.domain.contacts.values() if c.stage in stages]
        if found:
            with contextlib.suppress(ActionRefused):
                act(found[number % len(found)])

    # -- ordinary calls -------------------------------------------------------------------

    @rule(queue=QUEUES)
    def caller_comes(self, queue: str) -> None:
        self.calls += 1
        self.book.call(f"c{self.calls:03}", queue)

    @rule(agent=AGENTS, wish=st.sampled_from([AgentWish.READY, AgentWish.NOT_READY]))
    def agent_wishes(self, agent: str, wish: AgentWish) -> None:
        with contextlib.suppress(ActionRefused):
            self.book.wish(agent, wish)

    @rule(number=PICK)
    def agent_answers(self, number: int) -> None:
        def answer(contact: Contact) -> None:
            self.book.answer(contact.id)
            self.book.joined_leg(contact.id, contact.agent)

        self.pick(number, answer, CallStage.OFFERED)

    @rule(number=PICK, result=st.sampled_from(list(OfferEnd)))
    def offer_returns(self, number: int, result: OfferEnd) -> None:
        self.pick(number, lambda c: self.book.returned(c.id, result), CallStage.OFFERED)

    @rule(number=PICK)
    def caller_hangs_up(self, number: int) -> None:
        self.pick(number, lambda c: self.book.caller_hangs_up(c.id), *CallStage)

    @rule(seconds=st.sampled_from([0.5, 3, 10, 40]))
    def time_passes(self, seconds: float) -> None:
        self.book.pass_(seconds)

    # -- passing on -----------------------------------------------------------------------

    @rule(
        number=PICK,
        attended=st.booleans(),
        where=st.one_of(
            st.tuples(st.just(TransferTarget.AGENT), AGENTS),
            st.tuples(st.just(TransferTarget.QUEUE), QUEUES),
            st.tuples(st.just(TransferTarget.NODE), st.just("main_menu")),
            st.tuples(st.just(TransferTarget.OUTSIDE), st.just("95588")),
        ),
    )
    def is_passed_on(self, number: int, attended: bool, where: tuple[TransferTarget, str]) -> None:
        def wish(contact: Contact) -> None:
            self.book.tell(
                TransferWished(
                    contact=contact.id,
                    attended=attended,
                    target=where[0],
                    to=where[1],
                    author="supervisor:boss",
                )
            )

        self.pick(number, wish, CallStage.TALKING)

    @rule(number=PICK, step=st.sampled_from(list(ConsultStep)))
    def goes_on(self, number: int, step: ConsultStep) -> None:
        def wish(contact: Contact) -> None:
            self.book.tell(
                ConsultStepWished(contact=contact.id, step=step, author="supervisor:boss")
            )

        self.pick(number, wish, CallStage.TALKING)

    @rule(number=PICK)
    def colleague_answers(self, number: int) -> None:
        def answer(contact: Contact) -> None:
            if consult := contact.consult:
                who = consult.agent or OUTSIDE
                self.book.tell(
                    ColleagueAnswered(
                        at=self.book.at,
                        contact=contact.id,
                        agent=who,
                        offer=consult.offer,
                        channel=f"leg-{who}",
                    )
                )

        self.pick(number, answer, CallStage.TALKING)

    @rule(number=PICK, result=st.sampled_from([None, *OfferEnd]))
    def colleague_is_gone(self, number: int, result: OfferEnd | None) -> None:
        def tell(contact: Contact) -> None:
            consult = contact.consult
            if consult and consult.stage in (ConsultStage.RINGING, ConsultStage.TALKING):
                self.book.tell(
                    ConsultReturned(
                        at=self.book.at, contact=contact.id, offer=consult.offer, result=result
                    )
                )

        self.pick(number, tell, CallStage.TALKING)

    @rule(number=PICK, colleague=st.booleans())
    def somebody_joins(self, number: int, colleague: bool) -> None:
        def join(contact: Contact) -> None:
            consult = contact.consult
            who = (consult.agent or OUTSIDE) if consult and colleague else contact.agent
            self.book.tell(
                LegJoined(
                    at=self.book.at,
                    contact=contact.id,
                    agent=who,
                    offer=contact.offer,
                    channel=f"leg-{who}",
                )
            )

        self.pick(number, join, CallStage.TALKING)

    @rule(number=PICK, colleague=st.booleans())
    def a_leg_goes(self, number: int, colleague: bool) -> None:
        def go(contact: Contact) -> None:
            consult = contact.consult
            who = (consult.agent or OUTSIDE) if consult and colleague else contact.agent
            self.book.tell(
                LegHungUp(
                    at=self.book.at,
                    contact=contact.id,
                    channel=f"leg-{who}",
                    agent=who,
                    cause=16,
                )
            )

        self.pick(number, go, CallStage.TALKING)

    @rule(number=PICK)
    def caller_is_left_over(self, number: int) -> None:
        self.pick(
            number,
            lambda c: self.book.tell(CallerLeftOver(contact=c.id)),
            CallStage.TALKING,
            CallStage.OUTSIDE,
        )

    @rule(number=PICK)
    def caller_ticks(self, number: int) -> None:
        self.pick(number, lambda c: self.book.tick(c.id), CallStage.TALKING, CallStage.WAITING)

    @rule(number=PICK)
    def nobody_is_outside(self, number: int) -> None:
        self.pick(
            number,
            lambda c: self.book.tell(OutsideReturned(contact=c.id)),
            CallStage.OUTSIDE,
        )

    @rule(number=PICK, queue=QUEUES)
    def menu_ends(self, number: int, queue: str) -> None:
        self.pick(
            number,
            lambda c: self.book.tell(
                MenuFinished(contact=c.id, queue=queue, language=c.language or "zh-CN")
            ),
            CallStage.MENU,
        )

    @rule(number=PICK, on=st.booleans())
    def phone_holds(self, number: int, on: bool) -> None:
        def hold(contact: Contact) -> None:
            self.book.tell(LegHeld(at=self.book.at, contact=contact.id, agent=contact.agent, on=on))

        self.pick(number, hold, CallStage.TALKING)

    # -- always ---------------------------------------------------------------------------

    @invariant()
    def an_agent_belongs_to_one_contact_or_to_none(self) -> None:
        domain = self.book.domain
        paired = []
        for contact in domain.contacts.values():
            if contact.stage in WITH_AN_AGENT and not contact.parted:
                paired.append((contact.agent, contact.id))
            if contact.consult and contact.consult.agent:
                paired.append((contact.consult.agent, contact.id))
        busy = [
            (agent.id, agent.contact)
            for agent in domain.agents.values()
            if agent.state in (AgentState.OFFERED, AgentState.TALKING)
        ]
        assert sorted(paired) == sorted(busy)

    @invariant()
    def a_second_voice_is_on_talks_only(self) -> None:
        for contact in self.book.domain.contacts.values():
            assert contact.stage is CallStage.TALKING or not contact.consult
            assert contact.stage is CallStage.TALKING or not contact.held_since

    @invariant()
    def offered_is_ends_plus_waiting(self) -> None:
        assert self.book.figures.imbalance == 0

    @invariant()
    def no_number_is_used_twice(self) -> None:
        made = [e for e in self.book.events if isinstance(e, OfferMade | ConsultStarted)]
        assert len({(e.contact, e.offer) for e in made}) == len(made)
        joined = [e for e in self.book.events if isinstance(e, AgentJoined)]
        assert len({(e.contact, e.offer) for e in joined}) == len(joined)


TransferHistories.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None
)
TestTransferHistories = TransferHistories.TestCase
