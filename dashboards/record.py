"""One contact's history as people read it: summary, sentences, and why this agent. Pure.

Who may see a caller's whole number is decided by ``show_caller``; everything that leaves this
module has gone through it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acd.company import Company
from dashboards.texts import both, catalogue, find, named, say
from dashboards.views import (
    CandidateView,
    ContactRecord,
    ContactSummary,
    EventView,
    Names,
    RecordingView,
    RoutingView,
    SpokenView,
    TranscriptView,
)
from telephony.events import (
    AgentJoined,
    CallbackEnd,
    CallbackEnded,
    CallStage,
    ConsultStarted,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    FollowUpPlaced,
    MenuLeft,
    MessageRecorded,
    OfferEnded,
    OfferMade,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
    RecordingFinished,
    TalkEnded,
    TranscriptFinished,
    kind_of,
    to_plain,
)

ShowCaller = Callable[[str], str]
"""A caller's number as the reader may see it."""


_WORDS: Mapping[str, tuple[str, ...]] = {
    "state": ("state",),
    "previous": ("state",),
    "by": ("party",),
    "MessageTaken.by": ("messages", "ways"),
    "language": ("languages",),
    "reason": ("reason",),
    "limit": ("limit",),
    "service": ("service",),
    "ServiceAsked.result": ("answer",),
    "say": ("emergency", "announcement"),
    "scope": ("scope",),
}
"""Field of an event, of all or of one kind -> where the catalogue has its values in words."""

FACTS = ("occupancy", "calls", "turn", "line", "weight", "cost", "level")
"""Names of the strategies' numbers in a decision's reason (``acd/strategies.py``)."""

_VARIANTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "ContactArrived": lambda data: "" if data["caller"] else "withheld",
    "MenuStepTaken": lambda data: "key" if data["key"] else "",
    "ServiceAsked": lambda data: "" if data["result"] else "silent",
    "WordsHeard": lambda data: "" if data["intent"] else "unclear",
    "MessageTaken": lambda data: "" if data["taken"] else "lost",
    "MenuLeft": lambda data: "solved" if data["solved"] else str(data["ending"]),
    "ContactQueued": lambda data: "moved" if data["why"] else "",
    "EstimateTold": lambda data: "unknown" if data["seconds"] is None else "",
    "PlaceChanged": lambda data: "preferred" if data["preferred"] else "",
    "OfferEnded": lambda data: str(data["result"]),
    "ContactAnswered": lambda data: "adopted" if data["adopted"] else "",
    "TalkEnded": lambda data: "held" if data["held"] else "",
    "HoldStarted": lambda data: str(data["by"]),
    "ContactTransferred": lambda data: f"{data['how']}.{data['target']}",
    "ConsultEnded": lambda data: str(data["result"]),
    "AgentJoined": lambda data: str(data["how"]),
    "EmergencySwitched": lambda data: ("flow" if data["flow"] else "") if data["on"] else "off",
    "EmergencyMet": lambda data: "flow" if data["flow"] else "",
    "QueueEntryEnded": lambda data: str(data["end"]),
    "CallbackRequested": lambda data: "merged" if data["merged"] else "",
    "CallbackTried": lambda data: str(data["result"]),
    "CallbackEnded": lambda data: str(data["result"]),
    "ContactEnded": lambda data: str(data["stage"]),
    "AgentStateChanged": lambda data: "reason" if data["reason"] else "",
    "RecordingFinished": lambda data: "fault" if data["fault"] else "",
    "SurveyAnswered": lambda data: "reason" if data["reason"] else "",
    "MessageRecorded": lambda data: str(data["purpose"]) if data["file"] else "empty",
    "TranscriptFinished": lambda data: "fault" if data["fault"] else "",
}


def masked(number: str) -> str:
    """A number with its middle hidden: ``138****8000``; nothing of a very short one."""
    if len(number) >= 11:
        return f"{number[:-8]}****{number[-4:]}"
    if len(number) >= 7:
        return f"{number[:2]}****{number[-2:]}"
    return "*" * len(number)


def whole(number: str) -> str:
    """The number as it is, for those who may see it."""
    return number


_AFTER_ENTRY = {QueueEnd.ANSWERED: CallStage.TALKING, QueueEnd.CALLBACK: CallStage.CALLBACK}
"""Where a contact is after a queue entry that ended so; else it is on its way out."""


# --- summary ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Story:
    """What a contact's events add up to."""

    at: float = 0.0
    caller: str = ""
    language: str = ""
    queue: str = ""
    outcome: str = CallStage.MENU
    waited: float | None = None
    talked: float | None = None
    held: float = 0.0
    ended_at: float | None = None
    recorded: bool = False
    transcribed: bool = False
    queue_end: str = ""
    solved: bool = False


def summarise(contact: str, events: Sequence[RecordedEvent], show: ShowCaller) -> ContactSummary:
    """One line about a contact from its whole history."""
    story = _Story(at=events[0].at if events else 0.0)
    agents: list[str] = []
    for event in events:
        if isinstance(event, ContactAnswered | AgentJoined) and event.agent not in agents:
            agents.append(event.agent)
        _tell(story, event)
    return ContactSummary(
        id=contact,
        at=story.at,
        caller=show(story.caller),
        language=story.language,
        queue=story.queue,
        agents=agents,
        outcome=story.outcome,
        waited=story.waited,
        talked=story.talked,
        held=story.held,
        ended_at=story.ended_at,
        recorded=story.recorded,
        transcribed=story.transcribed,
    )


def _tell(story: _Story, event: RecordedEvent) -> None:
    match event:
        case ContactArrived():
            story.at, story.caller = event.at, event.caller
        case FollowUpPlaced():
            story.at, story.caller, story.language = event.at, event.caller, event.language
            story.queue, story.outcome = event.queue, CallStage.CALLBACK
            story.queue_end = QueueEnd.CALLBACK.value
        case ContactQueued():
            story.queue, story.language = event.queue, event.language
            story.outcome = CallStage.WAITING
        case OfferMade():
            story.outcome = CallStage.OFFERED
        case OfferEnded():
            waits = story.queue_end != QueueEnd.CALLBACK
            story.outcome = CallStage.WAITING if waits else CallStage.CALLBACK
        case ContactAnswered():
            story.queue, story.waited = event.queue, event.waited
            story.outcome = CallStage.TALKING
        case QueueEntryEnded():
            story.queue_end, story.waited = event.end.value, event.waited
            story.outcome = _AFTER_ENTRY.get(event.end, CallStage.AFTER)
        case CallbackEnded(result=CallbackEnd.ANSWERED):
            story.queue_end = QueueEnd.ANSWERED.value
        case ContactEnded():
            story.ended_at = event.at
            in_menu = "self_service" if story.solved else "left_in_menu"
            story.outcome = story.queue_end or in_menu
        case RecordingFinished():
            story.recorded = True
        case TranscriptFinished():
            story.transcribed = not event.fault
        case _:
            _tell_talk(story, event)


def _tell_talk(story: _Story, event: RecordedEvent) -> None:
    match event:
        case TalkEnded():
            story.talked = (story.talked or 0.0) + event.talked
            story.held += event.held
            story.outcome = CallStage.AFTER
        case AgentJoined():
            story.outcome = CallStage.TALKING
        case MenuLeft():
            story.solved = story.solved or event.solved
        case _:
            pass


def agents_of(events: Iterable[RecordedEvent]) -> set[str]:
    """Agents to whom the contact was offered or who spoke with it: their own contacts."""
    spoke = OfferMade | ContactAnswered | AgentJoined
    return {e.agent for e in events if isinstance(e, spoke)} | {
        e.to for e in events if isinstance(e, ConsultStarted) and e.target == "agent"
    }


# --- sentences -------------------------------------------------------------------------------


class Teller:
    """Turns events into sentences, with the company's own names for queues and agents."""

    def __init__(self, company: Company, show: ShowCaller) -> None:
        self._company = company
        self._show = show

    def event(self, event: RecordedEvent) -> EventView:
        """One event as a page shows it."""
        data = to_plain(event)
        data.pop("kind")
        if "caller" in data:
            data["caller"] = self._show(data["caller"])
        if data.get("target") == "outside":
            data["to"] = self._show(data["to"])
        kind = kind_of(event)
        return EventView(
            at=event.at,
            kind=kind,
            data=data,
            text=both(lambda lang: self._text(lang, kind, data)),
        )

    def agent_name(self, agent: str) -> Names:
        """An agent's name and extension; the bare extension of one who left."""
        profile = self._company.agents.get(agent)
        return both(lambda lang: f"{named(profile.name, lang)} {agent}" if profile else agent)

    def _text(self, language: str, kind: str, data: Mapping[str, Any]) -> str:
        values = {name: self._word(language, kind, name, value) for name, value in data.items()}
        if "target" in data:
            values["to"] = self._target(language, data["target"], data["to"])
        variant = _variant(kind, data)
        for key in (f"{kind}.{variant}" if variant else kind, kind, "other"):
            if find(language, "event", key) is not None:
                return say(language, ("event", key), {**values, "kind": kind})
        return kind

    def _word(self, language: str, kind: str, name: str, value: object) -> str:
        """A field's value in words."""
        text = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
        match name:
            case "confidence" if isinstance(value, float):
                text = f"{value:.0%}"
            case "queue" | "reason" | "intent" | "scope" if text in self._company.queues:
                text = named(self._company.queues[text].name, language)
            case "reason" if names := self._company.break_name(text):
                text = named(names, language)
            case "agent" | "preferred":
                text = self.agent_name(text)[language]
            case "fault":
                text = fault_text(language, text)
            case "exit":
                text = self._exit(language, text)
            case "author":
                text = text.removeprefix("supervisor:")
            case _ if isinstance(value, str):
                where = _WORDS.get(f"{kind}.{name}") or _WORDS.get(name)
                text = say(language, (*where, text)) if where else text
        return text

    def _target(self, language: str, target: str, to: str) -> str:
        """Where a caller was passed on to, or who was asked."""
        if target == "agent":
            return self.agent_name(to)[language]
        if target == "queue" and to in self._company.queues:
            return named(self._company.queues[to].name, language)
        return to

    def _exit(self, language: str, text: str) -> str:
        """An exit of ``LimitReached`` in words."""
        kind, _, what = text.partition(":")
        if kind == "overflow" and what in self._company.queues:
            what = named(self._company.queues[what].name, language)
        return say(language, ("exit", kind), {"what": what})

    # -- why this agent -----------------------------------------------------------------------

    def routing(self, event: OfferMade) -> RoutingView:
        """Why this agent: who was considered, in what order, and why others were not."""
        reason = event.reason
        rule = str(reason.get("rule", ""))
        known = rule if find("en", "routing", "rule", rule) else "other"
        return RoutingView(
            offer=event.offer,
            at=event.at,
            queue=event.queue,
            agent=event.agent,
            rule=both(lambda lang: say(lang, ("routing", "rule", known), {"rule": rule})),
            circumstances=[both(tell) for tell in self._circumstances(reason)],
            candidates=[
                self._candidate(facts, chosen=str(facts.get("agent")) == event.agent)
                for facts in _rows(reason, "considered")
            ],
            passed_over=[self._passed_over(facts) for facts in _rows(reason, "not_considered")],
            reason=dict(reason),
        )

    def _circumstances(self, reason: Mapping[str, Any]) -> Iterator[Callable[[str], str]]:
        """How the contact came to be the next: its order, its age, its ring."""
        order = reason.get("order")
        if isinstance(order, Mapping):
            following = order.get("next")
            yield (
                lambda language: (
                    say(
                        language,
                        ("routing", "order"),
                        {
                            "waiting": order.get("waiting", ""),
                            "waited": duration(language, following.get("waited", 0)),
                            "priority": following.get("priority", ""),
                        },
                    )
                    if isinstance(following, Mapping)
                    else say(language, ("routing", "order_only"))
                )
            )
        if reason.get("aged"):
            yield lambda language: say(language, ("routing", "aged"))
        if ring := reason.get("ring"):
            yield lambda language: say(language, ("routing", "ring"), {"ring": ring})
        counts = reason.get("passed_over")
        if isinstance(counts, Mapping):  # a large company's agents are counted, not named
            yield lambda language: say(language, ("routing", "passed_over"), counts)

    def _candidate(self, facts: Mapping[str, Any], *, chosen: bool) -> CandidateView:
        agent = str(facts.get("agent", ""))
        levels = facts.get("levels")

        def why(language: str) -> str:
            parts = []
            if isinstance(idle := facts.get("idle"), int | float):
                key = "chosen" if chosen else "idle"
                parts.append(say(language, ("routing", key), {"idle": duration(language, idle)}))
            for name in FACTS:
                if name in facts:
                    values = {"value": facts[name]}
                    parts.append(say(language, ("routing", "fact", name), values))
            for skill, level in levels.items() if isinstance(levels, Mapping) else ():
                values = {"skill": self._skill(language, str(skill)), "level": level}
                parts.append(say(language, ("routing", "levels"), values))
            return " · ".join(parts)

        return CandidateView(
            agent=agent,
            name=self.agent_name(agent),
            chosen=chosen,
            why=both(why),
            facts=dict(facts),
        )

    def _passed_over(self, facts: Mapping[str, Any]) -> CandidateView:
        agent, code = str(facts.get("agent", "")), str(facts.get("why", ""))
        return CandidateView(
            agent=agent,
            name=self.agent_name(agent),
            chosen=False,
            why=both(lambda language: self.obstacle(language, code)),
            facts=dict(facts),
        )

    def obstacle(self, language: str, code: str) -> str:
        """A code of ``acd.explain.WhyNot`` or ``why_not_then`` in words; "" is "nothing"."""
        if code.startswith("skill:"):
            _, skill, levels = (*code.split(":", 2), "", "")[:3]
            has, _, needs = levels.partition("<")
            values = {"skill": self._skill(language, skill), "has": has, "needs": needs}
            return say(language, ("routing", "no_skill" if has == "0" else "low_skill"), values)
        if (state := find(language, "state", code)) is not None:
            return say(language, ("routing", "state"), {"state": state.lower()})
        kind, _, rest = code.partition(":")
        if kind == "any_of":
            rest = "、".join(self._skill(language, skill) for skill in rest.split("+"))
        elif kind == "held" and rest:
            rest = self.agent_name(rest)[language]
        elif kind == "stage":
            rest = say(language, ("stage", rest))
        elif not code:
            kind = "nothing"
        known = kind if find(language, "routing", kind) else "other"
        return say(language, ("routing", known), {"why": code, "what": rest})

    def _skill(self, language: str, skill: str) -> str:
        if skill in self._company.queues:
            return named(self._company.queues[skill].name, language)
        return say(language, ("skill", skill))


def _variant(kind: str, data: Mapping[str, Any]) -> str:
    """Which wording of an event's sentence fits: the part of its key after the dot."""
    return _VARIANTS[kind](data) if kind in _VARIANTS else ""


def fault_text(language: str, fault: str) -> str:
    """A recording's or transcript's fault (``short: …``, ``no model for en``) in words."""
    known = catalogue(language).get("fault", {})
    return next((str(text) for begin, text in known.items() if fault.startswith(begin)), fault)


def duration(language: str, seconds: float) -> str:
    """Seconds in words: ``12 秒``, ``3 分 5 秒``, ``2 小时 1 分``."""
    whole_seconds = round(seconds)
    minutes, rest = divmod(whole_seconds, 60)
    hours, minutes_left = divmod(minutes, 60)
    key = "s" if minutes == 0 else "ms" if hours == 0 else "hm"
    values = {"s": rest, "m": minutes if hours == 0 else minutes_left, "h": hours}
    return say(language, ("time", key), values)


def _rows(reason: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows = reason.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


# --- the whole record ------------------------------------------------------------------------


def make_record(
    contact: str,
    events: Sequence[RecordedEvent],
    transcripts: Sequence[TranscriptView],
    company: Company,
    show: ShowCaller,
) -> ContactRecord:
    """Everything about one contact, in the order in which it happened."""
    teller = Teller(company, show)
    return ContactRecord(
        summary=summarise(contact, events, show),
        events=[teller.event(event) for event in events],
        routing=[teller.routing(event) for event in events if isinstance(event, OfferMade)],
        recordings=[recording_view(e) for e in events if isinstance(e, RecordingFinished)],
        messages=[spoken_view(offer, event) for offer, event in messages_of(events)],
        transcripts=list(transcripts),
    )


def recording_view(event: RecordingFinished) -> RecordingView:
    """A recording with the addresses of its three files."""
    base = f"/api/v1/recordings/{event.contact}/{event.offer}"
    return RecordingView(
        offer=event.offer,
        agent=event.agent,
        seconds=event.seconds,
        talked=event.talked,
        fault=event.fault,
        stereo=f"{base}/stereo.wav",
        customer_leg=f"{base}/customer.wav",
        agent_leg=f"{base}/agent.wav",
    )


def messages_of(events: Iterable[RecordedEvent]) -> list[tuple[int, MessageRecorded]]:
    """What the caller left, each with its number: talks count from 1 up, messages from 0 down."""
    spoken = [event for event in events if isinstance(event, MessageRecorded) and event.file]
    return [(-index, event) for index, event in enumerate(spoken)]


def spoken_view(offer: int, event: MessageRecorded) -> SpokenView:
    """A message with the address of its file."""
    return SpokenView(
        offer=offer,
        at=event.at,
        purpose=event.purpose,
        queue=event.queue,
        seconds=event.seconds,
        audio=f"/api/v1/recordings/{event.contact}/{offer}/customer.wav",
    )
