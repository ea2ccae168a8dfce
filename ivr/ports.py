"""What a voice menu asks of the world outside it, as types. Pure.

The dialogue knows these protocols alone; the shop's data, the live recogniser and the message
providers stand behind them, and a scenario's answers do in a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
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
