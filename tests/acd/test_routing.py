"""Each rule of the choice by itself: strategies, the order of the waiting, holds, reasons."""

from collections import Counter

import pytest

from acd.agent import Agent
from acd.company import Company
from acd.contact import Contact
from acd.requirement import Requirement, skills_of
from acd.routing import Match, Router, obstacle
from acd.rules import AgentProfile, Queue, Strategy
from acd.standing import MOST_SIGNATURES
from acd.strategies import draw, nth
from telephony.events import AgentState, CallStage

NOW = 1_000_000.0


class Floor:
    """A router with agents and contacts that are set by hand."""

    def __init__(
        self,
        agents: dict[str, dict[str, int]],
        strategy: Strategy = Strategy.LONGEST_IDLE,
        weights: dict[str, float] | None = None,
    ) -> None:
        self.company = Company(
            queues={
                name: Queue(id=name, name={"en": name}, skills={}, strategy=strategy)
                for name in ("help", "sales")
            },
            agents={
                name: AgentProfile(
                    id=name, name={"en": name}, skills=skills, weight=(weights or {}).get(name, 1)
                )
                for name, skills in agents.items()
            },
            language_skills={},
        )
        self.router = Router(self.company)
        self.agents = {name: Agent(name) for name in agents}

    def free(self, agent: str, idle: float = 0.0, **known: float) -> Agent:
        """The agent has been ready for ``idle`` seconds."""
        found = self.agents[agent]
        found.state, found.since, found.idle_since = AgentState.READY, NOW, NOW - idle
        for name, value in known.items():
            setattr(found, name, value)
        self.router.touch_agent(found)
        return found

    def wait(
        self,
        contact: str,
        waited: float = 0.0,
        skills: dict[str, int] | None = None,
        **known: object,
    ) -> Contact:
        found = Contact(contact, "ch", stage=CallStage.WAITING, queue="help", queued=NOW - waited)
        found.requirement = Requirement(every=skills_of(skills or {}))
        for name, value in known.items():
            setattr(found, name, value)
        self.router.touch(found)
        return found

    def match(self, now: float = NOW) -> Match:
        match = self.router.next_match(now)
        assert match is not None
        return match

    def pair(self) -> str:
        match = self.match()
        return f"{match.contact} -> {match.agent}"


# --- strategies ----------------------------------------------------------------------------------


def test_longest_idle_and_equals_by_id() -> None:
    floor = Floor({"8001": {}, "8002": {}, "8003": {}})
    floor.free("8003", idle=5)
    floor.free("8002", idle=5)
    floor.free("8001", idle=4)
    floor.wait("c")
    match = floor.match()
    assert [row["agent"] for row in match.reason["considered"]] == ["8002", "8003", "8001"]
    assert match.agent == "8002"
    assert match.reason["rule"] == "longest_idle"


def test_best_skilled_sums_the_levels_that_are_asked_for() -> None:
    skills = {"8001": {"a": 9, "z": 10}, "8002": {"a": 5, "b": 6}, "8003": {"a": 7, "b": 4}}
    floor = Floor(skills, Strategy.BEST_SKILLED)
    for agent, idle in (("8001", 1), ("8002", 3), ("8003", 9)):
        floor.free(agent, idle)
    floor.wait("one", skills={"a": 1})
    assert floor.pair() == "one -> 8001"
    floor = Floor(skills, Strategy.BEST_SKILLED)
    for agent, idle in (("8001", 1), ("8002", 3), ("8003", 9)):
        floor.free(agent, idle)
    floor.wait("two", skills={"a": 1, "b": 1})
    match = floor.match()
    assert [(r["agent"], r["level"]) for r in match.reason["considered"]] == [
        ("8003", 11), ("8002", 11),
    ]  # fmt: skip


def test_least_occupied_measures_busy_against_the_time_at_work() -> None:
    floor = Floor({"8001": {}, "8002": {}}, Strategy.LEAST_OCCUPIED)
    floor.free("8001", idle=9, signed_in=NOW - 1000, busy=400.0, away=0.0)
    floor.free("8002", idle=1, signed_in=NOW - 1000, busy=300.0, away=400.0)
    floor.wait("c")
    match = floor.match()
    assert match.agent == "8001"  # 0.4 against 0.5: a break is not idleness
    assert [row["occupancy"] for row in match.reason["considered"]] == [0.4, 0.5]


def test_fewest_calls_and_round_robin() -> None:
    for strategy, name in ((Strategy.FEWEST_CALLS, "calls"), (Strategy.ROUND_ROBIN, "turn")):
        floor = Floor({"8001": {}, "8002": {}, "8003": {}}, strategy)
        floor.free("8001", idle=9, **{name: 4})
        floor.free("8002", idle=1, **{name: 2})
        floor.free("8003", idle=5, **{name: 2})
        floor.wait("c")
        match = floor.match()
        rows = [(row["agent"], row[name]) for row in match.reason["considered"]]
        assert rows == [("8003", 2), ("8002", 2), ("8001", 4)]


def test_linear_is_the_order_of_the_file() -> None:
    floor = Floor({"8003": {}, "8001": {}, "8002": {}}, Strategy.LINEAR)
    for agent in ("8001", "8002", "8003"):
        floor.free(agent, idle=int(agent))
    floor.wait("c")
    assert [r["agent"] for r in floor.match().reason["considered"]] == ["8003", "8001", "8002"]


def test_random_draws_by_weight_and_always_the_same() -> None:
    weights = {"8001": 1.0, "8002": 3.0, "8003": 0.5}
    counts: Counter[str] = Counter()
    floor = Floor({agent: {} for agent in weights}, Strategy.RANDOM, weights)
    for agent in weights:
        floor.free(agent)
    for number in range(3000):
        contact = floor.wait(f"c{number}")
        counts[floor.match().agent] += 1
        floor.router.drop(contact.id)
    shares = {agent: count / 3000 for agent, count in counts.items()}
    assert shares == pytest.approx({"8001": 1 / 4.5, "8002": 3 / 4.5, "8003": 0.5 / 4.5}, abs=0.03)
    contact = floor.wait("again", offer=3)
    first = floor.match().agent
    floor.router.touch(contact)
    floor.router.drop("again")
    floor.router.next_match(NOW)
    floor.wait("again", offer=3)
    assert floor.match().agent == first
    assert draw("a", 1) != draw("a", 2)


@pytest.mark.parametrize("members", [{0}, {5}, {0, 1, 2}, {3, 64, 65, 700, 9999}])
def test_the_nth_member_of_a_bitset(members: set[int]) -> None:
    bits = sum(1 << member for member in members)
    assert [nth(bits, index) for index in range(len(members))] == sorted(members)


def test_spare_flexible_keeps_whom_others_need() -> None:
    skills = {
        "8001": {"a": 5, "b": 5},
        "8002": {"a": 5, "c": 5},
        "8003": {"b": 5},
        "8004": {"c": 5},
    }
    floor = Floor(skills, Strategy.SPARE_FLEXIBLE)
    floor.free("8001", idle=50)
    floor.free("8002", idle=1)
    floor.free("8003")
    floor.free("8004")
    for number in range(4):  # many talk about b
        floor.wait(f"talk{number}", skills={"b": 1}, stage=CallStage.TALKING)
    floor.wait("c", skills={"a": 1})
    match = floor.match()
    assert match.agent == "8002"
    costs = [row["cost"] for row in match.reason["considered"]]
    assert costs == sorted(costs)


# --- the order of the waiting --------------------------------------------------------------------


def test_a_freed_agent_takes_priority_then_wait_against_target() -> None:
    floor = Floor({"8001": {}})
    floor.wait("slow", 50, threshold=100.0)
    floor.wait("quick", 15, threshold=20.0)
    floor.wait("late", 10, threshold=20.0, priority=5)
    floor.router.next_match(NOW)
    floor.free("8001")
    match = floor.match()
    assert match.contact == "late"
    assert match.reason["order"] == {
        "waiting": 3,
        "next": {"contact": "quick", "queue": "help", "priority": 0, "waited": 15.0},
    }


def test_aging_goes_above_all_priorities_in_the_order_of_the_bound() -> None:
    floor = Floor({"8001": {}})
    floor.wait("vip", 30, priority=100)
    floor.wait("old", 100, aging=90.0)  # over its bound for 10 s
    floor.wait("older", 200, aging=195.0)  # for 5 s
    floor.free("8001")
    match = floor.match()
    assert match.contact == "old"
    assert match.reason["aged"] is True
    assert match.reason["order"]["next"]["contact"] == "older"


def test_several_who_become_free_at_once_take_the_most_urgent_first() -> None:
    floor = Floor({"8001": {"a": 5}, "8002": {"a": 5, "b": 5}})
    floor.wait("b", 5, {"b": 1})
    floor.wait("a", 50, {"a": 1})
    floor.free("8001", idle=1)
    floor.free("8002", idle=2)
    first = floor.match()
    assert (first.contact, first.agent) == ("a", "8002")  # the longest idle, though b needs them


def test_nobody_is_forgotten_when_several_become_free_at_once() -> None:
    floor = Floor({"8001": {"a": 5}, "8002": {"a": 5}, "8003": {"c": 5}})
    floor.wait("x", 90, {"a": 1})
    floor.wait("z", 60, {"c": 1})
    floor.wait("y", 30, {"a": 1})
    assert floor.router.next_match(NOW) is None
    for idle, agent in enumerate(floor.agents):
        floor.free(agent, idle)
    pairs = []
    while match := floor.router.next_match(NOW):
        pairs.append(f"{match.contact} -> {match.agent}")
        floor.router.drop(match.contact)
        floor.agents[match.agent].state = AgentState.OFFERED
        floor.router.touch_agent(floor.agents[match.agent])
    assert pairs == ["x -> 8002", "z -> 8003", "y -> 8001"]


def test_position_counts_the_own_queue_by_urgency() -> None:
    floor = Floor({"8001": {}})
    contacts = [floor.wait(f"c{n}", n, priority=n % 2) for n in range(6)]
    floor.wait("other", 500, queue="sales")
    places = {c.id: floor.router.position(c, NOW) for c in contacts}
    assert places == {"c5": 1, "c3": 2, "c1": 3, "c4": 4, "c2": 5, "c0": 6}
    assert floor.router.waiting_in("help") == 6
    assert floor.router.waiting_in("sales") == 1
    assert floor.router.waiting_in("none") == 0
    floor.router.drop("c3")
    assert floor.router.position(contacts[1], NOW) == 2


# --- who may -------------------------------------------------------------------------------------


def test_a_hold_ends_by_itself_when_its_time_is_over() -> None:
    floor = Floor({"8001": {"a": 5}, "8002": {"a": 5}})
    floor.free("8002")
    held = {"preferred": "8001", "preferred_by": "rule:sticky", "preferred_until": NOW + 10}
    contact = floor.wait("c", skills={"a": 1}, **held)
    assert floor.router.next_match(NOW) is None
    assert obstacle(contact, floor.agents["8002"], floor.company, NOW) == "held"
    assert floor.router.next_match(NOW + 9.9) is None
    assert floor.match(NOW + 10).agent == "8002"


def test_the_preferred_agent_is_first_if_free_even_after_the_hold() -> None:
    floor = Floor({"8001": {"a": 5}, "8002": {"a": 5}})
    floor.free("8002", idle=100)
    floor.free("8001")
    floor.wait("c", skills={"a": 1}, preferred="8001", preferred_by="rule:sticky")
    match = floor.match()
    assert match.agent == "8001"
    assert match.reason["rule"] == "preferred"
    assert match.reason["preferred"] == {"agent": "8001", "by": "rule:sticky", "held": False}
    assert [row["agent"] for row in match.reason["considered"]] == ["8001", "8002"]


def test_a_persons_preference_needs_no_skills_and_a_rules_does() -> None:
    for by, agent in (("supervisor:li", "8001"), ("rule:own", "8002")):
        floor = Floor({"8001": {}, "8002": {"a": 5}})
        floor.free("8001")
        floor.free("8002")
        wish = {"preferred": "8001", "preferred_by": by, "preferred_until": NOW + 60}
        floor.wait("c", skills={"a": 1}, **wish)
        assert floor.match().agent == agent


def test_do_not_route_stands_above_a_persons_wish() -> None:
    floor = Floor({"8001": {"a": 5}, "8002": {"a": 5}})
    floor.free("8001", idle=9)
    floor.free("8002")
    contact = floor.wait("c", preferred="8001", preferred_by="supervisor:li")
    contact.requirement = Requirement(every=(("a", 1),), avoid=("8001",))
    match = floor.match()
    assert match.agent == "8002"
    assert {"agent": "8001", "why": "do_not_route"} in match.reason["not_considered"]
    assert match.reason["avoid"] == ["8001"]


def test_any_and_others_widen() -> None:
    floor = Floor({"8001": {"a": 5}, "8002": {"b": 2}, "8003": {"c": 9}, "8004": {}})
    wanted = Requirement(every=(("a", 9),), any=(("b", 1),), others=((("c", 5),), (("b", 2),)))
    assert floor.router.able(wanted) == ("8002", "8003")
    assert not floor.router.anybody(wanted)
    floor.free("8003")
    assert floor.router.anybody(wanted)
    assert floor.router.anybody(Requirement(every=(("a", 5),)), signed_in=False)
    assert not floor.router.anybody(Requirement(every=(("a", 6),)), signed_in=False)


def test_three_skills_are_found_under_the_two_rarest() -> None:
    agents = {f"80{n:02}": {"a": 5, "b": 5} for n in range(10, 20)}
    floor = Floor({**agents, "8001": {"a": 5, "b": 5, "c": 5, "d": 5}})
    floor.wait("c", skills={"a": 1, "b": 1, "c": 1, "d": 5})
    for agent in agents:
        floor.free(agent)
    assert floor.router.next_match(NOW) is None
    floor.free("8001")
    assert floor.pair() == "c -> 8001"


def test_a_ready_agent_without_a_phone_gets_nobody() -> None:
    floor = Floor({"8001": {}})
    floor.agents["8001"].reachable = False
    agent = floor.free("8001")
    contact = floor.wait("c")
    assert floor.router.next_match(NOW) is None
    assert obstacle(contact, agent, floor.company, NOW) == "no_phone"


# --- the reason in a large company, and bounds ----------------------------------------------------


def test_a_large_company_is_counted_not_named() -> None:
    skills = {f"{n}": ({"a": 5} if n % 2 else {"b": 5}) for n in range(1000, 1200)}
    floor = Floor(skills)
    for agent in list(skills)[:40]:
        floor.free(agent)
    floor.wait("c", skills={"a": 1})
    reason = floor.match().reason
    assert reason["passed_over"] == {"skills": 100, "not_free": 80}
    assert (reason["free"], reason["agents"]) == (20, 200)
    assert len(reason["considered"]) == 5
    assert "not_considered" not in reason


def test_a_line_that_is_kept_follows_who_comes_and_goes() -> None:
    skills = {f"{n}": {"a": 5} for n in range(1000, 1100)}
    floor = Floor(skills)
    for idle, agent in enumerate(skills):
        floor.free(agent, idle)
    expected = sorted(skills, reverse=True)
    for number in range(300):
        contact = floor.wait(f"c{number}", skills={"a": 1})
        match = floor.match()
        assert match.agent == expected[0]
        contact.stage = CallStage.TALKING
        floor.router.touch(contact)
        agent = floor.agents[match.agent]
        agent.state = AgentState.TALKING
        floor.router.touch_agent(agent)
        expected.append(expected.pop(0))
        floor.free(match.agent, idle=-number - 1)  # last in the line again


def test_signatures_that_nobody_needs_are_forgotten() -> None:
    floor = Floor({"8001": {"a": 5}})
    floor.free("8001")
    for number in range(MOST_SIGNATURES + 500):
        contact = floor.wait(f"c{number}")
        contact.requirement = Requirement(every=(("a", 1),), avoid=(f"{number + 10_000}",))
        assert floor.match().agent == "8001"
        floor.router.drop(contact.id)
    assert len(floor.router._standing._signatures) <= MOST_SIGNATURES
