"""Recordings as Asterisk plays them: WAV files of 8 kHz, 16 bit, mono."""

import os
import wave
from pathlib import Path

TELEPHONE_RATE = 8_000


def write_wav(file: Path, frames: bytes) -> None:
    """Write telephone sound (16-bit little-endian samples): nobody ever finds half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    with wave.open(str(unfinished), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(TELEPHONE_RATE)
        sound.writeframes(frames)
    unfinished.replace(file)


def read_wav(file: Path) -> bytes | None:
    """The samples of telephone sound; None when Asterisk could not play the file as it stands."""
    try:
        with wave.open(str(file)) as sound:
            fits = sound.getparams()[:3] == (1, 2, TELEPHONE_RATE) and sound.getnframes() > 0
            return sound.readframes(sound.getnframes()) if fits else None
    except (OSError, EOFError, wave.Error):
        return None


def seconds_of(file: Path) -> float:
    """How long a recording plays, by its header; 0 when it is no telephone sound."""
    frames = read_wav(file)
    return len(frames) / 2 / TELEPHONE_RATE if frames else 0.0
