"""The menu that new callers get, and its replacement while calls go on.

Everything a dialogue needs is loaded together and checked together into one `FlowVersion`. A
caller keeps the version with which the call began; a new version is for new callers; a broken
file changes nothing. Each version that was in use is kept (`store/versions.py`), and the newest
kept one is what every controller goes by. Recordings are not kept with it: `ivr say` makes them.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ivr.customers import TIER, CustomerBook, load_customers
from ivr.emergency import FILE as EMERGENCY
from ivr.emergency import EmergencyPlan, check_plan, plan_prompts, read_plan
from ivr.flow import Flow, Flows, Surroundings, load_flows, place_name
from ivr.hours import OpeningHours, load_hours
from ivr.human import RECORDINGS, HumanRecordings
from ivr.intents import Intents, load_intents
from ivr.prompts import PromptShelf, load_catalogue
from ivr.shop.services import KNOWN
from store.source import BadFile, Plain, Problem, Source, read_source
from store.versions import Version, Versions

log = logging.getLogger(__name__)

MAIN_MENU = "menus/main.yaml"
#: What belongs to a version, as globs below the company folder.
FILES = ("menus/*.yaml", "hours.yaml", "customers.yaml", "intents.yaml", EMERGENCY)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowVersion:
    """One menu with all that belongs to it."""

    number: int
    """Under which it is kept; 0 when it is not."""
    flows: Flows
    hours: OpeningHours
    customers: CustomerBook
    emergency: EmergencyPlan
    intents: Intents | None = None
    """What callers may say in a menu; None where the company has no intents."""

    @property
    def flow(self) -> Flow:
        """The main flow."""
        return self.flows.main

    def entry(self, flow: str) -> str:
        """Where a flow begins, as ``run_dialogue`` takes it; "" when it is not there."""
        found = self.flows.by_name.get(flow)
        return place_name(self.flow.data.name, flow, found.data.start) if found else ""


def queue_names(source: Source) -> frozenset[str]:
    """The ids in queues.yaml (whose other fields are acd's business)."""
    return _ids(source, "queues")


def _ids(source: Source, key: str) -> frozenset[str]:
    entries = source.data.get(key) if isinstance(source.data, dict) else None
    return frozenset(
        str(entry["id"])
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and "id" in entry
    )


def attribute_values(source: Source | None) -> dict[str, tuple[str, ...]]:
    """The attributes in routing.yaml with their values (the rest of it is acd's business)."""
    declared = source.data.get("attributes") if source and isinstance(source.data, dict) else None
    return {
        name: tuple(str(value) for value in values) if isinstance(values, list) else ()
        for name, values in (declared.items() if isinstance(declared, dict) else ())
    }


def outside_numbers(source: Source | None) -> tuple[str, ...]:
    """The numbers outside that routing.yaml allows."""
    allowed = source.data.get("outside") if source and isinstance(source.data, dict) else None
    return tuple(str(number) for number in allowed) if isinstance(allowed, list) else ()


def flows_named(data: Plain) -> Iterator[str]:
    """Every flow that a file names, at whatever depth (``survey: {flow: after_talk}``)."""
    if isinstance(data, dict):
        if isinstance(flow := data.get("flow"), str):
            yield flow
        data = list(data.values())
    if isinstance(data, list):
        for part in data:
            yield from flows_named(part)


def _routing(company: Path) -> Source | None:
    file = company / "routing.yaml"
    return read_source(file) if file.exists() else None


def load_version(
    company: Path,
    number: int = 0,
    *,
    recorded: bool = True,
    rules: Path | None = None,
    people: HumanRecordings | None = None,
) -> FlowVersion:
    """Load the menus of a company folder. Raises BadFile with every problem found.

    ``rules`` is the folder of queues.yaml and routing.yaml when the rules in use lie elsewhere;
    ``people`` are people's recordings when they lie elsewhere.
    """
    people = people or HumanRecordings(company / RECORDINGS)
    hours = load_hours(company / "hours.yaml")
    intents = load_intents(file) if (file := company / "intents.yaml").exists() else None
    plan, plan_source = read_plan(company / EMERGENCY)
    rules = rules or company
    shelf = load_catalogue(people=people.find)
    shelf = shelf.with_prompts(plan_prompts(plan, plan_source, shelf.voices))
    around = _around(rules, hours, intents, shelf, plan_source)
    main = company / MAIN_MENU
    others = [file for file in sorted(main.parent.glob("*.yaml")) if file != main]
    flows = load_flows([main, *others], around, recorded=recorded)
    broken = [found for found in people.problems(flows.main.shelf) if not found.warning]
    if recorded and broken:
        raise BadFile(broken)
    version = FlowVersion(
        number=number,
        flows=flows,
        hours=hours,
        customers=load_customers(company / "customers.yaml", around.attributes.get(TIER, ())),
        emergency=plan,
        intents=intents,
    )
    if plan_source:
        agents = _ids(read_source(rules / "agents.yaml"), "agents") if plan.feature_code else ()
        check_plan(plan, plan_source, version.flow.shelf, version.flows.by_name, agents)
    return version


def _around(
    rules: Path,
    hours: OpeningHours,
    intents: Intents | None,
    shelf: PromptShelf,
    emergency: Source | None,
) -> Surroundings:
    """What the flows may refer to."""
    routing, queues = _routing(rules), read_source(rules / "queues.yaml")
    return Surroundings(
        shelf=shelf.with_prompts(intents.prompts(shelf.voices)) if intents else shelf,
        queues=queue_names(queues),
        hours=frozenset(hours.named),
        attributes=attribute_values(routing),
        outside=outside_numbers(routing),
        intents=intents.names if intents else frozenset(),
        services=KNOWN,
        entries=frozenset(
            name for one in (routing, queues, emergency) if one for name in flows_named(one.data)
        ),
    )


class MenuFiles:
    """The menu's files in the company folder, and the versions of them that were in use.

    Args:
        company: the folder of the menus, hours and customers.
        folder: where versions are kept.
        rules: says where the queues and attributes in use are written.
    """

    def __init__(self, company: Path, folder: Path, rules: Callable[[], Path]) -> None:
        self._company = company
        self._rules = rules
        self.kept = Versions(folder, FILES)

    def check(self, company: Path) -> list[Problem]:
        """Everything wrong with the menu of a company folder under the rules in use."""
        try:
            load_version(company, rules=self._rules())
        except BadFile as error:
            return error.problems
        return []

    def keep(self, author: str) -> Version:
        """Check the files and keep them as the newest version. Raises BadFile: nothing changed."""
        if problems := self.check(self._company):
            raise BadFile(problems)
        return self.kept.keep(self._company, author=author)

    def roll_back(self, number: int | None, author: str) -> Version:
        """Go back to an earlier version, see ``Versions.roll_back``."""
        return self.kept.roll_back(self._company, number, author=author, check=self.check)

    def load_company(self) -> FlowVersion:
        """What the company's files say now. Raises BadFile."""
        return load_version(self._company, rules=self._rules())

    def load(self, version: Version) -> FlowVersion:
        """A kept version. Raises BadFile when it does not fit the rules in use.

        A recording that has gone since is no reason to refuse it: callers do without that one.
        """
        return load_version(
            version.folder,
            version.number,
            recorded=False,
            rules=self._rules(),
            people=HumanRecordings(self._company / RECORDINGS),
        )


class FlowVersions:
    """The version for callers who arrive now: the newest kept one.

    At first the company's files are taken into use. If they are broken they change nothing.
    Raises BadFile when there is no version that can be used.
    """

    def __init__(self, files: MenuFiles) -> None:
        self._files = files
        try:
            files.keep("start")
        except BadFile as error:
            if files.kept.newest is None:
                raise
            log.warning("the menu's files are broken, the last version holds: %s", error)
        self._current = self._newest_usable()

    @property
    def current(self) -> FlowVersion:
        """The version for a caller who arrives now."""
        return self._current

    def take_up(self) -> bool:
        """Go by the newest kept version; False when nothing changed."""
        newest = self._files.kept.newest
        if newest is None or newest.number == self._current.number:
            return False
        try:
            self._current = self._files.load(newest)
        except BadFile as error:
            log.error("the menu stays as it is, version %d is broken: %s", newest.number, error)
            return False
        return True

    def _newest_usable(self) -> FlowVersion:
        """An older one where the rules have changed since so that the newest has become useless."""
        problems: list[Problem] = []
        for version in reversed(self._files.kept.all()):
            try:
                return self._files.load(version)
            except BadFile as error:
                log.error("version %d of the menu cannot be used: %s", version.number, error)
                problems += error.problems
        raise BadFile(problems)
