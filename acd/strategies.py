"""Which of several free agents gets the contact: one number per strategy, the smallest first.

Ties go to who has been idle longest, then to the lower id. The number does not change while an
agent is ready, so free agents can be kept in order:

==================  ==========================================================================
``longest_idle``    nothing but the idle time
``best_skilled``    the sum of the agent's levels in all skills named in ``every`` and ``any``
``least_occupied``  busy / (time signed in - away), measured when the agent became ready
``fewest_calls``    contacts answered since sign-in
``round_robin``     the number of the agent's last offer among all offers; newcomers first
``linear``          the place in agents.yaml
==================  ==========================================================================

Two strategies look at the moment: ``random`` draws by the agents' weights from a hash of contact
and offer, so that a replay draws the same; ``spare_flexible`` takes, among the ``WINDOW`` who have
been idle longest, the one whose skills are least in demand: for each of the agent's skills the
contacts that need it now (waiting, offered, talking), and one to come, over the free agents who
have it, summed. So of two with equal demand the one with fewer skills is taken. Pure.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from acd.requirement import Requirement
from acd.roster import Roster, Seat
from acd.rules import Strategy

#: ``spare_flexible`` chooses among so many of the longest idle.
WINDOW = 32

#: Under which name a reason tells the strategy's number.
VALUE_NAMES: Mapping[Strategy, str] = {
    Strategy.BEST_SKILLED: "level",
    Strategy.LEAST_OCCUPIED: "occupancy",
    Strategy.FEWEST_CALLS: "calls",
    Strategy.ROUND_ROBIN: "turn",
    Strategy.LINEAR: "line",
    Strategy.RANDOM: "weight",
    Strategy.SPARE_FLEXIBLE: "cost",
}

Value = Callable[[Seat, Requirement], float]


def nothing(seat: Seat, requirement: Requirement) -> float:
    """All are equal: the idle time decides."""
    return 0


def _levels(seat: Seat, requirement: Requirement) -> float:
    skills = seat.skills
    total = 0
    for skill, _ in requirement.every:
        total -= skills.get(skill, 0)
    for skill, _ in requirement.any:
        total -= skills.get(skill, 0)
    return total


def occupancy(seat: Seat, requirement: Requirement) -> float:
    """Share of the time at work that went into contacts, when the agent became ready."""
    agent = seat.agent
    there = agent.since - agent.signed_in - agent.away
    return agent.busy / there if there > 0 else 0.0


def _calls(seat: Seat, requirement: Requirement) -> float:
    return seat.agent.calls


def _turn(seat: Seat, requirement: Requirement) -> float:
    return seat.agent.turn


def _linear(seat: Seat, requirement: Requirement) -> float:
    return seat.linear


VALUES: Mapping[Strategy, Value] = {
    Strategy.LONGEST_IDLE: nothing,
    Strategy.BEST_SKILLED: _levels,
    Strategy.LEAST_OCCUPIED: occupancy,
    Strategy.FEWEST_CALLS: _calls,
    Strategy.ROUND_ROBIN: _turn,
    Strategy.LINEAR: _linear,
    Strategy.RANDOM: nothing,
    Strategy.SPARE_FLEXIBLE: nothing,
}


def shown(strategy: Strategy, value: float, seat: Seat) -> float:
    """The strategy's number as a reason shows it."""
    if strategy is Strategy.BEST_SKILLED:
        return -value
    if strategy is Strategy.RANDOM:
        return seat.weight / 1000
    return round(value, 4) if isinstance(value, float) else value


# --- by weight -----------------------------------------------------------------------------------


def draw(contact: str, offer: int) -> int:
    """64 bits that look random and are always the same for this offer of this contact."""
    seed = f"{contact}:{offer}".encode()
    return int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest(), "big")


def by_weight(roster: Roster, free: int, classes: Sequence[tuple[int, int]], drawn: int) -> Seat:
    """The agent on whom the draw falls: each of ``free`` with its weight's share.

    The free agents stand in a row by (weight, id), each as broad as its weight in thousandths;
    the draw is a point of the row.

    Args:
        roster: the company's agents.
        free: bitset of the candidates, not empty.
        classes: (weight, agents with it), ascending.
        drawn: 64 bits.
    """
    there = [(weight, members) for weight, bits in classes if (members := bits & free)]
    total = sum(weight * members.bit_count() for weight, members in there)
    point = drawn * total >> 64
    for weight, members in there:
        breadth = weight * members.bit_count()
        if point < breadth:
            return roster.seats[nth(members, point // weight)]
        point -= breadth
    raise AssertionError("the point lies in the row")


def weight_classes(roster: Roster) -> list[tuple[int, int]]:
    """(weight, bitset of the agents who have it), ascending."""
    found: dict[int, int] = {}
    for seat in roster.seats:
        found[seat.weight] = found.get(seat.weight, 0) | seat.bit
    return sorted(found.items())


def nth(bits: int, index: int) -> int:
    """The number of the member that has ``index`` others below it; there must be one."""
    base, width = 0, bits.bit_length()
    while width > 1:
        half = width // 2
        low = bits & ((1 << half) - 1)
        below = low.bit_count()
        if index < below:
            bits, width = low, half
        else:
            bits >>= half
            index -= below
            base += half
            width -= half
    return base


# --- by what else they could do ------------------------------------------------------------------


class Flexibility:
    """The opportunity cost of taking an agent, at one moment.

    Args:
        roster: the company's agents.
        load: skill -> contacts that need it now.
    """

    def __init__(self, roster: Roster, load: Mapping[str, int]) -> None:
        self._roster = roster
        self._load = load
        self._pressure: dict[str, float] = {}

    def cost(self, seat: Seat) -> float:
        """The contacts per free agent, summed over the agent's skills."""
        pressure = self._pressure
        total = 0.0
        for skill in seat.skills:
            share = pressure.get(skill)
            if share is None:
                share = pressure[skill] = self._of(skill)
            total += share
        return total

    def _of(self, skill: str) -> float:
        free = (self._roster.at_least(skill, 1) & self._roster.ready).bit_count()
        return (1 + self._load.get(skill, 0)) / max(1, free)
