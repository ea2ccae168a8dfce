"""One caller's sentence as words: vosk with a grammar where a model is present, else Whisper."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from recordings import audio
from recordings.models import ModelMissingError, vosk_model_path, whisper_model_path
from recordings.recogniser_whisper import WhisperRecogniser


class Sentence(Protocol):
    """What a caller is saying. Its methods block: call them from one thread."""

    def feed(self, samples: audio.Samples) -> None:
        """What comes next, 8 kHz."""

    def text(self) -> str:
        """The words so far, "" for none. More may be fed after that."""

    def close(self) -> None:
        """It is over; whatever it held is given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What callers may be expected to say in a language."""

    hints: str = ""
    """A text with words that may come."""
    phrases: tuple[str, ...] = ()
    """Whole sentences."""


class WhisperSentence:
    """Collected, and recognised as a whole when asked for."""

    def __init__(self, whisper: WhisperRecogniser, language: str, hints: str) -> None:
        self._whisper = whisper
        self._language, self._hints = language, hints
        self._samples: list[audio.Samples] = []

    def feed(self, samples: audio.Samples) -> None:
        """See ``Sentence.feed``."""
        self._samples.append(samples)

    def text(self) -> str:
        """See ``Sentence.text``."""
        return self._whisper.sentence(np.concatenate(self._samples), self._language, self._hints)

    def close(self) -> None:
        """See ``Sentence.close``."""
        self._samples.clear()


class SentenceRecognisers:
    """The models, each loaded when a language first needs it.

    Args:
        models: the models folder.
        threads: cores that Whisper may use.
    """

    def __init__(self, models: Path, *, threads: int) -> None:
        self._models = models
        self._threads = threads
        self._expected: dict[str, Expectation] = {}
        self._whisper: WhisperRecogniser | None = None
        self._makers: dict[str, Callable[[], Sentence]] = {}

    def expect(self, language: str, expectation: Expectation) -> None:
        """Prepare for a language. Raises ModelMissingError when no model is there for it."""
        if self._expected.get(language) != expectation:
            self._expected[language] = expectation
            self._makers.pop(language, None)
        self._maker(language)

    def sentence(self, language: str) -> Sentence:
        """A new sentence. Raises ModelMissingError."""
        return self._maker(language)()

    def _maker(self, language: str) -> Callable[[], Sentence]:
        if language not in self._makers:
            expected = self._expected.get(language, Expectation())
            try:
                path = vosk_model_path(self._models, language)
            except ModelMissingError:
                whisper = self._whisper = self._whisper or WhisperRecogniser(
                    whisper_model_path(self._models), threads=self._threads
                )
                hints = expected.hints
                self._makers[language] = lambda: WhisperSentence(whisper, language, hints)
            else:
                self._makers[language] = _vosk(path, language, expected.phrases)
        return self._makers[language]


def _vosk(path: Path, language: str, phrases: Sequence[str]) -> Callable[[], Sentence]:
    from recordings.recogniser_vosk import VoskSentences

    return VoskSentences(path, language=language, phrases=phrases).sentence
