"""The index decides what the plain reference decides, one decision after the other."""

from hypothesis import given, settings
from hypothesis import strategies as st

from acd.agent import Agent
from acd.company import Company
from acd.contact import Contact
from acd.requirement import Requirement, skills_of
from acd.routing import Match, Router, obstacle
from acd.rules import AgentProfile, Queue, Strategy
from telephony.events import AgentState, CallStage
from tests.acd import naive_routing

SKILLS = ["ask", "buy", "fix", "pay", "talk"]
AGENTS = [f"80{number:02}" for number in range(1, 13)]
IDLE = AgentState.NOT_READY

levels = st.integers(1, 4)
some_skills = st.dictionaries(st.sampled_from(SKILLS), levels, max_size=4)
skills = some_skills.map(skills_of)
requirements = st.builds(
    Requirement,
    every=st.dictionaries(st.sampled_from(SKILLS), levels, max_size=2).map(skills_of),
    any=st.one_of(st.just(()), skills),
    others=st.one_of(st.just(()), st.lists(skills, max_size=2).map(tuple)),
    avoid=st.one_of(st.just(()), st.lists(st.sampled_from(AGENTS), max_size=2).map(tuple)),
)


@st.composite
def companies(draw: st.DrawFn) -> Company:
    queues = [
        Queue(id=f"q{number}", name={"en": "q"}, skills={"ask": 1}, strategy=strategy)
        for number, strategy in enumerate(draw(st.permutations(list(Strategy)))[:4])
    ]
    ids = draw(st.permutations(AGENTS))[: draw(st.integers(1, len(AGENTS)))]
    agents = [
        AgentProfile(
            id=name,
            name={"en": name},
            skills={"ask": draw(levels), **draw(some_skills)},
            weight=draw(st.sampled_from([0.5, 1, 3])),
        )
        for name in ids
    ]
    return Company(
        queues={queue.id: queue for queue in queues},
        agents={agent.id: agent for agent in agents},
        language_skills={},
    )


class Both:
    """One state, looked at by the index and by the reference."""

    def __init__(self, company: Company, draw: st.DrawFn) -> None:
        self.company, self.draw = company, draw
        self.router = Router(company)
        self.contacts: dict[str, Contact] = {}
        self.agents = {name: Agent(name, state=IDLE) for name in company.agents}
        for agent in self.agents.values():
            self.router.touch_agent(agent)
        self.now = 1_000_000.0
        self.offers = 0
        few = st.lists(requirements, min_size=1, max_size=3)
        self.pool = [Requirement(every=(("ask", 1),)), Requirement(), *draw(few)]

    # -- what can happen ------------------------------------------------------------------

    def come(self) -> None:
        contact = Contact(f"c{len(self.contacts):03}", "ch", stage=CallStage.WAITING)
        contact.queued = self.now - self.draw(st.sampled_from([0, 0, 5, 100]))
        self.contacts[contact.id] = contact
        self.alter(contact)

    def alter(self, contact: Contact) -> None:
        draw = self.draw
        contact.queue = draw(st.sampled_from(list(self.company.queues)))
        contact.requirement = draw(st.sampled_from(self.pool))
        contact.priority = draw(st.sampled_from([0, 0, 3]))
        contact.threshold = draw(st.sampled_from([10.0, 20.0, 60.0]))
        contact.aging = draw(st.sampled_from([30.0, 600.0]))
        contact.doubtful = draw(st.sampled_from([False, False, False, True]))
        contact.preferred = draw(st.sampled_from(["", "", *AGENTS]))
        contact.preferred_by = draw(st.sampled_from(["rule:sticky", "supervisor:li"]))
        contact.preferred_until = self.now + draw(st.sampled_from([0, 0, 4, 20]))
        self.router.touch(contact)

    def one(self) -> Contact:
        return self.contacts[self.draw(st.sampled_from(sorted(self.contacts)))]

    def go(self) -> None:
        contact = self.one()
        contact.stage = self.draw(st.sampled_from([CallStage.TALKING, CallStage.AFTER]))
        self.router.touch(contact)

    def vanish(self) -> None:
        contact = self.one()
        del self.contacts[contact.id]
        self.router.drop(contact.id)

    def come_back(self) -> None:
        contact = self.one()
        contact.stage = CallStage.WAITING
        self.router.touch(contact)

    def change(self) -> None:
        self.alter(self.one())

    def turn_agents(self) -> None:
        for _ in range(self.draw(st.integers(2, 4))):
            self.turn_agent()

    def turn_agent(self) -> None:
        draw = self.draw
        agent = self.agents[draw(st.sampled_from(sorted(self.agents)))]
        agent.state = draw(st.sampled_from([AgentState.READY, AgentState.READY, IDLE]))
        agent.reachable = draw(st.sampled_from([True, True, True, False]))
        agent.since = self.now
        agent.idle_since = self.now - draw(st.sampled_from([0, 0, 7]))
        agent.signed_in = self.now - 1000
        agent.busy = float(draw(st.integers(0, 3)))
        agent.calls = draw(st.integers(0, 3))
        agent.turn = draw(st.integers(0, 3))
        self.router.touch_agent(agent)

    def wait(self) -> None:
        self.now += self.draw(st.sampled_from([0.5, 3, 15, 40]))

    # -- the comparison -------------------------------------------------------------------

    def match_all(self) -> None:
        while True:
            pair = naive_routing.next_pair(self.contacts, self.agents, self.company, self.now)
            match = self.router.next_match(self.now)
            assert (match and (match.contact, match.agent)) == pair
            if match is None:
                return
            self.check_reason(match)
            self.offer(*match_ids(match))

    def offer(self, contact_id: str, agent_id: str) -> None:
        contact, agent = self.contacts[contact_id], self.agents[agent_id]
        contact.stage, agent.state = CallStage.OFFERED, AgentState.OFFERED
        contact.offer += 1
        self.offers += 1
        agent.since, agent.turn = self.now, self.offers
        self.router.touch(contact)
        self.router.touch_agent(agent)

    def check_reason(self, match: Match) -> None:
        contact = self.contacts[match.contact]
        considered = [row["agent"] for row in match.reason["considered"]]
        assert considered[0] == match.agent
        free = {
            agent.id
            for agent in self.agents.values()
            if not obstacle(contact, agent, self.company, self.now)
        }
        assert set(considered) == free
        assert match.reason["free"] == len(free)
        others = {row["agent"] for row in match.reason["not_considered"]}
        assert others == set(self.agents) - free
        if order := match.reason.get("order"):
            waiting = [c for c in self.contacts.values() if c.waits]
            assert 1 <= order["waiting"] <= len(waiting)

    def check_places(self) -> None:
        for contact in self.contacts.values():
            if contact.stage in naive_routing.QUEUED:
                place = naive_routing.position(contact, self.contacts, self.now)
                assert self.router.position(contact, self.now) == place
        for agent in self.agents:
            wanted = naive_routing.could_serve(agent, self.contacts, self.company, self.now)
            assert [c.id for c in self.router.could_serve(agent)] == wanted


def match_ids(match: Match) -> tuple[str, str]:
    return match.contact, match.agent


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_the_index_decides_as_the_reference(data: st.DataObject) -> None:
    both = Both(data.draw(companies()), data.draw)
    steps = ["come", "come", "turn_agent", "turn_agents", "go", "come_back", "change", "vanish"]
    for _ in range(data.draw(st.integers(1, 14))):
        for step in data.draw(st.lists(st.sampled_from(steps), min_size=1, max_size=4)):
            if both.contacts or step in ("come", "turn_agent", "turn_agents"):
                getattr(both, step)()
        both.wait()
        both.match_all()
        both.check_places()
