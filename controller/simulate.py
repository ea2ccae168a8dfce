"""`huawu simulate` and `huawu replay`: the twin and the recorded days at the command line."""

import asyncio
import datetime
import functools
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acd.company import Company, load_company
from controller.problems import ProblemError
from controller.rules import rule_versions
from controller.settings import Settings
from ivr.hours import OpeningHours, load_hours
from store.versions import Version
from telephony.events import RecordedEvent

if TYPE_CHECKING:
    import numpy as np

    from acd.simulation.script import Script
    from acd.simulation.traffic import Phones

DAY = re.compile(r"\d{4}-\d\d-\d\d")
#: So many days before a replayed day are played too, uncompared, to know who was in what state.
WARM_UP_DAYS = 2


@dataclass(frozen=True, slots=True)
class Firm:
    """A company's rules and hours."""

    company: Company
    hours: OpeningHours

    @classmethod
    def load(cls, folder: Path) -> "Firm":
        """Read the folder. Raises store.source.BadFile."""
        return cls(load_company(folder), load_hours(folder / "hours.yaml"))

    @property
    def names(self) -> dict[str, str]:
        """Queue -> a name for people."""
        return {
            queue.id: f"{queue.id} {queue.name.get('zh-CN', '')}".strip()
            for queue in self.company.queues.values()
        }


def simulate(
    settings: Settings,
    *,
    source: str,
    company: Path | None,
    days: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Play days of a traffic file, or of a recorded day, and print what came of them."""
    from acd.simulation.days import play_days
    from acd.simulation.report import as_plain, as_text

    firm = Firm.load(company or settings.company)
    draw, phones = _source(settings, firm, source or str(settings.company / "traffic.yaml"))
    played = []
    for day in play_days(
        firm.company, draw, phones, days=days, seed=seed, is_open=firm.hours.is_open
    ):
        played.append(day)
        _progress(f"day {day.number} of {days}", done=day.number == days)
    plain = as_plain(played, seed)
    print(json.dumps(plain, ensure_ascii=False, indent=1) if as_json else "", end="")
    if not as_json:
        print(as_text(played, firm.names))
    if out:
        from acd.simulation.plots import draw_days

        targets = {queue.id: queue.target for queue in firm.company.queues.values()}
        files = draw_days(played, out, targets)
        files.append(_write(out / "simulation.json", plain))
        print("\n" + "\n".join(str(file) for file in files), file=sys.stderr)


def _source(
    settings: Settings, firm: Firm, source: str
) -> tuple["Callable[[np.random.Generator], Script]", "Phones"]:
    """How a day is drawn, and how phones are answered."""
    from acd.simulation.recorded import Recorded
    from acd.simulation.traffic import load_traffic

    if source.endswith((".yaml", ".yml")):
        traffic = load_traffic(Path(source), firm.company)
        return functools.partial(traffic.script, zone=firm.hours.zone), traffic.phones
    events, _ = _events(settings, firm, source, warm_up=0)
    recorded = Recorded(events)
    return recorded.script, recorded.phones()


def pooling(*, callers: int, seed: int, out: Path | None, as_json: bool) -> None:
    """The experiment of Wallace and Whitt: 1, 2, 3 and 6 skills, three strategies."""
    from acd.simulation.pooling import as_plain, as_text, exact_wait, rows

    found = []
    for row in rows(callers, seed):
        found.append(row)
        _progress(f"{row.skills} skills, {row.strategy}", done=False)
    _progress("", done=True)
    bound, single = exact_wait(90, 84, 600), exact_wait(15, 14, 600)
    plain = as_plain(found, bound, single)
    print(json.dumps(plain, indent=1) if as_json else as_text(found, bound, single))
    if out:
        from acd.simulation.plots import draw_pooling

        draw_pooling(plain["rows"], bound, out / "pooling.svg")
        _write(out / "pooling.json", plain)


def replay(
    settings: Settings,
    *,
    day: str,
    company: Path | None,
    seed: int,
    save: Path | None,
    as_json: bool,
) -> bool:
    """Feed a recorded day back; with other rules compare. False when a decision came out other."""
    from acd.simulation.replay import diff_lines, write_events
    from acd.simulation.replay import replay as feed_back

    firm = Firm.load(settings.company)
    events, start = _events(settings, firm, day, warm_up=WARM_UP_DAYS)
    if save:
        write_events((event for event in events if event.at >= start), save)
        print(f"{save}: saved", file=sys.stderr)
    if company:
        _compare(firm, Firm.load(company), [e for e in events if e.at >= start], seed, as_json)
        return True
    versions = {version.number: version for version in rule_versions(settings.rules_dir).all()}
    found = feed_back(
        events,
        _rules_at(versions, events[0].at, firm) if _is_date(day) else firm.company,
        is_open=firm.hours.is_open,
        compare_from=start,
        rules_of=lambda number: (
            load_company(versions[number].folder) if number in versions else None
        ),
    )
    wrong = [*found.unexplained, *found.differences]
    if as_json:
        plain = {
            "decisions": found.decisions,
            "offers": found.offers,
            "differing": len(found.differences),
            "unexplained": len(found.unexplained),
        }
        print(json.dumps(plain))
    else:
        for line in diff_lines(sorted(wrong, key=lambda difference: difference.at)):
            print(line)
        print(
            f"{found.decisions} decisions, {found.offers} of them offers: "
            + (f"{len(wrong)} came out differently" if wrong else "all came out the same")
        )
    return not wrong


def _rules_at(versions: Mapping[int, Version], at: float, firm: Firm) -> Company:
    """The rules that held then, as far as they were kept."""
    before = [number for number, version in versions.items() if version.at <= at]
    return load_company(versions[max(before)].folder) if before else firm.company


def _is_date(day: str) -> bool:
    return day == "today" or bool(DAY.fullmatch(day))


def _compare(
    firm: Firm, other: Firm, events: list[RecordedEvent], seed: int, as_json: bool
) -> None:
    from acd.simulation.comparison import as_plain, as_text, compare

    versions = compare(
        events,
        {
            "same rules": (firm.company, firm.hours.is_open),
            "changed rules": (other.company, other.hours.is_open),
        },
        recorded_under=firm.company,
        seed=seed,
    )
    if as_json:
        print(json.dumps(as_plain(versions), ensure_ascii=False, indent=1))
    else:
        print(as_text(versions, firm.names | other.names))


def _events(
    settings: Settings, firm: Firm, day: str, *, warm_up: int
) -> tuple[list[RecordedEvent], float]:
    """The events of a day, or of a file, and from when on they count (Unix seconds)."""
    from acd.simulation.replay import UnreadableDayError, read_events

    start = 0.0
    if _is_date(day):
        zone = firm.hours.zone
        date = (
            datetime.datetime.now(zone).date()
            if day == "today"
            else datetime.date.fromisoformat(day)
        )
        midnight = datetime.datetime.combine(date, datetime.time(), zone)
        start = midnight.timestamp()
        begin = (midnight - datetime.timedelta(days=warm_up)).timestamp()
        end = (midnight + datetime.timedelta(days=1)).timestamp()
        events = asyncio.run(_from_log(settings, begin, end))
    else:
        try:
            events = read_events(Path(day))
        except UnreadableDayError as error:
            raise ProblemError(str(error)) from error
    if not any(event.at >= start for event in events):
        raise ProblemError(f"nothing is recorded of {day}; give a date like 2026-01-31 or a file")
    return events, start


async def _from_log(settings: Settings, begin: float, end: float) -> list[RecordedEvent]:
    from store.database import open_database
    from store.event_log import EventLog

    database = open_database(settings.effective_database_url)
    try:
        return [event for _, event in await EventLog(database).between(begin, end)]
    finally:
        await database.close()


def _progress(text: str, *, done: bool) -> None:
    """One line on the terminal that renews itself; nothing when nobody looks."""
    if sys.stderr.isatty():
        print(f"\r{text:<40}", end="\n" if done else "", file=sys.stderr, flush=True)


def _write(file: Path, plain: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(plain, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return file
