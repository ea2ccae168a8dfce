"""Hearing a caller's own voice: Asterisk copies that side of the call to the hearing process.

A channel of our own (``AudioSocket/…``) is sent into ``huawu-ear``, where ChanSpy gives it what
comes from the caller and nothing of what the caller hears. The caller stays in the dialogue all
the while. What is heard has to interrupt the prompt that plays: Asterisk is made to believe that
the caller pressed D, a key that telephones lack.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from ivr.ears import SIGNAL, DeafError
from recordings.listening import HearingLink, Listening, NoHearingError
from telephony.ami import AmiError, AmiLink

log = logging.getLogger(__name__)

CONTEXT = "huawu-ear"


class AsteriskEars:
    """Implements ``ivr.ears.Ears``."""

    def __init__(self, hearing: HearingLink, link: AmiLink) -> None:
        self._hearing, self._link = hearing, link
        self._signals: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listen(self, channel: str, language: str) -> AsyncIterator[Listening]:
        """See ``Ears.listen``."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                listening = await stack.enter_async_context(self._hearing.listen(language))
                await self._connect(listening, channel)
            except (NoHearingError, AmiError) as error:
                raise DeafError(str(error)) from error
            listening.news = lambda: self._interrupt(channel)
            yield listening
            listening.news = lambda: None

    async def _connect(self, listening: Listening, channel: str) -> None:
        await self._link.action(
            "Originate",
            [
                ("Channel", f"AudioSocket/{listening.address}/{listening.name}"),
                ("Context", CONTEXT),
                ("Exten", "s"),
                ("Priority", "1"),
                ("Variable", f"HUAWU_EAR={channel}"),
                ("Async", "true"),
            ],
        )

    def _interrupt(self, channel: str) -> None:
        task = asyncio.create_task(self._press(channel))
        self._signals.add(task)
        task.add_done_callback(self._signals.discard)

    async def _press(self, channel: str) -> None:
        fields = [("Channel", channel), ("Digit", SIGNAL), ("Receive", "true")]
        with contextlib.suppress(AmiError):  # the line looks by itself, too, a little later
            await self._link.action("PlayDTMF", fields)
