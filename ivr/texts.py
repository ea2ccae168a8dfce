"""Texts with values in them: ``您的订单{order.number:order_number}已发货``. Pure.

A placeholder is a variable and, after the colon, the way in which it is spoken
(``ivr/speaking.py``), or ``word``: one of the flow's ``words``. The fixed pieces are recorded as
prompts of their own, values are spoken from parts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ivr.speaking import WAYS

WORD = "word"
"""The way in which a value is spoken that is one of the flow's words."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_INSIDE = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)(?::([a-z_]+))?")
_SILENT = re.compile(r"[\s，。、；：！？,.;:!?…—-]*")


@dataclass(frozen=True, slots=True)
class Fixed:
    """A piece that is always the same, numbered from 1 among those of its text."""

    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A place for a value."""

    variable: str
    way: str


Piece: TypeAlias = Fixed | Placeholder


class BadText(ValueError):
    """A text has a placeholder that cannot be understood; ``mend`` says how it should be."""

    def __init__(self, text: str, mend: str) -> None:
        super().__init__(text)
        self.mend = mend


def pieces(text: str, *, written: bool = False) -> tuple[Piece, ...]:
    """The text piece by piece, as it is spoken or written. Raises BadText.

    Punctuation alone between two values is not spoken.
    """
    return tuple(_pieces(text, written))


def _pieces(text: str, written: bool) -> Iterator[Piece]:
    number, end = 0, 0
    for found in [*_PLACEHOLDER.finditer(text), None]:
        between = text[end : found.start() if found else len(text)]
        if "{" in between or "}" in between:
            raise BadText("a brace has no partner", "write a value as {name:way}")
        if between if written else not _SILENT.fullmatch(between):
            number += 1
            yield Fixed(between if written else between.strip(), number)
        if found:
            yield _placeholder(found[1])
            end = found.end()


def _placeholder(inside: str) -> Placeholder:
    parts = _INSIDE.fullmatch(inside.strip())
    if not parts:
        raise BadText(f"{{{inside}}} is no value", "write a value as {name:way}")
    way = parts[2] or WORD
    if way not in WAYS and way != WORD:
        ways = ", ".join([*sorted(WAYS), WORD])
        raise BadText(f"nothing is spoken as '{way}'", f"ways are {ways}")
    return Placeholder(parts[1], way)


def is_plain(found: tuple[Piece, ...]) -> bool:
    """Whether a text has no placeholders, so that it is one recording."""
    return len(found) == 1 and isinstance(found[0], Fixed)
