"""What a voice menu asks of the world outside it, as types. Pure.

The dialogue knows these protocols alone; the shop's data, the live recogniser and the message
providers stand behind them, and a scenario's answers do in a test.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol, TypeAlias

Scalar: TypeAlias = bool | int | Decimal | date | datetime | str
Value: TypeAlias = Scalar | tuple[Scalar, ...]
"""What a variable of a call may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A question that a lookup node may ask, declared so that a flow can be checked."""

    name: str
    takes: frozenset[str]
    """Arguments that must be given."""
    may_take: frozenset[str] = frozenset()
    """Arguments that may be given."""
    results: tuple[str, ...]
    """The words that an answer may have as its result; the node branches on them."""
    gives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Value -> ways in which it may be spoken (``ivr/speaking.py``); ``word`` for a fixed word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a service said: one of its results, and values by name."""

    result: str
    values: Mapping[str, Value] = field(default_factory=dict)


class Unavailable(Exception):
    """The other side did not answer, answered nonsense, or is left alone for a while."""


class Services(Protocol):
    """The services that flows may ask."""

    @property
    def known(self) -> Mapping[str, Service]:
        """The services by name."""

    async def ask(self, service: str, arguments: Mapping[str, str]) -> Answer:
        """Ask one. The caller of this sets the time limit, by cancelling.

        Raises:
            Unavailable: there is no answer to be had now.
        """


HISTORY = (
    "history.contacts",  # how many there were within 24 hours
    "history.queue",  # the last one of those
    "history.agent",  # who spoke with the caller last, within 24 hours
    "history.solved",  # the last contact; true when there was none
    "history.complaint",  # whether a complaint is open
)
"""Values that tell what a caller was here for before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came from a caller: a key, or words."""

    key: str = ""
    words: str = ""
    spoke: bool = False
    """True when the caller said something, whether or not it was understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a caller spoke after a beep."""

    seconds: float
    """0 when it was too short to hold a word; then nothing is kept."""
    file: str = ""
    """Below the recordings folder; "" when nothing is kept."""
    key: str = ""
    """That ended it; "" for silence, the time limit, a hang-up."""


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

    async def hear(
        self, prompts: Sequence[str], *, seconds: float, language: str, comfort: Sequence[str]
    ) -> Heard:
        """Play recordings, then wait for a key or the beginning of speech; either cuts them short.

        Of a caller who speaks the words are returned, once they are recognised; "" when they
        could not be. ``comfort`` is played when that takes long. Where nobody can listen, keys
        alone are heard.
        """

    async def record(self, name: str, *, seconds: float, silence: float, end_keys: str) -> Recorded:
        """Beep, and keep what the caller says.

        Ends after ``seconds``, after ``silence`` seconds of it, at one of ``end_keys``, or when
        the caller hangs up: then what was said is returned all the same, and only the next method
        raises CallerGone. ``name`` says what it is ("voicemail", "comment").
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A written message to a caller."""

    contact: str
    by: str
    """``sms`` or ``email``."""
    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLoad:
    """How a queue stands at this moment."""

    waiting: int
    ready: int
    """Agents who could take a call of it at once."""
    signed_in: int
    wait: float | None
    """Estimate for a newcomer in seconds, None when it cannot be told."""


class _NoServices:
    """A world in which nobody can be asked."""

    known: Mapping[str, Service] = MappingProxyType({})

    async def ask(self, service: str, arguments: Mapping[str, str]) -> Answer:
        raise Unavailable(f"nobody answers for {service}")


async def _nowhere(message: Message) -> None:
    raise Unavailable(f"no way to send by {message.by}")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a dialogue asks of the world beside its line."""

    now: Callable[[], float]
    """Unix seconds."""
    services: Services = field(default_factory=_NoServices)
    load: Callable[[str], QueueLoad | None] = lambda queue: None
    """How a queue stands; None when nobody knows."""
    send: Callable[[Message], Awaitable[None]] = _nowhere
    """Take a message that is to be sent: kept at once, sent in the background.

    Raises Unavailable when it could not even be kept."""
