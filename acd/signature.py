"""What contacts ask for, once for all that ask for the same: who is able, and who of them is free.

A ``Signature`` keeps the free agents who may serve it in the strategy's order, as long as it is
asked often enough to be worth it: each agent who becomes ready costs each kept line one insertion,
and a line that is not looked at for so many insertions as it would cost to make anew is given up.
Pure.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from typing import TypeAlias

from acd.order import Bucket, Right
from acd.requirement import Requirement
from acd.roster import Roster, Seat, numbers
from acd.rules import Strategy
from acd.strategies import VALUES, nothing

Entry: TypeAlias = tuple[float, float, int, int]
"""(the strategy's number, idle since, the agent's number, the agent's stamp when it was made)."""


class Signature:
    """A requirement with a strategy.

    Args:
        roster: the company's agents.
        requirement: whom the contacts ask for.
        strategy: how one of several is chosen.
        also: number of an agent who may serve without having the skills, or -1.
    """

    __slots__ = (
        "able", "anchors", "asked", "bound", "buckets", "credit", "kept", "line", "mask",
        "requirement", "requires", "rule", "strategy", "unable", "used", "users", "value",
    )  # fmt: skip

    def __init__(
        self, roster: Roster, requirement: Requirement, strategy: Strategy, also: int
    ) -> None:
        self.requirement = requirement
        self.strategy = strategy
        self.value = VALUES[strategy]
        self.able = roster.able(requirement)
        self.anchors = roster.anchors(requirement)
        if also >= 0:
            self.able |= 1 << also
            self.anchors += (-1 - also,)
        self.mask = roster.mask(self.able)
        self.unable = -1  # how many are not able; counted when it is first asked for
        self.buckets: dict[Right, Bucket] = {}
        self.users = 0  # contacts in the buckets
        self.used = 0  # how often somebody was chosen
        self.line: list[Entry] = []
        self.kept = False  # is the line kept up to date?
        self.credit = 0  # insertions until it is given up
        self.bound = 0  # a longer line is cleared of stale entries
        # For reasons, once for all of them:
        self.rule = strategy.value
        self.requires: Mapping[str, int] = dict(requirement.every)
        self.asked = tuple(skill for skill, _ in requirement.every + requirement.any)

    def bucket(self, right: Right) -> Bucket:
        """The waiting contacts with this right."""
        bucket = self.buckets.get(right)
        if bucket is None:
            bucket = Bucket(self.able, self.mask, self.anchors, right, self)
            self.buckets[right] = bucket
        return bucket

    def entry(self, seat: Seat, stamps: list[int]) -> Entry:
        """A free agent's place in the line."""
        number = seat.number
        return (self.value(seat, self.requirement), seat.agent.idle_since, number, stamps[number])


class Lines:
    """The lines of free agents that are kept up to date.

    Args:
        roster: the company's agents.
    """

    #: A line of more than so many is kept from its first use on.
    LONG = 64

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._hot: set[int] = set()  # anchors with kept lines
        self._at: dict[int, list[Signature]] = {}

    def first(self, signature: Signature, count: int) -> list[Entry]:
        """Up to ``count`` free agents who may serve, the strategy's choice first."""
        line = signature.line
        if not signature.kept:
            line = self._made(signature, numbers(signature.able & self._roster.ready))
            signature.used += 1
            if signature.used < 2 and len(line) <= self.LONG:
                return line[:count]
            self._keep(signature, line)
        signature.credit = max(8, len(line) // 4)
        return self._fresh(signature, count)

    def _made(self, signature: Signature, free: list[int]) -> list[Entry]:
        """The line of these agents."""
        seats, stamps = self._roster.seats, self._roster.stamps
        if signature.value is nothing:
            return sorted([(0, seats[n].agent.idle_since, n, stamps[n]) for n in free])
        return sorted([signature.entry(seats[number], stamps) for number in free])

    def _fresh(self, signature: Signature, count: int) -> list[Entry]:
        """The first entries that are still true; stale ones before them are thrown away."""
        line, stamps = signature.line, self._roster.stamps
        found: list[Entry] = []
        stale = 0
        for entry in line:
            if stamps[entry[2]] == entry[3]:
                found.append(entry)
                if len(found) == count:
                    break
            else:
                stale += 1
        if stale:
            seen = len(found) + stale
            signature.line[:seen] = found
        if len(line) > signature.bound:
            line[:] = [entry for entry in line if stamps[entry[2]] == entry[3]]
            signature.bound = 2 * len(line) + 64
        return found

    def _keep(self, signature: Signature, line: list[Entry]) -> None:
        signature.line, signature.kept, signature.bound = line, True, 2 * len(line) + 64
        for anchor in signature.anchors:
            self._at.setdefault(anchor, []).append(signature)
            self._hot.add(anchor)

    def drop(self, signature: Signature) -> None:
        """Keep this line no longer."""
        if not signature.kept:
            return
        signature.line, signature.kept, signature.used = [], False, 0
        for anchor in signature.anchors:
            others = self._at[anchor]
            others.remove(signature)
            if not others:
                del self._at[anchor]
                self._hot.discard(anchor)

    def join(self, seat: Seat) -> None:
        """An agent is free: it stands in all kept lines of what it may serve."""
        if not self._hot:
            return
        given_up: list[Signature] = []
        byte, bit = seat.number >> 3, 1 << (seat.number & 7)
        hits = seat.anchors & self._hot
        if seat.own in self._hot:
            hits |= {seat.own}
        for anchor in hits:
            for signature in self._at[anchor]:
                if signature.mask[byte] & bit:
                    self._insert(signature, seat)
                    if signature.credit <= 0:
                        given_up.append(signature)
        for signature in given_up:
            self.drop(signature)

    def _insert(self, signature: Signature, seat: Seat) -> None:
        line, entry = signature.line, signature.entry(seat, self._roster.stamps)
        if not line or line[-1] < entry:
            line.append(entry)
        elif len(signature.anchors) == 1:
            insort(line, entry)
        else:  # the agent may meet the same line under another anchor
            at = bisect_left(line, entry)
            if line[at] == entry:
                return
            line.insert(at, entry)
        signature.credit -= 1
