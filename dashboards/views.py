"""What the API shows, as typed values: the pages, the OpenAPI document and the TypeScript types
all come from here.

Times are Unix seconds, durations seconds, shares 0..1; ``None`` means "nothing to divide by" or
"not now". Live views hold moments instead of durations, so that a page counts the seconds itself
and a view changes only when something happened.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from store.accounts import Role
from store.tasks import TaskKind, TaskState
from telephony.events import AgentState, CallStage

Names = dict[str, str]
"""A text in each language: ``{"zh-CN": …, "en": …}``."""


class View(BaseModel):
    """Base of all views: unchangeable, and comparable to find out what changed."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_serialization_defaults_required=True
    )


# --- the live board --------------------------------------------------------------------------


class QueueLine(View):
    """One queue now, and its day so far."""

    id: str
    name: Names
    threshold: float
    target: float
    waiting: int
    ringing: int = Field(description="of those waiting, how many are being offered to an agent")
    talking: int
    oldest: float | None = Field(description="when the longest waiting caller was queued")
    agents: dict[str, int] = Field(description="agents who may serve this queue, by state")
    offered: int
    answered: int
    abandoned: int
    short_abandoned: int
    overflowed: int
    timed_out: int
    refused: int
    callback: int
    rona: int
    to_call_back: int = Field(description="callbacks that are promised and not made yet")
    service_level: float | None
    asa: float | None
    aht: float | None


class CallbackView(View):
    """A promised callback."""

    contact: str
    caller: str
    queue: str
    stage: CallStage = Field(description="callback, calling, or on the line again")
    promised: float
    queued: float = Field(description="since when its wait counts: the place")
    position: int = Field(description="1-based in its queue; 0 when no agent is wanted now")
    attempts: int = Field(description="how often the customer was called")
    next_try: float | None = Field(description="not before; None: as soon as an agent is free")
    agent: str = Field(description="reserved for it now")


class CallbackList(View):
    """All promised callbacks, the oldest promise first."""

    callbacks: list[CallbackView]


class TaskView(View):
    """Something that a call has left to do."""

    id: str
    kind: TaskKind
    state: TaskState
    queue: str
    contact: str = Field(description="it came from")
    caller: str
    language: str
    created: float
    due: float
    changed: float | None
    author: str = Field(description="of the last change: agent:ID, supervisor:NAME, rule:NAME")
    note: str
    message: str = Field(description='address of the audio, "" without one')
    seconds: float = Field(description="of the message")
    transcript: str
    transcribing: bool = Field(description="the text is still to come")
    fault: str = Field(description="why there is no text")
    score: int | None = Field(description="1-5, of the caller's survey")
    reason: str = Field(description="that the caller gave for the score")
    agent: str = Field(description='whose talk it is about, "" for none')
    rule: str = Field(description="of follow_ups.yaml that made it")
    calls: int = Field(description="how many follow-up calls were asked for")
    call: str = Field(description="contact of the newest of them")
    outcome: str = Field(
        description='of that call: answered, gave_up, expired, cancelled, ...; "" under way'
    )


class TaskList(View):
    """Tasks, those in hand first, then the oldest due."""

    tasks: list[TaskView]
    next: str = Field(description='cursor of the next part, "" at the end')
    open: int = Field(description="due and in nobody's hand, of all that the reader may see")


class ScoresView(View):
    """What callers said."""

    asked: int = Field(description="after a talk")
    answered: int = Field(description="who gave a score")
    average: float | None = Field(description="1-5")
    satisfied: float | None = Field(description="share of the scores that are 4 or 5 (CSAT)")
    answered_share: float | None
    counts: dict[str, int] = Field(description="score -> how often")
    reasons: dict[str, int]


class SurveyView(View):
    """Scores of a time, by queue and by agent; "" stands for self-service."""

    start: float
    end: float
    total: ScoresView
    queues: dict[str, ScoresView]
    agents: dict[str, ScoresView]


class AgentLine(View):
    """One agent now, and their day so far."""

    id: str
    name: Names
    state: AgentState
    since: float
    reason: str
    reason_name: Names | None = Field(description="of a break that the company names itself")
    queue: str = Field(description="queue of the contact that is offered, spoken to or wrapped up")
    queues: list[str] = Field(description="queues this agent may serve")
    handled: int
    rona: int
    aht: float | None


class Totals(View):
    """The whole house now, and its day so far."""

    in_menu: int
    waiting: int
    talking: int
    offered: int
    answered: int
    abandoned: int
    service_level: float | None
    target: float
    asa: float | None
    agents: dict[str, int]


class TrendBin(View):
    """What ended in one slice of time."""

    at: float = Field(description="start of the slice")
    queued: int
    answered: int
    abandoned: int


class LiveContact(View):
    """A contact that is on the line now."""

    id: str
    caller: str
    language: str
    stage: CallStage
    since: float = Field(description="when this stage began")
    queue: str
    queued_at: float | None
    agent: str


class Board(View):
    """Everything a live page shows; the first message of the WebSocket is the same."""

    type: Literal["snapshot"] = "snapshot"
    epoch: str = Field(description="numbers of messages mean something within one epoch only")
    n: int = Field(description="number of the last change this picture holds")
    at: float
    timezone: str = Field(description="where the company is: IANA name of its time zone")
    loaded: bool = Field(description="false while today's events are still being read")
    queues: list[QueueLine]
    agents: list[AgentLine]
    totals: Totals
    trend: list[TrendBin]
    contacts: list[LiveContact] | None = Field(description="for supervisors only")
    emergency: list["EmergencySwitchView"] = Field(
        description="what is switched on in front of callers"
    )


class Delta(View):
    """What changed: whole lines that replace those with the same id."""

    type: Literal["delta"] = "delta"
    epoch: str
    n: int
    at: float
    loaded: bool
    queues: list[QueueLine] = []
    agents: list[AgentLine] = []
    totals: Totals | None = None
    trend: list[TrendBin] | None = None
    contacts: list[LiveContact] = []
    gone: list[str] = Field(default=[], description="contacts that are no longer on the line")


class Beat(View):
    """Sent when nothing else was: a page that hears none for long says that it is stale."""

    type: Literal["beat"] = "beat"
    epoch: str
    n: int
    at: float


class SecondVoiceView(View):
    """Whom the agent of a talk has asked, or who talks with both."""

    target: str = Field(description="agent or outside")
    to: str = Field(description="the agent, or the number")
    name: Names | None = Field(description="of an agent")
    state: Literal["ringing", "talking", "conference"]
    since: float


class DeskCall(View):
    """The contact an agent is offered, speaks to or wraps up."""

    contact: str
    caller: str
    queue: str
    language: str
    since: float
    queued_at: float | None
    offer: int
    asked_by: str = Field(description="the agent who asks this one; empty for an own call")
    held_since: float | None = Field(description="the caller hears music since then")
    held: float = Field(description="seconds of earlier holds in this talk")
    second: SecondVoiceView | None


class BreakChoice(View):
    """A reason for not being ready that the company offers; 0 is no limit."""

    id: str
    name: Names
    minutes: int


class RecentTalk(View):
    """A talk an agent had today."""

    contact: str
    caller: str
    queue: str
    at: float
    talked: float


class Desk(View):
    """An agent's own view: state, the call at hand, and the last talks."""

    type: Literal["desk"] = "desk"
    at: float
    agent: AgentLine
    call: DeskCall | None
    recent: list[RecentTalk]
    breaks: list[BreakChoice] = Field(description="empty: the usual reasons")


# --- contacts --------------------------------------------------------------------------------


class ContactSummary(View):
    """One line of the contact list."""

    id: str
    at: float
    caller: str
    language: str
    queue: str
    agents: list[str]
    outcome: str = Field(
        description="menu, waiting, offered, talking while on the line; else how it ended: a queue "
        "end's name, or without a queue self_service or left_in_menu"
    )
    waited: float | None
    talked: float | None = Field(description="without hold")
    held: float = Field(description="seconds on hold, in all talks")
    ended_at: float | None
    recorded: bool
    transcribed: bool


class ContactPage(View):
    """A page of the contact list, newest first."""

    contacts: list[ContactSummary]
    next: str = Field(description="cursor of the next page; empty on the last one")


class EventView(View):
    """One event of a contact's history."""

    at: float
    kind: str
    text: Names = Field(description="what happened, as a sentence in each language")
    data: dict[str, Any] = Field(description="the event's own fields, numbers masked by role")


class CandidateView(View):
    """An agent who was looked at when a contact was routed."""

    agent: str
    name: Names
    chosen: bool
    why: Names
    facts: dict[str, Any]


class RoutingView(View):
    """Why a contact was offered to this agent and to no other."""

    offer: int
    at: float
    queue: str
    agent: str
    rule: Names
    circumstances: list[Names] = Field(description="its order among the waiting, its age, its ring")
    candidates: list[CandidateView]
    passed_over: list[CandidateView]
    reason: dict[str, Any] = Field(description="the reason as the router recorded it")


class RecordingView(View):
    """A talk's recording."""

    offer: int
    agent: str
    seconds: float
    talked: float
    fault: str
    stereo: str = Field(description="address of the file with the customer left, the agent right")
    customer_leg: str
    agent_leg: str


class SpokenView(View):
    """What a caller said when nobody was there: a message, or a comment to a survey."""

    offer: int = Field(description="as its transcript has it: 0 for the first, then downwards")
    at: float
    purpose: str = Field(description="voicemail or comment")
    queue: str = Field(description="whose people are to hear it; empty for a comment")
    seconds: float
    audio: str = Field(description="its address")


class SegmentView(View):
    """A stretch of speech of one side."""

    start: float
    end: float
    text: str


class TranscriptView(View):
    """What one side said."""

    offer: int
    leg: Literal["customer", "agent"]
    language: str
    engine: str
    model: str
    fault: str
    text: str
    segments: list[SegmentView]


class ClueView(View):
    """One part of why a contact is still waiting."""

    code: str
    values: dict[str, Any]
    text: Names


class WhyNotView(View):
    """What keeps, or kept, an agent from a contact; ``offer`` is 0 for the present moment."""

    contact: str
    agent: str
    name: Names
    at: float
    offer: int
    code: str
    text: Names


class WhyWaitingView(View):
    """Why a contact is still waiting."""

    contact: str
    at: float
    queue: str
    stage: CallStage
    position: int = Field(description="1-based; 0 when it is not queued")
    waited: float = Field(description="seconds that count for its place")
    clues: list[ClueView]
    agents: list[WhyNotView]


class ContactRecord(View):
    """All that is known of one contact."""

    summary: ContactSummary
    events: list[EventView]
    routing: list[RoutingView]
    recordings: list[RecordingView]
    messages: list[SpokenView]
    transcripts: list[TranscriptView]


# --- sessions and agents ---------------------------------------------------------------------


class LogIn(View):
    """Who wants in."""

    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)


class Me(View):
    """Who is signed in on this browser."""

    name: str
    role: Role
    agent: str = Field(description="agent id; empty for people without a phone")
    display: Names


class WantedState(View):
    """A change of an agent's state that somebody asks for."""

    state: Literal[
        "signed_in", "signed_out", "ready", "not_ready", "wrap_up_finished", "wrap_up_extended"
    ]
    reason: str = Field(default="", max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")


class WantedTransfer(View):
    """Where a talk's caller is to be passed on to."""

    target: Literal["agent", "queue", "node", "outside"]
    to: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")


class WantedConsult(View):
    """Who is to be asked while the caller waits on hold."""

    target: Literal["agent", "queue", "outside"]
    to: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")


class TransferTargets(View):
    """What a call can be passed on to besides agents and queues."""

    nodes: list[str] = Field(description="of the menu")
    outside: list[str] = Field(description="numbers; one with * at its end is a prefix")


PriorityNumber = Annotated[int, Field(strict=True, ge=0, le=1000)]
PriorityClass = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class WantedPlace(View):
    """What a supervisor changes of a waiting contact; what is left out stays as it is."""

    priority: PriorityNumber | PriorityClass | None = Field(
        default=None, description="0 to 1000, or the name of a class in routing.yaml"
    )
    queue: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    preferred: str | None = Field(
        default=None, pattern=r"^([0-9]{2,8})?$", description="an agent; empty for nobody"
    )


class MenuVersionView(View):
    """A version of the menu that was in use."""

    number: int
    at: float = Field(description="when it was accepted")
    author: str
    note: str
    in_use: bool = Field(description="callers who arrive now get it")


class MenuVersionList(View):
    """All of them, the newest first."""

    versions: list[MenuVersionView]


class WantedVersion(View):
    """To which version of the menu to go back."""

    number: int | None = Field(default=None, ge=1, description="the one before when left out")


class FlowTraffic(View):
    """How the calls ended that came into a flow of the menus."""

    flow: str
    came: int
    solved: int = Field(description="without a person")
    person: int = Field(description="queue, callback or transfer")
    dropped: int = Field(description="hung up before anything was solved")
    ended: int = Field(description="by the menu, with nothing solved")
    containment: float | None = Field(description="solved of all that are over, 0..1")


class NodeTraffic(View):
    """What callers did at a node of the menus."""

    node: str = Field(description="a node of the main flow, or flow/node")
    arrivals: int
    callers: int = Field(description="calls that came here, however often")
    dropped: int = Field(description="hung up here before anything was solved")
    drop_out: float | None = Field(description="dropped of callers, 0..1")
    keys: dict[str, int]


class WayTraffic(View):
    """How often callers went from one node to another."""

    source: str
    target: str
    count: int


class MenuTraffic(View):
    """How callers went through the menus."""

    start: float
    end: float
    inside: int = Field(description="calls that are not over")
    flows: list[FlowTraffic]
    nodes: list[NodeTraffic]
    ways: list[WayTraffic]


class MessageView(View):
    """A message to a customer."""

    id: int
    by: Literal["sms", "email"]
    to: str
    subject: str
    text: str
    contact: str
    state: Literal["pending", "sent", "failed"]
    attempts: int
    made: float
    next_try: float | None = Field(description="null when it is sent or given up")
    ended: float | None = Field(description="when it was sent or given up")
    fault: str = Field(description="of the last attempt, empty when it went well")


class MessageList(View):
    """The newest, the newest first."""

    messages: list[MessageView]


class EmergencySwitchView(View):
    """What somebody switched in front of callers."""

    at: float
    author: str
    scope: str = Field(description="everything, or a queue's id")
    on: bool
    say: str = Field(description="the prompt that is announced; empty when a flow is")
    then: str = Field(description="after an announcement: go_on, hang_up or voicemail")
    flow: str
    note: str


class EmergencyPreset(View):
    """What can be switched on by a name."""

    name: str
    say: str
    text: Names = Field(description="that is announced, by language; empty for a flow")
    then: str
    flow: str


class EmergencyState(View):
    """All that is switched on, what can be, and who switched before."""

    on: list[EmergencySwitchView]
    presets: list[EmergencyPreset]
    flows: list[str] = Field(description="that callers can be led into instead")
    history: list[EmergencySwitchView] = Field(description="the newest first")


Scope = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class WantedEmergency(View):
    """What to put in front of callers: a preset, a prompt or a flow."""

    scope: Scope = Field(default="everything", description="everything, or a queue's id")
    preset: str = Field(default="", max_length=64)
    say: str = Field(default="", max_length=100, description="a prompt's name")
    flow: str = Field(default="", max_length=64)
    then: Literal["", "go_on", "hang_up", "voicemail"] = Field(
        default="", description="after an announcement; empty: as the preset says, else go_on"
    )
    note: str = Field(default="", max_length=200)


class EmergencyScope(View):
    """In front of what a switch stands."""

    scope: Scope = "everything"


class FieldFault(View):
    """A field of a request that cannot be accepted."""

    field: str
    message: str


class FileFault(View):
    """A mistake in a file that people write."""

    file: str
    line: int
    message: str
    mend: str


class Problem(View):
    """An error, in the form of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: list[FieldFault] = []
    faults: list[FileFault] = []


class Health(View):
    """Whether something works, and if not, why."""

    ok: bool
    reasons: list[str]
    role: str
    """``leader``: decides; ``standby``: would take over."""
