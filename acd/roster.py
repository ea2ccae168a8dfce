"""The company's agents as bits: who has which skill, who is in which state, who is ready.

An agent's number is its place among all ids in order; a set of agents is a Python integer with
the bits of their numbers, so "who is able and ready" is one AND however many agents there are.
Pure.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Mapping

from acd.agent import Agent
from acd.company import Company
from acd.requirement import Requirement, Skills
from telephony.events import AgentState

_READY, _SIGNED_OUT = AgentState.READY, AgentState.SIGNED_OUT


class Seat:
    """One agent's place in the roster."""

    __slots__ = (
        "agent", "anchors", "bit", "id", "known", "linear", "number", "own", "ready", "signed_in",
        "skills", "weight",
    )  # fmt: skip

    def __init__(
        self, number: int, linear: int, agent: str, skills: Mapping[str, int], weight: float
    ) -> None:
        self.id = agent
        self.number = number
        self.bit = 1 << number
        self.own = -1 - number  # the anchor of contacts that are held for this agent
        self.linear = linear  # place in agents.yaml
        self.skills = skills
        self.weight = max(1, round(weight * 1000))
        self.anchors: frozenset[int] = frozenset()
        self.agent = Agent(agent)  # as it was when last touched
        self.known: AgentState | None = None  # the state under which it is counted
        self.ready = False
        self.signed_in = False


def numbers(bits: int) -> list[int]:
    """The members of a bitset, ascending."""
    found: list[int] = []
    words = (bits.bit_length() + 63) // 64
    for index, word in enumerate(struct.unpack(f"<{words}Q", bits.to_bytes(words * 8, "little"))):
        if word:
            rest, below = word, (index << 6) - 1
            while rest:
                low = rest & -rest
                found.append(below + low.bit_length())
                rest ^= low
    return found


class Roster:
    """Bitsets over the agents of one company."""

    def __init__(self, company: Company) -> None:
        linear = {name: index for index, name in enumerate(company.agents)}
        self.seats: list[Seat] = [
            Seat(number, linear[name], name, profile.skills, profile.weight)
            for number, (name, profile) in enumerate(sorted(company.agents.items()))
        ]
        self.by_id: dict[str, Seat] = {seat.id: seat for seat in self.seats}
        self.everyone = (1 << len(self.seats)) - 1
        self._ready = 0
        self._turned: set[Seat] = set()  # became ready or not, and are not in _ready yet
        self.signed_in = 0  # who is
        self._states: dict[AgentState, int] = dict.fromkeys(AgentState, 0)
        self._moved: set[Seat] = set()  # not yet counted under their new states
        self.stamps = [0] * len(self.seats)  # of each agent's newest entry in the lines of the free
        self._levels = self._by_level()  # skill -> [agents with at least level 0, 1, ... 10]
        self._holders = Counter(skill for seat in self.seats for skill in seat.skills)
        self._anchors: dict[tuple[str, ...], int] = {}
        self._name_anchors()

    def _by_level(self) -> dict[str, list[int]]:
        exact: dict[str, list[bytearray]] = {}
        size = len(self.seats) // 8 + 1
        for seat in self.seats:
            for skill, level in seat.skills.items():
                rows = exact.setdefault(skill, [bytearray(size) for _ in range(11)])
                rows[level][seat.number >> 3] |= 1 << (seat.number & 7)
        found: dict[str, list[int]] = {}
        for skill, rows in exact.items():
            bits, levels = 0, [0] * 11
            for level in range(10, -1, -1):
                bits |= int.from_bytes(rows[level], "little")
                levels[level] = bits
            found[skill] = levels
        return found

    def _name_anchors(self) -> None:
        """Agents with the same skills share one set of anchors."""
        shared: dict[tuple[str, ...], frozenset[int]] = {}
        for seat in self.seats:
            names = tuple(sorted(seat.skills))
            if names not in shared:
                pairs = [(a, b) for index, a in enumerate(names) for b in names[index + 1 :]]
                keys: list[tuple[str, ...]] = [(), *((name,) for name in names), *pairs]
                shared[names] = frozenset(self._anchor(key) for key in keys)
            seat.anchors = shared[names]

    def _anchor(self, names: tuple[str, ...]) -> int:
        return self._anchors.setdefault(names, len(self._anchors))

    # -- skills -------------------------------------------------------------------------------

    def at_least(self, skill: str, level: int) -> int:
        """Who has this skill at this level or above."""
        levels = self._levels.get(skill)
        return levels[level] if levels else 0

    def able(self, requirement: Requirement) -> int:
        """Who may serve this requirement, in whatever state: as ``Requirement.obstacle`` says."""
        bits = self._has_every(requirement.every)
        if requirement.any:
            some = 0
            for skill, level in requirement.any:
                some |= self.at_least(skill, level)
            bits &= some
        for other in requirement.others:
            bits |= self._has_every(other)
        for agent in requirement.avoid:
            if seat := self.by_id.get(agent):
                bits &= ~seat.bit
        return bits

    def _has_every(self, skills: Skills) -> int:
        bits = self.everyone
        for skill, level in skills:
            bits &= self.at_least(skill, level)
        return bits

    def anchors(self, requirement: Requirement) -> tuple[int, ...]:
        """Under which anchors all agents look who may serve this requirement.

        An anchor is one skill, or two of them, by name: each agent has the anchors of its own
        skills, and what asks for more than two stands under its two rarest.
        """
        names = [skill for skill, _ in requirement.every]
        if len(names) < 3 and not requirement.any and not requirement.others:
            return (self._anchor(tuple(sorted(names))),)
        ways = [[*names, skill] for skill, _ in requirement.any] or [names]
        ways += [[skill for skill, _ in other] for other in requirement.others]
        return tuple(dict.fromkeys(self._anchor(self._rarest(way)) for way in ways))

    def _rarest(self, names: Iterable[str]) -> tuple[str, ...]:
        found = sorted(set(names))
        if len(found) > 2:
            found = sorted(sorted(found, key=lambda name: self._holders[name])[:2])
        return tuple(found)

    # -- states -------------------------------------------------------------------------------

    @property
    def ready(self) -> int:
        """Who is ready."""
        if self._turned:
            for seat in self._turned:
                self._ready ^= seat.bit
            self._turned.clear()
        return self._ready

    @property
    def states(self) -> Mapping[AgentState, int]:
        """Who is in which state; counted when it is asked for, decisions do without."""
        for seat in self._moved:
            if seat.known is not None:
                self._states[seat.known] ^= seat.bit
            seat.known = seat.agent.state
            self._states[seat.known] ^= seat.bit
        self._moved.clear()
        return self._states

    def follow(self, agent: Agent) -> Seat | None:
        """Take an agent's state; ``None`` for one who is not of this company."""
        seat = self.by_id.get(agent.id)
        if seat is None:
            return None
        seat.agent = agent
        state = agent.state
        ready = state is _READY and agent.reachable
        if ready is not seat.ready:
            seat.ready = ready
            if seat in self._turned:
                self._turned.remove(seat)
            else:
                self._turned.add(seat)
        signed_in = state is not _SIGNED_OUT
        if signed_in is not seat.signed_in:
            seat.signed_in = signed_in
            self.signed_in ^= seat.bit
        self._moved.add(seat)
        self.stamps[seat.number] += 1
        return seat

    def mask(self, bits: int) -> bytes:
        """A bitset as bytes, in which one agent is looked up faster."""
        return bits.to_bytes(len(self.seats) // 8 + 1, "little")
