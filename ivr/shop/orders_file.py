"""The file of orders that the built-in shop begins with. Pure but for reading the file.

Days are counted from the day on which the file is taken up, so that example orders never grow
old: 2 is the day before yesterday. A day's events happen at half past ten, or just now where
that is still to come.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ivr.shop.services import ApplicationKind, ApplicationState, OrderState, ParcelState, Reason
from store.shop import Application, Order, Promotion, ShopCustomer
from store.source import BadFile, Problem, Source, check_source, read_source
from telephony.numbers import plain_number

DaysAgo = Annotated[int, Field(ge=0, le=3650)]
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]
Phone = Annotated[str, Field(pattern="^[0-9]{3,20}$")]

_HALF_PAST_TEN = time(10, 30)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Parcel(_Part):
    carrier: Name
    tracking: Annotated[str, Field(pattern="^[0-9]{1,32}$")]
    state: ParcelState = "collected"
    place: Name
    news: DaysAgo = 0
    """When it was last seen."""
    expected: Annotated[int, Field(ge=0, le=60)] = 1
    """In so many days."""


class _Application(_Part):
    kind: ApplicationKind
    reason: Reason
    state: ApplicationState
    made: DaysAgo
    changed: DaysAgo


class _Order(_Part):
    number: Annotated[str, Field(pattern="^[0-9]{4,32}$")]
    phone: Phone
    email: Annotated[str, Field(max_length=254, pattern=r"^[^\s@]+@[^\s@]+$")] = ""
    state: OrderState
    amount: Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=2)]
    items: Annotated[int, Field(ge=1, le=9_999)] = 1
    returnable: bool = True
    company_title: bool = False
    placed: DaysAgo
    parcel: _Parcel | None = None
    delivered: DaysAgo | None = None
    application: _Application | None = None

    @model_validator(mode="after")
    def _state_and_days_agree(self) -> Self:
        sent = self.state in {"shipped", "delivered", "returned"}
        arrived = self.state in {"delivered", "returned"}
        if sent != (self.parcel is not None):
            raise _disagree(self.state, "parcel", wanted=sent)
        if arrived != (self.delivered is not None):
            raise _disagree(self.state, "delivered", wanted=arrived)
        return self


def _disagree(state: str, field: str, *, wanted: bool) -> PydanticCustomError:
    mend = f"add {field}" if wanted else f"remove {field}, or correct the state"
    text = f"an order that is {state} has {'a' if wanted else 'no'} {field}"
    return PydanticCustomError("disagree", "{text}", {"text": text, "mend": mend})


class _Promotion(_Part):
    name: Name
    since: DaysAgo
    until: Annotated[int, Field(ge=-3650, le=3650)]
    """In so many days; its last day."""


class _Customer(_Part):
    phone: Phone
    level: Name
    complaint: bool = False


class _File(_Part):
    orders: list[_Order]
    promotions: list[_Promotion] = []
    customers: list[_Customer] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopRecords:
    """What a file says, as the tables hold it."""

    orders: tuple[Order, ...] = ()
    applications: tuple[Application, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    customers: tuple[ShopCustomer, ...] = ()


def load_orders(file: Path, *, zone: ZoneInfo, now: float) -> ShopRecords:
    """Read the file of orders; none where there is no file.

    Args:
        file: usually ``company/shop/orders.yaml``.
        zone: of the company.
        now: Unix seconds; the days of the file are counted from its day.

    Raises:
        BadFile: with every problem found.
    """
    if not file.exists():
        return ShopRecords()
    source = read_source(file)
    content = check_source(source, _File)
    problems = [
        *_twice(source, "orders", "number", (order.number for order in content.orders)),
        *_twice(source, "promotions", "name", (each.name for each in content.promotions)),
        *_twice(source, "customers", "phone", (each.phone for each in content.customers)),
    ]
    if problems:
        raise BadFile(problems)
    days = _Days(datetime.fromtimestamp(now, zone))
    return ShopRecords(
        orders=tuple(days.order(order) for order in content.orders),
        applications=tuple(
            days.application(order.number, order.application)
            for order in content.orders
            if order.application is not None
        ),
        promotions=tuple(days.promotion(each) for each in content.promotions),
        customers=tuple(
            ShopCustomer(phone=plain_number(each.phone), level=each.level, complaint=each.complaint)
            for each in content.customers
        ),
    )


def _twice(source: Source, group: str, key: str, names: Iterable[str]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        first = seen.setdefault(name, index)
        if first != index:
            line = source.line((group, first, key))
            yield source.problem(
                (group, index, key),
                f"{name} is here twice (first on line {line})",
                "remove one of the two",
            )


@dataclass(frozen=True, slots=True)
class _Days:
    """Days of the file as moments."""

    now: datetime

    def ago(self, days: int) -> float:
        """Half past ten of a day before today, or now where that is earlier; Unix seconds."""
        day = self.now.date() - timedelta(days=days)
        moment = datetime.combine(day, _HALF_PAST_TEN, self.now.tzinfo)
        return min(moment, self.now).timestamp()

    def midnight(self, days_ahead: int) -> float:
        day = self.now.date() + timedelta(days=days_ahead)
        return datetime.combine(day, time(), self.now.tzinfo).timestamp()

    def order(self, order: _Order) -> Order:
        filed = Order(
            number=order.number,
            phone=plain_number(order.phone),
            email=order.email,
            state=order.state,
            amount_fen=int(order.amount * 100),
            items=order.items,
            returnable=order.returnable,
            company_title=order.company_title,
            placed_at=self.ago(order.placed),
            delivered_at=0.0 if order.delivered is None else self.ago(order.delivered),
        )
        return filed if order.parcel is None else self.sent(filed, order.parcel)

    def sent(self, order: Order, parcel: _Parcel) -> Order:
        return replace(
            order,
            carrier=parcel.carrier,
            tracking=parcel.tracking,
            parcel=parcel.state,
            place=parcel.place,
            moved_at=self.ago(parcel.news),
            expected_at=self.midnight(parcel.expected),
        )

    def application(self, number: str, application: _Application) -> Application:
        return Application(
            number=number,
            kind=application.kind,
            reason=application.reason,
            state=application.state,
            made_at=self.ago(application.made),
            changed_at=self.ago(application.changed),
        )

    def promotion(self, promotion: _Promotion) -> Promotion:
        return Promotion(
            name=promotion.name,
            since_at=self.midnight(-promotion.since),
            until_at=self.midnight(promotion.until + 1),
        )
