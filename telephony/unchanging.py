"""Values that nobody changes once they are made."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Kind = TypeVar("Kind")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def unchanging(kind: type[Kind]) -> type[Kind]:
    """A dataclass with names for all its fields, which the type checker lets nobody assign to.

    ``dataclass(frozen=True)`` guards them while the program runs, too, and takes three
    times as long to make a value; a call makes dozens.
    """
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(kind)
