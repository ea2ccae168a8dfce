"""What an ended contact came to, read off its events. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from telephony.events import (
    AgentJoined,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    FollowUpPlaced,
    MenuLeft,
    MenuStepTaken,
    QueueEntryEnded,
    RecordedEvent,
    ServiceAsked,
    SurveyAnswered,
    SurveyOffered,
)

KINDS = (
    ContactArrived, FollowUpPlaced, MenuStepTaken, ServiceAsked, MenuLeft, ContactQueued,
    QueueEntryEnded, ContactAnswered, AgentJoined, SurveyOffered, SurveyAnswered, ContactEnded,
)  # fmt: skip
"""Events that a story is made of; others need not even be read."""
LOW = 2
"""Scores up to this one are no sign of a solved matter."""


@dataclass(slots=True)
class Story:
    """One contact, as rules look at it."""

    contact: str
    caller: str = ""
    language: str = ""
    queue: str = ""  # the last one
    agent: str = ""  # who talked last
    outcome: str = "left_in_menu"  # a word of ``aftercall.rules.OUTCOMES``
    score: int | None = None
    surveyed: float = 0.0  # Unix seconds; when a score was asked for
    ended: float = 0.0  # Unix seconds
    attributes: dict[str, str] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    asked: dict[str, str] = field(default_factory=dict)  # service -> its last result
    ours: bool = False  # a follow-up call: the customer did not call

    @property
    def solved(self) -> bool:
        """As far as a machine can tell: somebody, or the menu, has dealt with it."""
        happy = self.score is None or self.score > LOW
        return self.outcome in ("answered", "self_service") and happy


def story_of(contact: str, events: Iterable[RecordedEvent]) -> Story:
    """Fold a contact's whole history, in the order of the log."""
    story = Story(contact)
    for event in events:
        if isinstance(event, KINDS):
            _tell(story, event)
    return story


def _tell(story: Story, event: RecordedEvent) -> None:
    match event:
        case ContactArrived():
            story.caller = event.caller
        case FollowUpPlaced():
            story.caller, story.language, story.queue = event.caller, event.language, event.queue
            story.ours, story.outcome = True, "callback"
        case MenuStepTaken():
            story.nodes.add(event.node)
        case ServiceAsked() if event.result:
            story.asked[event.service] = event.result
        case MenuLeft() if event.solved and not story.queue:
            story.outcome = "self_service"
        case ContactQueued():
            story.queue, story.language = event.queue, event.language
            story.attributes.update(event.attributes)
        case QueueEntryEnded():
            story.outcome = event.end.value
        case ContactAnswered() | AgentJoined():
            story.queue, story.agent, story.outcome = event.queue, event.agent, "answered"
        case SurveyOffered():
            story.surveyed = event.at
        case SurveyAnswered():
            story.score, story.surveyed = event.score, story.surveyed or event.at
        case ContactEnded():
            story.ended = event.at
        case _:
            pass
