"""Hold: the caller of a talk hears music, by the agent's phone or while a colleague is asked. Pure.

What was held is no talk: ``TalkEnded`` tells both apart.
"""

from acd.contact import Contact
from acd.domain import Domain
from telephony.events import CallStage, HoldEnded, HoldStarted, LegHeld


def leg_held(domain: Domain, event: LegHeld) -> None:
    """An agent's phone put the caller on hold, or took the caller back.

    While a colleague is asked the caller hears music anyhow, and in a conference the others talk
    on: there a phone on hold is nobody's hold.
    """
    contact = domain.contacts.get(event.contact)
    talks = contact and contact.stage is CallStage.TALKING and contact.agent == event.agent
    if contact is None or not talks or contact.consult or contact.parted:
        domain.stray("LegHeld")
    elif event.on:
        start_hold(domain, contact, "phone")
    else:
        end_hold(domain, contact)


def start_hold(domain: Domain, contact: Contact, by: str) -> None:
    """The caller hears music from now on; a hold that went on until now has ended."""
    end_hold(domain, contact)
    contact.held_since = domain.now
    domain.touch(contact)
    domain.record(
        HoldStarted(
            at=domain.now, contact=contact.id, agent=contact.agent, offer=contact.offer, by=by
        )
    )


def end_hold(domain: Domain, contact: Contact) -> None:
    """The caller hears somebody again; nothing happens when there was no hold."""
    if not contact.held_since:
        return
    seconds = max(0.0, domain.now - contact.held_since)
    contact.held += seconds
    contact.held_since = 0.0
    domain.touch(contact)
    domain.record(
        HoldEnded(
            at=domain.now,
            contact=contact.id,
            agent=contact.agent,
            offer=contact.offer,
            seconds=seconds,
        )
    )
