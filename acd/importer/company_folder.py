"""The imported company as files that people go on editing: every line says where it came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from acd.importer.people import Person
from acd.importer.queues import ImportedQueue, level_of
from acd.rules import PRESETS, Strategy


@dataclass(slots=True)
class ImportedAgent:
    """An agent of agents.csv, or a member that only queues.conf or the log knows."""

    extension: str
    name: str
    origin: str
    skills: dict[str, int]
    notes: list[str]


def join_people(
    queues: Sequence[ImportedQueue], people: Sequence[Person], seen: Mapping[str, set[str]]
) -> list[ImportedAgent]:
    """Everybody, in the order of agents.csv, with a level for each of their queues.

    A queue's own ``member`` lines count first, then agents.csv; for a queue that neither fills, who
    was a member by the log (``seen``: its name -> extensions).
    """
    agents = {
        person.extension: ImportedAgent(
            person.extension, person.name, f"agents.csv:{person.line}", {}, []
        )
        for person in people
    }
    for queue in queues:
        for extension, name, level, origin in _members(queue, people):
            _give(agents, extension, name=name, skill=queue.id, level=level, origin=origin)
        if not any(queue.id in agent.skills for agent in agents.values()):
            for extension in sorted(seen.get(queue.title, ())):
                _give(agents, extension, name="", skill=queue.id, level=10, origin="queue_log")
    known = {name for queue in queues for name in (queue.title.lower(), queue.id)}
    for person in people:
        agents[person.extension].notes += [
            f"skill {name}: no queue asks for it"
            for name in person.skills
            if name.lower() not in known
        ]
    return list(agents.values())


def _members(queue: ImportedQueue, people: Sequence[Person]) -> Iterator[tuple[str, str, int, str]]:
    """Extension, name, level and origin of who belongs to a queue; the first word counts."""
    for member in queue.members:
        yield member.extension, member.name, level_of(member.penalty), "queues.conf"
    for person in people:
        penalties = {name.lower(): penalty for name, penalty in person.queues.items()}
        levels = {name.lower(): level for name, level in person.skills.items()}
        for name in (queue.title.lower(), queue.id):
            if name in penalties:
                yield person.extension, "", level_of(penalties[name]), ""
            elif name in levels:
                yield person.extension, "", levels[name], ""


def _give(
    agents: dict[str, ImportedAgent],
    extension: str,
    *,
    name: str,
    skill: str,
    level: int,
    origin: str,
) -> None:
    if extension not in agents:
        origin = f"{origin}; not in agents.csv"
        agents[extension] = ImportedAgent(extension, name or extension, origin, {}, [])
    agents[extension].skills.setdefault(skill, level)


def settle_strategies(queues: Sequence[ImportedQueue], agents: Sequence[ImportedAgent]) -> None:
    """Skills and strategy of each queue, now that its agents are known."""
    for queue in queues:
        levels = {agent.skills[queue.id] for agent in agents if queue.id in agent.skills}
        if levels:
            queue.values.setdefault("skills", {queue.id: 1})
        else:
            queue.values["skills"] = {}
            queue.values.pop("rings", None)
            queue.notes.append(
                "no members: every agent may serve; give the queue a skill and agents that have it"
            )
        preset = PRESETS.get(queue.strategy, Strategy.LONGEST_IDLE)
        if len(levels) > 1:  # app_queue looks at penalties before its strategy
            queue.origin["strategy"] = f"penalties differ; among equals {queue.strategy}"
            preset = Strategy.BEST_SKILLED
        else:
            queue.origin["strategy"] = f"strategy = {queue.strategy}"
        if queue.strategy == "ringall":
            queue.notes.append("strategy = ringall: no equal; two agents never ring for one caller")
        queue.values["strategy"] = preset.value


# -- text ------------------------------------------------------------------------------------

_HEAD = """\
# Imported from app_queue by ./huawu import.  由 ./huawu import 从 app_queue 导入。
# {what}
# What can be said here: docs/rules.md.  写法见 docs/rules.md。
"""
_ORDER = (
    "skills", "rings", "strategy", "priority", "threshold", "ring", "wrap_up",
    "limits", "announcements", "record", "music",
)  # fmt: skip


def queues_text(queues: Sequence[ImportedQueue], source: str) -> str:
    """queues.yaml."""
    lines = [
        _HEAD.format(what="Queues of queues.conf; a penalty became a level: 0 is 10, 1 is 9, …"),
        "queues:",
    ]
    for queue in queues:
        lines.append(f"  # {source}:{queue.line} [{queue.title}]")
        lines.append(f"  - id: {queue.id}")
        lines.append(f"    name: {_inline({'zh-CN': queue.title[:40], 'en': queue.title[:40]})}")
        for field in _ORDER:
            if field in queue.values:
                lines += _field(field, queue.values[field], queue.origin.get(field, ""))
        lines.append("    # The longest wait, 1800 s here, stood in the dialplan: Queue(…,timeout)")
        lines += [f"    # {_comment(note)}" for note in queue.notes]
        lines.append("")
    return "\n".join(lines)


def agents_text(agents: Sequence[ImportedAgent]) -> str:
    """agents.yaml."""
    lines = [
        _HEAD.format(what="Agents of agents.csv and of the member lines of queues.conf."),
        "# A skill for each language that callers choose, such as {zh-CN: mandarin, en: english}.",
        "language_skills: {}",
        "",
        "agents:" if agents else "agents: []",
    ]
    for agent in agents:
        lines.append(f"  # {_comment(agent.origin)}")
        lines.append(f"  - id: {_inline(agent.extension)}")
        lines.append(f"    name: {_inline({'zh-CN': agent.name[:40], 'en': agent.name[:40]})}")
        lines.append(f"    skills: {_inline(agent.skills)}")
        lines += [f"    # {_comment(note)}" for note in agent.notes]
    return "\n".join(lines) + "\n"


def routing_text() -> str:
    """routing.yaml: app_queue has nothing of it, so it holds the defaults to build upon."""
    return _HEAD.format(
        what="app_queue knows no classes, attributes or rules; these are the defaults."
    ) + (
        "classes: {normal: 0, vip: 10}\n"
        "attributes: {}\n"
        "rules: []\n"
        "# Who misses an offer is not ready (autopause), after three in a row signed out.\n"
        "misses: {reason: rona, sign_out_after: 3}\n"
    )


def menu_text(first: str) -> str:
    """The smallest menu: everybody waits in the first queue."""
    return (
        _HEAD.format(what="Callers go straight to the first queue; menus stood in the dialplan.")
        + "name: main\nstart: person\nlanguages: [zh-CN, en]\nperson: person\nnodes:\n"
        f"  person: {{kind: queue, queue: {first}}}\n"
    )


HOURS_TEXT = _HEAD.format(
    what="Opening hours stood in the dialplan; always open until changed."
) + ('timezone: Asia/Shanghai\nhours:\n  always: {daily: ["00:00-24:00"]}\n')
CUSTOMERS_TEXT = _HEAD.format(what="Customers whom the menu knows by their number.") + (
    "customers: []\n"
)


def _field(name: str, value: Any, origin: str) -> list[str]:
    comment = f"   # {_comment(origin)}" if origin else ""
    if isinstance(value, list):
        return [f"    {name}:{comment}", *(f"      - {_inline(item)}" for item in value)]
    return [f"    {name}: {_inline(value)}{comment}"]


def _inline(value: Any) -> str:
    """A value on one line, quoted where YAML needs it."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _comment(text: str) -> str:
    return " ".join(text.split())
