"""The controller's side of hearing callers: a link to the process of ``recordings/hearing.py``."""

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

ACCEPT_SECONDS = 1.0
"""For the process to say that it expects a caller."""
AGAIN_SECONDS = 2.0
"""Between two attempts to reach it."""


class NoHearingError(Exception):
    """Nobody can be heard now: the process is away, starting, or full."""


@dataclass(slots=True, eq=False)
class Listening:
    """One caller who is heard. ``news`` is called at the beginning and when words are there."""

    name: str
    """The UUID that Asterisk is to connect with."""
    address: str
    """Where it is to connect, ``HOST:PORT``."""
    news: Callable[[], None] = lambda: None
    spoke: bool = False
    """Whether the caller has begun to speak."""
    ended: bool = False
    """Whether the caller has ended, and words will follow."""
    words: str | None = None
    """What was said, once it is over; "" when nothing was clear."""
    accepted: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    """Whether nothing more will be heard."""


class HearingLink:
    """Stays connected to the hearing process, and comes back when that was away.

    Args:
        socket: its UNIX socket.
        know: what callers may be expected to say: by language ``hints`` and ``phrases``.
    """

    def __init__(
        self, socket: Path, know: Callable[[], Mapping[str, tuple[str, Sequence[str]]]]
    ) -> None:
        self._socket, self._know = socket, know
        self._writer: asyncio.StreamWriter | None = None
        self._port = 0
        self._callers: dict[str, Listening] = {}

    @property
    def is_up(self) -> bool:
        """Whether callers can be heard."""
        return self._writer is not None and self._port > 0

    async def run(self) -> None:
        """Keep the link until cancelled."""
        while True:
            with contextlib.suppress(OSError, ValueError):
                await self._follow()
            for caller in tuple(self._callers.values()):
                self._end(caller)
            await asyncio.sleep(AGAIN_SECONDS)

    def tell_expectations(self) -> None:
        """Say again what callers may be expected to say: it has changed."""
        known = {
            language: {"hints": hints, "phrases": list(phrases)}
            for language, (hints, phrases) in self._know().items()
        }
        self._send(know=known)

    @contextlib.asynccontextmanager
    async def listen(self, language: str) -> AsyncIterator[Listening]:
        """Hear a caller, once Asterisk connects with the name to the address.

        Raises:
            NoHearingError: it is not possible now.
        """
        if not self.is_up:
            raise NoHearingError("the hearing process is away")
        caller = Listening(name=str(uuid.uuid4()), address=f"127.0.0.1:{self._port}")
        self._callers[caller.name] = caller
        self._send(listen=caller.name, language=language)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ACCEPT_SECONDS):
                    await caller.accepted.wait()
            if not caller.accepted.is_set() or caller.over:
                raise NoHearingError("the hearing process takes no caller")
            yield caller
        finally:
            self._callers.pop(caller.name, None)
            self._send(stop=caller.name)

    async def _follow(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        self._writer = writer
        try:
            self.tell_expectations()
            while line := await reader.readline():
                self._hear(json.loads(line))
        finally:
            self._writer, self._port = None, 0
            writer.close()

    def _hear(self, message: Mapping[str, Any]) -> None:
        if "port" in message:
            self._port = int(message["port"])
            return
        what = next(
            (key for key in ("listening", "spoke", "ended", "words", "over") if key in message), ""
        )
        caller = self._callers.get(str(message.get(what)))
        if caller is None:
            return
        match what:
            case "listening":
                caller.accepted.set()
            case "spoke":
                caller.spoke, caller.ended, caller.words = True, False, None
                caller.news()
            case "ended":
                caller.ended = True
            case "words":
                caller.words = str(message["text"])
                caller.news()
            case "over":
                self._end(caller)

    @staticmethod
    def _end(caller: Listening) -> None:
        caller.over = True
        caller.accepted.set()
        if caller.words is None:
            caller.words = ""
        caller.news()

    def _send(self, **message: object) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
