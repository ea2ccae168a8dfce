#!/usr/bin/env python3
"""Takes a message from a caller whom nobody can answer; Asterisk starts it, no controller needed.

    AGI(leave_message.py,FOLDER,PROMPT,GOODBYE)

FOLDER gets two files named after the contact: ``<contact>.json``, written before the prompt so
that a caller who hangs up in it is called back too, and ``<contact>.wav`` with what was said.
The JSON's keys: contact, caller, queue, language, enqueued, at (Unix seconds), audio (file name
or ""), seconds. The controller collects them when it is back.

The last act is to set HUAWU_TAKEN: without it the dialplan apologises.
"""

import json
import os
import re
import sys
import time
import wave
from pathlib import Path

from asterisk.agi import AGI

LONGEST_MS = 120_000
SILENCE_S = 8  # of silence that end a message
FIELDS = {
    "caller": "CALLERID(num)",
    "queue": "HUAWU_QUEUE",
    "language": "HUAWU_LANGUAGE",
    "enqueued": "HUAWU_ENQUEUED",
}


def keep(file: Path, message: dict[str, object]) -> None:
    """Write the message in one step, readable by its owner alone."""
    draft = file.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(message, stream, ensure_ascii=False)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def seconds_of(audio: Path) -> float:
    """Length of a recording, 0 when there is none."""
    try:
        with wave.open(str(audio)) as recording:
            return recording.getnframes() / recording.getframerate()
    except (OSError, EOFError, wave.Error):
        return 0.0


def take_message(agi: AGI, folder: Path, prompt: str, goodbye: str) -> None:
    """The dialogue. Any exception means that the caller hung up, which is how most end it."""
    contact = agi.get_variable("HUAWU_CONTACT")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}", contact):
        raise ValueError("no contact id")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file, audio = folder / f"{contact}.json", folder / f"{contact}.wav"
    message: dict[str, object] = {"contact": contact, "at": time.time(), "audio": "", "seconds": 0}
    message.update((name, agi.get_variable(source)) for name, source in FIELDS.items())
    keep(file, message)
    try:
        agi.stream_file(prompt)
        agi.appexec("Playback", "beep")
        agi.execute(
            "RECORD FILE", f'"{folder / contact}"', "wav", '"#"', LONGEST_MS, 0, f"s={SILENCE_S}"
        )
    finally:
        if seconds := seconds_of(audio):
            audio.chmod(0o600)
            keep(file, {**message, "audio": audio.name, "seconds": round(seconds, 2)})
    agi.stream_file(goodbye)
    agi.set_variable("HUAWU_TAKEN", "1")


def main() -> None:
    """Serve one call. What pyst2 would write to stderr holds the caller's number."""
    with Path(os.devnull).open("w") as nowhere:
        agi = AGI(stderr=nowhere)
        try:
            take_message(agi, Path(sys.argv[1]), sys.argv[2], sys.argv[3])
        except Exception as error:
            agi.stderr.write(repr(error))


if __name__ == "__main__":
    main()
