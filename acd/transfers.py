"""Transfers: what people want done with the caller of a talk, granted or refused. Pure.

*Blind*: the caller leaves the agent at once, for a queue, an agent, a node of the menu or a number
outside. *Attended*: the agent asks somebody first (``acd/consults.py``). The contact stays the same
contact; the agent's wrap-up begins as after any talk.
"""

from acd.agent import Agent
from acd.consults import begin_consult, gather, go_back, take_over
from acd.contact import ConsultStage, Contact
from acd.domain import Domain
from acd.parting import leave_talk, record_transfer
from acd.placing import place, prefer
from acd.strategies import VALUES
from acd.wishes import ActionRefused
from telephony.commands import GoOutside, PassOutside, PassToMenu, ReturnToWaiting
from telephony.events import (
    AgentState,
    CallStage,
    ConsultStep,
    ConsultStepWished,
    OutsideChosen,
    OutsideReturned,
    Party,
    TransferTarget,
    TransferWished,
)
from telephony.numbers import is_allowed

#: Seconds for which a caller passed on to an agent waits for that one alone.
HOLD_FOR_AGENT = 30.0
#: Seconds for which a phone outside rings.
RING_OUTSIDE = 40


def transfer_wished(domain: Domain, event: TransferWished) -> None:
    """Pass a caller on, or ask first.

    Raises:
        ActionRefused: ``no_talk``, ``not_yours``, ``consulting`` (a second voice is there
            already), ``moving`` (its channel is not known yet), ``unknown_agent``,
            ``unknown_queue``, ``queue_closed``, ``unknown_node``, ``same_agent``,
            ``agent_signed_out``, ``agent_not_free``, ``nobody_free``, ``do_not_route``,
            ``number_not_allowed``, ``not_attended`` (a menu cannot be asked).
    """
    contact = _talk(domain, event.contact, event.author)
    if contact.consult:
        raise ActionRefused("consulting", "somebody else is on this call already")
    _check(domain, contact, event)
    if event.attended:
        _ask_first(domain, contact, event)
    else:
        _pass_on(domain, contact, event)


def consult_step_wished(domain: Domain, event: ConsultStepWished) -> None:
    """A consultation goes on as the agent wants.

    Raises:
        ActionRefused: ``no_talk``, ``not_yours``, ``no_consult``, ``not_answered`` (the colleague's
            phone still rings), ``in_conference``.
    """
    contact = _talk(domain, event.contact, event.author)
    consult = contact.consult
    if consult is None:
        raise ActionRefused("no_consult", "nobody is asked")
    if consult.stage in (ConsultStage.CONFERENCE, ConsultStage.GATHERING):
        raise ActionRefused("in_conference", "all three talk already")
    if event.step is ConsultStep.CANCEL:
        go_back(domain, contact, consult)
        return
    if consult.stage is ConsultStage.RINGING:
        raise ActionRefused("not_answered", "nobody has answered yet")
    step = take_over if event.step is ConsultStep.COMPLETE else gather
    step(domain, contact, consult)


def _talk(domain: Domain, contact_id: str, author: str) -> Contact:
    """The talk that this person may act on."""
    contact = domain.contacts.get(contact_id)
    if contact is None or contact.stage is not CallStage.TALKING or contact.parted:
        raise ActionRefused("no_talk", "this contact does not talk to an agent")
    if author.startswith("agent:") and author != f"agent:{contact.agent}":
        raise ActionRefused("not_yours", "another agent talks with this caller")
    return contact


# --- checks --------------------------------------------------------------------------------------


def _check(domain: Domain, contact: Contact, event: TransferWished) -> None:
    if event.attended and not contact.leg:
        raise ActionRefused("moving", "the agent's phone is not known yet: try again in a moment")
    match event.target:
        case TransferTarget.AGENT:
            _check_agent(domain, contact, event)
        case TransferTarget.QUEUE:
            _check_queue(domain, event.to)
        case TransferTarget.NODE:
            if event.attended:
                raise ActionRefused("not_attended", "a menu cannot be asked")
            if not domain.is_node(event.to):
                raise ActionRefused("unknown_node", f"the menu has no node {event.to}")
        case TransferTarget.OUTSIDE:
            if not is_allowed(event.to, domain.company.routing.outside):
                raise ActionRefused("number_not_allowed", "routing.yaml does not allow this number")


def _check_queue(domain: Domain, name: str) -> None:
    queue = domain.company.queues.get(name)
    if queue is None:
        raise ActionRefused("unknown_queue", f"there is no queue {name}")
    if queue.limits.closed and not domain.is_open(queue.hours, domain.now):
        raise ActionRefused("queue_closed", f"{name} is closed now")


def _check_agent(domain: Domain, contact: Contact, event: TransferWished) -> None:
    agent = domain.agents.get(event.to)
    if agent is None:
        raise ActionRefused("unknown_agent", f"there is no agent {event.to}")
    if agent.id == contact.agent:
        raise ActionRefused("same_agent", f"agent {agent.id} has this caller")
    if agent.id in contact.requirement.avoid:
        raise ActionRefused("do_not_route", f"agent {agent.id} must not serve this caller")
    if agent.state is AgentState.SIGNED_OUT:
        raise ActionRefused("agent_signed_out", f"agent {agent.id} is signed out")
    if event.attended and not _is_free(agent):
        raise ActionRefused("agent_not_free", f"agent {agent.id} is {agent.state}")


def _is_free(agent: Agent) -> bool:
    return agent.state is AgentState.READY and agent.reachable


# --- at once -------------------------------------------------------------------------------------


def _pass_on(domain: Domain, contact: Contact, event: TransferWished) -> None:
    target = event.target.value
    record_transfer(domain, contact, how="blind", target=target, to=event.to, author=event.author)
    waited = max(0.0, contact.answered - contact.queued)
    leave_talk(domain, contact, Party.AGENT)
    contact.agent, contact.parted = "", 0.0
    match event.target:
        case TransferTarget.QUEUE:
            _to_queue(domain, contact, event.to, waited)
        case TransferTarget.AGENT:
            _to_queue(domain, contact, contact.queue, waited)
            prefer(domain, contact, event.to, by=event.author, wait=HOLD_FOR_AGENT)
        case TransferTarget.NODE:
            domain.move(contact, "to_menu")
            domain.order(PassToMenu(contact=contact.id, channel=contact.channel, node=event.to))
        case TransferTarget.OUTSIDE:
            domain.move(contact, "to_outside")
            domain.order(
                PassOutside(
                    contact=contact.id,
                    channel=contact.channel,
                    number=event.to,
                    ring=RING_OUTSIDE,
                )
            )


def _to_queue(domain: Domain, contact: Contact, queue: str, waited: float) -> None:
    """Into a queue, with the share of the former wait that it grants."""
    domain.move(contact, "transferred")
    credit = waited * domain.company.queue(queue).transfer_credit
    place(domain, contact, queue, why="transfer", place=domain.now - credit)
    domain.passed_on.append(contact.id)


def bring_to_waiting(domain: Domain) -> None:
    """Callers who came out of a talk in this decision and got no agent go to the waiting loop.

    Comes after the matching: an offer takes its caller out of the talk by itself.
    """
    for name in domain.passed_on:
        contact = domain.contacts.get(name)
        if contact and contact.stage is CallStage.WAITING:
            domain.order(ReturnToWaiting(contact=contact.id, channel=contact.channel))


def outside_chosen(domain: Domain, event: OutsideChosen) -> None:
    """The menu puts a caller through; a number that may not be called is as one that is silent."""
    contact = domain.contacts.get(event.contact)
    if contact is None:
        domain.stray("OutsideChosen")
        return
    if not domain.move(contact, "to_outside"):
        return
    contact.queue, contact.queued = event.queue, domain.now
    contact.language, contact.attributes = event.language, dict(event.attributes)
    if not is_allowed(event.number, domain.company.routing.outside):
        outside_returned(domain, OutsideReturned(contact=contact.id))
        return
    record_transfer(
        domain, contact, how="menu", target="outside", to=event.number, author="rule:menu"
    )
    domain.out.answer = GoOutside(number=event.number, ring=RING_OUTSIDE)


def outside_returned(domain: Domain, event: OutsideReturned) -> None:
    """Nobody outside answered: back to the place that the contact had."""
    contact = domain.contacts.get(event.contact)
    if contact and domain.move(contact, "returned"):
        place(domain, contact, contact.queue, why="outside_failed", place=contact.queued)


# --- after asking --------------------------------------------------------------------------------


def _ask_first(domain: Domain, contact: Contact, event: TransferWished) -> None:
    if event.target is TransferTarget.OUTSIDE:
        begin_consult(domain, contact, "outside", event.to, event.author)
        return
    agent = event.to
    if event.target is TransferTarget.QUEUE:
        agent = _best_free(domain, contact, event.to)
    begin_consult(domain, contact, "agent", agent, event.author)


def _best_free(domain: Domain, contact: Contact, queue: str) -> str:
    """The free agent whom the queue's strategy would choose. Raises ActionRefused."""
    company = domain.company
    requirement = company.requirement(
        queue, contact.language, contact.attributes, caller=contact.caller
    )
    value = VALUES[company.queue(queue).strategy]
    seats = domain.router.roster.by_id
    free = [
        (value(seats[name], requirement), agent.idle_since, name)
        for name in domain.router.able(requirement)
        if name != contact.agent and _is_free(agent := domain.agents[name])
    ]
    if not free:
        raise ActionRefused("nobody_free", f"nobody in {queue} is free")
    return min(free)[2]
