"""WAV files as the tests need them: whole, growing, cut off; and what is heard in them."""

import struct
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 8000


def sine(hertz: float, seconds: float, level: float = 0.3) -> npt.NDArray[np.int16]:
    time = np.arange(round(RATE * seconds)) / RATE
    return (level * 32767 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def write(path: Path, samples: npt.NDArray[np.int16]) -> Path:
    """A finished mono file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def write_growing(path: Path, samples: npt.NDArray[np.int16], declared: int = 0) -> Path:
    """A file whose header does not know its length: its writer still writes, or was killed."""
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", declared + 36 if declared else 0, b"WAVE",
                         b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16, b"data", declared)  # fmt: skip
    path.write_bytes(header + samples.astype("<i2").tobytes())
    return path


def read(path: Path) -> npt.NDArray[np.int16]:
    """The samples of a finished file, one column a channel."""
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return samples.reshape(-1, file.getnchannels())


def heard(samples: npt.NDArray[np.int16], hertz: float) -> float:
    """Share of the energy that lies at a frequency (Goertzel's measure, by a dot product)."""
    wave_ = samples.astype(np.float64)
    energy = float(np.square(wave_).sum())
    if energy == 0:
        return 0.0
    turn = np.exp(-2j * np.pi * hertz * np.arange(wave_.size) / RATE)
    return float(2 * abs(np.dot(wave_, turn)) ** 2 / (wave_.size * energy))
