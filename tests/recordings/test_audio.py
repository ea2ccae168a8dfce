"""Files that grow, were cut off, or are nonsense; and joining two of them."""

from pathlib import Path

import numpy as np
import pytest

from recordings import audio
from tests.recordings.sounds import heard, read, sine, write, write_growing


def test_a_finished_file(tmp_path: Path) -> None:
    found = audio.measure(write(tmp_path / "a.wav", sine(400, 1.5)))
    assert (found.seconds, found.closed) == (1.5, True)


@pytest.mark.parametrize("declared", [0, 4_000, 1_000_000])
def test_a_file_whose_header_is_behind(tmp_path: Path, declared: int) -> None:
    """0 while it grows, too small when written now and then, too large when the disk was full."""
    path = write_growing(tmp_path / "a.wav", sine(400, 1.5), declared)
    found = audio.measure(path)
    assert (found.seconds, found.closed) == (1.5, False)
    assert sum(block.size for block in audio.blocks(path)) == 12_000


def test_half_a_sample_at_the_end_is_left_out(tmp_path: Path) -> None:
    path = write_growing(tmp_path / "a.wav", sine(400, 1.0))
    path.write_bytes(path.read_bytes()[:-1])
    assert audio.measure(path).samples == 7_999
    assert sum(block.size for block in audio.blocks(path)) == 7_999


def test_what_follows_the_samples_is_not_played(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", sine(400, 1.0))
    path.write_bytes(path.read_bytes() + b"LIST\x04\0\0\0abcd")
    assert audio.measure(path).seconds == 1.0


def test_a_header_and_nothing_more(tmp_path: Path) -> None:
    path = write_growing(tmp_path / "a.wav", sine(400, 0))
    assert audio.measure(path).samples == 0
    assert list(audio.blocks(path)) == []


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"x" * 5000, b"RIFF\0\0\0\0WAVEdata\0\0\0\0",
                b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01"]
)  # fmt: skip
def test_nonsense_is_no_audio(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(audio.NoAudioError):
        audio.measure(path)


def test_joining_puts_the_customer_left_and_the_agent_right(tmp_path: Path) -> None:
    joined = audio.join(
        agent=write(tmp_path / "a.wav", sine(400, 25.0)),
        customer=write_growing(tmp_path / "c.wav", sine(700, 23.5)),
        folder=tmp_path / "2026/01/01/c-1",
    )
    assert (joined.agent, joined.customer, joined.seconds) == (25.0, 23.5, 25.0)
    folder = tmp_path / "2026/01/01/c-1"
    assert sorted(path.name for path in folder.iterdir()) == [
        "agent.wav", "customer.wav", "stereo.wav"
    ]  # fmt: skip
    stereo = read(folder / "stereo.wav")
    assert stereo.shape == (200_000, 2)
    left, right = stereo[:, 0], stereo[:, 1]
    assert heard(left, 700) > 0.9 > 0.01 > heard(left, 400)
    assert heard(right, 400) > 0.9 > 0.01 > heard(right, 700)
    assert not left[188_000:].any()
    assert np.array_equal(read(folder / "agent.wav")[:, 0], sine(400, 25.0))
    assert np.array_equal(read(folder / "customer.wav")[:, 0], sine(700, 23.5))


def test_a_missing_leg_is_silence(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    customer = write(tmp_path / "c.wav", sine(700, 1.0))
    joined = audio.join(agent=tmp_path / "a.wav", customer=customer, folder=tmp_path / "f")
    assert (joined.agent, joined.customer) == (None, 1.0)
    assert not (tmp_path / "f" / "agent.wav").exists()
    assert not read(tmp_path / "f" / "stereo.wav")[:, 1].any()


def test_joining_again_replaces(tmp_path: Path) -> None:
    first, second = (
        write(tmp_path / f"{n}.wav", sine(400, seconds)) for n, seconds in enumerate((1.0, 2.0))
    )
    audio.join(agent=first, customer=first, folder=tmp_path / "f")
    audio.join(agent=second, customer=second, folder=tmp_path / "f")
    assert read(tmp_path / "f" / "stereo.wav").shape == (16_000, 2)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["f"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = write(tmp_path / "a.wav", sine(400, 1.0))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wave.Wave_write.writeframes", full)
    with pytest.raises(OSError, match="No space"):
        audio.join(agent=agent, customer=agent, folder=tmp_path / "f")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_long_file_is_not_held_in_memory(tmp_path: Path) -> None:
    sizes = [block.size for block in audio.blocks(write(tmp_path / "a.wav", sine(400, 65.0)))]
    assert max(sizes) <= 10 * audio.RATE
    assert sum(sizes) == 65 * audio.RATE
