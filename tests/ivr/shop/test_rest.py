"""The REST adaptor says what the built-in shop says, and turns every trouble into Unavailable."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from ivr.ports import Unavailable
from ivr.shop.breaker import Breaker
from ivr.shop.rest import RestShop
from store.database import Database, open_database
from tests.ivr.shop.reference_shop import (
    TOKEN,
    Misbehaviour,
    ReferenceShop,
    drips,
    drops,
    floods,
    hangs,
    says,
)
from tests.ivr.shop.shops import (
    APPROVED,
    CANCELLED,
    FRESH_RETURN,
    MOVING,
    PAID,
    STALLED,
    TEN_DAYS,
    ZONE,
    Time,
    example_shop,
    of,
)


@pytest.fixture
async def sqlite(_migrated_sqlite: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """The built-in shop itself is tested on both databases."""
    file = tmp_path / "shop.db"
    file.write_bytes(_migrated_sqlite.read_bytes())
    database = open_database(f"sqlite:///{file}")
    yield database
    await database.close()


@pytest.fixture
async def server(sqlite: Database) -> AsyncIterator[ReferenceShop]:
    async with ReferenceShop(await example_shop(sqlite)).serving() as server:
        yield server


@pytest.fixture
async def shop(server: ReferenceShop) -> AsyncIterator[RestShop]:
    client = RestShop(server.url, token=TOKEN, zone=ZONE, seconds=0.5)
    yield client
    await client.close()


ASKED = [
    ("order", {"number": MOVING}),
    ("order", {"number": "6600000999"}),
    ("orders_of", {"phone": "+8619900000001"}),
    ("verify", of(MOVING)),
    ("verify", {"number": MOVING, "last_four": "0000"}),
    ("order_details", of(MOVING)),
    *(("logistics", of(number)) for number in (MOVING, STALLED, FRESH_RETURN, PAID, CANCELLED)),
    ("apply", of(FRESH_RETURN, kind="return", reason="size")),
    ("apply", of(TEN_DAYS, kind="return", reason="not_wanted")),
    ("apply", of(APPROVED, kind="exchange", reason="size")),
    ("application", {"application": "7000000013", "last_four": "0110"}),
    ("application_of", of(APPROVED)),
    ("invoice", of(FRESH_RETURN, title="company")),
    ("promotions", {}),
    ("customer", {"phone": "19900000001"}),
]


async def test_it_says_what_the_built_in_shop_says(
    server: ReferenceShop, shop: RestShop, database: Database
) -> None:
    built_in = await example_shop(database, Time())
    for service, arguments in ASKED:
        assert await shop.ask(service, arguments) == await built_in.ask(service, arguments)
    assert all("6600" not in str(headers) for _, headers in server.requests)


ORDER = '{"result": "found", "values": {"number": "%s"%s}}'
DETAILS = (
    '{"result": "found", "values": {"number": "6600000019", "state": %s, "placed": "2025-03-01",'
    ' "amount": %s, "items": 1, "phone": "13800000101", "email": ""}}'
)

TROUBLES: dict[str, tuple[Misbehaviour, str]] = {
    "not JSON": (says(text="<html>"), "answered wrongly"),
    "nothing": (says(), "answered wrongly"),
    "a list": (says(text="[]"), "answered wrongly"),
    "deep": (says(text="[" * 60_000), "answered wrongly"),
    "an unknown result": (says(text='{"result": "maybe", "values": {}}'), "no result 'maybe'"),
    "no values": (says(text='{"result": "found"}'), "answered wrongly at values"),
    "a value too many": (says(text=ORDER % (MOVING, ', "name": "x"')), "wrongly at values.name"),
    "another order": (says(text=ORDER % (PAID, "")), "about another number"),
    "digits in other scripts": (says(text=ORDER % ("６６００", "")), "wrongly at values.number"),
    "a page": (says(text="{}", **{"Content-Type": "text/html"}), "answers text/html"),
    "a redirect": (says(302, Location="http://127.0.0.1:9/"), "answers 302"),
    "a wrong token": (says(401), "answers 401"),
    "a mistake of ours": (says(400), "answers 400"),
    "a flood": (floods, "more than 65536 bytes"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_nonsense_is_no_answer_and_is_not_asked_again(
    server: ReferenceShop, shop: RestShop, trouble: str
) -> None:
    misbehaviour, why = TROUBLES[trouble]
    server.badly.append(misbehaviour)
    with pytest.raises(Unavailable, match=why):
        await shop.ask("order", {"number": MOVING})
    assert len(server.requests) == 1
    assert (await shop.ask("order", {"number": MOVING})).result == "found"


@pytest.mark.parametrize(
    "state, amount, place",
    [
        ('"lost"', '"1.00"', "values.state"),
        ('"paid"', "1.5", "values.amount"),
        ('"paid"', "1", "values.amount"),
        ('"paid"', '"-1"', "values.amount"),
        ('"paid"', '"NaN"', "values.amount"),
        ('"paid"', '"1.005"', "values.amount"),
    ],
)
async def test_values_are_exactly_what_was_declared(
    server: ReferenceShop, shop: RestShop, state: str, amount: str, place: str
) -> None:
    server.badly.append(says(text=DETAILS % (state, amount)))
    with pytest.raises(Unavailable, match=place):
        await shop.ask("order_details", of(MOVING))


PASSING = {"busy": says(503), "broken": says(500), "slow": hangs, "drips": drips, "drops": drops}


@pytest.mark.parametrize("trouble", PASSING)
async def test_what_passes_is_asked_again_and_then_given_up(
    server: ReferenceShop, shop: RestShop, trouble: str
) -> None:
    server.badly.append(PASSING[trouble])
    assert (await shop.ask("order", {"number": MOVING})).result == "found"
    server.badly.extend([PASSING[trouble]] * 2)
    with pytest.raises(Unavailable):
        await shop.ask("order", {"number": MOVING})
    assert len(server.requests) == 4


async def test_an_application_whose_answer_was_lost_is_made_once(
    server: ReferenceShop, shop: RestShop
) -> None:
    """The shop did it, the answer never came; the second attempt gets the first one's answer."""

    async def does_and_drops(request: web.Request) -> web.StreamResponse:
        await server._serve(request)
        return await drops(request)

    server.badly.append(does_and_drops)
    answer = await shop.ask("apply", of(FRESH_RETURN, kind="return", reason="size"))
    assert answer.result == "accepted"
    keys = {headers.get("Idempotency-Key") for _, headers in server.requests}
    assert len(keys) == 1
    again = await shop.ask("apply", of(FRESH_RETURN, kind="return", reason="size"))
    assert again.result == "repeated"


async def test_a_shop_that_is_down_is_left_alone(server: ReferenceShop) -> None:
    time = Time()
    shop = RestShop(
        server.url, token=TOKEN, zone=ZONE, attempts=1, breaker=Breaker(failures=2), clock=time
    )
    server.badly.extend([says(500)] * 3)
    for _ in range(2):
        with pytest.raises(Unavailable, match="500"):
            await shop.ask("promotions", {})
    with pytest.raises(Unavailable, match="left alone"):
        await shop.ask("promotions", {})
    assert len(server.requests) == 2
    time.now += 16
    with pytest.raises(Unavailable, match="500"):  # the one that tries
        await shop.ask("promotions", {})
    with pytest.raises(Unavailable, match="left alone"):
        await shop.ask("promotions", {})
    time.now += 16
    assert (await shop.ask("promotions", {})).result == "some"
    assert not shop.breaker.is_open
    await shop.close()


async def test_nobody_listens(unused_tcp_port: int) -> None:
    shop = RestShop(f"http://127.0.0.1:{unused_tcp_port}", zone=ZONE)
    with pytest.raises(Unavailable, match="no connection"):
        await shop.ask("promotions", {})
    await shop.close()


async def test_a_hang_up_says_nothing_of_the_shop_but_a_long_wait_does(
    server: ReferenceShop,
) -> None:
    time = Time()
    shop = RestShop(server.url, zone=ZONE, seconds=60, breaker=Breaker(failures=1), clock=time)
    for waited, is_open in ((1.0, False), (60.0, True)):
        server.badly.append(hangs)
        asking = asyncio.create_task(shop.ask("promotions", {}))
        async with asyncio.timeout(5):
            while server.badly:
                await asyncio.sleep(0.01)
        time.now += waited
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert shop.breaker.is_open is is_open
    await shop.close()


async def test_digits_that_are_no_number_never_reach_the_shop(
    server: ReferenceShop, shop: RestShop
) -> None:
    assert (await shop.ask("order", {"number": "1" * 10_000})).result == "not_found"
    assert server.requests == []
