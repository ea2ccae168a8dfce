"""The FastAGI server: Asterisk's dialplan asks here what to do with a caller.

FastAGI has no authentication and whoever connects could pretend to be a call, so the server
listens on loopback, knows its peers, and gives each connection little time and little memory:
an environment must be whole within five seconds, a command's answer within its deadline. One
timer walks over all connections; none has a timer of its own.

A session is a short dialogue. AGISTATUS cannot tell "finished" from "died", so a route's last act
is to set the variable that the dialplan waits for; the server closes the connection when the
route returns or raises.

What a session may trust: Asterisk writes the environment's lines in a fixed order, and from
``agi_callerid`` on they hold what the caller sent. Only the lines before it are kept; the rest is
asked for with ``get_variable``. An environment that repeats a key is refused.
"""

import asyncio
import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias, cast
from urllib.parse import parse_qsl

log = logging.getLogger(__name__)

ENVIRONMENT_LIMIT = 16 * 1024  # bytes; Asterisk's own has about 700
COMMAND_LIMIT = 2000  # bytes; Asterisk reads a command into 2,048
MSET_LIMIT = 1500  # bytes of its pairs: the command stays below COMMAND_LIMIT
ANSWER_LIMIT = 16 * 1024  # bytes; a long variable's value, or a 520 with its usage text
RECORD_GRACE = 10.0  # seconds: the beep, and the writing of a file
SWEEP = 0.25  # seconds between two looks at the deadlines

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_VERB = re.compile(r"[A-Z]+(?: [A-Z]+)*")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_READABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\([A-Za-z0-9_,-]*\))?")
# What MSet takes as it stands: nothing that separates, quotes or is looked into.
_PLAIN = re.compile(r"""[^\x00-\x1f\x7f,="'`\\()\[\]{}$;|]*""")
_WRITABLE_FUNCTIONS = frozenset({"CHANNEL(language)", "CHANNEL(musicclass)", "TIMEOUT(absolute)"})
_KEYS = {str(ord(key)): key for key in "0123456789*#ABCD"}
# Numbers have bounds: Python reads none of thousands of digits.
_ANSWER = re.compile(
    r"([0-9]{3}) result=(-?[0-9]{0,9})(?![0-9])(?: \((.*)\))?(?: ?endpos=([0-9]{1,15}))?.*",
    re.DOTALL,
)


class AgiError(Exception):
    """A session cannot go on as planned.

    ``AgiError``
     ├─ ``CallerHungUp``       the channel left: hung up, redirected, or over its time limit
     ├─ ``AgiConnectionLost``  the connection ended and nothing was said about the channel
     ├─ ``AgiTimeout``         no answer in time; the connection is closed
     ├─ ``AgiProtocolError``   the other side does not speak AGI; the connection is closed
     └─ ``AgiCommandRefused``  this command failed, the session goes on
         └─ ``AgiFileMissing``   there is no such sound file
    """


class CallerHungUp(AgiError):
    """The channel is gone from this session; an ordinary end, nobody's fault.

    With AGIEXITONHANGUP a redirect and an absolute time limit look the same as a hang-up here:
    only AMI knows whether the channel still lives.
    """


class AgiConnectionLost(AgiError):
    """The connection ended mid-dialogue: Asterisk died, or hung up without saying so."""


class AgiTimeout(AgiError):
    """Asterisk did not answer a command within its deadline."""


class AgiProtocolError(AgiError):
    """What arrived is not an answer that AGI knows."""


class AgiCommandRefused(AgiError):
    """Asterisk refused a command: unknown (510), misused (520) or failed on a live channel."""


class AgiFileMissing(AgiCommandRefused):
    """The sound file cannot be opened."""


@dataclass(frozen=True, slots=True)
class AgiReply:
    """Answer to one command: ``200 result=<result> (<data>) endpos=<end_position>``."""

    code: int
    result: str
    data: str = ""
    end_position: int = 0  # samples

    @property
    def digit(self) -> str:
        """The key that the result names by its ASCII code, "" for none."""
        return _KEYS.get(self.result, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiCounters:
    """What the server has seen since it was made; the last two are of this moment."""

    connections: int = 0
    sessions: int = 0  # with a good environment and a route
    strangers: int = 0  # refused: not one of the peers
    crowded: int = 0  # refused: too many sessions, or too many connections that say nothing
    bad_environments: int = 0  # too long, not text, a key twice or missing, closed half-way
    late_environments: int = 0  # not whole in time
    unrouted: int = 0
    hang_ups: int = 0
    lost: int = 0
    timeouts: int = 0
    protocol_errors: int = 0
    failures: int = 0  # exceptions out of routes
    waiting: int = 0  # connections whose environment is not whole
    open: int = 0  # sessions


def environment_of(raw: bytes) -> dict[str, str]:
    """The environment's lines as they came, in their order.

    Raises:
        AgiProtocolError: a line is no ``agi_key: value``, a key comes twice (a caller's number
            with line breaks in it could forge one), or one that every call has is missing.
    """
    found: dict[str, str] = {}
    for line in raw.decode("utf-8", "replace").split("\n"):
        key, colon, value = line.partition(":")
        if not colon or not key.startswith("agi_") or key in found or "\0" in line:
            raise AgiProtocolError("the environment is not one that Asterisk writes")
        found[key] = value.removeprefix(" ")
    if not {"agi_network_script", "agi_channel", "agi_uniqueid"} <= found.keys():
        raise AgiProtocolError("the environment does not say whose call it is")
    return found


def command_line(verb: str, arguments: Sequence[str]) -> bytes:
    """One AGI command as bytes, every argument quoted.

    Raises:
        ValueError: the verb is not in capitals, an argument holds a control character, or the
            line is longer than Asterisk reads.
    """
    if not _VERB.fullmatch(verb):
        raise ValueError(f"bad AGI command {verb!r}")
    words = [verb]
    for argument in arguments:
        if _CONTROL.search(argument):
            raise ValueError(f"{verb}: control character in an argument")
        escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
        words.append(f'"{escaped}"')
    line = " ".join(words).encode() + b"\n"
    if len(line) > COMMAND_LIMIT:
        raise ValueError(f"{verb}: {len(line)} bytes, Asterisk reads {COMMAND_LIMIT}")
    return line


class AgiSession:
    """One call's dialogue with Asterisk; made by the server, given to a route.

    Attributes:
        path: what the dialplan asked for, without slashes at its ends: ``menu``, ``tick``.
        arguments: the query's values of the URL, then ``agi_arg_1`` and on. Text, not trusted
            beyond what the dialplan itself puts there.
        environment: the trusted ``agi_*`` lines.
        channel, uniqueid: of the calling channel.
    """

    __slots__ = ("_connection", "arguments", "channel", "environment", "path", "uniqueid")

    def __init__(self, connection: "_Connection", found: dict[str, str]) -> None:
        self._connection = connection
        script, _, query = found["agi_network_script"].partition("?")
        self.path = script.strip("/")
        arguments = [value for _, value in parse_qsl(query, keep_blank_values=True)]
        number = 1
        while (value := found.get(f"agi_arg_{number}")) is not None:
            arguments.append(value)
            number += 1
        self.arguments = tuple(arguments)
        keys = list(found)
        if "agi_callerid" in found:
            keys = keys[: keys.index("agi_callerid")]
        self.environment: Mapping[str, str] = MappingProxyType({key: found[key] for key in keys})
        self.channel = self.environment.get("agi_channel", "")
        self.uniqueid = self.environment.get("agi_uniqueid", "")

    async def command(self, verb: str, *arguments: str, deadline: float | None = None) -> AgiReply:
        """Send one command and return its answer; one at a time.

        ``deadline`` is in seconds; None means the server's ``answer_seconds``. A result of -1 is
        returned only when the channel still lives, which is asked first.

        Raises:
            CallerHungUp, AgiConnectionLost, AgiTimeout, AgiProtocolError: the session is over.
            AgiCommandRefused: Asterisk does not know the command or its arguments.
            ValueError: it must not go on the wire, see ``command_line``.
        """
        reply = await self._connection.ask(command_line(verb, arguments), deadline)
        if reply.result == "-1" and verb != "CHANNEL STATUS":
            # A failed command and a dead channel answer alike; only a live one has a status.
            try:
                status = await self._connection.ask(b"CHANNEL STATUS\n", None)
            except AgiConnectionLost as lost:
                raise CallerHungUp("the channel is gone") from lost
            if status.result == "-1":
                raise CallerHungUp("the channel is gone")
        if reply.result == "-2":
            raise AgiCommandRefused(f"{verb}: there is no such application")
        return reply

    async def stream_file(
        self, path: str, escape_digits: str = "", *, deadline: float = 120.0
    ) -> str:
        """Play a sound file (path without its ending); the key that interrupted it, or "".

        Raises:
            AgiFileMissing: it cannot be opened; and whatever ``command`` raises.
        """
        reply = await self.command("STREAM FILE", path, escape_digits, deadline=deadline)
        if reply.result == "-1" or (reply.result == "0" and reply.end_position == 0):
            raise AgiFileMissing(f"no sound file {path}")
        return reply.digit

    async def wait_for_digit(self, seconds: float) -> str:
        """The next key within ``seconds``, or ""."""
        answer_seconds = self._connection.server.answer_seconds
        reply = await self.command(
            "WAIT FOR DIGIT", str(round(seconds * 1000)), deadline=seconds + answer_seconds
        )
        if reply.result == "-1":
            raise AgiCommandRefused("Asterisk could not wait for a digit")
        return reply.digit

    async def record_file(self, path: str, *, seconds: float, silence: float, end_keys: str) -> str:
        """Beep, and record the caller into ``path`` (whose ending ``.wav`` is added).

        Ends after ``seconds``, after ``silence`` seconds of it (Asterisk takes whole ones), or at
        one of ``end_keys``, which is returned. Silence at the end is cut off the file by Asterisk.
        The file is whole when this returns or raises CallerHungUp: whoever hangs up while speaking
        leaves what was said.

        Raises:
            AgiCommandRefused: the file cannot be written; and whatever ``command`` raises.
        """
        reply = await self.command(
            "RECORD FILE",
            path,
            "wav",
            end_keys,
            str(round(seconds * 1000)),
            "0",
            "BEEP",
            f"s={max(1, round(silence))}",
            deadline=seconds + RECORD_GRACE,
        )
        if reply.result == "-1":
            raise AgiCommandRefused("Asterisk could not record")
        return reply.digit

    async def get_variable(self, name: str) -> str | None:
        """A channel variable or function such as ``CALLERID(num)``; None when it is not set.

        Asterisk cuts what it returns at 1,023 bytes and does not say so.
        """
        if not _READABLE.fullmatch(name):
            raise ValueError(f"bad variable name {name!r}")
        reply = await self.command("GET VARIABLE", name)
        return (
            _CONTROL.sub("\N{REPLACEMENT CHARACTER}", reply.data) if reply.result == "1" else None
        )

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable.

        Raises:
            ValueError: the name is not in capitals: ``FILE(/etc/x)`` would write a file.
        """
        if not _VARIABLE.fullmatch(name) and name not in _WRITABLE_FUNCTIONS:
            raise ValueError(f"bad variable name {name!r}")
        reply = await self.command("SET VARIABLE", name, value)
        if reply.result != "1":
            raise AgiCommandRefused(f"Asterisk did not set {name}")

    async def finish(self, values: Mapping[str, str]) -> None:
        """Set channel variables in this order, as a session's last act, and end the session.

        As many as can be travel in one command, and our end of the connection is closed behind
        the last one: Asterisk goes on with the caller without another word from here.

        Raises:
            ValueError: a name is not in capitals, or a command is too long; nothing was set.
        """
        commands = list(_setting(values))
        lines = [command_line(verb, words) for verb, words in commands]
        finishing = self._connection.server.finishing
        finishing.add(self.channel)
        try:
            for (verb, words), line in zip(commands, lines, strict=True):
                reply = await self._connection.ask(line, None, last=line is lines[-1])
                if reply.result == "-1":
                    raise CallerHungUp("the channel is gone")
                if reply.result != ("0" if verb == "EXEC" else "1"):
                    raise AgiCommandRefused(f"Asterisk did not set {words[-1].partition('=')[0]}")
        finally:
            finishing.discard(self.channel)

    async def hang_up(self) -> None:
        """End the call."""
        await self.command("HANGUP")


def _setting(values: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The commands that set these variables: MSet for neighbours whose values it can carry."""
    together: list[str] = []
    size = 0
    for name, value in values.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"bad variable name {name!r}")
        pair = f"{name}={value}"
        plain = _PLAIN.fullmatch(value) is not None and value == value.strip()
        if together and (not plain or size + len(pair.encode()) > MSET_LIMIT):
            yield "EXEC", ("MSet", ",".join(together))
            together, size = [], 0
        if plain:
            together.append(pair)
            size += len(pair.encode()) + 1
        else:
            yield "SET VARIABLE", (name, value)
    if together:
        yield "EXEC", ("MSet", ",".join(together))


Route: TypeAlias = Callable[[AgiSession], Awaitable[None]]


class _Connection(asyncio.Protocol):
    """One TCP connection: its environment, then its answers, line by line."""

    __slots__ = (
        "_answer",
        "_buffer",
        "_hung_up",
        "_over",
        "_task",
        "deadline",
        "server",
        "transport",
    )

    def __init__(self, server: "FastAgiServer") -> None:
        self.server = server
        self.deadline = 0.0  # on the loop's clock; 0: nothing is awaited
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[AgiReply] | None = None
        self._task: asyncio.Task[None] | None = None
        self._hung_up = False
        self._over: AgiError | None = None

    # --- what asyncio calls ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass of it
        self.server._arrived(self)

    def data_received(self, data: bytes) -> None:
        if self._over is not None:
            return
        data = self._buffer + data if self._buffer else data
        if self._task is None:
            head, end, data = data.partition(b"\n\n")
            if not end:
                self._buffer = head
                if len(head) > ENVIRONMENT_LIMIT:
                    self.close(AgiProtocolError("the environment is too long"))
                return
            self._begin(head)
        self._buffer = b""
        while data and self._over is None:
            data = self._read_answer(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.server._left(self)
        self._end(CallerHungUp("") if self._hung_up else AgiConnectionLost("Asterisk went away"))

    # --- environment -------------------------------------------------------------------------

    def _begin(self, head: bytes) -> None:
        try:
            if len(head) > ENVIRONMENT_LIMIT:
                raise AgiProtocolError("the environment is too long")
            session = AgiSession(self, environment_of(head))
        except AgiProtocolError as error:
            self.close(error)
            return
        route = self.server._admit(self, session)
        if route is not None:
            self.deadline = 0.0
            self._task = asyncio.create_task(self._run(route, session))

    async def _run(self, route: Route, session: AgiSession) -> None:
        ending = ""
        try:
            await route(session)
        except CallerHungUp:
            ending = "hang_ups"
        except AgiConnectionLost:
            ending = "lost"
        except AgiTimeout:
            ending = "timeouts"
        except AgiProtocolError:
            ending = "protocol_errors"
        except Exception:
            ending = "failures"
            log.exception("AGI route %s failed, call %s", session.path, session.uniqueid)
        finally:
            if ending:
                self.server._count(ending)
            self.close(AgiConnectionLost("the session is over"))

    # --- commands and answers ----------------------------------------------------------------

    async def ask(self, line: bytes, deadline: float | None, *, last: bool = False) -> AgiReply:
        """Write a command line, the end of all commands behind the last, wait for its answer."""
        if self._hung_up:
            raise CallerHungUp("the channel is gone")
        if self._over is not None:
            raise self._over
        if self._answer is not None:
            raise RuntimeError("an AGI session takes one command at a time")
        loop = self.server.loop
        assert self.transport is not None
        self._answer = loop.create_future()
        self.deadline = loop.time() + (self.server.answer_seconds if deadline is None else deadline)
        self.transport.write(line)
        if last:
            self.transport.write_eof()
        try:
            return await self._answer
        finally:
            self._answer = None
            self.deadline = 0.0

    def _read_answer(self, data: bytes) -> bytes:
        """Take one answer off the front; what is not whole stays in the buffer."""
        line, end, rest = data.partition(b"\n")
        if line.startswith(b"520-"):
            line, end, rest = data.partition(b"\n520 End of proper usage.\n")
        elif line.startswith(b"200 result=1 (") and end and not line.rstrip().endswith(b")"):
            # A variable's value with line breaks in it.
            line, end, rest = data.partition(b")\n")
            line += b")"
        if not end:
            self._buffer = data
            if len(data) > ANSWER_LIMIT:
                self.close(AgiProtocolError("an answer is too long"))
            return b""
        self._answered(line.decode("utf-8", "replace").rstrip("\r"))
        return rest

    def _answered(self, line: str) -> None:
        if line == "HANGUP":
            self._hung_up = True
            self._settle(CallerHungUp("the channel is gone"))
        elif line.startswith("100 "):
            pass  # "Trying": the answer follows
        elif self._answer is None or self._answer.done():
            # After a hang-up the answer of the command that it interrupted may still come.
            if not self._hung_up:
                self.close(AgiProtocolError("an answer to no command"))
        elif line.startswith("511"):
            self._hung_up = True
            self._settle(CallerHungUp("the channel is dead"))
        elif line.startswith("5"):
            self._settle(AgiCommandRefused(line.replace("\n", " ")[:200]))
        elif (found := _ANSWER.fullmatch(line)) is not None:
            code, result, data, end_position = found.groups()
            self._answer.set_result(AgiReply(int(code), result, data or "", int(end_position or 0)))
        else:
            self.close(AgiProtocolError("not an AGI answer"))

    def _settle(self, error: AgiError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    # --- the end -----------------------------------------------------------------------------

    def close(self, reason: AgiError) -> None:
        """End the connection; whoever waits for an answer gets the reason."""
        self._end(reason)
        if self.transport is not None:
            self.transport.close()

    def expire(self) -> None:
        """End it at once, its deadline passed."""
        self._end(AgiTimeout("nothing came in time"))
        if self.transport is not None:
            self.transport.abort()

    def turn_away(self) -> None:
        """End it at once, without a look at what it sends."""
        self._over = AgiConnectionLost("turned away")
        if self.transport is not None:
            self.transport.abort()

    def cancel(self) -> asyncio.Task[None] | None:
        """Stop the session's task, for the server's own end."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    def _end(self, reason: AgiError) -> None:
        if self._over is not None:
            return
        if self._task is None:
            self.server._count(
                "late_environments" if isinstance(reason, AgiTimeout) else "bad_environments"
            )
        self._over = reason
        self._buffer = b""
        self._settle(reason)


class FastAgiServer:
    """Serves routes to Asterisk's ``AGI(agi://host:port/path)``.

    Args:
        routes: by path, without slashes at its ends.
        host, port: where to listen; port 0 takes a free one, see ``port`` after ``start``.
        peers: networks that may connect, as text. Beyond loopback, name Asterisk's address.
        connection_limit: sessions at once; more are refused, and the dialplan goes on by itself.
        waiting_limit: connections that have not yet said whose call they are. Beyond it the
            oldest is closed: Asterisk writes its environment at once, so it is not Asterisk's.
            No fewer than the sessions, or calls that come all at once would close each other.
        environment_seconds: time for a whole environment.
        answer_seconds: time for an answer, where a command does not say another.

    Attributes:
        finishing: channels whose session is in its last act (``AgiSession.finish``). A redirect at
            that moment has Asterisk leave the session, and the variables unset.
    """

    def __init__(
        self,
        routes: Mapping[str, Route],
        *,
        host: str,
        port: int,
        peers: Sequence[str] = ("127.0.0.0/8", "::1/128"),
        connection_limit: int = 2000,
        waiting_limit: int = 2000,
        environment_seconds: float = 5.0,
        answer_seconds: float = 5.0,
    ) -> None:
        self._routes = {path.strip("/"): route for path, route in routes.items()}
        self._host, self.port = host, port
        self._peers = [ipaddress.ip_network(peer) for peer in peers]
        self._known_peers: set[str] = set()
        self._connection_limit, self._waiting_limit = connection_limit, waiting_limit
        self._environment_seconds, self.answer_seconds = environment_seconds, answer_seconds
        self._waiting: dict[_Connection, None] = {}  # oldest first
        self._sessions: dict[_Connection, None] = {}
        self._counts: dict[str, int] = {}
        self.finishing: set[str] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self.loop: asyncio.AbstractEventLoop

    @property
    def counters(self) -> AgiCounters:
        """A snapshot of what the server has seen."""
        return AgiCounters(**self._counts, waiting=len(self._waiting), open=len(self._sessions))

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        self.loop = asyncio.get_running_loop()
        self._server = await self.loop.create_server(
            lambda: _Connection(self), self._host, self.port, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._sweep()

    async def stop(self) -> None:
        """Stop listening and end every session; Asterisk's dialplan goes on with its calls."""
        if self._server is None:
            return
        self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        sessions = tuple(self._sessions)
        tasks = [task for connection in sessions if (task := connection.cancel())]
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in (*self._waiting, *sessions):
            connection.turn_away()
        await self._server.wait_closed()
        self._server = None

    # --- what connections report -------------------------------------------------------------

    def _arrived(self, connection: _Connection) -> None:
        self._count("connections")
        if not self._knows(connection):
            self._count("strangers")
            connection.turn_away()
        elif len(self._sessions) >= self._connection_limit:
            self._count("crowded")
            connection.turn_away()
        else:
            if len(self._waiting) >= self._waiting_limit:
                oldest = next(iter(self._waiting))
                del self._waiting[oldest]
                self._count("crowded")
                oldest.turn_away()
            # The sweep before the limit, so that none lives longer than the limit.
            connection.deadline = self.loop.time() + self._environment_seconds - SWEEP
            self._waiting[connection] = None

    def _knows(self, connection: _Connection) -> bool:
        assert connection.transport is not None
        peer = str(connection.transport.get_extra_info("peername")[0])
        if peer in self._known_peers:
            return True
        address = ipaddress.ip_address(peer.partition("%")[0])
        known = any(address in network for network in self._peers)
        if known and len(self._known_peers) < 1000:
            self._known_peers.add(peer)
        return known

    def _admit(self, connection: _Connection, session: AgiSession) -> Route | None:
        """The route for this session; None, and closed, when there is none."""
        route = self._routes.get(session.path)
        if route is None:
            self._count("unrouted")
            log.warning("no AGI route for call %s", session.uniqueid)
            connection.turn_away()
            return None
        self._count("sessions")
        self._waiting.pop(connection, None)
        self._sessions[connection] = None
        return route

    def _left(self, connection: _Connection) -> None:
        self._waiting.pop(connection, None)
        self._sessions.pop(connection, None)

    def _count(self, name: str) -> None:
        self._counts[name] = self._counts.get(name, 0) + 1

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in (*self._waiting, *self._sessions):
            if 0 < connection.deadline <= now:
                connection.expire()
        self._sweeper = self.loop.call_later(SWEEP, self._sweep)
