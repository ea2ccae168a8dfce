"""People's recordings: taken up in the telephone's form, heard while the text is the one read."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree, ignore_patterns

import numpy as np
import pytest
import soundfile

from ivr.check import main as check
from ivr.human import RECORDINGS, HumanRecordings, Unfit, file_name, main
from ivr.prompts import Prompt, PromptShelf
from ivr.sound import LOUDNESS, loudness
from ivr.versions import load_version
from ivr.wav import seconds_of
from store.source import BadFile
from tests.example_company import COMPANY
from tests.ivr.small_company import VOICES


@pytest.fixture
def prompt():
    return Prompt(name="main-hello", language="zh-CN", text="您好", voice=VOICES["zh-CN"],
                  source=Path("x.yaml"), line=1)  # fmt: skip


@pytest.fixture
def studio(tmp_path):
    """A take from a studio: 44.1 kHz, stereo, quiet, with silence round it."""
    times = np.arange(44_100) / 44_100
    tone = 0.01 * np.sin(2 * np.pi * 440 * times)
    sound = np.pad(tone, 22_050)
    file = tmp_path / "take3.wav"
    soundfile.write(file, np.stack([sound, np.zeros_like(sound)], axis=1), 44_100, subtype="PCM_24")
    return file


def test_a_studio_take_becomes_telephone_sound_and_wins(tmp_path, prompt, studio):
    made = HumanRecordings(tmp_path).take_up(prompt, studio)
    assert made == tmp_path / file_name(prompt)
    samples, rate = soundfile.read(made, dtype="float32")
    assert (rate, samples.ndim) == (8000, 1)
    assert seconds_of(made) == pytest.approx(1.25, abs=0.03)
    assert loudness(samples, rate) == pytest.approx(LOUDNESS, abs=0.1)
    people = HumanRecordings(tmp_path)
    shelf = PromptShelf([prompt], VOICES, tmp_path / "prompts", people.find)
    assert shelf.path("main-hello", "zh-CN") == str(made.with_suffix(""))
    assert shelf.seconds("main-hello", "zh-CN") == seconds_of(made)
    assert shelf.unrecorded() == []
    assert shelf.with_prompts([]).spoken_by_people() == [prompt]
    assert list(people.problems(shelf)) == []


def test_a_new_text_is_not_said_by_the_old_recording(tmp_path, prompt, studio):
    HumanRecordings(tmp_path).take_up(prompt, studio)
    people, new = HumanRecordings(tmp_path), replace(prompt, text="您好，欢迎致电")
    assert people.find(new) is None
    (problem,) = people.problems([new])
    assert problem.warning
    assert "older text" in problem.text
    assert "./huawu ivr record main-hello" in problem.mend
    people.take_up(new, studio)
    assert [file.name for file in tmp_path.glob("zh-CN/*")] == [Path(file_name(new)).name]


def test_a_longer_name_is_another_prompt(tmp_path, prompt, studio):
    other = replace(prompt, name="main-hello-2", text="再见")
    people = HumanRecordings(tmp_path)
    people.take_up(other, studio)
    people.take_up(prompt, studio)
    assert len(list(tmp_path.glob("zh-CN/*.wav"))) == 2


@pytest.mark.parametrize(
    "name, text",
    [("zh-CN/main-hello.wav", "not taken up"), ("zh-CN/nobody.wav", "called nobody"),
     ("fr/main-hello.wav", "in fr is called main-hello")],
)  # fmt: skip
def test_what_nobody_hears_is_warned_of(tmp_path, prompt, studio, name, text):
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_bytes(studio.read_bytes())
    (problem,) = HumanRecordings(tmp_path).problems([prompt])
    assert problem.warning
    assert text in problem.text
    assert problem.mend


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello"])
def test_what_is_no_sound_is_not_taken_up(tmp_path, prompt, content):
    (tmp_path / "take.wav").write_bytes(content)
    with pytest.raises(Unfit, match="cannot be read as sound"):
        HumanRecordings(tmp_path).take_up(prompt, tmp_path / "take.wav")


def test_silence_and_absence_are_not_taken_up(tmp_path, prompt):
    soundfile.write(tmp_path / "take.wav", np.zeros(8000), 8000)
    with pytest.raises(Unfit, match="silence"):
        HumanRecordings(tmp_path).take_up(prompt, tmp_path / "take.wav")
    with pytest.raises(Unfit, match="cannot be read"):
        HumanRecordings(tmp_path).take_up(prompt, tmp_path / "none.wav")


def test_from_the_command_to_the_check(tmp_path, studio, capsys):
    company = tmp_path / "company"
    copytree(COMPANY, company, ignore=ignore_patterns("speech"))
    told = ["goodbye", str(studio), "--company", str(company)]
    assert main(told) == 0
    assert "says “感谢您的来电" in capsys.readouterr().out
    assert check(["--company", str(company)]) == 0
    assert "a person says goodbye (zh-CN)" in capsys.readouterr().out

    (broken,) = (company / RECORDINGS).glob("zh-CN/goodbye-*.wav")
    broken.write_bytes(studio.read_bytes())  # 44.1 kHz: Asterisk would play nothing
    with pytest.raises(BadFile, match="it is broken, or no WAV of 8 kHz"):
        load_version(company)
    assert check(["--company", str(company)]) == 1
    assert main(["nobody", *told[1:]]) == 1
    assert "no text in zh-CN is called nobody" in capsys.readouterr().err
