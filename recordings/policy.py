"""Pure rules of recording: whether, where, and whether the file is what it should be."""

import datetime
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

FREE_SPACE_FLOOR = 500 * 1024**2
"""Bytes below which no new recording begins: a full disk cuts running ones, without an event."""

TOLERANCE = 0.5  # seconds by which a recording may differ from the talk
ALARM = 2.0  # seconds from which a difference is somebody's business

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_LIVE_FILE = re.compile(r"(?P<contact>.+)-(?P<offer>\d{1,6})-(?P<leg>agent|customer)\.wav")


def may_record(*, wanted: bool, free_bytes: int, floor: int = FREE_SPACE_FLOOR) -> bool:
    """Whether a talk is recorded: the queue wants it and the disk has room."""
    return wanted and free_bytes >= floor


def is_safe(contact: str) -> bool:
    """Whether a contact id may become part of a file's name."""
    return _SAFE_NAME.fullmatch(contact) is not None and ".." not in contact


def live_name(contact: str, offer: int, leg: str) -> str:
    """Name of a growing file, as the dialplan gives it to MixMonitor."""
    return f"{contact}-{offer}-{leg}.wav"


def parse_live_name(name: str) -> tuple[str, int] | None:
    """Contact and offer of a growing file; None when the name is not one of ours."""
    match = _LIVE_FILE.fullmatch(name)
    if match is None or not is_safe(match["contact"]):
        return None
    return match["contact"], int(match["offer"])


def folder_of(contact: str, offer: int, started_at: float, timezone: str) -> str:
    """``YYYY/MM/DD/<contact>-<offer>``, the day being that of the centre's clock.

    Raises:
        ValueError: the contact id must not become a file's name.
    """
    if not is_safe(contact):
        raise ValueError(f"unsafe contact id {contact!a}")
    day = datetime.datetime.fromtimestamp(started_at, ZoneInfo(timezone))
    return f"{day:%Y/%m/%d}/{contact}-{offer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said of a recording; ``alarm`` when somebody must look."""

    fault: str
    alarm: bool


def judge(
    *, agent: float | None, customer: float | None, talked: float | None, held: float = 0.0
) -> Verdict:
    """Compare the lengths of the legs with the talk, all in seconds.

    Args:
        agent: length of the agent's leg, None when its file is missing.
        customer: the same of the customer's.
        talked: None when the talk's end was not seen, so that nothing can be compared.
        held: seconds on hold. By the agent's phone they are recorded, while a colleague was asked
            they are not: a length between without and with them is right.
    """
    missing = [name for name, leg in (("agent", agent), ("customer", customer)) if leg is None]
    if len(missing) == 2:
        return Verdict(fault="missing: no file", alarm=True)
    if missing:
        return Verdict(fault=f"missing: the {missing[0]}'s leg", alarm=True)
    if talked is None:
        return Verdict(fault="not checked: the end of the talk was not seen", alarm=False)
    lengths = [leg for leg in (agent, customer) if leg is not None]
    worst = max(lengths, key=lambda length: abs(_off(length, talked, held)))
    off = _off(worst, talked, held)
    if abs(off) <= TOLERANCE:
        return Verdict(fault="", alarm=False)
    word = "short" if off < 0 else "long"
    return Verdict(
        fault=f"{word}: {worst:.1f} s of a talk of {talked:.1f} s", alarm=abs(off) > ALARM
    )


def _off(length: float, talked: float, held: float) -> float:
    """Seconds by which a length is too long, or (below 0) too short."""
    return min(0.0, length - talked) + max(0.0, length - talked - held)
