"""What is known of a caller, for menus and the distribution: a look that never holds a call up.

Who decides has the last day of contacts in memory, and who has an open complaint; both are read
once, and followed. Until they are read, and while the database is away, callers are strangers, or
what they were when it was last there.
"""

import asyncio
import logging
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.exc import SQLAlchemyError

from ivr.ports import HISTORY
from store.past import DAY, PastContact, PastStore
from telephony.numbers import plain_number

log = logging.getLogger(__name__)

LIMIT = 0.15  # seconds that a caller waits for the database
LOOK = 2.0  # seconds between two looks at the tasks

#: Attributes that a contact gets at queueing, and their values (``routing.yaml`` declares them).
REPEAT, COMPLAINT = "repeat", "complaint"
WITHIN_DAY, OPEN = "within_24h", "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of a caller's last 24 hours, and of what is still open."""

    contacts: int = 0
    last_queue: str = ""
    last_agent: str = ""
    last_solved: bool = True  # True when there was no contact
    complains: bool = False


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
        # Of a caller, in the order of their ends: one number may stand for a whole company.
        self._contacts: dict[str, list[PastContact]] = {}
        self._known: dict[str, PastContact] = {}  # by the contact's id
        self._order: deque[PastContact] = deque()
        self._complaining: frozenset[str] = frozenset()
        self.slow = 0
        """How often the database gave no answer in time."""

    async def run(self) -> None:
        """Read what there is, and keep looking at the tasks, until cancelled."""
        loaded = False
        while True:
            try:
                if not loaded:
                    self.remember(await self._store.since(self._now() - DAY))
                    loaded = True
                unfinished = await self._store.unfinished()
                self._complaining = frozenset(
                    caller for caller, queue in unfinished if queue == self._complaints
                )
            except (SQLAlchemyError, OSError) as error:
                log.warning("callers' past is not read: %s", type(error).__name__)
            await asyncio.sleep(LOOK)

    def remember(self, contacts: Sequence[PastContact]) -> None:
        """Contacts have ended; what is older than a day is forgotten."""
        for contact in contacts:
            if earlier := self._known.get(contact.contact):
                self._forget(earlier)
            insort(self._contacts.setdefault(contact.caller, []), contact, key=_ended)
            self._known[contact.contact] = contact
            self._order.append(contact)
        since = self._now() - DAY
        while self._order and self._order[0].ended <= since:
            gone = self._order.popleft()
            if self._known.get(gone.contact) is gone:  # else it was read again since
                self._forget(gone)

    def _forget(self, gone: PastContact) -> None:
        del self._known[gone.contact]
        own = self._contacts[gone.caller]
        own.remove(gone)
        if not own:
            del self._contacts[gone.caller]

    def of(self, number: str) -> Past:
        """The caller's last 24 hours; nothing of withheld numbers."""
        caller = plain_number(number)
        known: Sequence[PastContact] = self._contacts.get(caller, [])
        count = len(known) - bisect_right(known, self._now() - DAY, key=_ended)

        def newest_first() -> Iterator[PastContact]:
            return islice(reversed(known), count)

        return Past(
            contacts=count,
            last_queue=next((contact.queue for contact in newest_first() if contact.queue), ""),
            last_agent=next((contact.agent for contact in newest_first() if contact.agent), ""),
            last_solved=known[-1].solved if count else True,
            complains=caller in self._complaining,
        )

    async def asked_within(self, number: str, days: int) -> bool:
        """Was this customer asked how satisfied they are within so many days?

        True when nobody can tell in time; never of a withheld number.
        """
        caller = plain_number(number)
        if not days or not caller:
            return False
        try:
            async with asyncio.timeout(LIMIT):
                return await self._store.surveyed_since(caller, self._now(), days)
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            self.slow += 1
            log.warning("a caller's past is not known: %s", type(error).__name__)
            return True

    def attributes(self, past: Past) -> dict[str, str]:
        """What the rules of distribution may ask for."""
        found = {}
        if past.contacts:
            found[REPEAT] = WITHIN_DAY
        if past.complains:
            found[COMPLAINT] = OPEN
        return found

    def facts(self, past: Past) -> Mapping[str, bool | int | str]:
        """What a menu's branches may ask for, by the names of its values."""
        found = (
            past.contacts,
            past.last_queue,
            past.last_agent,
            past.last_solved,
            past.complains,
        )
        return dict(zip(HISTORY, found, strict=True))


def _ended(contact: PastContact) -> float:
    return contact.ended
