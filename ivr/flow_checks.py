"""What can be wrong with a flow beyond its shape: loose ends, missing words, ways to nowhere.

Each check yields problems with file, line and mend. Pure.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ivr.conditions import QUEUE_FIGURES, When
from ivr.nodes import (
    Branch,
    Callback,
    Collect,
    FlowData,
    Hours,
    Language,
    Lookup,
    Menu,
    Node,
    Queue,
    Say,
    SubFlow,
    Survey,
    Transfer,
    Voicemail,
    edges,
    spoken_texts,
)
from ivr.ports import HISTORY, Service
from ivr.prompts import PromptShelf
from ivr.roads import Place, reach
from ivr.texts import WORD, BadText, Placeholder, pieces
from store.source import Problem, Source, Where
from telephony.numbers import is_allowed


@dataclass(frozen=True, slots=True)
class Checked:
    """A flow that is being checked: its data has the right shape."""

    data: FlowData
    source: Source = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a flow may refer to outside its own file."""

    shelf: PromptShelf
    queues: Collection[str]
    hours: Collection[str]
    attributes: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Attribute to its values, as ``routing.yaml`` declares them; no values: any will do."""
    services: Mapping[str, Service] = field(default_factory=dict)
    """What a lookup may ask."""
    intents: Collection[str] = ()
    """What callers may be understood to want."""
    outside: Collection[str] = ()
    """Numbers to which a call may be transferred; * at the end: all that begin so."""
    entries: Collection[str] = ()
    """Flows to which callers come not only from another one: after a talk, in an emergency."""


def local_problems(
    one: Checked, all_: Sequence[Checked], around: Surroundings
) -> Iterator[Problem]:
    """Names that name nothing, texts that lack a language."""
    yield from _nodes_named(one, all_)
    for name, node in one.data.nodes.items():
        at: Where = ("nodes", name)
        yield from _outside_named(one, at, node, around)
        yield from _attributes(one.source, at, node, around.attributes)
        yield from _conditions(one, at, node, around)
        if isinstance(node, Lookup):
            yield from _lookup(one, at, node, around)
        if isinstance(node, SubFlow):
            yield from _sub_flow(one, at, node, all_)
    yield from _languages(one, around.shelf)
    yield from _texts(one)
    yield from _value_problems(one, around)


# ---- names ----


def _nodes_named(one: Checked, all_: Sequence[Checked]) -> Iterator[Problem]:
    data = one.data
    targets: list[tuple[Where, str]] = [(("start",), data.start)]
    if data.person is not None:
        targets.append((("person",), data.person))
    elif one is all_[0]:
        yield one.source.problem((), "'person' is missing", "name the queue node that 0 leads to")
    for name, node in data.nodes.items():
        # An edge without a place in the node is the global 0: complained about at `person`.
        targets += [(("nodes", name, *at), to) for at, to in edges(node, "") if at]
    for where, target in targets:
        if target not in data.nodes:
            yield one.source.problem(
                where, f"there is no node '{target}'", f"nodes are {', '.join(sorted(data.nodes))}"
            )
    person = data.nodes.get(data.person or "")
    if person is not None and not isinstance(person, Queue):
        yield one.source.problem(
            ("person",), f"'{data.person}' does not lead to a person", "name a node of kind queue"
        )


def _outside_named(one: Checked, at: Where, node: Node, around: Surroundings) -> Iterator[Problem]:
    """Queues, hours, languages, intents, agents and numbers."""
    if isinstance(node, Queue | Callback | Voicemail | Transfer):
        yield from _known(one, (*at, "queue"), node.queue, _QUEUES, around.queues)
    if isinstance(node, Hours):
        yield from _known(one, (*at, "hours"), node.hours, _HOURS, around.hours)
    if isinstance(node, Menu):
        for intent in node.speech:
            yield from _known(one, (*at, "speech", intent), intent, _INTENTS, around.intents)
    if isinstance(node, Transfer) and not is_allowed(node.number, around.outside):
        yield one.source.problem(
            (*at, "number"),
            f"calls may not be transferred to {node.number}",
            "add it under outside in routing.yaml",
        )
    if isinstance(node, Language):
        chosen = [(("keys", key), word) for key, word in node.keys.items()]
        for place, language in [*chosen, (("default",), node.default)]:
            if language not in one.data.languages:
                yield _no_language(one, (*at, *place), language)


#: What is named and where it is written, for complaints.
_QUEUES, _HOURS = ("is no queue", "queues.yaml"), ("are no hours", "hours.yaml")
_INTENTS, _SERVICES = ("is no intent", "intents.yaml"), ("is no service", "the shop")


def _known(
    one: Checked, where: Where, name: str, what: tuple[str, str], known: Collection[str]
) -> Iterator[Problem]:
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        yield one.source.problem(where, f"there {what[0]} '{name}'", f"{what[1]} has {there}")


def _no_language(one: Checked, where: Where, language: str) -> Problem:
    return one.source.problem(
        where,
        f"'{language}' is no language of this flow",
        f"languages are {', '.join(one.data.languages)}",
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


def _lookup(one: Checked, at: Where, node: Lookup, around: Surroundings) -> Iterator[Problem]:
    service = around.services.get(node.service)
    if service is None:
        yield from _known(one, (*at, "service"), node.service, _SERVICES, around.services)
        return
    for missing in sorted(service.takes - node.arguments.keys()):
        mend = f"add '{missing}:' under with"
        yield one.source.problem((*at, "with"), f"'{node.service}' needs '{missing}'", mend)
    takes = service.takes | service.may_take
    for name in node.arguments:
        if name not in takes:
            mend = f"it takes {', '.join(sorted(takes)) or 'nothing'}"
            yield one.source.problem(
                (*at, "with", name), f"'{node.service}' takes no '{name}'", mend
            )
    for result in node.cases:
        if result not in service.results:
            yield one.source.problem(
                (*at, "cases", result),
                f"'{node.service}' never answers '{result}'",
                f"its results are {', '.join(service.results)}",
            )


def _sub_flow(one: Checked, at: Where, node: SubFlow, all_: Sequence[Checked]) -> Iterator[Problem]:
    called = next((other for other in all_ if other.data.name == node.flow), None)
    if called is None or called is all_[0]:
        names = ", ".join(other.data.name for other in all_[1:]) or "none"
        yield one.source.problem(
            (*at, "flow"), f"there is no flow '{node.flow}' to call", f"flows are {names}"
        )
        return
    returns = any(inner.kind == "return" for inner in called.data.nodes.values())
    if returns and node.next is None:
        yield one.source.problem(
            at, f"'{node.flow}' returns, but nowhere", "add 'next:', where callers go on after it"
        )
    for language in one.data.languages:
        if language not in called.data.languages:
            yield one.source.problem(
                (*at, "flow"),
                f"'{node.flow}' does not speak {language}",
                f"add {language} to the languages of {called.source.file.name}",
            )


# ---- conditions ----


def _conditions(one: Checked, at: Where, node: Node, around: Surroundings) -> Iterator[Problem]:
    if isinstance(node, Branch):
        for index, case in enumerate(node.cases):
            yield from _subjects(one, (*at, "cases", index, "when"), case.when, around)


def _subjects(one: Checked, at: Where, when: When, around: Surroundings) -> Iterator[Problem]:
    for subject in when:
        where = (*at, subject)
        first, _, rest = subject.partition(".")
        if first == "hours":
            yield from _known(one, where, rest, _HOURS, around.hours)
        elif first == "queue":
            queue, _, figure = rest.rpartition(".")
            yield from _known(one, where, queue, _QUEUES, around.queues)
            if figure not in QUEUE_FIGURES:
                mend = f"figures are {', '.join(QUEUE_FIGURES)}"
                yield one.source.problem(where, f"queues have no '{figure}'", mend)
        elif subject not in _values(one, around):
            mend = "values are " + ", ".join(sorted(_values(one, around)))
            yield one.source.problem(where, f"no node gives the value '{subject}'", mend)


#: Values that every call has.
ALWAYS = ("caller", "language", "customer.level", "customer.name", *HISTORY)


def _values(one: Checked, around: Surroundings) -> set[str]:
    """The variables that the nodes of this flow can give, and those of every call."""
    found = {*ALWAYS, *around.attributes}
    for node in one.data.nodes.values():
        if isinstance(node, Collect):
            found.add(node.into)
        elif isinstance(node, Lookup) and node.into:
            service = around.services.get(node.service)
            found |= {f"{node.into}.{name}" for name in (service.gives if service else ())}
            found.add(f"{node.into}.result")
        elif isinstance(node, Survey):
            found.add("survey.score")
    return found


# ---- texts ----


def _languages(one: Checked, shelf: PromptShelf) -> Iterator[Problem]:
    for index, language in enumerate(one.data.languages):
        if language not in shelf.voices:
            yield one.source.problem(
                ("languages", index),
                f"'{language}' has no voice",
                "add one under voices in ivr/catalogue.yaml",
            )


def _texts(one: Checked) -> Iterator[Problem]:
    """Texts that lack a language, are in one that the flow has not, or speak of an unknown word."""
    for name, node in one.data.nodes.items():
        for text_field, text in spoken_texts(node):
            where: Where = ("nodes", name, text_field)
            for language in text:
                if language not in one.data.languages:
                    yield _no_language(one, (*where, language), language)
            if not isinstance(node, Say) or _needs_all(one.data, name):
                yield from _missing(one, where, name, text)
    for word, text in one.data.words.items():
        yield from _missing(one, ("words", word), word, text)


def _missing(one: Checked, where: Where, name: str, text: Mapping[str, str]) -> Iterator[Problem]:
    for language in one.data.languages:
        if language not in text:
            yield one.source.problem(
                where,
                f"'{name}' has no text in {language}",
                f"add a line '{language}: …' under it",
            )


def _needs_all(data: FlowData, name: str) -> bool:
    """Whether a say must be in every language of the flow.

    One that a caller meets only before choosing a language may greet in one language alone.
    """

    def on(place: Place) -> Iterator[Place]:
        for _, target in edges(data.nodes[place[1]], data.person or ""):
            if target in data.nodes:
                yield data.name, target

    place = (data.name, name)
    choices = [(data.name, n) for n, node in data.nodes.items() if isinstance(node, Language)]
    return not choices or any(place in reach(choice, on) for choice in choices)


def _value_problems(one: Checked, around: Surroundings) -> Iterator[Problem]:
    """Placeholders of values that no node gives, or that cannot be spoken so."""
    for name, node in one.data.nodes.items():
        for text_field, text in spoken_texts(node):
            for language, said in text.items():
                try:
                    found = pieces(said)
                except BadText:
                    continue  # told where the text is taken apart
                for piece in found:
                    if isinstance(piece, Placeholder):
                        where: Where = ("nodes", name, text_field, language)
                        yield from _placeholder(one, where, piece, around)


def _placeholder(
    one: Checked, where: Where, piece: Placeholder, around: Surroundings
) -> Iterator[Problem]:
    known = _values(one, around)
    if piece.variable not in known:
        yield one.source.problem(
            where,
            f"no node gives the value '{piece.variable}'",
            "values are " + ", ".join(sorted(known)),
        )
    elif piece.way == WORD and not one.data.words:
        yield one.source.problem(
            where,
            f"'{piece.variable}' is to be spoken as a word, and the flow has none",
            "say how it is spoken, {name:way}, or add 'words:'",
        )
