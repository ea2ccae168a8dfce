"""Keys or a voice: how a line takes whatever comes first from a caller.

The ears hear the caller's side of a call while prompts play. What they hear interrupts a prompt or
a wait as a key does: they press ``SIGNAL`` on the line, a key that telephones lack. One that a
phone sends all the same, or that is lost between two commands, changes nothing but the moment.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import Protocol, TypeAlias

from ivr.ports import Heard

SIGNAL = "D"
"""The key by which the ears make themselves heard."""
LOOK_SECONDS = 0.5
"""Between two looks at what was heard, for the case that the signal was lost."""
COMFORT_SECONDS = 0.8
"""Between the end of a sentence and a word of comfort, when its words are not there yet: speech
counts as ended after 0.7 s of silence, and callers are never to hear two seconds of nothing."""
SENTENCE_SECONDS = 90.0
"""For a sentence and its recognition, should the ears forget to answer."""


class DeafError(Exception):
    """Callers cannot be heard now: only keys count."""


class Listening(Protocol):
    """One caller being heard."""

    @property
    def spoke(self) -> bool:
        """Whether the caller has begun to speak."""

    @property
    def ended(self) -> bool:
        """Whether the caller has ended, and words will follow."""

    @property
    def words(self) -> str | None:
        """What was said, once that is known; "" when nothing was clear."""


class Ears(Protocol):
    """Who hears callers."""

    def listen(self, channel: str, language: str) -> AbstractAsyncContextManager[Listening]:
        """Hear the caller on a channel until the block is left.

        Raises:
            DeafError: here or on entering, when it is not possible now.
        """


class NoEars:
    """Implements `Ears` where nobody hears callers."""

    def listen(self, channel: str, language: str) -> AbstractAsyncContextManager[Listening]:
        """See `Ears.listen`."""
        raise DeafError("there are no ears")


WaitKey: TypeAlias = Callable[[float], Awaitable[str]]
"""Waits so many seconds at the most for a key, ``SIGNAL`` among them; "" when there was none."""


Comfort: TypeAlias = Callable[[], Awaitable[str]]
"""Says that it takes a moment; the key that cut it short, or ""."""


async def key_or_words(
    listening: Listening, wait_key: WaitKey, seconds: float, comfort: Comfort
) -> Heard:
    """Wait for a key or for the beginning of speech; who speaks is heard out."""
    end = monotonic() + seconds
    while not listening.spoke and (left := end - monotonic()) > 0:
        key = await wait_key(min(left, LOOK_SECONDS))
        if key and key != SIGNAL:
            return Heard(key=key)
    return await _words(listening, wait_key, comfort) if listening.spoke else Heard()


async def _words(listening: Listening, wait_key: WaitKey, comfort: Comfort) -> Heard:
    """The words of who has begun to speak, or the key that is pressed meanwhile."""
    end = monotonic() + SENTENCE_SECONDS
    silent = 0.0  # since when the caller hears nothing, while the words are awaited
    while listening.words is None and (left := end - monotonic()) > 0:
        silent = (silent or monotonic()) if listening.ended else 0.0
        if silent and monotonic() >= silent + COMFORT_SECONDS:
            key, silent = await comfort(), 0.0
        else:
            key = await wait_key(min(left, LOOK_SECONDS))
        if key and key != SIGNAL:
            return Heard(key=key, spoke=True)
    return Heard(words=listening.words or "", spoke=True)
