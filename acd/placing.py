"""The one way into a queue and out of it: what a contact gets when it is queued, and keeps.

A place is the priority and the time from which the wait counts. It is never lost: an overflow, a
transfer, a callback or a supervisor moves a contact with its place. The caller of ``place`` has
moved the contact's stage and ended its earlier queue entry.

Timers of a waiting contact: ``widen:ID`` (the next ring), ``preferred:ID`` (the hold for one agent
ends) and ``limit:ID`` (the longest wait).
"""

from collections.abc import Mapping

from acd.agent import Agent
from acd.company import PlaceRules, facts_of
from acd.contact import Contact
from acd.domain import Domain
from acd.rules import Condition, Queue, holds
from telephony.commands import CancelWake, KeepEntry, WakeAt
from telephony.events import (
    AgentState,
    CallStage,
    ContactQueued,
    QueueEnd,
    RequirementWidened,
)

#: Timers that a waiting contact may have; all end with the waiting.
TIMERS = ("widen", "preferred", "limit")
#: An agent in these states may be waited for: the work at hand ends by itself.
WORTH_WAITING = frozenset(
    {AgentState.READY, AgentState.OFFERED, AgentState.TALKING, AgentState.WRAP_UP}
)


def place(
    domain: Domain,
    contact: Contact,
    queue_id: str,
    *,
    why: str = "",
    place: float | None = None,
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Queue a contact: fields by the queue's rules, the event, and the timers of waiting.

    Args:
        queue_id: an existing queue; KeyError otherwise.
        why: "" from the menu; else "overflow", "transfer", "supervisor:NAME", ...; then the entry
            is written anew onto the caller's channel, for a controller that takes over.
        place: Unix seconds from which the wait counts; now when ``None``.
        attributes: new attributes; the contact's own when ``None``.
    """
    if attributes is not None:
        contact.attributes = dict(attributes)
    if why != "overflow":
        contact.been = []
    contact.entered = domain.now
    contact.queued = domain.now if place is None else min(place, domain.now)
    contact.announced = 0.0
    contact.exit = ""
    take_up(domain, contact, queue_id)
    domain.placed.append(contact.id)
    domain.pace.came(contact.queue, domain.now)
    record_place(domain, contact, why)
    if why:
        keep_entry(domain, contact)
    open_rings(domain, contact)


def record_place(domain: Domain, contact: Contact, why: str) -> None:
    """Record the contact's place in its queue, and why it has it (see ``place``)."""
    domain.record(
        ContactQueued(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            language=contact.language,
            priority=contact.priority,
            requires=dict(contact.requirement.every),
            attributes=dict(contact.attributes),
            counts_from=contact.queued if contact.queued < domain.now else 0.0,
            why=why,
            preferred=contact.preferred,
            preferred_by=contact.preferred_by,
        )
    )


def take_up(domain: Domain, contact: Contact, queue_id: str) -> None:
    """Give a contact whose ``entered`` and ``queued`` are set all that the queue's rules say."""
    queue = domain.company.queue(queue_id)
    contact.queue, contact.ring = queue.id, 0
    rules = domain.company.place_rules(queue.id, contact.language, contact.attributes)
    contact.priority, contact.threshold, contact.aging = (
        rules.priority,
        rules.threshold,
        rules.aging,
    )
    _ask_for(domain, contact)
    _prefer_by_rule(domain, contact, queue, rules)
    domain.touch(contact)
    domain.order(WakeAt(key=f"limit:{contact.id}", at=contact.entered + queue.limits.wait.max))


def leave_queue(domain: Domain, contact: Contact) -> None:
    """The waiting is over: so are its timers, and nobody is waited for."""
    for kind in TIMERS:
        domain.order(CancelWake(key=f"{kind}:{contact.id}"))
    contact.preferred_until = 0.0


def wait_again(domain: Domain, contact: Contact) -> None:
    """After a restart or an adoption: the timers are set again, rings already due open."""
    queue = domain.company.queues.get(contact.queue)
    if queue is None or contact.stage not in (CallStage.WAITING, CallStage.CALLBACK):
        return
    if not contact.promised:
        domain.order(WakeAt(key=f"limit:{contact.id}", at=contact.entered + queue.limits.wait.max))
    if contact.preferred_until > domain.now:
        domain.order(WakeAt(key=f"preferred:{contact.id}", at=contact.preferred_until))
    open_rings(domain, contact)


def keep_entry(domain: Domain, contact: Contact) -> None:
    """Write the queue entry onto the caller's channel, for the next controller or for none."""
    domain.order(
        KeepEntry(
            contact=contact.id,
            channel=contact.channel,
            queue=contact.queue,
            queued=contact.queued,
            priority=contact.priority,
            language=contact.language,
            music=domain.company.queue(contact.queue).music,
        )
    )


# --- rings ---------------------------------------------------------------------------------------


def open_rings(domain: Domain, contact: Contact) -> None:
    """Open the rings that are due, and set the timer of the next one.

    A contact that is being offered keeps its rings shut until the offer has ended.
    """
    if contact.stage not in (CallStage.WAITING, CallStage.CALLBACK):
        return
    rings = domain.company.queue(contact.queue).rings
    while contact.ring < len(rings):
        ring = rings[contact.ring]
        due = contact.queued + ring.after
        if due > domain.now:
            domain.order(WakeAt(key=f"widen:{contact.id}", at=due))
            return
        contact.ring += 1
        domain.touch(contact)
        if not fits(ring.when, contact):
            continue
        if ring.overflow is None:
            _widen(domain, contact)
        elif not contact.promised and overflow(domain, contact, ring.overflow):
            return


def fits(condition: Condition, contact: Contact) -> bool:
    """Does a ring's or a rule's condition hold for this contact?"""
    return holds(condition, facts_of(contact.queue, contact.language, contact.attributes))


def _widen(domain: Domain, contact: Contact) -> None:
    _ask_for(domain, contact)
    domain.touch(contact)
    domain.record(
        RequirementWidened(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            ring=contact.ring,
            requires=contact.requirement.plain(),
        )
    )


def _ask_for(domain: Domain, contact: Contact) -> None:
    contact.requirement = domain.company.requirement(
        contact.queue, contact.language, contact.attributes, contact.ring, contact.caller
    )


def overflow(domain: Domain, contact: Contact, queue_id: str, note: str = "") -> bool:
    """Move a waiting contact to another queue with its place.

    False, and nothing changes, when the queue is not there or the contact has been in it: loops
    are refused when rules are read, and this is the guard behind.
    """
    if queue_id not in domain.company.queues or queue_id in (contact.queue, *contact.been):
        return False
    contact.been.append(contact.queue)
    domain.end_entry(contact, QueueEnd.OVERFLOWED, note)
    leave_queue(domain, contact)
    place(domain, contact, queue_id, why="overflow", place=contact.queued)
    return True


# --- the preferred agent -------------------------------------------------------------------------


def prefer(domain: Domain, contact: Contact, agent_id: str, *, by: str, wait: float) -> None:
    """This agent first, and alone for ``wait`` seconds; 0 holds nothing.

    Args:
        by: "rule:NAME" (the skills still count) or the person whose wish it is.
    """
    contact.preferred, contact.preferred_by = agent_id, by
    contact.preferred_until = domain.now + wait if wait else 0.0
    if wait:
        domain.order(WakeAt(key=f"preferred:{contact.id}", at=contact.preferred_until))
    else:
        domain.order(CancelWake(key=f"preferred:{contact.id}"))
    domain.touch(contact)


def _prefer_by_rule(domain: Domain, contact: Contact, queue: Queue, rules: PlaceRules) -> None:
    contact.preferred, contact.preferred_by, contact.preferred_until = "", "", 0.0
    agent_id, by, wait = "", "", 0.0
    if queue.sticky and contact.caller:  # a withheld number is nobody's
        agent_id = domain.served.last_agent(contact.caller, queue.sticky.days, domain.now)
        by, wait = "rule:sticky", queue.sticky.wait
    if rules.preferred:
        agent_id, by, wait = rules.preferred, rules.preferred_by, rules.wait
    if rules.same_agent and not rules.preferred and (same := same_agent(domain, contact.caller)):
        agent_id, by, wait = same, rules.preferred_by, rules.wait
    agent = domain.agents.get(agent_id)
    if agent is None or agent.state is AgentState.SIGNED_OUT or not _may(domain, contact, agent):
        return
    prefer(domain, contact, agent.id, by=by, wait=wait if agent.state in WORTH_WAITING else 0)


def same_agent(domain: Domain, caller: str) -> str:
    """The agent who served this caller within a day and is signed in; "" when there is none."""
    agent = domain.agents.get(domain.served.last_agent(caller, 1, domain.now) if caller else "")
    return agent.id if agent and agent.state is not AgentState.SIGNED_OUT else ""


def led_to(
    domain: Domain, contact: Contact, queue_id: str, attributes: Mapping[str, str]
) -> tuple[str, str]:
    """The queue for which a caller who chose this one is meant by the rules, and by which."""
    rules = domain.company.place_rules(queue_id, contact.language, attributes)
    stays = rules.same_agent and same_agent(domain, contact.caller)
    return (queue_id, "") if stays or not rules.to else (rules.to, rules.to_by)


def _may(domain: Domain, contact: Contact, agent: Agent) -> bool:
    skills = domain.company.agent(agent.id).skills
    return not contact.requirement.obstacle(agent.id, skills)


def hold_over(domain: Domain, contact: Contact) -> None:
    """Nobody is waited for any longer; the preferred agent is still first if free."""
    contact.preferred_until = 0.0
    domain.order(CancelWake(key=f"preferred:{contact.id}"))
    domain.touch(contact)


def release_holds(domain: Domain) -> None:
    """Agents who have just gone away are not waited for: their contacts are free for others."""
    away = {
        agent
        for agent in domain.out.agents
        if agent in domain.agents and domain.agents[agent].state not in WORTH_WAITING
    }
    if not away:
        return
    for contact in domain.contacts.values():
        if contact.preferred in away and contact.preferred_until:
            hold_over(domain, contact)
