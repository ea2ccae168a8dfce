"""Traffic files: what a day brings, written by people, checked with file and line. Pure.

Arrivals are a Poisson process whose rate changes from interval to interval (its count in an
interval of mean m is Poisson(m), and given the count the arrivals are independent and uniform in
the interval: the standard construction, e.g. Law, *Simulation Modeling and Analysis*, 5th ed.,
section 8.6.2).
"""

import datetime
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, StringConstraints, model_validator

from acd.company import Company
from acd.rules import Extension, Strict, Value, Word
from acd.simulation.draws import Duration, Spread
from acd.simulation.script import Call, Script, Wish
from store.source import BadFile, Problem, Source, Where, check_source, read_source
from telephony.events import AgentWish

Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]


class QueueTraffic(Strict):
    """What one queue's callers do."""

    arrivals: Annotated[list[Weight], Field(min_length=1, max_length=1440)]
    """Expected callers per interval, from ``start`` on; the last value holds until ``end``."""
    talk: Duration
    wrap_up: Duration | None = None  # None: always the queue's whole time
    patience: Duration | None = None  # None: nobody gives up
    languages: dict[str, Weight] = Field(default_factory=lambda: {"zh-CN": 1.0})
    callback: Share = 0.0  # share of those still waiting after ``callback_after`` who press the key
    callback_after: Duration = Duration(fixed=60)
    attributes: dict[Word, dict[Value, Weight]] = Field(default_factory=dict)


class Break(Strict):
    """A planned break: from ``at`` for ``minutes``, or after the call that lasts then."""

    at: Clock
    minutes: Annotated[float, Field(gt=0, le=720)]
    reason: Word = "break"


class Shift(Strict):
    """When these agents are signed in."""

    agents: Annotated[list[Extension], Field(min_length=1)]
    start: Clock
    end: Clock
    breaks: list[Break] = Field(default_factory=list)

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if minutes(self.end) <= minutes(self.start):
            raise ValueError("a shift ends after it starts; split one over midnight in two")
        return self


class Phones(Strict):
    """What agents do with a ringing phone."""

    answer: Duration = Duration(fixed=4)  # from the offer to the answer
    rings_out: Share = 0.0  # share of offers that nobody answers
    declined: Share = 0.0
    back_after: Duration = Duration(fixed=60)  # until an agent who missed one is ready again


class Traffic(Strict):
    """A traffic file."""

    date: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$")] = "2026-01-05"
    start: Clock = "00:00"
    end: Clock = "24:00"
    interval: Annotated[int, Field(ge=1, le=1440)] = 60  # minutes per number in ``arrivals``
    menu: Duration = Duration(fixed=20)
    leave_in_menu: Share = 0.0
    customers: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000  # different numbers that call
    customer_answers: Duration = Duration(lognormal=Spread(mean=15, cv=1))  # a call back
    agents_hang_up: Share = 0.3  # share of talks that the agent ends
    queues: Annotated[dict[Word, QueueTraffic], Field(min_length=1)]
    shifts: Annotated[list[Shift], Field(min_length=1)]
    phones: Phones = Phones()

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if minutes(self.end) <= minutes(self.start):
            raise ValueError("the day ends after it starts")
        return self

    @property
    def hours(self) -> float:
        """Length of the day in hours."""
        return (minutes(self.end) - minutes(self.start)) / 60

    def midnight(self, zone: datetime.tzinfo) -> float:
        """Unix time at which the date begins there."""
        return datetime.datetime.fromisoformat(self.date).replace(tzinfo=zone).timestamp()

    def script(self, rng: np.random.Generator, zone: datetime.tzinfo) -> Script:
        """Draw one day."""
        midnight = self.midnight(zone)
        start, end = (midnight + 60 * minutes(clock) for clock in (self.start, self.end))
        calls = [
            call
            for name, queue in self.queues.items()
            for call in self._calls(name, queue, start, end, rng)
        ]
        calls.sort(key=lambda call: call.at)
        return Script(start=start, end=end, calls=calls, wishes=self._wishes(midnight))

    def _calls(
        self, name: str, queue: QueueTraffic, start: float, end: float, rng: np.random.Generator
    ) -> list[Call]:
        calls: list[Call] = []
        length = 60.0 * self.interval
        index = 0
        while (begin := start + index * length) < end:
            until = min(begin + length, end)
            mean = queue.arrivals[min(index, len(queue.arrivals) - 1)] * (until - begin) / length
            for at in np.sort(rng.uniform(begin, until, int(rng.poisson(mean)))):
                calls.append(self._call(f"{name}-{len(calls)}", float(at), name, queue, rng))
            index += 1
        return calls

    def _call(
        self, contact: str, at: float, name: str, queue: QueueTraffic, rng: np.random.Generator
    ) -> Call:
        return Call(
            id=contact,
            at=at,
            queue=name,
            caller=f"1390{int(rng.integers(self.customers)):07}",
            language=_pick(queue.languages, rng),
            attributes={key: _pick(values, rng) for key, values in queue.attributes.items()},
            menu=self.menu.draw(rng),
            leaves_menu=bool(rng.random() < self.leave_in_menu),
            talk=queue.talk.draw(rng),
            agent_ends=bool(rng.random() < self.agents_hang_up),
            wrap_up=queue.wrap_up.draw(rng) if queue.wrap_up else np.inf,
            patience=queue.patience.draw(rng) if queue.patience else np.inf,
            key_after=queue.callback_after.draw(rng) if rng.random() < queue.callback else np.inf,
            called_back=tuple(self.customer_answers.draw(rng) for _ in range(3)),
        )

    def _wishes(self, midnight: float) -> list[Wish]:
        wishes = []
        for shift in self.shifts:
            start, end = (midnight + 60 * minutes(clock) for clock in (shift.start, shift.end))
            for agent in shift.agents:
                wishes += [
                    Wish(at=start, agent=agent, wish=AgentWish.SIGN_IN, reason="signed_in"),
                    Wish(at=start, agent=agent, wish=AgentWish.READY),
                    Wish(at=end, agent=agent, wish=AgentWish.SIGN_OUT, reason="signed_out"),
                ]
                wishes += [
                    Wish(
                        at=midnight + 60 * minutes(pause.at),
                        agent=agent,
                        wish=AgentWish.NOT_READY,
                        reason=pause.reason,
                        back_after=60 * pause.minutes,
                    )
                    for pause in shift.breaks
                ]
        return sorted(wishes, key=lambda wish: wish.at)


def minutes(clock: str) -> int:
    """``"08:30"`` as minutes from midnight."""
    return int(clock[:2]) * 60 + int(clock[3:])


def _pick(weights: dict[str, float], rng: np.random.Generator) -> str:
    names, sizes = list(weights), np.array(list(weights.values()))
    if len(names) == 1:
        return names[0]
    return names[int(rng.choice(len(names), p=sizes / sizes.sum()))]


def load_traffic(file: Path, company: Company) -> Traffic:
    """Read a traffic file for this company.

    Raises:
        store.source.BadFile: with every problem found, each with file, line and mend.
    """
    source = read_source(file)
    traffic = check_source(source, Traffic)
    if problems := list(_unknown(source, traffic, company)):
        raise BadFile(problems)
    return traffic


def _unknown(source: Source, traffic: Traffic, company: Company) -> list[Problem]:
    problems: list[Problem] = []

    def wrong(where: Where, text: str, mend: str) -> None:
        problems.append(source.problem(where, text, mend))

    for name, queue in traffic.queues.items():
        if name not in company.queues:
            wrong(("queues", name), f"there is no queue {name}", "name a queue of queues.yaml")
        for key, weights in {"languages": queue.languages, **queue.attributes}.items():
            if not sum(weights.values()) > 0:
                wrong(("queues", name), f"{key}: all shares are 0", "give one a share above 0")
    for index, shift in enumerate(traffic.shifts):
        for place, agent in enumerate(shift.agents):
            if agent not in company.agents:
                wrong(
                    ("shifts", index, "agents", place),
                    f"there is no agent {agent}",
                    "name an agent of agents.yaml",
                )
        for place, pause in enumerate(shift.breaks):
            if not minutes(shift.start) <= minutes(pause.at) < minutes(shift.end):
                wrong(
                    ("shifts", index, "breaks", place, "at"),
                    f"the break at {pause.at} lies outside the shift",
                    f"choose a time from {shift.start} to {shift.end}",
                )
    return problems
