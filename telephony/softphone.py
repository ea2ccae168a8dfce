"""Scripted SIP phones: the simulated people of ``huawu demo`` and of the tests.

    async with PhoneRack() as rack:
        agent = await rack.register("agent8001", secret, server="127.0.0.1", port=5060)
        trunk = await rack.phone("trunk", secret, server="127.0.0.1", port=5060)
        talk = await trunk.dial("8000", number="13800138000", heard=Path("heard.wav"))
        await talk.answered(5)
        await talk.press("1")
        await talk.play(Path("question.wav"))
        ringing = await agent.ringing(10)
        print(ringing.number, ringing.name, ringing.headers["X-Huawu-Queue"])
        await ringing.answer()
        ...
        await talk.hang_up()

A rack starts child processes (``telephony/softphone_engine.py``) as it needs them: the library is
built for four calls in each. Every wait takes a limit in seconds and raises TimeoutError; a phone
that the library refuses to drive raises PhoneError. Audio files are WAV, 8 kHz 16-bit mono.
"""

import asyncio
import contextlib
import itertools
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import quote, unquote

_ROOT = Path(__file__).resolve().parent.parent
_CALLS = 4  # in one child, a limit compiled into the library
_RINGING_PHONES = 3  # in one child, so that a second call for one of them finds room
_START_LIMIT = 15.0  # seconds until the child must have opened its sockets
_STOP_LIMIT = 5.0  # seconds for its hang-ups and unregistrations


class PhoneError(Exception):
    """The phone could not do what was asked: refused by the library or by the registrar."""


class CallEndedError(PhoneError):
    """A call came to its end while something else was waited for; ``code`` is the SIP status."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


class PhoneCall:
    """One call, incoming or outgoing, as one phone sees it."""

    def __init__(self, engine: "_Engine", name: str, *, message: str = "") -> None:
        self._engine = engine
        self._key = name
        self._changed = asyncio.Condition()
        self._answered = False
        self._ended: CallEndedError | None = None
        self._faults: list[str] = []
        self._played = 0
        self._plays = 0
        self.digits = ""
        """Keys that the other side pressed."""
        self.headers: Mapping[str, str] = MappingProxyType(_headers(message))
        """Headers of the INVITE that made an incoming call ring, by their written name."""
        self.name, self.number = _caller(self.headers.get("From", ""))

    @property
    def is_answered(self) -> bool:
        """Whether the call was ever answered."""
        return self._answered

    @property
    def end(self) -> CallEndedError | None:
        """The SIP status the call ended with, None while it lives."""
        return self._ended

    async def answered(self, limit: float) -> None:
        """Wait for the answer. Raises CallEndedError when the call ends first, TimeoutError."""
        await self._until(lambda: self._answered, limit)

    async def ended(self, limit: float) -> int:
        """Wait for the end and return its SIP status (200 for an answered call)."""
        with contextlib.suppress(CallEndedError):
            await self._until(lambda: self._ended is not None, limit)
        assert self._ended is not None
        return self._ended.code

    async def answer(self, *, heard: Path | None = None) -> None:
        """Pick up an incoming call; what is heard is written to ``heard``."""
        self._engine.ask(do="answer", call=self._key, heard=str(heard or ""))
        await self.answered(5)

    async def decline(self, code: int = 486) -> None:
        """Refuse an incoming call: 486 is busy here, 603 is decline."""
        await self.hang_up(code)

    async def hang_up(self, code: int = 0) -> None:
        """End the call in whatever state it is; ended calls are left alone."""
        if self._ended is None:
            self._engine.ask(do="hangup", call=self._key, code=code)
            await self.ended(_STOP_LIMIT)

    async def press(self, digits: str) -> None:
        """Press keys (RFC 4733): 0-9, *, # and A-D, each about 0.2 s."""
        self._engine.ask(do="digits", call=self._key, digits=digits)

    async def play(self, file: Path, *, loop: bool = False) -> None:
        """Speak a WAV file from now on; a running one is cut off."""
        self._plays += 0 if loop else 1
        self._engine.ask(do="play", call=self._key, file=str(file.resolve()), loop=loop)

    async def say(self, file: Path, limit: float = 60.0) -> None:
        """Speak a WAV file and wait until all was spoken. Raises CallEndedError, TimeoutError."""
        wanted = self._plays + 1
        await self.play(file)
        await self._until(lambda: self._played >= wanted, limit)

    async def hush(self) -> None:
        """Stop speaking."""
        self._engine.ask(do="hush", call=self._key)

    async def hold(self, *, on: bool) -> None:
        """Put the other side on hold, or take it back."""
        self._engine.ask(do="hold", call=self._key, on=on)

    async def pressed(self, digits: str, limit: float) -> None:
        """Wait until the other side has pressed these keys."""
        await self._until(lambda: digits in self.digits, limit)

    async def _until(self, done: Any, limit: float) -> None:
        async with asyncio.timeout(limit), self._changed:
            while not done():
                if self._ended is not None:
                    raise self._ended
                if self._faults:
                    raise PhoneError(self._faults.pop(0))
                await self._changed.wait()

    async def _note(self, report: Mapping[str, Any]) -> None:
        """Take a report of the child."""
        match report["event"]:
            case "state" if report["state"] == "answered":
                self._answered = True
            case "state" if report["state"] == "ended":
                self._ended = CallEndedError(report["code"], report["reason"])
            case "digit":
                self.digits += report["digit"]
            case "played":
                self._played += 1
            case "refused":
                self._faults.append(report["text"])
        async with self._changed:
            self._changed.notify_all()


class Phone:
    """One SIP account."""

    def __init__(self, rack: "PhoneRack", key: str, *, user: str, secret: str, host: str) -> None:
        self._rack = rack
        self._key = key
        self._secret = secret
        self._host = host
        self._engine: _Engine | None = None  # the one it rings in
        self._ringing: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._replies: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.user = user

    async def dial(
        self, extension: str, *, number: str = "", name: str = "", heard: Path | None = None
    ) -> PhoneCall:
        """Call an extension. ``number`` and ``name``, any text, are shown as the caller (From);
        what the other side says is written to ``heard``. Returns at once: see ``answered``."""
        engine = self._engine or await self._rack._engine_for_call()
        self._appear(engine, registrar="")
        call = PhoneCall(engine, f"out-{next(self._rack._numbers)}")
        engine.calls[call._key] = call
        sender = f"<sip:{quote(number or self.user, safe='+*')}@{self._host}>"
        if name:
            sender = '"' + re.sub(r'(["\\])', r"\\\1", name) + f'" {sender}'
        engine.ask(
            do="call", phone=self._key, call=call._key, sender=sender,
            to=f"sip:{extension}@{self._host}{self._rack.suffix}",
            heard=str(heard.resolve()) if heard else "",
        )  # fmt: skip
        return call

    async def ringing(self, limit: float) -> PhoneCall:
        """Wait for the next incoming call; it rings until answered, declined or given up."""
        async with asyncio.timeout(limit):
            return await self._ringing.get()

    @property
    def is_quiet(self) -> bool:
        """Whether no incoming call waits to be looked at."""
        return self._ringing.empty()

    async def register(self, *, limit: float = 5.0) -> None:
        """Be known to the registrar, again after an ``unregister``. Raises PhoneError."""
        if self._engine is None:
            self._engine = await self._rack._engine_for_phone()
            self._engine.rings += 1
            self._appear(self._engine, registrar=f"sip:{self._host}{self._rack.suffix}")
        else:
            self._engine.ask(do="register", phone=self._key, renew=True)
        await self._settled(limit, registered=True)

    async def unregister(self, *, limit: float = 5.0) -> None:
        """Sign the phone off at the registrar."""
        if self._engine is not None:
            self._engine.ask(do="register", phone=self._key, renew=False)
            await self._settled(limit, registered=False)

    async def remove(self) -> None:
        """Take the phone out of the rack; unregisters it."""
        for engine in self._rack._engines:
            if engine.phones.pop(self._key, None):
                engine.rings -= engine is self._engine
                engine.ask(do="remove", phone=self._key)
        self._engine = None

    def _appear(self, engine: "_Engine", *, registrar: str) -> None:
        """Make the account in a child that does not know it yet."""
        if self._key not in engine.phones:
            engine.phones[self._key] = self
            engine.ask(
                do="phone", phone=self._key, uri=f"sip:{self.user}@{self._host}", user=self.user,
                secret=self._secret, registrar=registrar,
            )  # fmt: skip

    async def _settled(self, limit: float, *, registered: bool) -> None:
        async with asyncio.timeout(limit):
            while True:
                reply = await self._replies.get()
                if reply["event"] == "refused":
                    raise PhoneError(reply["text"])
                if reply["code"] // 100 != 2:
                    raise PhoneError(f"{reply['code']} {reply['reason']}")
                if (reply["seconds"] > 0) == registered:
                    return

    def _note(self, report: Mapping[str, Any]) -> None:
        self._replies.put_nowait(report)

    def _ring(self, call: PhoneCall) -> None:
        self._ringing.put_nowait(call)


class PhoneRack:
    """Any number of phones; an async context manager.

    Args:
        bind: the address that the phones send from.
        transport: ``udp`` or ``tcp``.
    """

    def __init__(self, *, bind: str = "127.0.0.1", transport: str = "udp") -> None:
        self._bind = bind
        self._transport = transport
        self.suffix = ";transport=tcp" if transport == "tcp" else ""
        self._engines: list[_Engine] = []
        self._growing = asyncio.Lock()
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        try:
            await self._grow()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def port(self) -> int:
        """The SIP port of the first child."""
        return self._engines[0].port

    @property
    def pids(self) -> list[int]:
        """Process ids of the children."""
        return [engine.pid for engine in self._engines]

    async def close(self) -> None:
        """Hang up and unregister everything, and end the children."""
        await asyncio.gather(*(engine.close() for engine in self._engines))

    async def register(self, user: str, secret: str, *, server: str, port: int) -> Phone:
        """A phone that rings: waits for the registrar's consent. Raises PhoneError."""
        phone = await self.phone(user, secret, server=server, port=port)
        try:
            await phone.register(limit=10)
        except BaseException:
            await phone.remove()
            raise
        return phone

    async def phone(self, user: str, secret: str, *, server: str, port: int) -> Phone:
        """A phone that only calls, any number of calls at a time."""
        key = f"{user}#{next(self._numbers)}"
        return Phone(self, key, user=user, secret=secret, host=f"{server}:{port}")

    async def _engine_for_phone(self) -> "_Engine":
        """A child in which one more phone may ring."""
        async with self._growing:
            for engine in self._engines:
                if engine.rings < _RINGING_PHONES and not engine.calling:
                    return engine
            return await self._grow()

    async def _engine_for_call(self) -> "_Engine":
        """A child with room for one more call, its own phones' calls set aside."""
        async with self._growing:
            for engine in self._engines:
                if not engine.rings and len(engine.calls) < _CALLS:
                    break
            else:
                engine = await self._grow()
            engine.calling = True
            return engine

    async def _grow(self) -> "_Engine":
        engine = _Engine()
        self._engines.append(engine)
        await engine.start(self._bind, self._transport)
        return engine


class _Engine:
    """One child process and what lives in it."""

    def __init__(self) -> None:
        self.port = 0
        self.pid = 0
        self.rings = 0  # phones that are registered here
        self.calling = False  # whether phones without registration call from here
        self.phones: dict[str, Phone] = {}
        self.calls: dict[str, PhoneCall] = {}
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._started = asyncio.Event()

    async def start(self, bind: str, transport: str) -> None:
        """Start the child and wait until its sockets are open."""
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "telephony.softphone_engine", bind, transport,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=_ROOT,
            start_new_session=True,  # a signal to our group must not end calls before we do
        )  # fmt: skip
        self.pid = self._child.pid
        self._reader = asyncio.create_task(self._read(self._child.stdout))
        async with asyncio.timeout(_START_LIMIT):
            await self._started.wait()

    async def close(self) -> None:
        """End the child; it hangs up and unregisters by itself."""
        child, self._child = self._child, None
        if child is None or child.stdin is None:
            return
        child.stdin.close()
        try:
            async with asyncio.timeout(_STOP_LIMIT):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()
        if self._reader is not None:
            await self._reader

    def ask(self, **request: Any) -> None:
        """Send one request to the child. Raises PhoneError when it is gone."""
        if self._child is None or self._child.stdin is None or self._child.stdin.is_closing():
            raise PhoneError("the rack is closed")
        self._child.stdin.write(json.dumps(request).encode() + b"\n")

    async def _read(self, reports: asyncio.StreamReader | None) -> None:
        """Hand each report of the child to its phone or call."""
        assert reports is not None
        async for line in reports:
            await self._take(json.loads(line))
        gone = {"event": "state", "state": "ended", "code": 0, "reason": "the rack is closed"}
        for call in self.calls.values():
            await call._note(gone)

    async def _take(self, report: dict[str, Any]) -> None:
        if report["event"] == "started":
            self.port = report["port"]
            self._started.set()
        elif report["event"] == "ringing":
            call = PhoneCall(self, report["call"], message=report["message"])
            self.calls[report["call"]] = call
            if report["phone"] in self.phones:
                self.phones[report["phone"]]._ring(call)
        elif "call" in report:
            known = self.calls.get(report["call"])
            if known is not None:
                await known._note(report)
                if known.end is not None:
                    del self.calls[report["call"]]
        elif report.get("phone") in self.phones:
            self.phones[report["phone"]]._note(report)


def _headers(message: str) -> dict[str, str]:
    """The headers of a SIP message; of a repeated one the first."""
    headers: dict[str, str] = {}
    for line in message.split("\r\n\r\n", maxsplit=1)[0].split("\r\n")[1:]:
        name, found, value = line.partition(":")
        if found:
            headers.setdefault(name.strip(), value.strip())
    return headers


def _caller(header: str) -> tuple[str, str]:
    """Display name and user part of a From header, decoded."""
    name, _, rest = header.rpartition("<")
    user = rest.partition(":")[2].partition("@")[0]
    return re.sub(r"\\(.)", r"\1", name.strip().strip('"')), unquote(user)
