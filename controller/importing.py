"""`huawu import`: what it says of an import, and its exit code."""

import sys
from collections.abc import Sequence
from pathlib import Path

from acd.importer.run import HISTORY, FolderTaken, ImportReport, import_company
from controller.problems import ProblemError
from store.source import BadFile, Problem

#: So many lines of one kind are printed; the rest is counted.
SHOWN = 20


def run(queues_conf: Path, agents_csv: Path, queue_logs: Sequence[Path], into: Path) -> int:
    """Import and print. Returns 0, or 1 with every problem printed and nothing written.

    Raises ProblemError when the folder holds something else.
    """
    try:
        report = import_company(queues_conf, agents_csv, queue_logs, into)
    except BadFile as error:
        _show(error.problems)
        print(f"{len(error.problems)} problem(s); nothing was written", file=sys.stderr)
        return 1
    except FolderTaken as error:
        raise ProblemError(str(error)) from error
    _show(report.problems)
    print(_summary(report))
    return 0


def _show(problems: Sequence[Problem]) -> None:
    for problem in problems[:SHOWN]:
        print(problem, file=sys.stderr)
    if len(problems) > SHOWN:
        print(f"and {len(problems) - SHOWN} more of this kind", file=sys.stderr)


def _summary(report: ImportReport) -> str:
    if not report.written:
        return f"{report.folder} holds this import already; nothing to do"
    lines = [f"{report.folder}: {report.queues} queues, {report.agents} agents"]
    if report.events:
        lines.append(f"  {HISTORY}: {report.events} events")
    if report.unfinished:
        lines.append(f"  {report.unfinished} contacts have no end in the log")
    if report.notes:
        lines.append("what has no equal (it stands in the files, too):")
        lines += [f"  {note}" for note in report.notes[:SHOWN]]
        if len(report.notes) > SHOWN:
            lines.append(f"  and {len(report.notes) - SHOWN} more")
    lines.append(f"next: look through the files, then HUAWU_COMPANY={report.folder} ./huawu up")
    return "\n".join(lines)
