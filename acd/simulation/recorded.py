"""A recorded day as a script: what people did then, to be played under other rules.

What is known of a contact is carried over: when it came, what it chose, how long it was talked to
and written about, how its phones were answered, when it gave up. What the recording cannot know is
drawn, seeded: the patience of who was answered (censored; exponential with the mean that fits the
day's waits and losses best, which is the total time waited over the number who gave up, and
without memory: counted from the answer on), and the talk of who was not (one of that queue's).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from acd.inputs import from_kept
from acd.simulation.draws import Duration
from acd.simulation.script import Call, Ring, Script, Wish
from acd.simulation.traffic import Phones
from telephony.events import (
    AgentState,
    AgentStateChanged,
    AgentWish,
    AgentWished,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    InputKept,
    OfferEnd,
    OfferEnded,
    OfferMade,
    Party,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
    TalkEnded,
)

_GAVE_UP = (QueueEnd.ABANDONED, QueueEnd.SHORT_ABANDONED)
_MISSED = (OfferEnd.TIMED_OUT, OfferEnd.DECLINED, OfferEnd.UNREACHABLE)


@dataclass(slots=True)
class _Seen:
    """One contact's day."""

    arrived: ContactArrived
    queued: ContactQueued | None = None
    ended: float = math.nan
    rings: list[Ring] = field(default_factory=list)
    offered: float = math.nan
    waited: float = 0.0
    gave_up: bool = False
    talk: float = math.nan
    agent_ends: bool = False
    wrap_up: float = math.inf


class Recorded:
    """Reads a recorded day once; ``script`` makes it playable."""

    def __init__(self, events: Sequence[RecordedEvent]) -> None:
        self._seen: dict[str, _Seen] = {}
        self._wishes: list[Wish] = []
        self._kept: dict[str, AgentWished] = {}
        self._wrapping: dict[str, AgentStateChanged] = {}
        self._missed: dict[str, float] = {}
        self._back: list[float] = []
        self._span = (events[0].at, events[-1].at) if events else (0.0, 0.0)
        for event in events:
            self._read(event)

    @property
    def contacts(self) -> list[str]:
        """Contacts whose arrival was recorded, in order."""
        return list(self._seen)

    def patience(self) -> float:
        """Mean patience in seconds: total time waited over the number who gave up."""
        queued = [seen for seen in self._seen.values() if seen.queued]
        lost = sum(seen.gave_up for seen in queued)
        return sum(seen.waited for seen in queued) / lost if lost else math.inf

    def phones(self) -> Phones:
        """How phones were answered that day, for offers that the day did not make."""
        answers = [
            ring.seconds for seen in self._seen.values() for ring in seen.rings if ring.end is None
        ]
        return Phones(
            answer=Duration(empirical=answers) if answers else Phones().answer,
            back_after=Duration(empirical=self._back) if self._back else Phones().back_after,
        )

    def script(self, rng: np.random.Generator) -> Script:
        """The day as a script."""
        talks: dict[str, list[float]] = {}
        for seen in self._seen.values():
            if seen.queued and not math.isnan(seen.talk):
                talks.setdefault(seen.queued.queue, []).append(seen.talk)
        mean = self.patience()
        calls = [self._call(seen, talks, mean, rng) for seen in self._seen.values()]
        return Script(start=self._span[0], end=self._span[1], calls=calls, wishes=self._wishes)

    def _call(
        self, seen: _Seen, talks: dict[str, list[float]], mean: float, rng: np.random.Generator
    ) -> Call:
        arrived, queued = seen.arrived, seen.queued
        known = talks.get(queued.queue if queued else "") or [0.0]
        drawn = known[int(rng.integers(len(known)))]
        rest = float(rng.exponential(1.0)) * mean if math.isfinite(mean) else math.inf
        left = seen.ended if queued is None else queued.at
        return Call(
            id=arrived.contact,
            at=arrived.at,
            caller=arrived.caller,
            dialled=arrived.dialled,
            queue=queued.queue if queued else "",
            language=queued.language if queued else "",
            attributes=queued.attributes if queued else {},
            menu=max(0.0, (self._span[1] if math.isnan(left) else left) - arrived.at),
            leaves_menu=queued is None,
            talk=drawn if math.isnan(seen.talk) else seen.talk,
            agent_ends=seen.agent_ends,
            wrap_up=seen.wrap_up,
            patience=seen.waited if seen.gave_up else seen.waited + rest,
            rings=tuple(seen.rings),
        )

    # -- reading ------------------------------------------------------------------------------

    def _read(self, event: RecordedEvent) -> None:
        match event:
            case ContactArrived():
                self._seen.setdefault(event.contact, _Seen(event))
            case InputKept(input="AgentWished"):
                wished = from_kept(event)
                assert isinstance(wished, AgentWished)
                self._kept[wished.agent] = wished
                self._wish(event.at, wished.agent, wished.wish, wished.reason, wished.author)
            case AgentStateChanged():
                self._read_agent(event)
            case _:
                if seen := self._seen.get(getattr(event, "contact", "")):
                    _read_contact(seen, event)

    def _read_agent(self, event: AgentStateChanged) -> None:
        if began := self._wrapping.pop(event.agent, None):
            seen = self._seen.get(began.contact)
            if seen and not event.author.startswith("rule:"):
                seen.wrap_up = event.at - began.at
        if event.state is AgentState.WRAP_UP:
            self._wrapping[event.agent] = event
        missed = self._missed.pop(event.agent, None)
        if event.author.startswith("rule:"):
            if event.state is AgentState.NOT_READY:
                self._missed[event.agent] = event.at
            return
        if missed and event.state is AgentState.READY:
            self._back.append(event.at - missed)  # the twin's people come back by themselves
            return
        kept = self._kept.pop(event.agent, None)
        if kept and (kept.reason, kept.author) == (event.reason, event.author):
            return  # asked for during the call
        if event.previous is AgentState.WRAP_UP and event.state is AgentState.READY:
            return  # the end of the notes
        wishes = {
            AgentState.READY: AgentWish.READY,
            AgentState.NOT_READY: AgentWish.NOT_READY,
            AgentState.SIGNED_OUT: AgentWish.SIGN_OUT,
        }
        wish = wishes.get(event.state)
        if event.previous is AgentState.SIGNED_OUT:
            wish = AgentWish.SIGN_IN
        if wish:
            self._wish(event.at, event.agent, wish, event.reason, event.author)

    def _wish(self, at: float, agent: str, wish: AgentWish, reason: str, author: str) -> None:
        self._wishes.append(Wish(at=at, agent=agent, wish=wish, reason=reason, author=author))


def _read_contact(seen: _Seen, event: RecordedEvent) -> None:
    match event:
        case ContactQueued():
            seen.queued = seen.queued or event
        case OfferMade():
            seen.offered = event.at
        case OfferEnded() if event.result in _MISSED:
            seen.rings.append(Ring(seconds=event.rang, end=event.result))
        case ContactAnswered():
            seen.rings.append(Ring(seconds=event.at - seen.offered))
        case QueueEntryEnded():
            began = seen.queued.at if seen.queued else event.at
            seen.waited, seen.gave_up = event.at - began, event.end in _GAVE_UP
        case TalkEnded() if math.isnan(seen.talk):
            seen.talk, seen.agent_ends = event.talked, event.by is Party.AGENT
        case ContactEnded():
            seen.ended = event.at
        case _:
            pass


def answered_by(events: Iterable[RecordedEvent]) -> dict[str, str]:
    """Contact -> the agent who answered it last."""
    return {event.contact: event.agent for event in events if isinstance(event, ContactAnswered)}
