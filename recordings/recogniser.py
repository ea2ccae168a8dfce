"""What a speech recogniser is to the rest of the room. Each engine has one module of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from recordings import audio

Waveform = npt.NDArray[np.float32]
"""Samples between -1 and 1."""

RECOGNISER_RATE = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of what was said; seconds from the beginning of the recording."""

    start: float
    end: float
    text: str


class Recogniser(Protocol):
    """A loaded model. It blocks while it works: call it from a thread."""

    @property
    def engine(self) -> str:
        """Name of the program, as it stands in the record."""

    @property
    def model(self) -> str:
        """Name of its model."""

    def recognise(self, path: Path, language: str) -> list[Segment]:
        """What is said in an 8 kHz mono WAV; empty for silence.

        Args:
            path: the recording of one leg.
            language: like ``zh-CN``; "" when it is not known.

        Raises:
            audio.NoAudioError, OSError: the file cannot be used.
        """


def text_of(segments: list[Segment]) -> str:
    """All segments as one text; no blanks between Chinese characters."""
    text = ""
    for segment in segments:
        if text and segment.text and text[-1].isascii() and segment.text[0].isascii():
            text += " "
        text += segment.text
    return text


_PORTION = 300  # seconds held in memory at once
_CUT_SEARCH = 10  # seconds at a portion's end in which the quietest moment is looked for
_CUT_FRAME = audio.RATE // 50


def portions(path: Path, *, seconds: int = _PORTION) -> Iterator[tuple[float, Waveform]]:
    """A recording in portions of some minutes: (begin in seconds, 16 kHz samples).

    Portions end at a quiet moment, so that no word is cut in two.
    """
    rest = np.zeros(0, dtype=np.int16)
    begin = 0
    for block in audio.blocks(path, samples=seconds * audio.RATE):
        rest = np.concatenate([rest, block])
        while rest.size > seconds * audio.RATE:
            cut = _quiet_moment(rest[: seconds * audio.RATE])
            yield begin / audio.RATE, upsampled(rest[:cut])
            rest, begin = rest[cut:], begin + cut
    if rest.size:
        yield begin / audio.RATE, upsampled(rest)


def _quiet_moment(samples: audio.Samples) -> int:
    """Index of the middle of the quietest 20 ms among the last seconds."""
    first = max(0, samples.size - _CUT_SEARCH * audio.RATE)
    frames = samples[first:].astype(np.float32)
    frames = frames[: frames.size // _CUT_FRAME * _CUT_FRAME].reshape(-1, _CUT_FRAME)
    quietest = int(np.argmin(np.square(frames).sum(axis=1)))
    return first + quietest * _CUT_FRAME + _CUT_FRAME // 2


def _half_band() -> Waveform:
    taps = np.arange(-31, 32)
    return (np.sinc(taps / 2) * np.hamming(taps.size)).astype(np.float32)


_FILTER = _half_band()


def upsampled(samples: audio.Samples) -> Waveform:
    """8 kHz integers as 16 kHz floats, through a 63-tap low-pass at 4 kHz."""
    wide = np.zeros(samples.size * 2, dtype=np.float32)
    wide[::2] = samples.astype(np.float32) / 32768
    # "same" keeps the longer of the two lengths, which for a click is the filter's.
    return np.convolve(wide, _FILTER, mode="same")[: wide.size]
