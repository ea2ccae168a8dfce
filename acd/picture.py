"""The truth: what is remembered is compared with what Asterisk carries, and follows it.

Runs on start, after each AMI reconnect and every half minute. Nothing that came from a missed
event is guessed: it is seen here.
"""

from collections.abc import Mapping

from acd import agent as agent_table
from acd.callbacks import compare_callback
from acd.contact import Contact
from acd.domain import Domain
from acd.offers import LANDING, end_offer
from acd.placing import take_up, wait_again
from acd.regroup import HOLD_CONTEXT, ROOM_CONTEXT, compare_talk
from acd.takeover import adopt_offer, record_entry
from acd.talks import caller_gone, pair, part
from acd.wishes import set_reachable
from telephony.attributes import attributes_from_variable
from telephony.commands import ReturnToWaiting, WakeAt
from telephony.events import AgentState, CallStage, LegFound, OfferEnd, Party, PictureTaken

#: The dialplan's contexts in which a caller waits, is being offered, talks, or is in app_queue.
OFFER_CONTEXT = "huawu-offer"
QUEUED_CONTEXTS = frozenset(
    {"huawu-wait", OFFER_CONTEXT, "huawu-fallback", HOLD_CONTEXT, ROOM_CONTEXT}
)


def picture_taken(domain: Domain, event: PictureTaken) -> None:
    """Follow a picture; what changed after it was asked for is newer and is left alone."""
    for agent in domain.agents.values():
        if agent.reachable != (agent.id in event.phones):
            set_reachable(domain, agent, agent.id in event.phones)
    callers = {leg.contact: leg for leg in event.legs if not leg.agent}
    partners = {
        leg.contact: leg.agent
        for leg in event.legs
        if leg.agent in domain.agents
        and leg.bridge
        and leg.contact in callers
        and callers[leg.contact].bridge == leg.bridge
    }
    for leg in callers.values():
        if leg.contact not in domain.contacts and leg.context in QUEUED_CONTEXTS:
            adopt_waiting(domain, leg.contact, leg.channel, leg.variables, changed=0.0)
    others: dict[str, dict[str, LegFound]] = {}
    for leg in event.legs:
        if leg.agent:
            others.setdefault(leg.contact, {})[leg.agent] = leg
    ringing = {
        leg.contact: leg.agent
        for leg in event.legs
        if leg.agent in domain.agents and not leg.bridge
    }
    for contact in list(domain.contacts.values()):
        if contact.stage in (CallStage.CALLBACK, CallStage.CALLING):
            if contact.changed >= event.at:
                continue
            agent_leg = others.get(contact.id, {}).get(contact.agent)
            if compare_callback(domain, contact, callers.get(contact.id), agent_leg):
                continue
        if contact.changed < event.at:
            caller, legs = callers.get(contact.id), others.get(contact.id, {})
            if caller and compare_talk(domain, contact, caller, legs):
                contact.channel = caller.channel
                continue
            _compare(domain, contact, callers.get(contact.id), partners.get(contact.id))
            _see_offer(domain, contact, callers.get(contact.id), ringing.get(contact.id, ""))
    _free_agents_without_contact(domain)


def fetch_back(domain: Domain, event: PictureTaken) -> None:
    """Take who still waits in the fallback queue back to the waiting loop.

    Comes after the matching: an offer takes its caller out of the fallback by itself, and two
    redirects of one channel would race.
    """
    for leg in event.legs:
        contact = domain.contacts.get(leg.contact)
        if contact and leg.application == "Queue" and contact.stage is CallStage.WAITING:
            domain.order(ReturnToWaiting(contact=contact.id, channel=leg.channel))


def adopt_waiting(
    domain: Domain,
    contact_id: str,
    channel: str,
    variables: Mapping[str, str],
    *,
    changed: float,
) -> Contact | None:
    """A caller waits whom no store remembers as queued: the channel carries the queue entry.

    Returns ``None`` when the channel names no queue of ours.
    """
    queue = domain.company.queues.get(variables.get("HUAWU_QUEUE", ""))
    if queue is None:
        domain.stray("unknown_queue")
        return None
    try:
        queued = min(float(variables.get("HUAWU_ENQUEUED", "")), domain.now)
    except ValueError:
        queued = domain.now
    language = variables.get("HUAWU_LANGUAGE", "")
    known = domain.contacts.get(contact_id)
    contact = Contact(
        contact_id,
        channel,
        caller=known.caller if known else "",
        stage=CallStage.WAITING,
        changed=changed,
        language=language,
        attributes=domain.company.declared(
            attributes_from_variable(variables.get("HUAWU_ATTRIBUTES", ""))
        ),
        entered=queued,
        queued=queued,
    )
    take_up(domain, contact, queue.id)
    if (priority := variables.get("HUAWU_PRIORITY", "")).isdigit():
        contact.priority = int(priority)
    record_entry(domain, contact, arrived=known is not None)
    wait_again(domain, contact)
    return contact


def _compare(
    domain: Domain, contact: Contact, caller: LegFound | None, partner: str | None
) -> None:
    """One contact older than the picture, against its caller's channel and its partner."""
    if caller is None:
        caller_gone(domain, contact, 0, "gone while nobody watched", Party.SYSTEM)
        return
    contact.channel = caller.channel
    talking = contact.stage is CallStage.TALKING
    if partner and not talking:
        offer = caller.variables.get("HUAWU_OFFER", "")
        number = int(offer) if offer.isdigit() else contact.offer
        pair(domain, contact, domain.agents[partner], number)
    elif talking and not partner and not caller.bridge:
        part(domain, contact, Party.SYSTEM)
    elif contact.stage is CallStage.OFFERED and caller.context != OFFER_CONTEXT:
        if contact.landed or domain.now - contact.offered > LANDING:  # else it is on its way
            end_offer(domain, contact, OfferEnd.NOT_LANDED)
    elif contact.stage is CallStage.WAITING and contact.doubtful:
        contact.doubtful = False
        domain.touch(contact)


def _see_offer(domain: Domain, contact: Contact, caller: LegFound | None, ringing: str) -> None:
    """A phone rings for this contact: an offer that a former controller began."""
    if caller is None or not ringing or caller.context != OFFER_CONTEXT:
        return
    if contact.stage is CallStage.WAITING:
        adopt_offer(domain, contact, ringing, caller.variables)
    elif contact.stage is CallStage.OFFERED and contact.agent == ringing and not contact.landed:
        contact.landed = True
        domain.touch(contact)


def _free_agents_without_contact(domain: Domain) -> None:
    for agent in domain.agents.values():
        if agent.state not in agent_table.BUSY or agent.contact in domain.contacts:
            continue
        talked = agent.state is AgentState.TALKING
        happened = "parted" if talked else "offer_withdrawn"
        domain.change(agent, happened, reason="", author="rule:picture")
        if talked:
            domain.order(WakeAt(key=f"wrap_up:{agent.id}", at=domain.now))
