"""Everything that can be wrong between the rules: names that name nothing, and rules that cannot
do what they say.

A file's own shape is checked by the types of ``acd/rules.py``. Here the files are held against
each other; rings and overflows have ``acd/ring_checks.py``. Every problem says file, line and mend.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from acd.ring_checks import exits_of, overflow_cycles, ring_problems
from acd.rules import AgentProfile, Condition, Queue, Routing, Rule, Strict, Word
from store.source import BadFile, Problem, Source, Where, check_source, read_source
from telephony.numbers import plain_number

#: Conditions may ask for these besides the attributes that ``routing.yaml`` declares.
BUILT_IN_ATTRIBUTES = ("language", "queue")
#: Reasons for not being ready that need no entry under ``breaks``.
BUILT_IN_REASONS = ("rona",)


class _QueuesFile(Strict):
    queues: Annotated[list[Queue], Field(min_length=1)]


class _AgentsFile(Strict):
    agents: list[AgentProfile]
    language_skills: dict[str, Word]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFiles:
    """The rules as they stand in their files, typed, with the line of every value."""

    queues_source: Source
    agents_source: Source
    routing_source: Source
    queues: Sequence[Queue]
    agents: Sequence[AgentProfile]
    language_skills: Mapping[str, str]
    routing: Routing
    hours: Collection[str] | None  # names in hours.yaml; None when there is no such file


def read_rules(folder: Path) -> RuleFiles:
    """Read and type the files of a company. Raises BadFile with the problems of all of them."""
    problems: list[Problem] = []
    sources = {}
    for name in ("queues.yaml", "agents.yaml", "routing.yaml"):
        try:
            sources[name] = _read(folder / name, optional=name == "routing.yaml")
        except BadFile as error:
            problems += error.problems
    typed = []
    for name, schema in (
        ("queues.yaml", _QueuesFile),
        ("agents.yaml", _AgentsFile),
        ("routing.yaml", Routing),
    ):
        if name in sources:
            try:
                typed.append(check_source(sources[name], schema))
            except BadFile as error:
                problems += error.problems
    if problems:
        raise BadFile(problems)
    queues, agents, routing = typed
    assert isinstance(queues, _QueuesFile)
    assert isinstance(agents, _AgentsFile)
    assert isinstance(routing, Routing)
    return RuleFiles(
        queues_source=sources["queues.yaml"],
        agents_source=sources["agents.yaml"],
        routing_source=sources["routing.yaml"],
        queues=queues.queues,
        agents=agents.agents,
        language_skills=agents.language_skills,
        routing=routing,
        hours=_hours(folder / "hours.yaml"),
    )


def _read(file: Path, *, optional: bool) -> Source:
    if optional and not file.exists():
        return Source(file=file, data={}, lines={})
    source = read_source(file)
    empty = optional and source.data is None  # nothing but comments
    return Source(file=file, data={}, lines={}) if empty else source


def _hours(file: Path) -> Collection[str] | None:
    """The names alone: what they mean is the menu's business."""
    if not file.exists():
        return None
    data = read_source(file).data
    hours = data.get("hours") if isinstance(data, dict) else None
    return tuple(hours) if isinstance(hours, dict) else ()


def rule_problems(files: RuleFiles, prompts: Collection[str] | None = None) -> list[Problem]:
    """Every problem between the files; ``prompts`` are the names that an exit may announce."""
    return [
        *_used_twice(files),
        *_unknown_skills(files),
        *_queue_names(files),
        *_exit_problems(files, prompts),
        *ring_problems(files.queues, files.queues_source, _added_skills(files)),
        *overflow_cycles(files.queues, files.queues_source),
        *_conditions(files),
        *_rules(files),
        *_people(files),
    ]


# -- names -----------------------------------------------------------------------------------


def _used_twice(files: RuleFiles) -> Iterator[Problem]:
    routing = files.routing
    for source, key, field, names in (
        (files.queues_source, "queues", "id", [queue.id for queue in files.queues]),
        (files.agents_source, "agents", "id", [agent.id for agent in files.agents]),
        (files.routing_source, "rules", "name", [rule.name for rule in routing.rules]),
        (files.routing_source, "breaks", "id", [reason.id for reason in routing.breaks]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                where: Where = (key, index, field)
                yield source.problem(
                    where, f"the {field} {name} is used twice", f"give each its own {field}"
                )


def _skill_uses(files: RuleFiles) -> Iterator[tuple[Source, Where, str]]:
    """Every place that asks for a skill."""
    for index, queue in enumerate(files.queues):
        at: Where = ("queues", index)
        for skill in queue.skills:
            yield files.queues_source, (*at, "skills", skill), skill
        for number, ring in enumerate(queue.rings):
            for field, skills in (("skills", ring.skills), ("any", ring.any)):
                for skill in skills:
                    yield files.queues_source, (*at, "rings", number, field, skill), skill
            for place, skill in enumerate(ring.drop):
                yield files.queues_source, (*at, "rings", number, "drop", place), skill
    for index, rule in enumerate(files.routing.rules):
        for skill in rule.skills:
            yield files.routing_source, ("rules", index, "skills", skill), skill
    for language, skill in files.language_skills.items():
        yield files.agents_source, ("language_skills", language), skill


def _unknown_skills(files: RuleFiles) -> Iterator[Problem]:
    """A skill that is asked for and no agent has, or the other way round, is a typing error."""
    uses = list(_skill_uses(files))
    owned = {skill for agent in files.agents for skill in agent.skills}
    for source, where, skill in uses:
        if skill not in owned:
            yield source.problem(
                where,
                f"no agent has the skill {skill}",
                "correct the name, or give the skill to an agent in agents.yaml",
            )
    asked = {skill for _, _, skill in uses}
    for index, agent in enumerate(files.agents):
        for skill in agent.skills:
            if skill not in asked:
                yield files.agents_source.problem(
                    ("agents", index, "skills", skill),
                    f"no queue and no language asks for the skill {skill}",
                    "correct the name, or remove the skill",
                )


def _added_skills(files: RuleFiles) -> set[str]:
    """Skills that a contact may be asked for besides its queue's own."""
    return {skill for rule in files.routing.rules for skill in rule.skills} | set(
        files.language_skills.values()
    )


def _queue_names(files: RuleFiles) -> Iterator[Problem]:
    """Queues, hours and classes that are named and must exist."""
    source, queues = files.queues_source, [queue.id for queue in files.queues]
    for index, queue in enumerate(files.queues):
        at: Where = ("queues", index)
        yield from _unknown_class(source, (*at, "priority"), queue.priority, files.routing)
        if files.hours is not None and queue.hours not in files.hours:
            yield source.problem(
                (*at, "hours"),
                f"there are no hours {queue.hours}",
                f"hours.yaml has {_list(files.hours)}",
            )
        for number, ring in enumerate(queue.rings):
            here: Where = (*at, "rings", number)
            for place, name in enumerate(ring.queues):
                if name == queue.id:
                    yield source.problem(
                        (*here, "queues", place),
                        f"{name} is this queue itself",
                        "name another queue, or remove it",
                    )
                yield from _unknown(source, (*here, "queues", place), "queue", name, queues)
            if ring.overflow:
                yield from _unknown(source, (*here, "overflow"), "queue", ring.overflow, queues)


def _unknown_class(
    source: Source, where: Where, priority: int | str | None, routing: Routing
) -> Iterator[Problem]:
    if isinstance(priority, str) and priority not in routing.classes:
        known = f"; there are {_list(routing.classes)}" if routing.classes else ""
        yield source.problem(
            where,
            f"there is no priority class {priority}",
            f"write a number, or add the class under classes in routing.yaml{known}",
        )


def _unknown(
    source: Source, where: Where, kind: str, name: str, known: Collection[str]
) -> Iterator[Problem]:
    if name not in known:
        yield source.problem(where, f"there is no {kind} {name}", f"there are {_list(known)}")


def _list(names: Iterable[str]) -> str:
    """The first few names, for a mend."""
    names = list(names)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


# -- exits -----------------------------------------------------------------------------------


def _exit_problems(files: RuleFiles, prompts: Collection[str] | None) -> Iterator[Problem]:
    source, queues = files.queues_source, [queue.id for queue in files.queues]
    for index, queue in enumerate(files.queues):
        for path, exit_ in exits_of(queue):
            where: Where = ("queues", index, *path)
            if exit_.overflow:
                yield from _unknown(source, (*where, "overflow"), "queue", exit_.overflow, queues)
            if exit_.callback and queue.callback is None:
                yield source.problem(
                    (*where, "callback"),
                    f"the queue {queue.id} has no callback",
                    "add a section callback: to the queue ({} takes the defaults), "
                    "or name another exit",
                )
            if exit_.announce and prompts is not None and exit_.announce not in prompts:
                yield source.problem(
                    (*where, "announce"),
                    f"there is no prompt {exit_.announce}",
                    "name a prompt of ivr/catalogue.yaml, such as queue_full or closed",
                )


# -- conditions and rules --------------------------------------------------------------------


def _conditions(files: RuleFiles) -> Iterator[Problem]:
    """Attributes and values in conditions that no contact can have."""
    for index, queue in enumerate(files.queues):
        for number, ring in enumerate(queue.rings):
            where: Where = ("queues", index, "rings", number, "when")
            yield from _condition(files, files.queues_source, where, ring.when)
    for index, rule in enumerate(files.routing.rules):
        yield from _condition(files, files.routing_source, ("rules", index, "when"), rule.when)
    for name in BUILT_IN_ATTRIBUTES:
        if name in files.routing.attributes:
            yield files.routing_source.problem(
                ("attributes", name),
                f"{name} is known without being declared",
                "remove it, or give your own attribute another name",
            )


def _condition(
    files: RuleFiles, source: Source, where: Where, condition: Condition
) -> Iterator[Problem]:
    values_of: dict[str, Collection[str]] = {
        **files.routing.attributes,
        "language": tuple(files.language_skills),
        "queue": [queue.id for queue in files.queues],
    }
    for name, wanted in condition.items():
        if name not in values_of:
            yield source.problem(
                (*where, name),
                f"no attribute is called {name}",
                "declare it under attributes in routing.yaml; "
                f"conditions may ask for {_list(values_of)}",
            )
            continue
        for value in wanted if isinstance(wanted, list) else [wanted]:
            if values_of[name] and value not in values_of[name]:
                yield source.problem(
                    (*where, name),
                    f"{name} is never {value}",
                    f"values are {_list(values_of[name])}",
                )


def _rules(files: RuleFiles) -> Iterator[Problem]:
    source, queues = files.routing_source, [queue.id for queue in files.queues]
    agents = [agent.id for agent in files.agents]
    for index, rule in enumerate(files.routing.rules):
        at: Where = ("rules", index)
        for place, name in enumerate(rule.queues):
            yield from _unknown(source, (*at, "queues", place), "queue", name, queues)
        yield from _unknown_class(source, (*at, "priority"), rule.priority, files.routing)
        if rule.preferred:
            yield from _unknown(source, (*at, "preferred"), "agent", rule.preferred, agents)
        if rule.to:
            yield from _unknown(source, (*at, "to"), "queue", rule.to, queues)
        if not _changes(rule):
            yield source.problem(
                at,
                f"the rule {rule.name} changes nothing",
                "give it a priority, skills, a threshold, a preferred agent, same_agent or "
                "another queue (to), or remove it",
            )


def _changes(rule: Rule) -> bool:
    """Does the rule give a contact anything?"""
    given = (rule.priority, rule.threshold, rule.preferred, rule.to)
    return bool(rule.skills or rule.same_agent) or any(each is not None for each in given)


def _people(files: RuleFiles) -> Iterator[Problem]:
    """Pairs that must not meet, and the reason that a missed offer gives."""
    source, agents = files.routing_source, [agent.id for agent in files.agents]
    seen: set[tuple[str, str]] = set()
    for index, pair in enumerate(files.routing.do_not_route):
        at: Where = ("do_not_route", index)
        yield from _unknown(source, (*at, "agent"), "agent", pair.agent, agents)
        key = (plain_number(pair.caller), pair.agent)
        if key in seen:
            yield source.problem(at, "this pair is here twice", "remove one of the two")
        seen.add(key)
    reasons = [*BUILT_IN_REASONS, *(reason.id for reason in files.routing.breaks)]
    yield from _unknown(
        source, ("misses", "reason"), "break reason", files.routing.misses.reason, reasons
    )
