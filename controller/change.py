"""What came of a change of files that people write, as commands tell it."""

import getpass
import os
from dataclasses import dataclass, field

from store.source import Problem
from store.versions import Version


@dataclass(slots=True)
class Change:
    """What came of taking other files into use."""

    problems: list[Problem] = field(default_factory=list)
    """With any of these, nothing has changed."""
    version: Version | None = None
    controllers: int = 0
    """How many were asked to go by it."""
    notes: list[str] = field(default_factory=list)
    """What else was done, and what somebody has still to do."""

    def compare(self, before: Version | None) -> None:
        """Note it when the version is the one that was in use before."""
        if before and self.version and self.version.number == before.number:
            self.notes.append("the files say what is in use already")


def author_or(name: str) -> str:
    """The name given, or that of the person at this terminal."""
    try:
        return name or getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
