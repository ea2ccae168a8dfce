"""What a supervisor may change of a waiting contact, live: its priority, its queue, its agent."""

from acd.contact import Contact
from acd.domain import Domain
from acd.placing import (
    WORTH_WAITING,
    hold_over,
    keep_entry,
    leave_queue,
    place,
    prefer,
)
from acd.wishes import ActionRefused
from telephony.events import AgentState, CallStage, PlaceChanged, PlaceWished, QueueEnd

#: Highest priority that can be given; the bound of the rule language.
HIGHEST = 1000
#: Seconds for which a contact is kept for the agent whom a person has named.
HOLD = 600.0
#: Why a contact in this stage has no place that could be changed: stable codes.
NOT_WAITING = {
    CallStage.OFFERED: "being_offered",
    CallStage.CALLING: "being_offered",
    CallStage.TALKING: "talking",
}


def place_wished(domain: Domain, event: PlaceWished) -> None:
    """Change what is asked for, all of it or nothing; an offer follows at once if it can.

    Raises:
        ActionRefused: ``unknown_contact``; ``being_offered``, ``talking``, ``not_waiting``;
            ``nothing_asked``; ``unknown_queue``, ``same_queue``, ``called_back``,
            ``unknown_priority``, ``unknown_agent``, ``do_not_route``, ``agent_signed_out``.
    """
    contact = check_place(domain, event)
    if event.queue is not None:
        _change_queue(domain, contact, event)
    if event.priority is not None:
        contact.priority = _number(domain, event.priority)
    if event.preferred is not None:
        _change_agent(domain, contact, event)
    domain.touch(contact)
    domain.record(
        PlaceChanged(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            priority=contact.priority,
            preferred=contact.preferred,
            author=event.author,
        )
    )
    if contact.channel:
        keep_entry(domain, contact)


def check_place(domain: Domain, event: PlaceWished) -> Contact:
    """The contact whose place can be changed so. Raises ActionRefused as ``place_wished``."""
    contact = domain.contacts.get(event.contact)
    if contact is None:
        raise ActionRefused("unknown_contact", f"there is no contact {event.contact} on the line")
    if contact.stage not in (CallStage.WAITING, CallStage.CALLBACK):
        code = NOT_WAITING.get(contact.stage, "not_waiting")
        raise ActionRefused(code, f"contact {contact.id} is in the stage {contact.stage.value}")
    if event.priority is None and event.queue is None and event.preferred is None:
        raise ActionRefused("nothing_asked", "name a priority, a queue or an agent")
    if event.queue is not None and event.queue not in domain.company.queues:
        raise ActionRefused("unknown_queue", f"there is no queue {event.queue}")
    if event.queue is not None and contact.promised:
        raise ActionRefused("called_back", f"contact {contact.id} is to be called back")
    if event.queue == contact.queue:
        raise ActionRefused("same_queue", f"contact {contact.id} waits in {event.queue} already")
    if event.priority is not None:
        _number(domain, event.priority)
    if event.preferred:
        _check_agent(domain, contact, event.preferred)
    return contact


def _number(domain: Domain, priority: int | str) -> int:
    try:
        number = domain.company.priority_of(priority)
    except KeyError:
        raise ActionRefused("unknown_priority", f"there is no class {priority}") from None
    if not 0 <= number <= HIGHEST:
        raise ActionRefused("unknown_priority", f"a priority is a number from 0 to {HIGHEST}")
    return number


def _check_agent(domain: Domain, contact: Contact, agent_id: str) -> None:
    agent = domain.agents.get(agent_id)
    if agent is None:
        raise ActionRefused("unknown_agent", f"there is no agent {agent_id}")
    if agent_id in contact.requirement.avoid:
        raise ActionRefused("do_not_route", f"{agent_id} is never brought together with them")
    if agent.state is AgentState.SIGNED_OUT:
        raise ActionRefused("agent_signed_out", f"agent {agent_id} is signed out")


def _change_queue(domain: Domain, contact: Contact, event: PlaceWished) -> None:
    """Into another queue with the place; what the new queue's rules say replaces the old."""
    assert event.queue is not None
    domain.end_entry(contact, QueueEnd.OVERFLOWED, event.author)
    leave_queue(domain, contact)
    place(domain, contact, event.queue, why=event.author, place=contact.queued)
    domain.placed.remove(contact.id)  # whom a person sends there no limit turns away


def _change_agent(domain: Domain, contact: Contact, event: PlaceWished) -> None:
    """A person's wish: without regard to skills, and waited for while the agent is at work."""
    assert event.preferred is not None
    if not event.preferred:
        contact.preferred = contact.preferred_by = ""
        hold_over(domain, contact)
        return
    at_work = domain.agents[event.preferred].state in WORTH_WAITING
    prefer(domain, contact, event.preferred, by=event.author, wait=HOLD if at_work else 0.0)
