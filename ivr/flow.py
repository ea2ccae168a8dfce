"""Voice menus as data: reading flow files, and everything that they may not say.

A flow is a graph of nodes; one flow is the main one, others are called from it. This module reads
flows and says for every mistake the file, the line and the mend: ``ivr/flow_checks.py`` finds
names that name nothing and words that are missing, ``ivr/road_checks.py`` where callers get lost,
``ivr/question_checks.py`` keys that do not fit their text. ``ivr/dialogue.py`` walks the flows
with a caller. Pure but for reading the files: no clock, no network.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from ivr.flow_checks import Checked, Surroundings, local_problems
from ivr.nodes import KINDS, FlowData, Node, Queue, spoken_texts
from ivr.prompts import Prompt, PromptShelf
from ivr.question_checks import question_problems
from ivr.road_checks import road_problems
from ivr.texts import BadText, Fixed, Piece, is_plain, pieces
from store.source import BadFile, Problem, Source, Where, read_source

__all__ = ["Flow", "Flows", "Surroundings", "load_flow", "load_flows", "unrecorded_problems"]


@dataclass(frozen=True, slots=True)
class Flow:
    """A checked flow and the prompts that it plays."""

    data: FlowData
    source: Source = field(repr=False)
    shelf: PromptShelf = field(repr=False)
    """The system's own prompts and those of all flows."""
    person: tuple[str, str]
    """Flow and node of 0 and of callers who did not manage."""
    texts: Mapping[tuple[str, str, str], tuple[Piece, ...]] = field(repr=False)
    """Node, field and language -> what is spoken, piece by piece."""

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The nodes by name."""
        return self.data.nodes

    def prompt_name(self, node: str, text: str = "text", piece: int = 0) -> str:
        """The name under which a node's text is recorded, or a piece of one with values in it."""
        parts = [
            self.data.name,
            node,
            *([text] if text != "text" else []),
            *([piece] * bool(piece)),
        ]
        return "-".join(str(part) for part in parts)

    def word_name(self, word: str) -> str:
        """The name under which one of the flow's words is recorded."""
        return f"{self.data.name}-word-{word}"


@dataclass(frozen=True, slots=True)
class Flows:
    """Flows that were checked together."""

    main: Flow
    by_name: Mapping[str, Flow]
    warnings: tuple[Problem, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the flows, the main one first."""
        main = self.main.data.name
        return (main, *(name for name in self.by_name if name != main))

    @property
    def places(self) -> tuple[str, ...]:
        """Every node as events name it: bare in the main flow, else ``flow/node``."""
        return tuple(
            place_name(self.main.data.name, flow.data.name, node)
            for flow in self.by_name.values()
            for node in flow.nodes
        )

    @property
    def person_queue(self) -> str:
        """The queue where 0 leads in the main flow."""
        person = self.main.nodes[self.main.person[1]]
        assert isinstance(person, Queue)  # the check has made sure
        return person.queue

    def find(self, place: str) -> tuple[Flow, str] | None:
        """The flow and node of a place's name, None when there is no such."""
        name, _, node = place.rpartition("/")
        flow = self.by_name.get(name) if name else self.main
        return (flow, node) if flow is not None and node in flow.nodes else None


def place_name(main: str, flow: str, node: str) -> str:
    """A node's name in events, transfers and figures."""
    return node if flow == main else f"{flow}/{node}"


def load_flow(file: Path, around: Surroundings, *, recorded: bool = True) -> Flow:
    """Read and check a flow file that stands alone. Raises BadFile with every problem found."""
    return load_flows([file], around, recorded=recorded).main


def load_flows(files: Iterable[Path], around: Surroundings, *, recorded: bool = True) -> Flows:
    """Read and check flow files together; the first is the main one.

    `recorded=False` does not ask whether the texts have been spoken yet (for `ivr say`).

    Raises:
        BadFile: with every problem found in any of them.
    """
    sources = [read_source(file) for file in files]
    problems: list[Problem] = []
    checked: dict[str, Checked] = {}
    for source in sources:
        try:
            data = _typed(source)
        except BadFile as bad:
            problems += bad.problems
            continue
        if data.name in checked:
            other = checked[data.name].source.file.name
            problems.append(
                source.problem(("name",), f"'{data.name}' is also {other}", "choose another name")
            )
        checked[data.name] = Checked(data, source)
    if problems:
        raise BadFile(_sorted(problems))
    return _load(tuple(checked.values()), around, recorded)


def _load(checked: tuple[Checked, ...], around: Surroundings, recorded: bool) -> Flows:
    problems: list[Problem] = []
    for one in checked:
        problems += local_problems(one, checked, around)
    if not problems:  # what follows from a loose end is not complained about a second time
        problems += road_problems(checked, around.entries)
        problems += (found for one in checked for found in question_problems(one))
    texts = {one.data.name: _texts(one, problems) for one in checked}
    shelf = around.shelf.with_prompts(
        prompt for one in checked for prompt in _prompts(one, texts[one.data.name], around.shelf)
    )
    if recorded:
        problems.extend(unrecorded_problems(shelf))
    if any(not problem.warning for problem in problems):
        raise BadFile(_sorted(problems))
    main = checked[0].data
    flows = {
        one.data.name: Flow(
            one.data,
            one.source,
            shelf,
            (one.data.name, one.data.person) if one.data.person else (main.name, main.person or ""),
            texts[one.data.name],
        )
        for one in checked
    }
    return Flows(flows[main.name], flows, tuple(_sorted(problems)))


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (str(problem.file), problem.line))


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


_MENDS = {
    "missing": "add it",
    "extra_forbidden": "remove it, or correct its spelling",
    "union_tag_invalid": f"kinds are {', '.join(KINDS)}",
    "union_tag_not_found": f"add 'kind:' with one of {', '.join(KINDS)}",
}
_WAYS_OUT = {
    "otherwise": "a branch needs a way for callers whom no case fits: add 'otherwise: <node>'",
    "failed": "say where callers go when there is no answer: add 'failed: <node>'",
}


def _shape_problem(source: Source, item: tuple[Where, str, str, object]) -> Problem:
    where, type_, message, value = item
    # Inside a node pydantic adds the kind, and [key] for a bad key: no places of the file.
    place = tuple(part for index, part in enumerate(where) if not _is_marker(where, index))
    name = str(place[-1]) if place else "the file"
    is_key = bool(where) and where[-1] == "[key]"
    mend = _MENDS.get(type_, "")
    if type_ == "missing":
        text, mend = f"'{name}' is missing", _WAYS_OUT.get(name, mend)
    elif type_ == "extra_forbidden":
        text = f"'{name}' is not known here"
    elif is_key and "keys" in place:
        text, mend = (
            f"'{name}' cannot be a key of a menu",
            ("use 1 to 9 or #; 0 always leads to a person and * goes back"),
        )
    elif type_ == "string_type" and isinstance(value, bool):
        text = f"'{name}' is true or false"
        mend = 'on, off, yes and no mean that in YAML: choose another word, or write "on"'
    elif type_ == "string_pattern_mismatch":
        text, mend = f"'{value}' is no name", "use small letters a-z, digits and _"
    else:
        text = f"'{name}': {message.removeprefix('Value error, ')}"
    return source.problem(place, text, mend)


def _is_marker(where: Where, index: int) -> bool:
    if where[index] == "[key]":
        return True
    return index == 2 and where[0] == "nodes" and where[2] in KINDS


# ---- texts ----


def _texts(one: Checked, problems: list[Problem]) -> dict[tuple[str, str, str], tuple[Piece, ...]]:
    """Every spoken text in pieces; what cannot be read is added to the problems."""
    found: dict[tuple[str, str, str], tuple[Piece, ...]] = {}
    for name, node in one.data.nodes.items():
        for text_field, text in spoken_texts(node):
            for language, spoken in text.items():
                try:
                    found[name, text_field, language] = pieces(spoken)
                except BadText as bad:
                    where: Where = ("nodes", name, text_field, language)
                    problems.append(one.source.problem(where, str(bad), bad.mend))
    return found


def _prompts(
    one: Checked, texts: Mapping[tuple[str, str, str], tuple[Piece, ...]], shelf: PromptShelf
) -> Iterator[Prompt]:
    flow = Flow(one.data, one.source, shelf, ("", ""), texts)
    spoken: list[tuple[str, str, Where]] = []
    for (node, text_field, language), found in texts.items():
        for piece in found:
            if isinstance(piece, Fixed):
                name = flow.prompt_name(node, text_field, 0 if is_plain(found) else piece.number)
                spoken.append((name, piece.text, ("nodes", node, text_field, language)))
    for word, text in one.data.words.items():
        for language, said in text.items():
            spoken.append((flow.word_name(word), said, ("words", word, language)))
    for name, said, where in spoken:
        language = str(where[-1])
        if language in shelf.voices:
            yield Prompt(
                name=name,
                language=language,
                text=said,
                voice=shelf.voices[language],
                source=one.source.file,
                line=one.source.line(where),
            )
