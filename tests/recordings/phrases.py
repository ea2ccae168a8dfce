"""What callers say in the measurement of speech in the menu, clean and in noise."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import yaml

FOLDER = Path(__file__).parents[1] / "data" / "phrases"
RATE = 8000
SPEECH = -20.0
"""dBFS of the spoken parts of every recording (`ivr/say.py`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One sentence as a recording of 8 kHz."""

    name: str
    language: str
    intent: str
    text: str

    def samples(self) -> np.ndarray:
        """16-bit samples."""
        return soundfile.read(FOLDER / f"{self.name}.wav", dtype="int16")[0]


@cache
def load_phrases() -> list[Phrase]:
    """All of them, in the order of their file."""
    entries = yaml.safe_load((FOLDER / "phrases.yaml").read_text(encoding="utf-8"))["phrases"]
    return [
        Phrase(name=name, **{key: entry[key] for key in ("language", "intent", "text")})
        for name, entry in entries.items()
    ]


def noisy(samples: np.ndarray, decibels: float, seed: int) -> np.ndarray:
    """With noise that lies so many dB under the speech: half of it pink, half of it three people
    who talk of other things.
    """
    random = np.random.default_rng(seed)
    pink, babble = _pink(samples.size, random), _babble(samples.size, random)
    noise = pink / _rms(pink) + babble / _rms(babble)
    level = 32768 * 10 ** ((SPEECH - decibels) / 20)
    mixed = samples + noise / _rms(noise) * level
    return np.clip(np.round(mixed), -32768, 32767).astype(np.int16)


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def _pink(size: int, random: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(random.standard_normal(size))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, size)


def _babble(size: int, random: np.random.Generator) -> np.ndarray:
    voices = random.choice(len(load_phrases()), 3, replace=False)
    mixed = np.zeros(size)
    for voice in voices:
        speech = load_phrases()[voice].samples().astype(np.float64)
        mixed += np.resize(np.roll(speech, int(random.integers(speech.size))), size)
    return mixed


def through_g711(samples: np.ndarray) -> np.ndarray:
    """The samples after µ-law and back (ITU-T G.711, by the continuous formula)."""
    linear = samples / 32768
    law = np.sign(linear) * np.log1p(255 * np.abs(linear)) / np.log(256)
    steps = np.round(law * 127) / 127
    linear = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255
    return np.round(linear * 32767).astype(np.int16)
