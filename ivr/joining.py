"""Several recordings played as one: joined to one file, so that no gap lies between them.

Between two STREAM FILE commands Asterisk waits for our answer. On a quiet machine nothing is heard
of it, on a busy one a packet of 20 ms is missing at each seam (tests/live/test_joined_prompts.py):
nobody notices it between sentences, but a number of eight parts stutters. A joined file is made at
its first use, in a few milliseconds, and kept for the next caller; what was not played for long
goes first.
"""

import hashlib
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from ivr.wav import read_wav, write_wav

log = logging.getLogger(__name__)

KEPT = 500
"""Joined files that are kept; 500 of three seconds are 24 MB."""


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
        self._folder.mkdir(parents=True, exist_ok=True)
        self._forget()
        write_wav(file, frames)

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
    if (frames := read_wav(Path(f"{prompt}.wav"))) is None:
        log.error("no recording %s", PurePath(prompt).name)
    return frames or b""
