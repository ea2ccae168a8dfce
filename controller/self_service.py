"""What a menu may ask and send: the shop behind it is chosen and put together here."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from controller.outside import ShopSettings
from ivr.hours import load_hours
from ivr.ports import Services
from ivr.shop.builtin import BuiltInShop
from ivr.shop.orders_file import load_orders
from ivr.shop.rest import RestShop
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
    """The shop that callers ask, and the rules that it goes by. Close it in the end."""

    def __init__(
        self,
        company: Path,
        database: Database,
        *,
        shop: ShopSettings,
        now: Callable[[], float],
    ) -> None:
        self._company = company
        self._rules = load_shop_rules(company / _RULES)
        zone = load_hours(company / "hours.yaml").zone
        self._rest: RestShop | None = None
        if shop.url:
            self._rest = RestShop(
                shop.url,
                token=shop.token.get_secret_value(),
                zone=zone,
                seconds=shop.seconds,
                attempts=shop.attempts,
            )
        self.services: Services = self._rest or BuiltInShop(
            ShopStore(database), rules=lambda: self._rules, zone=zone, now=now
        )

    @property
    def rules(self) -> ShopRules:
        """The rules of the built-in shop that are in use."""
        return self._rules

    def reload(self) -> None:
        """Read the rules again; with a mistake in them nothing changes."""
        try:
            self._rules = load_shop_rules(self._company / _RULES)
        except BadFile as error:
            logger.error("the shop's rules stay as they are", why=str(error))

    async def close(self) -> None:
        """Give all connections back."""
        if self._rest is not None:
            await self._rest.close()
