"""Who gets whom: the index over waiting contacts and free agents, and the choice between them.

Two cases, one order. *An agent has become free*: the most urgent contact that this agent may
serve (``acd/order.py``). *A contact waits that did not before, or whose search has widened*: the
best free agent by the queue's strategy (``acd/strategies.py``). Before each event no eligible pair
is left, so only those whom the event has touched are looked at; when it touched several, the most
urgent contact goes first. ``tests/acd/naive_routing.py`` says the same in a few plain lines, and
both are compared decision by decision.

A contact with a preferred agent is held for that agent until ``preferred_until`` and can be taken
by nobody else; later that agent is still first if free. A preference by a rule needs the skills, a
person's does not, and ``avoid`` stands above both. A preference for somebody who may not serve is
none.

Nothing here knows of Asterisk, a store or a clock.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acd.agent import Agent
from acd.company import Company
from acd.contact import Contact
from acd.order import MANY, Bucket, Urgency, in_order, key_of, shortlist
from acd.reason import Choice, Turn, reason_of, rows_for
from acd.requirement import Requirement
from acd.roster import Roster, Seat, numbers
from acd.rules import Strategy
from acd.signature import Entry, Lines, Signature
from acd.standing import Place, Standing, may_prefer, obstacle
from acd.strategies import WINDOW, Flexibility, by_weight, draw, weight_classes

__all__ = ["Match", "Router", "in_order", "may_prefer", "obstacle"]

_AGENT, _CONTACT = 0, 1


@dataclass(slots=True, kw_only=True)
class Match:
    """A contact and the agent chosen for it, with the reason as it will be shown."""

    contact: str
    agent: str
    reason: Mapping[str, Any]


@dataclass(slots=True)
class _Found:
    """The most urgent contact for an agent who has become free."""

    key: Urgency
    bucket: Bucket
    waiting: int
    runner_up: Urgency | None


class Router:
    """The index of one routing domain.

    ``touch`` and ``touch_agent`` only note what has changed; it is looked at when a question is
    asked, so that a change may be made in several steps.

    Args:
        company: queues, agents and skills.
    """

    def __init__(self, company: Company) -> None:
        self.company = company
        self.roster = Roster(company)
        self.now = 0.0  # of the event at hand
        self._lines = Lines(self.roster)
        self._standing = Standing(company, self.roster, self._lines)
        self._weights = weight_classes(self.roster)
        self._rows = rows_for(self.roster)
        self._touched: dict[str, Contact | None] = {}
        self._touched_agents: dict[str, Agent] = {}
        self._freed: dict[int, Seat] = {}
        self._urgent: list[tuple[Urgency, int, Any]] = []  # heap of what is to be looked at

    # -- what has changed -----------------------------------------------------------------------

    def begin(self, now: float) -> None:
        """An event is about to be handled at ``now`` (Unix seconds)."""
        self.now = now

    def touch(self, contact: Contact) -> None:
        """This contact is new, or something about it has changed."""
        self._touched[contact.id] = contact

    def drop(self, contact: str) -> None:
        """This contact is gone."""
        self._touched[contact] = None

    def touch_agent(self, agent: Agent) -> None:
        """This agent's state, phone or counts have changed."""
        self._touched_agents[agent.id] = agent

    # -- questions ------------------------------------------------------------------------------

    def position(self, contact: Contact, now: float) -> int:
        """1-based place of a queued contact among all of its queue, those being offered included.

        0 when it is not queued.
        """
        self.now = now
        self._settle()
        return self._standing.position(contact, now)

    def waiting_in(self, queue: str) -> int:
        """How many contacts are in this queue, those being offered included."""
        self._settle()
        return self._standing.waiting_in(queue)

    def buckets(self) -> list[Bucket]:
        """All contacts that want an agent now, by whom they may be served and with what right."""
        self._settle()
        return self._standing.waiting.buckets()

    def able(self, requirement: Requirement) -> tuple[str, ...]:
        """Who has the skills, in whatever state, by id."""
        seats = self.roster.seats
        return tuple(seats[number].id for number in numbers(self.roster.able(requirement)))

    def anybody(self, requirement: Requirement, *, signed_in: bool = True) -> bool:
        """Is there an agent (who is signed in) who could serve this?"""
        self._settle()
        able = self.roster.able(requirement)
        if signed_in:
            able &= self.roster.signed_in
        return bool(able)

    def could_serve(self, agent: str) -> list[Contact]:
        """The waiting contacts that this agent may serve now, the most urgent first."""
        self._settle()
        seat = self.roster.by_id.get(agent)
        if seat is None:
            return []
        for place in self._standing.fresh.values():
            self._standing.enter(place)
        buckets = self._standing.waiting.heads(seat.anchors, seat.own, seat.number)
        found = [self._standing.places[name].contact for b in buckets for _, name in b.line]
        return in_order(found, self.now)

    # -- the next pair --------------------------------------------------------------------------

    def next_match(self, now: float) -> Match | None:
        """The next pair to bring together, or ``None``; the caller makes it true before asking
        again.
        """
        self.now = now
        self._settle()
        fresh, freed = self._standing.fresh, self._freed
        if not self._urgent:
            if not fresh and not freed:
                return None
            if len(fresh) + len(freed) == 1:
                return self._match_one()
        self._line_up()
        urgent, seats = self._urgent, self.roster.seats
        while urgent:
            key, kind, who = heapq.heappop(urgent)
            if kind == _CONTACT:
                place = self._standing.places.get(who)
                if place and place.bucket and (free := place.bucket.able & self.roster.ready):
                    return self._match(place, place.bucket, free, None)
                continue
            if not seats[who].ready or not (found := self._best_for(seats[who])):
                continue
            if found.key != key:  # somebody else has taken that contact
                heapq.heappush(urgent, (found.key, _AGENT, who))
                continue
            match = self._serve(found, None)
            if match.agent != seats[who].id:  # this agent is still to be looked at
                heapq.heappush(urgent, (key, _AGENT, who))
            return match
        return None

    def _match_one(self) -> Match | None:
        """The same when one contact or one agent is all there is to be looked at."""
        if self._freed:
            _, seat = self._freed.popitem()
            if not seat.ready or not (found := self._best_for(seat)):
                return None
            # Nobody else is new here, and who was free before has nobody to serve among these.
            return self._serve(found, seat)
        _, place = self._standing.fresh.popitem()
        bucket = place.bucket
        if bucket is None or not (free := bucket.able & self.roster.ready):
            self._standing.enter(place)
            return None
        return self._match(place, bucket, free, None)

    def _settle(self) -> None:
        """Take in what has changed."""
        for held in self._standing.holds_over(self.now):
            self._touched.setdefault(held.id, held)
        if self._touched_agents:
            for agent in self._touched_agents.values():
                seat = self.roster.follow(agent)
                if seat is not None and seat.ready:
                    self._lines.join(seat)
                    self._freed[seat.number] = seat
            self._touched_agents.clear()
        if self._touched:
            for name, contact in self._touched.items():
                if contact is None:
                    self._standing.remove(name)
                else:
                    self._standing.put(contact, self.now)
            self._touched.clear()

    def _line_up(self) -> None:
        """Put what has become free or has come to wait in order of urgency."""
        fresh = self._standing.fresh
        if fresh:
            for name, place in fresh.items():
                self._standing.enter(place)
                bucket = place.bucket
                if bucket is not None and bucket.able & self.roster.ready:
                    key = key_of(bucket.right, place.item, self.now)
                    heapq.heappush(self._urgent, (key, _CONTACT, name))
            fresh.clear()
        if self._freed:
            for number, seat in self._freed.items():
                if seat.ready and (found := self._best_for(seat)):
                    heapq.heappush(self._urgent, (found.key, _AGENT, number))
            self._freed.clear()

    def _best_for(self, seat: Seat) -> _Found | None:
        """The most urgent of all contacts that this agent may serve."""
        buckets = self._standing.waiting.heads(seat.anchors, seat.own, seat.number)
        if not buckets:
            return None
        now = self.now
        key: Urgency
        best: Urgency | None = None
        second: Urgency | None = None
        chosen, waiting = buckets[0], 0
        short = buckets
        if len(buckets) >= MANY:
            waiting = sum([len(bucket.line) for bucket in buckets])
            short = shortlist(buckets, now)
        for bucket in short:
            if short is buckets:
                waiting += len(bucket.line)
            queued, name = bucket.line[0]
            waited = now - queued
            if waited >= bucket.aging:
                key = key_of(bucket.right, (queued, name), now)
            else:  # the same, without a call
                key = (1, -bucket.priority, -waited / bucket.threshold, queued, name)
            if best is None or key < best:
                best, second, chosen = key, best, bucket
            elif second is None or key < second:
                second = key
        assert best is not None
        if len(chosen.line) > 1:
            key = key_of(chosen.right, chosen.line[1], now)
            if second is None or key < second:
                second = key
        return _Found(best, chosen, waiting, second)

    def _serve(self, found: _Found, alone: Seat | None) -> Match:
        """The match for the most urgent contact; ``alone`` is the only free agent it can get."""
        places = self._standing.places
        other = found.runner_up
        turn = Turn(found.waiting, places[str(other[-1])].contact if other else None)
        place = places[str(found.key[-1])]
        if alone is None:
            return self._match(place, found.bucket, found.bucket.able & self.roster.ready, turn)
        return self._match(place, found.bucket, alone.bit, turn)

    # -- the agent for a contact ----------------------------------------------------------------

    def _match(self, place: Place, bucket: Bucket, free: int, turn: Turn | None) -> Match:
        contact = place.contact
        preferred = self._standing.preferred(contact) if contact.preferred else None
        owner = bucket.owner
        held = not isinstance(owner, Signature)
        signature = (
            owner if isinstance(owner, Signature) else self._standing.signature(contact, preferred)
        )
        alone = self.roster.seats[free.bit_length() - 1]
        if free == alone.bit:
            count, rows = 1, [self._entry(signature, alone)]
        else:
            count, rows = free.bit_count(), self._rows_of(contact, signature, free)
        wanted = preferred is not None and preferred.ready
        if preferred is not None and wanted:
            first = self._entry(signature, preferred)
            rows = [first, *(row for row in rows if row[2] != preferred.number)][: self._rows]
        seat = self.roster.seats[rows[0][2]]
        choice = Choice(contact, signature, seat, rows, held, wanted, free, count)
        reason = reason_of(self.roster, choice, turn, self.now)
        return Match(contact=contact.id, agent=seat.id, reason=reason)

    def _rows_of(self, contact: Contact, signature: Signature, free: int) -> list[Entry]:
        """The free agents, the strategy's choice first, as many as a reason lists."""
        match signature.strategy:
            case Strategy.RANDOM:
                return self._drawn(contact, signature, free)
            case Strategy.SPARE_FLEXIBLE:
                return self._sparing(signature)
            case _:
                return self._lines.first(signature, self._rows)

    def _entry(self, signature: Signature, seat: Seat) -> Entry:
        entry = signature.entry(seat, self.roster.stamps)
        if signature.strategy is Strategy.SPARE_FLEXIBLE:
            cost = Flexibility(self.roster, self._standing.load).cost(seat)
            return (cost, *entry[1:])
        return entry

    def _drawn(self, contact: Contact, signature: Signature, free: int) -> list[Entry]:
        drawn = draw(contact.id, contact.offer + 1)
        seat = by_weight(self.roster, free, self._weights, drawn)
        rows = [self._entry(signature, seat)]
        rest = free ^ seat.bit
        while rest and len(rows) < self._rows:
            low = rest & -rest
            rows.append(self._entry(signature, self.roster.seats[low.bit_length() - 1]))
            rest ^= low
        return rows

    def _sparing(self, signature: Signature) -> list[Entry]:
        flexibility = Flexibility(self.roster, self._standing.load)
        seats = self.roster.seats
        window = self._lines.first(signature, WINDOW)
        rows = sorted((flexibility.cost(seats[entry[2]]), *entry[1:]) for entry in window)
        return rows[: self._rows]
