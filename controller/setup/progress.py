"""Progress on the terminal: one line for each step, with what it found and how long it took."""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO


@dataclass(slots=True)
class Step:
    """One step under way; set `note` to say what came of it."""

    note: str = ""


class Progress:
    """Prints the steps of a command as they happen."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show `title`, and at the end of the block `ok` or `failed` with the seconds it took."""
        step = Step()
        begun = time.monotonic()
        self._write(f"  {title:<34}")
        try:
            yield step
        except BaseException:
            self._write(f" failed  {time.monotonic() - begun:6.1f} s\n")
            raise
        note = f"  {step.note}" if step.note else ""
        self._write(f" ok      {time.monotonic() - begun:6.1f} s{note}\n")

    def say(self, text: str) -> None:
        """A line between steps."""
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
