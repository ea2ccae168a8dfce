"""What was played is found again in what was heard: tones, phrases and lengths."""

import wave
from pathlib import Path

import numpy as np

RATE = 8000


def samples(file: Path) -> np.ndarray:
    """The samples of an 8 kHz 16-bit mono WAV, -1.0 to 1.0."""
    with wave.open(str(file)) as opened:
        assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (
            RATE,
            1,
            2,
        ), file
        return np.frombuffer(opened.readframes(opened.getnframes()), "<i2") / 32768.0


def seconds(file: Path) -> float:
    """How long a WAV file is."""
    with wave.open(str(file)) as opened:
        return opened.getnframes() / opened.getframerate()


def write_tone(file: Path, hertz: float, length: float = 1.0) -> Path:
    """A tone; its length holds whole periods for every whole frequency, so that it loops."""
    times = np.arange(int(RATE * length)) / RATE
    tone = (0.4 * 32767 * np.sin(2 * np.pi * hertz * times)).astype("<i2")
    with wave.open(str(file), "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(RATE)
        opened.writeframes(tone.tobytes())
    return file


def tone_seconds(heard: np.ndarray, hertz: float) -> float:
    """For how many seconds a tone was heard: most of the power of a tenth of a second is in it."""
    frame = RATE // 10
    wave_ = np.exp(-2j * np.pi * hertz * np.arange(frame) / RATE)
    count = 0
    for start in range(0, len(heard) - frame + 1, frame):
        part = heard[start : start + frame]
        power = float(np.mean(part**2))
        share = 2 * abs(np.mean(part * wave_)) ** 2 / power if power > 1e-5 else 0.0
        count += share > 0.7
    return count / 10


def likeness(heard: np.ndarray, played: np.ndarray) -> float:
    """How surely a phrase was heard, 0.0 to 1.0.

    Each third of a second of the phrase that is not near silence is slid along what was heard;
    the result is the median of the correlations at the best places. A phrase that went through a
    telephone codec has over 0.9, another one under 0.5. Short pieces, because a busy machine
    stretches the sound here and there.
    """
    piece = RATE // 3
    if len(heard) < piece:
        return 0.0
    size = 1 << (len(heard) + piece).bit_length()
    spectrum = np.fft.rfft(heard, size)
    energy = np.maximum(np.convolve(heard**2, np.ones(piece), "valid"), 1e-3)
    loud = float(np.mean(played**2)) * piece / 3
    found = []
    for start in range(0, len(played) - piece + 1, piece):
        part = played[start : start + piece]
        if float(np.sum(part**2)) < loud:
            continue
        matches = np.fft.irfft(spectrum * np.conj(np.fft.rfft(part, size)), size)
        norm = np.sqrt(energy * float(np.sum(part**2)))
        found.append(float(np.max(matches[: len(norm)] / norm)))
    return float(np.median(found))
