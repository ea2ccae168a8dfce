"""New rules while calls go on: a company replaces the running one, and nobody loses a place.

Waiting contacts keep their place and are asked for anew by the new rules. Who or what is no longer
in the files stays as long as a call needs it: an agent until the call in hand is over, a queue,
with its old rules, until nobody is in it. ``settle`` looks after that on every event while
anything is left.
"""

import dataclasses

from acd.agent import Agent
from acd.company import Company
from acd.contact import Contact
from acd.domain import Domain
from acd.placing import hold_over, keep_entry, open_rings, wait_again
from telephony.commands import CancelWake
from telephony.events import AgentState, AgentWish, CallStage, RulesChanged

#: In these states an agent has a call in hand, or one that is on its way.
_WITH_A_CALL = frozenset({AgentState.OFFERED, AgentState.TALKING})
#: In these stages agents are looked for by the rules of the contact's queue.
_ASKING = frozenset({CallStage.WAITING, CallStage.OFFERED, CallStage.CALLBACK, CallStage.CALLING})


def adopt(domain: Domain, company: Company, *, version: int, author: str) -> None:
    """Put ``company`` in place of the running rules. The matching comes after it.

    Args:
        domain: the state, with a decision begun.
        company: loaded and checked.
        version: number under which these rules are kept.
        author: who changed them.
    """
    old = domain.company
    domain.leaving_agents = {
        name: old.agents[name] for name in domain.agents if name not in company.agents
    }
    domain.leaving_queues = {
        # The new rules may not know the class: its number stays.
        name: queue.model_copy(update={"priority": old.priority_of(queue.priority)})
        for name, queue in old.queues.items()
        if name not in company.queues
    }
    for name in company.agents:
        if name not in domain.agents:
            domain.agents[name] = Agent(name)
            domain.out.agents.add(name)
    domain.record(RulesChanged(at=domain.now, version=version, author=author))
    _use(domain, company)
    for contact in list(domain.contacts.values()):
        if contact.stage in _ASKING and contact.queue in domain.company.queues:
            _ask_anew(domain, contact, old)
    for agent in domain.agents.values():
        domain.mirror(agent)
    settle(domain)


def settle(domain: Domain) -> None:
    """Let go of the agents and queues that have left the files and that no call needs any more."""
    agents = [
        name for name in domain.leaving_agents if domain.agents[name].state not in _WITH_A_CALL
    ]
    for name in agents:
        _let_go(domain, domain.agents[name])
    used = {contact.queue for contact in domain.contacts.values()}
    used |= {agent.queue for agent in domain.agents.values()}
    queues = [name for name in domain.leaving_queues if name not in used]
    for name in queues:
        del domain.leaving_queues[name]
    if agents or queues:
        _use(domain, domain.company, without={*agents, *queues})


def _use(
    domain: Domain, company: Company, without: frozenset[str] | set[str] = frozenset()
) -> None:
    """Go by these rules, and by the old ones for whom and what is still leaving."""
    queues = {**company.queues, **domain.leaving_queues}
    agents = {**company.agents, **domain.leaving_agents}
    domain.company = dataclasses.replace(
        company,
        queues={name: queue for name, queue in queues.items() if name not in without},
        agents={name: agent for name, agent in agents.items() if name not in without},
    )
    domain.reindex()
    domain.router.begin(domain.now)


def _let_go(domain: Domain, agent: Agent) -> None:
    """Sign the agent out and forget them; their history stays."""
    if agent.state is not AgentState.SIGNED_OUT:
        domain.change(agent, AgentWish.SIGN_OUT, reason="removed", author="rule:rules_changed")
    for contact in domain.contacts.values():
        if contact.preferred == agent.id:
            contact.preferred = contact.preferred_by = ""
            hold_over(domain, contact)
    del domain.agents[agent.id], domain.leaving_agents[agent.id]
    domain.out.agents.add(agent.id)


def _ask_anew(domain: Domain, contact: Contact, old: Company) -> None:
    """Requirement, priority and targets by the new rules; the time that counts is kept.

    What somebody has changed for this one contact is kept too: it differs from the old rules.
    """
    rules = domain.company.place_rules(contact.queue, contact.language, contact.attributes)
    before = old.place_rules(contact.queue, contact.language, contact.attributes)
    moved = contact.priority == before.priority != rules.priority
    for name in ("priority", "threshold", "aging"):
        if getattr(contact, name) == getattr(before, name):
            setattr(contact, name, getattr(rules, name))
    opened = domain.company.queue(contact.queue).rings[: contact.ring]
    if opened != old.queue(contact.queue).rings[: contact.ring]:
        contact.ring = 0  # those that are due open again, under the new rules
    contact.requirement = domain.company.requirement(
        contact.queue, contact.language, contact.attributes, contact.ring, contact.caller
    )
    domain.touch(contact)
    domain.order(CancelWake(key=f"widen:{contact.id}"))
    if contact.stage is CallStage.WAITING:
        if moved:
            keep_entry(domain, contact)
        wait_again(domain, contact)
    else:
        open_rings(domain, contact)
