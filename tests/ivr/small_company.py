"""A company of a few files in a temporary folder, and a caller made of a script."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

from ivr.call import MenuEvent
from ivr.dialogue import Caller, Outcome, run_dialogue
from ivr.flow import Surroundings
from ivr.ports import CallerGone, Heard, Recorded, World
from ivr.prompts import Prompt, PromptShelf, Voice
from ivr.versions import FlowVersion
from telephony.events import MenuStepTaken

VOICES = {"zh-CN": Voice("zf_xiaoxiao", 1.0), "en": Voice("af_heart", 1.0)}

SMALL = """
    name: small
    start: hello
    languages: [zh-CN, en]
    person: person
    nodes:
      hello:
        kind: say
        text: {zh-CN: 您好, en: Hello}
        next: choice
      choice:
        kind: menu
        text: {zh-CN: 订单请按一, en: 'For orders, press one'}
        keys: {1: order}
      order:
        kind: queue
        queue: order
      person:
        kind: queue
        queue: general
"""


def shelf(folder: Path) -> PromptShelf:
    """The two prompts that a dialogue needs of the system, with no recordings."""
    return PromptShelf(
        [
            Prompt(name=name, language=language, text=name, voice=voice, source=folder, line=1)
            for name in ("invalid_key", "no_input")
            for language, voice in VOICES.items()
        ],
        VOICES,
        folder,
    )


def surroundings(folder: Path) -> Surroundings:
    """Queues order and general, hours always."""
    return Surroundings(shelf=shelf(folder), queues={"order", "general"}, hours={"always"})


def write(folder: Path, text: str) -> Path:
    """A flow file with this text."""
    file = folder / "flow.yaml"
    file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return file


class ScriptedLine:
    """A caller: each `play` or `wait_digit` takes the next answer of the script.

    An answer is a key, "" for nothing, or HANG_UP. A script that has run out presses nothing.
    A key meant for a text that cannot be interrupted is lost, as on a real line.
    """

    HANG_UP = "hang up"

    def __init__(self, *script: str) -> None:
        self.script = list(script)
        self.heard: list[str] = []
        self.waits: list[float] = []
        self.turns = 0

    def _answer(self) -> str:
        self.turns += 1
        answer = self.script.pop(0) if self.script else ""
        if answer == self.HANG_UP:
            raise CallerGone
        return answer

    async def play(self, prompts: Sequence[str], *, interruptible: bool) -> str:
        """Remember what was played, without folder and fingerprint."""
        self.heard += [
            f"{Path(path).parent.name}/{Path(path).name.rpartition('-')[0]}" for path in prompts
        ]
        answer = self._answer()
        return answer if interruptible else ""

    async def wait_digit(self, seconds: float) -> str:
        """Remember how long the menu would wait."""
        self.waits.append(seconds)
        return self._answer()

    async def hear(
        self, prompts: Sequence[str], *, seconds: float, language: str, comfort: Sequence[str]
    ) -> Heard:
        """An answer of several characters that is no key is what the caller says."""
        answer = await self.play(prompts, interruptible=True) or await self.wait_digit(seconds)
        return Heard(words=answer, spoke=True) if len(answer) > 1 else Heard(key=answer)

    async def record(self, name: str, *, seconds: float, silence: float, end_keys: str) -> Recorded:
        """An answer of several characters is spoken; else there is nothing but a key."""
        answer = self._answer()
        if len(answer) > 1:
            return Recorded(seconds=3.0, file=f"messages/{name}.wav")
        return Recorded(seconds=0.0, key=answer)


class Walked:
    """A finished walk: how it came out, what was heard, what was told."""

    def __init__(self, line: ScriptedLine, outcome: Outcome, events: list[MenuEvent]) -> None:
        self.line, self.outcome, self.events = line, outcome, events

    @property
    def heard(self) -> list[str]:
        """What was played, without folders and fingerprints."""
        return self.line.heard

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Node and key of every step."""
        return [(e.node, e.key) for e in self.events if isinstance(e, MenuStepTaken)]

    def told(self, kind: type) -> list:
        """The events of a kind, without when and whose."""
        return [event for event in self.events if isinstance(event, kind)]


async def walk(
    version: FlowVersion,
    *script: str,
    number: str = "13800138000",
    now: float = 0.0,
    world: World | None = None,
    **more: str,
) -> Walked:
    """Lead a scripted caller through a version."""
    line, events = ScriptedLine(*script), []
    outcome = await run_dialogue(
        line,
        version,
        Caller(contact="huawu-1.1", number=number),
        world or World(now=lambda: now),
        events.append,
        **more,
    )
    return Walked(line, outcome, events)
