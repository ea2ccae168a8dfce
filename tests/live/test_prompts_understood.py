"""Does a machine that never saw the texts understand the Chinese prompts at telephone quality?

Prompts that are heard by themselves, that is; parts are heard in sentences.

Whisper base reads every recording back. It costs a 30 s window a time, however short the
clip, so the prompts are joined with pauses into windows, and the errors of a window are
shared out to its prompts by aligning what was said with what was heard.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.prompts import Prompt
from ivr.versions import load_version
from tests.example_company import COMPANY
from tests.speech_text import errors_by_part, spoken

pytestmark = pytest.mark.live

RATE = 16_000  # what Whisper wants
WINDOW = 28.0  # seconds
PAUSE = np.zeros(int(1.2 * RATE), dtype=np.float32)

OVERALL = 0.10
SINGLE = 0.25


@dataclass
class Understood:
    """How one prompt was understood."""

    prompt: Prompt
    sound: np.ndarray
    characters: int
    errors: int

    @property
    def rate(self) -> float:
        return self.errors / self.characters


def at_16_khz(file: Path) -> np.ndarray:
    """The recording between its samples: nothing above 4 kHz is added."""
    samples, rate = soundfile.read(file, dtype="float32")
    times = np.arange(0, len(samples), rate / RATE)
    return np.interp(times, np.arange(len(samples)), samples).astype(np.float32)


def windows(prompts: list[Prompt], folder: Path) -> list[list[tuple[Prompt, np.ndarray]]]:
    """As many prompts in a window as fit, in the order of their fingerprints.

    That order is as good as random: ten positions in a queue, one after another, sound like a
    stuck record, which Whisper stops listening to.
    """
    result, length = [[]], 0.0
    for prompt in sorted(prompts, key=lambda prompt: prompt.file_name[-12:]):
        sound = at_16_khz(folder / prompt.file_name)
        seconds = (len(sound) + len(PAUSE)) / RATE
        if length + seconds > WINDOW:
            result.append([])
            length = 0.0
        result[-1].append((prompt, sound))
        length += seconds
    return result


def listen(whisper, window: list[tuple[Prompt, np.ndarray]]) -> list[Understood]:
    """Have one window read back."""
    sound = np.concatenate([part for _, sound in window for part in (sound, PAUSE)])
    segments, _ = whisper.transcribe(
        sound, language="zh", beam_size=5, temperature=0, condition_on_previous_text=False
    )
    heard = spoken("".join(segment.text for segment in segments))
    parts = [spoken(prompt.text) for prompt, _ in window]
    errors = errors_by_part(parts, heard)
    return [
        Understood(prompt, sound, len(part), count)
        for (prompt, sound), part, count in zip(window, parts, errors, strict=True)
    ]


def is_whole(prompt: Prompt) -> bool:
    """Whether it is heard by itself: no word or piece of a text with values in it.

    Half a second out of a sentence means as little to a recogniser as to a person.
    """
    return not prompt.part and prompt.text[0].isalnum() and prompt.text[-1] in "。？"


@pytest.fixture(scope="module")
def whisper():
    faster_whisper = pytest.importorskip("faster_whisper")
    from recordings.models import whisper_model_path

    return faster_whisper.WhisperModel(
        str(whisper_model_path()), device="cpu", compute_type="int8", cpu_threads=2
    )


def test_the_chinese_prompts_are_understood(whisper):
    shelf = load_version(COMPANY).flow.shelf
    chinese = [prompt for prompt in shelf if prompt.language == "zh-CN" and is_whole(prompt)]
    # Two that say the same with the same voice sound the same: Whisper hears such an echo once.
    prompts = list({prompt.file_name[-12:]: prompt for prompt in chinese}.values())
    results: list[Understood] = []
    for window in windows(prompts, shelf.folder):
        for result in listen(whisper, window):
            # Whisper now and then gives up in the middle of a window; alone, each gets its say.
            lost = result.rate > SINGLE
            results += listen(whisper, [(result.prompt, result.sound)]) if lost else [result]

    for result in sorted(results, key=lambda result: -result.rate)[:5]:
        print(f"{result.rate:6.1%}  {result.prompt.name}  {result.prompt.text}")
    overall = sum(r.errors for r in results) / sum(r.characters for r in results)
    print(f"character error rate of {len(results)} Chinese prompts: {overall:.1%}")
    assert [r.prompt.text for r in results if r.rate > SINGLE] == []
    assert overall < OVERALL
