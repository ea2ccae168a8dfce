"""People's recordings, which win over the synthesised voice.

`./huawu ivr record NAME FILE` takes one up: it becomes telephone sound of the one loudness in
`company/recordings/<language>/<name>-<8 hex digits>.wav`. The digits are those of the text that
was read: when the text changes, the recording fits no more, and the synthesised voice says the new
text until somebody reads it.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.prompts import Prompt
from ivr.wav import read_wav, seconds_of, write_wav
from store.source import BadFile, Problem

if TYPE_CHECKING:
    from ivr.sound import Samples

ROOT = Path(__file__).resolve().parent.parent

RECORDINGS = "recordings"
"""The folder of people's recordings in a company's folder."""

_NAME = re.compile(r"(?P<name>.+)-(?P<text>[0-9a-f]{8})")


class Unfit(Exception):
    """A file that cannot become a recording; the message says why."""


def file_name(prompt: Prompt) -> str:
    """`<language>/<name>-<8 hex>.wav`, relative to the folder of people's recordings."""
    text = hashlib.sha256(prompt.text.encode()).hexdigest()[:8]
    return f"{prompt.language}/{prompt.name}-{text}.wav"


class HumanRecordings:
    """The recordings that lay in a company's folder when this was made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = {
            str(file.relative_to(folder)): read_wav(file) is not None
            for file in sorted(folder.glob("*/*.wav"))
        }

    def find(self, prompt: Prompt) -> Path | None:
        """Somebody's recording of the text as it is now."""
        name = file_name(prompt)
        return self.folder / name if self._files.get(name) else None

    def problems(self, prompts: Iterable[Prompt]) -> Iterator[Problem]:
        """What is wrong in the folder: broken files; as warnings, those that nobody hears."""
        known = {(prompt.language, prompt.name): prompt for prompt in prompts}
        for path, playable in self._files.items():
            language, _, rest = path.removesuffix(".wav").partition("/")
            named = _NAME.fullmatch(rest)
            prompt = known.get((language, named["name"] if named else rest))
            file, mend = self.folder / path, f"remove it, or ./huawu ivr record {rest} {path}"
            if prompt is None:
                yield _problem(file, f"no text in {language} is called {rest}", "remove it")
            elif named is None:
                yield _problem(file, "it is not taken up, and nobody hears it", mend)
            elif path != file_name(prompt):
                text = f"it says an older text than “{prompt.text}”; the synthesised voice is heard"
                yield _problem(file, text, f"./huawu ivr record {prompt.name} FILE, or remove it")
            elif not playable:
                text = "it is broken, or no WAV of 8 kHz, 16 bit, mono"
                mend = f"./huawu ivr record {prompt.name} FILE --language {language}, or remove it"
                yield _problem(file, text, mend, warning=False)

    def take_up(self, prompt: Prompt, source: Path) -> Path:
        """Make a prompt's recording of any sound file; the one before goes. Raises Unfit."""
        from ivr.sound import CLOSE, WHOLE, NoSound, telephone_sound

        samples, rate = _read(source)
        try:
            sound = telephone_sound(samples, rate, CLOSE if prompt.part else WHOLE)
        except NoSound:
            raise Unfit(f"{source}: there is nothing but silence in it") from None
        target = self.folder / file_name(prompt)
        write_wav(target, sound.tobytes())
        for old in target.parent.glob(f"{prompt.name}-*.wav"):
            named = _NAME.fullmatch(old.stem)
            if old != target and named and named["name"] == prompt.name:
                old.unlink()
        return target


def _problem(file: Path, text: str, mend: str, *, warning: bool = True) -> Problem:
    return Problem(file=file, line=1, text=text, mend=mend, warning=warning)


def _read(source: Path) -> "tuple[Samples, int]":
    """All channels of a sound file as one, and its rate."""
    import soundfile

    try:
        samples, rate = soundfile.read(source, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise Unfit(f"{source}: it cannot be read as sound ({error})") from None
    return samples.mean(axis=1), rate


def main(arguments: Sequence[str] | None = None) -> int:
    """Take up one recording. Returns 0, or 1 when the name or the file is at fault."""
    parser = argparse.ArgumentParser(
        prog="huawu ivr record",
        description="Let a person's recording say a prompt instead of the synthesised voice.",
        epilog="example: ./huawu ivr record goodbye take3.wav --language zh-CN",
    )
    parser.add_argument("name", help="the prompt, as in ivr/catalogue.yaml or <flow>-<node>")
    parser.add_argument("file", type=Path, help="any WAV, FLAC, OGG or MP3")
    parser.add_argument("--language", default="zh-CN", help="the language that is spoken")
    parser.add_argument("--company", type=Path, default=ROOT / "company", help="the YAML files")
    options = parser.parse_args(arguments)
    from ivr.versions import load_version  # which looks for recordings here itself

    try:
        shelf = load_version(options.company, recorded=False).flow.shelf
        prompt = next(
            (p for p in shelf if (p.name, p.language) == (options.name, options.language)), None
        )
        if prompt is None:
            raise Unfit(f"no text in {options.language} is called {options.name}")
        file = HumanRecordings(options.company / RECORDINGS).take_up(prompt, options.file)
    except (BadFile, Unfit) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{file}: {seconds_of(file):.1f} s, says “{prompt.text}”")
    print("new callers hear it after ./huawu ivr reload; the system's own prompts after a restart")
    return 0
