"""The rules' files: what belongs to a version of them, and how they are checked and loaded."""

from pathlib import Path

from acd.company import Company, load_company
from aftercall.rules import load_follow_ups
from ivr.hours import load_hours
from ivr.prompts import load_catalogue
from ivr.versions import load_version
from store.source import BadFile, Problem
from store.versions import Versions

#: The files that are kept; routing.yaml may be absent.
FILES = ("queues.yaml", "agents.yaml", "routing.yaml")


def rule_versions(folder: Path) -> Versions:
    """The versions of the rules kept in a folder; ``load_company`` reads one's folder."""
    return Versions(folder, FILES)


def load_rules(company: Path) -> Company:
    """The company's rules, with the prompts that exits may announce checked as well.

    Raises BadFile with every problem found.
    """
    return load_company(company, frozenset(prompt.name for prompt in load_catalogue()))


def check_rules(company: Path) -> list[Problem]:
    """Everything wrong with the rules, and with what the rules have changed under: the menu, and
    the rules of follow-up calls.
    """
    problems: list[Problem] = []
    for check in (load_rules, _check_menu, _check_follow_ups):
        try:
            check(company)
        except BadFile as error:
            problems += [problem for problem in error.problems if problem not in problems]
    return problems


def _check_follow_ups(company: Path) -> None:
    queues, hours = load_rules(company).queues, load_hours(company / "hours.yaml").named
    load_follow_ups(company, queues=queues, hours=hours)


def _check_menu(company: Path) -> None:
    load_version(company, recorded=False)
