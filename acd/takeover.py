"""What a former controller began: offers that ring, or that never came to ring.

A controller that is killed leaves at most a few milliseconds of decisions that no store knows,
and offers that are on their way. The picture shows the former, timers end the latter.
"""

from collections.abc import Mapping

from acd.contact import Contact
from acd.domain import Domain
from acd.offers import LANDING, RING_GRACE
from acd.placing import record_place
from telephony.commands import WakeAt
from telephony.events import AgentState, CallStage, ContactArrived, OfferMade


def follow_offers(domain: Domain) -> None:
    """After a restart: set the timers of the offers that were under way."""
    for contact in domain.contacts.values():
        if contact.stage is CallStage.OFFERED and contact.landed:
            domain.order(WakeAt(key=f"ring:{contact.id}", at=domain.now + RING_GRACE))
        elif contact.stage is CallStage.OFFERED:
            domain.order(WakeAt(key=f"landing:{contact.id}", at=contact.offered + LANDING))


def adopt_offer(
    domain: Domain, contact: Contact, agent_id: str, variables: Mapping[str, str]
) -> None:
    """An agent's phone rings for a contact that no store knows to be offered: so it is.

    Nothing happens when the store has the agent busy with something else: the dialplan's own gate
    and its report of the offer's end will tell.
    """
    agent = domain.agents[agent_id]
    if agent.state is not AgentState.READY or not domain.move(contact, "offered"):
        return
    number = variables.get("HUAWU_OFFER", "")
    contact.offer = max(contact.offer + 1, int(number) if number.isdigit() else 0)
    contact.agent, contact.offered, contact.landed = agent_id, domain.now, True
    agent.contact, agent.queue = contact.id, contact.queue
    domain.change(agent, "offered", reason=contact.queue, author="rule:picture")
    domain.record(
        OfferMade(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            agent=agent_id,
            offer=contact.offer,
            reason={"rule": "adopted", "queue": contact.queue, "considered": [{"agent": agent_id}]},
        )
    )
    ring = domain.company.queue(contact.queue).ring
    domain.order(WakeAt(key=f"ring:{contact.id}", at=domain.now + ring + RING_GRACE))


def record_entry(domain: Domain, contact: Contact, *, arrived: bool) -> None:
    """Record that a contact arrived (unless that is known) and took its place.

    A contact and its events reach the live store together or not at all, so for one that it does
    not know, nothing has been recorded.
    """
    if not arrived:
        domain.record(
            ContactArrived(
                at=contact.queued,
                contact=contact.id,
                channel=contact.channel,
                caller=contact.caller,
                dialled="",
            )
        )
    record_place(domain, contact, "adopted")
