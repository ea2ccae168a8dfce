"""Several recordings played as one: joined to one file, so that no gap lies between them.

Between two STREAM FILE commands a caller hears silence of a few hundredths of a second, more on a
busy machine (measured in docs/prompts.md): between sentences nobody notices, inside a number it
stutters. A joined file is made at its first use in under two milliseconds and kept for the next
caller; what was not played for long goes first.
"""

import hashlib
import logging
import os
import wave
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath

log = logging.getLogger(__name__)

TELEPHONE_RATE = 8_000
KEPT = 500
"""Joined files that are kept; 500 of three seconds are 24 MB."""


def seconds(file: Path) -> float:
    """How long a WAV file plays. Raises OSError, EOFError, wave.Error when it is none."""
    with wave.open(str(file)) as sound:
        return sound.getnframes() / sound.getframerate()


class Joiner:
    """Joins recordings in a folder of its own, which may be emptied at any time."""

    def __init__(self, folder: Path, *, kept: int = KEPT) -> None:
        self._folder = folder
        self._kept = kept

    def joined(self, prompts: Sequence[str]) -> list[str]:
        """What the line plays for these recordings (paths without extension): one, or none.

        A recording that is lost or no telephone sound is left out and logged, as the line does
        with a single one. When nothing can be written, they are played one by one.
        """
        if len(prompts) < 2:
            return list(prompts)
        try:
            stamps = [_stamp(prompt) for prompt in prompts]
            name = hashlib.sha256("\n".join(stamps).encode()).hexdigest()[:24]
            file = self._folder / f"{name}.wav"
            if file.is_file():
                os.utime(file)
            else:
                self._write(file, b"".join(map(_frames, prompts)))
        except OSError as error:
            log.error("recordings are played one by one: %s", error)
            return list(prompts)
        return [str(file.with_suffix(""))]

    def _write(self, file: Path, frames: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._forget()
        unfinished = file.with_suffix(f".{os.getpid()}")
        with wave.open(str(unfinished), "wb") as sound:
            sound.setparams((1, 2, TELEPHONE_RATE, 0, "NONE", ""))
            sound.writeframes(frames)
        unfinished.replace(file)

    def _forget(self) -> None:
        """Make room for one more."""
        files = list(self._folder.glob("*.wav"))
        if len(files) < self._kept:
            return
        files.sort(key=lambda file: file.stat().st_mtime)
        for file in files[: len(files) - self._kept // 2]:
            with suppress(FileNotFoundError):
                file.unlink()  # Asterisk goes on with what it has open


def _stamp(prompt: str) -> str:
    """A recording as it is now: a human one keeps its name when it is spoken anew."""
    with suppress(FileNotFoundError):
        status = Path(f"{prompt}.wav").stat()
        return f"{prompt} {status.st_size} {status.st_mtime_ns}"
    return prompt


def _frames(prompt: str) -> bytes:
    with suppress(FileNotFoundError, wave.Error, EOFError), wave.open(f"{prompt}.wav") as sound:
        if sound.getparams()[:3] == (1, 2, TELEPHONE_RATE):
            return sound.readframes(sound.getnframes())
    log.error("no recording %s", PurePath(prompt).name)
    return b""
