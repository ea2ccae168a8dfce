"""Who of those who wait is served first: one sort key, and the waiting contacts kept in its order.

The order among all contacts that one agent may serve: those who have waited longer than their
queue's ``aging`` come first, by when they reached it; then the higher priority; then the longer
wait measured against the target (``threshold``); then the earlier place; then the lower id. So no
priority can starve anybody for longer than the aging says.

Contacts that ask for the same with the same right stand in one ``Bucket``. Inside a bucket the key
falls with the place in the queue at any moment, so its head is enough: whoever frees up looks at
heads alone. Pure.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import TypeAlias

from acd.contact import Contact

Urgency: TypeAlias = tuple[float | str, ...]
"""The smallest is served first; its last element is the contact's id."""

Item: TypeAlias = tuple[float, str]
"""(place, contact id): the place is the Unix time from which the wait counts."""

Right: TypeAlias = tuple[int, float, float]
"""(priority, threshold, aging) of a contact."""

#: With so many buckets or more, a short list of them is made first.
MANY = 10


def key_of(right: Right, item: Item, now: float) -> Urgency:
    """The urgency at ``now`` of a contact with this right and this place."""
    priority, threshold, aging = right
    queued, name = item
    waited = now - queued
    if waited >= aging:
        return (0, queued + aging, -priority, -waited / threshold, queued, name)
    return (1, -priority, -waited / threshold, queued, name)


def right_of(contact: Contact) -> Right:
    """With what right a contact waits."""
    return (contact.priority, contact.threshold, contact.aging)


def urgency(contact: Contact, now: float) -> Urgency:
    """Sort key of a contact; the smallest is served first."""
    return key_of(right_of(contact), (contact.queued, contact.id), now)


def in_order(contacts: Iterable[Contact], now: float) -> list[Contact]:
    """The contacts in the order in which an agent who may serve all of them would."""
    return sorted(contacts, key=lambda contact: urgency(contact, now))


class Bucket:
    """Waiting contacts with the same agents and the same right, by their places.

    Args:
        able: bitset of the agents who may serve them.
        mask: the agents who may serve them, a bit each, the lowest number first.
        anchors: under which the bucket is found (``acd/roster.py``).
        right: priority, threshold and aging of all of them.
    """

    __slots__ = (
        "able",
        "aging",
        "anchors",
        "line",
        "mask",
        "oldest",
        "owner",
        "priority",
        "right",
        "threshold",
    )

    def __init__(
        self, able: int, mask: bytes, anchors: tuple[int, ...], right: Right, owner: object
    ) -> None:
        self.able = able
        self.mask = mask
        self.anchors = anchors
        self.right = right
        self.owner = owner  # the signature or the seat whose bucket it is
        self.line: list[Item] = []
        self.priority, self.threshold, self.aging = right
        self.oldest = 0.0  # place of the first in the line


def shortlist(buckets: list[Bucket], now: float) -> list[Bucket]:
    """Of many buckets those among which the two most urgent heads are, in a list of its own."""
    found = [bucket for bucket in buckets if now - bucket.oldest >= bucket.aging]
    if len(found) < 2:
        top = max([bucket.priority for bucket in buckets])
        found += [b for b in buckets if b.priority == top and b not in found]
    return found if len(found) > 1 else list(buckets)


class Group:
    """All contacts of one queue with the same right, whatever they ask for."""

    __slots__ = ("line", "queue", "right")

    def __init__(self, queue: str, right: Right) -> None:
        self.queue = queue
        self.right = right
        self.line: list[Item] = []

    def before(self, mark: Urgency, now: float) -> int:
        """How many of the group are served before one with this urgency."""
        line, right = self.line, self.right
        low, high = 0, len(line)
        while low < high:
            middle = (low + high) // 2
            if key_of(right, line[middle], now) < mark:
                low = middle + 1
            else:
                high = middle
        return low


def put_in(line: list[Item], item: Item) -> None:
    """Give an item its place in a line; most come last."""
    if not line or line[-1] < item:
        line.append(item)
    else:
        insort(line, item)


def take_out(line: list[Item], item: Item) -> None:
    """Remove an item that is in the line; most go first."""
    if line[0] == item:
        del line[0]
    else:
        del line[bisect_left(line, item)]


class Waiting:
    """Everybody who wants an agent now, so that a freed agent finds the most urgent at once."""

    def __init__(self) -> None:
        self._live: set[int] = set()  # anchors with somebody under them
        self._several = 0  # buckets with somebody in them and more than one anchor
        self._at: dict[int, list[Bucket]] = {}

    def add(self, bucket: Bucket, item: Item) -> None:
        """A contact waits in this bucket."""
        if not bucket.line:
            self._several += len(bucket.anchors) > 1
            for anchor in bucket.anchors:
                self._at.setdefault(anchor, []).append(bucket)
                self._live.add(anchor)
        put_in(bucket.line, item)
        bucket.oldest = bucket.line[0][0]

    def buckets(self) -> list[Bucket]:
        """Every bucket that has somebody in it, once."""
        found = (bucket for buckets in self._at.values() for bucket in buckets)
        return list({id(bucket): bucket for bucket in found}.values())

    def remove(self, bucket: Bucket, item: Item) -> None:
        """A contact waits in this bucket no more."""
        take_out(bucket.line, item)
        if bucket.line:
            bucket.oldest = bucket.line[0][0]
        else:
            self._several -= len(bucket.anchors) > 1
            for anchor in bucket.anchors:
                others = self._at[anchor]
                others.remove(bucket)
                if not others:
                    del self._at[anchor]
                    self._live.discard(anchor)

    def heads(self, anchors: frozenset[int], own: int, number: int) -> list[Bucket]:
        """The buckets whose contacts agent ``number`` may serve.

        Args:
            anchors: those of the agent's skills.
            own: the agent's own anchor, under which contacts are held for this agent alone.
            number: the agent's bit.
        """
        at, byte, bit = self._at, number >> 3, 1 << (number & 7)
        found = [
            bucket
            for anchor in anchors & self._live
            for bucket in at[anchor]
            if bucket.mask[byte] & bit
        ]
        if own in self._live:
            found += at[own]
        if self._several and len(found) > 1:
            found = list(dict.fromkeys(found))
        return found
