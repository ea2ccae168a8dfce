"""The built-in shop's tables: orders, what was applied for, promotions, customers.

What the file of orders says is filed again at every start; what callers did (applications,
invoices, wrong tries) is kept. Whatever changes an order holds its row, so that two calls about
one order decide one after the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, case, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from store.database import Database
from store.schema import shop_applications, shop_customers, shop_orders, shop_promotions

_orders = shop_orders.c
_applications = shop_applications.c

#: Columns of an order that callers change, and the file of orders does not.
_CALLERS = ("invoice", "wrong_tries", "wrong_since")

_Judgement = TypeVar("_Judgement")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order; times are Unix seconds, 0 for what has not happened."""

    number: str
    phone: str
    state: str
    amount_fen: int
    placed_at: float
    email: str = ""
    items: int = 1
    returnable: bool = True
    company_title: bool = False
    carrier: str = ""
    tracking: str = ""
    parcel: str = ""
    place: str = ""
    moved_at: float = 0.0
    expected_at: float = 0.0
    delivered_at: float = 0.0
    invoice: str = ""
    wrong_tries: int = 0
    wrong_since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Something applied for; ``serial`` counts from 1."""

    serial: int = 0
    number: str
    kind: str
    reason: str
    state: str
    made_at: float
    changed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Something on offer from one moment to another."""

    name: str
    since_at: float
    until_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopCustomer:
    """A customer whom the shop knows by telephone number."""

    phone: str
    level: str
    complaint: bool


class ShopStore:
    """The tables of the built-in shop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def file(
        self,
        orders: Sequence[Order],
        applications: Sequence[Application] = (),
        promotions: Sequence[Promotion] = (),
        customers: Sequence[ShopCustomer] = (),
    ) -> None:
        """Take up what a file says. An order's first application is filed once."""

        def write(connection: Connection) -> None:
            self._upsert(connection, shop_orders, [*map(asdict, orders)], kept=_CALLERS)
            for application in applications:
                if _newest(connection, application.number) is None:
                    _add(connection, application)
            connection.execute(delete(shop_promotions))
            if promotions:
                connection.execute(insert(shop_promotions), [*map(asdict, promotions)])
            self._upsert(connection, shop_customers, [*map(asdict, customers)])

        await self._database.write(write)

    async def order(self, number: str) -> Order | None:
        """The order with this number."""
        return await self._database.read(lambda connection: _order(connection, number))

    async def orders_of(self, phone: str, limit: int = 20) -> list[str]:
        """The numbers of the orders of a telephone number, the latest first."""
        query = select(_orders.number).where(_orders.phone == phone)
        query = query.order_by(_orders.placed_at.desc(), _orders.number).limit(limit)
        return [row.number for row in await self._database.rows(query)]

    async def note_wrong_try(self, number: str, *, now: float, within: float) -> None:
        """Somebody gave wrong digits for an order; tries older than ``within`` s are forgotten."""
        old = _orders.wrong_since < now - within
        values = {
            "wrong_tries": case((old, 1), else_=_orders.wrong_tries + 1),
            "wrong_since": case((old, now), else_=_orders.wrong_since),
        }
        order = update(shop_orders).where(_orders.number == number)
        await self._database.change(order.values(**values))

    async def application(self, serial: int) -> Application | None:
        """The application with this serial number."""
        query = select(shop_applications).where(_applications.serial == serial)
        row = await self._database.first(query)
        return None if row is None else Application(**dict(row._mapping))

    async def application_of(self, number: str) -> Application | None:
        """The newest application for an order."""
        return await self._database.read(lambda connection: _newest(connection, number))

    async def apply(
        self,
        wanted: Application,
        judge: Callable[[Order, Application | None], tuple[_Judgement, bool]],
    ) -> tuple[_Judgement, Application | None]:
        """Let ``judge`` see the order and its newest application, and file ``wanted`` on a True.

        Returns what it said, with the application that is the newest now. The order must exist.
        ``judge`` is called while the order is held, in the thread of the database.
        """

        def write(connection: Connection) -> tuple[_Judgement, Application | None]:
            order = _order(connection, wanted.number, hold=True)
            assert order is not None, "orders are never deleted"
            newest = _newest(connection, wanted.number)
            judgement, allowed = judge(order, newest)
            return judgement, _add(connection, wanted) if allowed else newest

        return await self._database.write(write)

    async def ask_invoice(self, number: str, title: str) -> str:
        """Note that an invoice is wanted; returns the title of the one asked for first."""
        free = (_orders.number == number) & (_orders.invoice == "")
        query = select(_orders.invoice).where(_orders.number == number)

        def write(connection: Connection) -> str:
            connection.execute(update(shop_orders).where(free).values(invoice=title))
            return str(connection.execute(query).scalar_one())

        return await self._database.write(write)

    async def promotions(self, now: float) -> list[Promotion]:
        """What is on offer at a moment, what ends first first."""
        columns = shop_promotions.c
        query = select(shop_promotions).where(columns.since_at <= now, columns.until_at > now)
        rows = await self._database.rows(query.order_by(columns.until_at, columns.name))
        return [Promotion(**dict(row._mapping)) for row in rows]

    async def customer(self, phone: str) -> ShopCustomer | None:
        """The customer with this telephone number."""
        query = select(shop_customers).where(shop_customers.c.phone == phone)
        row = await self._database.first(query)
        return None if row is None else ShopCustomer(**dict(row._mapping))

    def _upsert(
        self,
        connection: Connection,
        table: Table,
        rows: Sequence[dict[str, Any]],
        kept: Sequence[str] = (),
    ) -> None:
        """Insert, or replace all but the key and what is to be kept."""
        if not rows:
            return
        dialect = postgresql if self._database.dialect == "postgresql" else sqlite
        statement = dialect.insert(table)
        keys = [column.name for column in table.primary_key]
        replaced = {name: statement.excluded[name] for name in rows[0].keys() - {*keys, *kept}}
        connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_=replaced), rows
        )


def _order(connection: Connection, number: str, *, hold: bool = False) -> Order | None:
    query = select(shop_orders).where(_orders.number == number)
    # FOR UPDATE is PostgreSQL's; SQLite has locked the whole file by now.
    row = connection.execute(query.with_for_update() if hold else query).first()
    return None if row is None else Order(**dict(row._mapping))


def _newest(connection: Connection, number: str) -> Application | None:
    query = select(shop_applications).where(_applications.number == number)
    row = connection.execute(query.order_by(_applications.serial.desc()).limit(1)).first()
    return None if row is None else Application(**dict(row._mapping))


def _add(connection: Connection, application: Application) -> Application:
    values = {name: value for name, value in asdict(application).items() if name != "serial"}
    statement = insert(shop_applications).values(**values).returning(_applications.serial)
    serial = connection.execute(statement).scalar_one()
    return Application(serial=serial, **values)
