"""Loudness after BS.1770, beside what the standard says and beside pyloudnorm; edges and rates."""

import numpy as np
import pytest

from ivr.sound import CLOSE, LOUDNESS, PEAK_LEVEL, WHOLE, NoSound, loudness, resampled
from ivr.sound import telephone_sound as made
from ivr.wav import TELEPHONE_RATE


def sine(hertz: float, seconds: float, rate: int = TELEPHONE_RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate).astype(np.float32)


def speech(seconds: float = 1.0, level: float = 0.1) -> np.ndarray:
    """A tone that comes and goes five times a second, with half a second of silence round it."""
    quiet = np.zeros(TELEPHONE_RATE // 2, dtype=np.float32)
    return level * np.concatenate([quiet, sine(440, seconds) * sine(5, seconds), quiet])


@pytest.mark.parametrize("rate", [8_000, 24_000, 48_000])
def test_the_standards_own_sine(rate):
    """997 Hz at full scale in one channel is −3.01 LUFS; the filters are exact at 48 kHz alone."""
    close = 0.01 if rate == 48_000 else 0.05
    assert loudness(sine(997, 3, rate), rate) == pytest.approx(-3.01, abs=close)
    assert loudness(0.1 * sine(997, 3, rate), rate) == pytest.approx(-23.01, abs=close)


def test_silence_between_words_does_not_count():
    talk = speech(2.0)
    pauses = np.concatenate([talk, np.zeros(5 * TELEPHONE_RATE, dtype=np.float32), talk])
    assert loudness(pauses, TELEPHONE_RATE) == pytest.approx(
        loudness(talk, TELEPHONE_RATE), abs=0.3
    )
    assert loudness(np.zeros(8000, dtype=np.float32), TELEPHONE_RATE) == -np.inf


def test_a_syllable_shorter_than_a_block_has_a_loudness():
    assert loudness(0.1 * sine(997, 0.2), TELEPHONE_RATE) == pytest.approx(-23.0, abs=0.2)


def test_another_program_measures_the_same():
    pyloudnorm = pytest.importorskip("pyloudnorm")
    rng = np.random.default_rng(1)
    noise = (0.05 * rng.standard_normal(5 * TELEPHONE_RATE)).astype(np.float32)
    for sound in (noise, speech(4.0), 0.3 * sine(200, 2)):
        theirs = pyloudnorm.Meter(TELEPHONE_RATE, "DeMan").integrated_loudness(sound)
        assert loudness(sound, TELEPHONE_RATE) == pytest.approx(theirs, abs=0.1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 24_000, 44_100, 48_000])
def test_any_rate_becomes_the_telephones(rate):
    wanted = sine(1000, 1)
    came = resampled(sine(1000, 1, rate), rate, TELEPHONE_RATE)
    assert len(came) == pytest.approx(len(wanted), abs=1)
    middle = slice(1000, 7000)
    assert np.abs(came[: len(wanted)][middle] - wanted[middle]).max() < 0.02
    if rate > 16_000:  # what the telephone cannot carry does not come back as something else
        assert np.abs(resampled(sine(5000, 1, rate), rate, TELEPHONE_RATE)[middle]).max() < 0.01


@pytest.mark.parametrize("level", [0.001, 0.1, 0.9])
@pytest.mark.parametrize("cut", [WHOLE, CLOSE])
def test_silence_goes_and_the_loudness_is_the_stated_one(level, cut):
    samples = made(speech(1.0, level), TELEPHONE_RATE, cut) / 32768
    assert len(samples) / TELEPHONE_RATE == pytest.approx(1.0 + cut.lead + cut.tail, abs=0.03)
    assert loudness(samples.astype(np.float32), TELEPHONE_RATE) == pytest.approx(LOUDNESS, abs=0.1)
    assert np.abs(samples[: int(cut.lead * TELEPHONE_RATE)]).max() == 0


def test_an_offset_goes_and_edges_do_not_click():
    samples = made(sine(440, 0.5) * 0.1 + 0.05, TELEPHONE_RATE, CLOSE) / 32768
    assert abs(samples.mean()) < 0.001
    head = int(CLOSE.lead * TELEPHONE_RATE)
    assert np.abs(np.diff(samples[: head + 5])).max() < 0.01


def test_a_crack_does_not_clip():
    sound = speech()
    sound[6000] = 1.0
    peak = np.abs(made(sound, TELEPHONE_RATE).astype(int)).max() / 32767
    assert 20 * np.log10(peak) <= PEAK_LEVEL + 0.01


def test_silence_is_no_sound():
    with pytest.raises(NoSound):
        made(np.zeros(8000, dtype=np.float32), TELEPHONE_RATE)
