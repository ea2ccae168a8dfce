"""Names of recordings follow their texts; the committed recordings belong to the texts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.prompts import (
    Prompt,
    PromptShelf,
    UnknownPrompt,
    Voice,
    fingerprint,
    load_catalogue,
    prompt_path,
)
from ivr.say import PAUSE_TEXT, load_phrases
from ivr.sound import CLOSE, LOUDNESS, PEAK_LEVEL, WHOLE, loudness
from ivr.versions import load_version
from ivr.wav import TELEPHONE_RATE
from store.source import BadFile
from tests.example_company import COMPANY
from tests.ivr.small_company import VOICES


@pytest.fixture(scope="module")
def shelf():
    return load_version(COMPANY).flow.shelf


def test_a_changed_text_voice_or_speed_changes_the_name():
    prompt = Prompt(name="hi", language="en", text="Hi", voice=Voice("a", 1.0),
                    source=Path("x"), line=1)  # fmt: skip
    others = [
        replace(prompt, text="Hi."),
        replace(prompt, voice=Voice("b", 1.0)),
        replace(prompt, voice=Voice("a", 1.1)),
    ]
    names = {item.file_name for item in [prompt, *others, replace(prompt, part=True)]}
    assert len(names) == 5
    assert all(name.startswith("en/hi-") and name.endswith(".wav") for name in names)
    assert fingerprint("Hi", Voice("a", 1.0)) == fingerprint("Hi", Voice("a", 1))


def test_an_absent_language_falls_back_to_the_default(tmp_path):
    prompt = Prompt(name="hi", language="zh-CN", text="你好", voice=VOICES["zh-CN"],
                    source=tmp_path, line=1)  # fmt: skip
    shelf = PromptShelf([prompt], VOICES, tmp_path)
    assert shelf.find("hi", "en") is prompt
    with pytest.raises(UnknownPrompt):
        shelf.find("ho", "en")


def test_paths_have_no_ending_and_exist():
    path = prompt_path("goodbye", "en")
    assert Path(path).is_absolute()
    assert Path(path + ".wav").is_file()


@pytest.mark.parametrize("name", ["position_1", "position_10", "position_more"])
def test_positions(name):
    assert prompt_path(name)


def test_every_text_has_its_recording_and_nothing_else_lies_there(shelf):
    assert [prompt.text for prompt in shelf.unrecorded()] == []
    assert shelf.stale_files() == []


def samples_of(file: Path) -> np.ndarray:
    with soundfile.SoundFile(file) as sound:
        assert (sound.samplerate, sound.channels, sound.subtype) == (TELEPHONE_RATE, 1, "PCM_16")
        return sound.read(dtype="float32")


def test_recordings_are_telephone_sound_of_one_loudness(shelf):
    spoken = [prompt for prompt in shelf if prompt.text != PAUSE_TEXT]
    cuts = {shelf.folder / prompt.file_name: CLOSE if prompt.part else WHOLE for prompt in spoken}
    cuts |= {phrase.file: WHOLE for phrase in load_phrases(COMPANY / "speech")}
    for file, cut in cuts.items():
        samples = samples_of(file)
        assert 20 * np.log10(np.abs(samples).max()) <= PEAK_LEVEL + 0.1, file
        assert abs(loudness(samples, TELEPHONE_RATE) - LOUDNESS) < 1.0, file
        assert np.abs(samples[-int(cut.tail * TELEPHONE_RATE) + 10 :]).max() == 0, file


def test_parts_begin_and_end_without_a_click(shelf):
    """No step between neighbouring samples at an edge is larger than a fade leaves it."""
    for part in shelf:
        if part.part and part.text != PAUSE_TEXT:
            samples = samples_of(shelf.folder / part.file_name)
            steps = np.abs(np.diff(samples))
            sounding = np.flatnonzero(samples)
            edges = [sounding[0], sounding[-1]]
            assert max(steps[max(0, edge - 4) : edge + 4].max() for edge in edges) < 0.01, part.name


def test_durations_are_those_of_the_recordings(shelf):
    file = shelf.path("goodbye", "en") + ".wav"
    assert shelf.seconds("goodbye", "en") == pytest.approx(len(samples_of(file)) / TELEPHONE_RATE)
    assert shelf.seconds("pause", "en") == 0.25


def test_a_lost_recording_lasts_no_time(tmp_path):
    prompt = Prompt(name="hi", language="en", text="Hi", voice=VOICES["en"],
                    source=tmp_path, line=1)  # fmt: skip
    assert PromptShelf([prompt], VOICES, tmp_path).seconds("hi", "en") == 0.0


def test_a_prompt_without_translation_is_named(tmp_path):
    file = tmp_path / "catalogue.yaml"
    file.write_text(
        "voices:\n  zh-CN: {voice: a}\n  en: {voice: b}\nprompts:\n  hi:\n    zh-CN: 你好\n"
    )
    with pytest.raises(BadFile, match=r":5: the prompt hi has no text in en"):
        load_catalogue(file)


@pytest.mark.parametrize(
    "text", ["", "voices: {}", "voices: {en: {speed: 1}}", "voices: {en: {voice: a}}\nprompts: {}"]
)
def test_a_bad_catalogue_is_refused(tmp_path, text):
    file = tmp_path / "catalogue.yaml"
    file.write_text(text)
    with pytest.raises(BadFile):
        load_catalogue(file)
