"""Independent days: drawn from a traffic file or a recorded day, played, put together."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from acd.company import Company
from acd.simulation.calibration import Told, told_waits
from acd.simulation.outcome import Outcome, Watch
from acd.simulation.script import Script
from acd.simulation.traffic import Phones
from acd.simulation.twin import Twin

#: After the last arrival and the last shift a day is played on for so many seconds.
AFTER = 2 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One simulated day."""

    number: int  # from 1
    outcome: Outcome
    told: list[Told]
    watch: Watch
    start: float  # Unix seconds
    hours: float  # simulated
    seconds: float  # of this process's CPU
    events: int  # that the distribution took
    offers: int


def play_days(
    company: Company,
    draw: Callable[[np.random.Generator], Script],
    phones: Phones,
    *,
    days: int,
    seed: int,
    is_open: Callable[[str, float], bool] = lambda _hours, _now: True,
) -> Iterator[Day]:
    """Draw and play independent days. The streams of different days do not overlap: each gets a
    child of the seed (``numpy.random.SeedSequence.spawn``).

    Args:
        draw: one day, from a traffic file or a recorded day.
        phones: how offers are answered that the script does not speak of.
    """
    for number, child in enumerate(np.random.SeedSequence(seed).spawn(days), start=1):
        people, rings = (np.random.default_rng(part) for part in child.spawn(2))
        script = draw(people)
        watch = Watch(company)
        twin = Twin(company=company, rng=rings, hear=watch.hear, phones=phones, is_open=is_open)
        began = time.process_time()
        twin.play(script, until=script.end + AFTER)
        yield Day(
            number=number,
            outcome=watch.outcome(twin.now),
            told=told_waits(watch),
            watch=watch,
            start=script.start,
            hours=(script.end - script.start) / 3600,
            seconds=time.process_time() - began,
            events=twin.handled,
            offers=watch.offers,
        )
