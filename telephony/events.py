"""Everything that can happen, as typed values: a room learns of the world in no other way.

Its mirror image is ``telephony/commands.py`` (everything a room can want). There are three closed
unions, all in the past tense:

``RecordedEvent``
    what a contact's or an agent's history is made of. Appended to the event log, never changed;
    every figure on every page is computed from these alone.
``WireEvent``
    what Asterisk and its dialplan reported just now. Input of a decision, not kept.
``Question``
    the same, but somebody waits for the answer.

``at`` is Unix time in seconds, taken from ``telephony.clock`` so that a stepped wall clock cannot
bend a wait. ``contact`` is Asterisk's UNIQUEID of the caller's first channel, ``agent`` the agent's
extension. Strings from the wire become these types in ``telephony/translate.py`` and nowhere else.
"""

import dataclasses
import enum
import typing
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, get_type_hints

from telephony.unchanging import unchanging


class QueueEnd(enum.StrEnum):
    """How one queue entry ended; each entry ends in exactly one of these."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    SHORT_ABANDONED = "short_abandoned"
    CALLBACK = "callback"
    OVERFLOWED = "overflowed"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"


class OfferEnd(enum.StrEnum):
    """Why an offer did not become a talk."""

    DECLINED = "declined"
    TIMED_OUT = "timed_out"  # RONA: rang, nobody answered
    UNREACHABLE = "unreachable"  # no phone registered, or it refused to ring
    CALLER_GONE = "caller_gone"
    NOT_LANDED = "not_landed"  # the caller's channel never reached the offer context
    NOT_REACHED = "not_reached"  # called back, and the customer did not answer


class AgentState(enum.StrEnum):
    """What an agent is doing; the table of allowed changes is in ``acd/agent.py``."""

    SIGNED_OUT = "signed_out"
    NOT_READY = "not_ready"
    READY = "ready"
    OFFERED = "offered"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


class CallStage(enum.StrEnum):
    """Where in its life a contact is; also says where a caller hung up."""

    MENU = "menu"
    WAITING = "waiting"
    CALLBACK = "callback"  # hung up and keeps the place: waits to be called back
    CALLING = "calling"  # is being called back, an agent is reserved
    OFFERED = "offered"
    TALKING = "talking"
    AFTER = "after"
    OUTSIDE = "outside"  # talks, or is about to talk, with a number outside the house


class CallResult(enum.StrEnum):
    """What came of calling a customer back."""

    REACHED = "reached"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"  # the call could not be made, or nobody saw what became of it
    HUNG_UP = "hung_up"  # answered, and gone before an agent was


class CallbackEnd(enum.StrEnum):
    """How a callback ended; each ends in exactly one of these."""

    ANSWERED = "answered"  # customer and agent talk
    GAVE_UP = "gave_up"  # all attempts are used up
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    RESUMED = "resumed"  # the customer dialled again and took the place back


class ConsultEnd(enum.StrEnum):
    """What came of asking a colleague while the caller heard music."""

    TRANSFERRED = "transferred"  # the colleague took the caller over
    CONFERENCE = "conference"  # all three talk
    CANCELLED = "cancelled"  # the agent went back to the caller
    DECLINED = "declined"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    LEFT = "left"  # the colleague hung up, or the agent before there was an answer
    CALLER_GONE = "caller_gone"
    LOST = "lost"  # nobody saw what became of it


class Party(enum.StrEnum):
    """Who did something on a call."""

    AGENT = "agent"
    CALLER = "caller"
    SYSTEM = "system"


# --- recorded events -------------------------------------------------------------------------


@unchanging
class ContactArrived:
    """A caller's channel reached the entry of the dialplan."""

    at: float
    contact: str
    channel: str
    caller: str  # digits only, "" when withheld
    dialled: str


@unchanging
class MenuStepTaken:
    """A caller came to a menu node or pressed a key there (``key`` is "" on arrival or silence)."""

    at: float
    contact: str
    node: str
    key: str
    arrived: bool = False  # tells coming to a node from silence there


@unchanging
class ContactQueued:
    """A contact took its place in a queue. The place is never lost: it is the priority and the
    time from which the wait counts, earlier than ``at`` when it was kept from another queue.
    """

    at: float
    contact: str
    queue: str
    language: str
    priority: int
    requires: Mapping[str, int]  # skill -> minimum level, 1-10
    attributes: Mapping[str, str] = field(default_factory=dict)
    counts_from: float = 0.0  # Unix seconds; 0 is ``at``
    why: str = ""  # "" from the menu; else "overflow", "transfer", "supervisor:NAME", ...
    preferred: str = ""  # the agent who gets it first
    preferred_by: str = ""  # "rule:sticky": has served this caller last; or another "rule:NAME"


@unchanging
class RequirementWidened:
    """A ring of the queue opened for a contact; its place is what it was."""

    at: float
    contact: str
    queue: str
    ring: int  # how many rings of the queue have opened
    requires: Mapping[str, Any]  # as ``acd.requirement.Requirement.plain``


@unchanging
class LimitReached:
    """A limit of the queue ended the waiting of a contact there."""

    at: float
    contact: str
    queue: str
    limit: str  # "closed", "length", "wait", "nobody_signed_in", "nobody_able"
    exit: str  # "overflow:QUEUE", "callback", "voicemail" or "announce:PROMPT"


@unchanging
class EstimateTold:
    """A waiting caller was told where they stand, or would have been had they listened."""

    at: float
    contact: str
    queue: str
    position: int  # from 1
    seconds: float | None  # the estimated wait that is left; None when nobody could tell


@unchanging
class PlaceChanged:
    """A person changed a waiting contact; a new queue has its own ``ContactQueued`` as well."""

    at: float
    contact: str
    queue: str  # after the change
    priority: int
    preferred: str  # agent, "" for nobody
    author: str  # "supervisor:NAME"


@unchanging
class OfferMade:
    """A contact was offered to an agent; ``reason`` says who was considered and why this one."""

    at: float
    contact: str
    queue: str
    agent: str
    offer: int  # counts the offers of one contact from 1
    reason: Mapping[str, Any]


@unchanging
class OfferEnded:
    """An offer ended without an answer; the contact is back in its place unless it is gone."""

    at: float
    contact: str
    queue: str
    agent: str
    offer: int
    result: OfferEnd
    rang: float  # seconds


@unchanging
class ContactAnswered:
    """An agent answered. ``adopted`` marks a talk that began while no controller was watching."""

    at: float
    contact: str
    queue: str
    agent: str
    offer: int
    waited: float  # seconds in the queue, ringing included
    adopted: bool = False


@unchanging
class TalkEnded:
    """Agent and caller were parted; ``by`` is the one who hung up."""

    at: float
    contact: str
    queue: str
    agent: str
    offer: int
    by: Party
    talked: float  # seconds, without those in which the caller was on hold
    held: float = 0.0  # seconds on hold


@unchanging
class HoldStarted:
    """The caller of a talk hears music."""

    at: float
    contact: str
    agent: str
    offer: int
    by: str  # "phone": the agent's phone was put on hold; "consult": a colleague is asked


@unchanging
class HoldEnded:
    """The caller hears somebody again, or the talk is over."""

    at: float
    contact: str
    agent: str
    offer: int
    seconds: float


@unchanging
class ContactTransferred:
    """A talk's caller was passed on; what follows has events of its own."""

    at: float
    contact: str
    queue: str  # of the talk
    agent: str  # who talked
    offer: int
    how: str  # "blind" or "attended"
    target: str  # "agent", "queue", "node" or "outside"
    to: str  # the agent, queue, menu node or number
    author: str  # "agent:8001" or "supervisor:NAME"


@unchanging
class ConsultStarted:
    """An agent asks a colleague, or somebody outside, while the caller waits on hold."""

    at: float
    contact: str
    queue: str
    agent: str  # who asks
    offer: int  # number of this consultation among the offers of the contact
    target: str  # "agent" or "outside"
    to: str  # the agent or the number
    author: str


@unchanging
class ConsultAnswered:
    """Whom an agent asks has answered."""

    at: float
    contact: str
    agent: str  # who asks
    offer: int
    target: str
    to: str


@unchanging
class ConsultEnded:
    """A consultation came to its single end."""

    at: float
    contact: str
    agent: str  # who asked
    offer: int
    target: str
    to: str
    result: ConsultEnd
    talked: float  # seconds between the two


@unchanging
class AgentJoined:
    """An agent came to a caller otherwise than through the queue; the talk has its own number."""

    at: float
    contact: str
    queue: str
    agent: str
    offer: int
    how: str  # "attended" or "conference"


@unchanging
class QueueEntryEnded:
    """One queue entry came to its single end."""

    at: float
    contact: str
    queue: str
    end: QueueEnd
    waited: float  # seconds
    note: str = ""


@unchanging
class CallbackRequested:
    """A contact is to be called back and keeps its place; its queue entry has ended so."""

    at: float
    contact: str
    queue: str
    why: str  # "key:1", or the limit that led to it
    first: str  # who is called first: "customer" or "agent"
    merged: str = ""  # the contact whose callback to the same number stands for this one too


@unchanging
class CallbackTried:
    """The customer was called; ``next_try`` is when again at the earliest, 0 never."""

    at: float
    contact: str
    queue: str
    agent: str  # who was reserved for it
    attempt: int  # counts from 1
    result: CallResult
    next_try: float = 0.0


@unchanging
class CallbackEnded:
    """A callback came to its single end; ``waited`` is since it was promised, in seconds."""

    at: float
    contact: str
    queue: str
    result: CallbackEnd
    attempts: int
    waited: float
    author: str = ""  # who cancelled it


@unchanging
class FollowUpPlaced:
    """A call that a task wants made has its place in a queue; its contact begins with it."""

    at: float
    contact: str
    caller: str  # digits of who is to be called
    queue: str
    language: str
    task: str
    author: str  # "rule:NAME", "agent:8001" or "supervisor:NAME"
    attributes: Mapping[str, str] = field(default_factory=dict)


@unchanging
class PlaceResumed:
    """A customer who was to be called back dialled again, and has the old place."""

    at: float
    contact: str
    earlier: str  # the contact whose place it was


@unchanging
class ContactEnded:
    """The caller's channel is gone; ``stage`` is where the contact was at that moment."""

    at: float
    contact: str
    stage: CallStage
    cause: int  # Q.850, 0 when unknown
    note: str = ""


@unchanging
class AgentStateChanged:
    """An agent's state changed, with who did it and why."""

    at: float
    agent: str
    state: AgentState
    previous: AgentState
    reason: str
    author: str  # "agent:8001", "supervisor:NAME" or "rule:NAME"
    contact: str = ""


@unchanging
class WrapUpExtended:
    """An agent got ``seconds`` more for notes."""

    at: float
    agent: str
    contact: str
    seconds: float
    author: str


@unchanging
class BreakOverran:
    """An agent is still not ready although the time for this reason is used up."""

    at: float
    agent: str
    reason: str
    minutes: int


@unchanging
class RecordingFinished:
    """A talk's recording was joined and measured; ``fault`` is "" when its length fits the talk."""

    at: float
    contact: str
    offer: int
    agent: str
    folder: str  # below the recordings folder: agent.wav, customer.wav, stereo.wav
    seconds: float
    talked: float
    fault: str


@unchanging
class TranscriptFinished:
    """Both legs of a recording were turned into text, or could not be (``fault`` says why)."""

    at: float
    contact: str
    offer: int
    engine: str
    model: str
    characters: int
    fault: str = ""


@unchanging
class DigitsCollected:
    """A caller typed a number that the menu asked for and took."""

    at: float
    contact: str
    node: str
    name: str  # of the variable
    digits: str  # stars for what is secret


@unchanging
class ServiceAsked:
    """The menu asked a service, such as the shop, and got an answer or none."""

    at: float
    contact: str
    node: str
    service: str
    result: str  # "" when there was no answer
    seconds: float
    why: str = ""  # when there was no answer


@unchanging
class WordsHeard:
    """A caller said in a menu what they want."""

    at: float
    contact: str
    node: str
    words: str  # "" when they could not be recognised
    intent: str  # "" when none fits
    confidence: float  # 0-1


@unchanging
class MessageTaken:
    """A written message to the caller was taken, to be sent in the background."""

    at: float
    contact: str
    node: str
    by: str  # sms, email
    taken: bool  # False when it could not even be kept


@unchanging
class MenuLeft:
    """A dialogue with a menu is over."""

    at: float
    contact: str
    node: str  # the last one
    ending: str  # queue, callback, transfer, hang_up, caller_gone
    solved: bool  # the caller came to a node that solves, and did not ask for a person
    version: int = 0  # of the menus
    queue: str = ""  # for queue and callback


@unchanging
class SurveyAnswered:
    """A caller said how satisfied they are; once for each survey that got a score."""

    at: float
    contact: str
    node: str
    score: int  # 1-5, 5 is best
    reason: str = ""  # a word of the flow ("slow", "attitude", ...); "" when none was given
    queue: str = ""  # of the last talk, "" after self-service
    agent: str = ""  # who talked last, "" after self-service
    offer: int = 0  # number of that talk


@unchanging
class SurveyOffered:
    """A caller is about to be asked how satisfied they are; the share who answer counts these."""

    at: float
    contact: str
    queue: str = ""  # as in ``SurveyAnswered``
    agent: str = ""
    offer: int = 0


@unchanging
class MessageRecorded:
    """A caller spoke a message, or asked for a person and hung up before speaking (no file)."""

    at: float
    contact: str
    node: str  # of the menu; "" when the dialplan took it with no menu
    purpose: str  # "voicemail": somebody is to do something; "comment": belongs to a survey
    queue: str  # whose people are to hear it; "" for a comment
    file: str  # below the recordings folder; "" when nothing was said
    seconds: float
    language: str = ""  # of the dialogue, for who writes it down
    caller: str = ""  # where no ``ContactArrived`` tells it


@unchanging
class InputKept:
    """An input of the distribution that the events after it do not tell by themselves.

    Recorded in front of what followed from it, with the same ``at``, so that a recorded day can be
    replayed exactly (``acd/inputs.py``). Belongs to no contact's history and counts nowhere.
    """

    at: float
    input: str  # name of a ``WireEvent`` or ``Question``
    data: Mapping[str, Any]  # its fields
    landed: Sequence[str] = ()  # contacts whose offer had reached the dialplan


@unchanging
class RulesChanged:
    """Other rules hold from now on: queues, agents and routing as they were read anew."""

    at: float
    version: int  # under which the files are kept; 0 when they are not
    author: str


@unchanging
class EmergencySwitched:
    """Somebody put an announcement or another flow in front of callers, or took it away."""

    at: float
    author: str  # "agent:8001", "supervisor:NAME", or a login at the terminal
    scope: str  # "everything" or a queue's id
    on: bool
    say: str  # the prompt that is announced, "" when a flow is
    then: str  # after it: "go_on", "hang_up" or "voicemail"
    flow: str
    note: str


@unchanging
class EmergencyMet:
    """A caller came upon what is switched on, and heard it or was led into the other flow."""

    at: float
    contact: str
    scope: str  # "everything" or a queue's id
    say: str
    then: str
    flow: str


RecordedEvent: typing.TypeAlias = (
    ContactArrived
    | InputKept
    | MenuStepTaken
    | ContactQueued
    | RequirementWidened
    | LimitReached
    | EstimateTold
    | PlaceChanged
    | OfferMade
    | OfferEnded
    | ContactAnswered
    | TalkEnded
    | HoldStarted
    | HoldEnded
    | ContactTransferred
    | ConsultStarted
    | ConsultAnswered
    | ConsultEnded
    | AgentJoined
    | QueueEntryEnded
    | CallbackRequested
    | CallbackTried
    | CallbackEnded
    | FollowUpPlaced
    | PlaceResumed
    | ContactEnded
    | AgentStateChanged
    | WrapUpExtended
    | BreakOverran
    | RecordingFinished
    | TranscriptFinished
    | DigitsCollected
    | ServiceAsked
    | WordsHeard
    | MessageTaken
    | MenuLeft
    | SurveyOffered
    | SurveyAnswered
    | MessageRecorded
    | RulesChanged
    | EmergencySwitched
    | EmergencyMet
)


# --- wire events -----------------------------------------------------------------------------

#: Stands for an agent where a leg belongs to somebody outside the house.
OUTSIDE = "outside"


@unchanging
class CallerLanded:
    """The caller's channel reached the offer context: proof that a redirect arrived."""

    at: float
    contact: str
    agent: str
    offer: int


@unchanging
class AgentAnswered:
    """The agent's leg was answered and is about to be bridged."""

    at: float
    contact: str
    agent: str
    offer: int  # the dialplan counts on by itself when the fallback queue makes the connection
    channel: str  # the agent's leg


@unchanging
class CustomerReached:
    """A customer who was called back has answered, and hears the greeting."""

    at: float
    contact: str
    agent: str
    offer: int
    channel: str  # the customer's


@unchanging
class AgentWaits:
    """An agent who was called before the customer has answered, and waits for them."""

    at: float
    contact: str
    agent: str
    offer: int
    channel: str  # the agent's leg


@unchanging
class PairParted:
    """The dialplan says that the talk is over and who ended it."""

    at: float
    contact: str
    agent: str
    offer: int
    by: Party


@unchanging
class LegHungUp:
    """A channel that carries a contact id is gone: the caller's (``agent`` is ""), an agent's, or
    that of a number that was called (``OUTSIDE``).
    """

    at: float
    contact: str
    channel: str
    agent: str
    cause: int


@unchanging
class LegHeld:
    """An agent's phone put the other side on hold, or took it back."""

    at: float
    contact: str
    agent: str
    on: bool


@unchanging
class ConsultBegun:
    """The agent's leg has left the caller and calls a colleague: proof that a redirect arrived."""

    at: float
    contact: str
    offer: int


@unchanging
class ColleagueAnswered:
    """Whom an agent consults has answered."""

    at: float
    contact: str
    agent: str  # the colleague; OUTSIDE for a number
    offer: int
    channel: str  # the colleague's leg


@unchanging
class ConsultReturned:
    """The colleague did not answer or has hung up; the agent's leg goes back to the caller."""

    at: float
    contact: str
    offer: int
    result: OfferEnd | None  # ``None`` after an answer


@unchanging
class LegJoined:
    """A leg enters the room in which the caller is to be found."""

    at: float
    contact: str
    agent: str  # OUTSIDE for a number
    offer: int
    channel: str


@unchanging
class PhoneChanged:
    """An agent's phone registered or went away."""

    at: float
    agent: str
    reachable: bool


@unchanging
class LegFound:
    """One live channel in a picture of what Asterisk carries right now."""

    contact: str
    channel: str
    agent: str  # "" for the caller's own channel, OUTSIDE for a number that was called
    context: str
    application: str
    bridge: str  # "" when not bridged
    variables: Mapping[str, str]  # the queue entry as the dialplan keeps it: HUAWU_QUEUE, ...


@unchanging
class PictureTaken:
    """All live channels of our contacts and all reachable phones, asked for at ``at``.

    What changed after ``at`` is newer than the picture and is left alone by it.
    """

    at: float
    legs: tuple[LegFound, ...]
    phones: frozenset[str]  # agents with a registered phone


WireEvent: typing.TypeAlias = (
    CallerLanded
    | AgentAnswered
    | CustomerReached
    | AgentWaits
    | PairParted
    | LegHungUp
    | LegHeld
    | ConsultBegun
    | ColleagueAnswered
    | ConsultReturned
    | LegJoined
    | PhoneChanged
    | PictureTaken
)


# --- questions -------------------------------------------------------------------------------
# Something happened and somebody waits for the answer: the dialplan (a ``NextStep``, see
# telephony/commands.py), or a person who pressed a button.


@unchanging
class CallerArrived:
    """The dialplan asks for the menu; comes again when a controller died in mid-menu."""

    contact: str
    channel: str
    caller: str
    dialled: str


@unchanging
class MenuFinished:
    """A caller chose a queue. Answered with a ``NextStep``."""

    contact: str
    queue: str
    language: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@unchanging
class OutsideChosen:
    """The menu puts a caller through to a number outside. Answered with a ``NextStep``.

    A number that is not allowed, and one where nobody answers, leads to the queue.
    """

    contact: str
    number: str  # digits only
    queue: str
    language: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@unchanging
class NextStepAsked:
    """The waiting loop's tick. Answered with a ``NextStep``. Proves that the caller waits.

    ``variables`` is the queue entry as the channel carries it: enough to adopt a contact that
    no store remembers.
    """

    contact: str
    channel: str
    variables: Mapping[str, str]


@unchanging
class KeyPressed:
    """A waiting caller pressed a key. Answered with a ``NextStep``."""

    contact: str
    channel: str
    key: str  # one of 0-9, * and #


@unchanging
class OfferReturned:
    """``Dial`` came back without a talk. Answered with a ``NextStep``."""

    contact: str
    result: OfferEnd


@unchanging
class CallerLeftOver:
    """A talk is over and the caller is still there. Answered with a ``NextStep``."""

    contact: str


class AgentWish(enum.StrEnum):
    """What an agent, or a supervisor for them, asks for."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    READY = "ready"
    NOT_READY = "not_ready"
    EXTEND = "extend"  # more time for notes


@unchanging
class AgentWished:
    """Somebody wants an agent's state changed. During a call the wish is kept for after it."""

    agent: str
    wish: AgentWish
    reason: str
    author: str


@unchanging
class PlaceWished:
    """A supervisor wants a waiting contact's place changed; ``None`` leaves a thing as it is."""

    contact: str
    author: str
    priority: int | str | None = None  # a number or a class's name
    queue: str | None = None
    preferred: str | None = None  # agent; "" for nobody


@unchanging
class CallbackCancelled:
    """A supervisor wants nobody called back for this contact any more."""

    contact: str
    author: str


@unchanging
class FollowUpDue:
    """A customer is to be called because of a task. Asked again, it changes nothing."""

    contact: str  # the id that the call has from now on
    task: str
    caller: str
    queue: str
    language: str
    why: str  # author as in ``FollowUpPlaced``
    place: float = 0.0  # Unix seconds from which its wait counts; 0: now
    preferred: str = ""  # this agent first
    attributes: Mapping[str, str] = field(default_factory=dict)


class TransferTarget(enum.StrEnum):
    """Where a call can be passed on to."""

    AGENT = "agent"
    QUEUE = "queue"
    NODE = "node"  # of the menu
    OUTSIDE = "outside"


@unchanging
class TransferWished:
    """A talk's caller is to be passed on, at once or (``attended``) after asking there first."""

    contact: str
    attended: bool
    target: TransferTarget
    to: str  # agent, queue, node, or a number's digits
    author: str


class ConsultStep(enum.StrEnum):
    """What an agent who has asked a colleague may want next."""

    COMPLETE = "complete"  # the colleague takes the caller over
    CANCEL = "cancel"  # back to the caller
    CONFERENCE = "conference"  # all three talk


@unchanging
class ConsultStepWished:
    """How a consultation is to go on."""

    contact: str
    step: ConsultStep
    author: str


@unchanging
class OutsideReturned:
    """Nobody outside answered. Answered with a ``NextStep``."""

    contact: str


@unchanging
class TimerFired:
    """A timer set by ``WakeAt`` is due."""

    key: str


Question: typing.TypeAlias = (
    CallerArrived
    | MenuFinished
    | OutsideChosen
    | NextStepAsked
    | KeyPressed
    | OfferReturned
    | CallerLeftOver
    | AgentWished
    | PlaceWished
    | CallbackCancelled
    | FollowUpDue
    | TransferWished
    | ConsultStepWished
    | OutsideReturned
    | TimerFired
)


# --- the log's wire form ---------------------------------------------------------------------


class UnknownEvent(ValueError):
    """A stored event has a kind or a field that this version does not know."""


_KINDS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(RecordedEvent)}
_FIELDS = {
    name: tuple(part.name for part in dataclasses.fields(kind)) for name, kind in _KINDS.items()
}
_ENUMS: dict[str, dict[str, enum.EnumMeta]] = {
    name: {
        field_name: hint
        for field_name, hint in get_type_hints(kind).items()
        if isinstance(hint, enum.EnumMeta)
    }
    for name, kind in _KINDS.items()
}


def kind_of(event: RecordedEvent) -> str:
    """Name of the event's type, as stored in the log."""
    return type(event).__name__


def to_plain(event: RecordedEvent) -> dict[str, Any]:
    """The event as JSON-ready values, with its ``kind``."""
    plain: dict[str, Any] = {"kind": kind_of(event)}
    for name in _FIELDS[plain["kind"]]:
        plain[name] = getattr(event, name)
    return plain


def from_plain(plain: Mapping[str, Any]) -> RecordedEvent:
    """The event that ``to_plain`` wrote.

    Raises:
        UnknownEvent: the kind is not known, or a field is missing, unknown or of a wrong value.
    """
    kind = _KINDS.get(str(plain.get("kind")))
    if kind is None:
        raise UnknownEvent(f"unknown event kind {plain.get('kind')!r}")
    fields = dict(plain)
    del fields["kind"]
    try:
        for name, word in _ENUMS[kind.__name__].items():
            if name in fields:
                fields[name] = word(fields[name])
        return typing.cast(RecordedEvent, kind(**fields))
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownEvent(f"{kind.__name__}: {error}") from error
