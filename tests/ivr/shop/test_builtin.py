"""The built-in shop answers what the port declares, and says nothing personal unasked."""

import asyncio
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from ivr.ports import Answer, Unavailable
from ivr.shop.builtin import BuiltInShop
from ivr.shop.numbers import is_sound
from ivr.shop.services import ARGUMENTS, KNOWN, SERVICES
from ivr.speaking import WAYS
from store.database import Database
from tests.ivr.shop.shops import (
    APPROVED,
    CANCELLED,
    DAY,
    ENDS,
    EXCHANGED,
    FOOD,
    FRESH_RETURN,
    MOVING,
    OLD,
    PAID,
    STALLED,
    TEN_DAYS,
    UNPAID,
    VIP,
    ZONE,
    Time,
    example_shop,
    fill,
    of,
)

TODAY = date(2025, 3, 10)
PERSONAL = [name for name, service in SERVICES.items() if "last_four" in service.takes]


@pytest.fixture
async def shop(database: Database) -> BuiltInShop:
    return await example_shop(database)


async def test_an_order_alone_tells_nothing_but_that_it_exists(shop: BuiltInShop) -> None:
    assert await shop.ask("order", {"number": MOVING}) == Answer(
        result="found", values={"number": MOVING}
    )
    assert await shop.ask("order", {"number": "6600000999"}) == Answer(result="not_found")


@pytest.mark.parametrize("service", PERSONAL)
async def test_wrong_digits_get_no_value_and_close_the_order(
    shop: BuiltInShop, service: str
) -> None:
    arguments = {
        "number": APPROVED, "application": "7000000013", "last_four": "9999", "kind": "return",
        "reason": "size", "title": "personal",
    }  # fmt: skip
    arguments = {name: arguments[name] for name in SERVICES[service].takes}
    for _ in range(5):
        assert await shop.ask(service, arguments) == Answer(result="wrong")
    right = {**arguments, "last_four": "0110"}
    assert await shop.ask(service, right) == Answer(result="locked")


async def test_a_closed_order_opens_again_after_its_time(database: Database) -> None:
    time = Time()
    shop = await example_shop(database, time)
    for _ in range(5):
        await shop.ask("verify", {"number": MOVING, "last_four": "0000"})
    assert (await shop.ask("verify", of(MOVING))).result == "locked"
    assert (await shop.ask("verify", of(PAID))).result == "ok"
    await fill(database)  # a start in between opens nothing
    assert (await shop.ask("verify", of(MOVING))).result == "locked"
    time.now += 3601
    assert (await shop.ask("verify", of(MOVING))).result == "ok"
    assert (await shop.ask("verify", {"number": MOVING, "last_four": "0000"})).result == "wrong"
    assert (await shop.ask("verify", of(MOVING))).result == "ok"


async def test_orders_of_a_caller(shop: BuiltInShop) -> None:
    answer = await shop.ask("orders_of", {"phone": "+86 199 0000 0001"})
    assert answer.result == "found"
    assert answer.values == {
        "number": VIP, "count": 3, "numbers": (VIP, "6600000134", "6600000142"),
    }  # fmt: skip
    assert (await shop.ask("orders_of", {"phone": "anonymous"})).result == "not_found"


async def test_details(shop: BuiltInShop) -> None:
    answer = await shop.ask("order_details", of(MOVING))
    assert answer.result == "found"
    assert answer.values == {
        "number": MOVING, "state": "shipped", "placed": TODAY - timedelta(days=3),
        "amount": Decimal("268.00"), "items": 2, "phone": "13800000101",
        "email": "lin@example.com",
    }  # fmt: skip


async def test_logistics(shop: BuiltInShop) -> None:
    moving = await shop.ask("logistics", of(MOVING))
    assert moving.result == "in_transit"
    assert moving.values == {
        "carrier": "yunsong", "tracking": "810000000101", "state": "on_the_way",
        "place": "hangzhou", "at": datetime(2025, 3, 10, 10, 30, tzinfo=ZONE),
        "expected": TODAY + timedelta(days=1),
    }  # fmt: skip
    stalled = await shop.ask("logistics", of(STALLED))
    assert (stalled.result, stalled.values["quiet_days"]) == ("stalled", 4)
    results = {
        number: (await shop.ask("logistics", of(number))).result
        for number in (FRESH_RETURN, PAID, UNPAID, CANCELLED)
    }
    assert list(results.values()) == ["delivered", "not_shipped", "not_paid", "closed"]


@pytest.mark.parametrize(
    "number, kind, reason, result",
    [
        (FRESH_RETURN, "return", "size", "accepted"),
        (FRESH_RETURN, "refund", "not_wanted", "already_shipped"),
        (MOVING, "return", "size", "not_delivered"),
        (TEN_DAYS, "return", "not_wanted", "too_late"),
        (TEN_DAYS, "return", "damaged", "accepted"),
        (TEN_DAYS, "exchange", "size", "accepted"),
        (OLD, "exchange", "size", "too_late"),
        (PAID, "refund", "not_wanted", "accepted"),
        (UNPAID, "refund", "not_wanted", "not_paid"),
        (CANCELLED, "refund", "not_wanted", "closed"),
        (FOOD, "return", "not_wanted", "not_returnable"),
        (FOOD, "return", "damaged", "accepted"),
        (APPROVED, "return", "size", "repeated"),
        (APPROVED, "exchange", "size", "already_applied"),
        (EXCHANGED, "exchange", "damaged", "accepted"),
    ],
)
async def test_applications(
    shop: BuiltInShop, number: str, kind: str, reason: str, result: str
) -> None:
    answer = await shop.ask("apply", of(number, kind=kind, reason=reason))
    assert answer.result == result
    assert set(answer.values) == set(SERVICES["apply"].results[result].model_fields)
    if result == "accepted":
        assert is_sound(str(answer.values["application"]))
        assert answer.values["answer_by"] == TODAY + timedelta(days=2)


async def test_many_requests_at_once_make_one_application(shop: BuiltInShop) -> None:
    wanted = of(FRESH_RETURN, kind="return", reason="size")
    answers = await asyncio.gather(*(shop.ask("apply", wanted) for _ in range(8)))
    assert sorted(answer.result for answer in answers) == ["accepted", *["repeated"] * 7]
    assert len({answer.values["application"] for answer in answers}) == 1


async def test_progress_by_number_and_by_order(shop: BuiltInShop) -> None:
    by_order = await shop.ask("application_of", of(APPROVED))
    assert by_order.values == {
        "application": "7000000013", "number": APPROVED, "kind": "return", "state": "approved",
        "made": TODAY - timedelta(days=3), "changed": TODAY - timedelta(days=1),
        "amount": Decimal("318.00"),
    }  # fmt: skip
    typed = {"application": "7000000013", "last_four": ENDS[APPROVED]}
    assert await shop.ask("application", typed) == by_order
    for number in ("7000000014", "7000009990", "12345"):
        wrong = {"application": number, "last_four": "0110"}
        assert (await shop.ask("application", wrong)).result == "not_found"
    assert (await shop.ask("application_of", of(MOVING))).result == "none"


async def test_invoices(shop: BuiltInShop) -> None:
    asked = await shop.ask("invoice", of(FRESH_RETURN, title="company"))
    assert (asked.result, asked.values) == (
        "requested", {"title": "company", "amount": Decimal("459.00")},
    )  # fmt: skip
    again = await shop.ask("invoice", of(FRESH_RETURN, title="personal"))
    assert (again.result, again.values["title"]) == ("already", "company")
    assert (await shop.ask("invoice", of(MOVING, title="company"))).result == "no_title"
    assert (await shop.ask("invoice", of(UNPAID, title="personal"))).result == "not_paid"


async def test_promotions_in_force(database: Database) -> None:
    time = Time()
    shop = await example_shop(database, time)
    now = await shop.ask("promotions", {})
    assert now.values == {
        "count": 2, "name": "free_delivery", "since": TODAY - timedelta(days=5),
        "until": TODAY + timedelta(days=3), "names": ("free_delivery", "new_customer_gift"),
    }  # fmt: skip
    time.now += 4 * DAY
    assert (await shop.ask("promotions", {})).values["name"] == "new_customer_gift"
    time.now += 70 * DAY
    assert await shop.ask("promotions", {}) == Answer(result="none")


async def test_customers(shop: BuiltInShop) -> None:
    vip = await shop.ask("customer", {"phone": "19900000001"})
    assert vip.values == {"level": "vip", "complaint": False}
    assert (await shop.ask("customer", {"phone": "13800000104"})).values["complaint"] is True
    assert (await shop.ask("customer", {"phone": "13800000999"})).result == "not_found"


async def test_example_orders_stay_young(database: Database) -> None:
    time = Time()
    shop = await example_shop(database, time)
    applied = await shop.ask("apply", of(PAID, kind="refund", reason="late"))
    time.now += 50 * DAY
    await fill(database, time.now)
    assert (await shop.ask("logistics", of(MOVING))).result == "in_transit"
    again = await shop.ask("apply", of(PAID, kind="refund", reason="late"))
    assert (again.result, again.values["application"]) == (
        "repeated", applied.values["application"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "digits", ["", "1" * 10_000, "${SHELL(id)}", "' OR 1=1 --", "66\r\n00", "🙂", "６６０００"]
)
async def test_whatever_comes_from_callers_is_just_not_found(
    shop: BuiltInShop, digits: str
) -> None:
    assert (await shop.ask("order", {"number": digits})).result == "not_found"
    wrong = {"number": MOVING, "last_four": digits}
    assert (await shop.ask("order_details", wrong)).result == "wrong"
    assert (await shop.ask("orders_of", {"phone": digits})).result == "not_found"


@pytest.mark.parametrize(
    "service, arguments",
    [
        ("nonsense", {}),
        ("order", {}),
        ("order", {"number": MOVING, "more": "1"}),
        ("apply", of(PAID, kind="theft", reason="late")),
    ],
)
async def test_a_menu_that_asks_for_what_there_is_not(
    shop: BuiltInShop, service: str, arguments: dict[str, str]
) -> None:
    with pytest.raises(Unavailable):
        await shop.ask(service, arguments)


async def test_a_broken_database_is_no_answer(shop: BuiltInShop, database: Database) -> None:
    await database.change(text("DROP TABLE shop_promotions"))
    with pytest.raises(Unavailable, match="database"):
        await shop.ask("promotions", {})


def test_every_value_can_be_spoken_or_is_kept_quiet() -> None:
    assert set(KNOWN) == set(SERVICES)
    quiet = {
        (name, value) for name, known in KNOWN.items() for value, ways in known.gives.items()
        if not ways
    }  # fmt: skip
    assert quiet == {
        ("order_details", "phone"), ("order_details", "email"), ("customer", "complaint"),
    }  # fmt: skip
    ways = {way for known in KNOWN.values() for each in known.gives.values() for way in each}
    assert ways <= {*WAYS, "word"}
    assert {name for each in SERVICES.values() for name in each.takes} == set(ARGUMENTS)
