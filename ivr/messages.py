"""Messages to customers: what may be sent, and that it is sent, sooner or later.

A message of a call is checked, kept in the outbox and forgotten by the call: a slow provider holds
nobody up, and what was kept survives the process. Whoever leads drains the outbox through one
provider for each way (`Provider`): ``ivr/mail.py``, ``ivr/sms.py``, or `LogProvider` where none is
set up.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ivr.ports import Message, Unavailable
from store.outbox import Letter, LetterState, OutboxStore
from telephony.numbers import plain_number

logger = structlog.get_logger("ivr.messages")

#: Seconds from a failed attempt to the next one; after the last of them it is given up.
BACK_OFF = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0)
#: So many messages go to one recipient in an hour: whoever forges a caller's number floods nobody.
MOST_IN_AN_HOUR = 6
_LONGEST = {"sms": 500, "email": 10_000}
#: Mobile numbers of the mainland: whoever forges a number would choose an expensive one.
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
#: What RFC 5321 calls a mailbox, without quotes, comments and other scripts.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROLS_IN_TEXT = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
#: Seconds between two looks at an outbox in which nothing is due.
_IDLE = 5.0
#: Seconds that an attempt may take beyond its provider's own limit before others try.
_LEASE = 120.0
_AT_ONCE = 4


class NotDelivered(Exception):
    """The provider did not take it; ``again`` says whether it may later."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


class Provider(Protocol):
    """Takes messages of one way to where they belong."""

    async def deliver(self, message: Message, key: str) -> None:
        """Hand one over, within the provider's own time limit.

        ``key`` is the same whenever this message is tried again.

        Raises:
            NotDelivered: it was not taken.
        """


class LogProvider:
    """Where no provider is set up: the outbox keeps the message, and the log says so."""

    async def deliver(self, message: Message, key: str) -> None:
        """Write a line that holds no number, no address and no text."""
        logger.info(
            "message written down",
            by=message.by,
            to=masked(message.to),
            characters=len(message.text),
            contact=message.contact,
            key=key,
        )


def masked(recipient: str) -> str:
    """A number or address of which a reader of logs learns little.

    >>> masked("13800000101"), masked("lin@example.com")
    ('138****0101', 'l****@example.com')
    """
    name, at, domain = recipient.partition("@")
    return f"{name[:1]}****@{domain}" if at else f"{name[:3]}****{name[-4:]}"


def fit(message: Message) -> Message:
    """The message in the one form in which it is sent.

    Raises:
        Unavailable: it can not be sent so; the text says why.
    """
    if message.by not in _LONGEST:
        raise Unavailable(f"there is no way {message.by[:20]!r} to send")
    to = plain_number(message.to) if message.by == "sms" else message.to
    form = _MOBILE if message.by == "sms" else _ADDRESS
    if len(to) > 254 or not form.fullmatch(to):
        raise Unavailable(f"nothing is sent by {message.by} to such a number or address")
    text = message.text.replace("\r\n", "\n")
    if _CONTROLS.search(message.subject) or _CONTROLS_IN_TEXT.search(text):
        raise Unavailable("the message has control characters")
    if len(message.subject) > 200 or not 0 < len(text) <= _LONGEST[message.by]:
        raise Unavailable("the message is empty or too long")
    return Message(
        contact=message.contact, by=message.by, to=to, subject=message.subject, text=text
    )


def next_try(attempts: int) -> float | None:
    """Seconds to wait after so many failed attempts; None: it is given up."""
    return BACK_OFF[attempts - 1] if attempts <= len(BACK_OFF) else None


class Outbox:
    """Takes messages from calls, and drains them while it runs.

    Args:
        store: where they are kept.
        providers: by way.
        now: Unix seconds.
    """

    def __init__(
        self, store: OutboxStore, providers: Mapping[str, Provider], *, now: Callable[[], float]
    ) -> None:
        self._store = store
        self._providers = providers
        self._now = now
        self._woken = {way: asyncio.Event() for way in providers}

    async def send(self, message: Message) -> None:
        """Keep a message; it goes out soon.

        Raises:
            Unavailable: it can not be sent, or can not be kept now.
        """
        good, now = fit(message), self._now()
        try:
            if await self._store.count_for(good.to, since=now - 3600) >= MOST_IN_AN_HOUR:
                raise Unavailable("this recipient has had enough messages for an hour")
            await self._store.put(
                way=good.by,
                recipient=good.to,
                subject=good.subject,
                text=good.text,
                contact=good.contact,
                now=now,
            )
        except (SQLAlchemyError, OSError) as error:
            raise Unavailable(f"the database: {type(error).__name__}") from error
        if good.by in self._woken:
            self._woken[good.by].set()

    async def run(self) -> None:
        """Send what is due, for ever; each way by itself, so that none waits for another."""
        async with asyncio.TaskGroup() as group:
            for way in self._providers:
                group.create_task(self._drain(way))

    async def _drain(self, way: str) -> None:
        while True:
            self._woken[way].clear()
            pause = _IDLE
            try:
                due, now = await self._store.next_due(way), self._now()
                if due is not None and due <= now:
                    letters = await self._store.claim(way, now=now, lease=_LEASE, most=_AT_ONCE)
                    await asyncio.gather(*(self._try(letter) for letter in letters))
                    continue
                pause = _IDLE if due is None else min(due - now, _IDLE)
            except (SQLAlchemyError, OSError) as error:
                logger.error("the outbox can not be read", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken[way].wait()

    async def _try(self, letter: Letter) -> None:
        """One attempt, and what comes of it."""
        message = Message(
            contact=letter.contact,
            by=letter.way,
            to=letter.recipient,
            subject=letter.subject,
            text=letter.text,
        )
        try:
            await self._providers[letter.way].deliver(message, f"huawu-{letter.id}")
        except NotDelivered as error:
            await self._not_taken(letter, error)
        except Exception as error:  # a mistake in a provider stops no other message
            logger.exception("the provider is broken", by=letter.way, key=letter.id)
            await self._not_taken(letter, NotDelivered(type(error).__name__, again=True))
        else:
            await self._store.end(letter.id, LetterState.SENT, now=self._now())

    async def _not_taken(self, letter: Letter, error: NotDelivered) -> None:
        wait = next_try(letter.attempts) if error.again else None
        fault = str(error)[:200]
        report = logger.error if wait is None else logger.warning
        report(
            "message given up" if wait is None else "message not delivered yet",
            key=letter.id,
            by=letter.way,
            to=masked(letter.recipient),
            attempts=letter.attempts,
            why=fault,
            contact=letter.contact,
        )
        if wait is None:
            await self._store.end(letter.id, LetterState.FAILED, now=self._now(), fault=fault)
        else:
            await self._store.put_off(letter.id, until=self._now() + wait, fault=fault)
