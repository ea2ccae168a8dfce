"""The company's rules: ``queues.yaml``, ``agents.yaml`` and, if there is one, ``routing.yaml``.

Pure values, checked when they are loaded: an unknown skill, a level outside 1-10, an id used
twice or a missing field is refused with file, line and mend, and nothing is half loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from acd.requirement import Requirement, skills_of
from acd.rules import AgentProfile, Queue, Routing, Strict, Word
from store.source import BadFile, Problem, Source, check_source, read_source


class _QueuesFile(Strict):
    queues: Annotated[list[Queue], Field(min_length=1)]


class _AgentsFile(Strict):
    agents: list[AgentProfile]
    language_skills: dict[str, Word]


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Queues and agents by id, in the order of their files."""

    queues: Mapping[str, Queue]
    agents: Mapping[str, AgentProfile]
    language_skills: Mapping[str, str]
    routing: Routing = field(default_factory=Routing)

    def queue(self, queue: str) -> Queue:
        """The queue with this id. Raises KeyError."""
        return self.queues[queue]

    def agent(self, agent: str) -> AgentProfile:
        """The agent with this extension. Raises KeyError."""
        return self.agents[agent]

    def requirement(self, queue: str, language: str) -> Requirement:
        """Whom a contact in this queue, in this language, asks for at first."""
        required = dict(self.queues[queue].skills)
        if skill := self.language_skills.get(language):
            required.setdefault(skill, 1)
        return Requirement(every=skills_of(required))

    def priority_of(self, priority: int | str) -> int:
        """The number of a priority, which may be a class's name."""
        return priority if isinstance(priority, int) else self.routing.classes[priority]

    def queues_of(self, agent: str) -> frozenset[str]:
        """Queues whose skills the agent has, whatever the language of the caller."""
        profile = self.agents[agent]
        return frozenset(queue.id for queue in self.queues.values() if profile.has(queue.skills))


def load_company(folder: Path) -> Company:
    """Read ``queues.yaml`` and ``agents.yaml`` of a folder.

    Raises:
        store.source.BadFile: with every problem found, each with file, line and mend.
    """
    queues_source = read_source(folder / "queues.yaml")
    agents_source = read_source(folder / "agents.yaml")
    queues = check_source(queues_source, _QueuesFile)
    agents = check_source(agents_source, _AgentsFile)
    problems = [
        *_twice(queues_source, "queues", [queue.id for queue in queues.queues]),
        *_twice(agents_source, "agents", [agent.id for agent in agents.agents]),
        *_unknown_skills(queues_source, agents_source, queues, agents),
    ]
    if problems:
        raise BadFile(problems)
    return Company(
        queues={queue.id: queue for queue in queues.queues},
        agents={agent.id: agent for agent in agents.agents},
        language_skills=agents.language_skills,
    )


def _twice(source: Source, key: str, ids: list[str]) -> list[Problem]:
    return [
        source.problem((key, index, "id"), f"the id {name} is used twice", "give each its own id")
        for index, name in enumerate(ids)
        if name in ids[:index]
    ]


def _unknown_skills(
    queues_source: Source, agents_source: Source, queues: _QueuesFile, agents: _AgentsFile
) -> list[Problem]:
    """A skill that a queue asks for and no agent has, or the other way round, is a typing error."""
    asked = {skill for queue in queues.queues for skill in queue.skills}
    asked |= set(agents.language_skills.values())
    owned = {skill for agent in agents.agents for skill in agent.skills}
    return [
        queues_source.problem(
            ("queues", index, "skills", skill),
            f"no agent has the skill {skill}",
            "correct the name, or give the skill to an agent in agents.yaml",
        )
        for index, queue in enumerate(queues.queues)
        for skill in queue.skills
        if skill not in owned
    ] + [
        agents_source.problem(
            ("agents", index, "skills", skill),
            f"no queue and no language asks for the skill {skill}",
            "correct the name, or remove the skill",
        )
        for index, agent in enumerate(agents.agents)
        for skill in agent.skills
        if skill not in asked
    ]
