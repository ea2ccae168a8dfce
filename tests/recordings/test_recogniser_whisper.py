"""Whisper on lines so bad that it writes nothing, or what it was shown before."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from controller.settings import ROOT
from recordings.models import whisper_model_path
from recordings.recogniser import text_of
from recordings.recogniser_whisper import WhisperRecogniser, _echoes
from tests.recordings.phrases import RATE, through_g711
from tests.speech_text import spoken

pytestmark = pytest.mark.live

SAID = ROOT / "company" / "speech" / "customer_refund.wav"
SHOWN = "请问有什么可以帮您"


@pytest.fixture(scope="module")
def whisper() -> WhisperRecogniser:
    return WhisperRecogniser(whisper_model_path())


def cut_up(share: float, seed: int) -> np.ndarray:
    """6 s of a sentence said again and again, of which pieces of 0.2 s are missing."""
    random = np.random.default_rng(seed)
    said = np.tile(soundfile.read(SAID, dtype="int16")[0], 6)
    begin = int(random.uniform(0, 2.8) * RATE)
    frames = said[begin : begin + 6 * RATE].copy().reshape(-1, RATE // 50)
    for at in np.flatnonzero(random.random(len(frames)) < share):
        frames[at : at + 10] = 0
    return through_g711(frames.ravel())


def heard(whisper: WhisperRecogniser, line: np.ndarray, folder: Path) -> str:
    soundfile.write(folder / "line.wav", line, RATE, subtype="PCM_16")
    return spoken(text_of(whisper.recognise(folder / "line.wav", "zh-CN")))


def test_a_bad_line_brings_words_of_its_own_or_none(whisper, tmp_path: Path) -> None:
    lines = [cut_up(share, seed) for share in (0.06, 0.1) for seed in range(3)]
    texts = [heard(whisper, line, tmp_path) for line in lines]
    assert not [text for text in texts if SHOWN in text]
    assert sum(map(bool, texts)) >= 5, texts


@pytest.mark.parametrize(
    "text, language, echoes",
    [
        ("", "zh", True),
        ("请问有什么可以帮您?请问有什么可以帮您的订单。", "zh", True),
        ("How can I help you? Hello, how can I help you?", "en", True),
        ("您好。", "zh", False),
        ("好", "zh", False),
        ("Yes.", "en", False),
        ("我的快递三天没有更新了,我要退款。", "zh", False),
    ],
)
def test_an_echo_of_the_example_is_known(text: str, language: str, echoes: bool) -> None:
    assert _echoes(text, language) is echoes
