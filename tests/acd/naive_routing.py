"""The router's rules in a few plain lines that look at everybody each time: the reference.

Also the straightforward scan that ``bench/routing.py`` measures the index against.
"""

from collections.abc import Iterable, Mapping

from acd.agent import Agent
from acd.company import Company
from acd.contact import Contact
from acd.domain import Domain
from acd.requirement import Requirement
from acd.routing import Match
from acd.rules import Strategy
from acd.strategies import draw
from telephony.events import AgentState, CallStage

QUEUED = (CallStage.WAITING, CallStage.OFFERED, CallStage.CALLBACK, CallStage.CALLING)


def urgency(contact: Contact, now: float) -> tuple[object, ...]:
    waited = now - contact.queued
    against_target = -waited / contact.threshold
    fresh = (-contact.priority, against_target, contact.queued, contact.id)
    if waited >= contact.aging:
        return (0, contact.queued + contact.aging, *fresh)
    return (1, *fresh)


def has_skills(requirement: Requirement, agent: str, skills: Mapping[str, int]) -> bool:
    def every(wanted: Iterable[tuple[str, int]]) -> bool:
        return all(skills.get(skill, 0) >= level for skill, level in wanted)

    if agent in requirement.avoid:
        return False
    one_of = not requirement.any or any(skills.get(s, 0) >= level for s, level in requirement.any)
    return (every(requirement.every) and one_of) or any(map(every, requirement.others))


def may_be_preferred(contact: Contact, company: Company) -> bool:
    """Could the preferred agent serve this contact? A person's wish needs no skills."""
    profile = company.agents.get(contact.preferred)
    if profile is None or profile.id in contact.requirement.avoid:
        return False
    by_rule = contact.preferred_by.startswith("rule:")
    return not by_rule or has_skills(contact.requirement, profile.id, profile.skills)


def may_serve(contact: Contact, agent: str, company: Company, now: float) -> bool:
    """May this agent, in whatever state, take this contact now?"""
    if contact.preferred and may_be_preferred(contact, company):
        if agent == contact.preferred:
            return True
        if now < contact.preferred_until:
            return False
    return has_skills(contact.requirement, agent, company.agent(agent).skills)


def next_pair(
    contacts: Mapping[str, Contact], agents: Mapping[str, Agent], company: Company, now: float
) -> tuple[str, str] | None:
    """The next pair to bring together."""
    free = [a for a in agents.values() if a.state is AgentState.READY and a.reachable]
    if not free:
        return None
    waiting = [contact for contact in contacts.values() if contact.waits]
    for contact in sorted(waiting, key=lambda contact: urgency(contact, now)):
        able = [agent for agent in free if may_serve(contact, agent.id, company, now)]
        if able:
            return contact.id, choose(contact, able, contacts, agents, company).id
    return None


def choose(
    contact: Contact,
    able: list[Agent],
    contacts: Mapping[str, Contact],
    agents: Mapping[str, Agent],
    company: Company,
) -> Agent:
    """Who of several gets the contact."""
    for agent in able:
        if agent.id == contact.preferred and may_be_preferred(contact, company):
            return agent
    strategy = company.queue(contact.queue).strategy
    if strategy is Strategy.RANDOM:
        return drawn(contact, able, company)
    asked = [*contact.requirement.every, *contact.requirement.any]
    order = list(company.agents)

    def value(agent: Agent) -> float:
        skills = company.agent(agent.id).skills
        match strategy:
            case Strategy.BEST_SKILLED:
                return -sum(skills.get(skill, 0) for skill, _ in asked)
            case Strategy.LEAST_OCCUPIED:
                there = agent.since - agent.signed_in - agent.away
                return agent.busy / there if there > 0 else 0.0
            case Strategy.FEWEST_CALLS:
                return agent.calls
            case Strategy.ROUND_ROBIN:
                return agent.turn
            case Strategy.LINEAR:
                return order.index(agent.id)
            case Strategy.SPARE_FLEXIBLE:
                return sum(pressure(skill, contacts, agents, company) for skill in skills)
            case _:
                return 0

    if strategy is Strategy.SPARE_FLEXIBLE:
        able = sorted(able, key=lambda agent: (agent.idle_since, agent.id))[:32]
    return min(able, key=lambda agent: (value(agent), agent.idle_since, agent.id))


def pressure(
    skill: str, contacts: Mapping[str, Contact], agents: Mapping[str, Agent], company: Company
) -> float:
    """Contacts that need a skill, and one to come, per free agent who has it."""
    load = 1
    for contact in contacts.values():
        if contact.stage in (*QUEUED, CallStage.TALKING):
            asked = (*contact.requirement.every, *contact.requirement.any)
            load += sum(name == skill for name, _ in asked)
    free = sum(
        agent.state is AgentState.READY
        and agent.reachable
        and skill in company.agent(agent.id).skills
        for agent in agents.values()
    )
    return load / max(1, free)


def drawn(contact: Contact, able: list[Agent], company: Company) -> Agent:
    """The agents stand in a row, each as broad as the weight; the draw is a point of the row."""
    weights = {agent.id: round(company.agent(agent.id).weight * 1000) for agent in able}
    row = sorted(able, key=lambda agent: (weights[agent.id], agent.id))
    point = draw(contact.id, contact.offer + 1) * sum(weights.values()) >> 64
    for agent in row:
        if point < weights[agent.id]:
            return agent
        point -= weights[agent.id]
    raise AssertionError("the point lies in the row")


def position(contact: Contact, contacts: Mapping[str, Contact], now: float) -> int:
    """1-based place in the contact's own queue."""
    queue = [c for c in contacts.values() if c.queue == contact.queue and c.stage in QUEUED]
    queue.sort(key=lambda other: urgency(other, now))
    return 1 + [other.id for other in queue].index(contact.id)


def could_serve(
    agent: str, contacts: Mapping[str, Contact], company: Company, now: float
) -> list[str]:
    """Waiting contacts that this agent may take, the most urgent first."""
    waiting = [c for c in contacts.values() if c.waits and may_serve(c, agent, company, now)]
    return [contact.id for contact in sorted(waiting, key=lambda c: urgency(c, now))]


def shadow(domain: Domain) -> None:
    """From now on each decision of this domain's router must be the reference's too."""
    router = domain.router
    decide = router.next_match

    def both(now: float) -> Match | None:
        wanted = next_pair(domain.contacts, domain.agents, domain.company, now)
        match = decide(now)
        assert (match and (match.contact, match.agent)) == wanted, "the router lost its step"
        return match

    router.next_match = both  # type: ignore[method-assign]
