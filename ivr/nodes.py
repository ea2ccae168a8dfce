"""The kinds of nodes that a voice menu is made of: the shape of a flow file. Pure."""

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from store.source import Where

PERSON_KEY = "0"
BACK_KEY = "*"

NodeName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Key: TypeAlias = Annotated[str, Field(pattern=r"^[1-9#]$")]
Text: TypeAlias = dict[str, Annotated[str, Field(min_length=1, max_length=500)]]
"""Language to what is said. 500 characters are two minutes of speech."""


AttributeName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
AttributeValue: TypeAlias = Annotated[str, Field(min_length=1, max_length=40)]


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    set: dict[AttributeName, AttributeValue] = {}
    """Attributes that a caller who comes here gets; ``routing.yaml`` declares them, and the
    rules of distribution may ask for them. Going back with * takes them away again."""


class Say(_Node):
    """Plays a text, then goes on. A key pressed meanwhile counts for the next menu."""

    kind: Literal["say"]
    text: Text
    interruptible: bool = True
    next: NodeName


class Language(_Node):
    """Plays its text in every language, then sets the language by key."""

    kind: Literal["language"]
    text: Text
    keys: dict[Key, str]
    default: str
    """The language of a caller who presses nothing, and before anything was chosen."""
    tries: int = Field(default=3, ge=1, le=10)
    wait: float = Field(default=3, ge=0.5, le=30)
    """Seconds after the text in which a key counts."""
    next: NodeName


class Menu(_Node):
    """Plays a text and waits for a key. 0 and * are the same in every menu."""

    kind: Literal["menu"]
    text: Text
    keys: dict[Key, NodeName]
    tries: int = Field(default=3, ge=1, le=10)
    wait: float = Field(default=5, ge=0.5, le=60)
    """Seconds after the text in which a key counts."""


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


class Queue(_Node):
    """The menu is over: the caller waits in a queue, hearing the text first."""

    kind: Literal["queue"]
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


Node: TypeAlias = Annotated[
    Say | Language | Menu | Hours | Customer | Queue | HangUp | Goto, Field(discriminator="kind")
]


class FlowData(BaseModel):
    """The shape of a flow file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: NodeName
    start: NodeName
    languages: list[str] = Field(min_length=1)
    """The first one is the default."""
    person: NodeName
    """The queue node of 0 and of callers who did not manage."""
    nodes: dict[NodeName, Node] = Field(min_length=1, max_length=200)


def edges(node: Node, person: str) -> Iterator[tuple[Where, str]]:
    """The ways on from a node: where in the node it is written, and the node it names."""
    if isinstance(node, Say | Goto):
        yield ("next",), node.next
    elif isinstance(node, Language):
        yield ("next",), node.next
        yield (), person
    elif isinstance(node, Menu):
        for key, target in node.keys.items():
            yield ("keys", key), target
        yield (), person
    elif isinstance(node, Hours):
        yield ("open",), node.open
        yield ("closed",), node.closed
    elif isinstance(node, Customer):
        for level, target in node.cases.items():
            yield ("cases", level), target
        yield ("otherwise",), node.otherwise
