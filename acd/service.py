"""The shell round the distribution: timers, the journal, and the way out to the telephone.

One task per process calls ``ask``; nothing here waits, so there are no locks. What the pure step
wants is carried out here or handed on; what it records goes to the journal before anything else
is done with it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from acd.agent import Agent
from acd.callbacks import Ticket, tickets
from acd.company import Company
from acd.contact import Contact
from acd.distribution import Distribution
from acd.domain import Decision
from acd.explain import WhyNot, WhyWaiting, why_not, why_waiting
from acd.load import Load, load_of
from acd.queue_log import QueueLog
from acd.wishes import ActionRefused, check_wish
from telephony.clock import Clock
from telephony.commands import CancelWake, Command, NextStep, WakeAt
from telephony.events import (
    AgentState,
    AgentWish,
    AgentWished,
    CallbackCancelled,
    CallStage,
    ConsultStep,
    ConsultStepWished,
    FollowUpDue,
    PlaceWished,
    Question,
    RecordedEvent,
    TimerFired,
    TransferTarget,
    TransferWished,
    WireEvent,
)

log = logging.getLogger(__name__)

#: A timer in the past fires at once, one in the far future is cut to this many seconds.
LONGEST_TIMER = 7 * 86400.0
#: Seconds until a timer that fired while nothing could be decided fires again.
ASK_AGAIN = 0.1


class Journal(Protocol):
    """Where decisions are kept (``store.live.Journal``)."""

    def record(
        self,
        contacts: Mapping[str, Contact | None],
        agents: Mapping[str, Agent | None],
        events: Sequence[RecordedEvent],
    ) -> None:
        """Keep changed contacts and agents (``None``: gone) and new events, in order."""


class NotDeciding(Exception):
    """This controller may not decide now: another one does, or none until the calls are known."""


class DistributionService:
    """Runs one ``Distribution`` in real time.

    Args:
        distribution: the rules and their state.
        clock: the process's clock.
        journal: keeps what was decided.
        carry_out: hands a command to the telephone; must not block or raise.
        may_decide: whether this process may decide at this moment.
    """

    def __init__(
        self,
        distribution: Distribution,
        *,
        clock: Clock,
        journal: Journal,
        carry_out: Callable[[Command], None],
        may_decide: Callable[[], bool] = lambda: True,
    ) -> None:
        self.distribution = distribution
        self._clock = clock
        self._journal = journal
        self._carry_out = carry_out
        self._may_decide = may_decide
        self._queue_log = QueueLog()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def ask(self, event: WireEvent | Question) -> NextStep | None:
        """Take one event, carry out what follows, and return the answer if it has one.

        Raises:
            acd.wishes.ActionRefused: an agent's wish cannot be granted.
            NotDeciding: nothing has changed; who asks must ask again, or another controller.
        """
        if not self._may_decide():
            raise NotDeciding("this controller does not decide just now")
        decision = self.distribution.handle(event, self._clock.now())
        self._carry(decision)
        return decision.answer

    def record(self, event: RecordedEvent) -> None:
        """Append an event that changes no contact and no agent, such as a step in the menu.

        Raises:
            NotDeciding: it is another controller's caller now.
        """
        if not self._may_decide():
            raise NotDeciding("this controller does not decide just now")
        self._journal.record({}, {}, [event])

    def restore(
        self,
        contacts: Mapping[str, Mapping[str, Any]],
        agents: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Begin from the live store's plain values; unreadable ones are logged and left out."""
        kept = _readable(Contact.from_plain, contacts)
        staff = _readable(Agent.from_plain, agents)
        self._carry(self.distribution.restore(kept, staff, self._clock.now()))

    @property
    def company(self) -> Company:
        """The rules that hold now."""
        return self.distribution.domain.company

    def adopt(self, company: Company, *, version: int, author: str) -> None:
        """Go by other rules from now on.

        One that does not decide only learns them: the change is recorded by who decides.
        """
        decision = self.distribution.adopt(
            company, self._clock.now(), version=version, author=author
        )
        if self._may_decide():
            self._carry(decision)

    def remember(
        self, answers: Iterable[tuple[str, str, float]], talks: Iterable[RecordedEvent] = ()
    ) -> None:
        """Take in the past: (caller, agent, Unix seconds) of answers, and how long talks took."""
        self.distribution.domain.served.extend(answers)
        self.distribution.domain.pace.learn(talks)

    def mirror_everybody(self) -> None:
        """Tell app_queue about every agent."""
        self._carry(self.distribution.mirror_everybody(self._clock.now()))

    def stop(self) -> None:
        """Cancel all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _carry(self, decision: Decision) -> None:
        domain = self.distribution.domain
        if decision.contacts or decision.agents or decision.events:
            self._journal.record(
                {name: domain.contacts.get(name) for name in decision.contacts},
                {name: domain.agents.get(name) for name in decision.agents},
                decision.events,
            )
        for event in decision.events:
            if row := self._queue_log.row(event):
                self._carry_out(row)
        for command in decision.commands:
            match command:
                case WakeAt():
                    self._wake_at(command)
                case CancelWake():
                    if timer := self._timers.pop(command.key, None):
                        timer.cancel()
                case _:
                    self._carry_out(command)

    def _wake_at(self, command: WakeAt) -> None:
        if earlier := self._timers.pop(command.key, None):
            earlier.cancel()
        delay = min(max(0.0, command.at - self._clock.now()), LONGEST_TIMER)
        loop = asyncio.get_running_loop()
        self._timers[command.key] = loop.call_later(delay, self._fire, command.key)

    def _fire(self, key: str) -> None:
        self._timers.pop(key, None)
        try:
            self.ask(TimerFired(key=key))
        except NotDeciding:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(ASK_AGAIN, self._fire, key)

    # -- what is asked --------------------------------------------------------------------

    def contact(self, contact: str) -> Contact | None:
        """What is known of this contact; to be read only."""
        return self.distribution.domain.contacts.get(contact)

    def stage(self, contact: str) -> CallStage | None:
        """Where this contact is, ``None`` when it is not known."""
        known = self.distribution.domain.contacts.get(contact)
        return known.stage if known else None

    def agent_state(self, agent: str) -> AgentState | None:
        """What this agent is doing, ``None`` when there is no such agent."""
        known = self.distribution.domain.agents.get(agent)
        return known.state if known else None

    def refusal(self, agent: str, wish: AgentWish) -> ActionRefused | None:
        """Why this wish would not be granted now; ``None`` when it would be."""
        try:
            check_wish(self.distribution.domain, agent, wish)
        except ActionRefused as refused:
            return refused
        return None

    def load(self, queue: str) -> Load | None:
        """How a queue stands now."""
        return load_of(self.distribution.domain, queue, self._clock.now())

    def why_waiting(self, contact: str) -> WhyWaiting | None:
        """Why nobody has this contact yet; ``None`` when it is not known."""
        domain = self.distribution.domain
        known = domain.contacts.get(contact)
        return why_waiting(domain, known, self._clock.now()) if known else None

    def why_not(self, contact: str, agent: str) -> WhyNot | None:
        """What keeps an agent from a waiting contact; ``None`` when it does not wait."""
        domain = self.distribution.domain
        known, who = domain.contacts.get(contact), domain.agents.get(agent)
        if known is None or who is None or not known.waits:
            return None
        return why_not(domain, known, who, self._clock.now())

    # -- what people press ------------------------------------------------------------------

    async def sign_in(self, agent: str, author: str) -> None:
        """Sign an agent in; not ready yet. Raises ActionRefused."""
        self.wish(agent, AgentWish.SIGN_IN, "signed_in", author)

    async def sign_out(self, agent: str, author: str) -> None:
        """Sign an agent out, after the call if there is one. Raises ActionRefused."""
        self.wish(agent, AgentWish.SIGN_OUT, "signed_out", author)

    async def ready(self, agent: str, author: str) -> None:
        """Take contacts; ends the wrap-up. Raises ActionRefused."""
        self.wish(agent, AgentWish.READY, "", author)

    async def not_ready(self, agent: str, reason: str, author: str) -> None:
        """Take no contacts, after the call if there is one. Raises ActionRefused."""
        self.wish(agent, AgentWish.NOT_READY, reason or "break", author)

    async def finish_wrap_up(self, agent: str, author: str) -> None:
        """The notes are done. Raises ActionRefused."""
        self.wish(agent, AgentWish.READY, "", author)

    async def extend_wrap_up(self, agent: str, author: str) -> None:
        """More time for notes. Raises ActionRefused."""
        self.wish(agent, AgentWish.EXTEND, "", author)

    async def transfer(
        self, contact: str, target: TransferTarget, to: str, author: str, *, attended: bool = False
    ) -> None:
        """Pass a caller on, or ask there first (``attended``). Raises ActionRefused."""
        self.ask(
            TransferWished(contact=contact, attended=attended, target=target, to=to, author=author)
        )

    async def cancel_callback(self, contact: str, author: str) -> None:
        """Nobody is to be called back for this contact any more. Raises ActionRefused."""
        self.ask(CallbackCancelled(contact=contact, author=author))

    async def follow_up(self, due: FollowUpDue) -> None:
        """Have a customer called because of a task. Raises ActionRefused, NotDeciding."""
        self.ask(due)

    def callbacks(self) -> list[Ticket]:
        """All promised callbacks, the oldest promise first."""
        return tickets(self.distribution.domain, self._clock.now())

    async def consult_step(self, contact: str, step: ConsultStep, author: str) -> None:
        """Have a consultation go on so. Raises ActionRefused."""
        self.ask(ConsultStepWished(contact=contact, step=step, author=author))

    async def change_place(
        self,
        contact: str,
        author: str,
        *,
        priority: int | str | None = None,
        queue: str | None = None,
        preferred: str | None = None,
    ) -> None:
        """Change a waiting contact's place. Raises ActionRefused."""
        self.ask(
            PlaceWished(
                contact=contact,
                author=author,
                priority=priority,
                queue=queue,
                preferred=preferred,
            )
        )

    def wish(self, agent: str, wish: AgentWish, reason: str, author: str) -> None:
        """Ask for an agent's state. Raises ActionRefused."""
        self.ask(AgentWished(agent=agent, wish=wish, reason=reason, author=author))


def _readable(
    read: Callable[[Mapping[str, Any]], Any], plain: Mapping[str, Mapping[str, Any]]
) -> list[Any]:
    found = []
    for name, values in plain.items():
        try:
            found.append(read(values))
        except (KeyError, TypeError, ValueError) as error:
            log.error("the live store's entry of %s cannot be read: %r", name, error)
    return found
