"""What the simulated people of `huawu demo` want, drawn by lot. Pure: the lots are an argument."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from acd.company import Company
from ivr.flow import Flow
from ivr.nodes import (
    PERSON_KEY,
    Collect,
    Customer,
    Goto,
    Hours,
    Language,
    Menu,
    Queue,
    Say,
    Survey,
    Voicemail,
)

MIX: Mapping[str, float] = {
    "presale": 2,
    "order": 3,
    "logistics": 4,
    "returns": 3,
    "complaints": 1,
    "general": 1,
}
"""How often customers want which queue; a queue that is not named has 1."""

LEAVES_MENU = 0.05
IS_CONTENT = 0.6
"""How often a menu is left once it has solved the matter."""
RATES = 0.6
"""How often somebody who is asked how satisfied they are answers."""
SCORES = "5555444321"
"""How satisfied people are, drawn by lot."""
PRESSES_WRONG = 0.06
SPEAKS_ENGLISH = 0.15
IS_KNOWN = 0.08
MEAN_PATIENCE_S = 75.0
SHORTEST_PATIENCE_S = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One customer who is about to call. Times in seconds."""

    number: str
    language: str
    leaves_menu: bool
    presses_wrong: bool
    patience: float
    """How long this customer waits for an agent."""
    hangs_up_first: bool
    rates: bool
    order: "Bought | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """An order of the example shop, which a customer may ask about."""

    number: str
    phone: str


def draw_person(
    lots: Random, languages: Sequence[str], known: Sequence[str], orders: Sequence[Bought] = ()
) -> Person:
    """Somebody calls: with a number of their own, or one of the `known`; about one of `orders`."""
    stranger = f"1{lots.choice('3578')}{lots.randrange(10**9):09d}"
    number = lots.choice(known) if known and lots.random() < IS_KNOWN else stranger
    foreign = [language for language in languages if language != languages[0]]
    speaks_other = bool(foreign) and lots.random() < SPEAKS_ENGLISH
    return Person(
        number=number,
        language=lots.choice(foreign) if speaks_other else languages[0],
        leaves_menu=lots.random() < LEAVES_MENU,
        presses_wrong=lots.random() < PRESSES_WRONG,
        patience=SHORTEST_PATIENCE_S + lots.expovariate(1 / MEAN_PATIENCE_S),
        hangs_up_first=lots.random() < 0.3,
        rates=lots.random() < RATES,
        order=lots.choice(orders) if orders else None,
    )


def draw_keys(lots: Random, flow: Flow, node: str, person: Person, typed: str = "") -> str:
    """The keys that a customer presses at a node; "" where there is nothing to press.

    ``typed`` is the order's number that they typed before, "" when it was their own number that
    found an order.
    """
    match flow.nodes[node]:
        case Language() as asked:
            fitting = [key for key, spoken in asked.keys.items() if spoken == person.language]
            return fitting[0] if fitting else ""
        case Menu() as menu:
            ways = {**menu.keys, PERSON_KEY: flow.person[1]}
            weights = [MIX.get(queue_behind(flow, way), 1.0) for way in ways.values()]
            return lots.choices(list(ways), weights)[0]
        case Collect() as number:
            return _digits(number, person, typed)
        case Survey():
            return lots.choice(SCORES)
        case Voicemail():
            return "#"
    return ""


def _digits(asked: Collect, person: Person, typed: str) -> str:
    """An order's number, or the end of a telephone number; "" when the customer has none."""
    if asked.least_and_most == (4, 4):
        return (person.order.phone if person.order and typed else person.number)[-4:]
    return person.order.number if person.order else ""


def wrong_key(flow: Flow, node: str) -> str:
    """A key that means nothing at a menu; "" when all mean something."""
    asked = flow.nodes[node]
    meant = asked.keys if isinstance(asked, Menu) else ()
    return next((key for key in "987654321" if meant and key not in meant), "")


def queue_behind(flow: Flow, node: str) -> str:
    """The queue that a way through the menu leads to; "" when it leads to another choice."""
    for _ in flow.nodes:
        match flow.nodes.get(node):
            case Queue() as end:
                return end.queue
            case Goto() | Say() as passed:
                node = passed.next
            case Hours() as hours:
                node = hours.open
            case Customer() as known:
                node = known.otherwise
            case _:
                return ""
    return ""


def choose_agents(company: Company, free: Collection[str], count: int) -> list[str]:
    """So many of the free agents, so that they serve as many queues as can be."""
    chosen: list[str] = []
    left = [agent for agent in company.agents if agent in free]
    served: set[str] = set()
    while left and len(chosen) < count:
        best = max(left, key=lambda agent: len(company.queues_of(agent) - served))
        if not company.queues_of(best) - served and served:
            served = set()  # all that can be served is: begin a second round
            best = max(left, key=lambda agent: len(company.queues_of(agent)))
        chosen.append(best)
        left.remove(best)
        served |= company.queues_of(best)
    return chosen


class Phrases:
    """The recordings of what simulated people say."""

    def __init__(self, folder: Path, described: Mapping[str, Mapping[str, Any]]) -> None:
        self._folder = folder
        self._described = described

    def customer(self, lots: Random, queue: str, language: str) -> Path | None:
        """What a customer of this queue says first."""
        return self._draw(lots, role="customer", queue=queue, language=language)

    def agent(self, lots: Random, queue: str, language: str) -> Path | None:
        """What an agent of this queue answers."""
        return self._draw(lots, role="agent", queue=queue, language=language)

    def named(self, name: str) -> Path | None:
        """A phrase by its name."""
        file = self._folder / f"{name}.wav"
        return file if name in self._described and file.exists() else None

    def _draw(self, lots: Random, *, role: str, queue: str, language: str) -> Path | None:
        spoken = [
            (name, phrase)
            for name, phrase in self._described.items()
            if (phrase["role"], phrase["language"]) == (role, language)
        ]
        fitting = [name for name, phrase in spoken if queue in phrase["queues"]]
        names = fitting or [name for name, phrase in spoken if phrase["queues"]]
        names = names or [name for name, _ in spoken]
        return self.named(lots.choice(names)) if names else None


def load_phrases(folder: Path) -> Phrases:
    """The phrases described in `phrases.yaml`; none when the company has no such file."""
    file = folder / "phrases.yaml"
    if not file.exists():
        return Phrases(folder, {})
    return Phrases(folder, yaml.safe_load(file.read_text(encoding="utf-8"))["phrases"])
