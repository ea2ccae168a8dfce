"""Whatever happens in whatever order: nobody is lost, nobody is twice, the sums are right.

Two companies have random days: a plain one, and one with every rule of the language. At each
decision the router must agree with the plain reference (``naive_routing.shadow``), which is what
makes the order fair and the aging a bound. When a day is over it is played again: the same input
must give the same events and commands.
"""

import contextlib
from collections.abc import Callable, Iterator

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from acd.company import Company
from acd.contact import Contact
from acd.distribution import Distribution
from acd.domain import Decision
from acd.routing import obstacle
from acd.rules import (
    DoNotRoute,
    Exit,
    LengthLimit,
    Limits,
    Ring,
    Routing,
    Rule,
    Sticky,
    Strategy,
    WaitLimit,
)
from acd.wishes import ActionRefused
from telephony.commands import NextStep
from telephony.events import (
    AgentState,
    AgentWish,
    CallStage,
    ContactQueued,
    OfferEnd,
    OfferMade,
    PhoneChanged,
    PlaceWished,
    Question,
    QueueEntryEnded,
    WireEvent,
    from_plain,
    to_plain,
)
from tests.acd.naive_routing import could_serve, position, shadow
from tests.acd.playbook import Playbook, company

AGENTS = st.sampled_from(["8001", "8002", "8003", "8004"])
QUEUES = st.sampled_from(["presale", "logistics", "vip"])
LANGUAGES = st.sampled_from(["zh-CN", "en"])
CALLERS = st.sampled_from(["13900000001", "13900000002", "13900000003", ""])
PICK = st.integers(0, 50)


def with_every_rule() -> Company:
    """Three queues with rings, limits, a sticky agent, strategies and rules beside them."""
    plain = company()
    announce = Exit(announce="queue_full")
    presale = plain.queue("presale").model_copy(
        update={
            "strategy": Strategy.ROUND_ROBIN,
            "sticky": Sticky(days=7, wait=15),
            "aging": 60,
            "rings": [Ring(after=10, queues=["logistics"]), Ring(after=60, overflow="vip")],
            "limits": Limits(
                length=LengthLimit(max=4, exit=Exit(overflow="logistics")),
                wait=WaitLimit(max=120, exit=announce),
            ),
        }
    )
    logistics = plain.queue("logistics").model_copy(
        update={
            "strategy": Strategy.SPARE_FLEXIBLE,
            "rings": [Ring(after=5, skills={"logistics": 1}), Ring(after=30, any={"presale": 1})],
            "limits": Limits(nobody_signed_in=announce, wait=WaitLimit(max=300, exit=announce)),
        }
    )
    vip = plain.queue("vip").model_copy(update={"strategy": Strategy.RANDOM, "aging": 30})
    return Company(
        queues={queue.id: queue for queue in (presale, logistics, vip)},
        agents={
            name: profile.model_copy(update={"weight": 1.0 + int(name) % 3})
            for name, profile in plain.agents.items()
        },
        language_skills=plain.language_skills,
        routing=Routing(
            classes={"gold": 8},
            attributes={"tier": ["gold", "tin"]},
            rules=[
                Rule(name="gold", when={"tier": "gold"}, priority="gold", threshold=5),
                Rule(name="own", when={"tier": "tin"}, preferred="8002", wait=12),
            ],
            do_not_route=[DoNotRoute(caller="13900000002", agent="8001")],
        ),
    )  # fmt: skip


class Recorder(Playbook):
    """A playbook that can be played again."""

    def __init__(self, of: Company) -> None:
        super().__init__(of)
        self.heard: list[tuple[WireEvent | Question, float]] = []
        self.said: list[object] = []
        self.stored: list[bytes] = []
        shadow(self.domain)

    def tell(self, event: WireEvent | Question) -> NextStep | None:
        self.heard.append((event, self.at))
        answer = super().tell(event)
        self.said.append(answer)
        return answer

    def take(self, decision: Decision) -> Decision:
        self.stored += [orjson.dumps(to_plain(event)) for event in decision.events]
        return super().take(decision)

    def stays(self) -> None:
        """No event changes after it was recorded, and each is read as it was told: whoever hears
        of it from memory hears the same as who reads the log.
        """
        assert [from_plain(orjson.loads(text)) for text in self.stored] == self.events

    def again(self) -> None:
        """The same input gives the same events and answers."""
        other = Distribution(self.company)
        events, said = [], []
        for event, at in self.heard:
            with contextlib.suppress(ActionRefused):
                decision = other.handle(event, at)
                events += decision.events
                said.append(decision.answer)
        assert events == self.events
        assert said == self.said


class Histories(RuleBasedStateMachine):
    """Callers, agents and supervisors do anything that can be reported, at any time."""

    make: Callable[[], Company] = staticmethod(company)

    def __init__(self) -> None:
        super().__init__()
        self.book = Recorder(self.make())
        self.calls = 0

    def teardown(self) -> None:
        self.book.stays()
        self.book.again()

    def with_stage(self, pick: int, act: Callable[[str], object], *stages: CallStage) -> None:
        found = [c.id for c in self.book.domain.contacts.values() if c.stage in stages]
        if found:
            act(found[pick % len(found)])

    @rule(
        queue=QUEUES, language=LANGUAGES, caller=CALLERS, tier=st.sampled_from(["", "gold", "tin"])
    )
    def caller_comes(self, queue: str, language: str, caller: str, tier: str) -> None:
        self.calls += 1
        tiers = {"tier": tier} if tier else {}
        self.book.call(f"c{self.calls:03}", queue, language, caller=caller, attributes=tiers)

    @rule(agent=AGENTS, wish=st.sampled_from(list(AgentWish)))
    def agent_wishes(self, agent: str, wish: AgentWish) -> None:
        with contextlib.suppress(ActionRefused):
            self.book.wish(agent, wish)

    @rule()
    def everybody_is_ready(self) -> None:
        for agent in self.book.domain.agents:
            for wish in (AgentWish.SIGN_IN, AgentWish.READY):
                self.agent_wishes(agent, wish)

    @rule(agent=AGENTS, reachable=st.booleans())
    def phone_changes(self, agent: str, reachable: bool) -> None:
        self.book.tell(PhoneChanged(at=self.book.at, agent=agent, reachable=reachable))

    @rule(
        pick=PICK,
        priority=st.sampled_from([None, 0, 9]),
        queue=st.one_of(st.none(), QUEUES),
        preferred=st.one_of(st.none(), st.just(""), AGENTS),
    )
    def supervisor_wishes(
        self, pick: int, priority: int | None, queue: str | None, preferred: str | None
    ) -> None:
        def change(contact: str) -> None:
            with contextlib.suppress(ActionRefused):
                self.book.tell(
                    PlaceWished(
                        contact=contact,
                        author="supervisor:li",
                        priority=priority,
                        queue=queue,
                        preferred=preferred,
                    )
                )

        self.with_stage(pick, change, CallStage.WAITING)

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

    # -- what always holds ------------------------------------------------------------------

    def waiting(self) -> Iterator[Contact]:
        return (c for c in self.book.domain.contacts.values() if c.waits)

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
        """Unless a rule says so, and then the obstacle names it: held, do_not_route, a skill."""
        domain = self.book.domain
        for contact in self.waiting():
            for agent in domain.agents.values():
                assert obstacle(contact, agent, domain.company, domain.now), (contact, agent)

    @invariant()
    def the_index_knows_who_waits_where(self) -> None:
        domain = self.book.domain
        for contact in domain.contacts.values():
            if contact.stage in (CallStage.WAITING, CallStage.OFFERED):
                place = position(contact, domain.contacts, domain.now)
                assert domain.router.position(contact, domain.now) == place
        for agent in domain.agents:
            wanted = could_serve(agent, domain.contacts, domain.company, domain.now)
            assert [contact.id for contact in domain.router.could_serve(agent)] == wanted

    @invariant()
    def offered_is_ends_plus_waiting(self) -> None:
        assert self.book.figures.imbalance == 0

    @invariant()
    def nobody_is_lost_and_nobody_twice(self) -> None:
        entries: dict[str, int] = {}
        for event in self.book.events:
            if isinstance(event, ContactQueued):
                entries[event.contact] = entries.get(event.contact, 0) + 1
                assert entries[event.contact] == 1, "queued twice"
            elif isinstance(event, QueueEntryEnded):
                entries[event.contact] -= 1
                assert entries[event.contact] == 0, "ended twice"
        queued = {contact for contact, count in entries.items() if count}
        domain = self.book.domain
        there = {c.id for c in domain.contacts.values()
                 if c.stage in (CallStage.WAITING, CallStage.OFFERED)}  # fmt: skip
        assert queued == there

    @invariant()
    def every_offer_has_a_reason_that_names_the_agent_first(self) -> None:
        for event in self.book.events:
            if isinstance(event, OfferMade):
                assert event.reason["considered"][0]["agent"] == event.agent
                assert event.reason["rule"]

    @invariant()
    def nothing_is_left_of_contacts_that_are_gone(self) -> None:
        known = set(self.book.domain.contacts) | set(self.book.domain.agents)
        assert {key.split(":")[1] for key in self.book.timers} <= known


class HistoriesWithEveryRule(Histories):
    """The same with rings, holds, limits, classes, strategies and do-not-route."""

    make = staticmethod(with_every_rule)


_SETTINGS = settings(max_examples=50, stateful_step_count=40, deadline=None)
Histories.TestCase.settings = _SETTINGS
HistoriesWithEveryRule.TestCase.settings = _SETTINGS
TestHistories = Histories.TestCase
TestHistoriesWithEveryRule = HistoriesWithEveryRule.TestCase
