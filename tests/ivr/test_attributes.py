"""Attributes that nodes set: carried to the queue, taken back by *, and checked in the file."""

from pathlib import Path

import pytest

from ivr.customers import Customer, CustomerBook, load_customers
from ivr.dialogue import Outcome
from ivr.emergency import EmergencyPlan
from ivr.flow import Surroundings, load_flow, load_flows
from ivr.hours import load_hours
from ivr.versions import FlowVersion, attribute_values
from store.source import BadFile, parse_source
from tests.ivr.small_company import shelf, write
from tests.ivr.small_company import walk as walk_through

FLOW = """
    name: small
    start: who
    languages: [zh-CN]
    person: person
    nodes:
      who:
        kind: customer
        cases: {gold: choice}
        otherwise: choice
      choice:
        kind: menu
        text: {zh-CN: 退货请按一，订单请按二}
        keys: {1: returns, 2: order}
      returns:
        kind: menu
        set: {intent: returns, state: delivered}
        text: {zh-CN: 坏了请按一}
        keys: {1: broken}
      broken:
        kind: goto
        set: {state: broken}
        next: order
      order:
        kind: queue
        queue: order
      person:
        kind: queue
        set: {asked: "yes"}
        queue: general
"""
DECLARED = {"intent": ("returns",), "state": ("delivered", "broken"), "asked": (), "tier": ()}


def around(folder: Path) -> Surroundings:
    return Surroundings(
        shelf=shelf(folder), queues={"order", "general"}, hours=set(), attributes=DECLARED
    )


async def walk(folder: Path, *keys: str, number: str = "1") -> Outcome:
    hours = folder / "hours.yaml"
    hours.write_text('timezone: Asia/Shanghai\nhours: {always: {daily: ["00:00-24:00"]}}\n')
    version = FlowVersion(
        number=1,
        flows=load_flows([write(folder, FLOW)], around(folder), recorded=False),
        hours=load_hours(hours),
        customers=CustomerBook.of([Customer(number="19900000001", name="孙", level="gold")]),
        emergency=EmergencyPlan(),
    )
    return (await walk_through(version, *keys, number=number)).outcome


async def test_a_later_node_overrides_an_earlier_one(tmp_path: Path) -> None:
    outcome = await walk(tmp_path, "1", "1")
    assert outcome.queue == "order"
    assert outcome.attributes == {"intent": "returns", "state": "broken"}


async def test_going_back_takes_away_what_was_set(tmp_path: Path) -> None:
    outcome = await walk(tmp_path, "1", "*", "2")
    assert outcome.queue == "order"
    assert outcome.attributes == {}


async def test_a_person_keeps_what_was_said_before(tmp_path: Path) -> None:
    outcome = await walk(tmp_path, "1", "0")
    assert outcome.queue == "general"
    assert outcome.attributes == {"intent": "returns", "state": "delivered", "asked": "yes"}


async def test_a_known_customers_level_is_the_tier(tmp_path: Path) -> None:
    assert (await walk(tmp_path, "2", number="19900000001")).attributes == {"tier": "gold"}


@pytest.mark.parametrize(
    "old, new, line, said, mend",
    [
        ("intent: returns,", "intend: returns,", 16, "no attribute 'intend'", "there are intent"),
        ("state: broken", "state: brokn", 21, "'state' is never 'brokn'", "delivered, broken"),
        ("intent: returns,", "Intent: returns,", 16, "is no name", "small letters"),
        ("state: broken", "state: ''", 21, "at least 1 character", ""),
    ],
)
def test_a_mistake_is_named_with_line_and_mend(
    tmp_path: Path, old: str, new: str, line: int, said: str, mend: str
) -> None:
    assert FLOW.count(old) == 1
    with pytest.raises(BadFile) as bad:
        load_flow(write(tmp_path, FLOW.replace(old, new)), around(tmp_path), recorded=False)
    (problem,) = bad.value.problems
    assert problem.line == line
    assert said in problem.text
    assert mend in problem.mend


def test_a_level_that_no_rule_can_ask_for(tmp_path: Path) -> None:
    file = tmp_path / "customers.yaml"
    file.write_text('customers:\n  - {number: "19900000001", name: 孙, level: golden}\n')
    load_customers(file)
    with pytest.raises(BadFile) as bad:
        load_customers(file, ("gold", "silver"))
    (problem,) = bad.value.problems
    assert (problem.line, problem.mend) == (2, "routing.yaml has gold, silver")


@pytest.mark.parametrize(
    "text, values",
    [
        ("attributes: {tier: [a, b], any: []}", {"tier": ("a", "b"), "any": ()}),
        ("attributes: 5", {}),
        ("attributes: {tier: 5}", {"tier": ()}),
        ("[1]", {}),
        ("", {}),
    ],
)
def test_what_routing_declares_whatever_stands_there(text: str, values: object) -> None:
    assert attribute_values(parse_source(text.encode(), Path("routing.yaml"))) == values
