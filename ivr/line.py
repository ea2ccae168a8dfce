"""A caller on an AGI session, as the dialogue wants to see one."""

import logging
from collections.abc import Sequence
from pathlib import PurePath

from ivr.dialogue import CallerGone
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

_GONE = (CallerHungUp, AgiConnectionLost, AgiTimeout, AgiProtocolError)


class AgiLine:
    """Implements `ivr.dialogue.Line` over FastAGI."""

    def __init__(self, session: AgiSession) -> None:
        self._session = session

    async def play(self, prompts: Sequence[str], *, interruptible: bool) -> str:
        """See `Line.play`."""
        keys = ALL_KEYS if interruptible else ""
        try:
            for prompt in prompts:
                try:
                    if key := await self._session.stream_file(prompt, keys):
                        return key
                except AgiFileMissing:
                    log.error("no recording %s", PurePath(prompt).name)
        except _GONE as error:
            raise CallerGone(str(error)) from error
        return ""

    async def wait_digit(self, seconds: float) -> str:
        """See `Line.wait_digit`."""
        try:
            return await self._session.wait_for_digit(seconds)
        except _GONE as error:
            raise CallerGone(str(error)) from error
