"""Asterisk's configuration files, with the line of every value. Pure.

What Asterisk's own reader accepts and writes on: ``;`` comments (``\\;`` is a semicolon), block
comments ``;-- … --;``, ``[name](!)`` templates, ``[name](first,second)`` with their values before
the section's own, ``[name](+)`` that goes on with a section, ``=`` and ``=>`` alike.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from store.source import BadFile, Problem

_SECTION = re.compile(r"\[(?P<name>[^\]]+)\]\s*(?:\((?P<of>[^)]*)\))?")


@dataclass(frozen=True, slots=True)
class Option:
    """One ``name = value``."""

    name: str
    value: str
    line: int


@dataclass(slots=True)
class Section:
    """One ``[name]`` with the values of its templates in front of its own."""

    name: str
    line: int
    template: bool
    options: list[Option] = field(default_factory=list)

    def last(self, name: str) -> Option | None:
        """The option of this name that counts: the last one."""
        found = [option for option in self.options if option.name == name]
        return found[-1] if found else None


@dataclass(slots=True)
class AsteriskConfig:
    """A file's sections in order, and lines that nobody can act upon."""

    file: Path
    sections: list[Section]
    problems: list[Problem]

    def problem(self, line: int, text: str, mend: str = "", *, warning: bool = False) -> Problem:
        """A problem at a line of this file."""
        return Problem(file=self.file, line=line, text=text, mend=mend, warning=warning)


def read_text(file: Path) -> str:
    """A file's text: UTF-8 with or without its mark, else the Chinese of older systems (GB 18030).

    Raises BadFile when it cannot be read, or is neither.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        problem = Problem(
            file=file, line=1, text=f"cannot be read: {error.strerror}", mend="correct its name"
        )
        raise BadFile([problem]) from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError as error:
            at = error.start
    line = raw.count(b"\n", 0, at) + 1
    mend = "save the file as UTF-8"
    raise BadFile([Problem(file=file, line=line, text="is neither UTF-8 nor GBK", mend=mend)])


def read_asterisk_config(file: Path) -> AsteriskConfig:
    """Read a file. Raises BadFile when it cannot be read at all."""
    config = AsteriskConfig(file, [], [])
    known: dict[str, Section] = {}
    for number, line in _lines(read_text(file)):
        if line.startswith("["):
            _begin(config, known, line, number)
        elif line.startswith("#"):
            config.problems.append(
                config.problem(
                    number,
                    f"{line.split()[0]} is not followed",
                    "put the included lines here",
                    warning=True,
                )
            )
        else:
            _option(config, line, number)
    return config


def _begin(config: AsteriskConfig, known: dict[str, Section], line: str, number: int) -> None:
    match = _SECTION.fullmatch(line)
    if match is None:
        config.problems.append(
            config.problem(number, f"{line} begins no section", "write it as [name]")
        )
        return
    words = [word.strip() for word in (match["of"] or "").split(",") if word.strip()]
    name = match["name"].strip()
    if "+" in words and name in known:
        config.sections.append(known[name])  # what follows goes on there
        return
    section = Section(name, number, "!" in words)
    for word in words:
        if word in known:
            section.options += known[word].options
        elif word not in ("!", "+"):
            config.problems.append(
                config.problem(number, f"there is no template {word}", "define it above its use")
            )
    known[name] = section
    config.sections.append(section)


def _option(config: AsteriskConfig, line: str, number: int) -> None:
    name, equals, value = line.partition("=")
    if not equals or not name.strip():
        config.problems.append(
            config.problem(number, f"'{line}' is no option", "write it as name = value")
        )
    elif not config.sections:
        config.problems.append(
            config.problem(number, f"{name.strip()} stands before any [section]", "move it")
        )
    else:
        value = value.removeprefix(">").strip()
        config.sections[-1].options.append(Option(name.strip().lower(), value, number))


def _lines(text: str) -> list[tuple[int, str]]:
    """Lines without comments, as far as anything is left of them."""
    found, inside = [], False
    for number, line in enumerate(text.splitlines(), start=1):
        rest = line
        if inside:
            _, end, rest = line.partition("--;")
            inside = not end
            if inside:
                continue
        begins = rest.lstrip().startswith(";--") and not rest.lstrip().startswith(";---")
        if begins and "--;" not in rest.lstrip()[3:]:
            inside = True
            continue
        kept = re.split(r"(?<!\\);", rest, maxsplit=1)[0].replace("\\;", ";").strip()
        if kept:
            found.append((number, kept))
    return found
