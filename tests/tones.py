"""Sine tones as WAV files, and the loudest tone in one: who heard whom."""

from pathlib import Path

import numpy as np
import soundfile

RATE = 8000


def tone(path: Path, hertz: int, seconds: float) -> Path:
    """Write a sine tone: 8 kHz, 16 bit, mono."""
    time = np.arange(int(RATE * seconds)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * time), RATE, subtype="PCM_16")
    return path


def pitch(path: Path) -> float:
    """The strongest frequency of a WAV file, in hertz; 0 when it is silent."""
    samples, rate = soundfile.read(path)
    assert rate == RATE
    assert samples.ndim == 1
    if not np.abs(samples).max(initial=0) > 0.01:
        return 0.0
    return float(np.argmax(np.abs(np.fft.rfft(samples)))) * rate / len(samples)
