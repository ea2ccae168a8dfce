"""What a run brought: the figures of ``acd/figures.py``, folded from the twin's recorded events.

The fold is the one that the live pages use; this module only keeps, beside it, each queue entry's
wait (for intervals and pictures) and puts the figures of many days together.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from acd.company import Company
from acd.figures import Figures, share
from acd.simulation.intervals import Interval, of_means
from telephony.events import (
    AgentState,
    ContactAnswered,
    ContactQueued,
    EstimateTold,
    OfferMade,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
)

ALL = "all"
"""The name under which all queues together are reported."""


@dataclass(slots=True)
class Entry:
    """One queue entry; ``waited`` in seconds, from the place that it had."""

    contact: str
    queue: str
    at: float
    end: QueueEnd | None = None
    waited: float = math.nan
    agent: str = ""


class Watch:
    """Hears one run's events: ``watch.hear`` is what a ``Twin`` wants."""

    def __init__(self, company: Company) -> None:
        self.figures = Figures({q.id: q.threshold for q in company.queues.values()})
        self.entries: list[Entry] = []
        self.offers = 0
        self.told: list[tuple[str, float, float]] = []  # contact, at, seconds that were told
        self._open: dict[str, Entry] = {}
        self._agents = tuple(company.agents)
        self._thresholds = {queue.id: queue.threshold for queue in company.queues.values()}

    def hear(self, event: RecordedEvent) -> None:
        """Count one event."""
        self.figures.apply(event)
        match event:
            case ContactQueued():
                entry = Entry(event.contact, event.queue, event.counts_from or event.at)
                self._open[event.contact] = entry
                self.entries.append(entry)
            case ContactAnswered():
                if entry_ := self._open.get(event.contact):
                    entry_.agent = event.agent
            case QueueEntryEnded():
                if ended := self._open.pop(event.contact, None):
                    ended.end, ended.waited = event.end, event.waited
            case OfferMade():
                self.offers += 1
            case EstimateTold(seconds=seconds) if seconds is not None:
                self.told.append((event.contact, event.at, seconds))
            case _:
                pass

    def outcome(self, now: float) -> "Outcome":
        """The figures at ``now`` (Unix seconds)."""
        if self.figures.imbalance:
            raise AssertionError("offered is not the sum of the ends and those who wait")
        queues = {name: self._queue(name, now) for name in self.figures.queues()}
        queues[ALL] = self._queue(ALL, now)
        return Outcome(queues=queues, occupancy=self._occupancy(now), imbalance=0)

    def _queue(self, name: str, now: float) -> "QueueOutcome":
        entries = [entry for entry in self.entries if name in (ALL, entry.queue)]
        ended = [entry for entry in entries if entry.end is not None]
        answered = sorted(entry.waited for entry in ended if entry.end is QueueEnd.ANSWERED)
        ends = {end: sum(1 for entry in ended if entry.end is end) for end in QueueEnd}
        if name != ALL:
            figures = self.figures.queue(name, now)
            level, asa, lost = figures.service_level, figures.asa, figures.abandonment_rate
        else:
            within = sum(
                1
                for entry in ended
                if entry.end is QueueEnd.ANSWERED
                and entry.waited <= self._thresholds.get(entry.queue, 20.0)
            )
            judged = sum(ends.values()) - sum(
                ends[end] for end in (QueueEnd.SHORT_ABANDONED, QueueEnd.CALLBACK, QueueEnd.REFUSED)
            )
            level = share(within, judged)
            asa = share(sum(answered), len(answered))
            lost = share(ends[QueueEnd.ABANDONED], len(entries) - ends[QueueEnd.SHORT_ABANDONED])
        return QueueOutcome(
            offered=len(entries),
            answered=len(answered),
            ends=ends,
            service_level=_number(level),
            asa=_number(asa),
            abandonment=_number(lost),
            longest=max((entry.waited for entry in ended), default=math.nan),
            p90=answered[int(0.9 * (len(answered) - 1))] if answered else math.nan,
            waits=tuple(answered),
        )

    def _occupancy(self, now: float) -> float:
        """(talk + hold + wrap-up) / (that + ready) over all agents."""
        busy = ready = 0.0
        for agent in self._agents:
            seconds = self.figures.seconds(agent, now)
            busy += seconds.get(AgentState.TALKING, 0.0) + seconds.get(AgentState.WRAP_UP, 0.0)
            ready += seconds.get(AgentState.READY, 0.0)
        return _number(share(busy, busy + ready))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOutcome:
    """One queue in one run; shares 0..1, seconds, ``nan`` where there is nothing to divide by."""

    offered: int
    answered: int
    ends: Mapping[QueueEnd, int]
    service_level: float
    asa: float
    abandonment: float
    longest: float
    p90: float  # of the waits of answered contacts
    waits: tuple[float, ...] = field(repr=False)  # answered contacts', sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run."""

    queues: Mapping[str, QueueOutcome]
    occupancy: float
    imbalance: int


#: The figures of a table, in order: field of ``QueueOutcome``.
FIGURES = ("offered", "service_level", "asa", "p90", "longest", "abandonment")


def across(outcomes: Sequence[Outcome], confidence: float = 0.95) -> dict[str, dict[str, Interval]]:
    """Queue -> figure -> interval over independent days."""
    names: Iterable[str] = outcomes[0].queues if outcomes else ()
    return {
        name: {
            figure: of_means(
                [float(getattr(outcome.queues[name], figure)) for outcome in outcomes], confidence
            )
            for figure in FIGURES
        }
        for name in names
    }
