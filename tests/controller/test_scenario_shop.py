"""The shop of scenarios over real calls is one like any other, until a scenario scripts it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from controller.private import free_ports
from controller.scenario_shop import served
from ivr.ports import Answer, Services, Unavailable
from ivr.rehearsal import ScriptedShop
from ivr.scenarios import Scripted
from ivr.shop.rest import RestShop
from ivr.shop.services import KNOWN
from store.database import Database
from tests.ivr.shop.shops import MOVING, ZONE, example_shop, of


@asynccontextmanager
async def asking(shop: Services) -> AsyncIterator[RestShop]:
    """The shop, as the menu asks it."""
    (port,) = free_ports(1)
    client = RestShop(f"http://127.0.0.1:{port}", zone=ZONE, seconds=0.3, attempts=3)
    async with served(shop, port):
        yield client
    await client.close()


async def test_it_answers_as_the_built_in_shop_but_for_what_is_scripted(
    database: Database,
) -> None:
    built_in = await example_shop(database)
    shop = ScriptedShop(built_in)
    async with asking(shop) as client:
        for service, asked in (("logistics", of(MOVING)), ("order", {"number": MOVING})):
            assert await client.ask(service, asked) == await built_in.ask(service, asked)
        details = await client.ask("order_details", of(MOVING))
        assert isinstance(details.values["amount"], Decimal)
        shop.answers = {
            "order": "down",
            "promotions": "slow",
            "logistics": Scripted(result="not_found"),
        }
        assert (await client.ask("logistics", of(MOVING))).result == "not_found"
        with pytest.raises(Unavailable, match="503"):
            await client.ask("order", {"number": MOVING})
        with pytest.raises(Unavailable, match="no answer within"):
            await client.ask("promotions", {})


class Slow:
    """A shop that takes longer than one attempt."""

    known = KNOWN

    def __init__(self, behind: Services) -> None:
        self._behind = behind

    async def ask(self, service: str, arguments: Mapping[str, str]) -> Answer:
        await asyncio.sleep(0.4)
        return await self._behind.ask(service, arguments)


async def test_attempts_with_one_key_are_one_request(database: Database) -> None:
    async with asking(Slow(await example_shop(database))) as client:
        asked = of(MOVING, title="personal")
        assert (await client.ask("invoice", asked)).result == "requested"
        assert (await client.ask("invoice", asked)).result == "already"
