"""Everything a room can want done, as typed values: the mirror image of ``telephony/events.py``.

Imperative, frozen, closed. A pure module returns commands; a thin shell carries them out
(``controller/wiring.py`` for the telephone, the rooms' services for timers). A command for a
channel that is gone is dropped in one place there.

``NextStep`` is the special case of a command that travels as the answer of a short AGI session:
the dialplan asks "what next?" and obeys.
"""

import typing
from collections.abc import Mapping
from dataclasses import field

from telephony.unchanging import unchanging


@unchanging
class OfferContact:
    """Move a waiting caller to an agent: the phone rings for ``ring`` seconds at the most."""

    contact: str
    channel: str  # the caller's
    agent: str
    offer: int
    ring: int  # seconds
    label: str  # what the agent's phone shows beside the caller's number: the queue's name


@unchanging
class ReturnToWaiting:
    """Move a caller back into the waiting loop (from the fallback queue, or a lost redirect)."""

    contact: str
    channel: str


@unchanging
class KeepEntry:
    """Write a queue entry onto the caller's channel: for the next controller, or for none."""

    contact: str
    channel: str
    queue: str
    queued: float  # Unix seconds: the place
    priority: int
    language: str
    music: str


@unchanging
class MoveCaller:
    """Have a waiting caller's dialplan take this step now, without waiting for its question."""

    contact: str
    channel: str
    step: "SayGoodbye | LeaveMessage"


@unchanging
class CallCustomer:
    """Call a customer back. The new channel bears the contact's own id, so that there is never a
    second one; it is brought to the reserved agent by an offer, or to the leg that waits.
    """

    contact: str
    number: str  # digits only
    ring: int  # seconds, of the customer's phone
    agent: str
    offer: int
    agent_ring: int  # seconds, of the agent's phone
    partner: str  # the agent's channel when the agent was called first, else ""
    label: str  # as in ``OfferContact``
    queue: str
    queued: float  # Unix seconds: the place
    priority: int
    language: str
    music: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@unchanging
class CallAgentFirst:
    """Ring an agent who is to talk to a customer who will be called after the agent's answer."""

    contact: str
    agent: str
    offer: int
    ring: int  # seconds
    label: str
    number: str  # the customer's: shown on the agent's phone
    queue: str


@unchanging
class StartConsult:
    """The caller hears music, the agent's leg calls a colleague or a number outside."""

    contact: str
    channel: str  # the caller's
    leg: str  # the agent's channel
    agent: str  # the colleague, or "" for ``number``
    number: str
    offer: int
    ring: int  # seconds
    label: str  # what the colleague's phone shows beside the agent's number


@unchanging
class EnterRoom:
    """Bring legs of a contact into its room; a leg whose partner is not among them loses it."""

    contact: str
    legs: tuple[str, ...]  # one or two channels, not the caller's
    released: str = ""  # the agent's channel, when the colleague takes over


@unchanging
class FollowIntoRoom:
    """Bring a caller who is on hold to who has entered the room."""

    contact: str
    channel: str


@unchanging
class PassToMenu:
    """Bring a caller out of a talk to a node of the menu."""

    contact: str
    channel: str
    node: str


@unchanging
class PassOutside:
    """Bring a caller out of a talk to a number outside the house."""

    contact: str
    channel: str
    number: str  # digits only
    ring: int  # seconds


@unchanging
class EndCall:
    """Hang a channel up; nothing happens when it is gone."""

    contact: str
    channel: str  # a channel's name, or the contact's id for the customer's own


@unchanging
class MirrorAgent:
    """Make Asterisk's app_queue agree: member of exactly ``queues``, paused or not."""

    agent: str
    queues: frozenset[str]
    paused: bool
    reason: str


@unchanging
class WriteQueueLog:
    """Add a row to Asterisk's queue_log; ``words`` are its data fields, joined by ``|``."""

    contact: str
    queue: str
    agent: str  # "" for NONE
    event: str
    words: str


@unchanging
class WakeAt:
    """Send ``TimerFired`` with this key at that time; the same key replaces."""

    key: str
    at: float


@unchanging
class CancelWake:
    """Forget a timer; unknown keys are ignored."""

    key: str


@unchanging
class TakePicture:
    """Ask Asterisk what it carries; the answer comes as ``PictureTaken``."""

    why: str


Command: typing.TypeAlias = (
    OfferContact
    | ReturnToWaiting
    | KeepEntry
    | MoveCaller
    | CallCustomer
    | CallAgentFirst
    | StartConsult
    | EnterRoom
    | FollowIntoRoom
    | PassToMenu
    | PassOutside
    | EndCall
    | MirrorAgent
    | WriteQueueLog
    | WakeAt
    | CancelWake
    | TakePicture
)


# --- what the dialplan does next -------------------------------------------------------------


@unchanging
class KeepWaiting:
    """Play the prompts, then music for a bounded time, then ask again."""

    say: tuple[str, ...] = ()  # prompt names of the catalogue
    language: str = "zh-CN"


@unchanging
class TakeOffer:
    """Ring this agent now: the match rides in the AGI's own answer, with no second trip."""

    agent: str
    offer: int
    ring: int  # seconds
    label: str


@unchanging
class SayGoodbye:
    """Play the prompts and hang up."""

    say: tuple[str, ...] = ()
    language: str = "zh-CN"


@unchanging
class LeaveMessage:
    """Nobody can answer: let the caller leave a message."""

    language: str = "zh-CN"


@unchanging
class GoOutside:
    """Ring a number outside the house; the caller hears music meanwhile."""

    number: str  # digits only
    ring: int  # seconds


@unchanging
class AskSurvey:
    """Ask how satisfied the caller is with the talk that has just ended, then say goodbye."""

    flow: str  # of the menu
    days: int  # a customer who was asked within so many days is not asked; 0: everybody is
    language: str
    caller: str
    queue: str  # of the talk
    agent: str  # who talked
    offer: int  # number of the talk


NextStep: typing.TypeAlias = (
    KeepWaiting | TakeOffer | SayGoodbye | LeaveMessage | GoOutside | AskSurvey
)
