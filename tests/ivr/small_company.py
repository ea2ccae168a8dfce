"""A company of a few files in a temporary folder, and a caller made of a script."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

from ivr.dialogue import CallerGone
from ivr.flow import Surroundings
from ivr.prompts import Prompt, PromptShelf, Voice

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
