"""The kinds of nodes that a voice menu is made of: the shape of a flow file. Pure."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr.conditions import When
from store.source import Where

PERSON_KEY = "0"
BACK_KEY = "*"
YES_KEY, NO_KEY = "1", "2"

NodeName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Key: TypeAlias = Annotated[str, Field(pattern=r"^[1-9#]$")]
Text: TypeAlias = dict[str, Annotated[str, Field(min_length=1, max_length=500)]]
"""Language to what is said. 500 characters are two minutes of speech."""
Variable: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Template: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
"""A text for a machine, with values in braces: ``{digits}``."""

AttributeName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
AttributeValue: TypeAlias = Annotated[str, Field(min_length=1, max_length=40)]


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    set: dict[AttributeName, AttributeValue] = {}
    """Attributes that a caller who comes here gets; ``routing.yaml`` declares them, and the
    rules of distribution may ask for them. Going back with * takes them away again."""
    solves: bool = False
    """Who comes here got what they called for: an end of the call from here on counts as solved
    without a person."""


class _Asks(_Node):
    """What nodes have in common that wait for a caller's answer."""

    text: Text
    interruptible: bool = True
    """Whether a key (or voice) cuts the text short."""
    tries: int = Field(default=3, ge=1, le=10)
    wait: float = Field(default=5, ge=0.5, le=60)
    """Seconds after the text in which an answer counts."""
    no_input: Text | None = None
    """Said after silence; a text of the system's own if there is none."""
    no_match: Text | None = None
    """Said after an answer that is none; a text of the system's own if there is none."""


class Say(_Node):
    """Plays a text, then goes on. A key pressed meanwhile counts for the next menu."""

    kind: Literal["say"]
    text: Text
    interruptible: bool = True
    next: NodeName


class Language(_Asks):
    """Plays its text in every language, then sets the language by key."""

    kind: Literal["language"]
    keys: dict[Key, str]
    default: str
    """The language of a caller who presses nothing, and before anything was chosen."""
    wait: float = Field(default=3, ge=0.5, le=30)
    next: NodeName


class Menu(_Asks):
    """Plays a text and waits for a key, or for words. 0 and * are the same in every menu."""

    kind: Literal["menu"]
    keys: dict[Key, NodeName]
    speech: dict[NodeName, NodeName] = {}
    """Intent (``intents.yaml``) -> node, for a caller who says what they want."""
    failed: NodeName | None = None
    """Where to go after the last try; to a person if not given."""


class Collect(_Asks):
    """Plays a text and takes digits. * clears what was typed, or goes back when nothing was."""

    kind: Literal["collect"]
    into: Variable
    length: int | tuple[int, int]
    """How many digits, or at least and at most how many (1 to 32)."""
    terminator: Literal["#", "none"] = "#"
    """Ends a number that is shorter than the longest."""
    between: float = Field(default=4, ge=0.5, le=30)
    """Seconds between two digits, after which the number counts as whole."""
    check: Literal["none", "luhn"] = "none"
    """How the last digit proves the others (Luhn: ISO/IEC 7812-1, annex B)."""
    confirm: bool = False
    """Read the digits back and ask whether they are right."""
    secret: bool = False
    """The digits are written nowhere."""
    next: NodeName
    failed: NodeName | None = None
    """Where to go after the last try; to a person if not given."""

    @model_validator(mode="after")
    def _sane(self) -> "Collect":
        least, most = self.least_and_most
        if not 1 <= least <= most <= 32:
            raise ValueError("length is a number from 1 to 32, or [at least, at most]")
        return self

    @property
    def least_and_most(self) -> tuple[int, int]:
        """How many digits there must and may be."""
        return self.length if isinstance(self.length, tuple) else (self.length, self.length)


class Case(BaseModel):
    """One way of a branch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: When
    next: NodeName


class Branch(_Node):
    """Goes the way of the first case that holds."""

    kind: Literal["branch"]
    cases: list[Case] = Field(min_length=1)
    otherwise: NodeName


class Hours(_Node):
    """Goes one way while a set of opening hours is open, the other while it is closed."""

    kind: Literal["hours"]
    hours: str
    open: NodeName
    closed: NodeName


class Customer(_Node):
    """Branches on the level of the customer who calls, known by number.

    The level becomes the attribute ``tier``.
    """

    kind: Literal["customer"]
    cases: dict[str, NodeName]
    otherwise: NodeName


class Lookup(_Node):
    """Asks a service and goes the way of its result. Nothing is said when it answers at once."""

    kind: Literal["lookup"]
    service: str
    arguments: dict[str, Template] = Field(default={}, alias="with")
    into: Variable | None = None
    """What its values become: ``<into>.<value>``."""
    text: Text | None = None
    """Said when the answer takes longer; a text of the system's own if there is none."""
    limit: float = Field(default=5, ge=0.5, le=30)
    """Seconds after which the service counts as unavailable."""
    cases: dict[str, NodeName]
    failed: NodeName
    """Where to go when the service cannot be had, or gave a result without a case."""


class Send(_Node):
    """Sends the caller a message. It leaves in the background: nobody waits for it."""

    kind: Literal["send"]
    by: Literal["sms", "email"]
    to: Template = "{caller}"
    subject: Text | None = None
    message: Text
    next: NodeName
    failed: NodeName | None = None
    """Where to go when there is nobody to send it to, or it could not be taken; else ``next``."""


class Queue(_Node):
    """The menu is over: the caller waits in a queue, hearing the text first."""

    kind: Literal["queue"]
    queue: str
    text: Text | None = None


class Callback(_Node):
    """The menu is over: the caller takes a place in a queue and is called back.

    Who could be served at once is; whose number cannot be called waits.
    """

    kind: Literal["callback"]
    queue: str


class Voicemail(_Node):
    """Takes a message, which becomes a task of the queue."""

    kind: Literal["voicemail"]
    queue: str
    text: Text
    seconds: int = Field(default=120, ge=5, le=600)
    """The longest message."""
    next: NodeName


class Survey(_Asks):
    """Asks how satisfied the caller is, 1 to 5, perhaps why, perhaps for a spoken comment."""

    kind: Literal["survey"]
    tries: int = Field(default=2, ge=1, le=10)
    low: int = Field(default=2, ge=0, le=5)
    """Scores up to this one ask for the reason and open a follow-up."""
    reason_text: Text | None = None
    """Asked after a low score; its keys are ``reasons``."""
    reasons: dict[Key, NodeName] = {}
    """Key -> the reason's name."""
    comment: Text | None = None
    """Asked after a low score; then the caller may speak."""
    comment_seconds: int = Field(default=60, ge=5, le=300)
    next: NodeName

    @model_validator(mode="after")
    def _reasons_are_asked(self) -> "Survey":
        if (self.reason_text is None) != (not self.reasons):
            raise ValueError("reason_text and reasons go together")
        return self


class Transfer(_Node):
    """The menu is over: the caller is put through to a number outside, which ``routing.yaml`` must
    allow. Where nobody answers, the caller waits in the queue.
    """

    kind: Literal["transfer"]
    number: Annotated[str, Field(pattern=r"^[0-9]{3,20}$")]
    queue: str
    text: Text | None = None


class HangUp(_Node):
    """Plays a text, if there is one, and ends the call."""

    kind: Literal["hang_up"]
    text: Text | None = None


class Goto(_Node):
    """Goes on at another node."""

    kind: Literal["goto"]
    next: NodeName


class SubFlow(_Node):
    """Goes through another flow, and on at ``next`` when that one returns."""

    kind: Literal["flow"]
    flow: NodeName
    next: NodeName | None = None
    """Needed when the other flow has a node of kind return."""


class Return(_Node):
    """Back to the flow that this one was called from."""

    kind: Literal["return"]


Node: TypeAlias = Annotated[
    Say
    | Language
    | Menu
    | Collect
    | Branch
    | Hours
    | Customer
    | Lookup
    | Send
    | Queue
    | Callback
    | Voicemail
    | Survey
    | Transfer
    | HangUp
    | Goto
    | SubFlow
    | Return,
    Field(discriminator="kind"),
]

KINDS: tuple[str, ...] = tuple(
    get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(Node)[0])
)
"""The words that ``kind:`` may be."""

TEXT_FIELDS = ("text", "no_input", "no_match", "reason_text", "comment")
"""Fields that are spoken; ``text`` is the one that a node is for."""


class FlowData(BaseModel):
    """The shape of a flow file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: NodeName
    start: NodeName
    languages: list[str] = Field(min_length=1)
    """The first one is the default."""
    person: NodeName | None = None
    """The queue node of 0 and of callers who did not manage; a flow without one leads to that of
    the main flow."""
    words: dict[NodeName, Text] = {}
    """What a value is called that has no other way to be spoken."""
    nodes: dict[NodeName, Node] = Field(min_length=1, max_length=200)


def spoken_texts(node: Node) -> Iterator[tuple[str, Text]]:
    """A node's spoken texts: the field and the text."""
    for field in TEXT_FIELDS:
        text: Text | None = getattr(node, field, None)
        if text is not None:
            yield field, text


def edges(node: Node, person: str) -> Iterator[tuple[Where, str]]:
    """The ways on from a node: where in the node it is written, and the node it names.

    A way without a place is the one to ``person`` that every asking node has.
    """
    match node:
        case Menu() | Language() | Collect() | Survey():
            yield from _answers(node)
            failed = getattr(node, "failed", None)
            if isinstance(node, Menu | Language) or failed is None:
                yield (), person
            if failed is not None:
                yield ("failed",), failed
        case Branch():
            for index, case in enumerate(node.cases):
                yield ("cases", index, "next"), case.next
            yield ("otherwise",), node.otherwise
        case Hours():
            yield ("open",), node.open
            yield ("closed",), node.closed
        case Customer():
            yield from _each("cases", node.cases)
            yield ("otherwise",), node.otherwise
        case Lookup():
            yield from _each("cases", node.cases)
            yield ("failed",), node.failed
        case Say() | Send() | Voicemail() | Goto() | SubFlow():
            for field in ("next", "failed"):
                target: str | None = getattr(node, field, None)
                if target is not None:
                    yield (field,), target


def _answers(node: Menu | Language | Collect | Survey) -> Iterator[tuple[Where, str]]:
    if isinstance(node, Menu):
        yield from _each("keys", node.keys)
        yield from _each("speech", node.speech)
    else:
        yield ("next",), node.next


def _each(field: str, ways: Mapping[str, str]) -> Iterator[tuple[Where, str]]:
    for word, target in ways.items():
        yield (field, word), target
