"""Transfers as actions: what is sent, in which order, and that the dialplan knows the places."""

import re
from pathlib import Path

from controller.moves import CONTEXTS, actions_of, bridged_first
from telephony.commands import (
    EnterRoom,
    FollowIntoRoom,
    PassOutside,
    PassToMenu,
    StartConsult,
)

DIALPLAN = (Path(__file__).parents[2] / "asterisk-conf" / "extensions.conf").read_text("utf-8")


def redirect(*fields: str) -> tuple[str, list[tuple[str, str]]]:
    names = ("Channel", "Context", "Exten", "Priority")
    extra = ("ExtraChannel", "ExtraContext", "ExtraExten", "ExtraPriority")
    return "Redirect", list(zip((*names, *extra)[: len(fields)], fields, strict=True))


def variable(channel: str, name: str, value: str) -> tuple[str, list[tuple[str, str]]]:
    return "Setvar", [("Channel", channel), ("Variable", name), ("Value", value)]


def test_a_consultation_moves_caller_and_agent_at_one_moment() -> None:
    command = StartConsult(
        contact="c",
        channel="ch",
        leg="leg",
        agent="8002",
        number="",
        offer=3,
        ring=20,
        label="物流",
    )
    assert actions_of(command) == [
        variable("leg", "HUAWU_LABEL", "物流"),
        redirect("ch", "huawu-hold", "3", "1", "leg", "huawu-consult", "8002*3*20", "1"),
    ]


def test_a_number_outside_is_called_from_its_own_context() -> None:
    command = StartConsult(
        contact="c", channel="ch", leg="leg", agent="", number="12315", offer=2, ring=40, label="x"
    )
    fields = dict(actions_of(command)[-1][1])
    assert (fields["ExtraContext"], fields["ExtraExten"]) == (
        "huawu-consult-outside",
        "12315*2*40",
    )


def test_into_the_room() -> None:
    both = EnterRoom(contact="c", legs=("a", "b"))
    assert actions_of(both) == [
        redirect("a", "huawu-room", "leg", "1", "b", "huawu-room", "leg", "1")
    ]
    over = EnterRoom(contact="c", legs=("b",), released="a")
    assert actions_of(over) == [
        redirect("b", "huawu-room", "leg", "1", "a", "huawu-consult-end", "taken", "1")
    ]
    follow = FollowIntoRoom(contact="c", channel="ch")
    assert actions_of(follow) == [redirect("ch", "huawu-hold", "come", "1")]


def test_who_is_taken_out_of_a_bridge_must_be_in_it() -> None:
    consult = StartConsult(
        contact="c", channel="ch", leg="leg", agent="8002", number="", offer=3, ring=20, label=""
    )
    assert bridged_first(consult) == "leg"
    assert bridged_first(EnterRoom(contact="c", legs=("a", "b"))) == "b"
    assert bridged_first(EnterRoom(contact="c", legs=("b",), released="a")) == "b"
    # An agent who comes back: nobody has answered.
    assert not bridged_first(EnterRoom(contact="c", legs=("a",)))
    assert not bridged_first(FollowIntoRoom(contact="c", channel="ch"))


def test_out_of_the_talk() -> None:
    menu = PassToMenu(contact="c", channel="ch", node="main_menu")
    assert actions_of(menu) == [
        variable("ch", "HUAWU_NODE", "main_menu"),
        redirect("ch", "huawu-menu", "again", "1"),
    ]
    outside = PassOutside(contact="c", channel="ch", number="12315", ring=40)
    assert actions_of(outside) == [redirect("ch", "huawu-outside", "12315*40", "1")]


def test_the_dialplan_has_every_context() -> None:
    assert set(CONTEXTS) <= set(re.findall(r"(?m)^\[([a-z-]+)\]", DIALPLAN))
