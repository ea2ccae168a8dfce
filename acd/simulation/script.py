"""A scripted day: who calls when, what they will do, and when agents come, pause and leave.

A script holds every outside input that does not depend on the rules, so that the same script can
be played under different rules (common random numbers). It is drawn from a traffic file
(``traffic.py``) or taken from a recorded day (``recorded.py``).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from telephony.events import AgentWish, OfferEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """What one agent's phone does with one offer: answered after ``seconds``, or ended so."""

    seconds: float
    end: OfferEnd | None = None  # None: answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One caller. Times are Unix seconds, durations seconds."""

    id: str
    at: float
    queue: str  # what the menu will choose
    language: str = "zh-CN"
    caller: str = ""
    dialled: str = "8000"
    attributes: Mapping[str, str] = field(default_factory=dict)
    menu: float = 0.0
    leaves_menu: bool = False  # hangs up in the menu instead of choosing
    talk: float = 0.0
    agent_ends: bool = False  # the agent hangs up first
    wrap_up: float = math.inf  # what the notes take; the queue's limit cuts it
    patience: float = math.inf
    key_after: float = math.inf  # asks to be called back after so many seconds of waiting
    called_back: tuple[float, ...] = ()  # seconds until each call back is answered; then at once
    rings: tuple[Ring, ...] = ()  # what the first offers meet; later ones are drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an agent, or somebody for them, asks for at a planned time."""

    at: float
    agent: str
    wish: AgentWish
    reason: str = ""
    author: str = ""  # "" is the agent
    back_after: float = 0.0  # ready again so many seconds after a break began


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One day. ``start`` and ``end`` are the span in which calls arrive (Unix seconds)."""

    start: float
    end: float
    calls: Sequence[Call]
    wishes: Sequence[Wish]
