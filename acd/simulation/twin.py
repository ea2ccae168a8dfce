"""The twin: callers, phones and agents around one real ``Distribution``, in simulated time.

It sends the very events that the wires send in the life of a call (arrival, menu, ticks, landing,
answer, parting, hang-ups, agents' wishes, timers) and obeys the commands and answers that come
back. Only what people do is made up: how long they talk, when they give up, who does not pick up.

Every event gets a moment of its own: two things that fall together are a microsecond apart, as
they are on a wire, so that a recorded day can be taken apart again (``inputs.py``).
"""

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from acd.company import Company
from acd.distribution import Distribution
from acd.simulation.script import Call, Ring, Script, Wish
from acd.simulation.traffic import Phones
from acd.wishes import ActionRefused
from telephony.commands import (
    CallAgentFirst,
    CallCustomer,
    CancelWake,
    Command,
    EndCall,
    KeepWaiting,
    MoveCaller,
    NextStep,
    OfferContact,
    ReturnToWaiting,
    TakeOffer,
    WakeAt,
)
from telephony.events import (
    AgentAnswered,
    AgentState,
    AgentStateChanged,
    AgentWaits,
    AgentWish,
    AgentWished,
    CallerArrived,
    CallerLanded,
    CallerLeftOver,
    CallStage,
    CustomerReached,
    KeyPressed,
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

#: Two events are at least so many seconds apart.
APART = 1e-6
#: Seconds between two questions of the waiting loop (HUAWU_TICK in the dialplan).
TICK = 10.0
#: Seconds that a caller listens to a goodbye before the line goes.
GOODBYE = 2.0
#: A refused wish (a break limit, no phone) is asked again after so many seconds.
ASK_AGAIN = 60.0
NORMAL_CLEARING = 16  # Q.850
NO_ANSWER = 19  # Q.850

Hear = Callable[[RecordedEvent], None]


@dataclass(slots=True)
class _Line:
    """One caller's side of the call: what the twin must remember of it."""

    call: Call
    channel: str
    ticking: int = 0  # number of the present chain of ticks
    offers: int = 0  # how many phones have rung for it


@dataclass(slots=True)
class Twin:
    """One run. Feed it with ``play``; recorded events come out through ``hear``.

    Args:
        company: the rules.
        rng: draws what the script leaves open (phones).
        hear: called with each recorded event, in order.
        phones: how agents answer.
        is_open: opening hours, as the distribution asks for them.
        tick: seconds between two questions of a waiting caller; 0 for none.
    """

    company: Company
    rng: np.random.Generator
    hear: Hear
    phones: Phones = field(default_factory=Phones)
    is_open: Callable[[str, float], bool] = lambda _hours, _now: True
    tick: float = TICK
    now: float = 0.0
    handled: int = 0  # events that the distribution took
    unheeded: dict[str, int] = field(default_factory=dict)  # commands that nobody here obeys
    distribution: Distribution = field(init=False)
    _agenda: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = field(
        default_factory=list
    )
    _count: "itertools.count[int]" = field(default_factory=itertools.count)
    _timers: dict[str, int] = field(default_factory=dict)  # key -> number of its agenda entry
    _lines: dict[str, _Line] = field(default_factory=dict)
    _calls: dict[str, Call] = field(default_factory=dict)
    _called_back: dict[str, int] = field(default_factory=dict)  # contact -> calls made
    _pauses: dict[str, Wish] = field(default_factory=dict)  # agent -> the break asked for

    def __post_init__(self) -> None:
        self.distribution = Distribution(self.company, is_open=self.is_open)

    def play(self, script: Script, until: float | None = None) -> None:
        """Play a script to its last event, or to ``until`` (Unix seconds)."""
        for wish in script.wishes:
            self.at(wish.at, self._wish, wish)
        for call in script.calls:
            self.at(call.at, self._arrive, call)
        self.run(until)

    def run(self, until: float | None = None) -> None:
        """Go on until nothing is left to happen, or to ``until`` (Unix seconds)."""
        agenda = self._agenda
        while agenda and (until is None or agenda[0][0] <= until):
            at, number, act, words = heapq.heappop(agenda)
            if act is _fire:
                key = words[0]
                if self._timers.get(key) != number:
                    continue
                del self._timers[key]
                self.now = max(at, self.now)
                self.tell(TimerFired(key=key))
            else:
                self.now = max(at, self.now)
                act(*words)
        if until is not None:
            self.now = max(self.now, until)

    def at(self, at: float, act: Callable[..., None], *words: Any) -> int:
        """Have something done at a time; returns the number of the entry."""
        number = next(self._count)
        heapq.heappush(self._agenda, (at, number, act, words))
        return number

    # -- the wire ---------------------------------------------------------------------------

    def tell(self, event: WireEvent | Question) -> NextStep | None:
        """One event to the distribution; what follows from it is done. Raises ActionRefused."""
        self.now += APART
        self.handled += 1
        decision = self.distribution.handle(event, self.now)
        for recorded in decision.events:
            self.hear(recorded)
            if isinstance(recorded, AgentStateChanged):
                self._follow_agent(recorded)
        for command in decision.commands:
            self._obey(command)
        return decision.answer

    def _obey(self, command: Command) -> None:
        match command:
            case WakeAt():
                self._timers[command.key] = self.at(command.at, _fire, command.key)
            case CancelWake():
                self._timers.pop(command.key, None)
            case OfferContact():
                self.at(self.now, self._land, command.contact, command.agent, command.offer)
            case ReturnToWaiting():
                self.at(self.now, self._wait, command.contact)
            case MoveCaller():  # to a goodbye or a message box: the twin's callers go
                self.at(self.now + GOODBYE, self._hang_up, command.contact, None)
            case CallCustomer():
                self._call_customer(command)
            case CallAgentFirst():
                self._call_agent(command)
            case EndCall():
                self.at(self.now, self._hang_up, command.contact, None)
            case _:
                name = type(command).__name__
                self.unheeded[name] = self.unheeded.get(name, 0) + 1

    def _answer(self, line: _Line, step: NextStep | None) -> None:
        """The dialplan obeys the answer of its question."""
        match step:
            case TakeOffer():
                self.at(self.now, self._land, line.call.id, step.agent, step.offer)
            case KeepWaiting():
                self._wait(line.call.id)
            case None:
                pass
            case _:  # a goodbye, a message box, a menu: the twin's callers go
                self.at(self.now + GOODBYE, self._hang_up, line.call.id, None)

    # -- the caller -------------------------------------------------------------------------

    def _arrive(self, call: Call) -> None:
        self._calls[call.id] = call
        line = self._lines[call.id] = _Line(call, f"PJSIP/customer-{call.id}")
        self.tell(
            CallerArrived(
                contact=call.id, channel=line.channel, caller=call.caller, dialled=call.dialled
            )
        )
        next_act = self._hang_up if call.leaves_menu else self._choose
        self.at(self.now + call.menu, next_act, *([call.id, None] if call.leaves_menu else [line]))

    def _choose(self, line: _Line) -> None:
        call = line.call
        step = self.tell(
            MenuFinished(
                contact=call.id,
                queue=call.queue,
                language=call.language,
                attributes=call.attributes,
            )
        )
        if call.patience < np.inf:
            self.at(self.now + call.patience, self._give_up, call.id)
        if call.key_after < np.inf:
            self.at(self.now + call.key_after, self._press, line)
        self._answer(line, step)

    def _wait(self, contact: str) -> None:
        """Music, and the next tick."""
        if self.tick and (line := self._lines.get(contact)):
            line.ticking += 1
            self.at(self.now + self.tick, self._tick, line, line.ticking)

    def _tick(self, line: _Line, ticking: int) -> None:
        if line.ticking == ticking and self._stage(line.call.id) is CallStage.WAITING:
            self._answer(
                line,
                self.tell(
                    NextStepAsked(contact=line.call.id, channel=line.channel, variables=_NOTHING)
                ),
            )

    def _press(self, line: _Line) -> None:
        """The key that asks for a callback, where there is one."""
        known = self.distribution.domain.contacts.get(line.call.id)
        if known is None or known.stage is not CallStage.WAITING:
            return
        if rules := self.company.queue(known.queue).callback:
            self._called_back[line.call.id] = 0
            event = KeyPressed(contact=line.call.id, channel=line.channel, key=rules.key)
            self._answer(line, self.tell(event))

    def _give_up(self, contact: str) -> None:
        if (
            self._stage(contact) in (CallStage.WAITING, CallStage.OFFERED)
            and contact in self._lines
        ):
            self._hang_up(contact, None)

    def _hang_up(self, contact: str, by: Party | None) -> None:
        """The caller's channel goes; ``by`` is who ended a talk, if there is one."""
        line = self._lines.pop(contact, None)
        if line is None or self._stage(contact) is None:
            return
        if by is Party.CALLER:
            known = self.distribution.domain.contacts[contact]
            agent, offer = known.agent, known.offer
            self.tell(PairParted(at=self.now, contact=contact, agent=agent, offer=offer, by=by))
            self._agent_leg_gone(contact, agent)
        self.tell(
            LegHungUp(
                at=self.now,
                contact=contact,
                channel=line.channel,
                agent="",
                cause=NORMAL_CLEARING,
            )
        )

    # -- the agent's phone ------------------------------------------------------------------

    def _land(self, contact: str, agent: str, offer: int) -> None:
        line = self._lines.get(contact)
        if line is None or not self._is_offered(contact, agent, offer):
            return
        line.ticking += 1  # the waiting loop is left
        line.offers += 1
        self.tell(CallerLanded(at=self.now, contact=contact, agent=agent, offer=offer))
        ring = self._ring(line)
        longest = self.company.queue(self.distribution.domain.contacts[contact].queue).ring
        if ring.end is None and ring.seconds <= longest:
            self.at(self.now + ring.seconds, self._pick_up, line, agent, offer)
        else:
            end = ring.end or OfferEnd.TIMED_OUT
            seconds = longest if end is OfferEnd.TIMED_OUT else min(ring.seconds, longest)
            self.at(self.now + seconds, self._ring_over, line, agent, offer, end)

    def _ring(self, line: _Line) -> Ring:
        if line.offers <= len(line.call.rings):
            return line.call.rings[line.offers - 1]
        phones = self.phones
        if phones.rings_out or phones.declined:
            chance = float(self.rng.random())
            if chance < phones.rings_out:
                return Ring(seconds=0.0, end=OfferEnd.TIMED_OUT)
            if chance < phones.rings_out + phones.declined:
                return Ring(seconds=phones.answer.draw(self.rng), end=OfferEnd.DECLINED)
        return Ring(seconds=phones.answer.draw(self.rng))

    def _ring_over(self, line: _Line, agent: str, offer: int, end: OfferEnd) -> None:
        if self._is_offered(line.call.id, agent, offer):
            self._answer(line, self.tell(OfferReturned(contact=line.call.id, result=end)))

    def _pick_up(self, line: _Line, agent: str, offer: int) -> None:
        call = line.call
        if not self._is_offered(call.id, agent, offer):
            return
        channel = f"PJSIP/agent{agent}-{call.id}-{offer}"
        self.tell(
            AgentAnswered(at=self.now, contact=call.id, agent=agent, offer=offer, channel=channel)
        )
        self.at(self.now + call.talk, self._talk_over, line, agent)

    def _talk_over(self, line: _Line, agent: str) -> None:
        contact = line.call.id
        if self._stage(contact) is not CallStage.TALKING:
            return
        if not line.call.agent_ends:
            self._hang_up(contact, Party.CALLER)
        else:
            self._agent_leg_gone(contact, agent)
            offer = self.distribution.domain.contacts[contact].offer
            self.tell(
                PairParted(at=self.now, contact=contact, agent=agent, offer=offer, by=Party.AGENT)
            )
            self._answer(line, self.tell(CallerLeftOver(contact=contact)))
        known = self.distribution.domain.agents[agent]
        if known.state is AgentState.WRAP_UP and line.call.wrap_up < np.inf:
            self.at(self.now + line.call.wrap_up, self._notes_done, agent, known.since)

    def _agent_leg_gone(self, contact: str, agent: str) -> None:
        channel = f"PJSIP/agent{agent}-{contact}"
        self.tell(
            LegHungUp(
                at=self.now,
                contact=contact,
                channel=channel,
                agent=agent,
                cause=NORMAL_CLEARING,
            )
        )

    # -- calling back -----------------------------------------------------------------------

    def _call_customer(self, command: CallCustomer) -> None:
        contact = command.contact
        tries = self._called_back.get(contact, 0)
        self._called_back[contact] = tries + 1
        call = self._calls[contact]
        seconds = call.called_back[tries] if tries < len(call.called_back) else 0.0
        if seconds <= command.ring:
            self.at(self.now + seconds, self._customer_answers, command)
        else:
            self.at(self.now + command.ring, self._no_answer, contact, "", NO_ANSWER)

    def _customer_answers(self, command: CallCustomer) -> None:
        contact = command.contact
        if self._stage(contact) is not CallStage.CALLING:
            return
        line = _Line(self._calls[contact], f"PJSIP/out-{contact}-{command.offer}")
        self._lines[contact] = line
        self.tell(
            CustomerReached(
                at=self.now,
                contact=contact,
                agent=command.agent,
                offer=command.offer,
                channel=line.channel,
            )
        )
        act = self._pick_up if command.partner else self._land
        who = line if command.partner else contact
        self.at(self.now, act, who, command.agent, command.offer)

    def _call_agent(self, command: CallAgentFirst) -> None:
        line = _Line(self._calls[command.contact], "", offers=1)
        ring = self._ring(line)
        contact, agent = command.contact, command.agent
        if ring.end is None and ring.seconds <= command.ring:
            self.at(self.now + ring.seconds, self._agent_waits, contact, agent, command.offer)
        else:
            self.at(self.now + command.ring, self._no_answer, contact, agent, NO_ANSWER)

    def _agent_waits(self, contact: str, agent: str, offer: int) -> None:
        channel = f"PJSIP/agent{agent}-{contact}-{offer}"
        self.tell(
            AgentWaits(at=self.now, contact=contact, agent=agent, offer=offer, channel=channel)
        )

    def _no_answer(self, contact: str, agent: str, cause: int) -> None:
        """A leg that we called rang out: the customer's, or an agent's."""
        if self._stage(contact) is CallStage.CALLING:
            channel = f"PJSIP/out-{contact}"
            self.tell(
                LegHungUp(at=self.now, contact=contact, channel=channel, agent=agent, cause=cause)
            )

    # -- the agent --------------------------------------------------------------------------

    def _notes_done(self, agent: str, since: float) -> None:
        known = self.distribution.domain.agents[agent]
        if known.state is AgentState.WRAP_UP and known.since == since and known.wish is None:
            self._ask(agent, AgentWish.READY, "", "")

    def _wish(self, wish: Wish) -> None:
        if wish.back_after:
            self._pauses[wish.agent] = wish
        if not self._ask(wish.agent, wish.wish, wish.reason, wish.author) and wish.back_after:
            self.at(self.now + ASK_AGAIN, self._wish, wish)

    def _ask(self, agent: str, wish: AgentWish, reason: str, author: str) -> bool:
        try:
            self.tell(
                AgentWished(
                    agent=agent, wish=wish, reason=reason, author=author or f"agent:{agent}"
                )
            )
        except ActionRefused:
            return False
        return True

    def _follow_agent(self, event: AgentStateChanged) -> None:
        """People come back: from a planned break, and after a call that they missed."""
        pause = self._pauses.get(event.agent)
        if event.state is AgentState.NOT_READY and event.author.startswith("rule:"):
            back = self.phones.back_after.draw(self.rng)
            self.at(self.now + back, self._come_back, event.agent, event.at)
        elif event.state is AgentState.NOT_READY and pause and event.reason == pause.reason:
            del self._pauses[event.agent]
            self.at(self.now + pause.back_after, self._come_back, event.agent, event.at)
        elif event.state is AgentState.SIGNED_OUT and event.author.startswith("rule:"):
            back = self.phones.back_after.draw(self.rng)
            self.at(self.now + back, self._sign_in_again, event.agent, event.at)

    def _come_back(self, agent: str, since: float) -> None:
        known = self.distribution.domain.agents[agent]
        if known.state is AgentState.NOT_READY and known.since == since:
            self._ask(agent, AgentWish.READY, "", "")

    def _sign_in_again(self, agent: str, since: float) -> None:
        if self.distribution.domain.agents[agent].since == since:
            self._ask(agent, AgentWish.SIGN_IN, "signed_in", "")
            self._ask(agent, AgentWish.READY, "", "")

    # -- what is known ------------------------------------------------------------------------

    def _stage(self, contact: str) -> CallStage | None:
        known = self.distribution.domain.contacts.get(contact)
        return known.stage if known else None

    def _is_offered(self, contact: str, agent: str, offer: int) -> bool:
        known = self.distribution.domain.contacts.get(contact)
        return (
            known is not None
            and known.stage in (CallStage.OFFERED, CallStage.CALLING)
            and known.agent == agent
            and known.offer == offer
        )


_NOTHING: Mapping[str, str] = {}


def _fire(key: str) -> None:
    """Marks an agenda entry as a timer of the distribution."""
    raise AssertionError(f"timer {key} is fired by run()")
