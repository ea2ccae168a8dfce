"""How fast does the router decide? The index beside a straightforward scan, in one run.

    ./huawu bench routing [--seconds 1.0] [--agents 100 1000 10000] [--backlog 100 1000 10000]

Fifty skills, each agent has five of them at levels 1-10, fifty queues with their own priority,
target and aging; every queue asks for one skill (or two) at a level of 1-5. Two modes:

``backlog``  1,000 contacts wait and nobody is free; an agent frees up and gets one of them, and
             another contact comes, so that the backlog stays. One decision: agent -> contact.
``idle``     half of the agents are free and nobody waits; a contact comes and gets an agent, and
             an agent who got one a while ago frees up. One decision: contact -> agent.

"own pairs" is the variant in which each contact asks for a pair of skills of its own, at levels of
its own, so that hardly two contacts ask for the same.

A decision is everything that the router does for one match: taking in that the agent became free
or the contact came, the choice with its stored reason, and taking in that both are gone. What keeps
the state as it was (the next contact of the backlog, the agent who frees up meanwhile) is router
work as well and is told apart, as "around". Two straightforward ways stand beside
it, which decide the same and store no reason. "pairs" looks at every contact with every agent. The
"scan", `tests/acd/naive_routing.py`, notes first who is free, puts the contacts in order, and stops
at the first who can be served: in backlog mode that is one look at everybody, whatever the number
of pairs.

Garbage is collected between the rounds only. A decision's time is the median: other programs on the
same processor interrupt some. "cpu" is the processor time of a whole cycle (a decision, what is
around it, and the benchmark itself) on average, so that nothing rare is hidden. A processor that
is shared is slower for everything: "slow" is by how much a yardstick, measured in between, was
slower than on the developers' machine with little else to do, and "alone" the decision's time
divided by it; ratio and growth compare these.
"""

import argparse
import gc
import itertools
import math
import random
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from acd.agent import Agent
from acd.company import Company
from acd.contact import Contact
from acd.distribution import Distribution
from acd.requirement import Requirement, skills_of
from acd.routing import Match, Router
from acd.rules import AgentProfile, Queue, Strategy
from telephony.events import (
    AgentState,
    AgentWish,
    AgentWished,
    CallerArrived,
    CallStage,
    LegHungUp,
    MenuFinished,
)
from tests.acd import naive_routing

#: Seconds that the yardstick takes on the developers' machine when it has little else to do.
IDLE_YARDSTICK = 0.0000095
_NUMBERS = tuple(range(2000))
#: In idle mode an agent frees up after so many further contacts.
TALKS = 30
SKILLS = [f"s{number:02}" for number in range(50)]


def company_of(agents: int, strategy: Strategy, skills: int) -> Company:
    """Fifty queues that ask for one skill or two, and agents with five of fifty skills."""
    chance = random.Random(7)
    profiles = [
        AgentProfile.model_construct(
            id=f"{10_000_000 + number}",
            name={"en": "a"},
            skills={skill: chance.randint(1, 10) for skill in chance.sample(SKILLS, 5)},
        )
        for number in range(agents)
    ]
    queues = [
        Queue.model_construct(
            id=f"q{number:02}",
            name={"en": "q"},
            skills=asked_of(chance, profiles, skills),
            strategy=strategy,
            priority=chance.choice([0, 0, 0, 5, 10]),
            threshold=float(chance.choice([10, 20, 40, 60])),
            aging=float(chance.choice([300, 600])),
        )
        for number in range(50)
    ]
    return Company(
        queues={queue.id: queue for queue in queues},
        agents={profile.id: profile for profile in profiles},
        language_skills={},
    )


def asked_of(
    chance: random.Random, profiles: Sequence[AgentProfile], skills: int
) -> dict[str, int]:
    """So many skills at levels of 1-5, which some agent has at some level."""
    having = list(chance.choice(profiles).skills)
    return {skill: chance.randint(1, 5) for skill in chance.sample(having, skills)}


def usual(seconds: list[float]) -> float:
    """The median in microseconds."""
    return statistics.median(seconds) * 1e6 if seconds else math.nan


@dataclass(slots=True)
class Times:
    """Seconds per decision, and of the work around it."""

    decisions: list[float] = field(default_factory=list)
    around: list[float] = field(default_factory=list)

    yardsticks: list[float] = field(default_factory=list)
    cycle: float = 0.0  # processor microseconds of a decision and all around it, on average

    @property
    def usual(self) -> float:
        """Microseconds per decision: the median."""
        return usual(self.decisions)

    @property
    def slow(self) -> float:
        """How many times slower the processor was than the developers' idle one."""
        return statistics.median(self.yardsticks or [math.nan]) / IDLE_YARDSTICK

    @property
    def alone(self) -> float:
        """Microseconds per decision on a processor that has little else to do, about."""
        return self.usual / self.slow

    @property
    def p99(self) -> float:
        """Microseconds that 99 of 100 decisions stay below."""
        taken = sorted(self.decisions)
        return taken[int(len(taken) * 0.99)] * 1e6 if taken else math.nan


NextPair = Callable[
    [Mapping[str, Contact], Mapping[str, Agent], Company, float], tuple[str, str] | None
]


def best_of_all_pairs(
    contacts: Mapping[str, Contact], agents: Mapping[str, Agent], company: Company, now: float
) -> tuple[str, str] | None:
    """The most urgent contact with the longest idle of its agents: every pair is looked at."""
    pairs = (
        (naive_routing.urgency(contact, now), agent.idle_since, agent.id, contact.id)
        for contact in contacts.values()
        for agent in agents.values()
        if agent.state is AgentState.READY
        and naive_routing.may_serve(contact, agent.id, company, now)
    )
    best = min(pairs, default=None)
    return (best[3], best[2]) if best else None


class Floor:
    """Agents and contacts of a company, with the index (``by`` is None) or a scan deciding."""

    def __init__(self, company: Company, *, own_pairs: bool, by: NextPair | None = None) -> None:
        self.company, self.own_pairs, self.by = company, own_pairs, by
        self.chance = random.Random(11)
        self.now = 1_000_000.0
        self.numbers = itertools.count()
        self.contacts: dict[str, Contact] = {}
        self.agents = {name: Agent(name, signed_in=1.0) for name in company.agents}
        self.busy: deque[str] = deque()
        self.spent = 0.0  # seconds that the last decision took
        self.router = Router(company)
        for agent in self.agents.values():
            self.router.touch_agent(agent)
        self.queues = list(company.queues.values())
        self.profiles = list(company.agents.values())
        self.requirements = {q.id: Requirement(every=skills_of(q.skills)) for q in self.queues}

    # -- what happens ---------------------------------------------------------------------------

    def new_contact(self, back: float = 0.0) -> Contact:
        """Somebody who has just called (or ``back`` seconds ago)."""
        queue = self.chance.choice(self.queues)
        contact = Contact(f"c{next(self.numbers):07}", "ch", stage=CallStage.WAITING)
        contact.queue, contact.queued = queue.id, self.now - back
        contact.priority = int(queue.priority)
        contact.threshold, contact.aging = queue.threshold, queue.aging
        contact.requirement = self.requirements[queue.id]
        if self.own_pairs:
            pair = asked_of(self.chance, self.profiles, 2)
            contact.requirement = Requirement(every=skills_of(pair))
        return contact

    def come(self, contact: Contact) -> None:
        """The contact waits."""
        self.contacts[contact.id] = contact
        self.router.touch(contact)

    def free(self, agent: Agent) -> None:
        """The agent is ready."""
        agent.state = AgentState.READY
        agent.since = agent.idle_since = self.now
        self.router.touch_agent(agent)

    def occupy(self, agent: Agent) -> None:
        """The agent talks with somebody who is none of ours."""
        agent.state = AgentState.TALKING
        self.router.touch_agent(agent)

    def decide(self) -> tuple[str, str] | None:
        """The next pair, made true and taken in; ``spent`` is what the router took for it."""
        clock = time.perf_counter
        begin = clock()
        if self.by:
            pair = self.by(self.contacts, self.agents, self.company, self.now)
        else:
            match: Match | None = self.router.next_match(self.now)
            pair = (match.contact, match.agent) if match else None
        self.spent = clock() - begin
        if pair is None:
            return None
        contact, agent = self.contacts.pop(pair[0]), self.agents[pair[1]]
        contact.stage = CallStage.TALKING
        agent.state = AgentState.TALKING
        agent.calls += 1
        if not self.by:
            begin = clock()
            self.router.drop(contact.id)
            self.router.touch_agent(agent)
            self.router.next_match(self.now)
            self.spent += clock() - begin
        return pair


def backlog(floor: Floor, contacts: int) -> Iterator[Callable[[], bool]]:
    """Agents free up one after the other beside ``contacts`` who wait: the steps to be timed."""
    for agent in floor.agents.values():
        floor.occupy(agent)
    while len(floor.contacts) < contacts:
        floor.come(floor.new_contact(back=floor.chance.uniform(0, 250)))
    if not floor.by:
        floor.router.next_match(floor.now)
    everybody = list(floor.agents.values())
    while True:
        agent = floor.chance.choice(everybody)
        floor.now += 0.05

        def decision(agent: Agent = agent) -> bool:
            floor.free(agent)
            return floor.decide() is not None

        yield decision

        def around(agent: Agent = agent) -> bool:
            if agent.state is AgentState.READY:  # nobody waits whom this agent may serve
                floor.occupy(agent)
            while len(floor.contacts) < contacts:
                floor.come(floor.new_contact(back=floor.chance.uniform(0, 100)))
            if not floor.by:
                floor.router.next_match(floor.now)
            return False

        yield around


def idle(floor: Floor) -> Iterator[Callable[[], bool]]:
    """Contacts come one after the other while half of the agents are free."""
    everybody = list(floor.agents.values())
    for agent in everybody:
        floor.now += 0.01
        if floor.chance.random() < 0.5:
            floor.free(agent)
        else:
            floor.occupy(agent)
    if not floor.by:
        floor.router.next_match(floor.now)
    while True:
        contact = floor.new_contact()
        floor.now += 0.05
        chosen: list[str] = []

        def decision(contact: Contact = contact, chosen: list[str] = chosen) -> bool:
            floor.come(contact)
            if pair := floor.decide():
                chosen.append(pair[1])
            return bool(pair)

        yield decision

        def around(contact: Contact = contact, chosen: list[str] = chosen) -> bool:
            if not chosen:  # no free agent has the skills
                floor.contacts.pop(contact.id)
                floor.router.drop(contact.id)
            else:
                floor.busy.append(chosen[0])
            if floor.busy and (not chosen or len(floor.busy) > TALKS):
                floor.free(floor.agents[floor.busy.popleft()])
            if not floor.by:
                floor.router.next_match(floor.now)
            return False

        yield around


def yardstick() -> float:
    """Seconds for adding up two thousand numbers."""
    begin = time.perf_counter()
    sum(_NUMBERS)
    return time.perf_counter() - begin


def measure(floor: Floor, steps: Iterator[Callable[[], bool]], seconds: float, warm: int) -> Times:
    """Time decisions for so long, after some that do not count."""
    times = Times()
    clock = time.perf_counter
    for _ in range(warm * 2):
        next(steps)()
    gc.collect()
    gc.disable()
    worked, end = time.thread_time(), clock() + seconds
    while clock() < end or (len(times.decisions) < 20 and clock() < end + 5):
        if next(steps)():
            times.decisions.append(floor.spent)
        around, begin = next(steps), clock()
        around()
        times.around.append(clock() - begin)
        if floor.by or len(times.around) % 20 == 0:
            times.yardsticks.append(yardstick())
    times.cycle = (time.thread_time() - worked) / max(1, len(times.decisions)) * 1e6
    gc.enable()
    return times


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured."""

    name: str
    skills: int
    own_pairs: bool = False
    strategy: Strategy = Strategy.LONGEST_IDLE


CASES = (
    Case("one skill", 1),
    Case("two skills", 2),
    Case("two skills, own pairs", 2, own_pairs=True),
)


WAYS: tuple[NextPair | None, ...] = (None, naive_routing.next_pair, best_of_all_pairs)


def run(
    case: Case,
    mode: str,
    agents: int,
    contacts: int,
    seconds: float,
    ways: Sequence[NextPair | None] = WAYS,
) -> list[Times]:
    """Index, scan and pairs of one case in one mode."""
    company = company_of(agents, case.strategy, case.skills)
    found = []
    for way in ways:
        floor = Floor(company, own_pairs=case.own_pairs, by=way)
        steps = backlog(floor, contacts) if mode == "backlog" else idle(floor)
        found.append(measure(floor, steps, seconds, 1 if way else 2000))
    return found


def table(cases: tuple[Case, ...], agents: list[int], contacts: int, seconds: float) -> None:
    """Print index, scan and ratio by number of agents."""
    print(f"\n{'':30} {'agents':>7} {'us/decision':>11} {'p99':>7} {'around':>7} "
          f"{'cpu':>7} {'slow':>5} {'alone':>7} {'per s':>8} {'scan':>9} {'ratio':>7} "
          f"{'pairs':>11} {'ratio':>8} {'growth':>7}")  # fmt: skip
    for case, mode in itertools.product(cases, ("backlog", "idle")):
        before: float | None = None
        for number in agents:
            index, scan, pairs = run(case, mode, number, contacts, seconds)
            growth = f"{index.alone / before:6.2f}x" if before else ""
            around = usual(index.around)
            print(
                f"{case.name + ', ' + mode:30} {number:>7,} {index.usual:>11.1f} {index.p99:>7.1f} "
                f"{around:>7.1f} {index.cycle:>7.1f} {index.slow:>5.1f} {index.alone:>7.1f} "
                f"{1e6 / index.alone:>8,.0f} {scan.alone:>9,.0f} "
                f"{scan.alone / index.alone:>6,.0f}x {pairs.alone:>11,.0f} "
                f"{pairs.alone / index.alone:>7,.0f}x {growth:>7}",
                flush=True,
            )
            before = index.alone


def backlog_table(cases: tuple[Case, ...], agents: int, sizes: list[int], seconds: float) -> None:
    """Print how the cost of a freed agent grows with who waits."""
    print(f"\n{agents:,} agents, by backlog")
    for case in cases:
        company = company_of(agents, case.strategy, case.skills)
        before: float | None = None
        for size in sizes:
            floor = Floor(company, own_pairs=case.own_pairs)
            times = measure(floor, backlog(floor, size), seconds, 2000)
            growth = f"{times.alone / before:6.2f}x" if before else ""
            print(f"{case.name:30} {size:>7,} {times.usual:>11.1f} {times.p99:>7.1f} "
                  f"{times.slow:>5.1f} {times.alone:>7.1f} {growth:>8}", flush=True)  # fmt: skip
            before = times.alone


def whole_step(agents: int, seconds: float) -> None:
    """Print what ``Distribution.handle`` costs, per event, with all that is recorded."""
    company = company_of(agents, Strategy.LONGEST_IDLE, 1)
    house = Distribution(company)
    warm = 300  # calls that do not count: every queue has been asked for
    chance = random.Random(3)
    names = list(company.agents)
    now = 1_000_000.0
    for name in names:
        for wish in (AgentWish.SIGN_IN, AgentWish.READY):
            now += 0.001
            house.handle(AgentWished(agent=name, wish=wish, reason="", author="bench"), now)
    queues = list(company.queues)
    costs: dict[str, list[float]] = {}
    gc.collect()
    gc.disable()
    end = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < end or number < 2 * warm:
        number += 1
        now += 0.01
        contact = f"c{number:07}"
        queue = chance.choice(queues)
        for event in (
            CallerArrived(contact=contact, channel="ch", caller="1390000000", dialled="8000"),
            MenuFinished(contact=contact, queue=queue, language="en"),
            LegHungUp(at=now, contact=contact, channel="ch", agent="", cause=16),
        ):
            begin = time.perf_counter()
            house.handle(event, now)
            if number > warm:
                costs.setdefault(type(event).__name__, []).append(time.perf_counter() - begin)
    gc.enable()
    print(f"\nDistribution.handle, {agents:,} agents, all free (us per event, p99)")
    for name, taken in costs.items():
        taken.sort()
        print(f"{name:30} {usual(taken):>9.1f} "
              f"{taken[int(len(taken) * 0.99)] * 1e6:>7.1f}")  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="per measurement")
    parser.add_argument("--agents", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--backlog", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--strategies", action="store_true", help="each strategy, idle mode")
    options = parser.parse_args()
    table(CASES, options.agents, 1000, options.seconds)
    backlog_table(CASES, options.agents[-1], options.backlog, options.seconds)
    if options.strategies:
        for strategy in Strategy:
            case = Case(strategy.value, 1, strategy=strategy)
            [index] = run(case, "idle", options.agents[-1], 0, options.seconds, [None])
            print(f"{strategy.value:30} {index.usual:>9.1f} {index.p99:>7.1f}", flush=True)
    whole_step(options.agents[-1], options.seconds)


if __name__ == "__main__":
    main()
