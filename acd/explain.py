"""Why is this caller still waiting, and why not this agent: answers from the state at hand. Pure.

Why an agent was chosen is stored with each decision (``acd/reason.py``). Here the same facts answer
the two questions that people ask between decisions; every answer is a code with its values, which
``dashboards/explanations.py`` turns into sentences.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from acd.agent import Agent
from acd.company import facts_of
from acd.contact import Contact
from acd.domain import Domain
from acd.limits import exit_word
from acd.rules import holds
from acd.standing import QUEUED, is_held, obstacle
from telephony.events import AgentState, CallStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """One part of an answer: a stable code and its values (seconds, ids, counts)."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """An agent and what stands between them and the contact; ``code`` "" when nothing does.

    Codes: those of ``Requirement.obstacle``; an ``AgentState`` other than ready; ``no_phone``;
    ``held:AGENT`` (another agent is waited for); ``stage:STAGE`` (the contact wants nobody now).
    """

    agent: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyWaiting:
    """Why a contact is still waiting, most telling first, and every agent's obstacle."""

    contact: str
    at: float  # Unix seconds
    queue: str
    stage: CallStage
    position: int  # 1-based; 0 when it is not queued
    waited: float  # seconds that count for its place
    clues: Sequence[Clue]
    agents: Sequence[WhyNot]


def why_waiting(domain: Domain, contact: Contact, now: float) -> WhyWaiting:
    """Why nobody has this contact yet."""
    agents = [why_not(domain, contact, agent, now) for agent in domain.agents.values()]
    queued = bool(contact.queued) and contact.stage in QUEUED
    return WhyWaiting(
        contact=contact.id,
        at=now,
        queue=contact.queue,
        stage=contact.stage,
        position=domain.router.position(contact, now) if queued else 0,
        waited=now - contact.queued if queued else 0.0,
        clues=tuple(_clues(domain, contact, now)) if queued else (_elsewhere(contact),),
        agents=tuple(agents),
    )


def why_not(domain: Domain, contact: Contact, agent: Agent, now: float) -> WhyNot:
    """What keeps this agent from this contact now."""
    if not contact.waits:
        return WhyNot(agent=agent.id, code=f"stage:{contact.stage}")
    code = obstacle(contact, agent, domain.company, now)
    return WhyNot(agent=agent.id, code=f"held:{contact.preferred}" if code == "held" else code)


def why_not_then(reason: Mapping[str, Any], agent: str) -> str | None:
    """Why a stored decision did not fall on this agent, as a code; ``None`` when it does not say.

    Besides the codes of ``WhyNot``: ``chosen``; ``later:PLACE`` (free and able, but others came
    first by the rule). A reason of a large company names only the best; the rest is counted.
    """
    for place, row in enumerate(reason.get("considered", ()), 1):
        if row.get("agent") == agent:
            return "chosen" if place == 1 else f"later:{place}"
    for row in reason.get("not_considered", ()):
        if row.get("agent") == agent:
            return str(row.get("why", ""))
    return None


def _elsewhere(contact: Contact) -> Clue:
    return Clue(code="not_waiting", values={"stage": contact.stage.value, "agent": contact.agent})


def _clues(domain: Domain, contact: Contact, now: float) -> Iterator[Clue]:
    yield from _in_hand(contact, now)
    if is_held(contact, domain.company, now):
        left = contact.preferred_until - now
        values = {"agent": contact.preferred, "seconds": left, "by": contact.preferred_by}
        yield Clue(code="held", values=values)
    yield from _who_could(domain, contact)
    if ahead := domain.router.position(contact, now) - 1:
        yield Clue(code="ahead", values={"count": ahead})
    if contact.requirement.avoid:
        yield Clue(code="avoid", values={"agents": list(contact.requirement.avoid)})
    yield from _to_come(domain, contact, now)


def _in_hand(contact: Contact, now: float) -> Iterator[Clue]:
    """What is being done for the contact at this moment."""
    if contact.stage is CallStage.OFFERED:
        values = {"agent": contact.agent, "seconds": now - contact.offered}
        yield Clue(code="ringing", values=values)
    elif contact.stage is CallStage.CALLING:
        yield Clue(code="calling_back", values={"agent": contact.agent})
    elif contact.engaged:
        yield Clue(code="on_another_call")
    elif contact.not_before > now:
        values = {"seconds": contact.not_before - now, "attempts": contact.attempts}
        yield Clue(code="next_attempt", values=values)
    elif contact.doubtful:
        yield Clue(code="being_looked_for")


def _who_could(domain: Domain, contact: Contact) -> Iterator[Clue]:
    able = domain.router.able(contact.requirement)
    states = Counter(domain.agents[agent].state for agent in able if agent in domain.agents)
    there = sum(states.values()) - states[AgentState.SIGNED_OUT]
    if not able:
        yield Clue(code="nobody_able", values={"requires": contact.requirement.plain()})
    elif not there:
        yield Clue(code="nobody_signed_in", values={"able": len(able)})
    elif not states[AgentState.READY]:
        values = {state.value: states[state] for state in AgentState}
        yield Clue(code="all_busy", values={"able": there, **values})


def _to_come(domain: Domain, contact: Contact, now: float) -> Iterator[Clue]:
    """What the rules will change if the wait goes on."""
    queue = domain.company.queue(contact.queue)
    waited = now - contact.queued
    facts = facts_of(contact.queue, contact.language, contact.attributes)
    for number, ring in enumerate(queue.rings, 1):
        if number > contact.ring and ring.after > waited and holds(ring.when, facts):
            values = {"seconds": ring.after - waited, "ring": number}
            code = "next_overflow" if ring.overflow else "next_ring"
            yield Clue(code=code, values={**values, "queue": ring.overflow or ""})
            break
    if waited < contact.aging:
        yield Clue(code="aging", values={"seconds": contact.aging - waited})
    elif contact.stage is CallStage.WAITING:
        yield Clue(code="aged")
    limit = queue.limits.wait
    if contact.stage is CallStage.WAITING:
        left = contact.entered + limit.max - now
        yield Clue(code="limit", values={"seconds": max(0.0, left), "exit": exit_word(limit.exit)})
