"""A voice menu as data: what a flow file may hold, and everything that can be wrong with it.

A flow is a graph of nodes. This module reads one, checks it and says for every mistake the
file, the line and the mend; `ivr/dialogue.py` walks it with a caller. Pure but for reading the
file: no clock, no network.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from ivr.nodes import FlowData, Hours, Language, Menu, Node, Queue, Say, edges
from ivr.prompts import Prompt, PromptShelf
from store.source import BadFile, Problem, Source, Where, read_source


@dataclass(frozen=True, slots=True)
class Flow:
    """A checked flow and the prompts that it plays."""

    data: FlowData
    source: Source = field(repr=False)
    shelf: PromptShelf = field(repr=False)
    """The system's own prompts and the flow's."""

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The nodes by name."""
        return self.data.nodes

    def prompt_name(self, node: str) -> str:
        """The name under which a node's text is recorded."""
        return f"{self.data.name}-{node}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a flow may refer to outside its own file."""

    shelf: PromptShelf
    queues: Collection[str]
    hours: Collection[str]
    attributes: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Attribute to its values, as ``routing.yaml`` declares them; no values: any will do."""


def load_flow(file: Path, around: Surroundings, *, recorded: bool = True) -> Flow:
    """Read and check a flow file. Raises BadFile with every problem found.

    `recorded=False` does not ask whether the texts have been spoken yet (for `ivr say`).
    """
    source = read_source(file)
    data = _typed(source)
    problems = [*_references(data, source, around)]
    whole = not problems  # what follows from a loose end is not complained about a second time
    problems.extend(_texts(data, source, around.shelf, whole))
    if whole:
        problems.extend(_graph(data, source))
    shelf = around.shelf.with_prompts(_prompts(data, source, around.shelf))
    if recorded:
        problems.extend(unrecorded_problems(shelf))
    if problems:
        raise BadFile(sorted(problems, key=lambda problem: (str(problem.file), problem.line)))
    return Flow(data, source, shelf)


def unrecorded_problems(shelf: PromptShelf) -> list[Problem]:
    """One problem for each text that nobody has spoken yet."""
    return [
        Problem(
            file=prompt.source,
            line=prompt.line,
            mend="run ./huawu ivr say",
            text=f"there is no recording of “{prompt.text}” ({prompt.file_name})",
        )
        for prompt in shelf.unrecorded()
    ]


# ---- shape ----


def _typed(source: Source) -> FlowData:
    """The data against the schema; pydantic's words turned into file, line and mend."""
    try:
        return FlowData.model_validate(source.data)
    except ValidationError as error:
        raise BadFile([_shape_problem(source, item) for item in _items(error)]) from error


def _items(error: ValidationError) -> list[tuple[Where, str, str, object]]:
    return [
        (item["loc"], item["type"], item["msg"], item["input"])
        for item in error.errors(include_url=False)
    ]


_KINDS = "say, language, menu, hours, customer, queue, hang_up, goto"
_MENDS = {
    "missing": "add it",
    "extra_forbidden": "remove it, or correct its spelling",
    "union_tag_invalid": f"kinds are {_KINDS}",
    "union_tag_not_found": f"add 'kind:' with one of {_KINDS}",
}


def _shape_problem(source: Source, item: tuple[Where, str, str, object]) -> Problem:
    where, type_, message, value = item
    # Inside a node pydantic adds the kind, and [key] for a bad key: no places of the file.
    place = tuple(part for index, part in enumerate(where) if not _is_marker(where, index))
    name = str(place[-1]) if place else "the file"
    is_key = bool(where) and where[-1] == "[key]"
    mend = _MENDS.get(type_, "")
    if type_ == "missing":
        text = f"'{name}' is missing"
    elif type_ == "extra_forbidden":
        text = f"'{name}' is not known here"
    elif is_key and "keys" in place:
        text, mend = (
            f"'{name}' cannot be a key of a menu",
            ("use 1 to 9 or #; 0 always leads to a person and * goes back"),
        )
    elif type_ == "string_pattern_mismatch":
        text, mend = f"'{value}' is no name", "use small letters a-z, digits and _"
    else:
        text = f"'{name}': {message}"
    return source.problem(place, text, mend)


def _is_marker(where: Where, index: int) -> bool:
    if where[index] == "[key]":
        return True
    return index == 2 and where[0] == "nodes" and where[2] in _KINDS.split(", ")


# ---- references ----


def _references(data: FlowData, source: Source, around: Surroundings) -> Iterator[Problem]:
    """Names that name nothing: nodes, queues, hours, languages."""
    targets: list[tuple[Where, str]] = [(("start",), data.start), (("person",), data.person)]
    for name, node in data.nodes.items():
        # An edge without a place in the node is the global 0: complained about at `person`.
        targets += [(("nodes", name, *at), to) for at, to in edges(node, data.person) if at]
    for where, target in targets:
        if target not in data.nodes:
            yield source.problem(
                where, f"there is no node '{target}'", f"nodes are {', '.join(sorted(data.nodes))}"
            )
    person = data.nodes.get(data.person)
    if person is not None and not isinstance(person, Queue):
        yield source.problem(
            ("person",), f"'{data.person}' does not lead to a person", "name a node of kind queue"
        )
    for name, node in data.nodes.items():
        at: Where = ("nodes", name)
        if isinstance(node, Queue) and node.queue not in around.queues:
            yield source.problem(
                (*at, "queue"),
                f"there is no queue '{node.queue}'",
                f"queues.yaml has {', '.join(sorted(around.queues))}",
            )
        yield from _attributes(source, at, node, around.attributes)
        if isinstance(node, Hours) and node.hours not in around.hours:
            yield source.problem(
                (*at, "hours"),
                f"there are no hours '{node.hours}'",
                f"hours.yaml has {', '.join(sorted(around.hours))}",
            )
        if isinstance(node, Language):
            chosen = [*node.keys.items(), ("default", node.default)]
            for key, language in chosen:
                if language not in data.languages:
                    place = (*at, key) if key == "default" else (*at, "keys", key)
                    yield source.problem(
                        place,
                        f"'{language}' is no language of this flow",
                        f"languages are {', '.join(data.languages)}",
                    )


def _attributes(
    source: Source, at: Where, node: Node, declared: Mapping[str, Collection[str]]
) -> Iterator[Problem]:
    for name, value in node.set.items():
        where: Where = (*at, "set", name)
        if name not in declared:
            known = f"; there are {', '.join(declared)}" if declared else ""
            yield source.problem(
                where,
                f"there is no attribute '{name}'",
                f"declare it under attributes in routing.yaml{known}",
            )
        elif declared[name] and value not in declared[name]:
            yield source.problem(
                where,
                f"'{name}' is never '{value}'",
                f"routing.yaml has {', '.join(declared[name])}",
            )


# ---- texts ----


def _texts(data: FlowData, source: Source, shelf: PromptShelf, whole: bool) -> Iterator[Problem]:
    """Texts that lack a language, or are in one that nobody can speak."""
    for index, language in enumerate(data.languages):
        if language not in shelf.voices:
            yield source.problem(
                ("languages", index),
                f"'{language}' has no voice",
                "add one under voices in ivr/catalogue.yaml",
            )
    for name, node in data.nodes.items():
        text = getattr(node, "text", None)
        where: Where = ("nodes", name, "text")
        for language in text or ():
            if language not in data.languages:
                yield source.problem(
                    (*where, language),
                    f"'{language}' is no language of this flow",
                    f"languages are {', '.join(data.languages)}",
                )
        if text is None or (isinstance(node, Say) and not (whole and _needs_all(data, name))):
            continue
        for language in data.languages:
            if language not in text:
                yield source.problem(
                    where,
                    f"'{name}' has no text in {language}",
                    f"add a line '{language}: …' under its text",
                )


def _needs_all(data: FlowData, name: str) -> bool:
    """Whether a say must be in every language of the flow.

    One that a caller meets only before choosing a language may greet in one language alone.
    """
    choices = [node.next for node in data.nodes.values() if isinstance(node, Language)]
    return not choices or any(name in _reach(data, after) for after in choices)


def _prompts(data: FlowData, source: Source, shelf: PromptShelf) -> Iterator[Prompt]:
    for name, node in data.nodes.items():
        for language, text in (getattr(node, "text", None) or {}).items():
            if language in shelf.voices:
                yield Prompt(
                    name=f"{data.name}-{name}",
                    language=language,
                    text=text,
                    voice=shelf.voices[language],
                    source=source.file,
                    line=source.line(("nodes", name, "text", language)),
                )


# ---- graph ----


def _reach(data: FlowData, start: str) -> set[str]:
    """Every node that a caller can come to from `start`, itself included."""
    found: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name not in found and name in data.nodes:
            found.add(name)
            todo += [to for _, to in edges(data.nodes[name], data.person)]
    return found


def _graph(data: FlowData, source: Source) -> Iterator[Problem]:
    """Nodes nobody comes to, and rings in which a caller would go round for ever."""
    reached = _reach(data, data.start)
    for name in data.nodes:
        if name not in reached:
            yield source.problem(
                ("nodes", name),
                f"no caller ever comes to '{name}'",
                "lead some key or branch to it, or remove it",
            )
    for ring in _rings(data):
        yield source.problem(
            ("nodes", ring[0]),
            "a caller who comes here never gets out: " + " → ".join([*ring, ring[0]]),
            "let one of them lead to a menu, a queue or a hang_up",
        )


def _rings(data: FlowData) -> list[list[str]]:
    """Circles of nodes that ask the caller nothing (a menu always has its way to a person)."""
    rings: list[list[str]] = []
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> None:
        if name in path:
            rings.append(path[path.index(name) :])
            return
        node = data.nodes[name]
        if name in done or isinstance(node, Menu | Language):
            return
        for _, target in edges(node, data.person):
            walk(target, [*path, name])
        done.add(name)

    for name in data.nodes:
        walk(name, [])
    return rings
