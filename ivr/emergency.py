"""The emergency switch: an announcement or another flow in front of everything, or of one queue.

What is switched on stands in one file of the state folder, a line of JSON for each time that
somebody switched, never rewritten: the last line of a scope is its state, all lines are the
history. It is a file, and looked at for each call, so that it works at once for whoever serves
callers, for the command line as well as for a page, with Redis gone or restored from yesterday,
and after every restart.
"""

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from ivr.prompts import Prompt, PromptShelf, UnknownPrompt, Voice
from store.source import BadFile, Problem, Source, Where, check_source, read_source

log = logging.getLogger(__name__)

EVERYTHING = "everything"
"""The scope of all callers; any other scope is a queue's id."""
FILE = "emergency.yaml"

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Agent = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,8}$")]


class Then(StrEnum):
    """What follows an announcement."""

    GO_ON = "go_on"
    """The menu, or the queue, as always."""
    HANG_UP = "hang_up"
    VOICEMAIL = "voicemail"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Action(_Strict):
    """What is put in front of callers: an announcement and what follows, or another flow."""

    say: str = ""
    """A prompt's name, of the catalogue or of the menus (``<flow>-<node>``)."""
    then: Then = Then.GO_ON
    flow: str = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.say) == bool(self.flow):
            raise ValueError("needs either say (a prompt) or flow (the name of a flow)")
        return self


class Preset(_Strict):
    """An action under a name, or a text of its own to be announced."""

    text: dict[str, Text] = {}
    """By language."""
    say: str = ""
    then: Then = Then.GO_ON
    flow: str = ""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(map(bool, (self.text, self.say, self.flow))) != 1:
            raise ValueError("needs one of text, say (a prompt) and flow (the name of a flow)")
        return self


class FeatureCode(_Strict):
    """What agents' phones can switch on in front of everything, and whose."""

    preset: Word
    agents: list[Agent] = Field(min_length=1)


class EmergencyPlan(_Strict):
    """``emergency.yaml``: what can be switched on by a name."""

    presets: dict[Word, Preset] = {}
    feature_code: FeatureCode | None = None

    @property
    def actions(self) -> Mapping[str, Action]:
        """What can be switched on, by name; the file's own replace the built-in ones."""
        own = {
            name: Action(say=preset.say or _prompt(name), then=preset.then)
            if not preset.flow
            else Action(flow=preset.flow)
            for name, preset in self.presets.items()
        }
        return {**BUILT_IN, **own}


BUILT_IN: Mapping[str, Action] = {
    "system_trouble": Action(say="emergency_system", then=Then.HANG_UP),
    "delays": Action(say="emergency_delays"),
    "busy": Action(say="emergency_busy"),
}


def _prompt(preset: str) -> str:
    return f"emergency-{preset}"


def read_plan(file: Path) -> tuple[EmergencyPlan, Source | None]:
    """emergency.yaml, which may be absent. Raises BadFile; ``check_plan`` looks further."""
    if not file.exists():
        return EmergencyPlan(), None
    source = read_source(file)
    return check_source(source, EmergencyPlan), source


def plan_prompts(
    plan: EmergencyPlan, source: Source | None, voices: Mapping[str, Voice]
) -> list[Prompt]:
    """The texts of a plan, to be recorded like those of the menus.

    Raises BadFile when one is not in every language.
    """
    if source is None:
        return []
    texts = {name: preset.text for name, preset in plan.presets.items() if preset.text}
    if problems := [
        source.problem(
            ("presets", name, "text"),
            f"the text of {name} is in {', '.join(text)}",
            f"it must be in {', '.join(voices)}",
        )
        for name, text in texts.items()
        if text.keys() != voices.keys()
    ]:
        raise BadFile(problems)
    return [
        Prompt(
            name=_prompt(name),
            language=language,
            text=words,
            voice=voices[language],
            source=source.file,
            line=source.line(("presets", name, "text", language)),
        )
        for name, text in texts.items()
        for language, words in text.items()
    ]


def check_plan(
    plan: EmergencyPlan,
    source: Source,
    shelf: PromptShelf,
    flows: Collection[str],
    agents: Collection[str],
) -> None:
    """Raises BadFile with everything that a plan names in vain.

    Args:
        plan: what was read.
        source: from where.
        shelf: the prompts of the system, the menus and the plan.
        flows: names of the company's flows.
        agents: ids of the company's agents.
    """
    if problems := [*_presets(plan, source, shelf, flows), *_feature_code(plan, source, agents)]:
        raise BadFile(problems)


def _presets(
    plan: EmergencyPlan, source: Source, shelf: PromptShelf, flows: Collection[str]
) -> Iterator[Problem]:
    for name, preset in plan.presets.items():
        if not preset.text:
            try:
                check_action(plan.actions[name], shelf, flows, recorded=False)
            except CannotSwitch as fault:
                where: Where = ("presets", name, "flow" if preset.flow else "say")
                yield source.problem(where, fault.text, fault.mend)


def _feature_code(
    plan: EmergencyPlan, source: Source, agents: Collection[str]
) -> Iterator[Problem]:
    code = plan.feature_code
    if code and code.preset not in plan.actions:
        mend = f"presets are {', '.join(plan.actions)}"
        where: Where = ("feature_code", "preset")
        yield source.problem(where, f"there is no preset {code.preset}", mend)
    for index, agent in enumerate(code.agents if code else ()):
        if agent not in agents:
            where = ("feature_code", "agents", index)
            yield source.problem(where, f"there is no agent {agent}", "agents.yaml has the ids")


class CannotSwitch(Exception):
    """This cannot be switched on; ``mend`` says what to do."""

    def __init__(self, text: str, mend: str) -> None:
        super().__init__(f"{text}\n    mend: {mend}")
        self.text = text
        self.mend = mend


def check_action(
    action: Action, shelf: PromptShelf, flows: Collection[str], *, recorded: bool = True
) -> None:
    """Raises CannotSwitch unless callers would hear or reach something.

    ``recorded=False`` does not ask whether the announcement was spoken yet.
    """
    if action.flow:
        if action.flow not in flows:
            raise CannotSwitch(f"there is no flow {action.flow}", f"flows are {', '.join(flows)}")
        return
    mend = f"write the text into {FILE}, then ./huawu ivr say and ./huawu ivr reload"
    for language in shelf.voices:
        try:
            prompt = shelf.find(action.say, language)
        except UnknownPrompt:
            text = f"there is no announcement {action.say}; only what was recorded can be heard"
            raise CannotSwitch(text, mend) from None
        if recorded and not (shelf.folder / prompt.file_name).is_file():
            raise CannotSwitch(f"{action.say} has no recording in {language}", mend)


# ---- what is switched on ----


class Switch(_Strict):
    """Somebody switched something on (``action``) or off (None) in front of a scope."""

    at: float
    """Unix seconds."""
    author: str
    scope: Word
    action: Action | None
    note: str = ""


@dataclass(slots=True)
class _Seen:
    """The file as it was when it was last read."""

    stamp: tuple[int, int] = (0, 0)
    switches: tuple[Switch, ...] = ()


class SwitchBook:
    """What is and was switched on, in a file of one line for each switch."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = _Seen()

    def on(self, scope: str) -> Switch | None:
        """What stands in front of this scope now."""
        return self.state().get(scope)

    def state(self) -> Mapping[str, Switch]:
        """What is switched on, by scope."""
        last = {switch.scope: switch for switch in self.history()}
        return {scope: switch for scope, switch in last.items() if switch.action}

    def history(self) -> tuple[Switch, ...]:
        """Every switch that was ever made, the oldest first."""
        try:
            found = self._file.stat()
        except OSError:
            return ()
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp != self._seen.stamp:
            lines = self._file.read_text(encoding="utf-8").splitlines()
            self._seen = _Seen(stamp, tuple(_readable(lines)))
        return self._seen.switches

    def write(self, switch: Switch) -> None:
        """Add a switch: for every caller who arrives after this. Raises OSError."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The line end comes first, so that a line that a full disk cut short spoils no other.
        line = f"\n{switch.model_dump_json()}".encode()
        target = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(target, line) != len(line):
                raise OSError(f"{self._file}: could not be written to its end")
            os.fsync(target)
        finally:
            os.close(target)


def _readable(lines: Iterable[str]) -> Iterable[Switch]:
    for number, line in enumerate(lines, start=1):
        if line:
            try:
                yield Switch.model_validate_json(line)
            except ValidationError:
                log.error("line %d of the emergency switch cannot be read", number)


def pieces(switch: Switch) -> dict[str, Any]:
    """The switch as an event or a view has it."""
    action = switch.action
    return {
        "at": switch.at,
        "author": switch.author,
        "scope": switch.scope,
        "on": action is not None,
        "say": action.say if action else "",
        "then": action.then.value if action and action.say else "",
        "flow": action.flow if action else "",
        "note": switch.note,
    }
