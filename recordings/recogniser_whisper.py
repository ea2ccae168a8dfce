"""The only home of faster-whisper: many languages with one model, best with much speech at once.

Silence is cut out first, by the voice detector that comes with faster-whisper, and what is left
of a leg is packed into full windows (``recordings/packing.py``).
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps

from recordings import audio
from recordings.packing import PAUSE, Window, pack, to_recording
from recordings.recogniser import RECOGNISER_RATE, Segment, Waveform, portions, upsampled

_VOICE = VadOptions(min_silence_duration_ms=500, speech_pad_ms=200, max_speech_duration_s=25)
# What Whisper is made to believe it wrote before: it goes on in the same manner. Simplified
# characters, or it writes Mandarin in either script; commas in ASCII, the only ones it may write;
# a time before and behind each sentence (in uneven seconds, or it rounds), or it gives none.
_EXAMPLES: dict[str, tuple[tuple[float, str, float], ...]] = {
    "zh": ((0.0, "您好,请问有什么可以帮您?", 1.86), (2.74, "我想查一下我的订单。", 4.42)),
    "en": (
        (0.0, " Hello, how can I help you?", 1.86),
        (2.74, " I am calling about my order.", 4.42),
    ),
}
_TIME_STEP = 0.02  # seconds between two of Whisper's time tokens
_ECHO = 0.75  # share of a text's pairs of words that stand in the example, too
_ECHO_LEAST = 4  # of them: a short word may be anybody's
# Tried one after another when the text loops or is very unlikely: each costs a whole window.
_TEMPERATURES = [0.0, 0.4, 0.8]
_LOOPS = 2.4  # compression ratio above which it does
_VERY_UNLIKELY = -1.0  # mean log-likelihood of a token

# --- for one sentence
_WINDOW = 30.0  # seconds for which the encoder was trained
_LEAST_WINDOW = 10.0  # shorter ones make it invent words
_FRAME = 0.01  # seconds
_TOKENS = 60  # of an answer: more than anybody says in ten seconds
_BEAM = 1  # sequences followed at once
_CLEAR = -0.5  # mean log-likelihood of a token; below it a whole window is worth its time
_UNLIKELY = -1.5  # below it the words were made up
_SILENT = 0.6  # probability of no speech


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guess:
    """What may have been said."""

    text: str
    likelihood: float
    """Mean logarithm of its tokens' probability."""
    silence: float
    """Probability that nobody spoke."""


class WhisperRecogniser:
    """Whisper on the CPU, in 8-bit integers.

    Args:
        path: a model folder in CTranslate2's form.
        model: its name for the record.
        threads: cores it may use.
    """

    engine = "faster-whisper"

    def __init__(self, path: Path, *, model: str = "base", threads: int = 1) -> None:
        self.model = model
        self._whisper: Any = WhisperModel(
            str(path), device="cpu", compute_type="int8", cpu_threads=threads, num_workers=1
        )

    def recognise(self, path: Path, language: str) -> list[Segment]:
        """See ``Recogniser.recognise``; an unknown language is detected at the first words."""
        code = language.split("-", maxsplit=1)[0]
        known = code if code in self._whisper.supported_languages else None
        found: list[Segment] = []
        for begin, samples in portions(path):
            spoken = get_speech_timestamps(samples, _VOICE)
            for window in pack([(_seconds(p["start"]), _seconds(p["end"])) for p in spoken]):
                laid_out = _laid_out(samples, window)
                known = known or self._whisper.detect_language(laid_out)[0]
                for segment in self._said(laid_out, known):
                    start, end = to_recording(window, segment.start, segment.end)
                    if text := segment.text.strip():
                        found.append(_segment(begin + start, begin + end, text))
        return found

    def _said(self, window: Waveform, language: str) -> list[Any]:
        """What is said in a window.

        Where the sound is bad, Whisper may write nothing or the example: then it is asked again
        without, whatever script that brings, and is not believed what it doubts itself.
        """
        example = self._example(language)
        said = self._transcribe(window, language, example)
        if example is None or not _echoes("".join(each.text for each in said), language):
            return said
        return [
            each
            for each in self._transcribe(window, language, None)
            if each.avg_logprob > _VERY_UNLIKELY and each.compression_ratio < _LOOPS
        ]

    def _transcribe(self, window: Waveform, language: str, before: list[int] | None) -> list[Any]:
        segments, _ = self._whisper.transcribe(
            window,
            language=language,
            beam_size=5,
            temperature=_TEMPERATURES,
            compression_ratio_threshold=_LOOPS,
            log_prob_threshold=_VERY_UNLIKELY,
            vad_filter=False,
            # A mistake must not be repeated through the rest of the call.
            condition_on_previous_text=False,
            initial_prompt=before,
        )
        return list(segments)

    # --- one sentence, at once ---------------------------------------------------------------

    def sentence(self, samples: audio.Samples, language: str, hints: str = "") -> str:
        """What is said in a few seconds of 8 kHz, as fast as can be: "" for no words.

        Whisper was trained on windows of 30 s, and its encoder works as long for silence as for
        speech: a caller's sentence gets a shorter window, at a quarter of the work, and a whole one
        when the words are then unlikely.

        Args:
            samples: one sentence with a little silence round it.
            language: like ``zh-CN``; it must be one that Whisper knows.
            hints: text in the language with words that may be expected.
        """
        wave = upsampled(samples)
        length = wave.size / RECOGNISER_RATE + 1
        guess = self._guess(wave, language, hints, min(max(length, _LEAST_WINDOW), _WINDOW))
        if guess.likelihood < _CLEAR:
            guess = self._guess(wave, language, hints, _WINDOW)
        return guess.text if guess.likelihood > _UNLIKELY and guess.silence < _SILENT else ""

    def _guess(self, wave: Waveform, language: str, hints: str, seconds: float) -> "_Guess":
        """The likeliest words when the encoder is given a window of so many seconds."""
        frames = round(seconds / _FRAME)
        features = self._whisper.feature_extractor(wave)[:, :frames]
        room = ((0, 0), (0, frames - features.shape[1]))
        window = np.pad(features, room, constant_values=features.min())
        prompt = self._prompt(language, hints)
        (result,) = self._whisper.model.generate(
            self._whisper.encode(window),
            [prompt],
            beam_size=_BEAM,
            max_length=len(prompt) + _TOKENS,
            no_repeat_ngram_size=4,
            return_scores=True,
            return_no_speech_prob=True,
        )
        words = self._whisper.hf_tokenizer
        text = str(words.decode(result.sequences_ids[0])).strip()
        return _Guess(text=text, likelihood=result.scores[0], silence=result.no_speech_prob)

    def _prompt(self, language: str, hints: str) -> list[int]:
        words = self._whisper.hf_tokenizer
        code = language.split("-", maxsplit=1)[0]
        # Commas in ASCII as above; a word that is parted by blanks begins with one.
        hints = unicodedata.normalize("NFKC", hints)
        hints = f" {hints}" if hints[:1].isascii() and hints else hints
        before = words.encode(hints, add_special_tokens=False).ids[-_TOKENS:] if hints else []
        marks = ["<|startoftranscript|>", f"<|{code}|>", "<|transcribe|>", "<|notimestamps|>"]
        known = [words.token_to_id("<|startofprev|>"), *before] if before else []
        return [*known, *map(words.token_to_id, marks)]

    # --- whole recordings --------------------------------------------------------------------

    def _example(self, language: str) -> list[int] | None:
        if language not in _EXAMPLES:
            return None
        words = self._whisper.hf_tokenizer
        first_time: int = words.token_to_id("<|notimestamps|>") + 1
        tokens: list[int] = []
        for start, text, end in _EXAMPLES[language]:
            tokens.append(first_time + round(start / _TIME_STEP))
            tokens += words.encode(text, add_special_tokens=False).ids
            tokens.append(first_time + round(end / _TIME_STEP))
        return tokens


def _echoes(text: str, language: str) -> bool:
    """Whether nothing was written, or a sentence that the example could have brought forth."""
    words = _words(text)
    example = "".join(sentence for _, sentence, _ in _EXAMPLES[language])
    pairs = set(pairwise(words))
    echoed = len(pairs & set(pairwise(_words(example))))
    return not words or echoed >= max(_ECHO * len(pairs), _ECHO_LEAST)


def _words(text: str) -> list[str]:
    """Words where blanks part them, else characters."""
    return re.findall(r"[a-z0-9']+|[^\W_]", text.lower())


def _seconds(samples: int) -> float:
    return samples / RECOGNISER_RATE


def _segment(start: float, end: float, text: str) -> Segment:
    return Segment(start=round(float(start), 2), end=round(float(end), 2), text=text)


def _laid_out(samples: Waveform, window: Window) -> Waveform:
    """The window's pieces with silence between them."""
    silence = np.zeros(round(PAUSE * RECOGNISER_RATE), dtype=np.float32)
    parts: list[Waveform] = []
    for piece in window:
        first, last = (round(edge * RECOGNISER_RATE) for edge in (piece.start, piece.end))
        parts += [samples[first:last], silence]
    return np.concatenate(parts[:-1])
