"""The outside inputs behind recorded events: what a replay of a recorded day is fed with. Pure.

Most decisions tell their own cause: a decision whose first event is ``ContactAnswered`` was made
because the agent's phone was answered. ``derive`` reads the cause off the events. What it cannot
read (a picture that changed something, a wish kept for after the call, a supervisor's change,
whatever is invented later) is recorded beside them as ``InputKept``, and ``keep`` decides which:
it derives the cause at once and compares. So a day's log is complete by construction, and an
ordinary call costs no row more.
"""

import dataclasses
import enum
import typing
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from acd.domain import Decision, Domain
from telephony.events import (
    AgentAnswered,
    AgentState,
    AgentStateChanged,
    AgentWish,
    AgentWished,
    CallerArrived,
    CallerLanded,
    CallStage,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    EstimateTold,
    InputKept,
    LegFound,
    LegHungUp,
    MenuFinished,
    NextStepAsked,
    OfferEnd,
    OfferEnded,
    OfferReturned,
    PairParted,
    Question,
    RecordedEvent,
    RequirementWidened,
    TalkEnded,
    TimerFired,
    WireEvent,
)

Input: TypeAlias = WireEvent | Question

#: What makes two inputs the same for the rules; other kinds are always kept.
_SAME: Mapping[type, Callable[[Any], object]] = {
    CallerArrived: attrgetter("contact", "channel", "caller", "dialled"),
    MenuFinished: lambda e: (e.contact, e.queue, e.language, dict(e.attributes)),
    NextStepAsked: lambda e: (e.contact, dict(e.variables)),
    OfferReturned: attrgetter("contact", "result"),
    AgentWished: attrgetter("agent", "wish", "reason", "author"),
    TimerFired: attrgetter("key"),
    AgentAnswered: attrgetter("contact", "agent", "offer"),
    PairParted: attrgetter("contact", "by"),
    LegHungUp: lambda e: (e.contact, e.agent, e.cause if not e.agent else 0),
}

#: The wish behind a change that a person made, by the new state.
_WISHES = {
    AgentState.READY: AgentWish.READY,
    AgentState.NOT_READY: AgentWish.NOT_READY,
    AgentState.SIGNED_OUT: AgentWish.SIGN_OUT,
}
_RETURNED = (OfferEnd.DECLINED, OfferEnd.TIMED_OUT, OfferEnd.UNREACHABLE)


# --- what a decision's events tell ---------------------------------------------------------------


def derive(events: Sequence[RecordedEvent]) -> Input | None:
    """The input behind one decision's events; ``None`` when they do not tell.

    Channels and ``at`` of the result are not those of the wire: ``feed`` of a replay fills them in.
    """
    if isinstance(events[0], InputKept):
        return from_kept(events[0])
    for event in events:
        if isinstance(event, ContactEnded):
            return LegHungUp(
                at=event.at, contact=event.contact, channel="", agent="", cause=event.cause
            )
    tell = _TELLS.get(type(events[0]))
    return tell(events[0]) if tell else None


def _of_queued(event: ContactQueued) -> Input:
    return MenuFinished(
        contact=event.contact,
        queue=event.queue,
        language=event.language,
        attributes=event.attributes,
    )


def _of_answer(event: ContactAnswered) -> Input:
    return AgentAnswered(
        at=event.at, contact=event.contact, agent=event.agent, offer=event.offer, channel=""
    )


def _of_talk(event: TalkEnded) -> Input:
    return PairParted(
        at=event.at, contact=event.contact, agent=event.agent, offer=event.offer, by=event.by
    )


def _of_offer(event: OfferEnded) -> Input | None:
    if event.result in _RETURNED:
        return OfferReturned(contact=event.contact, result=event.result)
    return None


def _of_agent(event: AgentStateChanged) -> Input | None:
    if event.author == "rule:wrap_up":
        if event.state is AgentState.WRAP_UP:
            return LegHungUp(
                at=event.at, contact=event.contact, channel="", agent=event.agent, cause=0
            )
        return TimerFired(key=f"wrap_up:{event.agent}")
    if event.author.startswith("rule:") or event.state not in _WISHES:
        return None
    wish = AgentWish.SIGN_IN if event.previous is AgentState.SIGNED_OUT else _WISHES[event.state]
    return AgentWished(agent=event.agent, wish=wish, reason=event.reason, author=event.author)


#: Kind of a decision's first event -> the input behind it.
_TELLS: Mapping[type, Callable[[Any], Input | None]] = {
    ContactArrived: lambda event: CallerArrived(
        contact=event.contact,
        channel=event.channel,
        caller=event.caller,
        dialled=event.dialled,
    ),
    ContactQueued: _of_queued,
    ContactAnswered: _of_answer,
    TalkEnded: _of_talk,
    OfferEnded: _of_offer,
    EstimateTold: lambda event: NextStepAsked(contact=event.contact, channel="", variables={}),
    RequirementWidened: lambda event: TimerFired(key=f"widen:{event.contact}"),
    AgentStateChanged: _of_agent,
}


# --- keeping what they do not tell ---------------------------------------------------------------


def changes_in_silence(domain: Domain, event: Input) -> bool:
    """Before the step: will this input matter although it may leave no event?"""
    if isinstance(event, NextStepAsked):
        contact = domain.contacts.get(event.contact)
        return contact is None or contact.doubtful or contact.stage is CallStage.MENU
    return not isinstance(event, CallerLanded)


def keep(domain: Domain, event: Input, silent: bool) -> None:
    """After the step: put an input that the decision's events do not tell in front of them.

    Args:
        silent: what ``changes_in_silence`` said.
    """
    out: Decision = domain.out
    if out.events:
        same = _SAME.get(type(event))
        told = derive(out.events)
        if same and type(told) is type(event) and same(told) == same(event):
            return
    elif not silent or not (out.contacts or out.agents):
        return
    out.events.insert(0, to_kept(event, domain.now, _landed(domain, event)))


def _landed(domain: Domain, event: Input) -> list[str]:
    """Contacts whose offer had reached the dialplan: it is no event, and pictures look at it."""
    landed = [
        contact.id
        for contact in domain.contacts.values()
        if contact.stage is CallStage.OFFERED and contact.landed
    ]
    if not (isinstance(event, TimerFired) and event.key.startswith("landing:")):
        landed += [
            ended.contact
            for ended in domain.out.events
            if isinstance(ended, OfferEnded) and ended.result is OfferEnd.NOT_LANDED
        ]
    return landed


def to_kept(event: Input, at: float, landed: Sequence[str] = ()) -> InputKept:
    """The input as it is recorded."""
    data = {
        part.name: _plain(getattr(event, part.name))
        for part in dataclasses.fields(event)
        if part.name != "at"
    }
    if hasattr(event, "at"):
        data["asked"] = event.at  # of a picture: when it was asked for
    return InputKept(at=at, input=type(event).__name__, data=data, landed=list(landed))


def from_kept(kept: InputKept) -> Input:
    """The input that ``to_kept`` recorded.

    Raises:
        ValueError: the kind is not known, or its fields do not fit.
    """
    kind = _KINDS.get(kept.input)
    if kind is None:
        raise ValueError(f"unknown input {kept.input!r}")
    hints = _HINTS[kind.__name__]
    values = {
        name: _typed(value, hints[name]) for name, value in kept.data.items() if name in hints
    }
    if "at" in hints:
        values["at"] = kept.data.get("asked", kept.at)
    try:
        return typing.cast(Input, kind(**values))
    except TypeError as error:
        raise ValueError(f"{kept.input}: {error}") from error


_KINDS: dict[str, type] = {
    kind.__name__: kind for union in (WireEvent, Question) for kind in typing.get_args(union)
}
_HINTS = {name: typing.get_type_hints(kind) for name, kind in _KINDS.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, LegFound):
        return dataclasses.asdict(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return dict(value) if isinstance(value, Mapping) else value


def _typed(value: Any, hint: Any) -> Any:
    for kind in (hint, *typing.get_args(hint)):
        if isinstance(kind, enum.EnumMeta) and value is not None:
            return kind(value)
    if typing.get_origin(hint) is frozenset:
        return frozenset(value)
    if typing.get_origin(hint) is tuple:
        return tuple(LegFound(**part) if isinstance(part, dict) else part for part in value)
    return value
