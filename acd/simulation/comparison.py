"""A recorded day under other rules, beside the day itself: figures per queue, and who got what."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from acd.company import Company
from acd.simulation.days import AFTER
from acd.simulation.outcome import ALL, Outcome, Watch
from acd.simulation.recorded import Recorded, answered_by
from acd.simulation.twin import Twin
from telephony.events import RecordedEvent

IsOpen = Callable[[str, float], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The day under one set of rules."""

    title: str
    outcome: Outcome
    answered_by: Mapping[str, str]  # contact -> agent


def compare(
    events: Sequence[RecordedEvent],
    versions: Mapping[str, tuple[Company, IsOpen]],
    *,
    recorded_under: Company,
    seed: int,
) -> list[Version]:
    """The day as it was, and as the twin plays it under each of ``versions`` (title -> rules).

    Playing it under the rules that it was recorded with shows how far the twin itself is off.
    """
    watch = Watch(recorded_under)
    for event in events:
        watch.hear(event)
    found = [_version("recorded", watch, events[-1].at, events)]
    recorded = Recorded(events)
    for title, (company, is_open) in versions.items():
        people, phones = (
            np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)
        )
        script = recorded.script(people)
        played: list[RecordedEvent] = []
        watch = Watch(company)

        def hear(
            event: RecordedEvent, watch: Watch = watch, played: list[RecordedEvent] = played
        ) -> None:
            watch.hear(event)
            played.append(event)

        twin = Twin(
            company=company, rng=phones, hear=hear, phones=recorded.phones(), is_open=is_open
        )
        twin.play(script, until=script.end + AFTER)
        found.append(_version(title, watch, twin.now, played))
    return found


def _version(title: str, watch: Watch, now: float, events: Sequence[RecordedEvent]) -> Version:
    return Version(title=title, outcome=watch.outcome(now), answered_by=answered_by(events))


_FIGURES = (
    ("service_level", "service level", 100.0, " %"),
    ("asa", "ASA", 1.0, " s"),
    ("abandonment", "abandoned", 100.0, " %"),
    ("answered", "answered", 1.0, ""),
)


def as_text(versions: Sequence[Version], names: Mapping[str, str]) -> str:
    """The comparison as tables."""
    heads = "".join(f"{version.title:>18}" for version in versions)
    lines = [f"{'':<34}{heads}"]
    for queue in [*names, ALL]:
        rows = [version.outcome.queues.get(queue) for version in versions]
        if not any(row and row.offered for row in rows):
            continue
        for field, title, scale, unit in _FIGURES:
            cells = [_cell(getattr(row, field) if row else math.nan, scale, unit) for row in rows]
            lines.append(f"{queue:<18}{title:<16}" + "".join(f"{cell:>18}" for cell in cells))
    lines += ["", f"{'calls answered by':<34}{heads}"]
    counts = [Counter(version.answered_by.values()) for version in versions]
    for agent in sorted(set().union(*counts)):
        lines.append(f"{agent:<34}" + "".join(f"{count[agent]:>18}" for count in counts))
    first = versions[0].answered_by
    moved = [
        str(sum(version.answered_by.get(c) != agent for c, agent in first.items()))
        for version in versions
    ]
    label = "contacts with another agent"
    return "\n".join([*lines, f"{label:<34}" + "".join(f"{count:>18}" for count in moved)])


def _cell(value: float, scale: float, unit: str) -> str:
    if math.isnan(value):
        return "-"
    return f"{scale * value:.0f}{unit}" if not unit else f"{scale * value:.1f}{unit}"


def as_plain(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """The comparison, JSON-ready."""
    return [
        {
            "title": version.title,
            "queues": {
                name: {
                    field: None if math.isnan(value := float(getattr(row, field))) else value
                    for field, *_ in _FIGURES
                }
                for name, row in version.outcome.queues.items()
            },
            "answered_by": dict(version.answered_by),
        }
        for version in versions
    ]
