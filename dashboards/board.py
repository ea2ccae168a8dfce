"""The live board: one pure fold over recorded events, and the views that pages draw.

``Board.apply`` takes an event, ``Board.take_changes`` says which lines look different since it was
last asked. Figures are those of ``acd/figures.py``; what is added here is who is on the line, each
agent's last talks and the trend of the last hour.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from acd.company import Company
from acd.figures import Figures, share
from dashboards.together import Together
from dashboards.views import (
    AgentLine,
    DeskCall,
    LiveContact,
    QueueLine,
    RecentTalk,
    SecondVoiceView,
    Totals,
    TrendBin,
)
from telephony.events import (
    AgentJoined,
    AgentState,
    AgentStateChanged,
    CallbackEnded,
    CallbackRequested,
    CallbackTried,
    CallResult,
    CallStage,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    FollowUpPlaced,
    OfferEnded,
    OfferMade,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
    TalkEnded,
)

BIN = 300.0
"""Seconds in one slice of the trend."""
BINS = 12
RECENT = 8
"""Talks kept for each agent's desk."""

BUSY = frozenset({AgentState.OFFERED, AgentState.TALKING, AgentState.WRAP_UP})


@dataclass(slots=True)
class _OnTheLine:
    """A contact that has not ended, or is still wrapped up by its agent."""

    id: str
    caller: str = ""
    language: str = ""
    stage: CallStage = CallStage.MENU
    since: float = 0.0
    queue: str = ""
    queued_at: float | None = None
    agent: str = ""
    offer: int = 0
    ended: bool = False
    together: Together = field(default_factory=Together)
    to_call_back: bool = False  # and not on the line

    @property
    def idle_stage(self) -> CallStage:
        """The stage while nobody is offered."""
        return CallStage.CALLBACK if self.to_call_back else CallStage.WAITING


@dataclass(slots=True)
class Changes:
    """Ids of the lines that an event may have changed."""

    queues: set[str] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)
    contacts: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    all: bool = False

    def __bool__(self) -> bool:
        return bool(self.all or self.queues or self.agents or self.contacts or self.gone)


class Board:
    """Folds events, in the order of the log, into what a live page shows.

    Args:
        company: queues and agents that have a line.
        midnight: given Unix seconds, the begin of that day where the company is.
        at: the moment from which days are counted (Unix seconds).
    """

    def __init__(self, company: Company, midnight: Callable[[float], float], at: float) -> None:
        self._company = company
        self._midnight = midnight
        self._day = midnight(at)
        thresholds = {queue.id: queue.threshold for queue in company.queues.values()}
        self.figures = Figures(thresholds)
        self._serves = {agent: company.queues_of(agent) for agent in company.agents}
        self._contacts: dict[str, _OnTheLine] = {}
        self._recent: dict[str, deque[RecentTalk]] = {}
        self._bins: dict[float, Counter[str]] = {}
        self._bin = self._slice(at)
        self._changes = Changes()

    @property
    def company(self) -> Company:
        """The rules with which this board was made."""
        return self._company

    # -- events in ------------------------------------------------------------------------

    def apply(self, event: RecordedEvent) -> None:
        """Take one event in."""
        self.pass_time(event.at)
        self.figures.apply(event)
        match event:
            case AgentStateChanged():
                self._changes.agents.add(event.agent)
                self._changes.queues |= self._serves.get(event.agent, frozenset())
                self._forget_wrapped_up(event)
            case ContactEnded():
                self._end(event)
            case QueueEntryEnded():
                self._count(event.at, "ended:" + event.end)
                self._changes.queues.add(event.queue)
                self._leave_queue(event)
            case _:
                self._follow(event)

    def pass_time(self, now: float) -> None:
        """Begin a new day or a new slice of the trend when it is time."""
        if (today := self._midnight(now)) > self._day:
            self._day = today
            self.figures.start_day(today)
            for talks in self._recent.values():
                talks.clear()
            self._changes.all = True
        if (begun := self._slice(now)) > self._bin:
            self._bin = begun
            self._bins = {at: n for at, n in self._bins.items() if at > begun - BIN * BINS}
            self._changes.all = True

    def take_changes(self) -> Changes:
        """What may look different since this was last called."""
        changes, self._changes = self._changes, Changes()
        return changes

    def _follow(self, event: RecordedEvent) -> None:
        """Move a contact through its stages."""
        match event:
            case ContactArrived():
                self._stage(event.contact, CallStage.MENU, event.at).caller = event.caller
            case FollowUpPlaced():
                contact = self._stage(event.contact, CallStage.CALLBACK, event.at)
                contact.caller, contact.language = event.caller, event.language
                contact.queue, contact.queued_at = event.queue, event.at
            case ContactQueued():
                contact = self._stage(event.contact, CallStage.WAITING, event.at)
                contact.queue, contact.language = event.queue, event.language
                contact.queued_at = event.at
                self._count(event.at, "queued")
            case CallbackRequested() | CallbackTried() | CallbackEnded():
                self._call_back(event)
            case OfferMade():
                contact = self._stage(event.contact, CallStage.OFFERED, event.at)
                contact.stage = CallStage.CALLING if contact.to_call_back else contact.stage
                contact.agent, contact.offer = event.agent, event.offer
                contact.queue = event.queue
                self._changes.agents.add(event.agent)
            case OfferEnded():
                if known := self._contacts.get(event.contact):
                    self._stage(event.contact, known.idle_stage, event.at).agent = ""
                self._changes.agents.add(event.agent)
            case ContactAnswered():
                contact = self._stage(event.contact, CallStage.TALKING, event.at)
                contact.agent, contact.offer = event.agent, event.offer
                contact.queue = event.queue
                contact.together.agents.add(event.agent)
                self._changes.agents.add(event.agent)
            case AgentJoined():
                self._join(event)
            case TalkEnded():
                self._end_talk(event)
            case _:
                self._follow_together(event)
                return
        self._changes.queues.add(getattr(event, "queue", ""))

    def _stage(self, contact: str, stage: CallStage, at: float) -> _OnTheLine:
        known = self._contacts.setdefault(contact, _OnTheLine(id=contact))
        if known.queue:
            self._changes.queues.add(known.queue)
        known.stage, known.since = stage, at
        self._changes.contacts.add(contact)
        return known

    def _follow_together(self, event: RecordedEvent) -> None:
        contact = self._contacts.get(getattr(event, "contact", ""))
        if contact is None or not contact.together.follow(event):
            return
        self._changes.contacts.add(contact.id)
        self._changes.agents.add(contact.agent)
        if second := contact.together.second:
            self._changes.agents.add(second.to)

    def _join(self, event: AgentJoined) -> None:
        contact = self._contacts.get(event.contact)
        if contact is not None and contact.together.joins(event):
            self._stage(event.contact, CallStage.TALKING, event.at)
            contact.agent, contact.offer = event.agent, event.offer
        self._changes.agents.add(event.agent)

    def _end_talk(self, event: TalkEnded) -> None:
        contact = self._contacts.setdefault(event.contact, _OnTheLine(id=event.contact))
        goes_on = contact.together.leaves(event)
        if goes_on is None:
            self._stage(event.contact, contact.together.stage_after_talk(), event.at)
        else:
            contact.agent = goes_on or contact.agent
            self._changes.contacts.add(contact.id)
            self._changes.agents.add(contact.agent)
        self._changes.agents.add(event.agent)
        self._recent.setdefault(event.agent, deque(maxlen=RECENT)).appendleft(
            RecentTalk(
                contact=event.contact,
                caller=contact.caller,
                queue=event.queue,
                at=event.at - event.talked,
                talked=event.talked,
            )
        )

    def _leave_queue(self, event: QueueEntryEnded) -> None:
        contact = self._contacts.get(event.contact)
        if contact is None or contact.stage not in (CallStage.WAITING, CallStage.OFFERED):
            return
        if event.end is not QueueEnd.ANSWERED:
            stage = CallStage.CALLBACK if contact.to_call_back else CallStage.AFTER
            self._stage(event.contact, stage, event.at)

    def _call_back(self, event: CallbackRequested | CallbackTried | CallbackEnded) -> None:
        """Whether the contact's customer is to be called, or is on the line again."""
        contact = self._contacts.get(event.contact)
        if contact is None:
            return
        match event:
            case CallbackRequested():
                contact.to_call_back = not event.merged
            case CallbackTried():
                contact.to_call_back = event.result is not CallResult.REACHED
                if not contact.agent:
                    self._stage(event.contact, contact.idle_stage, event.at)
            case CallbackEnded():
                contact.to_call_back = False

    def _end(self, event: ContactEnded) -> None:
        contact = self._contacts.get(event.contact)
        if contact is None:
            return
        contact.ended = True
        self._changes.gone.add(event.contact)
        self._changes.contacts.discard(event.contact)
        self._changes.queues.add(contact.queue)
        if not self._at_hand(contact):
            del self._contacts[event.contact]

    def _at_hand(self, contact: _OnTheLine) -> bool:
        """Whether the contact's agent still works on it, so that the desk shows it."""
        # The talk's end may be logged before or after the agent's change to wrap-up.
        agents = (self.figures.agent(name, 0.0) for name in contact.together.agents)
        return any(agent.contact == contact.id and agent.state in BUSY for agent in agents)

    def _forget_wrapped_up(self, event: AgentStateChanged) -> None:
        done = [
            contact.id
            for contact in self._contacts.values()
            if contact.ended
            and event.agent in contact.together.agents
            and not self._at_hand(contact)
        ]
        for contact in done:
            del self._contacts[contact]

    def _slice(self, at: float) -> float:
        return at - at % BIN

    def _count(self, at: float, what: str) -> None:
        if (begun := self._slice(at)) > self._bin - BIN * BINS:
            self._bins.setdefault(begun, Counter())[what] += 1

    # -- views out ------------------------------------------------------------------------

    def queue(self, queue: str, now: float) -> QueueLine:
        """One queue's line. Raises KeyError for an unknown queue."""
        known = self._company.queue(queue)
        figures = self.figures.queue(queue, now)
        waiting = self.figures.waiting_contacts(queue)
        return QueueLine(
            id=queue,
            name=dict(known.name),
            threshold=known.threshold,
            target=known.target,
            waiting=figures.waiting,
            ringing=figures.ringing,
            talking=figures.talking,
            oldest=waiting[0][1] if waiting else None,
            agents=self._states(a for a, queues in self._serves.items() if queue in queues),
            offered=figures.offered,
            rona=figures.rona,
            to_call_back=figures.to_call_back,
            service_level=rounded(figures.service_level, 4),
            asa=rounded(figures.asa, 1),
            aht=rounded(figures.aht, 1),
            **{end.value: figures.ends.get(end, 0) for end in QueueEnd},
        )

    def queues(self, now: float) -> list[QueueLine]:
        """Every queue's line, in the company's order."""
        return [self.queue(queue, now) for queue in self._company.queues]

    def agent(self, agent: str) -> AgentLine:
        """One agent's line. Raises KeyError for an unknown agent."""
        # At time 0 the present state has lasted 0 s: a line changes with events, not with seconds.
        figures = self.figures.agent(agent, 0.0)
        contact = self._contacts.get(figures.contact)
        return AgentLine(
            id=agent,
            name=dict(self._company.agent(agent).name),
            state=figures.state,
            since=figures.since,
            reason=figures.reason,
            reason_name=self._company.break_name(figures.reason),
            queue=contact.queue if contact and figures.state in BUSY else "",
            queues=[queue for queue in self._company.queues if queue in self._serves[agent]],
            handled=figures.handled,
            rona=figures.rona,
            aht=rounded(figures.aht, 1),
        )

    def agents(self) -> list[AgentLine]:
        """Every agent's line, in the company's order."""
        return [self.agent(agent) for agent in self._company.agents]

    def contact(self, contact: str) -> LiveContact | None:
        """A contact that is on the line, else None."""
        known = self._contacts.get(contact)
        if known is None or known.ended:
            return None
        return LiveContact(
            id=known.id,
            caller=known.caller,
            language=known.language,
            stage=known.stage,
            since=known.since,
            queue=known.queue,
            queued_at=known.queued_at,
            agent=known.agent,
        )

    def contacts(self) -> list[LiveContact]:
        """Everyone who is on the line, in the order of arrival."""
        return [view for key in self._contacts if (view := self.contact(key)) is not None]

    def totals(self, now: float) -> Totals:
        """The whole house."""
        lines = self.queues(now)
        answered = sum(line.answered for line in lines)
        judged = [line for line in lines if line.service_level is not None]
        weights = {line.id: judged_of(line) for line in judged}
        within = sum((line.service_level or 0.0) * weights[line.id] for line in judged)
        targets = sum(line.target * weights[line.id] for line in judged)
        weight = sum(weights.values())
        waited = sum((line.asa or 0.0) * line.answered for line in lines)
        return Totals(
            in_menu=self.figures.in_menu,
            waiting=sum(line.waiting for line in lines),
            talking=sum(line.talking for line in lines),
            offered=sum(line.offered for line in lines),
            answered=answered,
            abandoned=sum(line.abandoned for line in lines),
            service_level=rounded(share(within, weight), 4),
            target=round(share(targets, weight) or 0.8, 4),
            asa=rounded(share(waited, answered), 1),
            agents=self._states(self._serves),
        )

    def trend(self) -> list[TrendBin]:
        """The last hour in slices, the present one last."""
        first = self._bin - BIN * (BINS - 1)
        starts = [first + BIN * index for index in range(BINS)]
        empty: Counter[str] = Counter()
        return [
            TrendBin(
                at=at,
                queued=self._bins.get(at, empty)["queued"],
                answered=self._bins.get(at, empty)["ended:" + QueueEnd.ANSWERED],
                abandoned=self._bins.get(at, empty)["ended:" + QueueEnd.ABANDONED],
            )
            for at in starts
        ]

    def desk_call(self, agent: str) -> DeskCall | None:
        """The contact this agent is offered, speaks to or wraps up."""
        figures = self.figures.agent(agent, 0.0)
        contact = self._contacts.get(figures.contact)
        if contact is None or figures.state not in BUSY:
            return None
        return DeskCall(
            contact=contact.id,
            caller=contact.caller,
            queue=contact.queue,
            language=contact.language,
            since=contact.since,
            queued_at=contact.queued_at,
            offer=contact.offer,
            asked_by=contact.agent if self._is_asked(contact, agent) else "",
            held_since=contact.together.held_since,
            held=round(contact.together.held, 1),
            second=self._second(contact),
        )

    def _is_asked(self, contact: _OnTheLine, agent: str) -> bool:
        second = contact.together.second
        return second is not None and second.to == agent != contact.agent

    def _second(self, contact: _OnTheLine) -> SecondVoiceView | None:
        second = contact.together.second
        if second is None:
            return None
        profile = self._company.agents.get(second.to) if second.target == "agent" else None
        return SecondVoiceView(
            target=second.target,
            to=second.to,
            name=dict(profile.name) if profile else None,
            state=second.state,
            since=second.since,
        )

    def recent(self, agent: str) -> list[RecentTalk]:
        """The agent's talks of today, the last one first."""
        return list(self._recent.get(agent, ()))

    def _states(self, agents: Iterable[str]) -> dict[str, int]:
        counts = Counter(self.figures.agent(agent, 0.0).state for agent in agents)
        return {state.value: counts[state] for state in AgentState}


def judged_of(line: QueueLine) -> int:
    """How many queue entries the line's service level was taken over."""
    return line.answered + line.abandoned + line.overflowed + line.timed_out


def rounded(value: float | None, digits: int) -> float | None:
    """``round`` that lets None pass."""
    return None if value is None else round(value, digits)
