"""Messages that are on disk and not in the log: left while no controller could be asked, or begun
with one that died in the middle of them.

``asterisk-conf/agi-bin/leave_message.py`` keeps each as ``<contact>.json`` and, when something was
said, ``<contact>.wav``. Collected twice, a message is the same message: the names of its files and
of its task come from the contact.
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from telephony.events import MessageRecorded

logger = structlog.get_logger("aftercall.spool")

#: Seconds after which a call that left no message is over: the dialplan gives it 180.
OVER = 200.0
#: Seconds. Less holds no word; as in the menu (``ivr/line.py``).
SHORTEST = 1.5
_HEADER, _BYTES_A_SECOND = 44, 16_000


async def collect(
    spool: Path, recordings: Path, append: Callable[[MessageRecorded], Awaitable[None]]
) -> int:
    """Bring every message that is whole into the log; how many.

    Raises:
        OSError: a file cannot be moved; and whatever ``append`` raises. All is tried again.
    """
    collected = 0
    for file in sorted(spool.glob("*.json")) if spool.is_dir() else ():
        if (message := _whole(file)) is None:
            continue
        await append(_event(file, message, recordings))
        file.unlink(missing_ok=True)
        collected += 1
    return collected


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A message in the recordings folder, as its folder's name tells of it."""

    contact: str
    purpose: str  # as ``MessageRecorded.purpose``
    folder: str  # below the recordings folder
    seconds: float
    at: float  # Unix seconds: its end, by the wall clock


def long_over(recordings: Path) -> Iterator[Spoken]:
    """Messages that nobody has added to for a while; their contacts' records know most of them."""
    for file in (recordings / "messages").glob("*/customer.wav"):
        contact, _, rest = file.parent.name.rpartition(".")[0].rpartition(".")
        written = file.stat().st_mtime
        if contact and time.time() - written > OVER and _seconds(file) >= SHORTEST:
            yield Spoken(
                contact=contact,
                purpose=rest,
                folder=str(file.parent.relative_to(recordings)),
                seconds=round(_seconds(file), 2),
                at=written,
            )


def _whole(file: Path) -> dict[str, Any] | None:
    """The message, once nothing more comes; None of one that is still being left."""
    try:
        message = json.loads(file.read_text(encoding="utf-8"))
        age = time.time() - file.stat().st_mtime  # the file's time is the wall clock's
    except FileNotFoundError:
        return None
    except ValueError:
        logger.error("a message cannot be read", file=file.name)
        file.rename(file.with_suffix(".unreadable"))
        return None
    return message if message.get("audio") or age > OVER else None


def _event(file: Path, message: dict[str, Any], recordings: Path) -> MessageRecorded:
    contact = file.stem
    name = f"{contact}.voicemail.{hashlib.sha256(contact.encode()).hexdigest()[:16]}"
    kept = recordings / "messages" / name / "customer.wav"
    spoken = file.with_suffix(".wav")
    if spoken.exists() and _seconds(spoken) >= SHORTEST:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".part")
        shutil.copyfile(spoken, unfinished)
        unfinished.replace(kept)
    spoken.unlink(missing_ok=True)
    there = kept.exists()
    return MessageRecorded(
        at=_number(message.get("at")),
        contact=contact,
        node="",
        purpose="voicemail",
        queue=str(message.get("queue") or ""),
        file=str(kept.relative_to(recordings)) if there else "",
        seconds=round(_seconds(kept), 2),
        language=str(message.get("language") or ""),
        caller=str(message.get("caller") or ""),
    )


def _seconds(audio: Path) -> float:
    with contextlib.suppress(OSError):
        return max(0, audio.stat().st_size - _HEADER) / _BYTES_A_SECOND
    return 0.0


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else time.time()
