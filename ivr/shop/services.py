"""What a menu may ask the shop: one table, from which all else follows. Pure.

Each service names its arguments and, for every result, the values that come with it. The same
models check what a shop's own system answers (``rest.py``), describe it to its programmers
(``openapi.py``) and tell the menu's checker how a value may be spoken (``KNOWN``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from ivr.ports import Answer, Service, Unavailable, Value
from telephony.numbers import plain_number

# -- arguments --------------------------------------------------------------------------------

ApplicationKind: TypeAlias = Literal["return", "exchange", "refund"]
Reason: TypeAlias = Literal["not_wanted", "size", "damaged", "defective", "wrong_item", "late"]
Title: TypeAlias = Literal["personal", "company"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument; it means the same wherever it is asked for."""

    pattern: str
    about: str
    otherwise: str = ""
    """The result where a caller gave something else; empty: the menu is at fault."""


def _one_of(words: object, about: str) -> Argument:
    return Argument(pattern=f"^({'|'.join(get_args(words))})$", about=about)


ARGUMENTS: Mapping[str, Argument] = {
    "number": Argument(
        pattern="^[0-9]{4,32}$", about="the order's number, digits alone", otherwise="not_found"
    ),
    "last_four": Argument(
        pattern="^[0-9]{4}$",
        about="the last four digits of the order's telephone number",
        otherwise="wrong",
    ),
    "phone": Argument(
        pattern="^[0-9]{3,20}$",
        about="a caller's telephone number, without +86",
        otherwise="not_found",
    ),
    "application": Argument(
        pattern="^[0-9]{4,32}$", about="an application's number", otherwise="not_found"
    ),
    "kind": _one_of(ApplicationKind, "what is applied for"),
    "reason": _one_of(Reason, "why"),
    "title": _one_of(Title, "in whose name the invoice is made out"),
}


# -- values -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ways:
    """In which ways a value may be spoken."""

    names: tuple[str, ...]


_MONEY = r"^[0-9]{1,10}(\.[0-9]{1,2})?$"


def _money(value: object) -> object:
    """Text alone: JSON's numbers are binary fractions to most programs, money is not."""
    if isinstance(value, str) and re.fullmatch(_MONEY, value):
        return Decimal(value)
    return value


Money: TypeAlias = Annotated[
    Decimal,
    BeforeValidator(_money),
    Field(ge=0, max_digits=12, decimal_places=2),
    WithJsonSchema({"type": "string", "pattern": _MONEY}),
    Ways(("money",)),
]
OrderNumber: TypeAlias = Annotated[
    str, Field(pattern="^[0-9]{4,32}$"), Ways(("order_number", "digits"))
]
Digits: TypeAlias = Annotated[str, Field(pattern="^[0-9]{1,32}$"), Ways(("digits",))]
Count: TypeAlias = Annotated[int, Field(ge=0, le=9_999), Ways(("number",))]
Day: TypeAlias = Annotated[date, Ways(("date",))]
Days: TypeAlias = Annotated[int, Field(ge=0, le=9_999), Ways(("days", "number"))]
Moment: TypeAlias = Annotated[AwareDatetime, Ways(("date_time", "date", "time"))]
Word: TypeAlias = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$"), Ways(("word",))]

OrderState: TypeAlias = Literal["placed", "paid", "shipped", "delivered", "returned", "cancelled"]
ParcelState: TypeAlias = Literal["collected", "at_hub", "on_the_way", "out_for_delivery"]
ApplicationState: TypeAlias = Literal["received", "approved", "goods_received", "done", "refused"]


class Values(BaseModel):
    """What comes with a result."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Nothing(Values):
    """No values."""


class OrderKnown(Values):
    """There is such an order. Nothing more is said before the caller is checked."""

    number: OrderNumber


class OrdersOfCaller(Values):
    """Orders of one telephone number, the latest first."""

    number: OrderNumber
    count: Count
    numbers: Annotated[
        tuple[OrderNumber, ...], Field(max_length=20), Ways(("order_number", "digits"))
    ]


class OrderDetails(Values):
    """One order; ``phone`` and ``email`` are for messages and never spoken."""

    number: OrderNumber
    state: Annotated[OrderState, Ways(("word",))]
    placed: Day
    amount: Money
    items: Annotated[int, Field(ge=0, le=9_999), Ways(("items", "number"))]
    phone: Annotated[str, Field(pattern="^[0-9]{3,20}$")]
    email: Annotated[str, Field(max_length=254)]


class Waiting(Values):
    """Not sent yet."""

    expected: Day


class Moving(Values):
    """A parcel on its way; carrier and place are words that the menu has texts for."""

    carrier: Word
    tracking: Digits
    state: Annotated[ParcelState, Ways(("word",))]
    place: Word
    at: Moment
    expected: Day


class Stalled(Moving):
    """A parcel that nobody has seen for some days."""

    quiet_days: Days


class Delivered(Values):
    """A parcel that has arrived."""

    carrier: Word
    at: Moment


class Accepted(Values):
    """An application that was taken, now or before."""

    application: Digits
    kind: Annotated[ApplicationKind, Ways(("word",))]
    amount: Money
    answer_by: Day


class AppliedBefore(Values):
    """An application of another kind for the same order that is not done yet."""

    application: Digits
    kind: Annotated[ApplicationKind, Ways(("word",))]


class TooLate(Values):
    """The last day on which it could be asked for."""

    last_day: Day
    days: Days


class Progress(Values):
    """How far an application is."""

    application: Digits
    number: OrderNumber
    kind: Annotated[ApplicationKind, Ways(("word",))]
    state: Annotated[ApplicationState, Ways(("word",))]
    made: Day
    changed: Day
    amount: Money


class Invoice(Values):
    """An invoice that was asked for."""

    title: Annotated[Title, Ways(("word",))]
    amount: Money


class Promotions(Values):
    """What is on offer now; ``name`` and its days are of the one that ends first."""

    count: Count
    name: Word
    since: Day
    until: Day
    names: Annotated[tuple[Word, ...], Field(max_length=20), Ways(("word",))]


class Customer(Values):
    """Who calls, as far as it matters to whom the call goes. Never spoken but the level."""

    level: Word
    complaint: bool
    """An open complaint."""


# -- services ---------------------------------------------------------------------------------

#: What the services say that know something personal.
_CHECKED: Mapping[str, type[Values]] = {"wrong": Nothing, "locked": Nothing, "not_found": Nothing}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopService:
    """One question to the shop."""

    about: str
    takes: tuple[str, ...]
    results: Mapping[str, type[Values]]
    changes: bool = False
    """True when the shop does something, so that asking twice must not do it twice."""


SERVICES: Mapping[str, ShopService] = {
    "order": ShopService(
        about="Is there an order with this number?",
        takes=("number",),
        results={"found": OrderKnown, "not_found": Nothing},
    ),
    "orders_of": ShopService(
        about="Which orders were made with this telephone number?",
        takes=("phone",),
        results={"found": OrdersOfCaller, "not_found": Nothing},
    ),
    "verify": ShopService(
        about="Are these the last four digits of the order's telephone number?",
        takes=("number", "last_four"),
        results={"ok": Nothing, **_CHECKED},
    ),
    "order_details": ShopService(
        about="How far is the order?",
        takes=("number", "last_four"),
        results={"found": OrderDetails, **_CHECKED},
    ),
    "logistics": ShopService(
        about="Where is the parcel?",
        takes=("number", "last_four"),
        results={
            "not_paid": Nothing,
            "not_shipped": Waiting,
            "in_transit": Moving,
            "stalled": Stalled,
            "delivered": Delivered,
            "closed": Nothing,
            **_CHECKED,
        },
    ),
    "apply": ShopService(
        about="Return, exchange, or refund before sending: decided at once by the shop's rules.",
        takes=("number", "last_four", "kind", "reason"),
        changes=True,
        results={
            "accepted": Accepted,
            "repeated": Accepted,
            "already_applied": AppliedBefore,
            "not_paid": Nothing,
            "already_shipped": Nothing,
            "not_delivered": Nothing,
            "not_returnable": Nothing,
            "too_late": TooLate,
            "closed": Nothing,
            **_CHECKED,
        },
    ),
    "application": ShopService(
        about="How far is the application with this number?",
        takes=("application", "last_four"),
        results={"found": Progress, **_CHECKED},
    ),
    "application_of": ShopService(
        about="How far is the newest application for this order?",
        takes=("number", "last_four"),
        results={"found": Progress, "none": Nothing, **_CHECKED},
    ),
    "invoice": ShopService(
        about="Send an invoice.",
        takes=("number", "last_four", "title"),
        changes=True,
        results={
            "requested": Invoice,
            "already": Invoice,
            "not_paid": Nothing,
            "no_title": Nothing,
            "too_late": TooLate,
            "closed": Nothing,
            **_CHECKED,
        },
    ),
    "promotions": ShopService(
        about="What is on offer now?",
        takes=(),
        results={"some": Promotions, "none": Nothing},
    ),
    "customer": ShopService(
        about="Who calls from this telephone number?",
        takes=("phone",),
        results={"found": Customer, "not_found": Nothing},
    ),
}


def _ways(model: type[Values]) -> dict[str, tuple[str, ...]]:
    """Value -> ways in which it may be spoken."""
    return {
        name: next((each.names for each in field.metadata if isinstance(each, Ways)), ())
        for name, field in model.model_fields.items()
    }


def _declared(name: str, service: ShopService) -> Service:
    gives: dict[str, tuple[str, ...]] = {}
    for model in service.results.values():
        gives |= _ways(model)
    return Service(
        name=name, takes=frozenset(service.takes), results=tuple(service.results), gives=gives
    )


KNOWN: Mapping[str, Service] = {
    name: _declared(name, service) for name, service in SERVICES.items()
}
"""The services as a menu's checker wants them."""


def checked(service: str, arguments: Mapping[str, str]) -> dict[str, str] | Answer:
    """The arguments in the one form in which a shop gets them, or the answer to bad ones.

    Digits come from callers: 10,000 of them, or none, are an order that is not found, and the
    shop is not troubled with it.

    Raises:
        Unavailable: the menu asks for something that no shop knows.
    """
    known = SERVICES.get(service)
    if known is None or set(arguments) != set(known.takes):
        raise Unavailable(f"the shop has no service {service!r} with these arguments")
    good: dict[str, str] = {}
    for name in known.takes:
        argument = ARGUMENTS[name]
        value = plain_number(arguments[name]) if name == "phone" else arguments[name]
        if not re.fullmatch(argument.pattern, value):
            if not argument.otherwise:
                raise Unavailable(f"{name} can not be {value[:40]!r}")
            return Answer(result=argument.otherwise)
        good[name] = value
    return good


def answer(result: str, values: Values | None = None, *, zone: ZoneInfo) -> Answer:
    """An answer as the dialogue takes it; moments in the company's own time."""
    plain: dict[str, Value] = {}
    for name in type(values).model_fields if values is not None else ():
        value = getattr(values, name)
        plain[name] = value.astimezone(zone) if isinstance(value, datetime) else value
    return Answer(result=result, values=plain)
