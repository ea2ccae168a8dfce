"""Which processes are ours: marks on disk that cannot be mistaken for a stranger's.

A process id is used again after its owner died. So a mark keeps the start time beside it, and
nothing is ever signalled on the number alone. Each of our processes leads a session of its own,
so that its children are found by their process group and end with it.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from controller.credentials import write_private

MARKER = "HUAWU_SUPERVISED_BY"
"""Environment variable of every process we start; its value is the state folder."""

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Mark:
    """A process that was ours at some time."""

    pid: int
    started: str
    """Start time in clock ticks since boot, as /proc shows it."""

    @classmethod
    def of(cls, pid: int) -> "Mark":
        """The mark of a living process; ProcessLookupError when it is gone."""
        started = _stat(pid)
        if started is None:
            raise ProcessLookupError(pid)
        return cls(pid, started.started)

    @classmethod
    def read(cls, file: Path) -> "Mark | None":
        """What `write` kept, None when there is nothing (whole) in the file."""
        try:
            pid, started = file.read_text(encoding="utf-8").split()
            return cls(int(pid), started)
        except (OSError, ValueError):
            return None

    def write(self, file: Path) -> None:
        """Keep the mark on disk."""
        write_private(file, f"{self.pid} {self.started}\n")

    def is_alive(self) -> bool:
        """Whether that very process still runs. One that waits to be reaped does not."""
        stat = _stat(self.pid)
        return stat is not None and stat.started == self.started and stat.state not in "ZX"


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    group: int
    started: str


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name is in brackets and may itself hold brackets and blanks; proc(5) counts from 1.
    fields = text.rpartition(")")[2].split()
    return _Stat(state=fields[0], group=int(fields[2]), started=fields[19])


def group_of(mark: Mark, state: Path) -> list[int]:
    """Living members of the process group that `mark` leads or led, as far as they are ours.

    When the leader is gone its number may belong to a stranger; then only processes that carry
    our marker for this state folder count.
    """
    leader_is_ours = mark.is_alive()
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        stat = _stat(pid)
        if stat is None or stat.group != mark.pid or stat.state in "ZX":
            continue
        if leader_is_ours or _carries_marker(pid, state):
            members.append(pid)
    return members


def _carries_marker(pid: int, state: Path) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARKER}={state}".encode() in environment.split(b"\0")


def end_group(mark: Mark, state: Path, *, grace_s: float) -> bool:
    """End that process and its children: SIGTERM, and SIGKILL after the grace.

    Returns whether everything is gone. Blocks for up to `grace_s` + 2 seconds.
    """
    if mark.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(mark.pid, signal.SIGTERM)
        wait_gone(mark, state, within_s=grace_s)
    for pid in group_of(mark, state):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return wait_gone(mark, state, within_s=2.0)


def wait_gone(mark: Mark, state: Path, *, within_s: float) -> bool:
    """Wait until the whole group is gone; False when the time is over first."""
    deadline = time.monotonic() + within_s
    while group_of(mark, state):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
