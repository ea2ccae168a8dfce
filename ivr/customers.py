"""The customers whom the menu knows by their number. Pure but for reading the file."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from store.source import BadFile, check_source, read_source
from telephony.numbers import plain_number

#: The attribute that a customer's level becomes.
TIER = "tier"


class Customer(BaseModel):
    """One known customer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: Annotated[str, Field(pattern=r"^[0-9]{3,20}$")]
    name: Annotated[str, Field(min_length=1, max_length=40)]
    level: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,19}$")]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    customers: list[Customer]


@dataclass(frozen=True, slots=True)
class CustomerBook:
    """Customers by number."""

    by_number: dict[str, Customer]

    @classmethod
    def of(cls, customers: Iterable[Customer]) -> "CustomerBook":
        """A book of these customers."""
        return cls({plain_number(customer.number): customer for customer in customers})

    def find(self, number: str) -> Customer | None:
        """Who calls from this number; None for a stranger and for a withheld number."""
        plain = plain_number(number)
        return self.by_number.get(plain) if plain else None


def load_customers(file: Path, tiers: Collection[str] = ()) -> CustomerBook:
    """Read customers.yaml. Raises BadFile with every problem found.

    Args:
        file: the customers.
        tiers: the values of the attribute ``tier``, which a level becomes; empty: any.
    """
    source = read_source(file)
    customers = check_source(source, _File).customers
    seen: dict[str, int] = {}
    problems = []
    for index, customer in enumerate(customers):
        first = seen.setdefault(plain_number(customer.number), index)
        if first != index:
            line = source.line(("customers", first))
            problems.append(
                source.problem(
                    ("customers", index),
                    f"{customer.number} is here twice (first on line {line})",
                    "remove one of the two",
                )
            )
        if tiers and customer.level not in tiers:
            problems.append(
                source.problem(
                    ("customers", index, "level"),
                    f"the attribute tier is never {customer.level}",
                    f"routing.yaml has {', '.join(tiers)}",
                )
            )
    if problems:
        raise BadFile(problems)
    return CustomerBook.of(customers)
