"""How satisfied callers were: figures of surveys, by queue and by agent. Pure.

- average = mean of the scores, 1-5
- satisfied = scores of 4 and 5 / all scores (the CSAT share)
- answered share = who gave a score / who was asked after a talk

``None`` where nobody answered, or nobody was asked. Self-service has no agent: its scores stand
under the queue "" and the agent "", and nobody counts who was asked there.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from telephony.events import RecordedEvent, SurveyAnswered, SurveyOffered

SATISFIED = 4


@dataclass(slots=True)
class Scores:
    """What was asked and answered."""

    asked: int = 0
    counts: Counter[int] = field(default_factory=Counter)  # score -> how often
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> int:
        """How many gave a score."""
        return self.counts.total()

    @property
    def average(self) -> float | None:
        """Mean score, 1-5."""
        total = sum(score * count for score, count in self.counts.items())
        return total / self.answered if self.answered else None

    @property
    def satisfied(self) -> float | None:
        """Share of the scores that are 4 or 5."""
        good = sum(count for score, count in self.counts.items() if score >= SATISFIED)
        return good / self.answered if self.answered else None

    @property
    def answered_share(self) -> float | None:
        """Share of those asked who gave a score."""
        return min(1.0, self.answered / self.asked) if self.asked else None

    def add(self, event: SurveyOffered | SurveyAnswered) -> None:
        """Count one."""
        if isinstance(event, SurveyOffered):
            self.asked += 1
            return
        self.counts[event.score] += 1
        if event.reason:
            self.reasons[event.reason] += 1


@dataclass(slots=True)
class Satisfaction:
    """The figures of a time: all, by queue, by agent."""

    total: Scores = field(default_factory=Scores)
    queues: dict[str, Scores] = field(default_factory=dict)
    agents: dict[str, Scores] = field(default_factory=dict)


def satisfaction(events: Iterable[RecordedEvent], queue: str = "", agent: str = "") -> Satisfaction:
    """Fold surveys; ``queue`` and ``agent``, where given, choose."""
    figures = Satisfaction()
    for event in events:
        if not isinstance(event, SurveyOffered | SurveyAnswered):
            continue
        if (queue and event.queue != queue) or (agent and event.agent != agent):
            continue
        figures.total.add(event)
        figures.queues.setdefault(event.queue, Scores()).add(event)
        figures.agents.setdefault(event.agent, Scores()).add(event)
    return figures
