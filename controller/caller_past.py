"""What is known of a caller, for menus and the distribution: a look that never holds a call up.

A database that is slow or gone costs a caller nothing but the advantage: after ``LIMIT`` the call
goes on as that of a stranger.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from ivr.ports import HISTORY
from store.past import Past, PastStore
from telephony.numbers import plain_number

log = logging.getLogger(__name__)

LIMIT = 0.15  # seconds

#: Attributes that a contact gets at queueing, and their values (``routing.yaml`` declares them).
REPEAT, COMPLAINT = "repeat", "complaint"
WITHIN_DAY, OPEN = "within_24h", "open"

T = TypeVar("T")


class CallerPast:
    """Questions about callers.

    Args:
        store: where their earlier contacts are.
        now: the clock of all events.
        complaints: the queue whose unfinished tasks are open complaints.
    """

    def __init__(
        self, store: PastStore, now: Callable[[], float], complaints: str = "complaints"
    ) -> None:
        self._store, self._now, self._complaints = store, now, complaints
        self.slow = 0
        """How often there was no answer in time."""

    async def of(self, number: str) -> Past:
        """The caller's last 24 hours; nothing of withheld numbers, and when it takes too long."""
        caller = plain_number(number)
        return await self._soon(self._store.of_caller(caller, self._now()), Past())

    async def asked_within(self, number: str, days: int) -> bool:
        """Was this customer asked how satisfied they are within so many days?

        True when nobody can tell; never of a withheld number.
        """
        caller = plain_number(number)
        if not days or not caller:
            return False
        return await self._soon(self._store.surveyed_since(caller, self._now(), days), True)

    def has_complaint(self, past: Past) -> bool:
        """Is a complaint of this caller still open?"""
        return self._complaints in past.open_task_queues

    def attributes(self, past: Past) -> dict[str, str]:
        """What the rules of distribution may ask for."""
        found = {}
        if past.contacts:
            found[REPEAT] = WITHIN_DAY
        if self.has_complaint(past):
            found[COMPLAINT] = OPEN
        return found

    def facts(self, past: Past) -> Mapping[str, bool | int | str]:
        """What a menu's branches may ask for, by the names of its values."""
        found = (
            past.contacts,
            past.last_queue,
            past.last_agent,
            past.last_solved,
            self.has_complaint(past),
        )
        return dict(zip(HISTORY, found, strict=True))

    async def _soon(self, answer: Awaitable[T], otherwise: T) -> T:
        try:
            async with asyncio.timeout(LIMIT):
                return await answer
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            self.slow += 1
            log.warning("a caller's past is not known: %s", type(error).__name__)
            return otherwise
