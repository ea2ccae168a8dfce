"""Who else is on a talk: hold, consultation and conference, folded for the desks. Pure."""

from dataclasses import dataclass, field, replace
from typing import Literal

from telephony.events import (
    AgentJoined,
    CallStage,
    ConsultAnswered,
    ConsultEnded,
    ConsultStarted,
    ContactTransferred,
    HoldEnded,
    HoldStarted,
    RecordedEvent,
    TalkEnded,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondVoice:
    """Somebody whom the agent has asked, or who talks with both."""

    target: str  # "agent" or "outside"
    to: str
    offer: int
    state: Literal["ringing", "talking", "conference"]
    since: float


@dataclass(slots=True)
class Together:
    """What is known of one talk besides caller and agent."""

    second: SecondVoice | None = None
    held_since: float | None = None
    held: float = 0.0  # seconds of holds that are over
    passed_on: str = ""  # where the talk's caller goes: a target, until it is there
    agents: set[str] = field(default_factory=set)  # all who have talked with the caller

    def follow(self, event: RecordedEvent) -> bool:
        """Take one event of the contact in; False when it is about something else."""
        match event:
            case HoldStarted():
                self.held_since = event.at
            case HoldEnded():
                self.held_since = None
                self.held += event.seconds
            case ConsultStarted():
                self.second = SecondVoice(
                    target=event.target,
                    to=event.to,
                    offer=event.offer,
                    state="ringing",
                    since=event.at,
                )
            case ConsultAnswered() if self.second:
                self.second = replace(self.second, state="talking", since=event.at)
            case ConsultEnded():
                self._end_consult(event)
            case ContactTransferred():
                self.passed_on = event.target
            case _:
                return False
        return True

    def _end_consult(self, event: ConsultEnded) -> None:
        if self.second and event.result == "conference":
            self.second = replace(self.second, state="conference", since=event.at)
        else:
            self.second = None

    def joins(self, event: AgentJoined) -> bool:
        """An agent came: does this one have the caller alone from now on?"""
        self.agents.add(event.agent)
        if event.how == "attended":
            self.held = 0.0
        return event.how == "attended"

    def leaves(self, event: TalkEnded) -> str | None:
        """One agent's talk is over: who goes on with the caller; None when nobody does."""
        second, self.second = self.second, None
        if second is None or second.state != "conference":
            self.held_since, self.held = None, 0.0
            return None
        if second.to == event.agent:
            return ""  # the one who had the caller before
        self.held = 0.0
        return second.to

    def stage_after_talk(self) -> CallStage:
        """Where a caller is when the talk is over."""
        passed_on, self.passed_on = self.passed_on, ""
        stages = {"node": CallStage.MENU, "outside": CallStage.OUTSIDE}
        return stages.get(passed_on, CallStage.AFTER)
