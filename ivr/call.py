"""One caller in a menu: the line, what is known so far, and saying and asking things.

``ivr/dialogue.py`` leads the caller from node to node; ``ivr/asking.py`` does what asking nodes
want. Both speak through a `Call`.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from ivr.customers import Customer
from ivr.flow import Flow, place_name
from ivr.nodes import Language, Node, Text
from ivr.ports import Heard, Line, Value, World
from ivr.prompts import UnknownPrompt
from ivr.speaking import CannotSpeak, spoken, written
from ivr.texts import WORD, Fixed, Placeholder, pieces
from ivr.versions import FlowVersion
from telephony.events import (
    DigitsCollected,
    MenuLeft,
    MenuStepTaken,
    MessageRecorded,
    MessageTaken,
    ServiceAsked,
    SurveyAnswered,
    WordsHeard,
)

log = logging.getLogger(__name__)

MenuEvent: TypeAlias = (
    MenuStepTaken
    | DigitsCollected
    | ServiceAsked
    | WordsHeard
    | MessageTaken
    | MessageRecorded
    | SurveyAnswered
    | MenuLeft
)
"""What a dialogue tells."""

_FIELD = re.compile(r"\{([a-z][a-z0-9_.]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is on the line."""

    contact: str
    number: str
    queue: str = ""
    """Of the talk before, for a survey about it; so are `agent` and `offer`."""
    agent: str = ""
    offer: int = 0
    known: Mapping[str, Value] = field(default_factory=dict)
    """Values that the call has from its beginning: `ivr.ports.HISTORY`."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """So are these, for the distribution."""


@dataclass(slots=True)
class Call:
    """A caller's state in a version's flows, and what can be said and asked there."""

    line: Line
    version: FlowVersion
    caller: Caller
    world: World
    tell: Callable[[MenuEvent], None]
    flow: Flow
    node: str
    language: str
    customer: Customer | None
    values: dict[str, Value] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    typed_ahead: str = ""
    """A key pressed during a text before a question."""
    solved: bool = False

    @property
    def place(self) -> str:
        """The present node as events name it."""
        return place_name(self.version.flows.main.data.name, self.flow.data.name, self.node)

    def step(self, key: str, *, arrived: bool = False) -> None:
        """Tell of a key, or of an arrival or silence ("")."""
        self.tell(
            MenuStepTaken(
                at=self.world.now(),
                contact=self.caller.contact,
                node=self.place,
                key=key,
                arrived=arrived,
            )
        )

    # ---- values ----

    def value(self, subject: str) -> Value | None:
        """What a condition or a text asks for; None when this call has no such value."""
        first, _, rest = subject.partition(".")
        match first:
            case "caller":
                return self.caller.number or None
            case "language":
                return self.language
            case "customer":
                return getattr(self.customer, rest, None) if self.customer else None
            case "hours":
                known = self.version.hours
                return "open" if known.is_open(rest, self.world.now()) else "closed"
            case "queue":
                return self._queue_figure(rest)
        found = self.values.get(subject)
        return self.attributes.get(subject) if found is None else found

    def _queue_figure(self, rest: str) -> Value | None:
        queue, _, figure = rest.rpartition(".")
        found: float | None = getattr(self.world.load(queue), figure, None)
        return None if found is None else round(found)

    def fill(self, template: str) -> str:
        """A template with its values; one that is missing is empty."""

        def text(found: re.Match[str]) -> str:
            value = self.value(found[1])
            return "" if value is None else str(value)

        return _FIELD.sub(text, template)

    def write(self, text: Text) -> str:
        """A text as it is written in a message, in the caller's language or another it has."""
        said = text.get(self.language) or next(iter(text.values()))
        return "".join(
            piece.text if isinstance(piece, Fixed) else self._written(piece)
            for piece in pieces(said, written=True)
        )

    def _written(self, piece: Placeholder) -> str:
        value = self.value(piece.variable)
        if value is None:
            return ""
        if piece.way != WORD:
            return written(value, piece.way, self.language)
        words = value if isinstance(value, tuple) else (value,)
        known = self.flow.data.words
        named = [known.get(str(word), {}).get(self.language, str(word)) for word in words]
        return ("、" if self.language.startswith("zh") else ", ").join(named)

    # ---- speaking ----

    def recordings(
        self, name: str, *, text: str = "text", languages: Sequence[str] = ()
    ) -> list[str]:
        """The recordings of a node's text, values and all.

        A say that greets in one language alone is heard in that one.
        """
        spoken_text: Text = getattr(self.flow.nodes[name], text, None) or {}
        wanted = [one for one in languages or [self.language] if one in spoken_text]
        return [
            path
            for language in wanted or list(spoken_text)
            for path in self._pieces(name, text, language)
        ]

    def _pieces(self, name: str, text: str, language: str) -> list[str]:
        found = self.flow.texts[name, text, language]
        paths: list[str] = []
        for piece in found:
            if isinstance(piece, Fixed):
                number = piece.number if len(found) > 1 else 0
                prompt = self.flow.prompt_name(name, text, number)
                paths.append(self.flow.shelf.path(prompt, language))
            else:
                paths += self._spoken(piece, language)
        return paths

    def _spoken(self, piece: Placeholder, language: str) -> list[str]:
        """A value's recordings. One that is missing or odd is left out: the call goes on."""
        value = self.value(piece.variable)
        if value is None:
            log.warning("%s: there is no %s to speak of", self.place, piece.variable)
            return []
        each = value if isinstance(value, tuple) else (value,)
        return [path for one in each for path in self.spoken_value(one, piece.way, language)]

    def spoken_value(self, value: Value, way: str, language: str) -> list[str]:
        """The recordings of one value; none when it cannot be spoken so, which is logged."""
        if way == WORD:
            word = str(value)
            if word in self.flow.data.words:
                return [self.flow.shelf.path(self.flow.word_name(word), language)]
            log.warning("%s: there is no word '%s'", self.place, word)
            return []
        today = datetime.fromtimestamp(self.world.now(), self.version.hours.zone).date()
        try:
            parts = spoken(value, way, language, today=today)
        except CannotSpeak as error:
            log.warning("%s: %s", self.place, error)
            return []
        try:
            return [self.flow.shelf.path(part, language) for part in parts]
        except UnknownPrompt as error:
            log.error("%s: nothing says %s", self.place, error)
            return []

    def system(self, *names: str) -> list[str]:
        """Recordings of the system's own prompts, in the caller's language."""
        return [self.flow.shelf.path(name, self.language) for name in names]

    async def say(self, *, interruptible: bool = True) -> str:
        """Play the present node's text, if there is one; the key that cut it short, or ""."""
        paths = self.recordings(self.node)
        return await self.line.play(paths, interruptible=interruptible) if paths else ""

    # ---- asking ----

    async def ask(
        self,
        prompts: Sequence[str],
        wait: float,
        *,
        interruptible: bool = True,
        by_voice: bool = False,
    ) -> Heard:
        """Play and take one answer; a key typed ahead answers without the text."""
        if self.typed_ahead:
            key, self.typed_ahead = self.typed_ahead, ""
            return Heard(key=key)
        if by_voice:
            return await self.line.hear(
                prompts,
                seconds=wait,
                language=self.language,
                comfort=self.system("looking_up"),
            )
        key = await self.line.play(prompts, interruptible=interruptible) if prompts else ""
        return Heard(key=key or await self.line.wait_digit(wait))

    async def complain(self, node: Node, *, silent: bool) -> None:
        """Tell the caller that the answer was wrong or missing; a key meanwhile is the answer."""
        own, system = ("no_input", "no_input") if silent else ("no_match", "invalid_key")
        paths = self.recordings(self.node, text=own) if getattr(node, own) else self.system(system)
        self.typed_ahead = await self.line.play(paths, interruptible=True)


def default_language(flow: Flow) -> str:
    """What is spoken before anything was chosen."""
    for node in flow.nodes.values():
        if isinstance(node, Language):
            return node.default
    return flow.data.languages[0]
