"""Rings that cannot widen, and overflows that lead in a circle. Pure.

A ring exists to let more agents serve a contact that has waited; one that lowers nothing, or
comes after the contact has left, is a mistake that nobody would notice until callers wait.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from acd.rules import Exit, Queue, Ring
from store.source import Problem, Source, Where

_Found: TypeAlias = Iterator[tuple[Where, str, str]]
"""(place below the ring, what is wrong, mend)"""


def exits_of(queue: Queue) -> Iterator[tuple[Where, Exit]]:
    """A queue's exits, each with its place below the queue."""
    limits = queue.limits
    if limits.length:
        yield ("limits", "length", "exit"), limits.length.exit
    yield ("limits", "wait", "exit"), limits.wait.exit
    for name in ("nobody_signed_in", "nobody_able", "closed"):
        if exit_ := getattr(limits, name):
            yield ("limits", name), exit_


# -- rings -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Search:
    """Whom every contact of the queue asks for after the rings so far."""

    own: dict[str, int]  # the queue's own skills that are still asked for, with their levels
    added: set[str]  # asked for by languages and rules, at levels that depend on the contact
    any_of: dict[str, int] = field(default_factory=dict)
    queues: set[str] = field(default_factory=set)


def ring_problems(
    queues: Sequence[Queue], source: Source, added: Collection[str]
) -> Iterator[Problem]:
    """Rings that do not widen the search, or never open.

    Args:
        queues: in the order of their file.
        source: that file.
        added: skills that languages and rules ask for besides the queues' own.
    """
    for index, queue in enumerate(queues):
        search = _Search(dict(queue.skills), set(added))
        for number, ring in enumerate(queue.rings):
            at: Where = ("queues", index, "rings", number)
            for place, text, mend in _order(queue.rings, number):
                yield source.problem((*at, *place), text, mend)
            for place, text, mend in _narrow(ring, queue, search):
                yield source.problem((*at, *place), text, mend)
            if not ring.when:  # what holds for some contacts only is no ground for the rest
                _open(ring, search)


def _order(rings: Sequence[Ring], number: int) -> _Found:
    ring, before = rings[number], rings[:number]
    if before and ring.after <= before[-1].after:
        yield (
            ("after",),
            f"the ring opens after {ring.after} s, not later than the one before it "
            f"({before[-1].after} s)",
            "put the rings in the order of their times, each later than the last",
        )
    if any(earlier.overflow and not earlier.when for earlier in before):
        yield (
            (),
            "the ring never opens: an earlier one has handed the contact over",
            "put it before the ring with overflow, or remove it",
        )


def _narrow(ring: Ring, queue: Queue, search: _Search) -> _Found:
    """What in this ring widens nothing."""
    if not (ring.skills or ring.any or ring.drop or ring.queues or ring.overflow):
        yield (
            (),
            "the ring never widens: it changes nothing",
            "lower a level (skills), let one of several do (any), drop a skill, bring in another "
            "queue's agents (queues) or hand over (overflow)",
        )
    yield from _levels(ring, queue, search)
    for place, skill in enumerate(ring.drop):
        if skill not in {*search.own, *search.any_of, *search.added}:
            yield (
                ("drop", place),
                f"the ring never widens: {skill} is not asked for here any more",
                "name a skill that the queue, a language or a rule asks for",
            )
    for place, name in enumerate(ring.queues):
        if name in search.queues:
            yield (
                ("queues", place),
                f"the ring never widens: the agents of {name} are in already",
                "name another queue, or remove it",
            )
    if ring.any:
        yield from _any(ring, search)


def _levels(ring: Ring, queue: Queue, search: _Search) -> _Found:
    for skill, level in ring.skills.items():
        known = search.any_of.get(skill, search.own.get(skill))
        if known is not None and level >= known:
            yield (
                ("skills", skill),
                f"the ring never widens: {skill} {level} is not lower than {skill} {known}",
                f"ask for a level below {known}, or drop the skill"
                if known > 1
                else "1 is the lowest level: drop the skill instead",
            )
        elif known is None and skill not in search.added:
            asked = "not asked for any more" if skill in queue.skills else "not asked for before"
            yield (
                ("skills", skill),
                f"the ring never widens: {skill} is {asked}",
                f"lower a skill of the queue: {', '.join(search.own) or 'it has none'}",
            )


def _any(ring: Ring, search: _Search) -> _Found:
    """One of several must let in all who could serve before, and somebody else."""
    before = search.any_of or search.own
    kept = [skill for skill, level in ring.any.items() if before.get(skill, 0) >= level]
    if not before:
        yield ("any",), "the ring never widens: no skill is asked for here", "remove it"
    elif not kept:
        yield (
            ("any",),
            "the ring narrows: agents who could serve before could not any more",
            f"let one of the queue's own skills do as well, at its level or below: "
            f"{', '.join(f'{skill}: {level}' for skill, level in before.items())}",
        )
    elif len(before) == 1 and ring.any == before:
        yield (
            ("any",),
            "the ring never widens: this is what the queue asks for already",
            "name a second skill, or a lower level",
        )


def _open(ring: Ring, search: _Search) -> None:
    if ring.any:
        search.own.clear()
    for skill, level in ring.any.items():
        search.any_of[skill] = min(level, search.any_of.get(skill, level))
    for skill, level in ring.skills.items():
        for levels in (search.own, search.any_of):
            if skill in levels:
                levels[skill] = min(level, levels[skill])
    for skill in ring.drop:
        search.own.pop(skill, None)
        search.any_of.pop(skill, None)
        search.added.discard(skill)
    search.queues.update(ring.queues)


# -- overflows -------------------------------------------------------------------------------


def overflow_cycles(queues: Sequence[Queue], source: Source) -> Iterator[Problem]:
    """Circles in which a contact would be handed round for ever, whatever leads along them."""
    ways = {
        queue.id: [
            (("queues", index, *path), target)
            for path, target in _overflows(queue)
            if any(target == other.id for other in queues)
        ]
        for index, queue in enumerate(queues)
    }
    done: set[str] = set()
    for start in ways:
        for where, circle in _circles(start, ways, done, []):
            yield source.problem(
                where,
                "a cycle of overflows: " + " → ".join(circle),
                "let one of these queues end with callback, voicemail or announce",
            )


def _overflows(queue: Queue) -> Iterator[tuple[Where, str]]:
    for number, ring in enumerate(queue.rings):
        if ring.overflow:
            yield ("rings", number, "overflow"), ring.overflow
    for path, exit_ in exits_of(queue):
        if exit_.overflow:
            yield (*path, "overflow"), exit_.overflow


def _circles(
    queue: str,
    ways: dict[str, list[tuple[Where, str]]],
    done: set[str],
    path: list[str],
) -> Iterator[tuple[Where, list[str]]]:
    """Each circle once, at the overflow that closes it."""
    if queue in done:
        return
    path = [*path, queue]
    for where, target in ways[queue]:
        if target in path:
            yield where, [*path[path.index(target) :], target]
        else:
            yield from _circles(target, ways, done, path)
    done.add(queue)
