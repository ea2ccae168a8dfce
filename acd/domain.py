"""The state of one routing domain and the few primitives that change it.

A routing domain is a set of queues and agents that share skills; one controller at a time writes
it. Every change of a contact's stage or an agent's state goes through ``move`` and ``change``,
which follow the tables of ``acd/contact.py`` and ``acd/agent.py``; everything that is to be kept
or done goes through ``record`` and ``order``. No I/O, clock or randomness.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from acd import agent as agent_table
from acd import contact as contact_table
from acd.agent import Agent
from acd.company import Company
from acd.contact import Contact
from acd.pace import Pace
from acd.routing import Router
from acd.rules import AgentProfile, Queue
from acd.served import Served
from telephony.commands import CancelWake, Command, MirrorAgent, NextStep
from telephony.events import (
    AgentState,
    AgentStateChanged,
    ContactEnded,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
)

#: In these states an agent belongs to a contact.
ENGAGED = frozenset({AgentState.OFFERED, AgentState.TALKING, AgentState.WRAP_UP})


@dataclass(slots=True)
class Decision:
    """What came of one event."""

    events: list[RecordedEvent] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    contacts: set[str] = field(default_factory=set)  # changed or gone
    agents: set[str] = field(default_factory=set)  # changed
    answer: NextStep | None = None


class Domain:
    """Contacts and agents by id, and the decision that is being made about them.

    Args:
        company: queues, agents and skills.
    """

    def __init__(self, company: Company) -> None:
        self.company = company
        self.contacts: dict[str, Contact] = {}
        self.agents: dict[str, Agent] = {name: Agent(name) for name in company.agents}
        self.offers = 0  # how many have been made, for round robin
        self.strays: Counter[str] = Counter()  # what fitted nothing, by kind
        self.refusals: Counter[str] = Counter()  # what people asked for and could not be, by code
        self.served = Served()
        self.pace = Pace()
        self.placed: list[str] = []  # contacts queued in the decision at hand
        self.callbacks: dict[str, str] = {}  # number -> the contact that is to be called back
        self.engaged: dict[str, str] = {}  # contact on the line -> the same customer's callback
        self.is_open: Callable[[str, float], bool] = lambda hours, now: True
        self.is_node: Callable[[str], bool] = lambda node: True  # does the menu have this node?
        self.passed_on: list[str] = []  # contacts out of a talk, in the decision at hand
        self.now = 0.0  # Unix seconds of the event at hand
        self.out = Decision()
        self.leaving_agents: dict[str, AgentProfile] = {}  # not in the files any more, on a call
        self.leaving_queues: dict[str, Queue] = {}  # not in the files any more, somebody is inside
        self._mirrored: dict[str, MirrorAgent] = {}
        self.reindex()

    def reindex(self) -> None:
        """Make the router anew, after contacts, agents or the company were replaced."""
        self.router = Router(self.company)
        self._queues: dict[str, frozenset[str]] = {}  # agent -> queues, once it was asked for
        for contact in self.contacts.values():
            self.router.touch(contact)
        for agent in self.agents.values():
            self.router.touch_agent(agent)
        self.offers = max((agent.turn for agent in self.agents.values()), default=0)

    def begin(self, now: float) -> None:
        """Start a new decision."""
        self.now, self.out, self.placed, self.passed_on = now, Decision(), [], []
        self.router.begin(now)

    def record(self, event: RecordedEvent) -> None:
        """Append to the event log."""
        self.out.events.append(event)

    def order(self, command: Command) -> None:
        """Have something done."""
        self.out.commands.append(command)

    def stray(self, kind: str) -> None:
        """Count something that fitted nothing: repeated, late, unknown or not allowed.

        ``kind`` is the event's name, or ``contact:STAGE:HAPPENED`` and ``agent:STATE:HAPPENED``
        for what a table does not allow.
        """
        self.strays[kind] += 1

    # -- contacts -------------------------------------------------------------------------

    def touch(self, contact: Contact) -> None:
        """Keep a new or changed contact."""
        self.contacts[contact.id] = contact
        self.out.contacts.add(contact.id)
        self.router.touch(contact)

    def move(self, contact: Contact, happened: str) -> bool:
        """Move a contact along its table; an event that does not fit is counted and dropped."""
        stage = contact_table.TRANSITIONS.get((contact.stage, happened))
        if stage is None:
            self.stray(f"contact:{contact.stage}:{happened}")
            return False
        contact.stage, contact.changed = stage, self.now
        self.touch(contact)
        return True

    def end_entry(self, contact: Contact, end: QueueEnd, note: str = "") -> None:
        """Give the contact's queue entry its single end; that of a callback has had it."""
        if contact.promised:
            return
        self.pace.ended(contact.queue, end, max(0.0, self.now - contact.entered))
        self.record(
            QueueEntryEnded(
                at=self.now,
                contact=contact.id,
                queue=contact.queue,
                end=end,
                waited=max(0.0, self.now - contact.entered),
                note=note,
            )
        )

    def end_contact(self, contact: Contact, cause: int, note: str) -> None:
        """The caller's channel is gone: so is the contact."""
        self.record(
            ContactEnded(
                at=self.now, contact=contact.id, stage=contact.stage, cause=cause, note=note
            )
        )
        del self.contacts[contact.id]
        self.out.contacts.add(contact.id)
        self.router.drop(contact.id)
        if ticket := self.contacts.get(self.engaged.pop(contact.id, "")):
            ticket.engaged = ""
            self.touch(ticket)

    # -- agents ---------------------------------------------------------------------------

    def touch_agent(self, agent: Agent) -> None:
        """Keep an agent of whom something else than the state has changed."""
        self.out.agents.add(agent.id)
        self.router.touch_agent(agent)

    def change(self, agent: Agent, happened: str, *, reason: str, author: str) -> bool:
        """Move an agent along the table; record who, why and when; keep app_queue in step.

        What does not fit the agent's state is counted and dropped.
        """
        previous = agent.state
        state = agent_table.TRANSITIONS.get((previous, happened))
        if state is None:
            self.stray(f"agent:{previous}:{happened}")
            return False
        self._count(agent, state)
        agent.state, agent.since, agent.reason = state, self.now, reason
        if happened != "offer_withdrawn" and state is AgentState.READY:
            agent.idle_since = self.now
        if previous is AgentState.WRAP_UP:
            self.order(CancelWake(key=f"wrap_up:{agent.id}"))
        if state not in ENGAGED:
            agent.contact = agent.queue = ""
        self.touch_agent(agent)
        self.record(
            AgentStateChanged(
                at=self.now,
                agent=agent.id,
                state=state,
                previous=previous,
                reason=reason,
                author=author,
                contact=agent.contact,
            )
        )
        self.mirror(agent)
        if state is AgentState.READY and not agent.reachable:
            self.change(agent, "phone_gone", reason="phone_gone", author="rule:phone_gone")
        return True

    def _count(self, agent: Agent, state: AgentState) -> None:
        """Add what the state that ends now has been to the agent's counts since sign-in.

        The turn outlasts a sign-out: nobody gets ahead by signing out and in again.
        """
        spent = max(0.0, self.now - agent.since)
        if agent.state is AgentState.SIGNED_OUT:
            agent.signed_in, agent.calls, agent.busy, agent.away = self.now, 0, 0.0, 0.0
            agent.misses, agent.extended, agent.breaks = 0, 0, {}
        elif agent.state in ENGAGED:
            agent.busy += spent
            self.pace.spent(agent.queue, agent.state, spent)
        elif agent.state is AgentState.NOT_READY:
            agent.away += spent
        if state is AgentState.OFFERED:
            self.offers += 1
            agent.turn = self.offers
        elif state is AgentState.TALKING:
            agent.calls += 1

    def mirror(self, agent: Agent) -> None:
        """app_queue must know what to do with no controller: members, and who has paused.

        Wrap-up is not mirrored: nobody would end it if the controller died in it.
        """
        signed_in = agent.state is not AgentState.SIGNED_OUT
        paused = agent.state is AgentState.NOT_READY
        wanted = MirrorAgent(
            agent=agent.id,
            queues=self._queues_of(agent.id) if signed_in else frozenset(),
            paused=paused,
            reason=agent.reason if paused else "",
        )
        if self._mirrored.get(agent.id) != wanted:
            self._mirrored[agent.id] = wanted
            self.order(wanted)

    def _queues_of(self, agent: str) -> frozenset[str]:
        found = self._queues.get(agent)
        if found is None:
            found = self._queues[agent] = self.company.queues_of(agent)
        return found

    def mirror_everybody(self) -> None:
        """Tell app_queue again about every agent: it may have been restarted."""
        self._mirrored.clear()
        for agent in self.agents.values():
            self.mirror(agent)
