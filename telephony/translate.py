"""From Asterisk's strings to typed events: strings die here.

The dialplan in ``asterisk-conf/extensions.conf`` sends user events (``HuawuLanded``,
``HuawuAnswered``, ``HuawuTalkEnded`` and their like) and keeps the queue entry in channel
variables, so that a contact can be adopted from its channel alone. A caller's channel is the one
whose Uniqueid is the contact's id; an agent's is recognised by its endpoint's name, which callers
cannot choose.
"""

import re
from collections.abc import Iterable, Mapping

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
    LegFound,
    LegHeld,
    LegHungUp,
    LegJoined,
    OfferEnd,
    PairParted,
    Party,
    PhoneChanged,
    PictureTaken,
    WireEvent,
)

#: Event names that the controller reads; everything else is dropped unread.
WANTED = frozenset({"UserEvent", "Hangup", "Hold", "Unhold", "ContactStatus"})
#: The inherited channel variable that names the contact; listed in manager.conf's channelvars.
CONTACT_VARIABLE = "HUAWU_CONTACT"
#: The queue entry on the caller's channel, and the number of the last offer or fallback talk.
ENTRY_VARIABLES = (
    "HUAWU_QUEUE",
    "HUAWU_ENQUEUED",
    "HUAWU_PRIORITY",
    "HUAWU_LANGUAGE",
    "HUAWU_ATTRIBUTES",
    "HUAWU_OFFER",
)

_AGENT_CHANNEL = re.compile(r"PJSIP/agent([0-9]{2,8})-[0-9a-f]+")
_PHONE = re.compile(r"PJSIP/[a-z0-9]+-[0-9a-f]+$")
_AGENT_ENDPOINT = re.compile(r"agent([0-9]{2,8})")

#: DIALSTATUS of an offer that did not become a talk, and the Q.850 cause that tells more.
_OFFER_ENDS = {
    "NOANSWER": OfferEnd.TIMED_OUT,
    "BUSY": OfferEnd.DECLINED,
    "DONTCALL": OfferEnd.DECLINED,
    "CHANUNAVAIL": OfferEnd.UNREACHABLE,
    "CONGESTION": OfferEnd.UNREACHABLE,
    "GATE": OfferEnd.NOT_LANDED,
    "CANCEL": OfferEnd.CALLER_GONE,
}
#: The dialplan's events that tell of a leg: its own channel, or the one that they name.
_OF_LEGS: Mapping[
    str,
    type[AgentAnswered]
    | type[CustomerReached]
    | type[AgentWaits]
    | type[ColleagueAnswered]
    | type[LegJoined],
] = {
    "HuawuAnswered": AgentAnswered,
    "HuawuReached": CustomerReached,
    "HuawuAgentWaits": AgentWaits,
    "HuawuConsulted": ColleagueAnswered,
    "HuawuJoined": LegJoined,
}
_CALL_REJECTED = "21"
_NO_PHONE = frozenset({"UNAVAILABLE", "INVALID", "UNKNOWN", ""})


def agent_of_channel(channel: str) -> str:
    """The agent whose phone this channel is, or ""."""
    found = _AGENT_CHANNEL.fullmatch(channel)
    return found[1] if found else ""


def agent_of_endpoint(endpoint: str) -> str:
    """The agent of a PJSIP endpoint, or ""."""
    found = _AGENT_ENDPOINT.fullmatch(endpoint)
    return found[1] if found else ""


def offer_end(dial_status: str, cause: str) -> OfferEnd:
    """How an offer ended, from DIALSTATUS and HANGUPCAUSE as the dialplan passes them on."""
    if cause == _CALL_REJECTED:
        return OfferEnd.DECLINED
    return _OFFER_ENDS.get(dial_status, OfferEnd.NOT_LANDED)


def wire_event(message: AmiMessage, now: float) -> WireEvent | None:
    """The typed event of an AMI event, or ``None`` when it is none of our concern.

    ``now`` is the time of reading, in Unix seconds.
    """
    match message.name:
        case "UserEvent":
            return _user_event(message, now)
        case "Hangup":
            return _hangup(message, now)
        case "Hold" | "Unhold":
            return _hold(message, now)
        case "ContactStatus":
            return _contact_status(message, now)
    return None


def _user_event(message: AmiMessage, now: float) -> WireEvent | None:
    contact, agent = message.get("Contact"), message.get("Agent")
    offer = _number(message.get("Offer"))
    name = message.get("UserEvent") if contact and agent else ""
    if name in _OF_LEGS:
        channel = message.get("Leg") or message.get("Channel")
        kind = _OF_LEGS[name]
        return kind(at=now, contact=contact, agent=agent, offer=offer, channel=channel)
    match name:
        case "HuawuLanded":
            return CallerLanded(at=now, contact=contact, agent=agent, offer=offer)
        case "HuawuTalkEnded":
            by = Party.CALLER if message.get("By") == "caller" else Party.AGENT
            return PairParted(at=now, contact=contact, agent=agent, offer=offer, by=by)
        case "HuawuConsulting":
            return ConsultBegun(at=now, contact=contact, offer=offer)
        case "HuawuConsultEnded":
            result = _consult_end(message)
            return ConsultReturned(at=now, contact=contact, offer=offer, result=result)
        case _:
            return None


def _consult_end(message: AmiMessage) -> OfferEnd | None:
    status = message.get("Status")
    return None if status == "ANSWER" else offer_end(status, message.get("Cause"))


def _hold(message: AmiMessage, now: float) -> LegHeld | None:
    contact = message.variables().get(CONTACT_VARIABLE, "")
    agent = agent_of_channel(message.get("Channel"))
    if not contact or not agent or message.get("Uniqueid") == contact:
        return None
    return LegHeld(at=now, contact=contact, agent=agent, on=message.name == "Hold")


def _hangup(message: AmiMessage, now: float) -> LegHungUp | None:
    contact = message.variables().get(CONTACT_VARIABLE, "")
    channel = message.get("Channel")
    agent = agent_of_channel(channel) or OUTSIDE
    if not contact or not _PHONE.match(channel):
        return None
    cause = _number(message.get("Cause"))
    if message.get("Uniqueid") == contact:
        agent = ""  # an agent who dialled the service number is a caller
    return LegHungUp(at=now, contact=contact, channel=channel, agent=agent, cause=cause)


def _contact_status(message: AmiMessage, now: float) -> PhoneChanged | None:
    agent = agent_of_endpoint(message.get("EndpointName"))
    if not agent:
        return None
    gone = message.get("ContactStatus") in {"Removed", "Unreachable"}
    return PhoneChanged(at=now, agent=agent, reachable=not gone)


def picture(
    asked_at: float, channels: Iterable[AmiMessage], devices: Iterable[AmiMessage]
) -> PictureTaken:
    """What Asterisk carries, from the items of ``Status`` and ``DeviceStateList``.

    Args:
        asked_at: Unix seconds when the first of the two was asked for.
        channels: ``Status`` items, asked for with ``ENTRY_VARIABLES``.
        devices: ``DeviceStateChange`` items: a phone that is not registered is UNAVAILABLE.
    """
    legs = tuple(leg for leg in map(_leg, channels) if leg)
    phones = frozenset(
        agent
        for item in devices
        if item.get("State") not in _NO_PHONE
        and (agent := agent_of_endpoint(item.get("Device").removeprefix("PJSIP/")))
    )
    return PictureTaken(at=asked_at, legs=legs, phones=phones)


def _leg(item: AmiMessage) -> LegFound | None:
    contact = item.variables().get(CONTACT_VARIABLE, "")
    if not contact:
        return None
    channel = item.get("Channel")
    own = item.get("Uniqueid") == contact
    if not own and not _PHONE.match(channel):
        return None
    agent = "" if own else agent_of_channel(channel) or OUTSIDE
    return LegFound(
        contact=contact,
        channel=channel,
        agent=agent,
        context=item.get("Context"),
        application=item.get("Application"),
        bridge=item.get("BridgeID"),
        variables=entry_variables(item.variables("Variable")),
    )


def entry_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The queue entry among a channel's variables; ``Status`` calls an unset one ``(null)``."""
    return {
        name: variables[name]
        for name in ENTRY_VARIABLES
        if variables.get(name, "") not in ("", "(null)")
    }


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
