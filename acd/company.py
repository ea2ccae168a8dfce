"""The company's rules: ``queues.yaml``, ``agents.yaml`` and, if there is one, ``routing.yaml``.

Pure values, and what they say of one contact: whom it asks for and which place it gets. They are
checked when they are loaded: whatever is wrong is refused with file, line and mend, and nothing is
half loaded. What the types of ``acd/rules.py`` cannot see is looked for in ``acd/rule_checks.py``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acd.requirement import Requirement, Skills, skills_of
from acd.rule_checks import read_rules, rule_problems
from acd.rules import AgentProfile, BreakReason, Queue, Ring, Routing, Rule, holds
from store.source import BadFile
from telephony.numbers import plain_number


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRules:
    """What the queue and the rules that fit say of a contact's place."""

    priority: int
    threshold: float  # target wait in seconds
    aging: float  # seconds
    preferred: str = ""  # an agent's extension
    wait: float = 0.0  # seconds for which the preferred agent alone is waited for
    preferred_by: str = ""  # "rule:NAME"
    same_agent: bool = False  # the preferred agent is the one who served this caller last
    to: str = ""  # the queue to which a rule leads instead ...
    to_by: str = ""  # ... "rule:NAME"
    rules: tuple[str, ...] = ()  # names of all rules that fit, in the order of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Queues and agents by id, in the order of their files."""

    queues: Mapping[str, Queue]
    agents: Mapping[str, AgentProfile]
    language_skills: Mapping[str, str]
    routing: Routing = field(default_factory=Routing)
    _avoid: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        avoid: dict[str, tuple[str, ...]] = {}
        for pair in self.routing.do_not_route:
            number = plain_number(pair.caller)
            avoid[number] = tuple(sorted({*avoid.get(number, ()), pair.agent}))
        object.__setattr__(self, "_avoid", avoid)

    def queue(self, queue: str) -> Queue:
        """The queue with this id. Raises KeyError."""
        return self.queues[queue]

    def agent(self, agent: str) -> AgentProfile:
        """The agent with this extension. Raises KeyError."""
        return self.agents[agent]

    # -- whom a contact asks for ------------------------------------------------------------

    def requirement(
        self,
        queue: str,
        language: str,
        attributes: Mapping[str, str] | None = None,
        ring: int = 0,
        caller: str = "",
    ) -> Requirement:
        """Whom a contact in this queue asks for once ``ring`` rings of the queue have opened.

        The queue's skills, the language's and those of the rules that fit, then widened ring by
        ring. ``caller`` is the customer's number, in any form. Raises KeyError for the queue.
        """
        attributes = attributes or {}
        known = self.queues[queue]
        every = self._asked(known, language, attributes)
        any_of: dict[str, int] = {}
        others: list[str] = []
        dropped: set[str] = set()
        facts = facts_of(queue, language, attributes)
        for step in known.rings[:ring]:
            if holds(step.when, facts):
                _widen(step, known, every, any_of, others)
                dropped.update(step.drop)
        return Requirement(
            every=skills_of(every),
            any=skills_of(any_of),
            others=tuple(
                _without(self._asked(self.queues[name], language, attributes), dropped)
                for name in others
                if name in self.queues  # a queue that has left the files may name one that is gone
            ),
            avoid=self._avoid.get(plain_number(caller), ()) if caller else (),
        )

    def widest_requirement(
        self, queue: str, language: str, attributes: Mapping[str, str] | None = None
    ) -> Requirement:
        """Whom a contact asks for when every ring of the queue has opened."""
        return self.requirement(queue, language, attributes, len(self.queues[queue].rings))

    def anybody_able(self, requirement: Requirement) -> bool:
        """Is there any agent, signed in or not, who meets it?"""
        return any(
            not requirement.obstacle(agent.id, agent.skills) for agent in self.agents.values()
        )

    def _asked(self, queue: Queue, language: str, attributes: Mapping[str, str]) -> dict[str, int]:
        """Skill -> minimum level before any ring; of two demands for a skill the higher counts."""
        asked = dict(queue.skills)
        if skill := self.language_skills.get(language):
            asked.setdefault(skill, 1)
        for rule in self.rules_for(queue.id, language, attributes):
            for skill, level in rule.skills.items():
                asked[skill] = max(level, asked.get(skill, 0))
        return asked

    # -- which place it gets ----------------------------------------------------------------

    def rules_for(self, queue: str, language: str, attributes: Mapping[str, str]) -> list[Rule]:
        """The rules that fit such a contact, in the order of the file."""
        facts = facts_of(queue, language, attributes)
        return [
            rule
            for rule in self.routing.rules
            if (not rule.queues or queue in rule.queues) and holds(rule.when, facts)
        ]

    def place_rules(
        self, queue: str, language: str, attributes: Mapping[str, str] | None = None
    ) -> PlaceRules:
        """The place of a contact that is queued: later rules override earlier ones, and those
        override the queue. Raises KeyError for the queue.
        """
        known = self.queues[queue]
        rules = self.rules_for(queue, language, attributes or {})
        priority, threshold = known.priority, known.threshold
        chosen = led = None
        for rule in rules:
            priority = priority if rule.priority is None else rule.priority
            threshold = threshold if rule.threshold is None else rule.threshold
            chosen = rule if rule.preferred or rule.same_agent else chosen
            led = rule if rule.to else led
        return PlaceRules(
            priority=self.priority_of(priority),
            threshold=threshold,
            aging=known.aging,
            preferred=chosen.preferred or "" if chosen else "",
            wait=chosen.wait if chosen else 0.0,
            preferred_by=f"rule:{chosen.name}" if chosen else "",
            same_agent=chosen.same_agent if chosen else False,
            to=led.to or "" if led else "",
            to_by=f"rule:{led.name}" if led else "",
            rules=tuple(rule.name for rule in rules),
        )

    def break_rule(self, reason: str) -> BreakReason | None:
        """The company's rule for this reason for not being ready; None when it has none."""
        return next((rule for rule in self.routing.breaks if rule.id == reason), None)

    def break_name(self, reason: str) -> dict[str, str] | None:
        """What the company calls this reason for not being ready; None when it does not."""
        rule = self.break_rule(reason)
        return rule.name if rule else None

    def declared(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """Those attributes that ``routing.yaml`` declares, with a value that they may have.

        What a channel carries is checked with it: anybody's word until then.
        """
        values_of = self.routing.attributes
        return {
            name: value
            for name, value in attributes.items()
            if name in values_of and (not values_of[name] or value in values_of[name])
        }

    def priority_of(self, priority: int | str) -> int:
        """The number of a priority, which may be a class's name. Raises KeyError."""
        return priority if isinstance(priority, int) else self.routing.classes[priority]

    def queues_of(self, agent: str) -> frozenset[str]:
        """Queues whose skills the agent has, whatever the language of the caller."""
        profile = self.agents[agent]
        return frozenset(queue.id for queue in self.queues.values() if profile.has(queue.skills))


def load_company(folder: Path, prompts: Collection[str] | None = None) -> Company:
    """Read ``queues.yaml``, ``agents.yaml`` and, if it is there, ``routing.yaml`` of a folder.

    Args:
        folder: of the company's files; names of opening hours are looked up in its ``hours.yaml``.
        prompts: names of all prompts that an exit may announce; ``None`` leaves that unchecked.

    Raises:
        store.source.BadFile: with every problem found, each with file, line and mend.
    """
    files = read_rules(folder)
    if problems := rule_problems(files, prompts):
        raise BadFile(problems)
    return Company(
        queues={queue.id: queue for queue in files.queues},
        agents={agent.id: agent for agent in files.agents},
        language_skills=files.language_skills,
        routing=files.routing,
    )


def facts_of(queue: str, language: str, attributes: Mapping[str, str]) -> dict[str, str]:
    """What conditions are held against: the attributes, and what every contact has."""
    return {**attributes, "language": language, "queue": queue}


def _widen(
    ring: Ring, queue: Queue, every: dict[str, int], any_of: dict[str, int], others: list[str]
) -> None:
    """Open one ring; a ring never asks for more than those before it."""
    if ring.any:
        for skill in queue.skills:
            every.pop(skill, None)
    for skill, level in ring.any.items():
        any_of[skill] = min(level, any_of.get(skill, level))
    for skill, level in ring.skills.items():
        for levels in (every, any_of):
            if skill in levels:
                levels[skill] = min(level, levels[skill])
    for skill in ring.drop:
        every.pop(skill, None)
        any_of.pop(skill, None)
    others += [name for name in ring.queues if name not in others]


def _without(levels: dict[str, int], dropped: set[str]) -> Skills:
    return skills_of({skill: level for skill, level in levels.items() if skill not in dropped})
