"""The hearing process as Asterisk and a controller see it."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recordings.audiosocket import Kind
from recordings.listening import HearingLink, Listening
from recordings.models import default_models_dir, whisper_model_path
from tests.recordings.phrases import RATE
from tests.telephony.until import until

ROOT = Path(__file__).resolve().parents[2]
FRAME = RATE // 50
"""Samples that Asterisk sends at once."""


@contextlib.contextmanager
def hearing_process(*options: str) -> Iterator[Path]:
    """The process with the models of this checkout; its socket."""
    whisper_model_path()
    with tempfile.TemporaryDirectory(prefix="huawu-", dir="/tmp") as folder:
        state = Path(folder)
        (state / "models").symlink_to(default_models_dir(), target_is_directory=True)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "recordings.hearing", "--state", folder, *options],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
        )
        try:
            yield state / "run" / "hearing.sock"
        finally:
            process.terminate()
            assert process.wait(20) == 0


@contextlib.asynccontextmanager
async def linked(link: HearingLink, seconds: float = 120) -> AsyncIterator[HearingLink]:
    """A link while it is up; loading a model may take its time."""
    following = asyncio.create_task(link.run())
    try:
        await until(lambda: link.is_up, seconds)
        yield link
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def named(name: str) -> bytes:
    """The message that tells whose audio it is."""
    return bytes([Kind.UUID, 0, 16]) + uuid.UUID(name).bytes


def audio_messages(samples: np.ndarray) -> list[bytes]:
    """Audio as Asterisk sends it."""
    whole = samples[: samples.size // FRAME * FRAME].astype("<i2").reshape(-1, FRAME)
    head = bytes([Kind.AUDIO]) + (2 * FRAME).to_bytes(2, "big")
    return [head + frame.tobytes() for frame in whole]


@dataclass(frozen=True, slots=True)
class Taken:
    """What was made of a sentence."""

    words: str
    spoke: bool
    delay: float
    """Seconds from the end of the speech to the words."""


async def say(
    link: HearingLink, language: str, samples: np.ndarray, *, end: float, paced: bool
) -> Taken:
    """Send audio, ``paced`` as it is spoken or as fast as it goes, and wait for the words.

    Args:
        end: seconds from the beginning of the samples to the end of the speech.
    """
    async with link.listen(language) as caller:
        host, port = caller.address.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(named(caller.name))
        ended = begun = time.monotonic()
        for number, message in enumerate(audio_messages(samples)):
            if caller.words is not None:
                break
            moment = number * FRAME / RATE
            if paced:
                await asyncio.sleep(begun + moment - time.monotonic())
            if moment <= end:
                ended = time.monotonic()
            writer.write(message)
        await _over(caller)
        delay = time.monotonic() - ended
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return Taken(caller.words or "", caller.spoke, delay)


async def _over(caller: Listening) -> None:
    """Until there are words, or it is clear that none will come."""
    deadline = time.monotonic() + 150
    while caller.words is None and (caller.spoke or time.monotonic() < deadline - 147):
        assert time.monotonic() < deadline, "no words came"
        await asyncio.sleep(0.005)
