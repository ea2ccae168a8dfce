"""A contact's stages: the table of allowed changes, and what is known of one contact right now.

The drawing in ARCHITECTURE.md is generated from ``TRANSITIONS``.
"""

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from operator import attrgetter
from typing import Any

from acd.requirement import Requirement
from telephony.events import CallStage

#: (stage, what happened) -> next stage. A hang-up ends a contact in any stage.
TRANSITIONS: Mapping[tuple[CallStage, str], CallStage] = {
    (CallStage.MENU, "queued"): CallStage.WAITING,
    (CallStage.WAITING, "offered"): CallStage.OFFERED,
    (CallStage.WAITING, "adopted"): CallStage.TALKING,
    (CallStage.WAITING, "timed_out"): CallStage.AFTER,
    (CallStage.WAITING, "called_back"): CallStage.CALLBACK,
    (CallStage.CALLBACK, "offered"): CallStage.CALLING,
    (CallStage.CALLBACK, "reached"): CallStage.WAITING,
    (CallStage.CALLBACK, "adopted"): CallStage.TALKING,
    (CallStage.CALLING, "offer_ended"): CallStage.CALLBACK,
    (CallStage.CALLING, "reached"): CallStage.OFFERED,
    (CallStage.CALLING, "answered"): CallStage.TALKING,
    (CallStage.CALLING, "adopted"): CallStage.TALKING,
    (CallStage.OFFERED, "offer_ended"): CallStage.WAITING,
    (CallStage.OFFERED, "answered"): CallStage.TALKING,
    (CallStage.OFFERED, "adopted"): CallStage.TALKING,
    (CallStage.TALKING, "parted"): CallStage.AFTER,
    (CallStage.TALKING, "transferred"): CallStage.WAITING,
    (CallStage.TALKING, "to_menu"): CallStage.MENU,
    (CallStage.MENU, "to_outside"): CallStage.OUTSIDE,
    (CallStage.TALKING, "to_outside"): CallStage.OUTSIDE,
    (CallStage.OUTSIDE, "returned"): CallStage.WAITING,
    (CallStage.OUTSIDE, "parted"): CallStage.AFTER,
    (CallStage.AFTER, "queued"): CallStage.WAITING,
    (CallStage.AFTER, "adopted"): CallStage.TALKING,
}


class ConsultStage(enum.StrEnum):
    """How far a consultation has come."""

    RINGING = "ringing"
    TALKING = "talking"
    GATHERING = "gathering"  # on the way into a conference
    CONFERENCE = "conference"


@dataclass(slots=True)
class Consult:
    """Somebody else on a contact's talk: asked while the caller is on hold, or with both."""

    target: str  # "agent" or "outside"
    to: str  # the agent or the number
    offer: int
    author: str
    since: float  # Unix seconds
    stage: ConsultStage = ConsultStage.RINGING
    landed: bool = False  # the agent's leg has begun to call
    leg: str = ""  # the colleague's channel, from the answer on
    answered: float = 0.0
    joined: float = 0.0  # talks with the caller since then

    @property
    def agent(self) -> str:
        """The colleague, "" for a number outside."""
        return self.to if self.target == "agent" else ""


@dataclass(slots=True)
class Contact:
    """What is known of one contact right now. Times are Unix seconds, 0.0 when not yet."""

    id: str
    channel: str
    caller: str = ""
    stage: CallStage = CallStage.MENU
    changed: float = 0.0
    language: str = ""
    attributes: dict[str, str] = field(default_factory=dict)  # set by the menu: tier, intent, ...
    queue: str = ""
    entered: float = 0.0  # when this queue entry began
    queued: float = 0.0  # with the priority, the place; earlier than ``entered`` when it was kept
    priority: int = 0
    threshold: float = 20.0  # target wait in seconds, against which the wait is measured
    aging: float = 600.0  # after so many seconds above all priorities
    ring: int = 0  # how many rings of the queue have opened
    requirement: Requirement = field(default_factory=Requirement)
    preferred: str = ""  # this agent first ...
    preferred_until: float = 0.0  # ... and alone until then
    preferred_by: str = ""  # "rule:NAME", or a person, whose wish needs no skills
    been: list[str] = field(default_factory=list)  # queues that it overflowed from
    exit: str = ""  # how a limit ended the waiting, as in ``LimitReached.exit``
    announced: float = 0.0  # when the position was last told
    offer: int = 0  # number of the newest offer
    agent: str = ""  # offered to, or talking with
    offered: float = 0.0
    landed: bool = False
    answered: float = 0.0
    parted: float = 0.0  # the agent's leg went first
    leg: str = ""  # the agent's channel
    count: int = 0  # the highest number that an offer, consultation or adopted talk had
    held: float = 0.0  # seconds on hold in this talk, without those of a hold that goes on
    held_since: float = 0.0  # Unix seconds; 0.0: not on hold
    consult: Consult | None = None
    talk: int = 0  # number of the last talk that an agent has ended; 0 when there is none
    surveyed: bool = False  # was, or is being, asked how satisfied they are
    doubtful: bool = False  # a move got lost: no offer until the caller's channel is heard of
    promised: float = 0.0  # when a callback was promised that has not ended yet; else 0.0
    attempts: int = 0  # how often the customer was called
    not_before: float = 0.0  # no attempt until then; 0.0 when nothing is in the way
    engaged: str = ""  # the same customer's other contact, while that one is on the line
    reached: bool = False  # the customer of this attempt has answered
    partner: str = ""  # channel of an agent who was called first and waits for the customer

    @property
    def waits(self) -> bool:
        """Is an agent wanted now? The line of one who is to be called back must be free."""
        if self.stage is CallStage.CALLBACK:
            return not (self.channel or self.engaged or self.not_before)
        return self.stage is CallStage.WAITING and not self.doubtful

    def plain(self) -> dict[str, Any]:
        """JSON-ready values for the live store; not a copy, to be written out at once."""
        plain = dict(zip(_FIELDS, _values(self), strict=True))
        plain["requirement"] = self.requirement.plain()
        plain["consult"] = asdict(self.consult) if self.consult else None
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Contact":
        """The contact that ``plain`` wrote."""
        return cls(
            **{
                **plain,
                "stage": CallStage(plain["stage"]),
                "requirement": Requirement.from_plain(plain.get("requirement", {})),
                "consult": _consult(plain.get("consult")),
            }
        )


def _consult(plain: Mapping[str, Any] | None) -> Consult | None:
    return Consult(**{**plain, "stage": ConsultStage(plain["stage"])}) if plain else None


_FIELDS = tuple(part.name for part in fields(Contact))
_values = attrgetter(*_FIELDS)
