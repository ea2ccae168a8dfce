"""The shop behind the menu is put together from the company's files."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from controller.outside import MailSettings, ShopSettings, SmsSettings
from controller.self_service import SelfService, file_orders
from ivr.shop.rest import RestShop
from store.database import Database
from store.source import BadFile
from tests.example_company import COMPANY


@pytest.fixture
def company(tmp_path: Path) -> Path:
    folder = tmp_path / "company"
    (folder / "shop").mkdir(parents=True)
    for name in ("hours.yaml", "shop.yaml", "shop/orders.yaml"):
        shutil.copy(COMPANY / name, folder / name)
    return folder


def self_service(company: Path, database: Database, **settings: Any) -> SelfService:
    given = {"shop": ShopSettings(), "mail": MailSettings(), "sms": SmsSettings(), **settings}
    return SelfService(company, database, now=lambda: 1e9, **given)


async def test_the_built_in_shop_knows_the_orders_of_the_file(
    company: Path, database: Database
) -> None:
    assert await file_orders(company, database) == 14
    assert await file_orders(company, database) == 14
    shop = self_service(company, database).services
    assert (await shop.ask("order", {"number": "6600000019"})).result == "found"


async def test_a_company_needs_no_shop(company: Path, database: Database) -> None:
    shutil.rmtree(company / "shop")
    (company / "shop.yaml").unlink()
    assert await file_orders(company, database) == 0
    assert self_service(company, database).rules.answer_days == 2


async def test_a_mistake_in_the_rules_is_told_at_set_up_and_changes_nothing_later(
    company: Path, database: Database
) -> None:
    service = self_service(company, database)
    (company / "shop.yaml").write_text("answer_days: 0\n")
    service.reload()
    assert service.rules.answer_days == 2
    with pytest.raises(BadFile, match=r"shop.yaml:1: answer_days"):
        await file_orders(company, database)
    (company / "shop.yaml").write_text("answer_days: 3\n")
    service.reload()
    assert service.rules.answer_days == 3


async def test_a_shop_with_an_address_is_asked_there(company: Path, database: Database) -> None:
    settings = ShopSettings(url="https://shop.example.com/menu")
    service = self_service(company, database, shop=settings)
    assert isinstance(service.services, RestShop)
    await service.close()
