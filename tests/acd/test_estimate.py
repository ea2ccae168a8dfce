"""The estimated wait: right in the middle, alive when nobody answers, and cheap."""

import heapq
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from acd.company import Company
from acd.estimate import estimate
from acd.pace import Lengths, Pace
from acd.rules import AgentProfile, Exit, Limits, Queue, Sticky, WaitLimit
from telephony.events import AgentWish, CallStage, OfferMade, QueueEnd
from tests.acd.playbook import Playbook, company

HANDLING = 180.0  # mean seconds of a talk, exponentially distributed; no wrap-up


def centre(agents: int, *, priorities: dict[str, int] | None = None) -> Company:
    """Queues that all agents serve; one unless more are named."""
    queues = [
        Queue(
            id=name,
            name={"en": name},
            skills={"work": 1},
            priority=priority,
            wrap_up=0,
            aging=86400,
            limits=Limits(wait=WaitLimit(max=86400, exit=Exit(announce="queue_full"))),
        )
        for name, priority in (priorities or {"only": 0}).items()
    ]
    return Company(
        queues={queue.id: queue for queue in queues},
        agents={
            str(8000 + n): AgentProfile(id=str(8000 + n), name={"en": "x"}, skills={"work": 5})
            for n in range(agents)
        },
        language_skills={},
    )


class Centre:
    """A small simulated centre: random calls and talks against the real distribution."""

    def __init__(self, agents: int, seed: int, **options: dict[str, int]) -> None:
        self.random = random.Random(seed)
        self.book = Playbook(centre(agents, **options))
        self.agents = list(self.book.domain.agents)
        self.book.ready(*self.agents)
        self.begin = self.book.at
        self.coming: list[tuple[float, int, str, str]] = []  # at, number, what, contact
        self.number = 0
        self.told: dict[str, tuple[float, float | None]] = {}
        self.waits: dict[str, float] = {}
        self.moving = 0.0  # exponential average of past waits
        self.guessed: dict[str, float] = {}

    def will(self, after: float, what: str, contact: str = "") -> None:
        self.number += 1
        heapq.heappush(self.coming, (self.book.at + after, self.number, what, contact))

    def run(self, seconds: float, gap: float) -> None:
        """Let calls come with this mean gap."""
        end = self.book.at + seconds
        self.will(self.random.expovariate(1 / gap), "call")
        while self.coming and self.coming[0][0] <= end:
            at, _, what, contact = heapq.heappop(self.coming)
            self.book.pass_(at - self.book.at)
            if what == "call":
                self.will(self.random.expovariate(1 / gap), "call")
                self.call(f"c{self.number}")
            else:
                self.book.agent_hangs_up(contact)
            self.answer()
        self.coming = [entry for entry in self.coming if entry[2] != "call"]
        heapq.heapify(self.coming)
        self.book.pass_(end - self.book.at)

    def call(self, contact: str, queue: str = "only") -> None:
        self.book.call(contact, queue)
        known = self.book.domain.contacts[contact]
        if known.stage is CallStage.WAITING:
            self.told[contact] = (self.book.at, estimate(self.book.domain, known, self.book.at))
            self.guessed[contact] = self.moving

    def answer(self) -> None:
        """Every phone that rings is answered at once."""
        for event in [e for e in self.book.events if isinstance(e, OfferMade)]:
            contact = event.contact
            if self.book.domain.contacts[contact].stage is CallStage.OFFERED:
                self.book.answer(contact)
                wait = self.book.at - self.book.domain.contacts[contact].entered
                self.waits[contact] = wait
                self.moving += 0.1 * (wait - self.moving)
                self.will(self.random.expovariate(1 / HANDLING), "end", contact)
        self.book.events.clear()

    def errors(self, since: float, guess: bool = False) -> list[float]:
        """Told minus actual wait of the callers who came from ``since`` on and were answered."""
        return [
            (self.guessed[contact] if guess else told) - self.waits[contact]
            for contact, (at, told) in self.told.items()
            if at >= since and contact in self.waits and told is not None
        ]


@pytest.mark.simulated
def test_in_a_steady_queue_half_are_answered_sooner() -> None:
    errors: list[float] = []
    for seed in (1, 2):
        centre = Centre(10, seed)
        centre.run(3600, HANDLING / 10)  # fill up
        centre.run(4 * 3600, HANDLING / 10)
        errors += centre.errors(centre.begin + 3600)
    assert len(errors) > 1000
    assert abs(statistics.median(errors)) < 0.1 * HANDLING


@pytest.mark.simulated
def test_after_a_sudden_stop_it_is_better_than_the_average_of_past_waits() -> None:
    ours: list[float] = []
    moving: list[float] = []
    for seed in range(4, 10):
        centre = Centre(10, seed)
        centre.run(2 * 3600, HANDLING / 9)
        stopped = centre.book.at
        for agent in centre.agents[:6]:  # after the talk at hand
            centre.book.wish(agent, AgentWish.NOT_READY, "meeting")
        centre.run(1800, HANDLING / 6)
        centre.run(4 * 3600, 100 * HANDLING)  # everybody is answered in the end
        ours += centre.errors(stopped)
        moving += centre.errors(stopped, guess=True)
    assert abs(statistics.median(ours)) < abs(statistics.median(moving)) / 3
    off = [statistics.median(abs(e) for e in errors) for errors in (ours, moving)]
    assert off[0] < 0.7 * off[1]


def test_it_grows_when_nobody_answers_any_more() -> None:
    centre = Centre(4, 7)
    centre.run(3600, HANDLING / 8)
    centre.call("waits")
    contact = centre.book.domain.contacts["waits"]
    assert contact.stage is CallStage.WAITING
    told = []
    for _ in range(6):  # no talk ends
        told.append(estimate(centre.book.domain, contact, centre.book.at))
        centre.book.at += 600
    assert all(b > a * 1.05 for a, b in pairwise(told[1:])), told


def test_nobody_there_is_no_estimate_and_an_offer_no_wait() -> None:
    book = Playbook(centre(2))
    book.call("c1", "only")
    contact = book.domain.contacts["c1"]
    assert estimate(book.domain, contact, book.at) is None
    book.wish("8000", AgentWish.SIGN_IN)  # not ready
    assert estimate(book.domain, contact, book.at) is None
    book.ready("8001")
    assert contact.stage is CallStage.OFFERED
    assert estimate(book.domain, contact, book.at) == 0.0


def test_others_take_their_share() -> None:
    def told(queue: str, *, vip_calls: int) -> float:
        book = Playbook(centre(3, priorities={"vip": 5, "only": 0}))
        book.ready("8000", "8001", "8002")
        for n in range(3):
            book.call(f"talk{n}", "only")
            book.answer(f"talk{n}")
        for n in range(vip_calls):
            book.call(f"vip{n}", "vip")
            book.pass_(1)
            book.caller_hangs_up(f"vip{n}")  # only the rate of arrivals is left of them
        book.call("first", "only")
        book.call("mine", queue)
        answer = estimate(book.domain, book.domain.contacts["mine"], book.at)
        assert answer is not None
        return answer

    quiet, busy = told("only", vip_calls=0), told("only", vip_calls=10)
    assert busy > quiet * 1.5
    assert told("vip", vip_calls=0) < quiet / 2  # goes before the first one


def test_callers_of_whom_agents_serve_more_than_these_count_in_part() -> None:
    book = Playbook(company())
    book.ready("8001", "8002")
    for contact in ("a", "b"):
        book.call(contact, "presale")
        book.answer(contact)
    book.call("shared", "logistics")  # 8002 could, or 8003, who is not there
    book.pass_(1)
    book.call("mine", "presale")
    contact = book.domain.contacts["mine"]
    with_other = estimate(book.domain, contact, book.at)
    book.caller_hangs_up("shared")
    alone = estimate(book.domain, contact, book.at)
    assert alone is not None
    assert with_other is not None
    assert alone < with_other < 2 * alone


def test_who_is_kept_for_an_agent_waits_no_longer_than_that() -> None:
    of = centre(2)
    sticky = of.queues["only"].model_copy(update={"sticky": Sticky(wait=9)})
    book = Playbook(replace(of, queues={"only": sticky}))
    book.ready("8000", "8001")
    book.call("talk", "only")
    book.answer("talk")
    book.domain.served.note("1", "8000", book.at)
    book.call("mine", "only")
    book.pass_(2)
    assert estimate(book.domain, book.domain.contacts["mine"], book.at) == 7


def test_an_agent_who_will_go_away_after_the_call_is_not_counted_on() -> None:
    book = Playbook(centre(2))
    book.ready("8000", "8001")
    for contact in ("a", "b", "mine"):
        book.call(contact, "only")
        if contact != "mine":
            book.answer(contact)
    contact = book.domain.contacts["mine"]
    two = estimate(book.domain, contact, book.at)
    book.wish("8000", AgentWish.NOT_READY, "lunch")
    one = estimate(book.domain, contact, book.at)
    book.wish("8001", AgentWish.SIGN_OUT)
    assert one == pytest.approx(2 * (two or 0), rel=0.05)
    assert estimate(book.domain, contact, book.at) is None


def test_lengths_know_what_is_left() -> None:
    lengths = Lengths(180.0)
    assert (lengths.mean, lengths.left(0)) == (180.0, 180.0)
    for _ in range(50):
        lengths.note(100.0)
    assert lengths.mean == pytest.approx(103, abs=0.1)
    assert lengths.left(0) == pytest.approx(100, abs=0.5)
    assert lengths.left(90) == pytest.approx((50 * 10 + 2 * lengths.mean) / 52)
    assert lengths.left(1000) == 500  # longer than all: grows with the age
    assert lengths.left(2000) == 1000


def test_pace_counts_arrivals_and_patience_and_forgets() -> None:
    pace = Pace()
    for n in range(90):
        pace.came("q", 10.0 * n)
    assert pace.arrivals("q", 890) == pytest.approx(0.1 * 0.63, rel=0.1)
    assert pace.arrivals("q", 890 + 3600) < 0.002
    for _ in range(200):
        pace.ended("q", QueueEnd.ABANDONED, 100.0)
    assert pace.giving_up("q") == pytest.approx(0.005, rel=0.1)
    assert pace.giving_up("other") == 0.0


def test_fifty_agents_cost_less_than_200_microseconds() -> None:
    centre = Centre(50, 8)
    centre.run(900, HANDLING / 60)
    contacts = [c for c in centre.book.domain.contacts.values() if c.stage is CallStage.WAITING]
    assert len(contacts) >= 5

    def cost(work: Callable[[], object]) -> float:
        """Seconds of this process."""
        begin = time.process_time()
        work()
        return time.process_time() - begin

    def count() -> None:
        total = 0
        for number in range(40_000):
            total += number

    def tell() -> None:
        for contact in contacts:
            estimate(centre.book.domain, contact, centre.book.at)

    # 4,000 rounds of that loop take about 200 microseconds on a machine that does nothing else.
    shares = [cost(tell) / len(contacts) / (cost(count) / 10) for _ in range(9)]
    assert min(shares) < 1, shares
