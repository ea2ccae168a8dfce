"""What every recogniser shares: portions of audio and the joining of text."""

import itertools
from pathlib import Path

import numpy as np

from recordings.recogniser import Segment, portions, text_of, upsampled
from tests.recordings.sounds import sine, write


def test_a_short_recording_is_one_portion(tmp_path: Path) -> None:
    found = list(portions(write(tmp_path / "a.wav", sine(400, 3.0))))
    assert [(begin, samples.size) for begin, samples in found] == [(0.0, 48_000)]


def test_a_long_one_is_cut_in_a_pause(tmp_path: Path) -> None:
    loud, pause = sine(400, 4.0), np.zeros(2_000, dtype=np.int16)
    path = write(tmp_path / "a.wav", np.concatenate([loud, pause, loud, loud]))
    found = list(portions(path, seconds=5))
    assert 4.0 < found[1][0] < 4.25
    for (begin, samples), (following, _) in itertools.pairwise(found):
        assert abs(begin + samples.size / 16_000 - following) < 1e-9
    assert found[-1][0] + found[-1][1].size / 16_000 == 12.25


def test_silence_has_no_portion_without_samples(tmp_path: Path) -> None:
    assert list(portions(write(tmp_path / "a.wav", sine(400, 0)))) == []


def test_upsampling_keeps_the_tone_and_adds_no_mirror() -> None:
    wave = upsampled(sine(1000, 1.0))
    assert wave.size == 16_000
    spectrum = np.abs(np.fft.rfft(wave))
    assert np.argmax(spectrum) == 1000
    assert spectrum[7000] < spectrum[1000] / 1000
    assert abs(float(np.abs(wave[100:-100]).max()) - 0.3) < 0.01


def test_upsampling_of_a_click() -> None:
    assert upsampled(np.array([1000, -1000], dtype=np.int16)).size == 4


def test_text_has_blanks_between_words_only() -> None:
    def text(*parts: str) -> str:
        return text_of([Segment(start=0, end=1, text=part) for part in parts])

    assert text("你好，", "我要退款。") == "你好，我要退款。"
    assert text("Hello.", "I want a refund.") == "Hello. I want a refund."
    assert text("我的", "iPhone", "坏了") == "我的iPhone坏了"
    assert text() == ""
