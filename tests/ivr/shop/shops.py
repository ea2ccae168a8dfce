"""A built-in shop with the example orders, at a moment that the test says."""

from datetime import datetime
from zoneinfo import ZoneInfo

from ivr.shop.builtin import BuiltInShop
from ivr.shop.orders_file import load_orders
from ivr.shop.rules import ShopRules, load_shop_rules
from store.database import Database
from store.shop import ShopStore
from tests.example_company import COMPANY

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2025, 3, 10, 12, 0, tzinfo=ZONE).timestamp()
DAY = 86_400.0

# The example orders that tests speak of, with the ends of their telephone numbers.
MOVING, STALLED, FRESH_RETURN, TEN_DAYS, OLD = (
    "6600000019", "6600000027", "6600000035", "6600000043", "6600000050",
)  # fmt: skip
PAID, UNPAID, CANCELLED, FOOD, APPROVED, EXCHANGED, VIP = (
    "6600000068", "6600000076", "6600000084", "6600000092", "6600000100", "6600000118",
    "6600000126",
)  # fmt: skip
ENDS = {
    MOVING: "0101", STALLED: "0102", FRESH_RETURN: "0103", TEN_DAYS: "0104", OLD: "0105",
    PAID: "0106", UNPAID: "0107", CANCELLED: "0108", FOOD: "0109", APPROVED: "0110",
    EXCHANGED: "0111", VIP: "0001",
}  # fmt: skip


class Time:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def of(number: str, **more: str) -> dict[str, str]:
    """Arguments that know the end of the order's telephone number."""
    return {"number": number, "last_four": ENDS[number], **more}


async def example_shop(database: Database, time: Time | None = None) -> BuiltInShop:
    """The shop of `company/`, filled."""
    await fill(database)
    rules: ShopRules = load_shop_rules(COMPANY / "shop.yaml")
    return BuiltInShop(ShopStore(database), rules=lambda: rules, zone=ZONE, now=time or Time())


async def fill(database: Database, now: float = NOON) -> None:
    records = load_orders(COMPANY / "shop" / "orders.yaml", zone=ZONE, now=now)
    await ShopStore(database).file(
        records.orders, records.applications, records.promotions, records.customers
    )
