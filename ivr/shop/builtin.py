"""The shop behind the menu when no shop's own system is connected: our own database."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from ivr.ports import Answer, Service, Unavailable
from ivr.shop import services as port
from ivr.shop.numbers import application_number, application_serial
from ivr.shop.rules import Decision, OrderFacts, ShopRules, may_apply, may_have_invoice
from ivr.shop.services import (
    KNOWN,
    ApplicationKind,
    ApplicationState,
    OrderState,
    ParcelState,
    Reason,
    Title,
    Values,
    checked,
)
from store.shop import Application, Order, ShopStore

_DAY = 86_400.0

#: What an order's state says of a parcel, where there is none on its way.
_NO_PARCEL = {"placed": "not_paid", "cancelled": "closed", "returned": "closed"}
#: States in which nothing more happens to an application.
_ENDED = {"done", "refused"}

_Said = tuple[str, Values | None]


class BuiltInShop:
    """Answers from the tables of ``store/shop.py``, by the rules of ``company/shop.yaml``."""

    def __init__(
        self,
        store: ShopStore,
        *,
        rules: Callable[[], ShopRules],
        zone: ZoneInfo,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._rules = rules
        self._zone = zone
        self._now = now
        self._open: Mapping[str, Callable[[Mapping[str, str]], Awaitable[_Said]]] = {
            "order": self._order,
            "orders_of": self._orders_of,
            "application": self._application,
            "promotions": self._promotions,
            "customer": self._customer,
        }
        self._of_order: Mapping[str, Callable[[Order, Mapping[str, str]], Awaitable[_Said]]] = {
            "verify": self._verify,
            "order_details": self._order_details,
            "logistics": self._logistics,
            "apply": self._apply,
            "application_of": self._application_of,
            "invoice": self._invoice,
        }

    @property
    def known(self) -> Mapping[str, Service]:
        """The services by name."""
        return KNOWN

    async def ask(self, service: str, arguments: Mapping[str, str]) -> Answer:
        """Ask one.

        Raises:
            Unavailable: the database does not answer, or the menu asks for what there is not.
        """
        good = checked(service, arguments)
        if isinstance(good, Answer):
            return good
        try:
            if service in self._open:
                result, values = await self._open[service](good)
            else:
                order = await self._store.order(good["number"])
                result, values = await self._checked(order, good, self._of_order[service])
        except (SQLAlchemyError, OSError) as error:
            raise Unavailable(f"the database: {type(error).__name__}") from error
        return port.answer(result, values, zone=self._zone)

    # -- what is told to anybody ---------------------------------------------------------------

    async def _order(self, arguments: Mapping[str, str]) -> _Said:
        order = await self._store.order(arguments["number"])
        if order is None:
            return "not_found", None
        return "found", port.OrderKnown(number=order.number)

    async def _orders_of(self, arguments: Mapping[str, str]) -> _Said:
        numbers = await self._store.orders_of(arguments["phone"])
        if not numbers:
            return "not_found", None
        found = port.OrdersOfCaller(number=numbers[0], count=len(numbers), numbers=tuple(numbers))
        return "found", found

    async def _promotions(self, _arguments: Mapping[str, str]) -> _Said:
        promotions = await self._store.promotions(self._now())
        if not promotions:
            return "none", None
        first = promotions[0]
        return "some", port.Promotions(
            count=len(promotions),
            name=first.name,
            since=self._time(first.since_at).date(),
            until=self._time(first.until_at - 1).date(),
            names=tuple(promotion.name for promotion in promotions),
        )

    async def _customer(self, arguments: Mapping[str, str]) -> _Said:
        customer = await self._store.customer(arguments["phone"])
        if customer is None:
            return "not_found", None
        return "found", port.Customer(level=customer.level, complaint=customer.complaint)

    # -- what is told after the last four digits -----------------------------------------------

    async def _checked(
        self,
        order: Order | None,
        arguments: Mapping[str, str],
        then: Callable[[Order, Mapping[str, str]], Awaitable[_Said]],
    ) -> _Said:
        """Go on only with who knows the end of the order's telephone number."""
        if order is None:
            return "not_found", None
        limit = self._rules().verification
        now, within = self._now(), limit.minutes * 60.0
        if order.wrong_tries >= limit.tries and order.wrong_since >= now - within:
            return "locked", None
        if not order.phone.endswith(arguments["last_four"]):
            await self._store.note_wrong_try(order.number, now=now, within=within)
            return "wrong", None
        return await then(order, arguments)

    async def _verify(self, _order: Order, _arguments: Mapping[str, str]) -> _Said:
        return "ok", None

    async def _order_details(self, order: Order, _arguments: Mapping[str, str]) -> _Said:
        return "found", port.OrderDetails(
            number=order.number,
            state=cast(OrderState, order.state),
            placed=self._time(order.placed_at).date(),
            amount=_money(order),
            items=order.items,
            phone=order.phone,
            email=order.email,
        )

    async def _logistics(self, order: Order, _arguments: Mapping[str, str]) -> _Said:
        rules = self._rules()
        if order.state in _NO_PARCEL:
            return _NO_PARCEL[order.state], None
        if order.state == "paid":
            sent = self._time(order.placed_at).date() + timedelta(days=rules.send_days)
            return "not_shipped", port.Waiting(expected=max(sent, self._today()))
        if order.state == "delivered":
            arrived = self._time(order.delivered_at)
            return "delivered", port.Delivered(carrier=order.carrier, at=arrived)
        moving = port.Moving(
            carrier=order.carrier,
            tracking=order.tracking,
            state=cast(ParcelState, order.parcel),
            place=order.place,
            at=self._time(order.moved_at),
            expected=self._time(order.expected_at).date(),
        )
        quiet = int((self._now() - order.moved_at) // _DAY)
        if quiet >= rules.stalled_days:
            return "stalled", port.Stalled(**dict(moving), quiet_days=quiet)
        return "in_transit", moving

    async def _apply(self, order: Order, arguments: Mapping[str, str]) -> _Said:
        kind = cast(ApplicationKind, arguments["kind"])
        reason = cast(Reason, arguments["reason"])
        rules, now, today = self._rules(), self._now(), self._today()

        def judge(held: Order, newest: Application | None) -> tuple[_Said | str, bool]:
            if newest is not None and newest.state not in _ENDED:
                if newest.kind == kind:
                    return "repeated", False
                other = cast(ApplicationKind, newest.kind)
                before = port.AppliedBefore(
                    application=application_number(newest.serial), kind=other
                )
                return ("already_applied", before), False
            decision = may_apply(rules, self._facts(held), kind, reason, today)
            return (_refused(decision), False) if decision.refused else ("accepted", True)

        wanted = Application(
            number=order.number, kind=kind, reason=reason, state="received",
            made_at=now, changed_at=now,
        )  # fmt: skip
        said, application = await self._store.apply(wanted, judge)
        if not isinstance(said, str):
            return said
        assert application is not None
        made = self._time(application.made_at).date()
        return said, port.Accepted(
            application=application_number(application.serial),
            kind=kind,
            amount=_money(order),
            answer_by=made + timedelta(days=rules.answer_days),
        )

    async def _application(self, arguments: Mapping[str, str]) -> _Said:
        serial = application_serial(arguments["application"])
        application = None if serial is None else await self._store.application(serial)
        if application is None:
            return "not_found", None

        async def tell(order: Order, _arguments: Mapping[str, str]) -> _Said:
            return self._progress(order, application)

        return await self._checked(await self._store.order(application.number), arguments, tell)

    async def _application_of(self, order: Order, _arguments: Mapping[str, str]) -> _Said:
        application = await self._store.application_of(order.number)
        return ("none", None) if application is None else self._progress(order, application)

    def _progress(self, order: Order, application: Application) -> _Said:
        return "found", port.Progress(
            application=application_number(application.serial),
            number=order.number,
            kind=cast(ApplicationKind, application.kind),
            state=cast(ApplicationState, application.state),
            made=self._time(application.made_at).date(),
            changed=self._time(application.changed_at).date(),
            amount=_money(order),
        )

    async def _invoice(self, order: Order, arguments: Mapping[str, str]) -> _Said:
        title = cast(Title, arguments["title"])
        if order.invoice:
            return "already", port.Invoice(title=cast(Title, order.invoice), amount=_money(order))
        decision = may_have_invoice(self._rules(), self._facts(order), self._today())
        if decision.refused:
            return _refused(decision)
        if title == "company" and not order.company_title:
            return "no_title", None
        first = cast(Title, await self._store.ask_invoice(order.number, title))
        return "requested", port.Invoice(title=first, amount=_money(order))

    # -- days and times ------------------------------------------------------------------------

    def _facts(self, order: Order) -> OrderFacts:
        delivered = self._time(order.delivered_at).date() if order.delivered_at else None
        return OrderFacts(
            state=cast(OrderState, order.state),
            placed=self._time(order.placed_at).date(),
            delivered=delivered,
            returnable=order.returnable,
        )

    def _time(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, self._zone)

    def _today(self) -> date:
        return self._time(self._now()).date()


def _money(order: Order) -> Decimal:
    return Decimal(order.amount_fen) / 100


def _refused(decision: Decision) -> _Said:
    if decision.refused == "too_late" and decision.last_day is not None:
        return "too_late", port.TooLate(last_day=decision.last_day, days=decision.days)
    return decision.refused, None
