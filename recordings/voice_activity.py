"""Where a caller's speech begins and ends, told from the probability of speech in each chunk. Pure.

Time is counted in chunks of audio, not by a clock: what is heard late is judged as if it were not.
"""

from dataclasses import dataclass
from enum import StrEnum

CHUNK = 256
"""Samples of 8 kHz in a chunk."""
CHUNK_SECONDS = CHUNK / 8000


class Turn(StrEnum):
    """What a chunk changed."""

    BEGAN = "began"
    """Speech has begun, some chunks ago: see ``VoiceActivity.begin``."""
    PAUSED = "paused"
    """A silence that may be the end; what was said so far can be recognised already."""
    RESUMED = "resumed"
    """It was not the end."""
    ENDED = "ended"
    """The caller is silent, or has spoken for as long as anybody may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds, and probabilities of speech between 0 and 1."""

    begin: float = 0.25
    """Speech before it counts: a cough, or the prompt's echo out of a loudspeaker, is shorter."""
    gap: float = 0.1
    """A silence in the first syllables that does not start the count anew."""
    pause: float = 0.3
    """Silence after which recognition may begin."""
    end: float = 0.65
    """Silence that ends a sentence: people who think pause for half a second."""
    longest: float = 12.0
    """Speech after which the rest is not waited for."""
    lead: float = 0.3
    """Audio kept from before the beginning: soft consonants are not yet probable speech."""
    speech: float = 0.5
    silence: float = 0.35
    """Above the one it is speech, below the other silence; in between it stays what it was."""


DEFAULT = Patience()


class VoiceActivity:
    """Follows one caller; after ``ENDED`` it begins anew."""

    def __init__(self, patience: Patience = DEFAULT) -> None:
        self._patience = patience
        self._now = 0  # chunks heard
        self._reset()

    def _reset(self) -> None:
        self._speaking = False  # in the last chunk
        self._first = -1  # chunk in which the speech, or what may become it, began
        self._voiced = 0  # chunks of speech before it counts
        self._silent = 0  # chunks of silence since the last one of speech
        self._begun = self._paused = False

    @property
    def begin(self) -> int:
        """The first chunk that belongs to the speech, counted from 0."""
        return max(0, self._first - round(self._patience.lead / CHUNK_SECONDS))

    def hear(self, probability: float) -> Turn | None:
        """Take the next chunk. Returns what it changed."""
        limit = self._patience.silence if self._speaking else self._patience.speech
        self._speaking = probability >= limit
        self._now += 1
        return self._speech() if self._speaking else self._silence()

    def _speech(self) -> Turn | None:
        self._silent = 0
        if self._first < 0:
            self._first = self._now - 1
        if not self._begun:
            self._voiced += 1
            self._begun = self._lasts(self._voiced, self._patience.begin)
            return Turn.BEGAN if self._begun else None
        if self._lasts(self._now - self._first, self._patience.longest):
            return self._end()
        if self._paused:
            self._paused = False
            return Turn.RESUMED
        return None

    def _silence(self) -> Turn | None:
        self._silent += 1
        if not self._begun:
            if self._lasts(self._silent, self._patience.gap):
                self._reset()
            return None
        if self._lasts(self._silent, self._patience.end):
            return self._end()
        if not self._paused and self._lasts(self._silent, self._patience.pause):
            self._paused = True
            return Turn.PAUSED
        return None

    def _end(self) -> Turn:
        self._reset()
        return Turn.ENDED

    @staticmethod
    def _lasts(chunks: int, seconds: float) -> bool:
        return chunks * CHUNK_SECONDS >= seconds
