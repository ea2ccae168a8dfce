"""The golden day: recorded once, replayed by every test run. Run this to record it anew.

    python -m tests.acd.simulation.golden

Do so only when rules are meant to decide differently, and say why in the commit. Besides the
twin's callers and agents a supervisor changes places, and a phone goes and comes back.
"""

from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from acd.company import Company, load_company
from acd.simulation.days import AFTER
from acd.simulation.replay import write_events
from acd.simulation.traffic import load_traffic
from acd.simulation.twin import Twin
from acd.wishes import ActionRefused
from ivr.hours import OpeningHours, load_hours
from telephony.events import CallStage, PhoneChanged, PlaceWished, RecordedEvent

FOLDER = Path(__file__).parents[2] / "data" / "golden"
DAY = FOLDER / "day.jsonl.gz"
SEED = 20260105
AUTHOR = "supervisor:mei"


def rules() -> tuple[Company, OpeningHours]:
    """The golden company and its hours."""
    return load_company(FOLDER), load_hours(FOLDER / "hours.yaml")


def record() -> list[RecordedEvent]:
    """Play the golden day."""
    company, hours = rules()
    traffic = load_traffic(FOLDER / "traffic.yaml", company)
    people, phones = (
        np.random.default_rng(child) for child in np.random.SeedSequence(SEED).spawn(2)
    )
    script = traffic.script(people, ZoneInfo("Asia/Shanghai"))
    heard: list[RecordedEvent] = []
    twin = Twin(
        company=company,
        rng=phones,
        hear=heard.append,
        phones=traffic.phones,
        is_open=hours.is_open,
    )
    for minute in range(70, 200, 5):
        twin.at(script.start + 60 * minute + 17, _supervise, twin, minute)
    for minute, reachable in ((95, False), (101, True)):
        twin.at(script.start + 60 * minute, _phone, twin, "8004", reachable)
    twin.play(script, until=script.end + AFTER)
    return heard


def _supervise(twin: Twin, minute: int) -> None:
    """The supervisor does something with who has waited longest."""
    waiting = [
        contact
        for contact in twin.distribution.domain.contacts.values()
        if contact.stage is CallStage.WAITING
    ]
    if not waiting:
        return
    oldest = min(waiting, key=lambda contact: contact.queued)
    change = (
        {"priority": "urgent"},
        {"preferred": "8007"},
        {"queue": "general"},
    )[minute // 5 % 3]
    try:
        twin.tell(PlaceWished(contact=oldest.id, author=AUTHOR, **change))  # type: ignore[arg-type]
    except ActionRefused:
        return


def _phone(twin: Twin, agent: str, reachable: bool) -> None:
    twin.tell(PhoneChanged(at=twin.now, agent=agent, reachable=reachable))


if __name__ == "__main__":
    write_events(record(), DAY)
