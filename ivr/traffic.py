"""How callers went through the menus: counted from their events. Pure.

A call is one dialogue with the menu. It ends *solved* (the caller came to a node that solves and
did not ask for a person), with a *person* (queue, callback or transfer), *dropped* (the caller
hung up before anything was solved) or *ended* by the menu. Containment is solved / all that
ended; the drop-out of a node is dropped there / calls that came there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from telephony.events import MenuLeft, MenuStepTaken, RecordedEvent

PERSON_ENDINGS = frozenset({"queue", "callback", "transfer"})


@dataclass(slots=True)
class Calls:
    """How calls ended."""

    came: int = 0
    solved: int = 0
    person: int = 0
    dropped: int = 0
    ended: int = 0

    @property
    def containment(self) -> float | None:
        """Share of the calls that are over and were solved without a person, 0..1."""
        over = self.solved + self.person + self.dropped + self.ended
        return self.solved / over if over else None

    def count(self, event: MenuLeft) -> None:
        """Count an end."""
        if event.solved:
            self.solved += 1
        elif event.ending in PERSON_ENDINGS:
            self.person += 1
        elif event.ending == "caller_gone":
            self.dropped += 1
        else:
            self.ended += 1


@dataclass(slots=True)
class AtNode:
    """What happened at one node."""

    arrivals: int = 0
    callers: int = 0
    """Calls that came there, however often."""
    keys: Counter[str] = field(default_factory=Counter)
    ends: Calls = field(default_factory=Calls)
    """Of the calls that ended there; ``came`` is not counted."""

    @property
    def drop_out(self) -> float | None:
        """Share of the calls that came and hung up here before anything was solved, 0..1."""
        return self.ends.dropped / self.callers if self.callers else None


@dataclass(slots=True)
class Traffic:
    """Callers' ways through the menus in some time."""

    nodes: dict[str, AtNode] = field(default_factory=lambda: defaultdict(AtNode))
    """By name as events have it: ``node`` or ``flow/node``."""
    ways: Counter[tuple[str, str]] = field(default_factory=Counter)
    """From node to node: how often."""
    flows: dict[str, Calls] = field(default_factory=lambda: defaultdict(Calls))
    """Of the calls that came into each flow; the main one is ""."""
    inside: int = 0
    """Calls that are not over, or of which nobody told the end."""


def flow_of(place: str) -> str:
    """The flow of a place's name, "" for the main one."""
    return place.rpartition("/")[0]


def count_traffic(events: Iterable[RecordedEvent]) -> Traffic:
    """Count menu events, in the order in which they happened; others are passed over."""
    traffic = Traffic()
    calls: dict[str, list[str]] = {}  # contact -> where it has been
    for event in events:
        if isinstance(event, MenuStepTaken):
            if event.arrived:
                _arrive(traffic, calls.setdefault(event.contact, []), event.node)
            elif event.key:
                traffic.nodes[event.node].keys[event.key] += 1
        elif isinstance(event, MenuLeft):
            traffic.nodes[event.node].ends.count(event)
            for flow in {flow_of(place) for place in calls.pop(event.contact, [])}:
                traffic.flows[flow].count(event)
    traffic.inside = len(calls)
    return traffic


def _arrive(traffic: Traffic, been: list[str], place: str) -> None:
    node = traffic.nodes[place]
    node.arrivals += 1
    node.callers += place not in been
    traffic.flows[flow_of(place)].came += flow_of(place) not in {flow_of(other) for other in been}
    if been:
        traffic.ways[been[-1], place] += 1
    been.append(place)
