"""The reason that is stored with each decision: plain values, made to be cheap and to be read.

Keys (those with a ? only where there is something to say):

``rule``            the queue's strategy, or ``preferred`` when a preferred agent was free
``queue``, ``priority``, ``threshold``, ``waited``, ``ring``
``aged``            the contact had waited so long that it went above all priorities
``requires``        {skill: minimum level} of all that is needed; ``any``?, ``others``?, ``avoid``?
``preferred``?      {"agent", "by", "held"}: held means that nobody else was allowed yet
``considered``      the chosen agent, then the next best: {"agent", "idle", "levels"} and the
                    strategy's number by its name
``free``            how many agents were free and able
``not_considered``? in a company of up to ``SMALL`` agents: {"agent", "why"}, the codes of
                    ``acd.routing.obstacle``
``passed_over``?    in a larger one: how many by kind: ``skills``, ``do_not_route``, ``not_free``
``agents``          how many there are
``order``?          when an agent had become free: ``waiting`` contacts that this agent could
                    serve, and the ``next`` of them with its priority and wait
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from acd.contact import Contact
from acd.roster import Roster, Seat
from acd.signature import Entry, Signature
from acd.strategies import VALUE_NAMES, shown
from telephony.events import AgentState

#: With so many agents or fewer a reason names everybody.
SMALL = 50
#: How many considered agents a reason lists in a small and in a larger company.
ROWS, ROWS_OF_MANY = 20, 5


@dataclass(slots=True)
class Turn:
    """How the contact came to be the next for an agent who had become free."""

    waiting: int  # contacts that the agent could serve
    runner_up: Contact | None


@dataclass(slots=True)
class Choice:
    """The agent for a contact, and who else was looked at."""

    contact: Contact
    signature: Signature
    seat: Seat
    rows: Sequence[Entry]  # the chosen one first
    held: bool
    preferred: bool
    free: int  # bitset
    count: int  # of it


def thousandths(seconds: float) -> float:
    """Seconds to the millisecond; several times faster than ``round``."""
    return int(seconds * 1000) / 1000


def rows_for(roster: Roster) -> int:
    """How many considered agents a reason of this company lists."""
    return ROWS if len(roster.seats) <= SMALL else ROWS_OF_MANY


def reason_of(roster: Roster, choice: Choice, turn: Turn | None, now: float) -> dict[str, Any]:
    """The reason of one decision, JSON-ready. Shared parts of it must not be changed."""
    contact, signature = choice.contact, choice.signature
    requirement = signature.requirement
    waited = now - contact.queued
    reason: dict[str, Any] = {
        "rule": "preferred" if choice.preferred else signature.rule,
        "queue": contact.queue,
        "requires": signature.requires,
        "priority": contact.priority,
        "threshold": contact.threshold,
        "ring": contact.ring,
        "aged": waited >= contact.aging,
        "waited": thousandths(waited),
        "considered": _considered(roster, choice, now),
        "free": choice.count,
        "agents": len(roster.seats),
    }
    if requirement.any or requirement.others or requirement.avoid:
        plain = requirement.plain()
        plain.pop("every", None)
        reason |= plain
    if choice.preferred:
        reason["preferred"] = {
            "agent": contact.preferred,
            "by": contact.preferred_by,
            "held": choice.held,
        }
    if len(roster.seats) <= SMALL:
        reason["not_considered"] = _not_considered(roster, choice)
    else:
        reason["passed_over"] = _passed_over(roster, choice)
    if turn is not None:
        reason["order"] = _order(turn, now)
    return reason


def _considered(roster: Roster, choice: Choice, now: float) -> list[dict[str, Any]]:
    signature, seats = choice.signature, roster.seats
    strategy, asked = signature.strategy, signature.asked
    name = VALUE_NAMES.get(strategy)
    rows: list[dict[str, Any]] = []
    for value, idle, number, _ in choice.rows:
        seat = seats[number]
        skills = seat.skills
        levels = {}
        for skill in asked:
            levels[skill] = skills.get(skill, 0)
        row = {"agent": seat.id, "idle": int((now - idle) * 1000) / 1000, "levels": levels}
        if name:
            row[name] = shown(strategy, value, seat)
        rows.append(row)
    return rows


def _not_considered(roster: Roster, choice: Choice) -> list[dict[str, str]]:
    """Everybody who was not free and able, with a code; who was, but not listed, is no such."""
    rows: list[dict[str, str]] = []
    requirement, able, free = choice.signature.requirement, choice.signature.able, choice.free
    for seat in roster.seats:
        if free & seat.bit:
            continue
        if not able & seat.bit:
            why = requirement.obstacle(seat.id, seat.skills)
        elif not seat.ready:
            agent = seat.agent
            why = "no_phone" if agent.state is AgentState.READY else agent.state.value
        else:
            why = "held"
        rows.append({"agent": seat.id, "why": why})
    return rows


def _passed_over(roster: Roster, choice: Choice) -> dict[str, int]:
    signature = choice.signature
    if signature.unable < 0:
        signature.unable = len(roster.seats) - signature.able.bit_count()
    unable = signature.unable
    counts = {"skills": unable, "not_free": len(roster.seats) - unable - choice.count}
    if avoid := signature.requirement.avoid:
        avoided = sum(name in roster.by_id for name in avoid)
        counts |= {"skills": unable - avoided, "do_not_route": avoided}
    return counts


def _order(turn: Turn, now: float) -> dict[str, Any]:
    order: dict[str, Any] = {"waiting": turn.waiting}
    if other := turn.runner_up:
        order["next"] = {
            "contact": other.id,
            "queue": other.queue,
            "priority": other.priority,
            "waited": thousandths(now - other.queued),
        }
    return order
