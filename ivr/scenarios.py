"""Scenarios: what a caller does in the menus, and what must come of it. Pure.

A scenario is data (``company/scenarios/*.yaml``, read by ``ivr/scenario_files.py``). What a call
came to is told as `Seen`, by a run in memory (``ivr/rehearsal.py``) or by the events of a real
call, and `differences` says in words where it is not what was expected.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr.ports import Message
from telephony.events import (
    ContactQueued,
    DigitsCollected,
    MenuLeft,
    MenuStepTaken,
    MessageRecorded,
    MessageTaken,
    RecordedEvent,
    ServiceAsked,
    SurveyAnswered,
    WordsHeard,
)

SILENCE, HANG_UP = "silence", "hang_up"


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# ---- what a scenario says ----


class Says(_Shape):
    """The caller speaks."""

    say: str = Field(min_length=1, max_length=200)


Keys: TypeAlias = Annotated[str, Field(pattern=r"^[0-9*#]{1,40}$")]
Act: TypeAlias = Literal["silence", "hang_up"] | Keys | Says
"""What a caller does at the next question: keys, silence, words, hanging up."""


class Scripted(_Shape):
    """What a service answers in a scenario."""

    result: str
    values: dict[str, str | int | bool | list[str]] = {}
    after: float = Field(default=0, ge=0, le=60)
    """Seconds that it takes."""


class Load(_Shape):
    """How a queue stands in a scenario."""

    waiting: int = 0
    ready: int = 0
    signed_in: int = 1
    wait: float | None = None
    """Seconds a newcomer is estimated to wait."""


class Sent(_Shape):
    """A written message that the caller was to get."""

    by: Literal["sms", "email"]
    to: str | None = None
    has: str | None = None
    """Words that the text must hold."""


class Expected(_Shape):
    """What must come of a call; what is not named may be as it likes."""

    path: list[str] = []
    """Nodes in this order; others may come between."""
    avoids: list[str] = []
    """Nodes that the caller must not come to."""
    hears: list[str] = []
    """Prompts in this order, others between; a node's place means any of its texts."""
    ending: Literal["queue", "callback", "transfer", "hang_up", "caller_gone"] | None = None
    queue: str | None = None
    language: str | None = None
    attributes: dict[str, str] = {}
    values: dict[str, str | int | bool] = {}
    asked: dict[str, str] = {}
    """Service -> the result of the last time; "" where there was no answer."""
    sent: list[Sent] | None = None
    meant: str | None = None
    """The intent of what was said last."""
    left: list[Literal["voicemail", "comment"]] | None = None
    """What the caller spoke for us to keep."""
    score: int | None = None
    solved: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> "Expected":
        if not self.model_fields_set:
            raise ValueError("a scenario that expects nothing proves nothing")
        return self


class Scenario(_Shape):
    """One call."""

    name: str = Field(min_length=1, max_length=100)
    number: Annotated[str, Field(pattern=r"^(|[0-9]{3,20})$")] = "13800138000"
    """Who calls; "" withholds the number."""
    at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d$")] | None = None
    """The company's own time; if it is not given, any time must do."""
    does: list[Act] = []
    """At each question the next one; who does no more is silent."""
    shop: dict[str, Literal["down", "slow"] | Scripted] = {}
    """Service -> its answer; the others answer from the example orders."""
    queues: dict[str, Load] = {}
    only_memory: str | None = None
    """Why a real call cannot show it."""
    expect: Expected

    @property
    def needs_memory(self) -> bool:
        """Whether it says what a real call cannot bring about."""
        return bool(self.at or self.queues)

    @property
    def says(self) -> list[str]:
        """What the caller says, sentence by sentence."""
        return [act.say for act in self.does if isinstance(act, Says)]


class ScenarioFile(_Shape):
    """The shape of a scenario file."""

    scenarios: list[Scenario] = Field(min_length=1)


# ---- what was seen ----


@dataclass(slots=True, kw_only=True)
class Seen:
    """What a call came to. None is what could not be seen from where it was looked at."""

    steps: list[tuple[str, str]] = field(default_factory=list)
    """Node and key; "" for an arrival or silence."""
    heard: list[str] | None = None
    ending: str = ""
    queue: str = ""
    solved: bool = False
    language: str | None = None
    attributes: Mapping[str, str] | None = None
    values: dict[str, str] = field(default_factory=dict)
    all_values: bool = False
    asked: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    """Ways of the messages that were taken."""
    messages: Sequence[Message] | None = None
    meant: str | None = None
    left: list[str] = field(default_factory=list)
    score: int | None = None
    faults: list[str] = field(default_factory=list)
    """What was wrong with the call itself, whatever was expected of it."""

    @property
    def places(self) -> list[str]:
        """The nodes that the caller came to, in order; a question asked again once."""
        found: list[str] = []
        for node, _ in self.steps:
            if found[-1:] != [node]:
                found.append(node)
        return found

    def take(self, event: RecordedEvent) -> None:
        """Note what an event of the call tells."""
        match event:
            case MenuStepTaken():
                self.steps.append((event.node, event.key))
            case DigitsCollected():
                self.values[event.name] = event.digits
            case ServiceAsked():
                self.asked[event.service] = event.result
            case WordsHeard():
                self.meant = event.intent
            case MessageTaken(taken=True):
                self.sent.append(event.by)
            case MessageRecorded():
                self.left.append(event.purpose)
            case SurveyAnswered():
                self.score = event.score
            case ContactQueued():
                self.language, self.attributes = event.language, event.attributes
            case MenuLeft():
                self.ending, self.queue, self.solved = event.ending, event.queue, event.solved


def seen_of(events: Iterable[RecordedEvent]) -> Seen:
    """What the events of one call tell."""
    seen = Seen()
    for event in events:
        seen.take(event)
    return seen


# ---- whether it is what was expected ----


def differences(expected: Expected, seen: Seen) -> list[str]:
    """Where a call is not what was expected, in words; empty when it is."""
    return [
        *seen.faults,
        *_way(expected, seen),
        *_outcome(expected, seen),
        *_left_behind(expected, seen),
    ]


def _way(expected: Expected, seen: Seen) -> Iterator[str]:
    if missing := first_missing(expected.path, seen.places):
        yield f"path: never came to {missing}"
    for place in expected.avoids:
        if place in seen.places:
            yield f"path: came to {place}"
    if seen.heard is not None:
        wanted = [name.replace("/", "-") for name in expected.hears]
        if missing := first_missing(wanted, seen.heard, _is_prompt):
            yield f"hears: never heard {missing}; heard {', '.join(seen.heard)}"


def first_missing(
    wanted: Sequence[str], found: Sequence[str], same: Callable[[str, str], bool] = operator.eq
) -> str:
    """The first of ``wanted`` that does not come after those before it; "" when all do."""
    left = iter(found)
    for index, name in enumerate(wanted):
        if not any(same(name, other) for other in left):
            after = f" (after {wanted[index - 1]})" if index else ""
            return name + after
    return ""


def _is_prompt(wanted: str, heard: str) -> bool:
    return heard == wanted or heard.startswith(f"{wanted}-")


def _outcome(expected: Expected, seen: Seen) -> Iterator[str]:
    for name in ("ending", "queue", "solved", "score", "language", "meant"):
        wanted, found = getattr(expected, name), getattr(seen, name)
        unseen = found is None and name == "language"
        if wanted is not None and wanted != found and not unseen:
            yield f"{name}: expected {wanted}, was {found or 'none'}"
    for name, wanted in expected.attributes.items():
        if seen.attributes is not None and seen.attributes.get(name) != wanted:
            yield f"attributes: {name} is {seen.attributes.get(name, 'not set')}, not {wanted}"
    for name, value in expected.values.items():
        found = seen.values.get(name)
        if (seen.all_values or found is not None) and found != str(value):
            yield f"values: {name} is {found or 'not known'}, not {value}"


def _left_behind(expected: Expected, seen: Seen) -> Iterator[str]:
    for service, result in expected.asked.items():
        if service not in seen.asked:
            yield f"asked: {service} was not asked"
        elif seen.asked[service] != result:
            yield f"asked: {service} said {seen.asked[service] or 'nothing'}, not {result}"
    if expected.left is not None and list(expected.left) != seen.left:
        yield f"left: expected {expected.left or 'nothing'}, was {seen.left or 'nothing'}"
    if expected.sent is None:
        return
    if [message.by for message in expected.sent] != seen.sent:
        ways = [message.by for message in expected.sent]
        yield f"sent: expected {ways or 'nothing'}, was {seen.sent or 'nothing'}"
    elif seen.messages is not None:
        for wanted, message in zip(expected.sent, seen.messages, strict=True):
            if wanted.to is not None and wanted.to != message.to:
                yield f"sent: to {message.to}, not {wanted.to}"
            if wanted.has is not None and wanted.has not in message.text:
                yield f"sent: “{message.text}” does not say “{wanted.has}”"
