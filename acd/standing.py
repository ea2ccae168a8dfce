"""Where each contact stands: in which bucket it waits for an agent, and its place in the queue.

Pure; part of the ``Router`` of ``acd/routing.py``, which says what it is for.
"""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence

from acd.agent import Agent
from acd.company import Company
from acd.contact import Contact
from acd.order import Bucket, Group, Item, Right, Waiting, put_in, right_of, take_out, urgency
from acd.requirement import Requirement
from acd.roster import Roster, Seat
from acd.rules import Strategy
from acd.signature import Lines, Signature
from telephony.events import AgentState, CallStage

#: In these stages a contact has a place in its queue.
QUEUED = frozenset({CallStage.WAITING, CallStage.OFFERED, CallStage.CALLBACK, CallStage.CALLING})
#: In these stages a contact needs its skills, now or soon.
LOADING = QUEUED | {CallStage.TALKING}
#: Signatures that nobody uses are forgotten when there are more than so many.
MOST_SIGNATURES = 4096


def may_prefer(contact: Contact, agent: str, skills: Mapping[str, int]) -> bool:
    """Does the preference for this agent count? A person's needs no skills; avoid rules it out."""
    requirement = contact.requirement
    if contact.preferred != agent or agent in requirement.avoid:
        return False
    by_rule = contact.preferred_by.startswith("rule:")
    return not by_rule or not requirement.obstacle(agent, skills)


def obstacle(contact: Contact, agent: Agent, company: Company, now: float) -> str:
    """Why this agent cannot take this contact now, as a code; "" when nothing is in the way.

    Codes: those of ``Requirement.obstacle``; an ``AgentState`` other than ready; ``no_phone``;
    ``held`` when the contact is kept for another agent.
    """
    profile = company.agents.get(agent.id)  # None: the rules know the agent no more
    skills = profile.skills if profile else {}
    wanted = may_prefer(contact, agent.id, skills)
    if not wanted and (lacks := contact.requirement.obstacle(agent.id, skills)):
        return lacks
    if agent.state is not AgentState.READY:
        return agent.state.value
    if not agent.reachable:
        return "no_phone"
    return "held" if not wanted and is_held(contact, company, now) else ""


def is_held(contact: Contact, company: Company, now: float) -> bool:
    """Is the contact kept for its preferred agent alone?"""
    agent = company.agents.get(contact.preferred)
    return (
        now < contact.preferred_until
        and agent is not None
        and may_prefer(contact, agent.id, agent.skills)
    )


class Place:
    """Where one contact stands in the index."""

    __slots__ = ("bucket", "contact", "group", "held", "inside", "item", "load")

    def __init__(self, contact: Contact) -> None:
        self.contact = contact
        self.item: Item = (0.0, contact.id)
        self.bucket: Bucket | None = None  # when an agent is wanted now
        self.inside = False  # of the bucket; a contact that finds an agent at once never is
        self.group: Group | None = None
        self.held = 0.0  # for the preferred agent until then
        self.load: Requirement | None = None


class Standing:
    """All contacts in their places.

    Args:
        company: queues, agents and skills.
        roster: the company's agents.
        lines: of the free agents; a forgotten signature's line goes with it.
    """

    def __init__(self, company: Company, roster: Roster, lines: Lines) -> None:
        self.places: dict[str, Place] = {}
        self.waiting = Waiting()
        self.load: Counter[str] = Counter()  # skill -> contacts that need it, where it is used
        self.fresh: dict[str, Place] = {}  # came to wait, or wait for others than before
        self._company = company
        self._roster = roster
        self._lines = lines
        self._signatures: dict[tuple[Requirement, Strategy, int], Signature] = {}
        self._held: dict[tuple[int, Right], Bucket] = {}
        self._holds: list[tuple[float, str]] = []  # heap: (until, contact)
        self._queues: dict[str, dict[Right, Group]] = {}
        self._regroup: dict[str, Place] = {}  # whose groups are set right when it is asked
        self._counts_load = any(
            queue.strategy is Strategy.SPARE_FLEXIBLE for queue in company.queues.values()
        )

    # -- questions ------------------------------------------------------------------------------

    def position(self, contact: Contact, now: float) -> int:
        """1-based place among all of the contact's queue; 0 when it is not queued."""
        self._group()
        place = self.places.get(contact.id)
        if place is None or place.group is None:
            return 0
        mark = urgency(contact, now)
        groups = self._queues[place.group.queue].values()
        return 1 + sum(group.before(mark, now) for group in groups)

    def waiting_in(self, queue: str) -> int:
        """How many contacts have a place in this queue."""
        self._group()
        return sum(len(group.line) for group in self._queues.get(queue, {}).values())

    def holds_over(self, now: float) -> Sequence[Contact]:
        """Contacts whose hold for a preferred agent may have ended by ``now``; each told once."""
        holds = self._holds
        if not holds or holds[0][0] > now:
            return ()
        found: list[Contact] = []
        while holds and holds[0][0] <= now:
            _, name = heapq.heappop(holds)
            if place := self.places.get(name):
                found.append(place.contact)
        return found

    # -- changes --------------------------------------------------------------------------------

    def remove(self, name: str) -> None:
        """This contact is gone."""
        if place := self.places.pop(name, None):
            self._leave(place)
            if place.group is not None:
                self._in_group(place, None)
            if self._counts_load:
                self._put_load(place, None)
            self._regroup.pop(name, None)

    def put(self, contact: Contact, now: float) -> None:
        """Give a new or changed contact its place."""
        name, stage = contact.id, contact.stage
        if stage not in LOADING:
            self.remove(name)
            return
        place = self.places.get(name)
        if place is None:
            place = self.places[name] = Place(contact)
        place.contact = contact
        bucket = self._bucket_of(contact, place, now) if contact.waits else None
        if bucket is not place.bucket or contact.queued != place.item[0]:
            self._leave(place)
            if contact.queued != place.item[0]:
                self._in_group(place, None)
                place.item = (contact.queued, name)
            place.bucket = bucket
        if bucket is not None and not place.inside:
            self.fresh[name] = place
        self._regroup[name] = place
        if self._counts_load:
            self._put_load(place, contact.requirement)

    def enter(self, place: Place) -> None:
        """Let a contact that has found nobody stand where freed agents look."""
        bucket = place.bucket
        if bucket is None or place.inside:
            return
        place.inside = True
        self.waiting.add(bucket, place.item)
        if isinstance(bucket.owner, Signature):
            bucket.owner.users += 1

    def _leave(self, place: Place) -> None:
        bucket, place.bucket = place.bucket, None
        if bucket is None:
            return
        owner = bucket.owner
        if place.inside:
            place.inside = False
            self.waiting.remove(bucket, place.item)
            if isinstance(owner, Signature):
                owner.users -= 1
        if not isinstance(owner, Signature) and not bucket.line:
            self._held.pop((bucket.anchors[0], bucket.right), None)

    def _group(self) -> None:
        """Set the groups right of all contacts that have changed."""
        for place in self._regroup.values():
            contact, group = place.contact, place.group
            right = right_of(contact) if contact.stage in QUEUED else None
            if group is None or group.right != right or group.queue != contact.queue:
                self._in_group(place, right)
        self._regroup.clear()

    def _in_group(self, place: Place, right: Right | None) -> None:
        """Put a contact into the group of its queue with this right, out of the one it was in."""
        old = place.group
        if old is not None:
            take_out(old.line, place.item)
            if not old.line:
                del self._queues[old.queue][old.right]
            place.group = None
        if right is not None:
            queue = place.contact.queue
            groups = self._queues.get(queue)
            if groups is None:
                groups = self._queues[queue] = {}
            group = groups.get(right)
            if group is None:
                group = groups[right] = Group(queue, right)
            place.group = group
            put_in(group.line, place.item)

    def _put_load(self, place: Place, requirement: Requirement | None) -> None:
        if requirement is place.load:
            return
        for load, change in ((place.load, -1), (requirement, 1)):
            if load is not None:
                for skill, _ in load.every + load.any:
                    self.load[skill] += change
        place.load = requirement

    # -- buckets --------------------------------------------------------------------------------

    def _bucket_of(self, contact: Contact, place: Place, now: float) -> Bucket:
        """Among whom a waiting contact stands."""
        right = right_of(contact)
        seat = self.preferred(contact) if contact.preferred else None
        if seat is None or now >= contact.preferred_until:
            return self.signature(contact, seat).bucket(right)
        if place.held != contact.preferred_until:
            place.held = contact.preferred_until
            heapq.heappush(self._holds, (place.held, contact.id))
        bucket = self._held.get((seat.own, right))
        if bucket is None:
            bucket = Bucket(seat.bit, self._roster.mask(seat.bit), (seat.own,), right, seat)
            self._held[seat.own, right] = bucket
        return bucket

    def preferred(self, contact: Contact) -> Seat | None:
        """The preferred agent, if that one may serve the contact."""
        seat = self._roster.by_id.get(contact.preferred)
        return seat if seat and may_prefer(contact, seat.id, seat.skills) else None

    def signature(self, contact: Contact, preferred: Seat | None) -> Signature:
        """What the contact asks for, with the agent who may serve it without the skills."""
        queue = self._company.queues.get(contact.queue)
        strategy = queue.strategy if queue else Strategy.LONGEST_IDLE
        requirement, also = contact.requirement, -1
        if preferred and requirement.obstacle(preferred.id, preferred.skills):
            also = preferred.number
        key = (requirement, strategy, also)
        signature = self._signatures.get(key)
        if signature is None:
            if len(self._signatures) >= MOST_SIGNATURES:
                self._forget_signatures()
            signature = Signature(self._roster, requirement, strategy, also)
            self._signatures[key] = signature
        return signature

    def _forget_signatures(self) -> None:
        """Forget what nobody waits with, the oldest first."""
        unused = [key for key, signature in self._signatures.items() if not signature.users]
        for key in unused[: MOST_SIGNATURES // 2]:
            self._lines.drop(self._signatures.pop(key))
