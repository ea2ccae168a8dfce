"""Routing scenarios as files: a company, what happens in order, and what must come of it.

A scenario is one YAML file in ``tests/acd/scenarios``::

    title: The caller who waited longest is served first
    complaint: what users of other systems complain about (optional)
    queues: {order: {skills: {order: 1}, wrap_up: 0}}       # the rest has its defaults
    agents: {"8001": {order: 5}}                            # extension: skills, or a profile
    routing: {}                                             # as in routing.yaml (optional)
    languages: {en: english}                                # language_skills (optional)
    closed: [night]                                         # hours that are closed (optional)
    day:
      - a calls order
      - b calls order in en from 13900000001 with tier=vip
      - 8001 is ready                    # signs in first if need be; also: 8001, 8002 are ready
      - 5 s pass                         # timers fire
      - expect: [a -> 8001]              # the offers since the last look, in order
      - a is answered                    # by the agent whose phone rings
      - waiting: [b]                     # in the order in which one agent for all would serve them
      - states: {"8001": talking}
      - reason: {a: {rule: longest_idle}}   # parts of the newest offer's stored reason
      - ends: {order: {abandoned: 1}}       # queue entries so far

Sentences are the words of ``SENTENCES``; everything else in ``day`` is a look at the state.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from acd.company import Company
from acd.order import in_order
from acd.rules import AgentProfile, Queue, Routing
from acd.wishes import ActionRefused
from telephony.events import (
    AgentWish,
    CallerArrived,
    CallStage,
    CustomerReached,
    KeyPressed,
    LegHungUp,
    MenuFinished,
    OfferEnd,
    OfferMade,
    PhoneChanged,
    PlaceWished,
    QueueEntryEnded,
)
from tests.acd.playbook import Playbook

FOLDER = Path(__file__).parent / "scenarios"


class Wrong(AssertionError):
    """Something else came of it than the scenario says; the message names file and step."""


class Scenario:
    """One file, run step by step."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.data: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        unknown = set(self.data) - {
            "title", "complaint", "queues", "agents", "routing", "languages", "closed", "day",
        }  # fmt: skip
        if unknown or not self.data.get("title") or not self.data.get("day"):
            raise Wrong(f"{file.name}: unknown {unknown or ''} or no title or no day")
        closed = set(self.data.get("closed", ()))
        self.book = Playbook(_company(self.data), is_open=lambda hours, _at: hours not in closed)
        self.closed = closed
        self._seen = 0
        self._looks = 0
        self._refused = ""

    def run(self) -> None:
        """Every step; raises Wrong at the first that does not come out as written."""
        for number, step in enumerate(self.data["day"], 1):
            try:
                self._take(step)
            except AssertionError as error:
                raise Wrong(f"{self.file.name}, step {number}, {step!r}: {error}") from error
        if not self._looks:
            raise Wrong(f"{self.file.name} never looks at anything")
        if self._refused:
            raise Wrong(f"{self.file.name}: refused and not expected: {self._refused}")
        assert self.book.figures.imbalance == 0, f"{self.file.name}: offered is not ends + waiting"

    def _take(self, step: str | Mapping[str, Any]) -> None:
        if isinstance(step, str):
            for pattern, act in SENTENCES:
                if found := re.fullmatch(pattern, step):
                    assert not self._refused, f"refused before: {self._refused}"
                    try:
                        act(self, **found.groupdict())
                    except ActionRefused as refused:
                        self._refused = refused.code
                    return
            raise AssertionError("no sentence of this language")
        self._looks += 1
        for word, wanted in step.items():
            getattr(self, f"look_{word}")(wanted)

    # -- looks --------------------------------------------------------------------------------

    def look_expect(self, wanted: list[str]) -> None:
        made = [e for e in self.book.events if isinstance(e, OfferMade)]
        news = [f"{e.contact} -> {e.agent}" for e in made[self._seen :]]
        self._seen = len(made)
        assert news == wanted, f"offers were {news}"

    def look_waiting(self, wanted: list[str]) -> None:
        waiting = [c for c in self.book.domain.contacts.values() if c.stage is CallStage.WAITING]
        order = [c.id for c in in_order(waiting, self.book.at)]
        assert order == wanted, f"waiting are {order}"

    def look_states(self, wanted: Mapping[str, str]) -> None:
        states = {str(a): str(self.book.state(str(a))) for a in wanted}
        assert states == {str(a): s for a, s in wanted.items()}, f"states are {states}"

    def look_stages(self, wanted: Mapping[str, str]) -> None:
        contacts = self.book.domain.contacts
        stages = {c: str(contacts[c].stage) if c in contacts else "gone" for c in wanted}
        assert stages == dict(wanted), f"stages are {stages}"

    def look_queues(self, wanted: Mapping[str, str]) -> None:
        queues = {c: self.book.domain.contacts[c].queue for c in wanted}
        assert queues == dict(wanted), f"queues are {queues}"

    def look_reason(self, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        for contact, parts in wanted.items():
            made = [e for e in self.book.events if isinstance(e, OfferMade)]
            reason = next(e.reason for e in reversed(made) if e.contact == contact)
            got = {name: reason.get(name) for name in parts}
            assert got == dict(parts), f"the reason is {reason}"

    def look_ends(self, wanted: Mapping[str, Mapping[str, int]]) -> None:
        for queue, counts in wanted.items():
            got: dict[str, int] = {}
            for event in self.book.events:
                if isinstance(event, QueueEntryEnded) and event.queue == queue:
                    got[event.end.value] = got.get(event.end.value, 0) + 1
            assert got == dict(counts), f"ends of {queue} are {got}"

    def look_events(self, wanted: Mapping[str, int]) -> None:
        kinds = self.book.kinds()
        got = {kind: kinds.count(kind) for kind in wanted}
        assert got == dict(wanted), f"events are {got}"

    def look_refused(self, wanted: str) -> None:
        assert self._refused == wanted, f"refused: {self._refused or 'nothing'}"
        self._refused = ""

    # -- what happens ---------------------------------------------------------------------------

    def calls(
        self, contact: str, queue: str, language: str | None, number: str | None, having: str | None
    ) -> None:
        attributes = dict(pair.split("=") for pair in (having or "").split(", ") if pair)
        self.book.tell(
            CallerArrived(
                contact=contact, channel=f"ch-{contact}", caller=number or "", dialled="8000"
            )
        )
        self.book.tell(
            MenuFinished(
                contact=contact, queue=queue, language=language or "", attributes=attributes
            )
        )

    def is_ready(self, agents: str) -> None:
        for agent in agents.split(", "):
            if self.book.state(agent) == "signed_out":
                self.book.wish(agent, AgentWish.SIGN_IN)
            self.book.wish(agent, AgentWish.READY)

    def wishes(self, agent: str, wish: str, reason: str | None = None) -> None:
        words = {
            "signs in": AgentWish.SIGN_IN,
            "signs out": AgentWish.SIGN_OUT,
            "is not ready": AgentWish.NOT_READY,
            "finishes the wrap-up": AgentWish.READY,
            "extends the wrap-up": AgentWish.EXTEND,
        }
        self.book.wish(agent, words[wish], reason or "")

    def ends_offer(self, contact: str, how: str) -> None:
        ends = {
            "declined": OfferEnd.DECLINED,
            "not answered": OfferEnd.TIMED_OUT,
            "unreachable": OfferEnd.UNREACHABLE,
        }
        self.book.land(contact)
        self.book.returned(contact, ends[how])

    def presses(self, contact: str, key: str) -> None:
        """A key in the waiting loop; the caller of a promised callback hangs up."""
        self.book.tell(KeyPressed(contact=contact, channel=f"ch-{contact}", key=key))
        if self.book.domain.contacts[contact].stage is CallStage.CALLBACK:
            self.book.caller_hangs_up(contact)

    def customer(self, contact: str, how: str) -> None:
        """What becomes of the call to a customer who is called back."""
        known = self.book.domain.contacts[contact]
        if how == "answers":
            self.book.tell(
                CustomerReached(
                    at=self.book.at, contact=contact, agent=known.agent, offer=known.offer,
                    channel=f"ch-{contact}",
                )
            )  # fmt: skip
            self.book.answer(contact)
        else:
            causes = {"does not answer": 19, "is busy": 17}
            self.book.tell(
                LegHungUp(
                    at=self.book.at, contact=contact, channel="out", agent="", cause=causes[how]
                )
            )

    def supervisor(self, contact: str, what: str, value: str) -> None:
        fields = {"priority": "priority", "queue": "queue", "agent": "preferred"}
        wished = {fields[what]: int(value) if what == "priority" else value}
        self.book.tell(PlaceWished(contact=contact, author="supervisor:chen", **wished))

    def phone(self, agent: str, how: str) -> None:
        self.book.tell(PhoneChanged(at=self.book.at, agent=agent, reachable=how == "is back"))


Act = Callable[..., object]

SENTENCES: tuple[tuple[str, Act], ...] = (
    (
        r"(?P<contact>\w+) calls (?P<queue>[\w-]+)(?: in (?P<language>[\w-]+))?"
        r"(?: from (?P<number>\d+))?(?: with (?P<having>[\w=, -]+))?",
        Scenario.calls,
    ),
    (r"(?P<agents>\d+(?:, \d+)*) (?:is|are) ready", Scenario.is_ready),
    (
        r"(?P<agent>\d+) (?P<wish>signs in|signs out|(?:finishes|extends) the wrap-up)",
        Scenario.wishes,
    ),
    (r"(?P<agent>\d+) (?P<wish>is not ready)(?: for (?P<reason>[\w-]+))?", Scenario.wishes),
    (r"(?P<seconds>[\d.]+) s pass", lambda s, seconds: s.book.pass_(float(seconds))),
    (r"(?P<contact>\w+) presses (?P<key>[0-9*#])", Scenario.presses),
    (
        r"the customer of (?P<contact>\w+) (?P<how>answers|does not answer|is busy)",
        Scenario.customer,
    ),
    (
        r"the supervisor gives (?P<contact>\w+) the (?P<what>priority|queue|agent)"
        r" (?P<value>\S+)",
        Scenario.supervisor,
    ),
    (r"the phone rings for (?P<contact>\w+)", lambda s, contact: s.book.land(contact)),
    (r"(?P<contact>\w+) is answered", lambda s, contact: s.book.answer(contact)),
    (
        r"(?P<contact>\w+) is (?P<how>declined|not answered|unreachable)",
        Scenario.ends_offer,
    ),
    (r"(?P<contact>\w+) hangs up", lambda s, contact: s.book.caller_hangs_up(contact)),
    (r"the agent of (?P<contact>\w+) hangs up", lambda s, contact: s.book.agent_hangs_up(contact)),
    (r"(?P<contact>\w+) ticks", lambda s, contact: s.book.tick(contact)),
    (r"the phone of (?P<agent>\d+) (?P<how>is gone|is back)", Scenario.phone),
    (r"(?P<hours>\w+) hours (?:open|begin)", lambda s, hours: s.closed.discard(hours)),
    (r"(?P<hours>\w+) hours (?:close|end)", lambda s, hours: s.closed.add(hours)),
)


def _company(data: Mapping[str, Any]) -> Company:
    queues = {
        name: Queue.model_validate({"id": name, "name": {"en": name}, "wrap_up": 0, **rules})
        for name, rules in data["queues"].items()
    }
    agents = {}
    for name, profile in data["agents"].items():
        whole = profile if "skills" in profile else {"skills": profile}
        agents[str(name)] = AgentProfile.model_validate(
            {"id": str(name), "name": {"en": str(name)}, **whole}
        )
    return Company(
        queues=queues,
        agents=agents,
        language_skills=data.get("languages", {}),
        routing=Routing.model_validate(data.get("routing", {})),
    )
