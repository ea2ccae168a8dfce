"""The only home of faster-whisper: many languages, one model, best with much speech at once.

Whisper works on windows of 30 s and takes as long for a short one: silence is cut out first (by
the voice detector that comes with faster-whisper), and what is left of a leg is packed into full
windows; the times of the text are mapped back.
"""

from pathlib import Path
from typing import Any

from faster_whisper import WhisperModel

from recordings.recogniser import Segment, portions

# Whisper writes Mandarin in either script; an example in simplified characters decides it, and
# makes it punctuate.
_PROMPTS = {"zh": "以下是普通话的电话录音，使用简体中文。"}
_VOICE = {"min_silence_duration_ms": 500, "speech_pad_ms": 200}


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
        """See ``Recogniser.recognise``; an unknown language is detected."""
        code = language.split("-", maxsplit=1)[0] or None
        found: list[Segment] = []
        for begin, samples in portions(path):
            segments, _ = self._whisper.transcribe(
                samples,
                language=code if code in self._whisper.supported_languages else None,
                beam_size=5,
                vad_filter=True,
                vad_parameters=_VOICE,
                # A mistake must not be repeated through the rest of the call.
                condition_on_previous_text=False,
                initial_prompt=_PROMPTS.get(code or ""),
            )
            found += [
                Segment(
                    start=round(begin + segment.start, 2),
                    end=round(begin + segment.end, 2),
                    text=segment.text.strip(),
                )
                for segment in segments
                if segment.text.strip()
            ]
        return found
