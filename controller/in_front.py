"""What a caller meets where the emergency switch is on, and the agents' feature codes for it."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from controller.emergencies import EmergencySwitch
from ivr.emergency import EVERYTHING, CannotSwitch, Then, pieces
from ivr.line import ALL_KEYS, AgiLine
from ivr.prompts import UnknownPrompt, prompt_path
from ivr.versions import FlowVersion
from telephony.agi import AgiSession
from telephony.commands import LeaveMessage, SayGoodbye
from telephony.events import EmergencyMet

log = logging.getLogger(__name__)

ON_CODE = "*91"
OFF_CODE = "*90"
#: Seconds between two digits of the PIN.
DIGIT_LIMIT = 5.0


class Menus(Protocol):
    """The callers' menus."""

    @property
    def current(self) -> FlowVersion:
        """The version for a caller who arrives now."""


@dataclass(frozen=True, slots=True)
class Met:
    """How a caller goes on who came upon the switch."""

    step: SayGoodbye | LeaveMessage | None = None
    """The end of it; None: the caller goes on."""
    start: str = ""
    """Where in the menus, "" as always."""


class InFront:
    """Everything that is put in front of callers, and the phones that may put it there.

    Args:
        switch: what is switched on.
        menus: the callers' menus.
        record: puts an event into the contact's history.
        recordings: the recordings folder.
        pin: what a feature code asks for.
    """

    def __init__(
        self,
        switch: EmergencySwitch,
        *,
        menus: Menus,
        record: Callable[[EmergencyMet], None],
        recordings: Path,
        pin: str,
    ) -> None:
        self._switch = switch
        self._menus = menus
        self._record = record
        self._recordings = recordings
        self._pin = pin

    async def meet(
        self, session: AgiSession, scope: str, language: str, now: Callable[[], float]
    ) -> Met:
        """Let the caller hear what stands in front of a scope, if something does.

        Without a ``language`` an announcement is heard in all of them. Raises CallerGone.
        """
        switch = self._switch.on(scope)
        if switch is None or switch.action is None:
            return Met()
        action = switch.action
        told = {name: pieces(switch)[name] for name in ("scope", "say", "then", "flow")}
        self._record(EmergencyMet(at=now(), contact=session.uniqueid, **told))
        if action.flow:
            return Met(start=self._menus.current.entry(action.flow))
        line = AgiLine(session, self._recordings)
        await line.play(self._paths(action.say, language), interruptible=False)
        match action.then:
            case Then.HANG_UP:
                return Met(step=SayGoodbye())
            case Then.VOICEMAIL:
                return Met(step=LeaveMessage())
            case Then.GO_ON:
                return Met()

    def _paths(self, prompt: str, language: str) -> list[str]:
        shelf = self._menus.current.flow.shelf
        languages = [language] if language else shelf.voices
        try:
            return [shelf.path(prompt, spoken) for spoken in languages]
        except UnknownPrompt:  # the menu has lost it since it was switched on
            log.error("the announcement %s is gone", prompt)
            return []

    # -- agents ---------------------------------------------------------------------------

    async def feature(self, session: AgiSession, code: str, agent: str) -> str:
        """An agent's phone has dialled one of the codes. Returns the prompt that tells the end."""
        plan = self._menus.current.emergency
        allowed = plan.feature_code
        if allowed is None or agent not in allowed.agents or not await self._knows_pin(session):
            log.warning("agent %s may not use the emergency switch", agent)
            return "agent_not_allowed"
        author = f"agent:{agent}"
        try:
            if code == ON_CODE:
                self._switch.switch_on(EVERYTHING, plan.actions[allowed.preset], author=author)
                return "agent_emergency_on"
            if self._switch.on(EVERYTHING):
                self._switch.switch_off(EVERYTHING, author=author)
            return "agent_emergency_off"
        except (CannotSwitch, OSError) as fault:
            log.error("the emergency switch: %s", fault)
            return "agent_not_allowed"

    async def _knows_pin(self, session: AgiSession) -> bool:
        """One try for each call: whoever guesses has to dial again each time."""
        if not self._pin:
            return False
        key = await session.stream_file(prompt_path("agent_enter_pin"), ALL_KEYS)
        key = key or await session.wait_for_digit(DIGIT_LIMIT)
        digits = ""
        while key not in ("", "#"):
            digits += key
            if len(digits) == len(self._pin):
                break
            key = await session.wait_for_digit(DIGIT_LIMIT)
        return secrets.compare_digest(digits, self._pin)
