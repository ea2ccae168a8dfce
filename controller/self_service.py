"""What a menu may ask and send: the shop behind it is chosen and put together here."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from ivr.hours import load_hours
from ivr.ports import Services
from ivr.shop.builtin import BuiltInShop
from ivr.shop.orders_file import load_orders
from ivr.shop.rules import ShopRules, load_shop_rules
from store.database import Database
from store.shop import ShopStore
from store.source import BadFile

logger = structlog.get_logger("self_service")

_RULES, _ORDERS = "shop.yaml", "shop/orders.yaml"


async def file_orders(company: Path, database: Database) -> int:
    """Fill the built-in shop from its files, with the days counted from now; how many orders.

    Raises:
        BadFile: a file of the shop cannot be used.
    """
    load_shop_rules(company / _RULES)  # so that a mistake is told before anybody calls
    zone = load_hours(company / "hours.yaml").zone
    records = load_orders(company / _ORDERS, zone=zone, now=time.time())
    await ShopStore(database).file(
        records.orders, records.applications, records.promotions, records.customers
    )
    return len(records.orders)


class SelfService:
    """The shop that callers ask, and the rules that it goes by."""

    def __init__(self, company: Path, database: Database, *, now: Callable[[], float]) -> None:
        self._company = company
        self._rules = load_shop_rules(company / _RULES)
        self.services: Services = BuiltInShop(
            ShopStore(database),
            rules=lambda: self._rules,
            zone=load_hours(company / "hours.yaml").zone,
            now=now,
        )

    @property
    def rules(self) -> ShopRules:
        """The rules in use."""
        return self._rules

    def reload(self) -> None:
        """Read the rules again; with a mistake in them nothing changes."""
        try:
            self._rules = load_shop_rules(self._company / _RULES)
        except BadFile as error:
            logger.error("the shop's rules stay as they are", why=str(error))
