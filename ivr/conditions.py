"""Conditions of a branch: what they may ask, and whether they hold. Pure.

``when: {order.state: shipped, order.amount: {above: 500}}``: all of it must hold. A subject is a
variable of the call, ``language``, ``caller`` (the number), ``customer.level``, ``hours.<name>``
(``open`` or ``closed``), ``queue.<id>.waiting``, ``.ready``, ``.signed_in`` (how many) and
``.wait`` (the estimate for a newcomer, seconds), or an attribute that a node has ``set``.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr.ports import Value

Number: TypeAlias = int | float
Word: TypeAlias = bool | int | float | str

QUEUE_FIGURES = ("waiting", "ready", "signed_in", "wait")


class Comparison(BaseModel):
    """How a value is compared; several limits must all hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    above: Number | None = None
    below: Number | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    is_not: Word | None = Field(default=None, alias="not")
    known: bool | None = None
    """True: the call has this value, whatever it is."""

    @model_validator(mode="after")
    def _something(self) -> "Comparison":
        if not self.model_fields_set:
            raise ValueError("compare with above, below, at_least, at_most, not or known")
        return self

    def holds(self, value: Value | None) -> bool:
        """Whether the value stands the comparison; a missing one only ``known: false``/``not``."""
        if self.known is not None and self.known is not (value is not None):
            return False
        if self.is_not is not None and value is not None and _same(value, self.is_not):
            return False
        limits = (self.above, self.below, self.at_least, self.at_most)
        if all(limit is None for limit in limits):
            return True
        number = _number(value)
        return number is not None and all(
            limit is None or held
            for limit, held in zip(
                limits,
                (
                    self.above is not None and number > Decimal(str(self.above)),
                    self.below is not None and number < Decimal(str(self.below)),
                    self.at_least is not None and number >= Decimal(str(self.at_least)),
                    self.at_most is not None and number <= Decimal(str(self.at_most)),
                ),
                strict=True,
            )
        )


Test: TypeAlias = Comparison | Annotated[list[Word], Field(min_length=1)] | Word
When: TypeAlias = Annotated[
    dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*$")], Test],
    Field(min_length=1),
]


def holds(when: Mapping[str, Test], values: Mapping[str, Value | None]) -> bool:
    """Whether all of a condition holds; ``values`` gives each subject, None where there is none."""
    return all(_holds(test, values.get(subject)) for subject, test in when.items())


def _holds(test: Test, value: Value | None) -> bool:
    if isinstance(test, Comparison):
        return test.holds(value)
    if isinstance(test, list):
        return any(_same(value, word) for word in test)
    return _same(value, test)


def _same(value: Value | None, word: Word) -> bool:
    if value is None:
        return False
    if isinstance(value, tuple):
        return any(_same(part, word) for part in value)
    if isinstance(value, bool) or isinstance(word, bool):
        return value is word
    number, other = _number(value), _number(word)
    if number is not None and other is not None:
        return number == other
    return str(value) == str(word)


def _number(value: Value | Word | None) -> Decimal | None:
    """A number as one; digits as text (what a caller typed) count, too."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    text = str(value)
    plain = text.removeprefix("-").replace(".", "", 1)
    return Decimal(text) if plain.isascii() and plain.isdigit() else None
