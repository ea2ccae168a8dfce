"""What a menu may ask and send: the shop and the messages behind it are put together here."""

import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from controller.outside import MailSettings, ShopSettings, SmsSettings
from ivr.hours import load_hours
from ivr.mail import MailProvider
from ivr.messages import LogProvider, Outbox, Provider
from ivr.ports import Services
from ivr.shop.builtin import BuiltInShop
from ivr.shop.orders_file import load_orders
from ivr.shop.rest import RestShop
from ivr.shop.rules import ShopRules, load_shop_rules
from ivr.sms import SmsProvider
from store.database import Database
from store.outbox import OutboxStore
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
    """The shop that callers ask, and the outbox for what is sent to them. Close it in the end."""

    def __init__(
        self,
        company: Path,
        database: Database,
        *,
        shop: ShopSettings,
        mail: MailSettings,
        sms: SmsSettings,
        now: Callable[[], float],
    ) -> None:
        self._company = company
        self._rules = load_shop_rules(company / _RULES)
        zone = load_hours(company / "hours.yaml").zone
        self._rest = _rest(shop, zone) if shop.url else None
        self.services: Services = self._rest or BuiltInShop(
            ShopStore(database), rules=lambda: self._rules, zone=zone, now=now
        )
        self._sms = _sms(sms) if sms.url else None
        providers: dict[str, Provider] = {
            "sms": self._sms or LogProvider(),
            "email": _mail(mail) if mail.host else LogProvider(),
        }
        letters = OutboxStore(database)
        self.letters = letters.newest
        self.outbox = Outbox(letters, providers, now=now)

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
        for part in (self._rest, self._sms):
            if part is not None:
                await part.close()


def _rest(shop: ShopSettings, zone: ZoneInfo) -> RestShop:
    return RestShop(
        shop.url,
        token=shop.token.get_secret_value(),
        zone=zone,
        seconds=shop.seconds,
        attempts=shop.attempts,
    )


def _sms(sms: SmsSettings) -> SmsProvider:
    return SmsProvider(sms.url, token=sms.token.get_secret_value(), seconds=sms.seconds)


def _mail(mail: MailSettings) -> MailProvider:
    return MailProvider(
        mail.host,
        mail.port,
        sender=mail.sender,
        user=mail.user,
        password=mail.password.get_secret_value(),
        starttls=mail.starttls,
        seconds=mail.seconds,
    )
