"""The rules of an application: every reason, and the last day on each side."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from ivr.shop.rules import (
    OrderFacts,
    ShopRules,
    load_shop_rules,
    may_apply,
    may_have_invoice,
)
from store.source import BadFile
from tests.example_company import COMPANY

TODAY = date(2025, 3, 10)


def facts(state: str = "delivered", *, ago: int = 0, returnable: bool = True) -> OrderFacts:
    delivered = TODAY - timedelta(days=ago) if state == "delivered" else None
    return OrderFacts(
        state=state, placed=TODAY - timedelta(days=ago), delivered=delivered, returnable=returnable
    )


@pytest.mark.parametrize(
    "kind, state, refused",
    [
        ("refund", "placed", "not_paid"),
        ("refund", "paid", ""),
        ("refund", "shipped", "already_shipped"),
        ("refund", "delivered", "already_shipped"),
        ("refund", "cancelled", "closed"),
        ("return", "placed", "not_paid"),
        ("return", "paid", "not_delivered"),
        ("return", "shipped", "not_delivered"),
        ("return", "delivered", ""),
        ("return", "returned", "closed"),
        ("exchange", "shipped", "not_delivered"),
        ("exchange", "delivered", ""),
    ],
)
def test_states(kind: str, state: str, refused: str) -> None:
    assert may_apply(ShopRules(), facts(state), kind, "size", TODAY).refused == refused


@pytest.mark.parametrize(
    "kind, reason, days",
    [
        ("return", "not_wanted", 7),
        ("return", "damaged", 15),
        ("exchange", "size", 15),
        ("exchange", "defective", 15),
    ],
)
def test_the_last_day(kind: str, reason: str, days: int) -> None:
    assert not may_apply(ShopRules(), facts(ago=days), kind, reason, TODAY).refused
    late = may_apply(ShopRules(), facts(ago=days + 1), kind, reason, TODAY)
    assert (late.refused, late.days, late.last_day) == ("too_late", days, TODAY - timedelta(1))


def test_what_may_not_be_sent_back_may_be_when_the_shop_is_at_fault() -> None:
    fresh = facts(returnable=False)
    assert may_apply(ShopRules(), fresh, "return", "not_wanted", TODAY).refused == "not_returnable"
    assert not may_apply(ShopRules(), fresh, "return", "damaged", TODAY).refused
    assert not may_apply(
        ShopRules(), facts("paid", returnable=False), "refund", "late", TODAY
    ).refused


def test_a_kind_without_a_rule_is_never_accepted() -> None:
    rules = ShopRules(applications={})
    assert may_apply(rules, facts(), "return", "size", TODAY).refused == "not_returnable"


def test_invoices() -> None:
    assert may_have_invoice(ShopRules(), facts("placed"), TODAY).refused == "not_paid"
    assert may_have_invoice(ShopRules(), facts("cancelled"), TODAY).refused == "closed"
    assert not may_have_invoice(ShopRules(), facts("paid", ago=365), TODAY).refused
    assert may_have_invoice(ShopRules(), facts("paid", ago=366), TODAY).refused == "too_late"


def test_the_example_says_what_holds_without_a_file(tmp_path: Path) -> None:
    assert (COMPANY / "shop.yaml").exists()
    assert load_shop_rules(COMPANY / "shop.yaml") == load_shop_rules(tmp_path / "shop.yaml")


@pytest.mark.parametrize(
    "text, says",
    [
        ("answer_days: soon\n", r"shop.yaml:1: answer_days: "),
        ("a: 1\n", r"shop.yaml:1: a: .*\n    mend: correct the name"),
        ("faults: [ugly]\n", r"shop.yaml:1: faults.0: Input should be 'not_wanted'"),
        (
            "applications:\n  refund: {states: [paid], days: 3}\n",
            r"shop.yaml:2: applications.refund: days are counted from delivery",
        ),
        (
            "applications:\n  return: {states: [delivered], days: 7, fault_days: 3}\n",
            r"shop.yaml:2: .*fault_days is shorter than days",
        ),
        (
            "applications:\n  return: {states: [delivered], fault_days: 3}\n",
            r"shop.yaml:2: .*give days too",
        ),
        ("verification: {tries: 0}\n", r"shop.yaml:1: verification.tries"),
    ],
)
def test_mistakes_name_file_line_and_field(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadFile, match=says):
        load_shop_rules(file)
