"""Queue and agent figures: one pure fold over recorded events, for live pages and reports alike.

Definitions (T is the queue's threshold in seconds):

- offered = the sum of all ends + still waiting; ``Figures.imbalance`` is not 0 if this ever breaks.
- service level = answered within T / (ended - short_abandoned - callback - refused)
- ASA = mean queue time of answered contacts, ringing included, menu excluded
- AHT = (talk + hold + wrap-up) / handled contacts; a contact that several agents of a queue spoke
  with is handled once in that queue, and once by each of them; talk does not hold the hold
- a contact that is passed on to a queue has an entry there of its own, and each entry ends once
- abandonment rate = abandoned / (offered - short_abandoned)
- occupancy = (talk + hold + wrap-up) / (talk + hold + wrap-up + ready)
- RONA = offers that rang out, counted per offer
- callbacks asked for = the sum of their ends + still to be made; a wish that joined an earlier one
  of the same number is none of its own

All durations are seconds, all shares 0..1, ``None`` where the divisor is 0.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from telephony.events import (
    AgentJoined,
    AgentState,
    AgentStateChanged,
    CallbackEnd,
    CallbackEnded,
    CallbackRequested,
    ConsultAnswered,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    ContactTransferred,
    HoldStarted,
    OfferEnd,
    OfferEnded,
    OfferMade,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
    TalkEnded,
)

NOT_IN_SERVICE_LEVEL = (QueueEnd.SHORT_ABANDONED, QueueEnd.CALLBACK, QueueEnd.REFUSED)


def share(part: float, whole: float) -> float | None:
    """``part / whole``, or ``None`` when there is nothing to divide by."""
    return part / whole if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """One queue at one moment, and its day so far."""

    queue: str
    waiting: int
    longest_wait: float  # 0.0 when nobody waits
    ringing: int  # of those waiting, how many are being offered
    talking: int
    offered: int
    ends: Mapping[QueueEnd, int]
    service_level: float | None
    asa: float | None
    aht: float | None
    average_talk: float | None  # per handled contact, without hold
    average_hold: float | None  # per handled contact
    holds: int  # how often callers were put on hold
    transferred: int  # talks whose caller was passed on
    abandonment_rate: float | None
    rona: int
    callbacks: int  # asked for
    callback_ends: Mapping[CallbackEnd, int]
    to_call_back: int  # promised and not made yet


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFigures:
    """One agent at one moment, and their day so far."""

    agent: str
    state: AgentState
    since: float  # Unix seconds
    reason: str
    contact: str  # offered, talking or wrapping up; "" otherwise
    queue: str
    handled: int
    rona: int
    consults: int  # how often a colleague's question was answered
    aht: float | None
    occupancy: float | None


@dataclass(slots=True)
class _Entry:
    """A contact that still waits in a queue."""

    queue: str
    since: float
    agent: str = ""  # being offered to


@dataclass(slots=True)
class _Queue:
    """What one queue has counted today."""

    threshold: float
    offered: int = 0
    within: int = 0
    rona: int = 0
    answer_seconds: float = 0.0
    talk_seconds: float = 0.0
    hold_seconds: float = 0.0
    wrap_up_seconds: float = 0.0
    holds: int = 0
    transferred: int = 0
    handled: set[str] = field(default_factory=set)  # contacts
    ends: dict[QueueEnd, list[str]] = field(default_factory=lambda: {end: [] for end in QueueEnd})
    callbacks: int = 0
    callback_ends: Counter[CallbackEnd] = field(default_factory=Counter)


@dataclass(slots=True)
class _Agent:
    """An agent's present state and the seconds spent in each state today."""

    state: AgentState = AgentState.SIGNED_OUT
    since: float = 0.0
    reason: str = ""
    contact: str = ""
    queue: str = ""
    handled: int = 0
    rona: int = 0
    consults: int = 0
    seconds: Counter[AgentState] = field(default_factory=Counter)


class Figures:
    """Folds events, in the order of the log, into the figures of one day.

    Args:
        thresholds: queue id -> service-level threshold in seconds. Events of other queues are
            counted under that queue with ``default_threshold``.
    """

    def __init__(self, thresholds: Mapping[str, float], default_threshold: float = 20.0) -> None:
        self._default = default_threshold
        self._thresholds = dict(thresholds)
        self._queues = {queue: _Queue(limit) for queue, limit in thresholds.items()}
        self._agents: dict[str, _Agent] = {}
        self._entries: dict[str, _Entry] = {}
        self._talks: dict[tuple[str, str], str] = {}  # (contact, agent) -> queue
        self._callbacks: dict[str, str] = {}  # contact that is to be called back -> queue
        self._in_menu: set[str] = set()
        self._unmatched = 0

    # -- events in ------------------------------------------------------------------------

    def apply(self, event: RecordedEvent) -> None:
        """Count one event. Events that fit nothing known change no figure (see ``imbalance``)."""
        match event:
            case ContactArrived():
                self._in_menu.add(event.contact)
            case ContactQueued():
                self._enqueue(event)
            case OfferMade():
                self._offer(event.contact, event.agent)
            case OfferEnded():
                self._offer(event.contact, "")
                if event.result is OfferEnd.TIMED_OUT:
                    self._queue(event.queue).rona += 1
                    self._agent(event.agent).rona += 1
            case CallbackRequested():
                self._promise(event)
            case CallbackEnded():
                if queue := self._callbacks.pop(event.contact, None):
                    self._queue(queue).callback_ends[event.result] += 1
            case QueueEntryEnded():
                self._end_entry(event)
            case ContactEnded():
                self._in_menu.discard(event.contact)
            case AgentStateChanged():
                self._change(event)
            case _:
                self._apply_to_talk(event)

    def _apply_to_talk(self, event: RecordedEvent) -> None:
        match event:
            case ContactAnswered() | AgentJoined():
                self._talks[event.contact, event.agent] = event.queue
                self._agent(event.agent).queue = event.queue
            case ConsultAnswered(target="agent"):
                self._agent(event.to).consults += 1
            case HoldStarted():
                if queue := self._talks.get((event.contact, event.agent)):
                    self._queue(queue).holds += 1
            case ContactTransferred():
                self._queue(event.queue).transferred += 1
                if event.target == "node":
                    self._in_menu.add(event.contact)
            case TalkEnded():
                self._end_talk(event)
            case _:
                pass

    def extend(self, events: Iterable[RecordedEvent]) -> None:
        """Count many events."""
        for event in events:
            self.apply(event)

    def start_day(self, at: float) -> None:
        """Set the day's counts to zero; who waits, talks or is in a state stays."""
        self._queues = {name: _Queue(old.threshold) for name, old in self._queues.items()}
        for entry in self._entries.values():
            self._queue(entry.queue).offered += 1
        for queue in self._callbacks.values():
            self._queue(queue).callbacks += 1
        for agent in self._agents.values():
            agent.seconds.clear()
            agent.handled = agent.rona = agent.consults = 0
            agent.since = max(agent.since, at)

    def _queue(self, queue: str) -> _Queue:
        return self._queues.setdefault(queue, _Queue(self._thresholds.get(queue, self._default)))

    def _agent(self, agent: str) -> _Agent:
        return self._agents.setdefault(agent, _Agent())

    def _enqueue(self, event: ContactQueued) -> None:
        self._in_menu.discard(event.contact)
        if event.contact in self._entries:
            self._unmatched += 1
            return
        self._entries[event.contact] = _Entry(event.queue, event.at)
        self._queue(event.queue).offered += 1

    def _promise(self, event: CallbackRequested) -> None:
        if not event.merged and event.contact not in self._callbacks:
            self._callbacks[event.contact] = event.queue
            self._queue(event.queue).callbacks += 1

    def _offer(self, contact: str, agent: str) -> None:
        if entry := self._entries.get(contact):
            entry.agent = agent

    def _end_entry(self, event: QueueEntryEnded) -> None:
        entry = self._entries.pop(event.contact, None)
        if entry is None or entry.queue != event.queue:
            self._unmatched += 1
            if entry is not None:
                self._entries[event.contact] = entry
            return
        queue = self._queue(event.queue)
        queue.ends[event.end].append(event.contact)
        if event.end is QueueEnd.ANSWERED:
            queue.answer_seconds += event.waited
            queue.within += event.waited <= queue.threshold

    def _end_talk(self, event: TalkEnded) -> None:
        self._talks.pop((event.contact, event.agent), None)
        queue = self._queue(event.queue)
        queue.handled.add(event.contact)
        queue.talk_seconds += event.talked
        queue.hold_seconds += event.held
        self._agent(event.agent).handled += 1

    def _change(self, event: AgentStateChanged) -> None:
        agent = self._agent(event.agent)
        spent = max(0.0, event.at - agent.since) if agent.since else 0.0
        agent.seconds[agent.state] += spent  # type: ignore[assignment]  # Counter of floats
        if agent.state is AgentState.WRAP_UP and agent.queue:
            self._queue(agent.queue).wrap_up_seconds += spent
        agent.state, agent.since = event.state, event.at
        agent.reason, agent.contact = event.reason, event.contact
        if not event.contact:
            agent.queue = ""
        elif entry := self._entries.get(event.contact):
            agent.queue = entry.queue

    # -- figures out ----------------------------------------------------------------------

    @property
    def imbalance(self) -> int:
        """How far offered is from ends + waiting, plus events that fitted nothing; good is 0."""
        waiting = Counter(entry.queue for entry in self._entries.values())
        gap = sum(
            abs(queue.offered - waiting[name] - sum(map(len, queue.ends.values())))
            for name, queue in self._queues.items()
        )
        return gap + self._unmatched

    @property
    def in_menu(self) -> int:
        """Callers who are in the menus now."""
        return len(self._in_menu)

    def queues(self) -> list[str]:
        """Known queue ids: the configured ones first, in their order."""
        return list(self._queues)

    def waiting_contacts(self, queue: str) -> list[tuple[str, float]]:
        """(contact, Unix time of queueing) of who waits in the queue, oldest first."""
        found = [(c, e.since) for c, e in self._entries.items() if e.queue == queue]
        return sorted(found, key=lambda pair: pair[1])

    def contacts_behind(self, queue: str, end: QueueEnd) -> list[str]:
        """The contacts that a day's count is made of, in order."""
        return list(self._queue(queue).ends[end])

    def queue(self, queue: str, now: float) -> QueueFigures:
        """One queue's figures at ``now`` (Unix seconds)."""
        counts = self._queue(queue)
        entries = [entry for entry in self._entries.values() if entry.queue == queue]
        ends = {end: len(contacts) for end, contacts in counts.ends.items()}
        handled = len(counts.handled)
        judged = sum(ends.values()) - sum(ends[end] for end in NOT_IN_SERVICE_LEVEL)
        return QueueFigures(
            queue=queue,
            waiting=len(entries),
            longest_wait=max((now - entry.since for entry in entries), default=0.0),
            ringing=sum(1 for entry in entries if entry.agent),
            talking=len({talk[0] for talk, name in self._talks.items() if name == queue}),
            offered=counts.offered,
            ends=ends,
            service_level=share(counts.within, judged),
            asa=share(counts.answer_seconds, ends[QueueEnd.ANSWERED]),
            aht=share(counts.talk_seconds + counts.hold_seconds + counts.wrap_up_seconds, handled),
            average_talk=share(counts.talk_seconds, handled),
            average_hold=share(counts.hold_seconds, handled),
            holds=counts.holds,
            transferred=counts.transferred,
            abandonment_rate=share(
                ends[QueueEnd.ABANDONED], counts.offered - ends[QueueEnd.SHORT_ABANDONED]
            ),
            rona=counts.rona,
            callbacks=counts.callbacks,
            callback_ends={end: counts.callback_ends[end] for end in CallbackEnd},
            to_call_back=sum(1 for name in self._callbacks.values() if name == queue),
        )

    def seconds(self, agent: str, now: float) -> dict[AgentState, float]:
        """Seconds that an agent spent in each state today, up to ``now`` (Unix seconds)."""
        known = self._agent(agent)
        seconds: dict[AgentState, float] = dict(known.seconds)
        if known.since:
            seconds[known.state] = seconds.get(known.state, 0.0) + max(0.0, now - known.since)
        return seconds

    def agent(self, agent: str, now: float) -> AgentFigures:
        """One agent's figures at ``now`` (Unix seconds); unknown agents are signed out."""
        known = self._agent(agent)
        seconds = self.seconds(agent, now)
        busy = seconds.get(AgentState.TALKING, 0.0) + seconds.get(AgentState.WRAP_UP, 0.0)
        return AgentFigures(
            agent=agent,
            state=known.state,
            since=known.since,
            reason=known.reason,
            contact=known.contact,
            queue=known.queue,
            handled=known.handled,
            rona=known.rona,
            consults=known.consults,
            aht=share(busy, known.handled),
            occupancy=share(busy, busy + seconds.get(AgentState.READY, 0.0)),
        )
