"""Every way that callers can go through flows that call each other. Pure.

A place is a flow and a node of it. Ways inside a flow are those of its file; a node of kind
``flow`` also leads into the flow that it calls, and on past it when that one can return.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import TypeAlias

from ivr.nodes import (
    Collect,
    FlowData,
    Language,
    Menu,
    Node,
    Return,
    SubFlow,
    Survey,
    Voicemail,
    edges,
)
from store.source import Where

Place: TypeAlias = tuple[str, str]
"""Flow and node."""
Cost: TypeAlias = Callable[[Place], int | None]
"""What it costs to go through a node; None: nobody goes through."""

ASKING = (Menu, Language, Collect, Survey, Voicemail)
"""Nodes that wait for a caller."""


class Roads:
    """The ways through flows, the first of which is the main one."""

    def __init__(self, flows: Sequence[FlowData]) -> None:
        self.flows = {flow.name: flow for flow in flows}
        self.main = flows[0]
        self._calls: dict[str, list[Place]] = defaultdict(list)
        for flow in flows:
            for name, node in flow.nodes.items():
                if isinstance(node, SubFlow):
                    self._calls[node.flow].append((flow.name, name))

    def node(self, place: Place) -> Node:
        """The node at a place."""
        return self.flows[place[0]].nodes[place[1]]

    def start(self, flow: str) -> Place:
        """Where callers come into a flow."""
        return flow, self.flows[flow].start

    def person(self, flow: str) -> Place:
        """Where 0 leads in a flow."""
        own = self.flows[flow].person
        return (flow, own) if own else (self.main.name, self.main.person or "")

    def calls(self, flow: str) -> Sequence[Place]:
        """The nodes that call a flow."""
        return self._calls[flow]

    def inside(self, place: Place) -> Iterator[tuple[Where, Place]]:
        """The ways that are written in a node; the one to a person has no place in the file."""
        person = self.person(place[0])
        for where, target in edges(self.node(place), person[1]):
            yield where, (place[0], target) if where else person

    def on(self, place: Place) -> Iterator[Place]:
        """Wherever a caller may be next, whichever flow called the present one."""
        node = self.node(place)
        if isinstance(node, SubFlow):
            yield self.start(node.flow)
        elif isinstance(node, Return):
            for caller in self._calls[place[0]]:
                yield from (target for _, target in self.inside(caller))
        else:
            yield from (target for _, target in self.inside(place))

    def costs(self, starts: Iterable[Place], cost: Cost) -> dict[Place, int]:
        """The least cost at which callers come from `starts` to each place that they can come to.

        The place itself is not counted. Who returns goes on where they came from, not elsewhere.
        """
        return self._costs(starts, cost, self.crossings(cost), into=True)

    def crossings(self, cost: Cost) -> dict[str, int]:
        """The least cost from a flow's start to its return; flows that never return are absent."""
        found: dict[str, int] = {}
        while True:
            now: dict[str, int] = {}
            for name, flow in self.flows.items():
                costs = self._costs([self.start(name)], cost, found, into=False)
                returns = [
                    costs[name, node]
                    for node, data in flow.nodes.items()
                    if isinstance(data, Return) and (name, node) in costs
                ]
                if returns:
                    now[name] = min(returns)
            if now == found:
                return found
            found = now

    def _costs(
        self, starts: Iterable[Place], cost: Cost, crossings: dict[str, int], *, into: bool
    ) -> dict[Place, int]:
        """Dijkstra's algorithm."""
        found: dict[Place, int] = {}
        todo = [(0, start) for start in starts]
        while todo:
            so_far, place = heappop(todo)
            if place in found:
                continue
            found[place] = so_far
            through = cost(place)
            if through is None:
                continue
            node, past = self.node(place), 0
            if isinstance(node, SubFlow):
                if into:
                    heappush(todo, (so_far + through, self.start(node.flow)))
                if node.flow not in crossings:
                    continue
                past = crossings[node.flow]
            for _, target in self.inside(place):
                heappush(todo, (so_far + through + past, target))
        return found

    def silent(self) -> dict[Place, list[Place]]:
        """For each node that asks nothing, where its callers are next without being asked."""

        def cost(place: Place) -> int | None:
            return None if isinstance(self.node(place), ASKING) else 0

        crossings = self.crossings(cost)
        found: dict[Place, list[Place]] = {}
        for name, flow in self.flows.items():
            for node, data in flow.nodes.items():
                if isinstance(data, ASKING):
                    continue
                into = [self.start(data.flow)] if isinstance(data, SubFlow) else []
                past = not isinstance(data, SubFlow) or data.flow in crossings
                inside = [target for _, target in self.inside((name, node))]
                found[name, node] = into + (inside if past else [])
        return found


def reach(start: Place, ways: Callable[[Place], Iterable[Place]]) -> dict[Place, Place]:
    """The places that can be come to from `start`, each with the one before it on a shortest way.

    `start` itself is there only when a ring leads back to it.
    """
    before: dict[Place, Place] = {}
    todo = [start]
    for place in todo:
        for target in ways(place):
            if target not in before:
                before[target] = place
                todo.append(target)
    return before


def ring(start: Place, ways: Callable[[Place], Iterable[Place]]) -> list[Place]:
    """A shortest way from a place back to itself, without its end; empty when there is none."""
    before = reach(start, ways)
    if start not in before:
        return []
    path = [before[start]]
    while path[-1] != start:
        path.append(before[path[-1]])
    return path[::-1]
