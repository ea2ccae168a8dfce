"""Whom a contact asks for: skills with minimum levels, as a comparable, hashable value.

Pure. A queue's rules (``acd/rules.py``) make a requirement; rings replace it by a wider one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Skills = tuple[tuple[str, int], ...]
"""(skill, minimum level 1-10), sorted by skill."""


def skills_of(levels: Mapping[str, int]) -> Skills:
    """The levels as a sorted tuple."""
    return tuple(sorted(levels.items()))


@dataclass(frozen=True, slots=True)
class Requirement:
    """Who may serve: has ``every`` skill and one of ``any`` (if there are some), or meets one of
    ``others`` (agents of named other queues); and is not among ``avoid`` (do-not-route).
    """

    every: Skills = ()
    any: Skills = ()
    others: tuple[Skills, ...] = ()
    avoid: tuple[str, ...] = ()

    def obstacle(self, agent: str, skills: Mapping[str, int]) -> str:
        """Why an agent with these skills may not serve, as a code; "" when they may.

        Codes: ``do_not_route``, ``skill:NAME:HAS<NEEDS`` (the first that is missing),
        ``any_of:NAME+NAME``.
        """
        if agent in self.avoid:
            return "do_not_route"
        if any(_has_every(skills, other) for other in self.others):
            return ""
        for skill, level in self.every:
            if skills.get(skill, 0) < level:
                return f"skill:{skill}:{skills.get(skill, 0)}<{level}"
        if self.any and not any(skills.get(skill, 0) >= level for skill, level in self.any):
            return "any_of:" + "+".join(skill for skill, _ in self.any)
        return ""

    def plain(self) -> dict[str, Any]:
        """JSON-ready, without what is empty."""
        plain: dict[str, Any] = {}
        if self.every:
            plain["every"] = dict(self.every)
        if self.any:
            plain["any"] = dict(self.any)
        if self.others:
            plain["others"] = [dict(other) for other in self.others]
        if self.avoid:
            plain["avoid"] = list(self.avoid)
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Requirement":
        """The requirement that ``plain`` wrote."""
        others: Sequence[Mapping[str, int]] = plain.get("others", ())
        return cls(
            every=skills_of(plain.get("every", {})),
            any=skills_of(plain.get("any", {})),
            others=tuple(skills_of(other) for other in others),
            avoid=tuple(plain.get("avoid", ())),
        )


def _has_every(skills: Mapping[str, int], wanted: Skills) -> bool:
    return all(skills.get(skill, 0) >= level for skill, level in wanted)
