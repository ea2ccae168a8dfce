"""Recordings joined to one: everything in it, made once, never in the way of a call."""

import os
import wave
from pathlib import Path

import pytest

from ivr.joining import Joiner
from ivr.wav import read_wav, seconds_of, write_wav


@pytest.fixture
def parts(tmp_path):
    paths = []
    for number in range(3):
        file = tmp_path / "parts" / f"part{number}.wav"
        write_wav(file, bytes([number + 1, 0]) * 800)
        paths.append(str(file.with_suffix("")))
    return paths


def wav(path: str) -> Path:
    return Path(f"{path}.wav")


def test_parts_follow_each_other_in_one_file(tmp_path, parts):
    (path,) = Joiner(tmp_path / "joined").joined(parts)
    with wave.open(f"{path}.wav") as sound:
        assert sound.getparams()[:3] == (1, 2, 8000)
        assert sound.readframes(10_000) == b"".join(bytes([n, 0]) * 800 for n in (1, 2, 3))
    assert list((tmp_path / "joined").iterdir()) == [wav(path)]


def test_one_alone_stays_itself(tmp_path, parts):
    assert Joiner(tmp_path / "joined").joined(parts[:1]) == parts[:1]
    assert Joiner(tmp_path / "joined").joined([]) == []


def test_it_is_made_once_and_anew_when_a_recording_changes(tmp_path, parts):
    joiner = Joiner(tmp_path / "joined")
    (first,) = joiner.joined(parts)
    made = wav(first).stat().st_ino
    assert joiner.joined(parts) == [first]
    assert wav(first).stat().st_ino == made
    assert joiner.joined(parts[::-1]) != [first]
    write_wav(tmp_path / "parts" / "part1.wav", bytes(3200))
    (second,) = joiner.joined(parts)
    assert second != first
    assert seconds_of(wav(second)) == pytest.approx(0.4)


def test_a_lost_or_foreign_recording_is_left_out_and_logged(tmp_path, parts, caplog):
    (tmp_path / "parts" / "part0.wav").unlink()
    (tmp_path / "parts" / "part2.wav").write_bytes(b"ID3 no wave")
    (path,) = Joiner(tmp_path / "joined").joined(parts)
    assert read_wav(wav(path)) == bytes([2, 0]) * 800
    assert "no recording part0" in caplog.text
    assert "no recording part2" in caplog.text


def test_where_nothing_can_be_written_they_play_one_by_one(tmp_path, parts, caplog):
    (tmp_path / "joined").write_text("a file, not a folder")
    assert Joiner(tmp_path / "joined").joined(parts) == parts
    assert "one by one" in caplog.text


def test_the_folder_does_not_grow_without_end(tmp_path, parts):
    joiner = Joiner(tmp_path / "joined", kept=10)
    kept = joiner.joined(parts)[0]
    for length in range(2, 42):
        os.utime(wav(kept), (0, 0))
        joiner.joined((parts * length)[: length + 2])
        joiner.joined(parts)  # just played: it stays
        assert len(list((tmp_path / "joined").iterdir())) <= 11
    assert joiner.joined(parts) == [kept]
