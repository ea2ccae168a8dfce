"""One of several controllers: it stands by, or it decides, and never both at the wrong time.

Everything that decides or acts asks ``may_decide`` or ``may_act`` first, at the last moment. What
Asterisk tells while nothing may be decided (between winning the lease and the first picture, or
when this process was held up for longer than its lease) is kept, and heard in order afterwards.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from store.lease import Lease
from store.live import Changes, Journal
from telephony.events import PictureTaken, WireEvent

log = logging.getLogger(__name__)

#: Seconds until events that may not be heard yet are tried again.
HEAR_AGAIN = 0.05
#: Events kept meanwhile; beyond it all of them go, and a picture takes their place.
LATE_LIMIT = 20_000


class Leadership:
    """The lease, and what hangs on it.

    Args:
        redis: see ``store.lease.Lease``.
        address: of this controller's pages.
        journal: what this controller writes, under the lease's fencing number.
        witness: asks Asterisk for the newest fencing number that it was told.
        able: whether there is a link to Asterisk.
        state: all contacts and agents that this controller remembers, as plain values.
        listen: takes one event of Asterisk.
        look: asks for a picture of Asterisk.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        address: str,
        journal: Journal,
        witness: Callable[[], Awaitable[int]],
        able: Callable[[], bool],
        state: Callable[[], tuple[Changes, Changes]],
        listen: Callable[[WireEvent], object],
        look: Callable[[], None],
    ) -> None:
        self._redis = redis
        self._journal = journal
        self._state = state
        self._listen, self._look = listen, look
        self._late: deque[WireEvent] = deque()
        self._picture_seen = False
        self._hear_again: asyncio.TimerHandle | None = None
        self.lease = Lease(
            redis,
            address=address,
            witness=witness,
            able=able,
            intact=journal.intact,
            restore=self._write_anew,
        )

    @property
    def role(self) -> str:
        """``leader`` or ``standby``."""
        return "leader" if self.lease.leads else "standby"

    def may_act(self) -> bool:
        """Whether Asterisk may be told to do something at this moment."""
        return self.lease.is_current()

    def may_decide(self) -> bool:
        """Whether contacts and agents may be changed at this moment."""
        return self._picture_seen and self.lease.is_current()

    async def won(self) -> int:
        """Wait until this controller holds the lease; returns its fencing number."""
        await self.lease.won.wait()
        self._journal.fence = self.lease.number
        return self.lease.number

    def hear(self, event: WireEvent) -> None:
        """Take an event of Asterisk, now or when it may be heard. One who stands by hears none."""
        if not self.lease.leads:
            return
        if isinstance(event, PictureTaken) and not self._picture_seen:
            self._picture_seen = True
            self._late.appendleft(event)
        else:
            self._late.append(event)
        if len(self._late) > LATE_LIMIT:
            log.error("more than %s events could not be heard", LATE_LIMIT)
            self._late.clear()
            self._look()
        self._hear_late()

    def _hear_late(self) -> None:
        if self._hear_again is not None:
            self._hear_again.cancel()
            self._hear_again = None
        while self._late and self.may_decide():
            event = self._late.popleft()
            try:
                self._listen(event)
            except Exception:
                log.exception("an event of Asterisk failed")
        if self._late and self._picture_seen:
            loop = asyncio.get_running_loop()
            self._hear_again = loop.call_later(HEAR_AGAIN, self._hear_late)

    async def _write_anew(self, number: int) -> None:
        contacts, agents = self._state()
        await self._journal.write_anew(contacts, agents, number)

    async def close(self) -> None:
        """Leave the lease to others, and close the connection."""
        if self._hear_again is not None:
            self._hear_again.cancel()
        await self.lease.release()
        await self._redis.aclose()
