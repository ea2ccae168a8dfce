"""An agent's state: the table of allowed changes, and what is known of one agent right now.

Every change of an agent's state goes through ``TRANSITIONS``; a change that is not in the table
is refused. The drawing in ARCHITECTURE.md is generated from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from telephony.events import AgentState, AgentWish

#: (state, what happened) -> next state. Wishes are words of ``AgentWish``; the rest are rules.
TRANSITIONS: Mapping[tuple[AgentState, str], AgentState] = {
    (AgentState.SIGNED_OUT, AgentWish.SIGN_IN): AgentState.NOT_READY,
    (AgentState.SIGNED_OUT, "adopted"): AgentState.TALKING,
    (AgentState.NOT_READY, AgentWish.READY): AgentState.READY,
    (AgentState.NOT_READY, AgentWish.NOT_READY): AgentState.NOT_READY,
    (AgentState.NOT_READY, AgentWish.SIGN_OUT): AgentState.SIGNED_OUT,
    (AgentState.NOT_READY, "adopted"): AgentState.TALKING,
    (AgentState.READY, AgentWish.NOT_READY): AgentState.NOT_READY,
    (AgentState.READY, AgentWish.SIGN_OUT): AgentState.SIGNED_OUT,
    (AgentState.READY, "offered"): AgentState.OFFERED,
    (AgentState.READY, "adopted"): AgentState.TALKING,
    (AgentState.READY, "phone_gone"): AgentState.NOT_READY,
    (AgentState.OFFERED, "answered"): AgentState.TALKING,
    (AgentState.OFFERED, "adopted"): AgentState.TALKING,
    (AgentState.OFFERED, "declined"): AgentState.NOT_READY,
    (AgentState.OFFERED, "timed_out"): AgentState.NOT_READY,
    (AgentState.OFFERED, "unreachable"): AgentState.NOT_READY,
    (AgentState.OFFERED, "offer_withdrawn"): AgentState.READY,
    (AgentState.TALKING, "parted"): AgentState.WRAP_UP,
    (AgentState.TALKING, "consult_over"): AgentState.READY,
    (AgentState.WRAP_UP, AgentWish.READY): AgentState.READY,
    (AgentState.WRAP_UP, AgentWish.NOT_READY): AgentState.NOT_READY,
    (AgentState.WRAP_UP, AgentWish.SIGN_OUT): AgentState.SIGNED_OUT,
    (AgentState.WRAP_UP, "wrap_up_over"): AgentState.READY,
    (AgentState.WRAP_UP, "adopted"): AgentState.TALKING,
}

#: In these states a wish cannot be granted at once; it is kept and granted after the call.
BUSY = frozenset({AgentState.OFFERED, AgentState.TALKING})


@dataclass(slots=True)
class Agent:
    """What is known of one agent right now; ``since`` is when the state began (Unix seconds)."""

    id: str
    state: AgentState = AgentState.SIGNED_OUT
    since: float = 0.0
    idle_since: float = 0.0  # free for work since; an offer that was withdrawn does not reset it
    reason: str = ""
    contact: str = ""  # offered, talking or wrapping up
    queue: str = ""  # that contact's queue
    wish: AgentWish | None = None  # to be granted after the call
    wish_reason: str = ""
    wish_author: str = ""
    reachable: bool = True  # a phone is registered, as far as is known
    signed_in: float = 0.0  # since when; the counts below begin there
    calls: int = 0  # contacts answered
    busy: float = 0.0  # seconds spent in offers, talks and wrap-up
    away: float = 0.0  # seconds not ready
    turn: int = 0  # number of the agent's last offer among all offers, for round robin
    misses: int = 0  # unanswered offers in a row
    breaks: dict[str, int] = field(default_factory=dict)  # reason -> how often
    extended: int = 0  # extensions of this wrap-up
    until: float = 0.0  # when this wrap-up ends by itself

    def plain(self) -> dict[str, Any]:
        """JSON-ready values for the live store; not a copy, to be written out at once."""
        return dict(zip(_FIELDS, _values(self), strict=True))

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Agent":
        """The agent that ``plain`` wrote."""
        wish = plain.get("wish")
        return cls(
            **{
                **plain,
                "state": AgentState(plain["state"]),
                "wish": AgentWish(wish) if wish else None,
            }
        )


_FIELDS = tuple(part.name for part in fields(Agent))
_values = attrgetter(*_FIELDS)
