"""The rule language: what ``queues.yaml``, ``agents.yaml`` and ``routing.yaml`` may say. Pure.

Every file is checked against these types when it is read; what the types cannot see (unknown
names, cycles) is checked in ``acd/rule_checks.py``. Times are seconds unless the name says
otherwise.
"""

import enum
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

Level = Annotated[int, Field(ge=1, le=10)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Extension = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,8}$")]
Names = dict[str, Annotated[str, StringConstraints(min_length=1, max_length=40)]]
Value = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{3,20}$")]
Priority: TypeAlias = Annotated[int, Field(ge=0, le=1000)] | Word
"""A number, higher is served first, or the name of a class in ``routing.yaml``."""


class Strategy(enum.StrEnum):
    """Which of several eligible free agents gets the contact."""

    LONGEST_IDLE = "longest_idle"
    BEST_SKILLED = "best_skilled"
    LEAST_OCCUPIED = "least_occupied"
    FEWEST_CALLS = "fewest_calls"
    ROUND_ROBIN = "round_robin"
    RANDOM = "random"  # by the agents' weights
    SPARE_FLEXIBLE = "spare_flexible"
    LINEAR = "linear"  # the order of agents.yaml


#: app_queue's names for the same, understood wherever a strategy is named:
#:
#: ``leastrecent``  least recently called = idle for the longest time
#: ``fewestcalls``  fewest calls answered since signing in
#: ``rrmemory``     round robin that remembers where it was, over restarts too
#: ``rrordered``    the same; the order is always that of ``agents.yaml``
#: ``random``       by chance, all agents alike as long as their weights are
#: ``wrandom``      by chance and the agents' weights (app_queue: by their penalties)
#: ``linear``       always from the top of ``agents.yaml``
#:
#: ``ringall`` has no equal: two phones never ring for one caller.
PRESETS: Mapping[str, Strategy] = {
    "leastrecent": Strategy.LONGEST_IDLE,
    "fewestcalls": Strategy.FEWEST_CALLS,
    "rrmemory": Strategy.ROUND_ROBIN,
    "rrordered": Strategy.ROUND_ROBIN,
    "random": Strategy.RANDOM,
    "wrandom": Strategy.RANDOM,
    "linear": Strategy.LINEAR,
}


class Strict(BaseModel):
    """A part of a rules file: nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Condition: TypeAlias = dict[Word, Value | list[Value]]
"""Attribute -> the value, or one of the values, that it must have; all attributes must fit."""


def holds(condition: Condition, attributes: Mapping[str, str]) -> bool:
    """Does the condition hold for a contact with these attributes? An empty one always does."""
    return all(
        attributes.get(name, "") in (wanted if isinstance(wanted, list) else [wanted])
        for name, wanted in condition.items()
    )


class Exit(Strict):
    """Where a contact goes that cannot or must not wait (any longer): exactly one of these."""

    overflow: Word | None = None  # another queue, with the place kept
    callback: Literal[True] | None = None  # is called back, with the place kept
    voicemail: Literal[True] | None = None
    announce: Word | None = None  # a prompt of the catalogue, then hang-up

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("name exactly one of overflow, callback, voicemail, announce")
        return self


class LengthLimit(Strict):
    """Not more than ``max`` wait in this queue."""

    max: Annotated[int, Field(ge=0, le=100_000)]
    exit: Exit


class WaitLimit(Strict):
    """Nobody waits longer than ``max`` seconds in this queue."""

    max: Annotated[int, Field(ge=10, le=86400)]
    exit: Exit


class Limits(Strict):
    """What ends the waiting; a limit that is not named does not exist (but ``wait``)."""

    length: LengthLimit | None = None
    wait: WaitLimit = WaitLimit(max=1800, exit=Exit(announce="queue_full"))
    nobody_signed_in: Exit | None = None  # no agent who could serve it is signed in
    nobody_able: Exit | None = None  # no agent at all has the skills, whatever the ring
    closed: Exit | None = None  # outside the queue's hours


class Ring(Strict):
    """A widening of the search once a contact has waited ``after`` seconds; the place is kept.

    Rings add up in their order. A ring must widen: lower a level, drop a skill, let one of
    several skills do, bring in another queue's agents, or hand over to another queue.
    """

    after: Annotated[int, Field(ge=1, le=86400)]
    when: Condition = {}  # only for contacts like this
    skills: dict[Word, Level] = {}  # new, lower minimum levels
    any: dict[Word, Level] = {}  # instead of the queue's own skills one of these will do
    drop: list[Word] = []  # skills no longer asked for
    queues: list[Word] = []  # agents of these queues may serve as well
    overflow: Word | None = None  # the contact moves to this queue


class Sticky(Strict):
    """The agent who last served this customer is waited for."""

    days: Annotated[int, Field(ge=1, le=365)] = 7
    wait: Annotated[int, Field(ge=0, le=600)] = 20  # 0: only if that agent is free at once


class Callback(Strict):
    """What a waiting caller may choose instead of waiting on the line."""

    key: Annotated[str, StringConstraints(pattern=r"^[1-9]$")] = "1"
    first: Literal["agent", "customer"] = "customer"  # who is called first
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    retry: Annotated[int, Field(ge=5, le=86400)] = 300  # between two attempts
    ring: Annotated[int, Field(ge=5, le=120)] = 30  # the customer's phone, per attempt
    resume: Annotated[int, Field(ge=0, le=1440)] = 30  # minutes: who dials again gets the place
    expires: Annotated[int, Field(ge=60, le=7 * 86400)] = 4 * 3600


class Survey(Strict):
    """After a talk that the agent has ended, the caller is asked how satisfied they are."""

    flow: Word  # of ``menus/``
    share: Annotated[float, Field(gt=0, le=1)] = 1  # of the talks
    days: Annotated[int, Field(ge=0, le=365)] = 7  # a customer is asked once in so many; 0: always


class Announcements(Strict):
    """What a waiting caller is told, every ``every`` seconds."""

    every: Annotated[int, Field(ge=10, le=600)] = 30
    position: bool = True
    wait: bool = True  # the estimated wait


class Queue(Strict):
    """A queue: whom it asks for, and how its callers and agents are treated."""

    id: Word
    name: Names
    skills: dict[Word, Level]
    rings: list[Ring] = []
    strategy: Strategy = Strategy.LONGEST_IDLE
    priority: Priority = 0
    aging: Annotated[int, Field(ge=10, le=86400)] = 600  # after this wait, above all priorities
    threshold: Annotated[float, Field(gt=0, le=3600)] = 20  # service level, and the target wait
    target: Annotated[float, Field(gt=0, le=1)] = 0.8
    ring: Annotated[int, Field(ge=3, le=120)] = 15
    wrap_up: Annotated[int, Field(ge=0, le=3600)] = 20
    sticky: Sticky | None = None
    limits: Limits = Limits()
    callback: Callback | None = None
    announcements: Announcements = Announcements()
    survey: Survey | Literal[False] | None = None  # None: as ``routing.yaml`` says
    transfer_credit: Annotated[float, Field(ge=0, le=1)] = 1  # share of the time waited before
    record: bool = True
    music: Word = "default"
    hours: Word = "always"

    @field_validator("strategy", mode="before")
    @classmethod
    def _preset(cls, strategy: object) -> object:
        """app_queue's names of strategies are understood, but the one that has no equal."""
        name = str(strategy)
        if name == "ringall":
            raise PydanticCustomError(
                "ringall",
                "ringall is not possible: one caller rings one phone, "
                "so that two agents never answer the same call",
                {
                    "mend": "longest_idle shares the work as evenly; a short ring time (ring) "
                    "moves a caller on quickly"
                },
            )
        if name in PRESETS:
            return PRESETS[name]
        if name not in {known.value for known in Strategy}:
            raise PydanticCustomError(
                "strategy",
                "there is no strategy {name}",
                {
                    "name": name,
                    "mend": f"strategies are {', '.join(Strategy)}; app_queue's "
                    f"names do as well: {', '.join(PRESETS)}",
                },
            )
        return strategy


class AgentProfile(Strict):
    """An agent: the extension, the name and the skills with their levels."""

    id: Extension
    name: Names
    skills: dict[Word, Level]
    weight: Annotated[float, Field(gt=0, le=100)] = 1  # share under the strategy random
    auto_answer: bool = False  # the phone is asked to answer by itself
    call_headers: bool = False  # the INVITE bears X-Huawu-Contact and X-Huawu-Queue

    def has(self, requires: Mapping[str, int]) -> bool:
        """Does the agent have every skill at its minimum level?"""
        return all(self.skills.get(skill, 0) >= level for skill, level in requires.items())


class Rule(Strict):
    """What a contact gets when it is queued and ``when`` holds; later rules override earlier."""

    name: Word
    when: Condition
    queues: list[Word] = []  # only in these; empty means all
    priority: Priority | None = None
    skills: dict[Word, Level] = {}  # asked for in addition
    preferred: Extension | None = None  # waited for as long as ``wait`` says
    same_agent: bool = False  # so is the agent who served this customer within a day, if signed in
    to: Word | None = None  # queued there instead, unless ``same_agent`` has found one
    wait: Annotated[int, Field(ge=0, le=600)] = 20
    threshold: Annotated[float, Field(gt=0, le=3600)] | None = None


class DoNotRoute(Strict):
    """This customer and this agent are never brought together."""

    caller: Number
    agent: Extension
    reason: Annotated[str, StringConstraints(max_length=200)] = ""


class BreakReason(Strict):
    """A reason for not being ready, and its limits (0: none)."""

    id: Word
    name: Names
    minutes: Annotated[int, Field(ge=0, le=1440)] = 0  # longest; then it is an overrun
    at_once: Annotated[int, Field(ge=0, le=10_000)] = 0  # agents who may have it at one time
    times: Annotated[int, Field(ge=0, le=100)] = 0  # per agent between sign-in and sign-out


class Misses(Strict):
    """What an unanswered offer does to the agent."""

    reason: Word = "rona"  # the not-ready state
    sign_out_after: Annotated[int, Field(ge=0, le=20)] = 3  # misses in a row; 0: never


class WrapUp(Strict):
    """How often, and by how many seconds, an agent may ask for more time for notes."""

    extend: Annotated[int, Field(ge=5, le=3600)] = 60
    times: Annotated[int, Field(ge=0, le=20)] = 2


class Routing(Strict):
    """``routing.yaml``: what holds for all queues."""

    classes: dict[Word, Annotated[int, Field(ge=0, le=1000)]] = {}
    attributes: dict[Word, list[Value]] = {}  # empty list: any value
    rules: list[Rule] = []
    do_not_route: list[DoNotRoute] = []
    breaks: list[BreakReason] = []
    misses: Misses = Misses()
    wrap_up: WrapUp = WrapUp()
    survey: Survey | None = None
    outside: list[Annotated[str, StringConstraints(pattern=r"^[0-9]{2,20}\*?$")]] = []
    """Numbers that a call may be transferred to; one with ``*`` at its end is a prefix."""
