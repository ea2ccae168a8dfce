"""The shop of scenarios over real calls is one like any other, until a scenario scripts it."""

import time
from decimal import Decimal

import pytest

from controller.private import free_ports
from controller.scenario_shop import served
from ivr.ports import Unavailable
from ivr.rehearsal import ScriptedShop
from ivr.scenarios import Scripted
from ivr.shop.rest import RestShop
from store.database import Database
from tests.ivr.shop.shops import MOVING, ZONE, example_shop, of


async def test_it_answers_as_the_built_in_shop_but_for_what_is_scripted(
    database: Database,
) -> None:
    built_in = await example_shop(database)
    (port,) = free_ports(1)
    shop = ScriptedShop(built_in)
    asking = RestShop(f"http://127.0.0.1:{port}", zone=ZONE, seconds=0.3, attempts=1)
    async with served(shop, port):
        for service, asked in (("logistics", of(MOVING)), ("order", {"number": MOVING})):
            assert await asking.ask(service, asked) == await built_in.ask(service, asked)
        shop.answers = {"order": "down", "promotions": "slow", "logistics": Scripted(
            result="not_found"
        )}  # fmt: skip
        assert (await asking.ask("logistics", of(MOVING))).result == "not_found"
        with pytest.raises(Unavailable, match="503"):
            await asking.ask("order", {"number": MOVING})
        began = time.monotonic()
        with pytest.raises(Unavailable, match="within"):
            await asking.ask("promotions", {})
        assert time.monotonic() - began < 5
        shop.answers = {}
        details = await asking.ask("order_details", of(MOVING))
        assert isinstance(details.values["amount"], Decimal)
    await asking.close()
