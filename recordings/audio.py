"""WAV files that may still grow or were cut off: measured, joined, never held whole in memory.

MixMonitor writes 16-bit mono PCM with the usual 44-byte header and puts the true sizes into it
only when it closes the file. So the sizes are believed only where the file agrees with them.
"""

import os
import shutil
import struct
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

RATE = 8000  # samples a second of everything that Asterisk writes for us
_BLOCK = RATE * 10  # samples joined at once
_HEADER_LIMIT = 64 * 1024  # a header longer than this is no header
_SAMPLE_BYTES = 2

Samples = npt.NDArray[np.int16]


class NoAudioError(ValueError):
    """The file is no 16-bit mono WAV of 8 kHz, or has not even a header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Where a file's samples lie. ``closed`` when the header was completed by its writer."""

    start: int  # byte
    samples: int
    closed: bool

    @property
    def seconds(self) -> float:
        """Length of what is there."""
        return self.samples / RATE


def measure(path: Path) -> Measure:
    """Find the samples of a WAV file, finished or not.

    Raises:
        NoAudioError: see there.
        OSError: the file cannot be read; FileNotFoundError when there is none.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start, declared = _find_data(file)
        there = max(0, size - start)
        beyond = b""
        if 0 < declared < there:
            file.seek(start + declared + declared % 2)
            beyond = file.read(4)
    # Behind finished data other chunks may follow; a stale size is followed by more samples.
    finished = declared == there or (declared < there and _looks_like_chunk(beyond))
    length = declared if finished and declared else there
    return Measure(start=start, samples=length // _SAMPLE_BYTES, closed=finished and declared > 0)


def _find_data(file: BinaryIO) -> tuple[int, int]:
    """Offset and declared length of the samples, in bytes."""
    head = file.read(_HEADER_LIMIT)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise NoAudioError("no WAV header")
    at = 12
    described = False
    while at + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        at += 8
        if name == b"data" and described:
            return at, length
        if name == b"fmt ":
            described = True
            kind, channels, rate, _, _, bits = struct.unpack_from(
                "<HHIIHH", head.ljust(at + 16), at
            )
            if (kind, channels, rate, bits) != (1, 1, RATE, 16):
                raise NoAudioError(f"not 16-bit mono PCM of 8 kHz: {kind, channels, rate, bits}")
        at += length + length % 2
    raise NoAudioError("a WAV header without samples")


def _looks_like_chunk(name: bytes) -> bool:
    return name in (b"LIST", b"id3 ", b"ID3 ", b"bext", b"cue ", b"fact", b"JUNK", b"iXML")


def blocks(path: Path, *, samples: int = _BLOCK) -> Iterator[Samples]:
    """The samples of a file in portions; raises as ``measure`` does."""
    found = measure(path)
    left = found.samples
    with path.open("rb") as file:
        file.seek(found.start)
        while left > 0:
            data = file.read(min(samples, left) * _SAMPLE_BYTES)
            portion = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2")
            if not portion.size:
                return
            left -= portion.size
            yield portion.astype(np.int16, copy=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Lengths in seconds; None for a leg without a usable file."""

    agent: float | None
    customer: float | None

    @property
    def seconds(self) -> float:
        """Length of the stereo file: that of the longer leg."""
        return max(self.agent or 0.0, self.customer or 0.0)


def join(*, agent: Path, customer: Path, folder: Path) -> Joined:
    """Make ``folder`` with agent.wav, customer.wav and stereo.wav (left customer, right agent).

    The folder appears whole or not at all; an earlier one of that name is replaced. The sources
    stay. A missing or unreadable leg is silence in the stereo file and has no file of its own.

    Raises:
        OSError: the disk is full or refuses; nothing is left behind.
    """
    sources = {"agent": _usable(agent), "customer": _usable(customer)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    try:
        lengths = _write_all(sources, making)
        if folder.exists():
            shutil.rmtree(folder)
        making.rename(folder)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return Joined(**lengths)


def _usable(path: Path) -> Path | None:
    try:
        measure(path)
    except (NoAudioError, FileNotFoundError):
        return None
    return path


def _write_all(sources: dict[str, Path | None], folder: Path) -> dict[str, float | None]:
    lengths: dict[str, float | None] = dict.fromkeys(sources)
    with ExitStack() as stack:
        stereo = stack.enter_context(_writer(folder / "stereo.wav", channels=2))
        monos: dict[str, wave.Wave_write] = {}
        readers: dict[str, Iterator[Samples]] = {}
        for leg, path in sources.items():
            readers[leg] = blocks(path) if path is not None else iter(())
            if path is not None:
                monos[leg] = stack.enter_context(_writer(folder / f"{leg}.wav", channels=1))
                lengths[leg] = 0.0
        while True:
            portions = {leg: next(reader, None) for leg, reader in readers.items()}
            longest = max((p.size for p in portions.values() if p is not None), default=0)
            if not longest:
                return lengths
            both = np.zeros((longest, 2), dtype="<i2")
            for column, leg in enumerate(("customer", "agent")):
                portion = portions[leg]
                if portion is not None:
                    both[: portion.size, column] = portion
                    monos[leg].writeframes(portion.astype("<i2").tobytes())
                    lengths[leg] = (lengths[leg] or 0.0) + portion.size / RATE
            stereo.writeframes(both.tobytes())


def _writer(path: Path, *, channels: int) -> wave.Wave_write:
    file = wave.open(str(path), "wb")  # noqa: SIM115 - the caller's ExitStack closes it
    file.setnchannels(channels)
    file.setsampwidth(_SAMPLE_BYTES)
    file.setframerate(RATE)
    return file
