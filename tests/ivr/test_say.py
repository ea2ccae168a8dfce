"""Making recordings: only what is missing, nothing stale, one level; with a voice of tones."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.prompts import Prompt, PromptShelf
from ivr.say import (
    KEPT,
    KokoroSpeaker,
    VoiceUnavailable,
    kept_shelves,
    load_phrases,
    main,
    say_phrases,
    say_prompts,
)
from ivr.versions import MenuFiles
from ivr.wav import TELEPHONE_RATE
from store.source import BadFile
from tests.example_company import COMPANY
from tests.ivr.small_company import VOICES


class Whistler:
    """Says every text as a tone, one tenth of a second a character, in a second of silence."""

    rate = TELEPHONE_RATE

    def __init__(self) -> None:
        self.said: list[str] = []

    def speak(self, text, language, voice):
        self.said.append(text)
        times = np.arange(len(text) * self.rate // 10) / self.rate
        silence = np.zeros(self.rate // 2, dtype=np.float32)
        tone = (0.01 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
        return np.concatenate([silence, tone, silence])


def prompt(text: str, name: str = "hi", language: str = "zh-CN") -> Prompt:
    return Prompt(name=name, language=language, text=text, voice=VOICES[language],
                  source=Path("x.yaml"), line=1)  # fmt: skip


def test_only_what_is_missing_is_made(tmp_path):
    voice = Whistler()
    shelf = PromptShelf([prompt("您好"), prompt("Hello", language="en")], VOICES, tmp_path)
    assert say_prompts(shelf, tmp_path, voice) == 2
    assert say_prompts(shelf, tmp_path, voice) == 0
    assert voice.said == ["您好", "Hello"]
    assert shelf.unrecorded() == []


def test_a_changed_text_replaces_the_recording(tmp_path, capsys):
    voice = Whistler()
    old, new = (PromptShelf([prompt(text)], VOICES, tmp_path) for text in ("您好", "您好啊"))
    say_prompts(old, tmp_path, voice)
    (tmp_path / "LICENCE.md").write_text("stays")
    assert new.unrecorded()
    assert say_prompts(new, tmp_path, voice) == 1
    assert old.unrecorded()
    assert (tmp_path / "LICENCE.md").exists()
    assert "no text asks for it any more" in capsys.readouterr().out


def test_what_a_kept_version_says_stays(tmp_path):
    old, new = (PromptShelf([prompt(text)], VOICES, tmp_path) for text in ("您好", "您好啊"))
    say_prompts(old, tmp_path, Whistler())
    say_prompts(new, tmp_path, Whistler(), kept=[old])
    assert old.unrecorded() == new.unrecorded() == []


def test_the_last_versions_are_kept_unless_they_fit_no_more(tmp_path):
    company = tmp_path / "company"
    shutil.copytree(COMPANY, company, ignore=shutil.ignore_patterns("*.wav", "speech"))
    files = MenuFiles(company, tmp_path / "menus", lambda: company)
    file = company / "menus" / "main.yaml"
    text = file.read_text(encoding="utf-8")
    for wait in range(4, 17):
        file.write_text(text.replace("wait: 5", f"wait: {wait}", 1), "utf-8")
        files.kept.keep(company, author="mei")
    assert len(kept_shelves(tmp_path / "menus", company)) == KEPT
    broken = files.kept.newest.folder / "menus" / "main.yaml"
    broken.write_text("name: x", encoding="utf-8")
    assert len(kept_shelves(tmp_path / "menus", company)) == KEPT - 1
    assert kept_shelves(tmp_path / "none", company) == []


def test_nothing_half_written_is_left(tmp_path):
    shelf = PromptShelf([prompt("您好")], VOICES, tmp_path)
    say_prompts(shelf, tmp_path, Whistler())
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".wav"]


def test_parts_are_cut_close_and_a_pause_is_silent(tmp_path):
    parts = [
        replace(prompt(text, name), part=True) for text, name in (("二十八", "n28"), ("…", "p"))
    ]
    shelf = PromptShelf([prompt("二十八"), *parts], VOICES, tmp_path)
    say_prompts(shelf, tmp_path, Whistler())
    whole, part, pause = (shelf.seconds(name, "zh-CN") for name in ("hi", "n28", "p"))
    assert part == pytest.approx(whole - 0.21, abs=0.001)
    assert pause == 0.25
    assert not soundfile.read(shelf.path("p", "zh-CN") + ".wav")[0].any()


def test_silence_is_no_recording(tmp_path):
    class Mute(Whistler):
        def speak(self, text, language, voice):
            return np.zeros(8000, dtype=np.float32)

    with pytest.raises(VoiceUnavailable, match="said nothing for “您好”"):
        say_prompts(PromptShelf([prompt("您好")], VOICES, tmp_path), tmp_path, Mute())


PHRASES = """
phrases:
  hello: {role: customer, language: zh-CN, voice: zm_yunxi, queues: [order], text: 你好}
  bye: {role: agent, language: en, voice: af_heart, queues: [], text: Bye}
"""


def test_phrases_keep_their_names_and_follow_their_texts(tmp_path):
    voice = Whistler()
    listing = tmp_path / "phrases.yaml"
    listing.write_text(PHRASES)
    assert say_phrases(tmp_path, tmp_path, voice) == 2
    assert say_phrases(tmp_path, tmp_path, voice) == 0
    before = len(soundfile.read(tmp_path / "hello.wav")[0])
    listing.write_text(PHRASES.replace("你好", "你好你好").replace("bye:", "ciao:"))
    assert say_phrases(tmp_path, tmp_path, voice) == 2
    assert len(soundfile.read(tmp_path / "hello.wav")[0]) > before
    assert not (tmp_path / "bye.wav").exists()


def test_a_phrase_without_a_voice_is_refused(tmp_path):
    (tmp_path / "phrases.yaml").write_text("phrases:\n  a: {role: agent, text: x}\n")
    with pytest.raises(BadFile, match=r":2: a needs role, language, voice and text"):
        load_phrases(tmp_path)


def test_the_committed_phrases_are_spoken_and_varied():
    phrases = load_phrases(COMPANY / "speech")
    assert [phrase.name for phrase in phrases if not phrase.file.is_file()] == []
    assert len({phrase.text for phrase in phrases}) == len(phrases)
    customers = [phrase for phrase in phrases if phrase.role == "customer"]
    assert {queue for phrase in customers for queue in phrase.queues} == {
        "presale", "order", "logistics", "returns", "complaints", "general", "vip",
    }  # fmt: skip


def test_nothing_to_say_needs_no_voice(tmp_path, capsys):
    assert main(["--company", str(COMPANY), "--models", str(tmp_path)]) == 0
    assert "made 0 prompt(s) and 0 phrase(s)" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(VoiceUnavailable, match="npm"):
        KokoroSpeaker(tmp_path)
