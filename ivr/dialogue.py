"""Walk one caller through a flow: plain sequential code, one caller at a time.

The dialogue knows neither Asterisk nor the clock: a `Line` plays and listens, `now` tells the
time, `on_step` hears of every step. What comes out is an `Outcome`, also when the caller hangs up
in the middle, which is an ordinary end.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from ivr.customers import TIER, Customer
from ivr.flow import Flow
from ivr.nodes import (
    BACK_KEY,
    PERSON_KEY,
    Goto,
    HangUp,
    Hours,
    Language,
    Menu,
    Node,
    Queue,
    Say,
)
from ivr.nodes import Customer as CustomerNode
from ivr.ports import Recorded
from ivr.versions import FlowVersion

log = logging.getLogger(__name__)

MAX_STEPS = 60
"""Nodes a caller may come to. Who presses * for the sixtieth time needs a person."""


class CallerGone(Exception):
    """The line is gone: hung up, redirected or lost. An ordinary end of a dialogue."""


class Line(Protocol):
    """A caller who can hear, press keys and speak. All methods raise CallerGone."""

    async def play(self, prompts: Sequence[str], *, interruptible: bool) -> str:
        """Play recordings (paths without extension) one after another.

        Returns the key that interrupted them, "" when they were played to the end. A recording
        that cannot be played is skipped and logged: a caller never pays for a lost file.
        """

    async def wait_digit(self, seconds: float) -> str:
        """The next key, "" when none came in time."""

    async def record(self, name: str, *, seconds: float, silence: float, end_keys: str) -> Recorded:
        """Beep, and keep what the caller says.

        Ends after ``seconds``, after ``silence`` seconds of it, at one of ``end_keys``, or when
        the caller hangs up: then what was said is returned all the same, and only the next method
        raises CallerGone. ``name`` says what it is ("voicemail", "comment").
        """


OnStep: TypeAlias = Callable[[str, str], None]
"""Called with the node and the key: key "" on arrival and when nothing was pressed in time."""


class Ending(StrEnum):
    """How a dialogue ended."""

    QUEUE = "queue"
    """The caller is to wait in a queue."""
    HANG_UP = "hang_up"
    """The flow says that the call is over."""
    CALLER_GONE = "caller_gone"
    """The caller hung up, or the line was lost."""


class Reason(StrEnum):
    """Why a caller came to the queue."""

    CHOICE = "choice"
    """The flow led there."""
    PERSON_KEY = "person_key"
    """The caller pressed 0."""
    NO_SUCCESS = "no_success"
    """Wrong keys or silence too often, or round and round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to happen with the caller now."""

    ending: Ending
    node: str
    """Where the caller was last."""
    language: str
    queue: str = ""
    """The queue's id when `ending` is QUEUE."""
    reason: Reason = Reason.CHOICE
    announcement: tuple[str, ...] = ()
    """Recordings (paths without extension) to play once the caller has the place in the queue,
    so that no prompt delays a match."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What the distribution may ask for: `tier` of a known customer, and what nodes `set`."""


async def run_dialogue(
    line: Line,
    version: FlowVersion,
    *,
    number: str,
    now: Callable[[], float],
    on_step: OnStep,
    start: str = "",
    language: str = "",
) -> Outcome:
    """Walk the caller with this number through a version's flow, to its end or the caller's.

    A caller who comes back begins at ``start``, in the ``language`` of before; a node or a language
    that this version does not have is as if there was none.
    """
    walk = _Walk(line, version, number, now, on_step)
    if start in walk.flow.nodes:
        walk.node = start
    if language in walk.flow.data.languages:
        walk.language = language
    try:
        return await walk.run()
    except CallerGone:
        return walk.outcome(Ending.CALLER_GONE)


class _Walk:
    """One caller's way through a flow."""

    def __init__(
        self,
        line: Line,
        version: FlowVersion,
        number: str,
        now: Callable[[], float],
        on_step: OnStep,
    ) -> None:
        self.line = line
        self.version = version
        self.flow: Flow = version.flow
        self.now = now
        self.on_step = on_step
        self.customer: Customer | None = version.customers.find(number)
        self.node = self.flow.data.start
        self.language = self._default_language()
        self.reason = Reason.CHOICE
        self.attributes: dict[str, str] = {}
        # Menus that * goes back to, each with the attributes that the caller had there.
        self.menus: list[tuple[str, dict[str, str]]] = []
        self.typed_ahead = ""  # a key pressed during a text before a menu

    async def run(self) -> Outcome:
        for _ in range(MAX_STEPS):
            self.on_step(self.node, "")
            self.attributes.update(self.flow.nodes[self.node].set)
            step = await self._step(self.node, self.flow.nodes[self.node])
            if isinstance(step, Outcome):
                return step
            self.node = step
        log.warning("a caller went round in the menu %d times", MAX_STEPS)
        person = self._to_person(Reason.NO_SUCCESS)
        self.on_step(person, "")
        self.node = person
        self.attributes.update(self.flow.nodes[person].set)
        return self._queue(self.flow.nodes[person])

    def outcome(self, ending: Ending) -> Outcome:
        """The outcome at the present node."""
        return Outcome(
            ending=ending,
            node=self.node,
            language=self.language,
            attributes=dict(self.attributes),
        )

    # ---- nodes ----

    async def _step(self, name: str, node: Node) -> str | Outcome:  # noqa: PLR0911 - one a kind
        """Do what a node says; returns the next node or the end."""
        match node:
            case Say():
                key = await self._say(name, interruptible=node.interruptible)
                self.typed_ahead = key or self.typed_ahead
                return node.next
            case Goto():
                return node.next
            case Hours():
                return node.open if self._open(node.hours) else node.closed
            case CustomerNode():
                level = self.customer.level if self.customer else ""
                if level:
                    self.attributes[TIER] = level
                return node.cases.get(level, node.otherwise)
            case Language():
                return await self._language(name, node)
            case Menu():
                return await self._menu(name, node)
            case HangUp():
                await self._say(name, interruptible=False)
                return self.outcome(Ending.HANG_UP)
            case Queue():
                return self._queue(node)

    async def _menu(self, name: str, node: Menu) -> str:
        for attempt in range(node.tries):
            key = await self._ask(name, node.wait)
            self.on_step(name, key)
            if key in node.keys:
                self.menus.append((name, dict(self.attributes)))
                return node.keys[key]
            if key == PERSON_KEY:
                return self._to_person(Reason.PERSON_KEY)
            if key == BACK_KEY:
                return self._back(name)
            if attempt + 1 < node.tries:
                await self._complain(key)
        return self._to_person(Reason.NO_SUCCESS)

    async def _language(self, name: str, node: Language) -> str:
        """Silence means the default language at once: most callers just wait for Chinese."""
        self.language = node.default
        for attempt in range(node.tries):
            key = await self._ask(name, node.wait, languages=self.flow.data.languages)
            self.on_step(name, key)
            if key in node.keys:
                self.language = node.keys[key]
            if key in node.keys or not key:
                break
            if key == PERSON_KEY:
                return self._to_person(Reason.PERSON_KEY)
            if key != BACK_KEY and attempt + 1 < node.tries:
                await self._complain(key)
        self.menus.append((name, dict(self.attributes)))
        return node.next

    def _queue(self, node: Node) -> Outcome:
        assert isinstance(node, Queue)
        return Outcome(
            ending=Ending.QUEUE,
            node=self.node,
            language=self.language,
            queue=node.queue,
            reason=self.reason,
            announcement=tuple(self._texts(self.node, [self.language])),
            attributes=dict(self.attributes),
        )

    # ---- hearing and speaking ----

    async def _ask(self, name: str, wait: float, languages: Sequence[str] = ()) -> str:
        """Play a menu's text and take one key; a key typed ahead answers without the text."""
        if self.typed_ahead:
            key, self.typed_ahead = self.typed_ahead, ""
            return key
        return await self._say(name, languages=languages) or await self.line.wait_digit(wait)

    async def _say(
        self, name: str, *, interruptible: bool = True, languages: Sequence[str] = ()
    ) -> str:
        texts = self._texts(name, languages or [self.language])
        return await self.line.play(texts, interruptible=interruptible) if texts else ""

    async def _complain(self, key: str) -> None:
        """Tell the caller that the key was wrong or missing; a key meanwhile is the answer."""
        prompt = "invalid_key" if key else "no_input"
        path = self.flow.shelf.path(prompt, self.language)
        self.typed_ahead = await self.line.play([path], interruptible=True)

    def _texts(self, name: str, languages: Sequence[str]) -> list[str]:
        """A node's recordings; a say that greets in one language alone is heard in that one."""
        spoken = getattr(self.flow.nodes[name], "text", None) or {}
        prompt = self.flow.prompt_name(name)
        heard = [language for language in languages if language in spoken] or list(spoken)
        return [self.flow.shelf.path(prompt, language) for language in heard]

    # ---- deciding ----

    def _to_person(self, reason: Reason) -> str:
        self.reason = reason
        return self.flow.data.person

    def _back(self, name: str) -> str:
        """The menu before this one; what was set since then holds no more."""
        if not self.menus:
            return name
        menu, self.attributes = self.menus.pop()
        return menu

    def _open(self, hours: str) -> bool:
        return self.version.hours.is_open(hours, self.now())

    def _default_language(self) -> str:
        for node in self.flow.nodes.values():
            if isinstance(node, Language):
                return node.default
        return self.flow.data.languages[0]
