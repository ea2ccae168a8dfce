"""The menu that new callers get, and its replacement while calls go on.

Everything a dialogue needs is loaded together and checked together into one `FlowVersion`. A
caller keeps the version with which the call began; a new version is for new callers; a broken
file changes nothing.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ivr.customers import TIER, CustomerBook, load_customers
from ivr.flow import Flow, Surroundings, load_flow
from ivr.hours import OpeningHours, load_hours
from ivr.prompts import load_catalogue
from store.source import BadFile, Problem, Source, read_source

log = logging.getLogger(__name__)

MAIN_MENU = "menus/main.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowVersion:
    """One menu with all that belongs to it."""

    number: int
    """Counts from 1 in each process."""
    flow: Flow
    hours: OpeningHours
    customers: CustomerBook


def queue_names(source: Source) -> frozenset[str]:
    """The ids in queues.yaml (whose other fields are acd's business)."""
    queues = source.data.get("queues") if isinstance(source.data, dict) else None
    return frozenset(
        str(queue["id"])
        for queue in (queues if isinstance(queues, list) else [])
        if isinstance(queue, dict) and "id" in queue
    )


def attribute_values(source: Source | None) -> dict[str, tuple[str, ...]]:
    """The attributes in routing.yaml with their values (the rest of it is acd's business)."""
    declared = source.data.get("attributes") if source and isinstance(source.data, dict) else None
    return {
        name: tuple(str(value) for value in values) if isinstance(values, list) else ()
        for name, values in (declared.items() if isinstance(declared, dict) else ())
    }


def _routing(company: Path) -> Source | None:
    file = company / "routing.yaml"
    return read_source(file) if file.exists() else None


def load_version(
    company: Path, number: int = 1, *, recorded: bool = True, rules: Path | None = None
) -> FlowVersion:
    """Load the main menu of a company folder. Raises BadFile with every problem found.

    ``rules`` is the folder of queues.yaml and routing.yaml when the rules in use lie elsewhere.
    """
    hours = load_hours(company / "hours.yaml")
    rules = rules or company
    around = Surroundings(
        shelf=load_catalogue(),
        queues=queue_names(read_source(rules / "queues.yaml")),
        hours=frozenset(hours.weeks),
        attributes=(attributes := attribute_values(_routing(rules))),
    )
    return FlowVersion(
        number=number,
        flow=load_flow(company / MAIN_MENU, around, recorded=recorded),
        hours=hours,
        customers=load_customers(company / "customers.yaml", attributes.get(TIER, ())),
    )


class FlowVersions:
    """Holds the current version. Raises BadFile when there is none to begin with.

    Args:
        company: the folder of the menus, hours and customers.
        rules: says where the queues and attributes in use are written; there if not given.
    """

    def __init__(self, company: Path, rules: Callable[[], Path] | None = None) -> None:
        self._company = company
        self._rules = rules or (lambda: company)
        self._current = load_version(company, rules=self._rules())

    @property
    def current(self) -> FlowVersion:
        """The version for a caller who arrives now."""
        return self._current

    def reload(self) -> list[Problem]:
        """Read the files again. Returns the problems; with any, the old version stays."""
        try:
            number = self._current.number + 1
            self._current = load_version(self._company, number, rules=self._rules())
        except BadFile as error:
            log.warning("the menu stays as it was: %s", error)
            return error.problems
        return []
