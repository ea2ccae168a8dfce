"""Where callers get lost in flows: places that nobody comes to, rings, ends without a person.

Each check yields problems with file, line and mend. Pure.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from ivr.conditions import When
from ivr.flow_checks import Checked
from ivr.nodes import (
    Branch,
    Callback,
    HangUp,
    Hours,
    Lookup,
    Menu,
    Queue,
    Return,
    SubFlow,
    Transfer,
    Voicemail,
)
from ivr.roads import Place, Roads, reach, ring
from store.source import Problem, Where

PERSONS = (Queue, Callback, Transfer)
DEEPEST = 3
"""Menus that callers go through before they have what they want, at most."""


def road_problems(all_: Sequence[Checked], entries: Collection[str]) -> Iterator[Problem]:
    """Everything wrong with the ways through flows whose names all name something.

    ``entries`` are flows that callers come to otherwise than from another flow.
    """
    yield from _Checks(all_, entries).problems()


class _Checks:
    def __init__(self, all_: Sequence[Checked], entries: Collection[str]) -> None:
        self.all = {one.data.name: one for one in all_}
        self.roads = roads = Roads([one.data for one in all_])
        self.main = roads.main.name
        self.attributes = {name for place in self._places() for name in roads.node(place).set}
        starts = [self.main, *(name for name in roads.flows if name in entries)]
        self.orphans: list[str] = []
        while lost := self._lost([*starts, *self.orphans]):
            self.orphans.append(lost)
        self.menus_before = self._menus_before([*starts, *self.orphans])
        """Places that callers come to, and the fewest menus on the way there."""

    def _menus_before(self, flows: Sequence[str]) -> dict[Place, int]:
        starts = [self.roads.start(name) for name in flows]
        return self.roads.costs(starts, lambda at: int(isinstance(self.roads.node(at), Menu)))

    def _lost(self, flows: Sequence[str]) -> str | None:
        """A flow that callers do not come to from these; rather one that no other one calls."""
        reached = {flow for flow, _ in self._menus_before(flows)}
        lost = [name for name in self.roads.flows if name not in reached]
        return min(lost, key=lambda name: len(self.roads.calls(name)), default=None)

    def problems(self) -> Iterator[Problem]:
        yield from self._flows()
        yield from self._unreached()
        yield from self._rings()
        yield from self._returns()
        yield from self._cut_off()
        yield from self._depth()

    def _at(
        self, place: Place, text: str, mend: str, *field: str, warning: bool = False
    ) -> Problem:
        where: Where = ("nodes", place[1], *field)
        return self.all[place[0]].source.problem(where, text, mend, warning=warning)

    def _path(self, places: Sequence[Place], flow: str) -> str:
        return " → ".join(node if name == flow else f"{name}/{node}" for name, node in places)

    # ---- nobody comes ----

    def _flows(self) -> Iterator[Problem]:
        for name in self.orphans:
            yield self.all[name].source.problem(
                ("name",),
                f"no caller comes to the flow '{name}'",
                f"call it by a node 'kind: flow, flow: {name}', or name it in routing.yaml, "
                "queues.yaml or emergency.yaml, or remove the file",
                warning=True,
            )
        told: set[str] = set()
        for name in self.roads.flows:
            circle = ring((name, ""), self._called)
            if circle and not told & {flow for flow, _ in circle}:
                told |= {flow for flow, _ in circle}
                names = [flow for flow, _ in circle]
                yield self.all[name].source.problem(
                    ("name",),
                    "flows call each other round and round: " + " → ".join([*names, name]),
                    "let a caller go back by a node of kind return; after ten flows they are put "
                    "to a person",
                    warning=True,
                )

    def _called(self, place: Place) -> Iterator[Place]:
        for node in self.roads.flows[place[0]].nodes.values():
            if isinstance(node, SubFlow):
                yield node.flow, ""

    def _unreached(self) -> Iterator[Problem]:
        persons = {self.roads.person(name) for name in self.roads.flows}
        for place in self._places():
            if place not in self.menus_before and place not in persons:
                yield self._at(
                    place,
                    f"no caller ever comes to '{place[1]}'",
                    "lead some key or branch to it, or remove it",
                )

    # ---- nobody gets out ----

    def _rings(self) -> Iterator[Problem]:
        """Rings that ask nothing, and places from which the call never comes to an end."""
        silent = self.roads.silent()
        same = {place: ways for place, ways in silent.items() if not self._changes(place)}
        stuck = set(self._places()) - self._ending()
        told: set[Place] = set()
        for ways in (same, silent):
            for place in self._places():
                circle = ring(place, lambda at, ways=ways: ways.get(at, ()))  # type: ignore[misc]
                if circle and not told & set(circle):
                    told |= set(circle)
                    yield self._ring(circle, sure=ways is same or bool(stuck & set(circle)))
        for place in self._places():
            if place in stuck and not told & set(self._ahead(place)):
                told.add(place)
                yield self._at(
                    place,
                    f"a caller at '{place[1]}' never comes to an end",
                    "let it lead to a queue, a callback, a transfer or a hang_up",
                )

    def _ring(self, circle: Sequence[Place], *, sure: bool) -> Problem:
        path = self._path([*circle, circle[0]], circle[0][0])
        if sure:
            text = f"a caller who comes here never gets out: {path}"
            mend = "let one of them lead to a menu, a queue or a hang_up"
        else:
            text = f"a caller may go round here many times without a question: {path}"
            mend = "put a menu between, or lead to a person when it failed once"
        return self._at(circle[0], text, mend, warning=not sure)

    def _changes(self, place: Place) -> bool:
        """Whether a node may lead elsewhere when a caller comes to it once more."""
        node = self.roads.node(place)
        if isinstance(node, Branch):
            subjects = {subject for case in node.cases for subject in case.when}
            return any(
                subject in self.attributes or subject.startswith(("hours.", "queue."))
                for subject in subjects
            )
        return isinstance(node, Lookup | Hours)

    def _ending(self) -> set[Place]:
        """The places from which some way leads to an end of the menu."""
        before: dict[Place, list[Place]] = defaultdict(list)
        for place in self._places():
            for target in self.roads.on(place):
                before[target].append(place)
        todo = list(filter(self._is_end, self._places()))
        found = set(todo)
        while todo:
            new = set(before[todo.pop()]) - found
            found |= new
            todo += new
        return found

    def _is_end(self, place: Place) -> bool:
        node = self.roads.node(place)
        if isinstance(node, Return):  # who returns to nowhere is put to a person
            return not self.roads.calls(place[0])
        return isinstance(node, (*PERSONS, HangUp))

    def _ahead(self, place: Place) -> list[Place]:
        return [place, *reach(place, self.roads.on)]

    def _places(self) -> Iterator[Place]:
        """Every place, those of a flow in the order of its file."""
        for name, flow in self.roads.flows.items():
            for node in flow.nodes:
                yield name, node

    # ---- flows and their returns ----

    def _returns(self) -> Iterator[Problem]:
        returning = self.roads.crossings(lambda place: 0)
        for place in self._places():
            node = self.roads.node(place)
            if isinstance(node, Return) and place[0] == self.main:
                yield self._at(
                    place,
                    "the main flow has nowhere to return to",
                    "end with a hang_up, or go on with a goto",
                )
            if isinstance(node, SubFlow) and node.next is not None and node.flow not in returning:
                yield self._at(
                    place,
                    f"'{node.flow}' never returns, so no caller goes on at '{node.next}'",
                    f"remove 'next:', or give '{node.flow}' a node of kind return",
                    "next",
                    warning=True,
                )

    # ---- no way to a person ----

    def _cut_off(self) -> Iterator[Problem]:
        start = self.roads.start(self.main)
        if not any(
            isinstance(self.roads.node(at), (*PERSONS, Voicemail)) for at in self._ahead(start)
        ):
            yield self.all[self.main].source.problem(
                ("start",),
                "no way leads to a person",
                "add a menu, whose 0 leads to one, a queue, a callback, a transfer, or a voicemail",
            )
            return
        for place in [start, *reach(start, self._unoffered)]:
            if isinstance(self.roads.node(place), HangUp) and not self.roads.node(place).solves:
                yield self._at(
                    place,
                    f"callers are hung up on at '{place[1]}' who were never offered a person",
                    "lead to a queue, a menu or a voicemail before; or say 'solves: true' where "
                    "callers have what they called for",
                    warning=True,
                )

    def _unoffered(self, place: Place) -> Iterator[Place]:
        """The ways on of callers who were offered nobody yet; being told of hours will do."""
        node = self.roads.node(place)
        offered = any(where == () for where, _ in self.roads.inside(place))
        if offered or node.solves or isinstance(node, Voicemail):
            return
        excused = {node.closed} if isinstance(node, Hours) else set()
        if isinstance(node, Branch):
            excused = {case.next for case in node.cases if _when_closed(case.when)}
        yield from (to for to in self.roads.on(place) if to[1] not in excused)

    # ---- too deep ----

    def _depth(self) -> Iterator[Problem]:
        for place in self._places():
            before = self.menus_before.get(place, 0)
            if isinstance(self.roads.node(place), Menu) and before == DEEPEST:
                yield self._at(
                    place,
                    f"'{place[1]}' is the {before + 1}th menu that a caller goes through",
                    f"callers remember no more than {DEEPEST}: ask for it further up, or let a "
                    "branch decide",
                    warning=True,
                )


def _when_closed(when: When) -> bool:
    return any(subject.startswith("hours.") and test == "closed" for subject, test in when.items())
