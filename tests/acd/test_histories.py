"""Whatever happens in whatever order: nobody is lost, nobody is twice, the sums are right."""

import contextlib
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from acd.routing import obstacle
from acd.wishes import ActionRefused
from telephony.events import AgentState, AgentWish, CallStage, OfferEnd
from tests.acd.playbook import Playbook

AGENTS = st.sampled_from(["8001", "8002", "8003", "8004"])
QUEUES = st.sampled_from(["presale", "logistics", "vip"])
LANGUAGES = st.sampled_from(["zh-CN", "en"])
PICK = st.integers(0, 50)


class Histories(RuleBasedStateMachine):
    """Callers and agents do anything that the wires can report, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Playbook()
        self.calls = 0
        self.gone: set[str] = set()

    def with_stage(self, pick: int, act: Callable[[str], object], *stages: CallStage) -> None:
        found = [c.id for c in self.book.domain.contacts.values() if c.stage in stages]
        if found:
            act(found[pick % len(found)])

    @rule(queue=QUEUES, language=LANGUAGES)
    def caller_comes(self, queue: str, language: str) -> None:
        self.calls += 1
        self.book.call(f"c{self.calls:03}", queue, language)

    @rule(agent=AGENTS, wish=st.sampled_from(list(AgentWish)))
    def agent_wishes(self, agent: str, wish: AgentWish) -> None:
        with contextlib.suppress(ActionRefused):
            self.book.wish(agent, wish)

    @rule(pick=PICK)
    def caller_lands(self, pick: int) -> None:
        self.with_stage(pick, self.book.land, CallStage.OFFERED)

    @rule(pick=PICK)
    def agent_answers(self, pick: int) -> None:
        self.with_stage(pick, self.book.answer, CallStage.OFFERED)

    @rule(pick=PICK, result=st.sampled_from(list(OfferEnd)))
    def offer_returns(self, pick: int, result: OfferEnd) -> None:
        self.with_stage(pick, lambda c: self.book.returned(c, result), CallStage.OFFERED)

    @rule(pick=PICK)
    def agent_hangs_up(self, pick: int) -> None:
        self.with_stage(pick, self.book.agent_hangs_up, CallStage.TALKING)

    @rule(pick=PICK)
    def caller_hangs_up(self, pick: int) -> None:
        self.with_stage(pick, self.book.caller_hangs_up, *CallStage)

    @rule(pick=PICK)
    def tick(self, pick: int) -> None:
        self.with_stage(pick, self.book.tick, CallStage.WAITING, CallStage.OFFERED)

    @rule(seconds=st.sampled_from([0.5, 3, 10, 40]))
    def time_passes(self, seconds: float) -> None:
        self.book.pass_(seconds)

    @invariant()
    def an_agent_and_a_contact_belong_to_each_other_or_to_nobody(self) -> None:
        domain = self.book.domain
        paired = [
            (contact.agent, contact.id)
            for contact in domain.contacts.values()
            if contact.stage in (CallStage.OFFERED, CallStage.TALKING) and not contact.parted
        ]
        busy = [
            (agent.id, agent.contact)
            for agent in domain.agents.values()
            if agent.state in (AgentState.OFFERED, AgentState.TALKING)
        ]
        assert sorted(paired) == sorted(busy)

    @invariant()
    def no_free_agent_stands_beside_a_caller_they_may_serve(self) -> None:
        domain = self.book.domain
        for contact in domain.contacts.values():
            if contact.stage is CallStage.WAITING and not contact.doubtful:
                for agent in domain.agents.values():
                    assert obstacle(contact, agent, domain.company, self.book.at), (contact, agent)

    @invariant()
    def offered_is_ends_plus_waiting(self) -> None:
        assert self.book.figures.imbalance == 0

    @invariant()
    def nothing_is_left_of_contacts_that_are_gone(self) -> None:
        known = set(self.book.domain.contacts) | set(self.book.domain.agents)
        assert {key.split(":")[1] for key in self.book.timers} <= known


Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestHistories = Histories.TestCase
