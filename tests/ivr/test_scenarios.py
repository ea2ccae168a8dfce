"""Scenarios: the example company's all come out as expected, and what does not is told."""

from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest

from ivr.ports import Message
from ivr.rehearsal import rehearse
from ivr.scenario_files import Placed, load_scenarios
from ivr.scenarios import Expected, Scenario, Seen, Sent, differences, seen_of
from ivr.versions import FlowVersion
from store.source import BadFile
from telephony.events import DigitsCollected, MenuLeft, MenuStepTaken, ServiceAsked
from tests.example_company import COMPANY, example_menu


@pytest.fixture(scope="module")
def version() -> FlowVersion:
    return example_menu()


@pytest.fixture(scope="module")
def examples(version: FlowVersion) -> list[Placed]:
    return load_scenarios(sorted((COMPANY / "scenarios").glob("*.yaml")), version, COMPANY)


@pytest.fixture(scope="module")
def came(version: FlowVersion, examples: list[Placed]) -> list[Seen]:
    """What each of them came to."""
    return rehearse([placed.scenario for placed in examples], version, COMPANY)


def test_all_scenarios_of_the_example_company_are_good(
    examples: list[Placed], came: list[Seen]
) -> None:
    wrong = {
        str(placed): found
        for placed, seen in zip(examples, came, strict=True)
        if (found := differences(placed.scenario.expect, seen))
    }
    assert wrong == {}
    languages = Counter(seen.language for seen in came)
    assert len(came) >= 40
    assert min(languages["zh-CN"], languages["en"]) >= 20
    assert sum(not placed.scenario.only_memory for placed in examples) >= 80


def test_the_scenarios_come_to_every_node(version: FlowVersion, came: list[Seen]) -> None:
    visited = {place for seen in came for place in seen.places}
    assert set(version.flows.places) - visited == set()


def test_a_slow_shop_costs_no_time(version: FlowVersion) -> None:
    slow = Scenario.model_validate(
        {
            "name": "slow",
            "number": "13800000101",
            "shop": {"logistics": {"result": "not_paid", "after": 3.8}},
            "only_memory": "the shop",
            "does": ["1", "6", "1", "0101"],
            "expect": {"path": ["shop/not_paid_yet"]},
        }
    )
    (seen,) = rehearse([slow], version, COMPANY)
    assert differences(slow.expect, seen) == []
    assert seen.heard is not None
    assert seen.heard.count("still_looking_up") == 2


# ---- differences ----


def came_to(*steps: tuple[str, str], **more: object) -> Seen:
    return Seen(steps=list(steps), **more)


@pytest.mark.parametrize(
    "expected, seen, told",
    [
        ({"path": ["a", "c"]}, came_to(("a", ""), ("b", ""), ("c", "")), []),
        ({"path": ["c", "a"]}, came_to(("a", ""), ("c", "")), ["path: never came to a (after c)"]),
        ({"avoids": ["b"]}, came_to(("b", "")), ["path: came to b"]),
        ({"hears": ["s/x", "bye"]}, came_to(heard=["s-x-1", "s-x-2", "bye"]), []),
        ({"hears": ["s/x"]}, came_to(heard=["s-xy"]), ["hears: never heard s-x; heard s-xy"]),
        ({"hears": ["s/x"]}, came_to(), []),  # nobody can tell over a real call
        ({"queue": "order"}, came_to(queue="vip"), ["queue: expected order, was vip"]),
        ({"solved": True}, came_to(), ["solved: expected True, was none"]),
        ({"language": "en"}, came_to(), []),
        ({"score": 3}, came_to(), ["score: expected 3, was none"]),
        ({"attributes": {"a": "b"}}, came_to(attributes={}), ["attributes: a is not set, not b"]),
        ({"values": {"n": 1}}, came_to(all_values=True), ["values: n is not known, not 1"]),
        ({"values": {"n": 1}}, came_to(values={"n": "1"}), []),
        ({"values": {"n": 1}}, came_to(), []),
        ({"asked": {"order": "found"}}, came_to(), ["asked: order was not asked"]),
        (
            {"asked": {"order": "found"}},
            came_to(asked={"order": ""}),
            ["asked: order said nothing, not found"],
        ),
        ({"sent": []}, came_to(sent=["sms"]), ["sent: expected nothing, was ['sms']"]),
        ({"left": ["comment"]}, came_to(), ["left: expected ['comment'], was nothing"]),
        ({"path": ["a"]}, came_to(("a", ""), faults=["call: stuck"]), ["call: stuck"]),
    ],
)
def test_what_is_not_as_expected_is_told(
    expected: dict[str, object], seen: Seen, told: list[str]
) -> None:
    assert differences(Expected.model_validate(expected), seen) == told


def test_a_message_is_compared_word_by_word() -> None:
    message = Message(contact="c", by="sms", to="138", subject="", text="Your order is here")
    seen = Seen(sent=["sms"], messages=[message])
    good = Expected(sent=[Sent(by="sms", to="138", has="order is")])
    bad = Expected(sent=[Sent(by="sms", to="139", has="parcel")])
    assert differences(good, seen) == []
    assert differences(bad, seen) == [
        "sent: to 138, not 139",
        "sent: “Your order is here” does not say “parcel”",
    ]


def test_the_events_of_a_real_call_tell_the_same() -> None:
    seen = seen_of(
        [
            MenuStepTaken(at=1, contact="c", node="shop/ask_number", key=""),
            DigitsCollected(at=2, contact="c", node="shop/ask_number", name="number", digits="66"),
            ServiceAsked(
                at=3, contact="c", node="shop/x", service="order", result="found", seconds=0.1
            ),
            MenuLeft(at=4, contact="c", node="person", ending="queue", solved=False, queue="order"),
        ]
    )
    assert (seen.places, seen.values, seen.asked) == (
        ["shop/ask_number"], {"number": "66"}, {"order": "found"},
    )  # fmt: skip
    assert (seen.ending, seen.queue, seen.heard) == ("queue", "order", None)


# ---- files ----

GOOD = """
scenarios:
  - name: one
    does: ["1", silence, hang_up]
    expect: {queue: order}
"""


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("{queue: order}", "{path: [shop/movin]}", "there is no node 'shop/movin'"),
        ("{queue: order}", "{asked: {orderz: found}}", "there is no service 'orderz'"),
        ("{queue: order}", "{}", "proves nothing"),
        ("hang_up]", "say]", "does.2"),
        ("hang_up]", "{say: hello}]", "there is no recording of 'hello'"),
        ("does:", "at: 2026-11-25 10:00\n    does:", "a real call has neither"),
        ("does:", "at: 2026-13-25 10:00\n    only_memory: x\n    does:", "there is no 2026-13-25"),
        (
            "does:",
            "shop: {order: {result: maybe}}\n    only_memory: x\n    does:",
            "'order' never answers 'maybe'",
        ),
        (
            "does:",
            "shop: {order: {result: found, values: {colour: red}}}\n    only_memory: x\n    does:",
            "'order' has no value 'colour'",
        ),
        (
            "does:",
            "shop: {logistics: {result: not_shipped, values: {expected: soon}}}\n"
            "    only_memory: x\n    does:",
            "soon",
        ),
        (
            "does:",
            "shop: {logistics: {result: not_shipped}}\n    does:",
            "'logistics' is no answer of a shop's own system",
        ),
        ("name: one", "nmae: one", "nmae"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line(
    tmp_path: Path, version: FlowVersion, old: str, new: str, told: str
) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(dedent(GOOD), encoding="utf-8")
    assert len(load_scenarios([file], version, COMPANY)) == 1
    file.write_text(dedent(GOOD).replace(old, new), encoding="utf-8")
    with pytest.raises(BadFile) as bad:
        load_scenarios([file], version, COMPANY)
    assert any(told in str(problem) and problem.line >= 3 for problem in bad.value.problems)


def test_a_near_name_is_proposed(tmp_path: Path, version: FlowVersion) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(GOOD.replace("{queue: order}", "{path: [shop/movin]}"), encoding="utf-8")
    with pytest.raises(BadFile) as bad:
        load_scenarios([file], version, COMPANY)
    assert "shop/moving" in bad.value.problems[0].mend
