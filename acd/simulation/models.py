"""Textbook systems as companies and scripts: M/M/n (Erlang C) and M/M/n+M (Erlang A).

For them the exact answer is known, so the twin and the distribution under it can be checked: every
caller asks for the one skill that every agent has, phones are answered at once, nobody wraps up,
nothing limits the waiting.
"""

import math
from dataclasses import dataclass

import numpy as np

from acd.company import Company
from acd.rules import AgentProfile, Exit, Limits, Queue, WaitLimit
from acd.simulation.draws import fixed
from acd.simulation.outcome import Entry, Watch
from acd.simulation.script import Call, Script, Wish
from acd.simulation.traffic import Phones
from acd.simulation.twin import Twin
from telephony.events import AgentWish, QueueEnd

#: Time at which the textbook's day begins (Unix seconds).
BEGIN = 1_000_000.0
AT_ONCE = Phones(answer=fixed(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Poisson arrivals, exponential service; exponential patience unless it is infinite.

    ``load`` is the offered load in erlangs, ``service`` and ``patience`` are means in seconds.
    """

    agents: int
    load: float
    service: float = 100.0
    patience: float = math.inf

    @property
    def rate(self) -> float:
        """Arrivals per second."""
        return self.load / self.service

    def __str__(self) -> str:
        kind = "M/M/n" if math.isinf(self.patience) else "M/M/n+M"
        patience = "" if math.isinf(self.patience) else f", patience {self.patience:g} s"
        return f"{kind} n={self.agents}, {self.load:g} erlangs{patience}"


def company(agents: int) -> Company:
    """One queue that every agent serves."""
    queue = Queue(
        id="calls",
        name={"en": "Calls"},
        skills={"calls": 1},
        wrap_up=0,
        limits=Limits(wait=WaitLimit(max=86400, exit=Exit(announce="queue_full"))),
    )
    profiles = [
        AgentProfile(id=str(1000 + i), name={"en": str(i)}, skills={"calls": 1})
        for i in range(agents)
    ]
    return Company(queues={queue.id: queue}, agents={p.id: p for p in profiles}, language_skills={})


def script(model: Model, callers: int, rng: np.random.Generator) -> Script:
    """So many callers, one after the other."""
    times = BEGIN + 1 + np.cumsum(rng.exponential(1 / model.rate, callers))
    talks = rng.exponential(model.service, callers)
    patience = (
        np.full(callers, math.inf)
        if math.isinf(model.patience)
        else rng.exponential(model.patience, callers)
    )
    calls = [
        Call(
            id=f"c{i:07}",
            at=float(times[i]),
            queue="calls",
            talk=float(talks[i]),
            patience=float(patience[i]),
        )
        for i in range(callers)
    ]
    return Script(start=BEGIN, end=float(times[-1]), calls=calls, wishes=all_day(model.agents))


def all_day(agents: int) -> list[Wish]:
    """Agents 1000, 1001, ... are ready from the beginning."""
    return [
        Wish(at=BEGIN, agent=str(1000 + i), wish=wish)
        for i in range(agents)
        for wish in (AgentWish.SIGN_IN, AgentWish.READY)
    ]


def run(model: Model, callers: int, seed: int) -> list[Entry]:
    """The queue entries of a run, in the order of arrival; no ticks of the waiting loop."""
    rng = np.random.default_rng(seed)
    firm = company(model.agents)
    watch = Watch(firm)
    twin = Twin(company=firm, rng=rng, hear=watch.hear, phones=AT_ONCE, tick=0)
    twin.play(script(model, callers, rng), until=BEGIN + 1e9)
    if watch.figures.imbalance:
        raise AssertionError("offered is not the sum of the ends and those who wait")
    return watch.entries


@dataclass(frozen=True, slots=True)
class Samples:
    """What each caller met, in the order of arrival, the run's beginning left out."""

    waits: np.ndarray  # seconds in the queue, until answered or gone
    delayed: np.ndarray  # 1.0 for who had to wait
    lost: np.ndarray  # 1.0 for who gave up


def samples(entries: list[Entry], warm_up: float = 0.1) -> Samples:
    """The entries as arrays; ``warm_up`` is the share that is left out: it met an empty system."""
    kept = [entry for entry in entries[int(warm_up * len(entries)) :] if entry.end is not None]
    waits = np.array([entry.waited for entry in kept])
    lost = [entry.end is not QueueEnd.ANSWERED for entry in kept]
    # Two things that fall together are some microseconds apart in the twin.
    return Samples(waits, (waits > 1e-3).astype(float), np.array(lost, dtype=float))
