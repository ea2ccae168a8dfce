"""The import as a whole: everything is read and checked before the first file is written."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acd.company import load_company
from acd.importer.asterisk_config import read_asterisk_config
from acd.importer.company_folder import (
    CUSTOMERS_TEXT,
    HOURS_TEXT,
    ImportedAgent,
    agents_text,
    join_people,
    menu_text,
    queues_text,
    routing_text,
    settle_strategies,
)
from acd.importer.history import History, Row, log_files, members_seen, read_rows
from acd.importer.people import Person, read_people
from acd.importer.queues import ImportedQueue, extension_of, import_queues
from acd.simulation.replay import write_events
from store.source import BadFile, Problem

HISTORY = "history.jsonl.gz"


class FolderTaken(Exception):
    """The folder holds something else; nothing was written."""


@dataclass(slots=True)
class ImportReport:
    """What came of an import."""

    folder: Path
    queues: int
    agents: int
    events: int
    unfinished: int
    """Contacts without an end in the log."""
    written: bool
    """False when the folder holds the very same files already."""
    problems: list[Problem] = field(default_factory=list)
    """Warnings: lines that were left out."""
    notes: list[str] = field(default_factory=list)
    """What has no equal, queue by queue; it stands in the files too."""


def import_company(
    queues_conf: Path, agents_csv: Path, queue_logs: Sequence[Path], into: Path
) -> ImportReport:
    """Make a checked company folder of app_queue's files.

    Args:
        queues_conf: app_queue's; a ``queuerules.conf`` beside it is read too.
        agents_csv: extension, name, queues or skills, penalty.
        queue_logs: logs; rotated copies beside each are read too.
        into: a folder that does not exist, is empty, or holds the same import.

    Raises:
        BadFile: with every problem; nothing was written.
        FolderTaken: the folder holds something else.
    """
    problems: list[Problem] = []
    queues = _queues(queues_conf, problems)
    people = _people(agents_csv, queues, problems)
    rows = read_rows(dict.fromkeys(f for log in queue_logs for f in log_files(log)), problems)
    if [problem for problem in problems if not problem.warning]:
        raise BadFile(problems)
    names = {m.name: m.extension for queue in queues for m in queue.members if m.name}
    names |= {person.name: person.extension for person in people}

    def agent_of(word: str) -> str:
        return names.get(word) or extension_of(word)

    agents = join_people(queues, people, members_seen(rows, agent_of))
    settle_strategies(queues, agents)
    history = _history(queues, rows, agent_of)
    report = ImportReport(
        folder=into,
        queues=len(queues),
        agents=len(agents),
        events=len(history.events),
        unfinished=history.unfinished,
        written=True,
        problems=[*problems, *history.problems],
        notes=[f"[{queue.title}] {note}" for queue in queues for note in queue.notes],
    )
    return _write(into, _texts(queues, agents, queues_conf.name), history, report)


def _texts(
    queues: Sequence[ImportedQueue], agents: Sequence[ImportedAgent], source: str
) -> dict[str, str]:
    return {
        "queues.yaml": queues_text(queues, source),
        "agents.yaml": agents_text(agents),
        "routing.yaml": routing_text(),
        "hours.yaml": HOURS_TEXT,
        "customers.yaml": CUSTOMERS_TEXT,
        "menus/main.yaml": menu_text(queues[0].id),
    }


def _queues(file: Path, problems: list[Problem]) -> list[ImportedQueue]:
    rules = file.with_name("queuerules.conf")
    try:
        config = read_asterisk_config(file)
        queues, found = import_queues(
            config, read_asterisk_config(rules) if rules.exists() else None
        )
    except BadFile as error:
        problems += error.problems
        return []
    problems += found
    return queues


def _people(file: Path, queues: Sequence[ImportedQueue], problems: list[Problem]) -> list[Person]:
    try:
        people = read_people(file)
    except BadFile as error:
        problems += error.problems
        return []
    known = {name for queue in queues for name in (queue.title.lower(), queue.id)}
    problems += [
        Problem(
            file=file,
            line=person.line,
            text=f"there is no queue {name} in queues.conf",
            mend=f"there are {', '.join(queue.title for queue in queues)}",
        )
        for person in people
        for name in person.queues
        if queues and name.lower() not in known
    ]
    return people


def _history(queues: Sequence[ImportedQueue], rows: Sequence[Row], agent_of: object) -> History:
    assert callable(agent_of)
    ids = {queue.title: queue.id for queue in queues}
    static = {member.extension: None for queue in queues for member in queue.members}
    history = History(queue_of=ids.get, agent_of=agent_of, static=static)
    history.take(rows)
    return history


def _write(
    into: Path, texts: dict[str, str], history: History, report: ImportReport
) -> ImportReport:
    """Build the folder beside its place, check it, and move it there in one step."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=f".{into.name}-") as scratch:
        folder = Path(scratch) / into.name
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        if history.events:
            write_events(history.events, folder / HISTORY)
        load_company(folder)  # what is written here must be usable, or nothing is
        if into.exists() and any(into.iterdir()):
            if _contents(into) != _contents(folder):
                raise FolderTaken(
                    f"{into} is there already and holds something else; name another folder, "
                    "or move it away. Nothing was written."
                )
            report.written = False
            return report
        if into.exists():
            into.rmdir()
        shutil.move(folder, into)
    return report


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
