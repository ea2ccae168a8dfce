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

A rack is one child process (``telephony/softphone_engine.py``) with any number of phones and up to
32 calls at a time. Every wait takes a limit in seconds and raises TimeoutError; a phone that the
library refuses to drive raises PhoneError. Audio files are WAV, 8 kHz 16-bit mono.
"""

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

_ROOT = Path(__file__).resolve().parent.parent
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

    def __init__(self, rack: "PhoneRack", name: str, *, message: str = "") -> None:
        self._rack = rack
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
        self._rack.ask(do="answer", call=self._key, heard=str(heard or ""))
        await self.answered(5)

    async def decline(self, code: int = 486) -> None:
        """Refuse an incoming call: 486 is busy here, 603 is decline."""
        await self.hang_up(code)

    async def hang_up(self, code: int = 0) -> None:
        """End the call in whatever state it is; ended calls are left alone."""
        if self._ended is None:
            self._rack.ask(do="hangup", call=self._key, code=code)
            await self.ended(_STOP_LIMIT)

    async def press(self, digits: str) -> None:
        """Press keys (RFC 4733): 0-9, *, # and A-D, each about 0.2 s."""
        self._rack.ask(do="digits", call=self._key, digits=digits)

    async def play(self, file: Path, *, loop: bool = False) -> None:
        """Speak a WAV file from now on; a running one is cut off."""
        self._plays += 0 if loop else 1
        self._rack.ask(do="play", call=self._key, file=str(file.resolve()), loop=loop)

    async def say(self, file: Path, limit: float = 60.0) -> None:
        """Speak a WAV file and wait until all was spoken. Raises CallEndedError, TimeoutError."""
        wanted = self._plays + 1
        await self.play(file)
        await self._until(lambda: self._played >= wanted, limit)

    async def hush(self) -> None:
        """Stop speaking."""
        self._rack.ask(do="hush", call=self._key)

    async def hold(self, *, on: bool) -> None:
        """Put the other side on hold, or take it back."""
        self._rack.ask(do="hold", call=self._key, on=on)

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

    def __init__(self, rack: "PhoneRack", name: str, *, user: str, host: str) -> None:
        self._rack = rack
        self._key = name
        self._host = host
        self.user = user
        self._ringing: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._replies: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()

    async def dial(
        self, extension: str, *, number: str = "", name: str = "", heard: Path | None = None
    ) -> PhoneCall:
        """Call an extension. ``number`` and ``name`` are shown as the caller (From); what the
        other side says is written to ``heard``. Returns at once: wait for ``answered``."""
        sender = f"sip:{number or self.user}@{self._host}"
        shown = f'"{name}" <{sender}>' if name else f"<{sender}>"
        return self._rack.dial(
            self._key, to=f"sip:{extension}@{self._host}{self._rack.suffix}", sender=shown,
            heard=heard,
        )  # fmt: skip

    async def ringing(self, limit: float) -> PhoneCall:
        """Wait for the next incoming call; it rings until answered, declined or given up."""
        async with asyncio.timeout(limit):
            return await self._ringing.get()

    @property
    def is_quiet(self) -> bool:
        """Whether no incoming call waits to be looked at."""
        return self._ringing.empty()

    async def register(self, *, limit: float = 5.0) -> None:
        """Register again. Raises PhoneError when refused."""
        self._rack.ask(do="register", phone=self._key, renew=True)
        await self._settled(limit, registered=True)

    async def unregister(self, *, limit: float = 5.0) -> None:
        """Sign the phone off at the registrar."""
        self._rack.ask(do="register", phone=self._key, renew=False)
        await self._settled(limit, registered=False)

    async def remove(self) -> None:
        """Take the phone out of the rack; unregisters it."""
        self._rack.drop(self._key)

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
    """Any number of phones in one child process; an async context manager."""

    def __init__(self, *, bind: str = "127.0.0.1", transport: str = "udp") -> None:
        self._bind = bind
        self._transport = transport
        self.suffix = ";transport=tcp" if transport == "tcp" else ""
        self.port = 0
        """The SIP port that the child chose."""
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._started = asyncio.Event()
        self._numbers = itertools.count(1)
        self._phones: dict[str, Phone] = {}
        self._calls: dict[str, PhoneCall] = {}

    async def __aenter__(self) -> Self:
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "telephony.softphone_engine", self._bind, self._transport,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=_ROOT,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read(self._child.stdout))
        try:
            async with asyncio.timeout(_START_LIMIT):
                await self._started.wait()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up and unregister everything, and end the child process."""
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

    async def register(self, user: str, secret: str, *, server: str, port: int) -> Phone:
        """A phone that rings: waits for the registrar's consent. Raises PhoneError."""
        phone = self._make(user, secret, server, port, rings=True)
        try:
            await phone._settled(10, registered=True)
        except BaseException:
            await phone.remove()
            raise
        return phone

    async def phone(self, user: str, secret: str, *, server: str, port: int) -> Phone:
        """A phone that only calls."""
        return self._make(user, secret, server, port, rings=False)

    def ask(self, **request: Any) -> None:
        """Send one request to the child. Raises PhoneError when it is gone."""
        if self._child is None or self._child.stdin is None or self._child.stdin.is_closing():
            raise PhoneError("the rack is closed")
        self._child.stdin.write(json.dumps(request).encode() + b"\n")

    def dial(self, phone: str, *, to: str, sender: str, heard: Path | None) -> PhoneCall:
        """Start a call of a phone; used by ``Phone.dial``."""
        call = PhoneCall(self, f"out-{next(self._numbers)}")
        self._calls[call._key] = call
        file = str(heard.resolve()) if heard else ""
        self.ask(do="call", phone=phone, call=call._key, to=to, sender=sender, heard=file)
        return call

    def drop(self, phone: str) -> None:
        """Remove a phone; used by ``Phone.remove``."""
        if self._phones.pop(phone, None) is not None:
            self.ask(do="remove", phone=phone)

    def _make(self, user: str, secret: str, server: str, port: int, *, rings: bool) -> Phone:
        name = f"{user}#{next(self._numbers)}"
        host = f"{server}:{port}"
        phone = self._phones[name] = Phone(self, name, user=user, host=host)
        self.ask(
            do="phone", phone=name, uri=f"sip:{user}@{host}", user=user, secret=secret,
            registrar=f"sip:{host}{self.suffix}" if rings else "",
        )  # fmt: skip
        return phone

    async def _read(self, reports: asyncio.StreamReader | None) -> None:
        """Hand each report of the child to its phone or call."""
        assert reports is not None
        async for line in reports:
            await self._take(json.loads(line))
        for call in list(self._calls.values()):
            if call.end is None:
                await call._note(
                    {"event": "state", "state": "ended", "code": 0, "reason": "rack closed"}
                )

    async def _take(self, report: dict[str, Any]) -> None:
        if report["event"] == "started":
            self.port = report["port"]
            self._started.set()
        elif report["event"] == "ringing":
            call = PhoneCall(self, report["call"], message=report["message"])
            self._calls[report["call"]] = call
            if report["phone"] in self._phones:
                self._phones[report["phone"]]._ring(call)
        elif "call" in report:
            known = self._calls.get(report["call"])
            if known is not None:
                await known._note(report)
                if known.end is not None:
                    del self._calls[report["call"]]
        elif report.get("phone") in self._phones:
            self._phones[report["phone"]]._note(report)


def _headers(message: str) -> dict[str, str]:
    """The headers of a SIP message; of a repeated one the first."""
    headers: dict[str, str] = {}
    for line in message.split("\r\n\r\n", maxsplit=1)[0].split("\r\n")[1:]:
        name, found, value = line.partition(":")
        if found:
            headers.setdefault(name.strip(), value.strip())
    return headers


def _caller(header: str) -> tuple[str, str]:
    """Display name and user part of a From header."""
    name, _, rest = header.partition("<")
    address = (rest or header).partition(">")[0]
    user = address.partition(":")[2].partition("@")[0].partition(";")[0]
    return name.strip().strip('"'), user
