"""The shop's rules: what may be applied for, decided at once and with the reason. Pure.

The rules are data (``company/shop.yaml``); `load_shop_rules` alone reads a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr.shop.services import ApplicationKind, OrderState, Reason
from store.source import check_source, read_source

Days = Annotated[int, Field(ge=1, le=3650)]

#: Why an order in a state in which a kind is not allowed is refused.
_OTHER_STATE: Mapping[str, str] = {
    "placed": "not_paid",
    "cancelled": "closed",
    "returned": "closed",
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApplicationRule(_Part):
    """When one kind of application is accepted."""

    states: Annotated[frozenset[OrderState], Field(min_length=1)]
    """Of the order."""
    days: Days | None = None
    """Counted from the day after delivery; absent: no limit."""
    fault_days: Days | None = None
    """The same where the reason is the shop's fault; absent: as `days`."""

    @model_validator(mode="after")
    def _days_count_from_delivery(self) -> Self:
        if (self.days or self.fault_days) and self.states != {"delivered"}:
            raise ValueError("days are counted from delivery: let states be [delivered]")
        if self.fault_days and not self.days:
            raise ValueError("fault_days is longer than days: give days too")
        if self.days and self.fault_days and self.fault_days < self.days:
            raise ValueError("fault_days is shorter than days")
        return self


class Verification(_Part):
    """How often a wrong last-four may be given for one order before it is closed for a while."""

    tries: Annotated[int, Field(ge=1, le=20)] = 5
    minutes: Annotated[int, Field(ge=1, le=1440)] = 60


def _usual() -> dict[ApplicationKind, ApplicationRule]:
    delivered: frozenset[OrderState] = frozenset({"delivered"})
    return {
        "refund": ApplicationRule(states=frozenset({"paid"})),
        "return": ApplicationRule(states=delivered, days=7, fault_days=15),
        "exchange": ApplicationRule(states=delivered, days=15),
    }


class ShopRules(_Part):
    """Everything that the shop decides by itself. Without a file these are the rules."""

    applications: dict[ApplicationKind, ApplicationRule] = Field(default_factory=_usual)
    faults: frozenset[Reason] = frozenset({"damaged", "defective", "wrong_item"})
    """Reasons that are the shop's fault: then what may not be sent back may be, too."""
    answer_days: Days = 2
    """Within which an application is answered by a person."""
    send_days: Days = 2
    """Within which a paid order is sent."""
    stalled_days: Days = 3
    """Without news of a parcel, after which it counts as stalled."""
    invoice_days: Days = 365
    """Counted from the day of the order."""
    verification: Verification = Verification()


def load_shop_rules(file: Path) -> ShopRules:
    """Read shop.yaml; the usual rules where there is none. Raises BadFile."""
    return check_source(read_source(file), ShopRules) if file.exists() else ShopRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """What the rules ask of an order."""

    state: OrderState
    placed: date
    delivered: date | None
    returnable: bool
    """False for what the law lets a shop refuse: food that was opened, cut cloth, downloads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the rules say."""

    refused: str = ""
    """A result of the service; empty: allowed."""
    last_day: date | None = None
    """The last day on which it could be asked for, where there is one."""
    days: int = 0


def may_apply(
    rules: ShopRules, facts: OrderFacts, kind: ApplicationKind, reason: Reason, today: date
) -> Decision:
    """May this order be sent back, changed or paid back today?"""
    rule = rules.applications.get(kind)
    if rule is None:
        return Decision(refused="not_returnable")
    if facts.state not in rule.states:
        return Decision(refused=_OTHER_STATE.get(facts.state) or _wrong_time(rule))
    fault = reason in rules.faults
    if kind != "refund" and not facts.returnable and not fault:
        return Decision(refused="not_returnable")
    days = (rule.fault_days if fault else None) or rule.days
    return _within(facts.delivered, days, today)


def may_have_invoice(rules: ShopRules, facts: OrderFacts, today: date) -> Decision:
    """May an invoice be asked for today?"""
    if facts.state in _OTHER_STATE:
        return Decision(refused=_OTHER_STATE[facts.state])
    return _within(facts.placed, rules.invoice_days, today)


def _wrong_time(rule: ApplicationRule) -> str:
    """An order that is paid for is too early for what needs delivery, and too late for the rest."""
    return "not_delivered" if "delivered" in rule.states else "already_shipped"


def _within(start: date | None, days: int | None, today: date) -> Decision:
    if start is None or days is None:
        return Decision()
    last_day = start + timedelta(days=days)
    return Decision(refused="too_late" if today > last_day else "", last_day=last_day, days=days)
