"""How fast work goes, learned while it goes: lengths of talks and notes, arrivals, patience. Pure.

Everything has a prior, so that the first caller of the first day gets a sensible answer, and
forgets, so that the afternoon is not judged by the morning.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable

from telephony.events import AgentState, QueueEnd, RecordedEvent, TalkEnded

#: So many of the newest lengths count.
NEWEST = 50
#: The prior weighs as much as so many lengths.
PRIOR = 2.0
#: Seconds of a talk and of the notes after it before anything was learned.
TALK, NOTES = 180.0, 15.0
#: Seconds over which arrivals are averaged, and over which givings-up are.
ARRIVALS, PATIENCE = 900.0, 3600.0


class Lengths:
    """Lengths of one kind of work, in seconds, and what they say of work that is under way.

    Args:
        prior: expected mean before anything was learned.
    """

    def __init__(self, prior: float) -> None:
        self._prior = prior
        self._newest: deque[float] = deque(maxlen=NEWEST)
        self._sorted: list[float] = []  # the newest; empty until somebody asks
        self._tails: list[float] = [0.0]  # sum of the lengths from this index on
        self.mean = prior

    def note(self, seconds: float) -> None:
        """One more piece of work is done."""
        self._newest.append(max(0.0, seconds))
        self._sorted = []  # most callers never wait, and nobody asks
        self.mean = (sum(self._newest) + PRIOR * self._prior) / (len(self._newest) + PRIOR)

    def _order(self) -> None:
        self._sorted = sorted(self._newest)
        tails = [0.0]
        for length in reversed(self._sorted):
            tails.append(tails[-1] + length)
        self._tails = tails[::-1]

    def left(self, age: float) -> float:
        """Seconds that work of this age is expected to take still.

        From the known lengths that were longer, and a prior that grows with the age itself: when
        nobody comes to an end any more the answer grows, too.
        """
        if not self._sorted:
            self._order()
        index = bisect_right(self._sorted, age)
        longer = len(self._sorted) - index
        beyond = self._tails[index] - longer * age
        return (beyond + PRIOR * max(self.mean, age / 2)) / (longer + PRIOR)


class Pace:
    """What one routing domain has learned, by queue."""

    def __init__(self) -> None:
        self._talks: dict[str, Lengths] = {}
        self._notes: dict[str, Lengths] = {}
        self._came: dict[str, tuple[float, float]] = {}  # decayed count, at
        self._left: dict[str, tuple[float, float]] = {}  # decayed givings-up, seconds waited

    def talks(self, queue: str) -> Lengths:
        """Lengths of this queue's talks."""
        if (known := self._talks.get(queue)) is None:
            known = self._talks[queue] = Lengths(TALK)
        return known

    def notes(self, queue: str) -> Lengths:
        """Lengths of the wrap-up after this queue's talks."""
        if (known := self._notes.get(queue)) is None:
            known = self._notes[queue] = Lengths(NOTES)
        return known

    def spent(self, queue: str, state: AgentState, seconds: float) -> None:
        """An agent's state has ended that belonged to a contact of this queue."""
        if state is AgentState.TALKING:
            self.talks(queue).note(seconds)
        elif state is AgentState.WRAP_UP:
            self.notes(queue).note(seconds)

    def learn(self, events: Iterable[RecordedEvent]) -> None:
        """Take in what was recorded before this process began."""
        for event in events:
            if isinstance(event, TalkEnded):
                self.talks(event.queue).note(event.talked)

    def came(self, queue: str, now: float) -> None:
        """A contact was queued here."""
        count, at = self._came.get(queue, (0.0, now))
        self._came[queue] = (count * _faded(now - at, ARRIVALS) + 1.0, now)

    def arrivals(self, queue: str, now: float) -> float:
        """Contacts per second that come into this queue."""
        count, at = self._came.get(queue, (0.0, now))
        return count * _faded(now - at, ARRIVALS) / ARRIVALS

    def ended(self, queue: str, end: QueueEnd, waited: float) -> None:
        """A queue entry ended after a wait of so many seconds."""
        gone, seconds = self._left.get(queue, (0.0, 0.0))
        fade = _faded(waited, PATIENCE)
        gave_up = end in (QueueEnd.ABANDONED, QueueEnd.SHORT_ABANDONED)
        self._left[queue] = (gone * fade + gave_up, seconds * fade + waited)

    def giving_up(self, queue: str) -> float:
        """Callers of this queue who give up, per second of one caller's waiting."""
        gone, seconds = self._left.get(queue, (0.0, 0.0))
        return gone / (seconds + PATIENCE)


def _faded(seconds: float, over: float) -> float:
    return math.exp(-max(0.0, seconds) / over)
