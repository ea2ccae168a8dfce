"""Pure: packs the spoken pieces of a recording into windows, and maps times back.

Whisper looks at 30 s at a time and takes as long for 2 s of speech as for 30. So the pieces that
a voice detector found are laid behind one another, with short pauses between, until a window is
full. The pauses make Whisper begin a new segment at each piece.
"""

from collections.abc import Sequence
from dataclasses import dataclass

PAUSE = 1.0  # seconds of silence between two pieces
WINDOW = 29.0  # seconds at the most in one window, a little less than Whisper's 30
_NEAR = 0.4  # seconds by which Whisper's times may miss the edge of a piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of speech, in seconds of the recording, and where it lies in its window."""

    start: float
    end: float
    at: float = 0.0

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start


Window = tuple[Piece, ...]


def pack(stretches: Sequence[tuple[float, float]]) -> list[Window]:
    """Lay (start, end) stretches into windows, in order. One longer than a window has its own."""
    windows: list[Window] = []
    filling: list[Piece] = []
    for start, end in stretches:
        at = filling[-1].at + filling[-1].length + PAUSE if filling else 0.0
        if filling and at + (end - start) > WINDOW:
            windows.append(tuple(filling))
            filling, at = [], 0.0
        filling.append(Piece(start=start, end=end, at=at))
    return [*windows, tuple(filling)] if filling else windows


def to_recording(window: Window, start: float, end: float) -> tuple[float, float]:
    """Times of a segment in a window as times in the recording.

    A start in a pause, or near the end of a piece, belongs to the next piece; an end in a pause,
    or near the begin of a piece, to the one before.
    """
    first = next((p for p in window if start < p.at + p.length - _NEAR), window[-1])
    last = next((p for p in reversed(window) if end > p.at + _NEAR), window[0])
    if last.at < first.at:
        last = first
    begin = min(max(first.start + start - first.at, first.start), first.end)
    finish = min(max(last.start + end - last.at, last.start), last.end)
    return begin, max(begin, finish)
