"""Who is with whom: a talk that a second voice was or is on, compared with what Asterisk carries.

What happened in a consultation while no controller listened is told by where the legs are now: the
caller in a bridge with the colleague alone was taken over, with both it is a conference, with the
agent alone the consultation is over; and a caller on hold with no leg at all waits again. Pure.
"""

from collections.abc import Mapping

from acd.consults import (
    agent_leaves,
    colleague_joined,
    end_consult,
    see_answer,
    wait_again_alone,
)
from acd.contact import Consult, ConsultStage, Contact
from acd.domain import Domain
from acd.holds import end_hold
from telephony.events import OUTSIDE, AgentState, CallStage, ConsultEnd, LegFound

#: The dialplan's contexts in which a caller of a talk hears music, or is in the contact's room.
HOLD_CONTEXT, ROOM_CONTEXT = "huawu-hold", "huawu-room"


def compare_talk(
    domain: Domain, contact: Contact, caller: LegFound, legs: Mapping[str, LegFound]
) -> bool:
    """Follow the picture of a talk that is, or was, more than two in a ``Dial``.

    Args:
        caller: the caller's own leg.
        legs: the contact's other legs by agent; ``OUTSIDE`` for a number.

    Returns:
        Whether it was such a talk; all that is to be seen of it has been followed then.
    """
    if contact.stage is not CallStage.TALKING:
        return False
    mine = legs.get(contact.agent)
    if mine:
        contact.leg = mine.channel
    if contact.consult is None and caller.context not in (HOLD_CONTEXT, ROOM_CONTEXT):
        return False
    with_caller = {name for name, leg in legs.items() if leg.bridge and leg.bridge == caller.bridge}
    if contact.consult:
        _compare_consult(domain, contact, contact.consult, legs, with_caller)
    else:
        _compare_pair(domain, contact, legs, with_caller)
    return True


def _compare_pair(
    domain: Domain, contact: Contact, legs: Mapping[str, LegFound], with_caller: set[str]
) -> None:
    """One agent, as far as is known."""
    if contact.agent in with_caller:
        end_hold(domain, contact)
    elif not legs:
        wait_again_alone(domain, contact)


def _compare_consult(
    domain: Domain,
    contact: Contact,
    consult: Consult,
    legs: Mapping[str, LegFound],
    with_caller: set[str],
) -> None:
    other = consult.agent or OUTSIDE
    colleague = legs.get(other)
    if colleague:
        consult.leg = colleague.channel
    if other in with_caller:
        if contact.agent in with_caller and consult.stage is not ConsultStage.CONFERENCE:
            consult.stage = ConsultStage.GATHERING
        elif contact.agent not in legs and consult.stage is ConsultStage.CONFERENCE:
            agent_leaves(domain, contact)
            return
        _answered_unseen(domain, contact, consult)
        colleague_joined(domain, contact, consult)
    elif not legs:
        wait_again_alone(domain, contact)
    elif colleague is None:
        _compare_pair_after(domain, contact, consult, with_caller)
    elif colleague.bridge:
        see_answer(domain, contact, consult, colleague.channel)


def _answered_unseen(domain: Domain, contact: Contact, consult: Consult) -> None:
    """A colleague who talks with the caller has answered before; nobody saw it."""
    colleague = domain.agents.get(consult.agent)
    if consult.stage is ConsultStage.GATHERING and not consult.answered:
        consult.answered = domain.now
        if colleague and colleague.state is AgentState.OFFERED:
            domain.change(colleague, "answered", reason="consult", author="rule:answer")


def _compare_pair_after(
    domain: Domain, contact: Contact, consult: Consult, with_caller: set[str]
) -> None:
    """The colleague has no leg (any more), the agent has one: on the way back, or there."""
    if consult.stage is ConsultStage.CONFERENCE:
        domain.stray("conference_shrunk")
    if consult.stage is not ConsultStage.RINGING or contact.agent in with_caller:
        end_consult(domain, contact, ConsultEnd.LOST)
    if contact.agent in with_caller:
        end_hold(domain, contact)
