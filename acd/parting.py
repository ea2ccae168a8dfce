"""The end of a talk between a caller and one agent: the event, and the agent's wrap-up. Pure."""

from acd.agent import Agent
from acd.contact import Contact
from acd.domain import Domain
from acd.holds import end_hold
from acd.wishes import wrap_up_over
from telephony.commands import WakeAt
from telephony.events import AgentState, ContactTransferred, Party, TalkEnded


def leave_talk(domain: Domain, contact: Contact, by: Party) -> None:
    """The contact's agent and the caller are parted; what the talk was made of is forgotten.

    The talk ended when the agent's leg went, if that was seen before. The contact's offer number
    becomes the highest that was used, so that none is used twice.
    """
    end_hold(domain, contact)
    ended = contact.parted or domain.now
    domain.record(
        TalkEnded(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            agent=contact.agent,
            offer=contact.offer,
            by=by,
            talked=max(0.0, ended - contact.answered - contact.held),
            held=contact.held,
        )
    )
    if agent := domain.agents.get(contact.agent):
        begin_wrap_up(domain, agent, contact)
    contact.talk = contact.offer
    contact.offer = contact.count = max(contact.count, contact.offer)
    contact.leg, contact.held = "", 0.0
    domain.touch(contact)


def record_transfer(
    domain: Domain, contact: Contact, *, how: str, target: str, to: str, author: str
) -> None:
    """The caller is passed on by the agent of the talk that ends now."""
    domain.record(
        ContactTransferred(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            agent=contact.agent,
            offer=contact.offer,
            how=how,
            target=target,
            to=to,
            author=author,
        )
    )


def begin_wrap_up(domain: Domain, agent: Agent, contact: Contact) -> None:
    """Give the agent the queue's time for notes; the timer ends it."""
    if agent.contact == contact.id and agent.state is AgentState.TALKING:
        domain.change(agent, "parted", reason=contact.queue, author="rule:wrap_up")
        agent.misses = agent.extended = 0
        seconds = domain.company.queue(contact.queue).wrap_up
        agent.until = domain.now + seconds
        if seconds:
            domain.order(WakeAt(key=f"wrap_up:{agent.id}", at=agent.until))
        else:
            wrap_up_over(domain, agent)
