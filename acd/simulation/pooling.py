"""The pooling experiment: how many skills must an agent have before all are as one pool?

After R. B. Wallace and W. Whitt, *A Staffing Algorithm for Call Centers with Skill-Based Routing*
(Manufacturing & Service Operations Management 7, 2005, pp. 276-294): six call types with equal
Poisson arrivals, 90 agents, exponential service times of ten minutes on average whatever type and
agent; an agent's skills are a primary one (15 agents each) and further ones spread evenly.
Here: 1.4 calls a minute of each type, which are 84 erlangs for 90 agents, and an unlimited waiting
room (theirs was limited), so that both ends are textbook systems: one skill each is six times
M/M/15, all six are M/M/90. Under all strategies callers are the same (common random numbers).

Where everybody has two skills, there is little left to choose; ``MIXED`` has two on average as
well, half of the agents with one skill and half with three: there it matters who is taken first.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from acd.company import Company
from acd.rules import AgentProfile, Exit, Limits, Queue, Strategy, WaitLimit
from acd.simulation.intervals import Interval, of_batches
from acd.simulation.models import AT_ONCE, BEGIN, all_day
from acd.simulation.outcome import Entry, Watch
from acd.simulation.script import Call, Script
from acd.simulation.twin import Twin

TYPES = 6
AGENTS = 90
SERVICE = 600.0  # mean seconds
LOAD = TYPES * 1.4 * SERVICE / 60  # erlangs
THRESHOLD = 30.0  # seconds, for the service level
#: Two things that fall together are some microseconds apart in the twin.
AT_ONCE_SECONDS = 1e-3
#: Levels of an agent's first, second, ... skill.
LEVELS = (10, 8, 6, 5, 4, 3)
#: Staffing in which half of the agents have one skill and half have three.
MIXED = 0
STAFFINGS = (1, 2, MIXED, 3, TYPES)
STRATEGIES = (Strategy.LONGEST_IDLE, Strategy.BEST_SKILLED, Strategy.SPARE_FLEXIBLE)


def company(skills: int, strategy: Strategy) -> Company:
    """90 agents with so many skills each (or ``MIXED``), and six queues with this strategy."""
    queues = [
        Queue(
            id=f"type{kind}",
            name={"en": f"Type {kind}"},
            skills={f"type{kind}": 1},
            strategy=strategy,
            threshold=THRESHOLD,
            wrap_up=0,
            aging=86400,
            limits=Limits(wait=WaitLimit(max=86400, exit=Exit(announce="queue_full"))),
        )
        for kind in range(TYPES)
    ]
    agents = [
        AgentProfile(
            id=str(1000 + number),
            name={"en": str(number)},
            skills={
                f"type{kind}": LEVELS[place] for place, kind in enumerate(skills_of(number, skills))
            },
        )
        for number in range(AGENTS)
    ]
    return Company(
        queues={queue.id: queue for queue in queues},
        agents={agent.id: agent for agent in agents},
        language_skills={},
    )


def skills_of(number: int, skills: int) -> list[int]:
    """An agent's call types, the primary one first; each pair of types is shared by three agents
    in each direction when there are two.
    """
    primary, turn = number % TYPES, number // TYPES
    if skills == MIXED:
        skills = 1 if turn % 2 == 0 else 3
    others = [(primary + 1 + step) % TYPES for step in range(TYPES - 1)]
    shift = turn % len(others)
    return [primary, *(others[shift:] + others[:shift])[: skills - 1]]


def script(callers: int, load: float, rng: np.random.Generator) -> Script:
    """So many callers of random types; ``load`` in erlangs."""
    times = BEGIN + 1 + np.cumsum(rng.exponential(SERVICE / load, callers))
    talks = rng.exponential(SERVICE, callers)
    kinds = rng.integers(TYPES, size=callers)
    calls = [
        Call(id=f"c{i:07}", at=float(times[i]), queue=f"type{int(kinds[i])}", talk=float(talks[i]))
        for i in range(callers)
    ]
    return Script(start=BEGIN, end=float(times[-1]), calls=calls, wishes=all_day(AGENTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One staffing under one strategy; 99 % intervals by batch means."""

    skills: int
    strategy: str
    wait: Interval  # seconds, of all callers
    delayed: Interval  # share who had to wait
    level: Interval  # share answered within 30 s
    gain: Interval | None  # seconds less than under longest_idle, caller by caller
    undelayed: Interval | None  # share who had to wait there and not here, less the reverse
    primary: float  # share of calls that an agent took whose primary skill it was


def run(
    skills: int, strategy: Strategy, callers: int, seed: int, load: float = LOAD
) -> list[Entry]:
    """The queue entries of one run, in the order of arrival."""
    rng = np.random.default_rng(seed)
    firm = company(skills, strategy)
    watch = Watch(firm)
    twin = Twin(company=firm, rng=rng, hear=watch.hear, phones=AT_ONCE, tick=0)
    twin.play(script(callers, load, rng), until=BEGIN + 1e9)
    if watch.figures.imbalance:
        raise AssertionError("offered is not the sum of the ends and those who wait")
    return watch.entries


def rows(
    callers: int,
    seed: int,
    skills: Sequence[int] = STAFFINGS,
    strategies: Sequence[Strategy] = STRATEGIES,
    warm_up: float = 0.1,
) -> Iterator[Row]:
    """The experiment. With one skill and with all six every strategy gives the same waits."""
    for count in skills:
        base: np.ndarray | None = None
        alike = count in (1, TYPES)
        for strategy in strategies[:1] if alike else strategies:
            entries = run(count, strategy, callers, seed)[int(warm_up * callers) :]
            waits = np.array([entry.waited for entry in entries])
            yield Row(
                skills=count,
                strategy="any" if alike else strategy.value,
                wait=of_batches(waits, 0.99),
                delayed=of_batches(waits > AT_ONCE_SECONDS, 0.99),
                level=of_batches(waits <= THRESHOLD, 0.99),
                gain=None if base is None else of_batches(base - waits, 0.99),
                undelayed=None
                if base is None
                else of_batches(
                    (base > AT_ONCE_SECONDS).astype(float) - (waits > AT_ONCE_SECONDS), 0.99
                ),
                primary=float(np.mean([_is_primary(entry) for entry in entries])),
            )
            base = waits if base is None else base


def _is_primary(entry: Entry) -> bool:
    return skills_of(int(entry.agent) - 1000, 1) == [int(entry.queue.removeprefix("type"))]


def as_text(found: Sequence[Row], bound: float, single: float) -> str:
    """The table; ``bound`` is the exact mean wait of M/M/90, ``single`` of M/M/15."""
    heads = ("mean wait s", "delayed", "within 30 s", "less wait s", "fewer delayed", "by primary")
    lines = [f"{'skills':<8}{'strategy':<16}" + "".join(f"{head:>16}" for head in heads)]
    for row in found:
        cells = [
            _cell(row.wait),
            _cell(row.delayed, percent=True),
            _cell(row.level, percent=True),
            _cell(row.gain, places=2),
            _cell(row.undelayed, percent=True, places=2),
            f"{100 * row.primary:.0f} %",
        ]
        skills = "1 or 3" if row.skills == MIXED else str(row.skills)
        lines.append(f"{skills:<8}{row.strategy:<16}" + "".join(f"{cell:>16}" for cell in cells))
    lines += [
        f"exact: M/M/90 (all pooled) {bound:.1f} s, M/M/15 (six separate) {single:.1f} s",
        "99 % intervals by batch means (25 batches, the first tenth left out);",
        "less wait and fewer delayed: against longest_idle, caller by caller",
    ]
    return "\n".join(lines)


def _cell(interval: Interval | None, *, percent: bool = False, places: int = 1) -> str:
    if interval is None:
        return ""
    scale, unit = (100, " %") if percent else (1, "")
    return f"{scale * interval.mean:.{places}f} ±{scale * interval.half:.{places}f}{unit}"


def as_plain(found: Sequence[Row], bound: float, single: float) -> dict[str, Any]:
    """The table, JSON-ready."""
    return {
        "exact_pooled": bound,
        "exact_separate": single,
        "rows": [
            {
                "skills": row.skills,
                "strategy": row.strategy,
                "wait": row.wait.mean,
                "wait_half": row.wait.half,
                "delayed": row.delayed.mean,
                "delayed_half": row.delayed.half,
                "level": row.level.mean,
                "level_half": row.level.half,
                "gain": row.gain.mean if row.gain else None,
                "gain_half": row.gain.half if row.gain else None,
                "undelayed": row.undelayed.mean if row.undelayed else None,
                "undelayed_half": row.undelayed.half if row.undelayed else None,
                "primary": row.primary,
            }
            for row in found
        ],
    }


def exact_wait(agents: int, load: float, service: float) -> float:
    """Mean wait in M/M/n by Erlang's recursion, in seconds (checked against a library in tests)."""
    blocked = 1.0
    for servers in range(1, agents + 1):
        blocked = load * blocked / (servers + load * blocked)
    delayed = agents * blocked / (agents - load * (1 - blocked))
    return delayed * service / (agents - load) if load < agents else math.inf
