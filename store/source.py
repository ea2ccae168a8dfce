"""Read a YAML file that people wrote, keeping the line of every value for later complaints.

A menu is edited by hand and may be anything: tabs, a key twice, an anchor that unfolds into a
gigabyte, a tag that would make a Python object. Each of these is refused here with file, line
and mend, before a schema looks at the data. Only plain mappings, lists, texts, numbers and
booleans come out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

# A menu of 40 nodes has about 10 kB; the limits stop accidents, not people.
MAX_BYTES = 512 * 1024
MAX_DEPTH = 20

# The same parser in C where PyYAML has it: a menu is read in 20 ms, not in 300.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Plain: TypeAlias = bool | int | float | str | list["Plain"] | dict[str, "Plain"] | None
"""What a file may hold; mapping keys are texts (a key written 1 becomes "1")."""

Where: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the data: keys and list indexes from the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a file, with its place and how to put it right."""

    file: Path
    line: int
    """Counted from 1."""
    text: str
    mend: str = ""
    warning: bool = False
    """True when the file still works."""

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        mend = f"\n    mend: {self.mend}" if self.mend else ""
        return f"{self.file}:{self.line}: {kind}{self.text}{mend}"


class BadFile(Exception):
    """A file cannot be used; `problems` says why, one by one."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The data of one file and the line on which each value stands."""

    file: Path
    data: Plain
    lines: dict[Where, int] = field(repr=False)

    def line(self, where: Where) -> int:
        """The line of a value, or of the nearest value round it when it is absent."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def problem(self, where: Where, text: str, mend: str = "", *, warning: bool = False) -> Problem:
        """A problem at a value."""
        return Problem(file=self.file, line=self.line(where), text=text, mend=mend, warning=warning)


def read_source(file: Path) -> Source:
    """Read a YAML file. Raises BadFile for whatever is wrong with it."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise BadFile(
            [
                Problem(
                    file=file,
                    line=1,
                    text=f"cannot be read: {error.strerror}",
                    mend="create the file or correct its name",
                )
            ]
        ) from error
    return parse_source(raw, file)


def parse_source(raw: bytes, file: Path) -> Source:
    """Parse the bytes of a YAML file named `file` in complaints. Raises BadFile."""
    text = _decode(raw, file)
    try:
        _refuse_aliases_and_tags(text, file)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise BadFile([_yaml_problem(error, file)]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise BadFile([Problem(file=file, line=1, text=f"is not YAML: {error}")]) from error
    lines: dict[Where, int] = {}
    problems: list[Problem] = []
    data = None if node is None else _plain(node, (), lines, problems, file)
    if problems:
        raise BadFile(problems)
    return Source(file=file, data=data, lines=lines)


def _decode(raw: bytes, file: Path) -> str:
    if len(raw) > MAX_BYTES:
        text = f"has {len(raw)} bytes; at most {MAX_BYTES} are read"
        raise BadFile([Problem(file=file, line=1, text=text, mend="split it into several files")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadFile(
            [
                Problem(
                    file=file,
                    line=line,
                    text="is not UTF-8 text",
                    mend="save the file as UTF-8 (in Chinese Windows editors: 编码 UTF-8)",
                )
            ]
        ) from error


def _yaml_problem(error: yaml.MarkedYAMLError, file: Path) -> Problem:
    mark = error.problem_mark or error.context_mark
    text = error.problem or error.context or "is not YAML"
    mend = "compare the indentation and the punctuation with the lines above"
    if "\\t" in text:
        text, mend = "a tab stands where YAML wants spaces", "replace the tab by spaces"
    return Problem(file=file, line=mark.line + 1 if mark else 1, text=text, mend=mend)


def _refuse_aliases_and_tags(text: str, file: Path) -> None:
    """Look at the flat stream of events first: an alias bomb never gets unfolded."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BadFile(
                [
                    Problem(
                        file=file,
                        line=line,
                        text="anchors (&) and aliases (*) are not allowed",
                        mend='write the value out; a star as a key needs quotes: "*"',
                    )
                ]
            )
        if tag := getattr(event, "tag", None):
            raise BadFile(
                [
                    Problem(
                        file=file,
                        line=line,
                        text=f"the tag {tag} is not allowed",
                        mend="remove the tag (the word that begins with !)",
                    )
                ]
            )
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise BadFile(
                [Problem(file=file, line=line, text=f"is nested deeper than {MAX_DEPTH} levels")]
            )


def _plain(
    node: yaml.Node, where: Where, lines: dict[Where, int], problems: list[Problem], file: Path
) -> Plain:
    lines[where] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(child, (*where, index), lines, problems, file)
            for index, child in enumerate(node.value)
        ]
    if isinstance(node, yaml.MappingNode):
        return dict(_items(node, where, lines, problems, file))
    return _scalar(node, lines[where], problems, file)


def _items(
    node: yaml.MappingNode,
    where: Where,
    lines: dict[Where, int],
    problems: list[Problem],
    file: Path,
) -> Iterator[tuple[str, Plain]]:
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(Problem(file=file, line=line, text="a key must be a single word"))
            continue
        if key in seen:
            problems.append(
                Problem(
                    file=file,
                    line=line,
                    text=f"the key {key} is here twice (first on line {seen[key]})",
                    mend="remove or rename one of the two",
                )
            )
            continue
        seen[key] = line
        value = _plain(value_node, (*where, key), lines, problems, file)
        lines[(*where, key)] = line  # a complaint points at the key, above a nested block
        yield key, value


def _scalar(node: yaml.Node, line: int, problems: list[Problem], file: Path) -> Plain:
    """A scalar as YAML's safe schema reads it; dates stay texts, so that nothing is guessed."""
    text = str(node.value)
    if node.tag.rsplit(":", 1)[-1] not in {"null", "bool", "int", "float"}:
        return text
    try:
        value: Plain = yaml.constructor.SafeConstructor().construct_object(node)
    except ValueError:
        problems.append(Problem(file=file, line=line, text="is not a usable number"))
        return text
    return value


_Model = TypeVar("_Model", bound=BaseModel)

#: What pydantic's error types ask of the person who wrote the file.
_MENDS = {
    "missing": "add it",
    "extra_forbidden": "correct the name, or remove it",
    "string_pattern_mismatch": "use small letters, digits, - and _ (an extension: digits)",
}


def check_source(source: Source, schema: type[_Model]) -> _Model:
    """The file's data as a typed value. Raises BadFile with one problem per field at fault."""
    try:
        return schema.model_validate(source.data)
    except ValidationError as error:
        raise BadFile([_schema_problem(source, fault) for fault in error.errors()]) from error


def _schema_problem(source: Source, fault: ErrorDetails) -> Problem:
    where: Where = fault["loc"]
    name = ".".join(str(step) for step in where) or "the file"
    mend = _MENDS.get(fault["type"], "") or str(fault.get("ctx", {}).get("mend", ""))
    return source.problem(where, f"{name}: {fault['msg'].removeprefix('Value error, ')}", mend)
