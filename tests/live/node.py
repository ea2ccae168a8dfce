"""A real Asterisk with our own configuration, and a scripted controller beside it.

The controller is a stub: each FastAGI route answers what the test told it to, and what the
manager link hears is kept. So the dialplan is tested against a controller that lies, hangs or
dies exactly when the test wants it to.
"""

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from controller.asterisk_node import (
    AgentLine,
    QueueLine,
    ask_asterisk,
    asterisk_command,
    asterisk_environment,
    find_asterisk,
    render_configuration,
)
from controller.credentials import Credentials, ensure_credentials
from controller.settings import Settings, load_settings
from telephony.agi import AgiSession, FastAgiServer
from telephony.ami import AmiLink, AmiMessage, AmiRefused
from tests.tones import tone

AGENTS = ("8001", "8002", "8003")
QUEUES = ("general", "order")
#: The dialplan's times, in seconds, made short.
SHORT = {"HUAWU_TICK": 1, "HUAWU_RETRY": 1, "HUAWU_DECISION": 1, "HUAWU_MENU": 3}

#: Events that tests look at and the controller does not.
TESTS_SEE = ("Newchannel", "Newexten", "VarSet")

#: Ports from 21000 on are parted into so many ranges of so many.
PORT_RANGES, PORTS = 4, 2700

Behaviour = Callable[[AgiSession], Awaitable[None]]


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free for TCP and UDP, below the ephemeral range.

    Each of pytest's workers looks among ports of its own: what one has found is not yet taken.
    """
    found: list[int] = []
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 21000 + worker % PORT_RANGES * PORTS
    start = first + time.monotonic_ns() // 1000 % (PORTS // 2)
    for port in range(start, first + PORTS):
        try:
            with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
        except OSError:
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


class Node:
    """The Asterisk: start and kill it, ask its console."""

    def __init__(self, **times: int) -> None:
        self.program = find_asterisk(load_settings())
        self.folder = Path(tempfile.mkdtemp(prefix="huawu-", dir="/tmp"))
        sip, ami, agi, http = free_ports(4)
        self.settings = Settings(
            state=self.folder, sip_port=sip, ami_port=ami, agi_port=agi, asterisk_http_port=http,
            rtp_start=15000, rtp_end=15999,
        )  # fmt: skip
        self.credentials: Credentials = ensure_credentials(self.settings.secrets_file, AGENTS)[0]
        self._times = {**SHORT, **times}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def live_recordings(self) -> Path:
        """Where the dialplan records."""
        return self.settings.recordings_dir / "live"

    @property
    def messages(self) -> Path:
        """Where callers' messages are kept."""
        return self.settings.asterisk_dir / "spool" / "huawu-messages"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def secret(self, endpoint: str) -> str:
        """The SIP password of an endpoint."""
        return self.credentials.sip[endpoint]

    def start(self) -> None:
        """Render, start, wait until the manager port greets."""
        conf = render_configuration(
            self.settings, self.credentials, self.program,
            agents=[
                AgentLine(
                    agent,
                    f"客服{agent}",
                    auto_answer=agent == AGENTS[1],
                    call_headers=agent == AGENTS[0],
                )
                for agent in AGENTS
            ],
            queues=[QueueLine(queue) for queue in QUEUES],
        )  # fmt: skip
        # The tests see more of Asterisk than the controller does.
        manager = conf.with_name("manager.conf")
        text = manager.read_text(encoding="utf-8")
        seen = re.findall(r"(?m)^eventfilter.*name\(Hangup\).*$", text)
        more = [line.replace("(Hangup)", f"({name})") for line in seen for name in TESTS_SEE]
        text = text.replace("disabledevents=Newexten\n", "")
        text = text.replace("read=system,call,user\n", "read=system,call,user,dialplan\n")
        manager.write_text("\n".join([text, *more, ""]), encoding="utf-8")
        dialplan = conf.with_name("extensions.conf")
        text = dialplan.read_text(encoding="utf-8")
        for name, seconds in self._times.items():
            text, count = re.subn(rf"(?m)^{name}=\d+$", f"{name}={seconds}", text)
            assert count == 1, name
        # Prompts of a third of a second; that the real ones exist is tests/asterisk_conf's matter.
        prompt = tone(self.folder / "prompt.wav", 600, 0.3).with_suffix("")
        text = re.sub(r"(?m)^(PROMPT_\w+)=.*$", rf"\1={prompt}", text)
        dialplan.write_text(text, encoding="utf-8")
        with (self.folder / "out").open("wb") as output:
            self._process = subprocess.Popen(
                asterisk_command(self.program, self.settings),
                env=asterisk_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log()
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.settings.ami_port), 1) as probe,
            ):
                probe.settimeout(1)
                if probe.recv(20):
                    return
            time.sleep(0.05)
        raise AssertionError("Asterisk did not come up: " + self.log())

    def stop(self) -> None:
        """End it at once, and remove its folder."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What it logged: warnings and errors."""
        file = self.settings.asterisk_dir / "log" / "messages"
        return file.read_text(errors="replace") if file.exists() else "no log"

    def ask(self, command: str) -> str:
        """What the console prints for a command."""
        return ask_asterisk(self.program, self.settings, command)

    def channels(self) -> list[str]:
        """Names of the live channels."""
        lines = self.ask("core show channels concise").splitlines()
        return [line.split("!")[0] for line in lines if "!" in line]


class Stub:
    """The scripted controller: FastAGI routes and a manager link."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._server: FastAgiServer | None = None
        self._hung: socket.socket | None = None
        self._news = asyncio.Condition()
        self.answers: dict[str, Behaviour] = {}
        self.asked: list[AgiSession] = []
        self.events: list[AmiMessage] = []
        self._up = asyncio.Event()
        self.link = AmiLink(
            host="127.0.0.1", port=node.settings.ami_port, username="huawu",
            secret=node.credentials.ami_password, on_event=self._on_event, on_up=self._on_up,
            on_down=self._up.clear,
            wanted=frozenset({"UserEvent", "Hangup", "ContactStatus", *TESTS_SEE}),
        )  # fmt: skip

    async def _on_up(self) -> None:
        self._up.set()

    def _on_event(self, message: AmiMessage) -> None:
        self.events.append(message)
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    # --- FastAGI -----------------------------------------------------------------------------

    async def live(self) -> None:
        """Answer: from now on the controller is there."""
        self.revive()
        paths = ("menu", "tick", "key", "offer-ended", "after", "feature")
        self._server = FastAgiServer(
            dict.fromkeys(paths, self._serve), host="127.0.0.1", port=self._node.settings.agi_port
        )
        await self._server.start()

    async def die(self) -> None:
        """The controller is gone: its port refuses, its sessions are cut."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    def hang(self) -> None:
        """The controller hangs: the kernel takes connections, nobody ever answers."""
        self._hung = socket.create_server(("127.0.0.1", self._node.settings.agi_port), backlog=64)

    def revive(self) -> None:
        """The hung controller is killed."""
        if self._hung is not None:
            self._hung.close()
            self._hung = None

    async def _serve(self, session: AgiSession) -> None:
        self.asked.append(session)
        await self._tell()
        if behaviour := self.answers.get(session.path):
            await behaviour(session)

    def paths(self) -> list[str]:
        """What was asked so far."""
        return [session.path for session in self.asked]

    async def until_asked(self, path: str, limit: float = 8.0, *, times: int = 1) -> AgiSession:
        """Wait until a path was asked so often; the latest such session."""
        await self.until(lambda: self.paths().count(path) >= times, limit, f"/{path} asked")
        return [session for session in self.asked if session.path == path][times - 1]

    # --- AMI ---------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], bool], limit: float, what: str) -> None:
        """Wait for something that a session or an event brings."""
        try:
            async with asyncio.timeout(limit), self._news:
                await self._news.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"not within {limit} s: {what}") from None

    def user_events(self, name: str) -> list[AmiMessage]:
        """The dialplan's events of one name."""
        return [event for event in self.events if event.get("UserEvent") == name]

    async def heard(self, name: str, value: str, limit: float = 8.0) -> AmiMessage:
        """Wait for the first event that has this field with this value."""
        found = lambda: [event for event in self.events if event.get(name) == value]  # noqa: E731
        await self.until(lambda: bool(found()), limit, f"{name}: {value}")
        return found()[0]

    async def user_event(self, name: str, limit: float = 8.0) -> AmiMessage:
        """Wait for the dialplan's first event of that name."""
        await self.until(lambda: bool(self.user_events(name)), limit, name)
        return self.user_events(name)[0]

    async def redirect(self, channel: str, context: str, extension: str) -> None:
        """Move a channel."""
        where = [("Context", context), ("Exten", extension), ("Priority", "1")]
        await self.order("Redirect", [("Channel", channel), *where])

    async def order(self, name: str, fields: Sequence[tuple[str, str]]) -> None:
        """An action; a channel that is still to follow one move refuses another."""
        async with asyncio.timeout(5):
            while True:
                try:
                    await self.link.action(name, fields)
                    return
                except AmiRefused:
                    await asyncio.sleep(0.02)

    async def mirror(self, agent: str, queue: str = "general") -> None:
        """Put an agent into a fallback queue."""
        fields = [("Queue", f"huawu-{queue}"), ("Interface", f"PJSIP/agent{agent}")]
        await self.link.action("QueueAdd", fields)

    async def forget_agents(self) -> None:
        """Take every agent out of every fallback queue."""
        for item in await self.link.list("QueueStatus"):
            if item.name == "QueueMember":
                fields = [("Queue", item.get("Queue")), ("Interface", item.get("Location"))]
                await self.link.action("QueueRemove", fields)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Stub"]:
        """The link is up inside of the block; nothing is left of its servers after it."""
        task = asyncio.create_task(self.link.run())
        try:
            async with asyncio.timeout(10):
                await self._up.wait()
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.die()
            self.revive()


def answer(**variables: Any) -> Behaviour:
    """A route that sets channel variables, HUAWU_NEXT last."""

    async def behave(session: AgiSession) -> None:
        for name, value in variables.items():
            await session.set_variable(name, str(value))

    return behave


def enqueue(queue: str = "order", *, language: str = "zh-CN", record: str = "1") -> Behaviour:
    """A menu that puts the caller into a queue."""
    return answer(
        HUAWU_QUEUE=queue, HUAWU_ENQUEUED="1763760000.000", HUAWU_PRIORITY=0,
        HUAWU_LANGUAGE=language, HUAWU_MUSIC="default", HUAWU_RECORD=record, HUAWU_SAY="",
        HUAWU_NEXT="wait",
    )  # fmt: skip


def offer(agent: str = "8001", *, number: int = 1, ring: int = 5, label: str = "订单") -> Behaviour:
    """A route that gives the caller to an agent."""
    return answer(
        HUAWU_AGENT=agent, HUAWU_OFFER=number, HUAWU_RING=ring, HUAWU_LABEL=label,
        HUAWU_NEXT="offer",
    )  # fmt: skip
