"""Replay: a recorded day's inputs, fed to a fresh distribution; the same rules decide the same.

The recorded events are cut into decisions (all events of one decision bear its moment), each
decision's input is read off them (``acd/inputs.py``), and what the distribution decides on that
input is compared with what was recorded. A reason's wording may change; who got whom, when, and
everything that follows may not. A timer that fired is an input with its live delay; that the rules
set it for that time is compared, too.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from acd.agent import Agent
from acd.company import Company
from acd.distribution import Distribution
from acd.domain import Decision
from acd.inputs import Input, derive
from acd.wishes import ActionRefused
from telephony.commands import CancelWake, WakeAt
from telephony.events import (
    AgentAnswered,
    AgentState,
    AgentStateChanged,
    CallerLanded,
    CallStage,
    ContactQueued,
    DigitsCollected,
    EmergencyMet,
    EmergencySwitched,
    EstimateTold,
    InputKept,
    LegHungUp,
    MenuLeft,
    MenuStepTaken,
    MessageRecorded,
    MessageTaken,
    NextStepAsked,
    OfferMade,
    OfferReturned,
    RecordedEvent,
    RecordingFinished,
    RulesChanged,
    ServiceAsked,
    SurveyAnswered,
    SurveyOffered,
    TimerFired,
    TranscriptFinished,
    UnknownEvent,
    WordsHeard,
    from_plain,
    to_plain,
)

#: Events that others than the distribution record.
NOT_DECIDED = (
    MenuStepTaken,
    DigitsCollected,
    ServiceAsked,
    WordsHeard,
    MessageTaken,
    MenuLeft,
    SurveyOffered,
    SurveyAnswered,
    MessageRecorded,
    EmergencySwitched,
    EmergencyMet,
    RecordingFinished,
    TranscriptFinished,
)
#: Fields that say how a decision is told, not what was decided.
TOLD = (("reason", OfferMade), ("seconds", EstimateTold))
#: Kinds of timers whose time the rules say, and by how many seconds they may fire early or late.
RULED = frozenset({"wrap_up", "break", "widen", "preferred", "limit", "retry", "expire"})
EARLY, LATE = 0.05, 2.0
#: States that an agent can be in without a contact.
FREE = frozenset({AgentState.SIGNED_OUT, AgentState.NOT_READY, AgentState.READY})


RulesOf = Callable[[int], Company | None]
"""The rules of a version (see ``RulesChanged``), if they are known."""


class UnreadableDayError(ValueError):
    """A file is no recorded day."""


def read_events(file: Path) -> list[RecordedEvent]:
    """Events from a JSON-lines file, plain or gzipped; empty lines are passed over.

    Raises:
        UnreadableDayError: it cannot be read, or a line is no event (the message names it).
    """
    events = []
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UnreadableDayError(f"{file}: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            events.append(from_plain(json.loads(line)))
        except (UnknownEvent, ValueError, AttributeError) as error:
            raise UnreadableDayError(f"{file}:{number}: {error}") from error
    return events


def write_events(events: Iterable[RecordedEvent], file: Path) -> None:
    """Events as JSON lines, gzipped when the name ends so; the same events, the same bytes."""
    lines = "".join(
        json.dumps(to_plain(event), ensure_ascii=False, separators=(",", ":")) + "\n"
        for event in events
    )
    raw = lines.encode()
    file.write_bytes(gzip.compress(raw, mtime=0) if file.suffix == ".gz" else raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One decision that came out differently."""

    at: float
    input: str
    recorded: Sequence[Mapping[str, Any]]
    decided: Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Replay:
    """What a replay found."""

    decisions: int = 0
    offers: int = 0  # OfferMade events that were compared
    differences: list[Difference] = field(default_factory=list)
    unexplained: list[Difference] = field(default_factory=list)  # decisions without known input


def replay(
    events: Sequence[RecordedEvent],
    company: Company,
    *,
    is_open: Callable[[str, float], bool] = lambda _hours, _now: True,
    compare_from: float = 0.0,
    rules_of: RulesOf = lambda _version: None,
) -> Replay:
    """Feed a recorded day to a fresh distribution and compare every decision.

    Args:
        events: in the order of the log.
        company: the rules at its beginning.
        rules_of: the rules of a version that was taken into use that day; where they are not known
            the earlier ones stay, and what they decide otherwise is a difference.
        compare_from: Unix seconds; what lies before only warms the state up.
    """
    found = Replay()
    distribution = Distribution(company, is_open=is_open)
    begin(distribution, events)
    timers: dict[str, float] = {}
    for recorded in decisions(events):
        at = recorded[0].at
        changed = next((event for event in recorded if isinstance(event, RulesChanged)), None)
        cause = derive(recorded) if changed is None else None
        due = timers.get(cause.key, at) if isinstance(cause, TimerFired) else at
        if changed:
            decided = _adopt(distribution, changed, rules_of(changed.version))
        else:
            decided = Decision() if cause is None else feed(distribution, recorded, cause, at)
        _follow_timers(timers, cause, decided)
        if at < compare_from:
            continue
        found.decisions += 1
        found.offers += sum(isinstance(event, OfferMade) for event in recorded)
        expected, got = comparable(recorded), comparable(decided.events)
        if isinstance(cause, TimerFired) and not _in_time(cause.key, due, at):
            expected.insert(0, {"timer": cause.key, "at": at})
            got.insert(0, {"timer": cause.key, "at": due})
        if expected != got:
            name = type(cause).__name__ if cause else ""
            into = found.differences if cause else found.unexplained
            into.append(Difference(at=at, input=name, recorded=expected, decided=got))
    return found


def _adopt(distribution: Distribution, changed: RulesChanged, rules: Company | None) -> Decision:
    if rules is None:
        return Decision()
    return distribution.adopt(rules, changed.at, version=changed.version, author=changed.author)


def _follow_timers(timers: dict[str, float], cause: Input | None, decided: Decision) -> None:
    if isinstance(cause, TimerFired):
        timers.pop(cause.key, None)
    for command in decided.commands:
        match command:
            case WakeAt():
                timers[command.key] = command.at
            case CancelWake():
                timers.pop(command.key, None)
            case _:
                pass


def _in_time(key: str, due: float, at: float) -> bool:
    return key.partition(":")[0] not in RULED or -EARLY <= at - due <= LATE


def decisions(events: Iterable[RecordedEvent]) -> Iterator[list[RecordedEvent]]:
    """The events cut into decisions: all events of one bear the same moment."""
    decided = (event for event in events if not isinstance(event, NOT_DECIDED))
    for _, group in groupby(decided, key=lambda event: event.at):
        yield list(group)


def begin(distribution: Distribution, events: Sequence[RecordedEvent]) -> None:
    """Put agents into the state in which the recording finds them."""
    first: dict[str, AgentStateChanged] = {}
    for event in events:
        if isinstance(event, AgentStateChanged):
            first.setdefault(event.agent, event)
    agents = [
        Agent(
            name,
            state=change.previous if change.previous in FREE else AgentState.NOT_READY,
            since=events[0].at,
            idle_since=events[0].at,
        )
        for name, change in first.items()
        if change.previous is not AgentState.SIGNED_OUT
    ]
    if agents:
        distribution.restore([], agents, events[0].at)


def feed(
    distribution: Distribution, recorded: Sequence[RecordedEvent], cause: Input, at: float
) -> Decision:
    """One input to the distribution, and before it the landings that it presupposes."""
    kept = recorded[0]
    landed = list(kept.landed) if isinstance(kept, InputKept) else []
    if isinstance(cause, AgentAnswered | OfferReturned):
        landed.append(cause.contact)
    for name in landed:
        _land(distribution, name, at)
    _recall(distribution, recorded)
    try:
        return distribution.handle(_whole(distribution, cause), at)
    except ActionRefused:
        return Decision()


def _recall(distribution: Distribution, recorded: Sequence[RecordedEvent]) -> None:
    """Who served a caller on a day before is known from the decision that waits for that agent."""
    domain = distribution.domain
    for event in recorded:
        if not isinstance(event, ContactQueued) or event.preferred_by != "rule:sticky":
            continue
        if contact := domain.contacts.get(event.contact):
            domain.served.note(contact.caller, event.preferred, event.at)


def _land(distribution: Distribution, name: str, at: float) -> None:
    contact = distribution.domain.contacts.get(name)
    if contact and contact.stage is CallStage.OFFERED and not contact.landed:
        distribution.handle(
            CallerLanded(at=at, contact=name, agent=contact.agent, offer=contact.offer), at
        )


def _whole(distribution: Distribution, cause: Input) -> Input:
    """An input that was read off the events, with the channel that it must have had."""
    contact = distribution.domain.contacts.get(getattr(cause, "contact", ""))
    if contact is None:
        return cause
    if isinstance(cause, NextStepAsked) and not cause.channel:
        return replace(cause, channel=contact.channel)
    if isinstance(cause, AgentAnswered) and not cause.channel:
        return replace(cause, channel="agent")
    if isinstance(cause, LegHungUp) and not cause.channel:
        return replace(cause, channel="agent" if cause.agent else contact.channel)
    return cause


def comparable(events: Iterable[RecordedEvent]) -> list[dict[str, Any]]:
    """A decision's events as they lie in the log, without its input and what only tells."""
    found = []
    for event in events:
        if isinstance(event, InputKept | RulesChanged):
            continue
        plain: dict[str, Any] = json.loads(json.dumps(to_plain(event)))
        for name, kind in TOLD:
            if isinstance(event, kind):
                plain.pop(name, None)
        found.append(plain)
    return found


def diff_lines(differences: Sequence[Difference], limit: int = 20) -> list[str]:
    """The first differences as lines: ``-`` was recorded, ``+`` is decided now."""
    lines = []
    for difference in differences[:limit]:
        lines.append(f"@ {difference.at:.6f} {difference.input or 'no input can be told'}")
        for sign, events in (("-", difference.recorded), ("+", difference.decided)):
            lines += [
                f"{sign} {json.dumps(event, ensure_ascii=False)}"
                for event in events
                if event not in (difference.decided if sign == "-" else difference.recorded)
            ]
    if len(differences) > limit:
        lines.append(f"... and {len(differences) - limit} decisions more")
    return lines
