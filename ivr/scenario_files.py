"""Reading scenario files: everything in them that cannot be, with file, line and mend."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivr.rehearsal import answer_of
from ivr.say import load_phrases
from ivr.scenarios import Scenario, ScenarioFile, Scripted
from ivr.shop.services import KNOWN, SERVICES
from ivr.versions import FlowVersion
from store.source import BadFile, Problem, Source, Where, check_source, read_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A scenario and where it is written."""

    scenario: Scenario
    file: Path
    line: int
    spoken: Mapping[str, Path]
    """What callers say -> a recording of it."""

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}  {self.scenario.name}"


def load_scenarios(files: Collection[Path], version: FlowVersion, company: Path) -> list[Placed]:
    """Every scenario of the files. Raises BadFile with every problem found in any of them.

    What callers say is recorded in the company's folder ``speech``.
    """
    problems: list[Problem] = []
    speech = company / "speech"
    recorded = load_phrases(speech) if (speech / "phrases.yaml").exists() else []
    spoken = {phrase.text: phrase.file for phrase in recorded}
    found: list[Placed] = []
    for file in files:
        try:
            source = read_source(file)
            data = check_source(source, ScenarioFile)
        except BadFile as bad:
            problems += bad.problems
            continue
        for index, scenario in enumerate(data.scenarios):
            at: Where = ("scenarios", index)
            problems += _problems(source, at, scenario, version)
            problems += _unspoken(source, at, scenario, spoken)
            line = source.line((*at, "name"))
            found.append(Placed(scenario=scenario, file=file, line=line, spoken=spoken))
    if problems:
        raise BadFile(problems)
    return found


def _problems(
    source: Source, at: Where, scenario: Scenario, version: FlowVersion
) -> Iterator[Problem]:
    expect = scenario.expect
    places = version.flows.places
    for name in ("path", "avoids"):
        for index, place in enumerate(getattr(expect, name)):
            where = (*at, "expect", name, index)
            yield from _known(source, where, "node", place, places)
    for name in expect.asked:
        yield from _known(source, (*at, "expect", "asked", name), "service", name, KNOWN)
    for name, answer in scenario.shop.items():
        where = (*at, "shop", name)
        yield from _known(source, where, "service", name, KNOWN)
        if isinstance(answer, Scripted) and name in KNOWN:
            try:
                answer_of(KNOWN[name], answer)
            except ValueError as error:
                yield source.problem(where, str(error), "see docs/self-service.md")
            else:
                absent = SERVICES[name].results[answer.result].model_fields.keys() - answer.values
                if absent and scenario.only_memory is None:
                    yield source.problem(
                        where,
                        f"'{name}' is no answer of a shop's own system without its values",
                        f"give also {', '.join(sorted(absent))}",
                    )
    if scenario.at is not None and not _is_moment(scenario.at):
        yield source.problem((*at, "at"), f"there is no {scenario.at}", "write 2026-11-25 10:00")
    if scenario.needs_memory and scenario.only_memory is None:
        yield source.problem(
            at,
            "a real call has neither a time nor queues of the scenario's own",
            "say why under 'only_memory:'",
        )


def _unspoken(
    source: Source, at: Where, scenario: Scenario, spoken: Collection[str]
) -> Iterator[Problem]:
    if scenario.only_memory is None:
        for text in scenario.says:
            if text not in spoken:
                yield source.problem(
                    (*at, "does"),
                    f"there is no recording of '{text}' for a real call",
                    "write it into speech/phrases.yaml with 'role: menu', then ./huawu ivr say; or "
                    "say why under 'only_memory:'",
                )


def _known(
    source: Source, where: Where, what: str, name: str, known: Collection[str]
) -> Iterator[Problem]:
    if name not in known:
        near = difflib.get_close_matches(name, known, 3, 0.4)
        mend = f"perhaps {' or '.join(near)}" if near else "see ./huawu ivr check"
        yield source.problem(where, f"there is no {what} '{name}'", mend)


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
