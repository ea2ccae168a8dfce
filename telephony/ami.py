"""The manager link to Asterisk: events in, actions out, reconnected for ever.

The bytes are ``telephony/ami_codec.py``; here are the socket, the login, the deadlines and the
way back after a loss. What a caller of this module can rely on:

* Nothing is resent. An action whose answer is lost raises ``AmiDown`` or ``AmiTimeout``, and it
  is the caller who asks Asterisk what became of it.
* Asterisk replays nothing after a loss, so every login ends in ``on_up``, the time to ask what is
  alive. Events that arrive meanwhile are kept and delivered after it, in order.
* The reader never waits and never raises. What it cannot use it counts; when the events that
  wait for ``on_event`` outgrow their bound, it drops the link itself, which leads to ``on_up``.

Why not panoramisk 1.4: subclassing its protocol was tried (``bench/_panoramisk_link.py``). 150
lines of code make it cut bytes rather than text, let the first value win, refuse control
characters, keep deadlines, resend nothing and bound its queue. They replace all of its protocol,
its messages' parser and its actions; what is left is its connecting and pinging, and that stays
wrong: a refused login is never tried again, a link that answers no ping is kept, and events reach
the rooms before these are reconciled. It then reads 3 to 4 times as many events a second as
panoramisk itself when 15 names are wanted, and 0.6 to 1.1 times as many when all are, because a
message is still its dictionary; this module reads 5 to 8 and 2.4 to 3.3 times as many
(``./huawu bench ami_reader``; 47,000 to 57,000 a second with every event wanted and used, on a
core that others used too).
"""

import asyncio
import hashlib
import logging
import random
import secrets
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, cast

from telephony.ami_codec import AmiMessage, Framer, event_name, serialise, variable_field

__all__ = [
    "AmiCounters",
    "AmiDown",
    "AmiError",
    "AmiLink",
    "AmiMessage",
    "AmiRefused",
    "AmiTimeout",
    "variable_field",
]

log = logging.getLogger(__name__)

_Items: TypeAlias = list[AmiMessage]  # said here: inside AmiLink, ``list`` is an action

GREETING_LIMIT = 200  # bytes; Asterisk says "Asterisk Call Manager/9.0.0"
_POSTED = "posted-"  # begins the ActionID of an action that nobody waits for
_POST_SECONDS = 0.03
EVENTS_A_TURN = 200  # delivered before the event loop may do something else
LIST_LIMIT = 50_000  # items of one list action


class AmiError(Exception):
    """An action did not do what it was sent for.

    ``AmiError``
     ├─ ``AmiDown``     no link, or it was lost before the answer: the action may have been done
     ├─ ``AmiTimeout``  no answer in time: the action may have been done
     └─ ``AmiRefused``  Asterisk answered with an error: the action was not done
    """


class AmiDown(AmiError):
    """There is no link to Asterisk, or it was lost before the answer came."""


class AmiTimeout(AmiError):
    """Asterisk did not answer within the deadline."""


class AmiRefused(AmiError):
    """Asterisk answered with an error; ``response`` is that answer."""

    def __init__(self, action: str, response: AmiMessage) -> None:
        super().__init__(f"{action}: {response.get('Message', 'no reason given')}")
        self.response = response


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiCounters:
    """What the link has seen since it was made."""

    logins: int = 0
    losses: int = 0  # of a link that was logged in
    overflows: int = 0  # losses that we chose because events came faster than they were used
    events: int = 0  # read, wanted or not
    delivered: int = 0  # to on_event
    unwanted: int = 0  # dropped by name, never decoded
    hostile: int = 0  # dropped: a key of identity twice
    malformed: int = 0  # dropped: neither event nor response
    oversized: int = 0  # dropped: longer than any message of Asterisk's
    unmatched: int = 0  # answers that nobody waits for (late ones, or forged)
    callback_failures: int = 0  # exceptions out of on_event, on_up, on_down
    actions: int = 0
    refusals: int = 0
    timeouts: int = 0


@dataclass(slots=True, eq=False)
class _Waiting:
    """An action on its way: who waits for it, and the list items so far (None: no list)."""

    answer: asyncio.Future[AmiMessage]
    items: list[AmiMessage] | None = None


class _Connection(asyncio.Protocol):
    """One TCP connection's life: greeting, messages, loss."""

    def __init__(self, link: "AmiLink") -> None:
        self.link = link
        self.framer = Framer()
        self.greeting: bytearray | None = bytearray()
        loop = asyncio.get_running_loop()
        self.greeted: asyncio.Future[str] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.booted: asyncio.Future[None] = loop.create_future()
        self.heard = True  # something, since the last look
        self.posted = b""  # actions that leave with the next one
        self.dropped = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass of it

    def data_received(self, data: bytes) -> None:
        self.heard = True
        if self.greeting is not None:
            self.greeting += data
            line, end, rest = bytes(self.greeting).partition(b"\r\n")
            if not end and len(line) > GREETING_LIMIT:
                self.abort()
            if not end:
                return
            self.greeting = None
            self.greeted.set_result(line[:GREETING_LIMIT].decode("utf-8", "replace"))
            data = rest
        for raw in self.framer.feed(data):
            self.link._read(self, raw)
        self.link._deliver()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set_result(None)
        self.link._fail_waiting(self)

    def flush(self, data: bytes = b"") -> None:
        """Write what was posted, and ``data`` behind it."""
        posted, self.posted = self.posted, b""
        if (posted or data) and self.transport is not None and not self.transport.is_closing():
            self.transport.write(posted + data)

    def abort(self) -> None:
        self.dropped = True
        if self.transport is not None:
            self.transport.abort()


class AmiLink:
    """One manager connection that comes back by itself.

    Args:
        host, port, username, secret: of a manager user whose read classes include ``system``
            (``FullyBooted`` is the sign to begin).
        on_event: called with each wanted event, in order, from the event loop; must not block.
        on_up: awaited after each login, before any event is delivered: ask Asterisk what is
            alive and reconcile. When it raises, the link is dropped and tried again.
        on_down: called when a link is lost for which ``on_up`` was begun.
        wanted: event names; all others are counted and dropped unread.
        login: ``challenge`` keeps the secret off the wire (MD5, as Asterisk offers it).
        queue_limit: events that may wait for ``on_event``; beyond it the link is dropped.
        silence: seconds without a byte from Asterisk after which it is asked for a sign of life,
            which must come within ``ping_seconds``.
        back_off: seconds before the first and, doubling, before later attempts to connect.
        permitted: whether an action of this name may be sent now; asked at the last moment. A
            refusal looks like a lost link (``AmiDown``).
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        username: str,
        secret: str,
        on_event: Callable[[AmiMessage], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[], None],
        wanted: frozenset[str],
        login: Literal["challenge", "plain"] = "challenge",
        queue_limit: int = 20_000,
        login_seconds: float = 5.0,
        boot_seconds: float = 60.0,
        silence: float = 10.0,
        ping_seconds: float = 5.0,
        back_off: tuple[float, float] = (0.1, 5.0),
        permitted: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._address = (host, port)
        self._credentials = (username, secret)
        self._on_event, self._on_up, self._on_down = on_event, on_up, on_down
        self._wanted = frozenset(name.encode() for name in wanted)
        self._login_way = login
        self._queue_limit = queue_limit
        self._login_seconds, self._boot_seconds = login_seconds, boot_seconds
        self._silence, self._ping_seconds = silence, ping_seconds
        self._back_off = back_off
        self._permitted = permitted
        self._connection: _Connection | None = None
        self._waiting: dict[str, _Waiting] = {}
        self._lists = 0  # of them, those that collect items
        self._queue: deque[AmiMessage] = deque()
        self._deliver_again: asyncio.Handle | None = None
        self._tally: Counter[str] = Counter()
        self._oversized_before = 0
        self.is_up = False
        self.version = ""
        self.fault = "not started"

    # --- what the rooms call -----------------------------------------------------------------

    @property
    def counters(self) -> AmiCounters:
        """A snapshot of what the link has seen."""
        framer = self._connection.framer if self._connection else None
        oversized = self._oversized_before + (framer.oversized if framer else 0)
        return replace(AmiCounters(**self._tally), oversized=oversized)

    async def action(
        self, name: str, fields: Sequence[tuple[str, str]] = (), *, deadline: float = 5.0
    ) -> AmiMessage:
        """Send one action and return Asterisk's answer to it.

        ``Redirect``'s success means queued, not arrived: wait for the landing proof.

        Raises:
            AmiRefused: the answer was an error.
            AmiTimeout: no answer within ``deadline`` seconds; the action may have been done.
            AmiDown: no link, or lost before the answer; the action is not sent again.
            ValueError: a field that must not go on the wire, see ``ami_codec.serialise``.
        """
        return await self._send(name, fields, deadline, None)

    async def list(
        self, name: str, fields: Sequence[tuple[str, str]] = (), *, deadline: float = 10.0
    ) -> _Items:
        """Send an action that answers with a list, and return its items when it is complete.

        Raises as ``action`` does; some lists are refused when they would be empty.
        """
        items: _Items = []
        await self._send(name, fields, deadline, items)
        return items

    def post(self, name: str, fields: Sequence[tuple[str, str]] = ()) -> None:
        """Send one action of which only a refusal is of interest: it is counted and logged.

        It leaves with the next action that somebody waits for, before it and in one piece, or
        after ``_POST_SECONDS``: each piece wakes Asterisk. Asterisk carries out the actions of one
        link in their order, so what is sent after it finds it done.

        Raises:
            AmiDown: no link, or not permitted now; nothing was sent.
            ValueError: a field that must not go on the wire, see ``ami_codec.serialise``.
        """
        data = serialise(name, f"{_POSTED}{name}", fields)
        connection = self._connection
        if connection is None or connection.transport is None or connection.transport.is_closing():
            raise AmiDown(f"{name}: no link to Asterisk")
        if not self._permitted(name):
            raise AmiDown(f"{name}: not ours to do now")
        self._tally["actions"] += 1
        if not connection.posted:
            asyncio.get_running_loop().call_later(_POST_SECONDS, connection.flush)
        connection.posted += data

    def drop(self, reason: str) -> None:
        """Cut the link; ``run`` makes a new one. Harmless when there is none."""
        if self._connection is not None:
            self.fault = reason
            log.warning("AMI link dropped: %s", reason)
            self._connection.abort()

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        shortest, longest = self._back_off
        wait = shortest
        while True:
            try:
                if await self._live_once():
                    wait = shortest
            finally:
                self._forget_connection()
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 (spreads retries)
            wait = min(wait * 2, longest)

    # --- one connection ----------------------------------------------------------------------

    async def _live_once(self) -> bool:
        """Connect, log in, serve until the link is lost. True if it came up."""
        connection = _Connection(self)
        began = False
        try:
            async with asyncio.timeout(self._login_seconds):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection, *self._address
                )
                self._connection = connection
                await self._log_in(connection)
            async with asyncio.timeout(self._boot_seconds):
                await self._unless_lost(connection, connection.booted)
            self._tally["logins"] += 1
            began = True
            await self._serve(connection)
        except TimeoutError:
            self._report("Asterisk did not complete the login in time")
        except (OSError, AmiError) as error:
            self._report(str(error) or type(error).__name__)
        finally:
            was_up, self.is_up = self.is_up, False
            connection.abort()
            if began:
                self._tally["losses"] += 1
                self._guard(self._on_down)
        return was_up

    async def _log_in(self, connection: _Connection) -> None:
        await self._unless_lost(connection, connection.greeted)
        self.version = connection.greeted.result().partition("/")[2]
        username, secret = self._credentials
        if self._login_way == "plain":
            proof = [("Secret", secret)]
        else:
            answer = await self.action("Challenge", [("AuthType", "MD5")])
            challenge = answer.get("Challenge")
            # The algorithm is Asterisk's choice; it only keeps the secret off the wire.
            key = hashlib.md5(f"{challenge}{secret}".encode(), usedforsecurity=False).hexdigest()
            proof = [("AuthType", "MD5"), ("Key", key)]
        await self.action("Login", [("Username", username), *proof, ("Events", "on")])

    async def _serve(self, connection: _Connection) -> None:
        """Reconcile, then deliver until the link is lost, while a watch looks for silence."""
        watch = asyncio.create_task(self._watch(connection))
        come_up = asyncio.create_task(self._come_up(connection))
        try:
            await asyncio.wait({come_up, connection.lost}, return_when=asyncio.FIRST_COMPLETED)
            if self.is_up:
                await asyncio.wait({connection.lost})
            if connection.lost.done() and self.fault == "":
                self._report("Asterisk closed the link")
        finally:
            for task in (watch, come_up):
                task.cancel()
            await asyncio.gather(watch, come_up, return_exceptions=True)

    async def _come_up(self, connection: _Connection) -> None:
        self.fault = ""
        try:
            await self._on_up()
        except Exception as error:
            if not connection.lost.done():
                self._tally["callback_failures"] += 1
                log.exception("reconciling with Asterisk failed")
                self.fault = f"reconciling failed: {error}"
            return
        self.is_up = True
        self._deliver()

    def _deliver(self) -> None:
        """Hand on the events that wait, so many in one turn; called as they come in."""
        if not self.is_up:
            return
        for _ in range(min(EVENTS_A_TURN, len(self._queue))):
            self._tally["delivered"] += 1
            self._guard(self._on_event, self._queue.popleft())
        if self._queue and not self._deliver_again:
            self._deliver_again = asyncio.get_running_loop().call_soon(self._deliver_rest)

    def _deliver_rest(self) -> None:
        self._deliver_again = None
        self._deliver()

    async def _watch(self, connection: _Connection) -> None:
        """A half-open link says nothing for ever: ask, and drop it when no answer comes."""
        while True:
            connection.heard = False
            await asyncio.sleep(self._silence)
            if not connection.heard:
                try:
                    await self.action("Ping", deadline=self._ping_seconds)
                except AmiError:
                    self.drop("Asterisk does not answer a Ping")
                    return

    async def _unless_lost(self, connection: _Connection, awaited: asyncio.Future[Any]) -> None:
        await asyncio.wait({awaited, connection.lost}, return_when=asyncio.FIRST_COMPLETED)
        if not awaited.done():
            raise AmiDown("Asterisk closed the link before the login was complete")

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._oversized_before += self._connection.framer.oversized
            self._fail_waiting(self._connection)
            self._connection = None
        self._queue.clear()

    def _fail_waiting(self, connection: _Connection) -> None:
        """Every action on its way fails now: its answer cannot come any more."""
        if connection is self._connection:
            for waiting in self._waiting.values():
                if not waiting.answer.done():
                    waiting.answer.set_exception(AmiDown("the link was lost before the answer"))

    def _report(self, fault: str) -> None:
        if fault != self.fault:  # said once, not at every attempt
            log.warning("no AMI link to %s:%s: %s", *self._address, fault)
        self.fault = fault

    def _guard(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:
            self._tally["callback_failures"] += 1
            log.exception("AMI callback failed")

    # --- actions -----------------------------------------------------------------------------

    async def _send(
        self,
        name: str,
        fields: Sequence[tuple[str, str]],
        deadline: float,
        items: _Items | None,
    ) -> AmiMessage:
        action_id = secrets.token_urlsafe(12)
        data = serialise(name, action_id, fields)
        connection = self._connection
        if connection is None or connection.transport is None or connection.transport.is_closing():
            raise AmiDown(f"{name}: no link to Asterisk")
        if not self._permitted(name):
            raise AmiDown(f"{name}: not ours to do now")
        waiting = _Waiting(asyncio.get_running_loop().create_future(), items)
        self._waiting[action_id] = waiting
        self._lists += items is not None
        self._tally["actions"] += 1
        try:
            connection.flush(data)
            async with asyncio.timeout(deadline):
                answer = await waiting.answer
        except TimeoutError:
            self._tally["timeouts"] += 1
            raise AmiTimeout(f"{name}: no answer within {deadline:g} s") from None
        finally:
            del self._waiting[action_id]
            self._lists -= items is not None
        if answer.get("Response") == "Error":
            self._tally["refusals"] += 1
            raise AmiRefused(name, answer)
        return answer

    # --- the reader: called for each message, never raises ------------------------------------

    def _read(self, connection: _Connection, raw: bytes) -> None:
        if connection is not self._connection or connection.dropped:
            return  # what a dropped link still had to say came after a gap
        name = event_name(raw)
        if name:
            self._tally["events"] += 1
            if self._lists and self._collect(raw):
                return
            if name in self._wanted:
                self._enqueue(AmiMessage(raw))
            else:
                self._tally["unwanted"] += 1
            if name == b"FullyBooted" and not connection.booted.done():
                connection.booted.set_result(None)
        elif raw.startswith(b"Response: "):
            self._answer(AmiMessage(raw))
        else:
            self._tally["malformed"] += 1

    def _enqueue(self, message: AmiMessage) -> None:
        if message.is_hostile:
            self._tally["hostile"] += 1
            return
        if len(self._queue) >= self._queue_limit:
            self._tally["overflows"] += 1
            self._queue.clear()
            self.drop(f"more than {self._queue_limit} events wait to be used")
            return
        self._queue.append(message)

    def _answer(self, message: AmiMessage) -> None:
        action_id = message.get("ActionID")
        if action_id.startswith(_POSTED):
            if message.get("Response") == "Error":
                self._tally["refusals"] += 1
                why = message.get("Message", "no reason given")
                log.warning("%s refused: %s", action_id.removeprefix(_POSTED), why)
            return
        waiting = self._waiting.get(action_id)
        if waiting is None or waiting.answer.done():
            self._tally["unmatched"] += 1
            return
        if waiting.items is None or message.get("Response") == "Error":
            waiting.answer.set_result(message)

    def _collect(self, raw: bytes) -> bool:
        """Whether this event was an item, or the end, of a list that somebody waits for."""
        if b"\r\nActionID: " not in raw:
            return False
        message = AmiMessage(raw)
        waiting = self._waiting.get(message.get("ActionID"))
        if waiting is None or waiting.items is None or waiting.answer.done():
            return False
        if message.is_hostile:
            self._tally["hostile"] += 1
        elif message.get("EventList") == "Complete":
            waiting.answer.set_result(message)
        elif message.get("EventList") == "cancelled" or len(waiting.items) >= LIST_LIMIT:
            waiting.answer.set_exception(AmiTimeout("the list was cut short"))
        else:
            waiting.items.append(message)
        return True
