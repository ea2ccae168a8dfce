"""`huawu ivr check`: everything wrong with a company's menu, with file, line and mend."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ivr.human import RECORDINGS, HumanRecordings
from ivr.versions import load_version
from store.source import BadFile, Problem

ROOT = Path(__file__).resolve().parent.parent


def check_company(company: Path) -> list[Problem]:
    """All problems of a company's menu, hours and customers; empty when it can be used."""
    try:
        load_version(company)
    except BadFile as error:
        return error.problems
    return []


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the problems. Returns 0 when there is none but warnings, else 1."""
    parser = argparse.ArgumentParser(
        prog="huawu ivr check",
        description="Check the voice menu: shape, ways, texts, recordings. Warnings are printed, "
        "too, and do not count.",
        epilog="example: ./huawu ivr check --company company",
    )
    parser.add_argument("--company", type=Path, default=ROOT / "company", help="the YAML files")
    options = parser.parse_args(arguments)
    problems = check_company(options.company)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"{len(problems)} problem(s); callers keep the menu they have", file=sys.stderr)
        return 1
    version = load_version(options.company)
    today = datetime.now(version.hours.zone).date()
    for warning in [*version.flows.warnings, *version.hours.warnings(today)]:
        print(warning, file=sys.stderr)
    flows, shelf = version.flows, version.flow.shelf
    for warning in HumanRecordings(options.company / RECORDINGS).problems(shelf):
        print(warning, file=sys.stderr)
    for prompt in shelf.spoken_by_people():
        print(f"a person says {prompt.name} ({prompt.language}): {shelf.file(prompt)}")
    print(
        f"the menu is good: {len(flows.by_name)} flow(s), {len(flows.places)} nodes, "
        f"{len(list(shelf))} recordings, {len(flows.warnings)} warning(s)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
