"""A scripted day for one ``Distribution``: say what happens and when, look at what came of it."""

from collections.abc import Callable, Mapping

from acd.company import Company
from acd.distribution import Distribution
from acd.domain import Decision
from acd.figures import Figures
from acd.rules import AgentProfile, Exit, Limits, Queue, WaitLimit
from telephony.commands import Command, NextStep, OfferContact, TakeOffer, WakeAt
from telephony.events import (
    AgentAnswered,
    AgentState,
    AgentWish,
    AgentWished,
    CallerArrived,
    CallerLanded,
    CallerLeftOver,
    LegHungUp,
    MenuFinished,
    NextStepAsked,
    OfferEnd,
    OfferReturned,
    PairParted,
    Party,
    Question,
    RecordedEvent,
    TimerFired,
    WireEvent,
)


def company(*, wrap_up: int = 20, max_wait: int = 1800) -> Company:
    """Three queues and four agents: 8001 sells, 8002 does both, 8003 and 8004 deliver."""
    queues = [
        Queue(
            id=name,
            name={"zh-CN": name, "en": name},
            skills=skills,
            priority=priority,
            wrap_up=wrap_up,
            limits=Limits(wait=WaitLimit(max=max_wait, exit=Exit(announce="queue_full"))),
            threshold=threshold,
        )
        for name, skills, priority, threshold in (
            ("presale", {"presale": 1}, 0, 20),
            ("logistics", {"logistics": 3}, 0, 40),
            ("vip", {"presale": 5}, 10, 10),
        )
    ]
    agents = [
        AgentProfile(id=name, name={"zh-CN": name, "en": name}, skills=skills)
        for name, skills in (
            ("8001", {"presale": 8, "mandarin": 10}),
            ("8002", {"presale": 3, "logistics": 5, "mandarin": 10, "english": 5}),
            ("8003", {"logistics": 9, "mandarin": 10}),
            ("8004", {"logistics": 2, "mandarin": 10}),
        )
    ]
    return Company(
        queues={queue.id: queue for queue in queues},
        agents={agent.id: agent for agent in agents},
        language_skills={"zh-CN": "mandarin", "en": "english"},
    )


class Playbook:
    """Feeds one distribution; ``at`` moves forward by ``pass_`` and never by itself.

    Timers fire when ``pass_`` moves over them, as the service would fire them.
    """

    def __init__(
        self,
        of: Company | None = None,
        is_open: Callable[[str, float], bool] = lambda hours, now: True,
    ) -> None:
        self.company = of or company()
        self.distribution = Distribution(self.company, is_open)
        self.domain = self.distribution.domain
        self.at = 1_000_000.0
        self.events: list[RecordedEvent] = []
        self.commands: list[Command] = []
        self.timers: dict[str, float] = {}
        self.figures = Figures({q.id: q.threshold for q in self.company.queues.values()})

    def tell(self, event: WireEvent | Question) -> NextStep | None:
        """One event; its outcome is kept."""
        return self.take(self.distribution.handle(event, self.at)).answer

    def take(self, decision: Decision) -> Decision:
        self.events += decision.events
        self.figures.extend(decision.events)
        for command in decision.commands:
            if isinstance(command, WakeAt):
                self.timers[command.key] = command.at
            elif hasattr(command, "key"):
                self.timers.pop(command.key, None)
            else:
                self.commands.append(command)
        return decision

    def pass_(self, seconds: float) -> None:
        """Time goes by; timers fire in order."""
        end = self.at + seconds
        while due := sorted((at, key) for key, at in self.timers.items() if at <= end):
            at, key = due[0]
            del self.timers[key]
            self.at = max(self.at, at)
            self.tell(TimerFired(key=key))
        self.at = end

    # -- words ----------------------------------------------------------------------------

    def ready(self, *agents: str) -> None:
        """Agents sign in and go ready, a second apart."""
        for agent in agents:
            self.wish(agent, AgentWish.SIGN_IN)
            self.wish(agent, AgentWish.READY)
            self.pass_(1)

    def wish(self, agent: str, wish: AgentWish, reason: str = "") -> None:
        self.tell(AgentWished(agent=agent, wish=wish, reason=reason, author=f"agent:{agent}"))

    def call(
        self,
        contact: str,
        queue: str = "presale",
        language: str = "zh-CN",
        *,
        caller: str = "1",
        attributes: Mapping[str, str] | None = None,
    ) -> NextStep:
        """A caller arrives and chooses a queue; the answer is what the dialplan does next."""
        self.tell(
            CallerArrived(contact=contact, channel=f"ch-{contact}", caller=caller, dialled="8000")
        )
        answer = self.tell(
            MenuFinished(
                contact=contact, queue=queue, language=language, attributes=attributes or {}
            )
        )
        assert answer is not None
        return answer

    def tick(self, contact: str, **variables: str) -> NextStep:
        answer = self.tell(
            NextStepAsked(contact=contact, channel=f"ch-{contact}", variables=variables)
        )
        assert answer is not None
        return answer

    def land(self, contact: str) -> None:
        known = self.domain.contacts[contact]
        self.tell(CallerLanded(at=self.at, contact=contact, agent=known.agent, offer=known.offer))

    def answer(self, contact: str) -> None:
        """The offered agent's phone is answered."""
        self.land(contact)
        known = self.domain.contacts[contact]
        self.tell(
            AgentAnswered(
                at=self.at, contact=contact, agent=known.agent, offer=known.offer, channel="agent"
            )
        )

    def returned(self, contact: str, result: OfferEnd) -> NextStep:
        answer = self.tell(OfferReturned(contact=contact, result=result))
        assert answer is not None
        return answer

    def agent_leg_gone(self, contact: str, agent: str) -> None:
        self.tell(LegHungUp(at=self.at, contact=contact, channel="agent", agent=agent, cause=16))

    def agent_hangs_up(self, contact: str) -> NextStep:
        """As the wires report it: the leg, the dialplan's word, its question, the caller's end."""
        known = self.domain.contacts[contact]
        agent, offer = known.agent, known.offer
        self.agent_leg_gone(contact, agent)
        self.tell(PairParted(at=self.at, contact=contact, agent=agent, offer=offer, by=Party.AGENT))
        step = self.tell(CallerLeftOver(contact=contact))
        assert step is not None
        self.caller_hangs_up(contact)
        return step

    def caller_hangs_up(self, contact: str) -> None:
        self.tell(
            LegHungUp(at=self.at, contact=contact, channel=f"ch-{contact}", agent="", cause=16)
        )

    def state(self, agent: str) -> AgentState:
        return self.domain.agents[agent].state

    def kinds(self, contact: str = "") -> list[str]:
        """Names of the recorded events, of one contact if named."""
        return [
            type(event).__name__
            for event in self.events
            if not contact or getattr(event, "contact", "") == contact
        ]

    def offers(self) -> list[tuple[str, str]]:
        """(contact, agent) of the offers that went out as commands."""
        return [(c.contact, c.agent) for c in self.commands if isinstance(c, OfferContact)]


def offered_to(step: NextStep) -> str:
    """The agent of an answer that is an offer."""
    assert isinstance(step, TakeOffer)
    return step.agent
