"""A caller on an AGI session, as the dialogue wants to see one."""

import logging
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path, PurePath
from time import monotonic

from ivr.ears import SIGNAL, DeafError, Ears, NoEars, key_or_words
from ivr.joining import Joiner
from ivr.ports import CallerGone, Heard, Recorded
from telephony.agi import (
    AgiConnectionLost,
    AgiFileMissing,
    AgiProtocolError,
    AgiSession,
    AgiTimeout,
    CallerHungUp,
)

log = logging.getLogger(__name__)

ALL_KEYS = "0123456789*#"
MESSAGES = "messages"
"""Folder of what callers spoke, below the recordings folder; each message has one of its own."""
_LEG = "customer"
"""Name of the file, as of the customer's side of a recorded talk."""
SHORTEST = 1.5
"""Seconds. Less holds no word: a breath, a click, a hang-up."""

_HEADER, _BYTES_A_SECOND = 44, 16_000
_GONE = (CallerHungUp, AgiConnectionLost, AgiTimeout, AgiProtocolError)


class AgiLine:
    """Implements `ivr.ports.Line` over FastAGI.

    Args:
        recordings: the recordings folder, where Asterisk and this process both can reach it.
        ears: who hears what the caller says; without them only keys count.
        joiner: makes one sound of what is played in a row; without it, one recording follows the
            other at Asterisk's pace.

    STREAM FILE answers when the sound has been sent: a wait for a key begins behind the last word.
    """

    def __init__(
        self,
        session: AgiSession,
        recordings: Path,
        ears: Ears | None = None,
        joiner: Joiner | None = None,
    ) -> None:
        self._session = session
        self._recordings = recordings
        self._ears = ears or NoEars()
        self._joiner = joiner

    async def play(self, prompts: Sequence[str], *, interruptible: bool) -> str:
        """See `Line.play`."""
        return await self._play(prompts, ALL_KEYS if interruptible else "")

    async def _play(self, prompts: Sequence[str], keys: str) -> str:
        try:
            for prompt in self._joiner.joined(prompts) if self._joiner else prompts:
                try:
                    if key := await self._session.stream_file(prompt, keys):
                        return key
                except AgiFileMissing:
                    log.error("no recording %s", PurePath(prompt).name)
        except _GONE as error:
            raise CallerGone(str(error)) from error
        return ""

    async def hear(
        self, prompts: Sequence[str], *, seconds: float, language: str, comfort: Sequence[str]
    ) -> Heard:
        """See `Line.hear`."""
        async with AsyncExitStack() as stack:
            try:
                listening = await stack.enter_async_context(
                    self._ears.listen(self._session.channel, language)
                )
            except DeafError as error:
                log.info("only keys count: %s", error)
                key = await self.play(prompts, interruptible=True)
                return Heard(key=key or await self.wait_digit(seconds))
            key = await self._play(prompts, ALL_KEYS + SIGNAL)
            if key and key != SIGNAL:
                return Heard(key=key)
            return await key_or_words(
                listening, self._wait_key, seconds, lambda: self._play(comfort, ALL_KEYS + SIGNAL)
            )

    async def wait_digit(self, seconds: float) -> str:
        """See `Line.wait_digit`."""
        end = monotonic() + seconds
        key = await self._wait_key(seconds)
        while key == SIGNAL:  # a late one, of ears that hear no longer
            key = await self._wait_key(max(0.0, end - monotonic()))
        return key

    async def _wait_key(self, seconds: float) -> str:
        try:
            return await self._session.wait_for_digit(seconds)
        except _GONE as error:
            raise CallerGone(str(error)) from error

    async def record(self, name: str, *, seconds: float, silence: float, end_keys: str) -> Recorded:
        """See `Line.record`. The folder's name tells contact and purpose, nothing more."""
        stem = f"{self._session.uniqueid}.{name}.{secrets.token_hex(8)}"
        folder = self._recordings / MESSAGES / stem
        folder.mkdir(mode=0o700, parents=True)
        key, gone = "", None
        try:
            key = await self._session.record_file(
                str(folder / _LEG), seconds=seconds, silence=silence, end_keys=end_keys
            )
        except _GONE as error:
            gone = error
        file = folder / f"{_LEG}.wav"
        length = seconds_of(file)
        if length >= SHORTEST:
            name = str(file.relative_to(self._recordings))
            return Recorded(seconds=length, file=name, key=key)
        file.unlink(missing_ok=True)
        folder.rmdir()
        if gone:
            raise CallerGone(str(gone)) from gone
        return Recorded(seconds=0.0, key=key)


def seconds_of(audio: Path) -> float:
    """Length in seconds of what Asterisk recorded: 16-bit mono of 8 kHz; 0 when there is none.

    By the file's size: the header's lengths are written last, and not at all by one that dies.
    """
    try:
        return max(0, audio.stat().st_size - _HEADER) / _BYTES_A_SECOND
    except OSError:
        return 0.0
