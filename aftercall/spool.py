"""Messages that callers left while no controller could be asked, brought into the log.

``asterisk-conf/agi-bin/leave_message.py`` keeps each as ``<contact>.json`` and, when something was
said, ``<contact>.wav``. Collected twice, a message is the same message: the names of its files and
of its task come from the contact.
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Awaitable, Callable
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
