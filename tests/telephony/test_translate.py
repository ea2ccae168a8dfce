"""Real traffic of Asterisk 22.10.1 becomes typed events; everything else becomes nothing."""

import pytest

from telephony.ami import AmiMessage
from telephony.events import (
    OUTSIDE,
    AgentAnswered,
    AgentWaits,
    CallerLanded,
    ColleagueAnswered,
    ConsultBegun,
    ConsultReturned,
    CustomerReached,
    LegHeld,
    LegHungUp,
    LegJoined,
    OfferEnd,
    PairParted,
    Party,
    PhoneChanged,
)
from telephony.translate import agent_of_channel, offer_end, picture, wire_event

CALLER = """\
Privilege: call,all
SystemName: huawu
Channel: PJSIP/trunk-00000007
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: 13912345678
CallerIDName: <unknown>
Language: en
AccountCode:
Context: {context}
Exten: s
Priority: 11
Uniqueid: huawu-1795299105.7
Linkedid: huawu-1795299105.7
ChanVariable: HUAWU_CONTACT=huawu-1795299105.7
"""
AGENT = """\
Privilege: call,all
SystemName: huawu
Channel: PJSIP/agent8001-00000008
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: 8001
CallerIDName: Li Na
ConnectedLineNum: 13912345678
ConnectedLineName: 订单查询
Context: from-agents
Exten:
Uniqueid: huawu-1795299116.8
Linkedid: huawu-1795299105.7
ChanVariable: HUAWU_CONTACT={contact}
"""
CONTACT = "huawu-1795299105.7"


def message(*parts: str) -> AmiMessage:
    return AmiMessage("".join(parts).replace("\n", "\r\n").encode())


def user_event(name: str, channel: str, *more: str) -> AmiMessage:
    words = f"UserEvent: {name}\nContact: {CONTACT}\nAgent: 8001\nOffer: 2\n"
    return message("Event: UserEvent\n", channel, words, *more)


def test_the_callers_landing() -> None:
    event = wire_event(user_event("HuawuLanded", CALLER.format(context="huawu-offer")), 5.0)
    assert event == CallerLanded(at=5.0, contact=CONTACT, agent="8001", offer=2)


def test_a_customer_who_is_called_back() -> None:
    caller, agent = CALLER.format(context="huawu-callback"), AGENT.format(contact=CONTACT)
    who = {"at": 5.0, "contact": CONTACT, "agent": "8001", "offer": 2}
    assert wire_event(user_event("HuawuReached", caller), 5.0) == CustomerReached(
        **who, channel="PJSIP/trunk-00000007"
    )
    leg = "PJSIP/agent8001-00000008"
    waits = wire_event(user_event("HuawuAgentWaits", agent), 5.0)
    assert waits == AgentWaits(**who, channel=leg)
    # The customer's channel tells of the answer when the agent was called first.
    answered = wire_event(user_event("HuawuAnswered", caller, f"Leg: {leg}\n"), 5.0)
    assert answered == AgentAnswered(**who, channel=leg)


def test_the_agents_answer_names_the_agents_channel() -> None:
    event = wire_event(user_event("HuawuAnswered", AGENT.format(contact=CONTACT)), 5.0)
    assert event == AgentAnswered(
        at=5.0, contact=CONTACT, agent="8001", offer=2, channel="PJSIP/agent8001-00000008"
    )


@pytest.mark.parametrize("by", list(Party)[:2])
def test_the_parting(by: Party) -> None:
    event = wire_event(
        user_event("HuawuTalkEnded", CALLER.format(context="huawu-offer"), f"By: {by}\n"), 5.0
    )
    assert event == PairParted(at=5.0, contact=CONTACT, agent="8001", offer=2, by=by)


def test_hangups_of_both_legs() -> None:
    cause = "Cause: 16\nCause-txt: Normal Clearing\n"
    caller = message("Event: Hangup\n", CALLER.format(context="huawu-wait"), cause)
    agent = message("Event: Hangup\n", AGENT.format(contact=CONTACT), cause)
    assert wire_event(caller, 5.0) == LegHungUp(
        at=5.0, contact=CONTACT, channel="PJSIP/trunk-00000007", agent="", cause=16
    )
    assert wire_event(agent, 5.0) == LegHungUp(
        at=5.0, contact=CONTACT, channel="PJSIP/agent8001-00000008", agent="8001", cause=16
    )


def test_an_agents_own_call_is_nobodys_leg() -> None:
    feature_code = message("Event: Hangup\n", AGENT.format(contact=""), "Cause: 16\n")
    assert wire_event(feature_code, 5.0) is None


@pytest.mark.parametrize(
    "status, reachable", [("Reachable", True), ("NonQualified", True), ("Removed", False)]
)
def test_phones_come_and_go(status: str, reachable: bool) -> None:
    event = wire_event(
        message(
            "Event: ContactStatus\nPrivilege: system,all\nURI: sip:agent8001@127.0.0.1:38168;ob\n",
            f"ContactStatus: {status}\nAOR: agent8001\nEndpointName: agent8001\n",
        ),
        5.0,
    )
    assert event == PhoneChanged(at=5.0, agent="8001", reachable=reachable)


@pytest.mark.parametrize(
    "text",
    [
        "Event: UserEvent\nUserEvent: SomethingElse\nContact: a\nAgent: 8001\n",
        "Event: UserEvent\nUserEvent: HuawuLanded\n",
        "Event: ContactStatus\nContactStatus: Removed\nEndpointName: customer\n",
        "Event: Newchannel\nChannel: PJSIP/trunk-1\n",
    ],
)
def test_what_does_not_concern_us_is_nothing(text: str) -> None:
    assert wire_event(message(text), 5.0) is None


@pytest.mark.parametrize("name", ["PJSIP/agent8001", "PJSIP/agentx-1", "Local/agent8001-00000001"])
def test_only_an_agents_endpoint_makes_an_agent(name: str) -> None:
    assert agent_of_channel(name) == ""


@pytest.mark.parametrize(
    "status, cause, end",
    [
        ("NOANSWER", "0", OfferEnd.TIMED_OUT),
        ("BUSY", "17", OfferEnd.DECLINED),
        ("CONGESTION", "21", OfferEnd.DECLINED),
        ("CHANUNAVAIL", "20", OfferEnd.UNREACHABLE),
        ("GATE", "0", OfferEnd.NOT_LANDED),
        ("NEVER HEARD OF", "", OfferEnd.NOT_LANDED),
    ],
)
def test_how_an_offer_ended(status: str, cause: str, end: OfferEnd) -> None:
    assert offer_end(status, cause) is end


def test_a_picture() -> None:
    waiting = message(
        "Event: Status\n",
        CALLER.format(context="huawu-wait"),
        "BridgeID: \nApplication: MusicOnHold\nSeconds: 9\n",
        "Variable: HUAWU_QUEUE=order\nVariable: HUAWU_ENQUEUED=1795299100.250\n",
        "Variable: HUAWU_PRIORITY=(null)\nVariable: HUAWU_LANGUAGE=zh-CN\n",
    )
    feature_code = message("Event: Status\n", AGENT.format(contact=""), "BridgeID: \n")
    devices = [
        message(f"Event: DeviceStateChange\nDevice: {device}\nState: {state}\n")
        for device, state in [
            ("PJSIP/agent8001", "NOT_INUSE"),
            ("PJSIP/agent8002", "UNAVAILABLE"),
            ("PJSIP/trunk", "INUSE"),
            ("Queue:huawu-order_avail", "NOT_INUSE"),
        ]
    ]
    seen = picture(7.0, [waiting, feature_code], devices)
    assert seen.phones == {"8001"}
    (leg,) = seen.legs
    assert (leg.contact, leg.channel, leg.agent) == (CONTACT, "PJSIP/trunk-00000007", "")
    assert (leg.context, leg.application, leg.bridge) == ("huawu-wait", "MusicOnHold", "")
    assert leg.variables == {
        "HUAWU_QUEUE": "order",
        "HUAWU_ENQUEUED": "1795299100.250",
        "HUAWU_LANGUAGE": "zh-CN",
    }


# --- consultations, holds ------------------------------------------------------------------------


def told(name: str, more: str = "") -> object:
    words = f"UserEvent: {name}\nContact: {CONTACT}\nAgent: 8002\nOffer: 3\n{more}"
    channel = "Channel: PJSIP/agent8001-00000008\nUniqueid: huawu-1795299116.8\n"
    return wire_event(message("Event: UserEvent\n", channel, words), 5.0)


@pytest.mark.parametrize(
    "status, cause, result",
    [
        ("ANSWER", "16", None),
        ("NOANSWER", "0", OfferEnd.TIMED_OUT),
        ("BUSY", "17", OfferEnd.DECLINED),
        ("CHANUNAVAIL", "21", OfferEnd.DECLINED),
        ("GATE", "0", OfferEnd.NOT_LANDED),
    ],
)
def test_how_a_consultation_came_back(status: str, cause: str, result: OfferEnd | None) -> None:
    found = told("HuawuConsultEnded", f"Status: {status}\nCause: {cause}\n")
    assert found == ConsultReturned(at=5.0, contact=CONTACT, offer=3, result=result)


def test_the_steps_of_a_consultation() -> None:
    leg = "PJSIP/agent8001-00000008"
    assert told("HuawuConsulting") == ConsultBegun(at=5.0, contact=CONTACT, offer=3)
    assert told("HuawuConsulted") == ColleagueAnswered(
        at=5.0, contact=CONTACT, agent="8002", offer=3, channel=leg
    )
    assert told("HuawuJoined") == LegJoined(
        at=5.0, contact=CONTACT, agent="8002", offer=3, channel=leg
    )


@pytest.mark.parametrize("name, on", [("Hold", True), ("Unhold", False)])
def test_an_agents_hold_is_heard_and_a_callers_is_not(name: str, on: bool) -> None:
    event = f"Event: {name}\n"
    agents = message(event, AGENT.format(contact=CONTACT))
    assert wire_event(agents, 5.0) == LegHeld(at=5.0, contact=CONTACT, agent="8001", on=on)
    assert wire_event(message(event, CALLER.format(context="huawu-offer")), 5.0) is None


def test_a_leg_outside_is_nobodys_and_no_caller() -> None:
    text = CALLER.format(context="huawu-room").replace(
        "Uniqueid: huawu-1795299105.7", "Uniqueid: huawu-1795299117.9"
    )
    found = wire_event(message("Event: Hangup\n", text, "Cause: 16\n"), 5.0)
    assert isinstance(found, LegHungUp)
    assert found.agent == OUTSIDE
