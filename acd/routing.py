"""Who gets whom: the pure choice between waiting contacts and free agents, with its reason.

Two cases, one order. *Agents free*: the contact at hand goes to the eligible agent who has been
idle longest. *Callers waiting*: a freed agent gets the contact with the highest right among all
that this agent may serve: priority first, then the wait measured against the queue's target, so
that no served contact is younger than a waiting one with an equal right. Ties fall to the lower
id, so that the same state always gives the same answer.

Nothing here knows of Asterisk, a store or a clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from acd.agent import Agent
from acd.company import Company
from acd.contact import Contact
from telephony.events import AgentState

#: Reasons list at most so many agents on either side; the rest is only counted.
REASON_LENGTH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A contact and the agent chosen for it, with the reason as it will be shown."""

    contact: str
    agent: str
    reason: Mapping[str, Any]


def obstacle(contact: Contact, agent: Agent, skills: Mapping[str, int]) -> str:
    """Why this agent cannot take this contact now, as a code; "" when nothing is in the way.

    Codes: those of ``Requirement.obstacle``, an ``AgentState`` other than ready, ``no_phone``.
    """
    if lacks := contact.requirement.obstacle(agent.id, skills):
        return lacks
    if agent.state is not AgentState.READY:
        return agent.state.value
    return "" if agent.reachable else "no_phone"


def right(contact: Contact, target: float, now: float) -> tuple[int, float, str]:
    """Sort key of a waiting contact; the smallest is served first.

    Args:
        contact: a waiting contact.
        target: seconds within which its queue promises to answer.
        now: Unix seconds.
    """
    return (-contact.priority, -(now - contact.queued) / target, contact.id)


def in_order(contacts: Iterable[Contact], company: Company, now: float) -> list[Contact]:
    """The contacts in the order in which an agent who may serve all of them would."""
    return sorted(
        contacts, key=lambda contact: right(contact, company.queue(contact.queue).threshold, now)
    )


def match_next(
    waiting: Iterable[Contact], agents: Mapping[str, Agent], company: Company, now: float
) -> Match | None:
    """The next pair to bring together; ``None`` when no free agent may serve anybody who waits."""
    free = [agent for agent in agents.values() if agent.state is AgentState.READY]
    if not free:
        return None
    for contact in in_order(waiting, company, now):
        able = [a for a in free if not obstacle(contact, a, company.agent(a.id).skills)]
        if able:
            able.sort(key=lambda agent: (agent.idle_since, agent.id))
            return Match(
                contact=contact.id,
                agent=able[0].id,
                reason=_reason(contact, able, agents.values(), company, now),
            )
    return None


def _reason(
    contact: Contact,
    able: list[Agent],
    everyone: Iterable[Agent],
    company: Company,
    now: float,
) -> dict[str, Any]:
    chosen = {agent.id for agent in able}
    others = [agent for agent in everyone if agent.id not in chosen]
    return {
        "rule": "longest_idle",
        "queue": contact.queue,
        "requires": dict(contact.requirement.every),
        "priority": contact.priority,
        "waited": round(now - contact.queued, 3),
        "considered": [
            {
                "agent": agent.id,
                "idle": round(now - agent.idle_since, 3),
                "levels": {
                    s: company.agent(agent.id).skills[s] for s, _ in contact.requirement.every
                },
            }
            for agent in able[:REASON_LENGTH]
        ],
        "not_considered": [
            {"agent": agent.id, "why": obstacle(contact, agent, company.agent(agent.id).skills)}
            for agent in others[:REASON_LENGTH]
        ],
        "agents": len(able) + len(others),
    }
