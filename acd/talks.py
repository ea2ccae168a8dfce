"""Talks: from the agent's answer to the parting, the caller's goodbye and the agent's wrap-up."""

from acd.agent import Agent
from acd.callbacks import callback_answered, callback_leg_gone, hung_up_again
from acd.consults import agent_leaves, colleague_leg_gone, consult_over_with_caller
from acd.contact import Contact
from acd.domain import Domain
from acd.offers import end_offer, forget_timers
from acd.parting import begin_wrap_up, leave_talk
from acd.placing import leave_queue
from telephony.events import (
    AgentAnswered,
    CallStage,
    ContactAnswered,
    LegHungUp,
    OfferEnd,
    PairParted,
    Party,
    QueueEnd,
)

#: Stages in which an agent is reserved for a contact.
BEING_OFFERED = frozenset({CallStage.OFFERED, CallStage.CALLING})
#: A caller who hangs up within so many seconds of queueing has not really waited.
SHORT_ABANDON = 5.0


def agent_answered(domain: Domain, event: AgentAnswered) -> None:
    """An agent's leg was answered: by our offer, or by the fallback queue's ring."""
    contact, agent = domain.contacts.get(event.contact), domain.agents.get(event.agent)
    if contact is None or agent is None or contact.stage is CallStage.TALKING:
        domain.stray("AgentAnswered")
        return
    if contact.stage in BEING_OFFERED and contact.agent != agent.id:
        end_offer(domain, contact, OfferEnd.NOT_LANDED)
    pair(domain, contact, agent, event.offer, event.channel)


def pair(domain: Domain, contact: Contact, agent: Agent, offer: int, leg: str = "") -> None:
    """Agent and caller talk; if that was not our offer, the talk is adopted.

    ``offer`` is the number under which the dialplan made the connection, and records it; ``leg``
    the agent's channel.
    """
    ours = contact.stage in BEING_OFFERED and contact.agent == agent.id
    happened = "answered" if ours else "adopted"
    if not domain.move(contact, happened):
        return
    contact.agent, contact.answered, contact.parted = agent.id, domain.now, 0.0
    contact.leg, contact.held = leg, 0.0
    contact.count = max(contact.count, contact.offer, offer)
    agent.contact, agent.queue = contact.id, contact.queue
    contact.offer = contact.offer if ours else offer
    forget_timers(domain, contact)
    domain.record(
        ContactAnswered(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            agent=agent.id,
            offer=contact.offer,
            waited=max(0.0, domain.now - contact.entered),
            adopted=not ours,
        )
    )
    domain.end_entry(contact, QueueEnd.ANSWERED)
    if contact.promised:
        callback_answered(domain, contact)
    leave_queue(domain, contact)
    domain.served.note(contact.caller, agent.id, domain.now)
    domain.change(agent, happened, reason=contact.queue, author="rule:answer")


def pair_parted(domain: Domain, event: PairParted) -> None:
    """The dialplan says that the talk is over, and who ended it."""
    contact = domain.contacts.get(event.contact)
    if contact and contact.stage is CallStage.TALKING:
        part(domain, contact, event.by)
    else:
        domain.stray("PairParted")


def part(domain: Domain, contact: Contact, by: Party) -> None:
    """The talk is over, whoever took part in it."""
    consult_over_with_caller(domain, contact, hang_up=by is not Party.AGENT)
    domain.move(contact, "parted")
    leave_talk(domain, contact, by)


def leg_hung_up(domain: Domain, event: LegHungUp) -> None:
    """A channel is gone: the caller's ends the contact, the agent's begins the wrap-up."""
    contact = domain.contacts.get(event.contact)
    if contact is None:
        domain.stray("LegHungUp")
    elif contact.stage in (CallStage.CALLBACK, CallStage.CALLING):
        callback_leg_gone(domain, contact, event)
    elif event.channel == contact.channel and not event.agent:
        caller_gone(domain, contact, event.cause)
    elif contact.stage is CallStage.TALKING:
        _leg_of_talk_gone(domain, contact, event)


def _leg_of_talk_gone(domain: Domain, contact: Contact, event: LegHungUp) -> None:
    consult = contact.consult
    if consult and (event.channel == consult.leg or event.agent == consult.agent != ""):
        colleague_leg_gone(domain, contact)
    elif event.agent and contact.agent == event.agent:
        if consult:
            agent_leaves(domain, contact)
            return
        contact.parted = contact.parted or domain.now
        domain.touch(contact)
        begin_wrap_up(domain, domain.agents[event.agent], contact)


def caller_gone(
    domain: Domain,
    contact: Contact,
    cause: int,
    note: str = "",
    by: Party = Party.CALLER,
) -> None:
    """The caller's channel is gone, whatever was going on (``cause`` as in Q.850, 0 unknown).

    ``by`` is who ended the talk, if there was one: ``SYSTEM`` when nobody saw it end.
    """
    stage = contact.stage
    if contact.promised and stage in (CallStage.WAITING, CallStage.OFFERED):
        hung_up_again(domain, contact)
        return
    if stage is CallStage.OFFERED:
        end_offer(domain, contact, OfferEnd.CALLER_GONE)
    if stage in (CallStage.WAITING, CallStage.OFFERED):
        short = domain.now - contact.entered < SHORT_ABANDON
        domain.end_entry(contact, QueueEnd.SHORT_ABANDONED if short else QueueEnd.ABANDONED, note)
        leave_queue(domain, contact)
    if stage is CallStage.TALKING:
        part(domain, contact, by)
    contact.stage = stage  # what the contact's end reports
    domain.end_contact(contact, cause, note)
