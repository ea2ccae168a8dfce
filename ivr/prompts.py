"""Which recording says a text: prompt names, texts, voices and the files made of them.

A recording is named after what it says and how it was made,
`prompts/<language>/<name>-<8 hex digits>.wav`, so a changed text has no recording until
`./huawu ivr say` has made one: the check notices, and an old voice never says a new thing.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from ivr.wav import seconds_of
from store.source import BadFile, Source, read_source

HERE = Path(__file__).resolve().parent
CATALOGUE = HERE / "catalogue.yaml"
PARTS = HERE / "parts.yaml"
PROMPT_FOLDER = HERE / "prompts"

SYNTHESIS_VERSION = 2
"""Part of every file name; raised when ivr/say.py makes a text sound different."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks a language, and how fast (1.0 = as the voice was trained)."""

    voice: str
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One text in one language, and the recording of it."""

    name: str
    language: str
    text: str
    voice: Voice
    source: Path
    """The file that holds the text, and its line there: where to mend it."""
    line: int
    part: bool = False
    """One of the pieces that ``ivr/speaking.py`` strings together: cut close at both ends."""

    @property
    def file_name(self) -> str:
        """`<language>/<name>-<8 hex>.wav`, relative to the prompt folder."""
        print_ = fingerprint(self.text, self.voice, part=self.part)
        return f"{self.language}/{self.name}-{print_}.wav"


PeopleSay: TypeAlias = Callable[[Prompt], Path | None]
"""A person's recording of a prompt, if there is one (``ivr/human.py``)."""


def _nobody(_: Prompt) -> Path | None:
    return None


class UnknownPrompt(KeyError):
    """No text of that name in that language or in the default language."""


def fingerprint(text: str, voice: Voice, *, part: bool = False) -> str:
    """Eight hex digits that change when the recording of a text would sound different."""
    made = [text, voice.voice, f"{voice.speed:g}", str(SYNTHESIS_VERSION)]
    key = "|".join([*made, "part"] if part else made)
    return hashlib.sha256(key.encode()).hexdigest()[:8]


class PromptShelf:
    """All prompts of a running system, by name and language.

    Paths come without `.wav`, as Asterisk's STREAM FILE and Playback want them (it adds the
    extension of the format that suits the channel best).
    """

    def __init__(
        self,
        prompts: Iterable[Prompt],
        voices: Mapping[str, Voice],
        folder: Path = PROMPT_FOLDER,
        people: PeopleSay = _nobody,
    ) -> None:
        self.voices = dict(voices)
        self.folder = folder
        self._people = people
        self.default_language = next(iter(self.voices))
        self._prompts = {(prompt.name, prompt.language): prompt for prompt in prompts}

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self._prompts.values())

    def with_prompts(self, prompts: Iterable[Prompt]) -> "PromptShelf":
        """A shelf that holds these prompts too (a flow's beside the catalogue's)."""
        return PromptShelf(
            [*self._prompts.values(), *prompts], self.voices, self.folder, self._people
        )

    def find(self, name: str, language: str) -> Prompt:
        """The prompt in a language, else in the default language. Raises UnknownPrompt."""
        for spoken in (language, self.default_language):
            if prompt := self._prompts.get((name, spoken)):
                return prompt
        raise UnknownPrompt(f"{name} ({language})")

    def path(self, name: str, language: str) -> str:
        """The absolute path of the recording without extension. Raises UnknownPrompt."""
        return str(self.file(self.find(name, language)).with_suffix(""))

    def file(self, prompt: Prompt) -> Path:
        """The recording of a prompt: a person's if there is one, else the synthesised one."""
        return self._people(prompt) or self.folder / prompt.file_name

    def seconds(self, name: str, language: str) -> float:
        """How long a prompt plays; 0 when its recording is lost. Raises UnknownPrompt."""
        return seconds_of(self.file(self.find(name, language)))

    def unrecorded(self) -> list[Prompt]:
        """The prompts whose recording is not there."""
        return [prompt for prompt in self._prompts.values() if not self.file(prompt).is_file()]

    def spoken_by_people(self) -> list[Prompt]:
        """The prompts that a person's recording says."""
        return [prompt for prompt in self._prompts.values() if self._people(prompt)]

    def stale_files(self, others: Iterable["PromptShelf"] = ()) -> list[Path]:
        """Recordings in the prompt folder that no prompt of these shelves asks for any more."""
        wanted = {self.folder / prompt.file_name for shelf in (self, *others) for prompt in shelf}
        return sorted(path for path in self.folder.glob("*/*.wav") if path not in wanted)


def load_catalogue(
    file: Path = CATALOGUE,
    folder: Path = PROMPT_FOLDER,
    *,
    parts: Path = PARTS,
    people: PeopleSay = _nobody,
) -> PromptShelf:
    """The system's own prompts and the parts of values. Raises BadFile for a mistake in them."""
    source = read_source(file)
    voices = _voices(source)
    prompts = list(_prompts(source, "prompts", voices))
    spoken = {(prompt.name, prompt.language) for prompt in prompts}
    problems = [
        source.problem(
            ("prompts", name),
            f"the prompt {name} has no text in {language}",
            f"add a line '{language}: …' under {name}",
        )
        for name in _section(source, "prompts")
        for language in voices
        if (name, language) not in spoken
    ]
    if problems or not prompts:
        raise BadFile(problems or [source.problem(("prompts",), "there are no prompts")])
    return PromptShelf([*prompts, *load_parts(parts, voices)], voices, folder, people)


def load_parts(file: Path, voices: Mapping[str, Voice]) -> list[Prompt]:
    """The parts of spoken values, each in the languages that need it. Raises BadFile."""
    return [replace(prompt, part=True) for prompt in _prompts(read_source(file), "parts", voices)]


def _section(source: Source, name: str) -> Mapping[str, object]:
    section = source.data.get(name) if isinstance(source.data, dict) else None
    return section if isinstance(section, dict) else {}


def _prompts(source: Source, section: str, voices: Mapping[str, Voice]) -> Iterator[Prompt]:
    """The texts of a section: name, then language, then text."""
    for name, texts in _section(source, section).items():
        for language, voice in voices.items():
            text = texts.get(language) if isinstance(texts, dict) else None
            if isinstance(text, str) and text.strip():
                yield Prompt(
                    name=name,
                    language=language,
                    text=text,
                    voice=voice,
                    source=source.file,
                    line=source.line((section, name, language)),
                )


def _voices(source: Source) -> dict[str, Voice]:
    voices: dict[str, Voice] = {}
    for language, entry in _section(source, "voices").items():
        voice = entry.get("voice") if isinstance(entry, dict) else None
        speed = entry.get("speed", 1.0) if isinstance(entry, dict) else None
        if not isinstance(voice, str) or not isinstance(speed, int | float):
            raise BadFile(
                [
                    source.problem(
                        ("voices", language),
                        "a voice needs a name and a speed",
                        f"{language}: {{voice: zf_xiaoxiao, speed: 1.0}}",
                    )
                ]
            )
        voices[language] = Voice(voice, float(speed))
    if not voices:
        raise BadFile(
            [
                source.problem(
                    ("voices",),
                    "no language has a voice",
                    "voices: {zh-CN: {voice: zf_xiaoxiao, speed: 1.0}}",
                )
            ]
        )
    return voices


_own: PromptShelf | None = None


def speak_for(people: PeopleSay) -> None:
    """Let a company's own recordings say the system's prompts, for the rest of this process."""
    global _own  # noqa: PLW0603 - one process speaks for one company
    _own = load_catalogue(people=people)


def prompt_path(name: str, language: str = "zh-CN") -> str:
    """The recording of one of the system's own prompts, without extension.

    The catalogue is read once per process. Raises UnknownPrompt.
    """
    if _own is None:
        speak_for(_nobody)
    assert _own is not None
    return _own.path(name, language)
