"""The file of orders: days become moments, mistakes name file, line and mend."""

from pathlib import Path

import pytest

from ivr.shop.numbers import is_sound
from ivr.shop.orders_file import ShopRecords, load_orders
from store.source import BadFile
from tests.ivr.shop.shops import COMPANY, ENDS, NOON, ZONE

ORDER = '{number: "1234", phone: "13800000001", amount: "1.00", placed: 1, '


def test_the_examples_can_be_typed_and_are_those_of_the_tests() -> None:
    records = load_orders(COMPANY / "shop" / "orders.yaml", zone=ZONE, now=NOON)
    numbers = {order.number: order.phone[-4:] for order in records.orders}
    assert all(is_sound(number) for number in numbers)
    assert numbers.items() >= ENDS.items()


def test_nothing_happens_in_the_future() -> None:
    early = NOON - 11 * 3600
    for now in (NOON, early):
        records = load_orders(COMPANY / "shop" / "orders.yaml", zone=ZONE, now=now)
        for order in records.orders:
            assert max(order.placed_at, order.moved_at, order.delivered_at) <= now


def test_no_file_is_no_orders(tmp_path: Path) -> None:
    assert load_orders(tmp_path / "orders.yaml", zone=ZONE, now=NOON) == ShopRecords()


@pytest.mark.parametrize(
    "text, says",
    [
        (f"orders:\n  - {ORDER}state: shipped}}\n", "yaml:2: .*shipped has a parcel\n.*add parcel"),
        (f"orders:\n  - {ORDER}state: paid, delivered: 2}}\n", "has no delivered"),
        (f"orders:\n  - {ORDER}state: lost}}\n", "yaml:2: orders.0.state"),
        (
            f"orders:\n  - {ORDER}state: paid}}\n  - {ORDER}state: paid}}\n",
            r"yaml:3: 1234 is here twice \(first on line 2\)",
        ),
        ("orders: []\npromotions: [{name: X, since: 1, until: 1}]\n", "promotions.0.name"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadFile, match=says):
        load_orders(file, zone=ZONE, now=NOON)
