"""The calls that the controller begins: digits alone reach a channel's name."""

import dataclasses

import pytest

from controller.originate import agent_first, customer_call
from telephony.commands import CallAgentFirst, CallCustomer

CUSTOMER = CallCustomer(
    contact="huawu-1.1", number="13800138000", ring=30, agent="8001", offer=2, agent_ring=15,
    partner="", label='物流, "快"', queue="logistics", queued=1_000.5, priority=3,
    language="en", music="default", attributes={"tier": "gold, vip"},
)  # fmt: skip
AGENT = CallAgentFirst(
    contact="huawu-1.1", agent="8001", offer=2, ring=15, label="物流", number="13800138000",
    queue="logistics",
)  # fmt: skip


def variables(fields: object) -> dict[str, str]:
    return dict(
        value.split("=", 1)
        for name, value in fields  # type: ignore[attr-defined]
        if name == "Variable"
    )


def test_a_customer_is_called_through_the_trunk_on_a_channel_with_the_contacts_id() -> None:
    fields = customer_call(CUSTOMER, record=True)
    plain = dict(fields)
    assert plain["Channel"] == "PJSIP/13800138000@trunk"
    assert (plain["Context"], plain["Exten"], plain["Priority"]) == ("huawu-callback", "s", "1")
    assert (plain["ChannelId"], plain["Timeout"], plain["Async"]) == ("huawu-1.1", "30000", "true")
    carried = variables(fields)
    assert carried["__HUAWU_CONTACT"] == "huawu-1.1"
    assert (carried["HUAWU_AGENT"], carried["HUAWU_OFFER"], carried["HUAWU_RING"]) == (
        "8001", "2", "15",
    )  # fmt: skip
    assert (carried["HUAWU_QUEUE"], carried["HUAWU_ENQUEUED"]) == ("logistics", "1000.500")
    assert (carried["HUAWU_RECORD"], carried["HUAWU_PARTNER"]) == ("1", "")
    assert carried["HUAWU_ATTRIBUTES"] == "tier=gold%2C+vip"
    assert "callback_greeting" in carried["HUAWU_SAY"]
    assert "/en/" in carried["HUAWU_SAY"]
    assert not set(carried["HUAWU_LABEL"]) & set(',"')  # a comma would begin another variable


def test_a_line_too_long_for_asterisk_costs_nobody_the_call() -> None:
    many = {f"attribute_{n}": "x" * 40 for n in range(40)}
    carried = variables(customer_call(dataclasses.replace(CUSTOMER, attributes=many), record=True))
    assert "HUAWU_ATTRIBUTES" not in carried
    assert carried["HUAWU_QUEUE"] == "logistics"


def test_an_agent_is_called_first_and_sees_the_customers_number() -> None:
    fields = agent_first(AGENT, record=False)
    plain = dict(fields)
    assert (plain["Channel"], plain["Context"]) == ("PJSIP/agent8001", "huawu-agent-first")
    assert plain["CallerID"] == '"物流" <13800138000>'
    assert "ChannelId" not in plain
    assert variables(fields)["__HUAWU_RECORD"] == ""


@pytest.mark.parametrize(
    "number", ["", "138&PJSIP/x", "1380013800@evil", "١٢٣٤٥", "+8613800138000"]
)
def test_what_is_no_number_is_never_dialled(number: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        customer_call(dataclasses.replace(CUSTOMER, number=number), record=False)
    with pytest.raises(ValueError, match="not a number"):
        agent_first(dataclasses.replace(AGENT, agent=number), record=False)


@pytest.mark.parametrize(
    "why, greeting",
    [
        ("follow_up", "follow_up_greeting"),
        ("low_score", "follow_up_greeting"),
        ("voicemail", "callback_greeting"),
    ],
)
def test_who_did_not_ask_for_the_call_is_told_why_it_is_made(why: str, greeting: str) -> None:
    call = dataclasses.replace(CUSTOMER, attributes={"follow_up": why})
    assert f"/{greeting}-" in variables(customer_call(call, record=True))["HUAWU_SAY"]
