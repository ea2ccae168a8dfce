"""The whole system, started as `./huawu up` starts it, for tests that make real calls.

``Stack`` is one installation: a state folder and ports of its own, a copy of the example company
with shorter times, and the real supervisor with Redis, Asterisk, controller and transcriber below
it. ``Scene`` is one test's hand in it: callers and agents on real SIP phones, the API, the stream
of events and a live page, and at its end the proof that nothing is left.
"""

import asyncio
import contextlib
import io
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp

from controller.asterisk_node import ask_asterisk, find_asterisk, unpacked_root
from controller.credentials import Credentials, load_credentials
from controller.lifecycle import marked_processes, start, stop, why_not_ready
from controller.settings import ROOT, Settings, load_settings
from controller.setup.progress import Progress
from controller.setup.steps import prepare_data
from controller.supervisor import children_path
from store.lease import FENCING, LEASE
from store.live import AGENTS, CONTACTS, connect
from store.stream import EVENTS, Stream
from telephony.events import (
    AgentState,
    AgentStateChanged,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    MenuStepTaken,
    RecordedEvent,
)
from telephony.softphone import Phone, PhoneCall, PhoneRack
from tests.live.node import free_ports

SPEECH = ROOT / "company" / "speech"
SERVICE_NUMBER = "8000"
RING = 5
"""Seconds an agent's phone rings, in the copied company."""
WRAP_UP = 3
"""Seconds for notes after a call, in the copied company."""
CALLBACK = "attempts: 3, retry: 6, ring: 15"
"""Seconds between two attempts to call a customer back, and of one, in the copied company."""
SPARE_DESCRIPTORS = 8
"""Open files that may come and go: pooled connections to the stores, a log being turned."""

T = TypeVar("T")
E = TypeVar("E", bound=RecordedEvent)

_numbers = itertools.count(13_900_000_001)


async def until(check: Callable[[], Awaitable[T]], limit: float, what: str) -> T:
    """The first true value of a check, asked again and again for ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while not (value := await check()):
        assert time.monotonic() < deadline, f"not within {limit} s: {what}"
        await asyncio.sleep(0.1)
    return value


class Stack:
    """One running installation.

    Args:
        controllers: how many; one of them decides.
    """

    def __init__(self, *, controllers: int = 1) -> None:
        # Short: a unix socket's path has 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="huawu-e2e-", dir="/tmp"))
        count = 3 + 2 * controllers
        while (ports := free_ports(count))[-1] - ports[0] >= count:
            pass  # not in a row
        sip, ami, http = ports[:3]
        # Of each controller its own: the first one's is in the settings, others follow it.
        web, agi = ports[3], ports[3 + controllers]
        default = load_settings()
        program = Path(find_asterisk(default).argv[-1])
        root = unpacked_root(default)
        values: dict[str, Any] = {
            "company": _short_company(self.folder / "company"),
            "web_port": web,
            "sip_port": sip,
            "ami_port": ami,
            "agi_port": agi,
            "asterisk_http_port": http,
            "rtp_start": 16000,
            "rtp_end": 16999,
            "controllers": controllers,
            "speech_patience": 60,  # a busy machine recognises at a tenth of its speed
        }
        if program.is_relative_to(root):
            values["asterisk_root"] = root
        self.state = self.folder / "var"
        self.state.mkdir()
        if default.models_dir.is_dir():  # large, and never written to
            (self.state / "models").symlink_to(default.models_dir)
        text = "".join(
            f"{name} = {json.dumps(value, default=str)}\n" for name, value in values.items()
        )
        (self.state / "huawu.toml").write_text(text, encoding="utf-8")
        with self.environment():
            self.settings: Settings = load_settings()
        self.program = find_asterisk(self.settings)
        self._supervisor: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def environment(self) -> Iterator[None]:
        """The environment in which the product's own commands mean this installation."""
        kept = dict(os.environ)
        for name in [name for name in os.environ if name.startswith("HUAWU_")]:
            del os.environ[name]
        os.environ["HUAWU_STATE"] = str(self.state)
        os.environ["PYTHONPATH"] = f"{ROOT}:{kept.get('PYTHONPATH', '')}".rstrip(":")
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(kept)

    def start(self) -> None:
        """Make the data, start the supervisor, wait until callers are answered."""
        with self.environment():
            prepare_data(self.settings, Progress(io.StringIO()))
            self._supervisor = start(self.settings, ready_within_s=60)

    def stop(self) -> None:
        """End it, and remove its folder. Raises AssertionError when a process is left."""
        ended = stop(self.settings)
        if self._supervisor is not None:
            self._supervisor.wait(10)
        left = marked_processes(self.settings)
        if os.environ.get("HUAWU_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        assert not left
        assert ended

    @property
    def credentials(self) -> Credentials:
        """Every password."""
        credentials = load_credentials(self.settings.secrets_file)
        assert credentials is not None
        return credentials

    def pids(self) -> dict[str, int]:
        """Process ids of the children by name: redis, asterisk, controller, transcriber."""
        return dict(json.loads(children_path(self.settings).read_text(encoding="utf-8")))

    def kill(self, name: str) -> int:
        """End a child without a word, as a crash does; returns its process id."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    @contextlib.contextmanager
    def no_restarts(self) -> Iterator[None]:
        """Nothing that dies is started again inside of the block."""
        assert self._supervisor is not None
        self._supervisor.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._supervisor.send_signal(signal.SIGCONT)

    async def serves_again(self, name: str, old: int, limit: float = 30.0) -> None:
        """Wait until a child was started anew and callers are answered."""

        async def serves() -> bool:
            if self.pids().get(name, old) == old:
                return False
            return not await asyncio.to_thread(why_not_ready, self.settings)

        await until(serves, limit, f"{name} serves again")

    def descriptors(self, name: str) -> int:
        """How many files a child has open."""
        return len(list(Path(f"/proc/{self.pids()[name]}/fd").iterdir()))

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.settings.log_dir / f"{name}.log"

    async def console(self, command: str) -> str:
        """What Asterisk's console prints for a command."""
        return await asyncio.to_thread(ask_asterisk, self.program, self.settings, command)

    async def channels(self) -> list[str]:
        """Names of the live channels."""
        lines = (await self.console("core show channels concise")).splitlines()
        return [line.split("!")[0] for line in lines if "!" in line]

    async def hears_music(self, contact: str) -> bool:
        """Whether a caller waits and has heard all announcements, as Asterisk sees it."""
        lines = (await self.console("core show channels concise")).splitlines()
        own = [line for line in lines if line.endswith(f"!{contact}")]
        return any("!huawu-wait!" in line and "!WaitExten!" in line for line in own)

    async def bridges(self) -> list[str]:
        """The live bridges, as the console shows them."""
        return (await self.console("bridge show all")).splitlines()[1:]

    @contextlib.asynccontextmanager
    async def dialplan_times(self, **seconds: int) -> AsyncIterator[None]:
        """Other values for the dialplan's global times inside of the block."""
        kept = {}
        for name, value in seconds.items():
            text = await self.console("dialplan show globals")
            found = re.search(rf"(?m)^\s*{name}=(\d+)\s*$", text)
            assert found, name
            kept[name] = found[1]
            await self.console(f"dialplan set global {name} {value}")
        try:
            yield
        finally:
            for name, old in kept.items():
                await self.console(f"dialplan set global {name} {old}")


def _short_company(folder: Path) -> Path:
    """The example company with short times to ring, to write notes and to wait for a key, without
    a survey, and with phones that are told whose call it is.
    """
    shutil.copytree(ROOT / "company", folder, ignore=shutil.ignore_patterns("speech"))
    queues = folder / "queues.yaml"
    text = queues.read_text(encoding="utf-8")
    text, rings = re.subn(r"(?m)^    ring: \d+", f"    ring: {RING}", text)
    text, notes = re.subn(r"(?m)^    wrap_up: \d+", f"    wrap_up: {WRAP_UP}", text)
    assert rings == notes > 0
    text, calls = re.subn(r"first: (customer|agent)[^}]*}", f"first: \\1, {CALLBACK}}}", text)
    assert calls == 2  # logistics and returns
    queues.write_text(text, encoding="utf-8")
    agents = folder / "agents.yaml"
    text = agents.read_text(encoding="utf-8")
    text, phones = re.subn(r"(?m)^    skills: ", "    call_headers: true\n    skills: ", text)
    assert phones
    agents.write_text(text, encoding="utf-8")
    routing = folder / "routing.yaml"
    text = routing.read_text(encoding="utf-8")
    text, surveys = re.subn(r"(?m)^survey: .*\n", "", text)  # tests of it turn it on
    assert surveys == 1
    routing.write_text(text, encoding="utf-8")
    menu = folder / "menus" / "main.yaml"
    text = menu.read_text(encoding="utf-8")
    text, waits = re.subn(r"(?m)^    wait: \d+", "    wait: 2", text)
    text, tries = re.subn(r"(?m)^    tries: \d+", "    tries: 2", text)
    assert waits == tries > 0
    menu.write_text(text, encoding="utf-8")
    return folder


class Api:
    """The HTTP API, signed in as one account."""

    def __init__(self, stack: Stack, account: str, url: str = "") -> None:
        self._stack = stack
        self._account = account
        self._session = aiohttp.ClientSession(
            url or stack.settings.web_url,
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # keep cookies of an IP address
            headers={"X-Huawu": "1"},
        )

    async def __aenter__(self) -> Self:
        body = {"name": self._account, "password": self._stack.credentials.web[self._account]}
        async with self._session.post("/api/v1/session", json=body) as answer:
            assert answer.status == 200, await answer.text()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str) -> Any:
        """The JSON below ``/api/v1``; None when there is no such thing."""
        async with self._session.get(f"/api/v1/{path}") as answer:
            if answer.status == 404:
                return None
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def read(self, address: str) -> bytes:
        """A file, by the address that a record names."""
        async with self._session.get(address) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()

    async def metric(self, name: str) -> float:
        """One figure of ``/metrics``; of one that is counted by kind, the sum."""
        return sum((await self.by_kind(name)).values())

    async def by_kind(self, name: str) -> Counter[str]:
        """One figure of ``/metrics`` for each of its labels."""
        async with self._session.get("/metrics") as answer:
            text = await answer.text()
        assert f"# TYPE {name} " in text, name
        found = re.findall(rf"(?m)^{name}({{.*}})? (\S+)$", text)
        return Counter({kind: float(value) for kind, value in found})

    async def want(self, agent: str, state: str, reason: str = "") -> str:
        """Ask for an agent's state; "" when granted, else the problem's code."""
        body = {"state": state, "reason": reason}
        async with self._session.post(f"/api/v1/agents/{agent}/state", json=body) as answer:
            if answer.status == 204:
                return ""
            problem = await answer.json()
            assert answer.status == 409, problem
            return str(problem["type"]).rpartition(":")[2].rpartition("/")[2]

    async def do(self, contact: str, what: str, **body: str) -> str:
        """Act on a contact, such as ``transfer``; "" when granted, else the problem's code."""
        address = f"/api/v1/contacts/{contact}/{what}"
        async with self._session.post(address, json=body) as answer:
            if answer.status == 204:
                return ""
            return str((await answer.json())["type"]).rpartition(":")[2]

    async def change(self, method: str, path: str, **body: Any) -> Any:
        """Change something below ``/api/v1``; the JSON of the answer, None when it has none."""
        async with self._session.request(method, f"/api/v1/{path}", json=body) as answer:
            assert answer.status in (200, 204), await answer.text()
            return await answer.json() if answer.status == 200 else None

    async def watch(self) -> "LivePage":
        """Open a live page."""
        return LivePage(await self._session.ws_connect("/api/v1/live"))


class LivePage:
    """What a wallboard that is open sees, from its WebSocket alone."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.queues: dict[str, dict[str, Any]] = {}
        self.stages: dict[str, list[str]] = {}
        """Contact -> the stages it was seen in; ``gone`` at the end."""
        self.counts: list[tuple[str, int, int]] = []
        """(queue, waiting, talking) as they were shown, one after the other."""
        self.numbers: list[int] = []
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            news = json.loads(message.data)
            if news["type"] not in ("snapshot", "delta"):
                continue
            self.numbers.append(news["n"])
            for line in news["queues"]:
                self.queues[line["id"]] = line
                self.counts.append((line["id"], line["waiting"], line["talking"]))
            for contact in news["contacts"] or ():
                seen = self.stages.setdefault(contact["id"], [])
                if seen[-1:] != [contact["stage"]]:
                    seen.append(contact["stage"])
            for contact in news.get("gone", ()):
                self.stages.setdefault(contact, []).append("gone")

    async def saw(self, contact: str, stage: str, limit: float = 5.0) -> None:
        """Wait until a contact was shown in a stage."""

        async def shown() -> bool:
            return stage in self.stages.get(contact, ())

        await until(shown, limit, f"the live page shows {contact} {stage}: {self.stages}")

    async def close(self) -> None:
        """Close the page."""
        await self._socket.close()
        await self._task


class Feed:
    """The stream of events from now on."""

    def __init__(self, stack: Stack) -> None:
        self._redis = connect(stack.settings.effective_redis_url)
        self.events: list[RecordedEvent] = []
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        after = await Stream(self._redis).last_id()
        self._task = asyncio.create_task(self._follow(after))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._redis.aclose()

    async def _follow(self, after: str) -> None:
        async for _, event in Stream(self._redis).follow(after):
            self.events.append(event)
            async with self._news:
                self._news.notify_all()

    def of(self, contact: str) -> list[RecordedEvent]:
        """The events of a contact."""
        return [event for event in self.events if getattr(event, "contact", "") == contact]

    def count(self, kind: type[E], **fields: Any) -> int:
        """How many such events there were."""
        return len(self.all(kind, **fields))

    def all(self, kind: type[E], **fields: Any) -> list[E]:
        """Every such event."""
        return [
            event
            for event in self.events
            if isinstance(event, kind)
            and all(getattr(event, name) == value for name, value in fields.items())
        ]

    async def event(
        self, kind: type[E], limit: float = 10.0, *, number: int = 1, **fields: Any
    ) -> E:
        """Wait for the first (or ``number``-th) event of this kind with these fields."""
        try:
            async with asyncio.timeout(limit), self._news:
                await self._news.wait_for(lambda: self.count(kind, **fields) >= number)
        except TimeoutError:
            told = "\n".join(map(str, self.events[-25:]))
            what = f"{kind.__name__} {fields}"
            raise AssertionError(f"not within {limit} s: {what}; the last were\n{told}") from None
        return self.all(kind, **fields)[number - 1]

    async def strange_keys(self) -> list[str]:
        """Keys of the live store that no part of the product keeps for long."""
        known = (CONTACTS, AGENTS, EVENTS, LEASE, FENCING, "huawu:written:", "huawu:session")
        return [key for key in await self._redis.keys("*") if not key.startswith(known)]

    async def store(self, key: str) -> Mapping[str, Mapping[str, Any]]:
        """A hash of the live store."""
        entries = await self._redis.hgetall(key)
        return {name: json.loads(text) for name, text in entries.items()}


class Agent:
    """An agent with a phone."""

    def __init__(self, scene: "Scene", agent: str, phone: Phone) -> None:
        self._scene = scene
        self.id = agent
        self.phone = phone

    async def want(self, state: str, *, at: Api | None = None) -> None:
        """Ask for a state; a phone that has just registered may take a moment to be known.

        ``at`` is the agent's own sign-in; without it a supervisor asks.
        """

        async def granted() -> bool:
            refusal = await (at or self._scene.api).want(self.id, state)
            assert refusal in ("", "refused-no-phone"), refusal
            return not refusal

        await until(granted, 5, f"{self.id} {state}")

    async def is_now(
        self, state: AgentState, limit: float = 10.0, **fields: Any
    ) -> AgentStateChanged:
        """Wait until the agent's last change of state is this one."""

        def last() -> AgentStateChanged | None:
            changes = self._scene.feed.all(AgentStateChanged, agent=self.id)
            return changes[-1] if changes else None

        async def arrived() -> AgentStateChanged | None:
            change = last()
            return change if change and change.state is state else None

        change = await until(arrived, limit, f"{self.id} {state}, last: {last()}")
        for name, value in fields.items():
            assert getattr(change, name) == value, change
        return change

    async def answer(self, limit: float = 10.0, *, heard: Path | None = None) -> PhoneCall:
        """Wait for the phone to ring, and pick up."""
        call = await self.phone.ringing(limit)
        await call.answer(heard=heard)
        return call


class Caller:
    """A customer on the line."""

    def __init__(self, scene: "Scene", number: str, call: PhoneCall, contact: str) -> None:
        self._feed = scene.feed
        self.number = number
        self.call = call
        self.contact = contact

    async def comes_to(self, node: str, limit: float = 20.0, *, number: int = 1) -> None:
        """Wait until the menu has come to a node."""
        await self._feed.event(
            MenuStepTaken, limit, number=number, contact=self.contact, node=node, key=""
        )

    async def chooses(self, key: str, *, language: str = "1") -> None:
        """Go through the menu like somebody who knows it."""
        await self.comes_to("language")
        await self.call.press(language)
        await self.comes_to("main_menu")
        await self.call.press(key)

    async def waits_in(self, queue: str, *, key: str, language: str = "1") -> ContactQueued:
        """Choose a queue and wait until the place in it is taken."""
        await self.chooses(key, language=language)
        return await self._feed.event(ContactQueued, contact=self.contact, queue=queue)

    async def gone(self, limit: float = 10.0) -> ContactEnded:
        """Wait until the contact has ended; what the caller heard is complete on disk then."""
        ended = await self._feed.event(ContactEnded, limit, contact=self.contact)
        await self.call.ended(limit)
        return ended


class Scene:
    """One test's people, and its eyes on the system."""

    def __init__(self, stack: Stack, api: Api, feed: Feed, rack: PhoneRack, folder: Path) -> None:
        self.stack = stack
        self.api = api
        self.feed = feed
        self.rack = rack
        self.folder = folder
        """Where this test's sounds are kept."""

    async def agent(self, agent: str, *, ready: bool = True) -> Agent:
        """An agent registers a phone, signs in and, if so wished, is ready."""
        made = await self.phone_of(agent)
        await made.want("signed_in")
        if ready:
            await made.want("ready")
        return made

    async def phone_of(self, agent: str) -> Agent:
        """An agent who has only registered a phone."""
        endpoint = f"agent{agent}"
        secret, port = self.stack.credentials.sip[endpoint], self.stack.settings.sip_port
        phone = await self.rack.register(endpoint, secret, server="127.0.0.1", port=port)
        return Agent(self, agent, phone)

    @contextlib.asynccontextmanager
    async def customers(self) -> AsyncIterator[Phone]:
        """The phone of all customers behind the trunk: rings whichever number is called."""
        secret, port = self.stack.credentials.sip["trunk"], self.stack.settings.sip_port
        async with PhoneRack() as rack:
            yield await rack.register("trunk", secret, server="127.0.0.1", port=port)

    async def caller(self, number: str = "", *, heard: Path | None = None) -> Caller:
        """A customer dials the service number and is answered by the menu."""
        number = number or str(next(_numbers))
        secret, port = self.stack.credentials.sip["trunk"], self.stack.settings.sip_port
        trunk = await self.rack.phone("trunk", secret, server="127.0.0.1", port=port)
        before = self.feed.count(ContactArrived, caller=number)
        call = await trunk.dial(SERVICE_NUMBER, number=number, heard=heard)
        await call.answered(10)
        arrived = await self.feed.event(ContactArrived, number=before + 1, caller=number)
        return Caller(self, number, call, arrived.contact)

    async def record(
        self, contact: str, ready: Callable[[Any], bool] = bool, limit: float = 10.0
    ) -> Any:
        """``GET /api/v1/contacts/{id}``, once it is as wanted."""

        async def read() -> Any:
            found = await self.api.get(f"contacts/{contact}")
            return found if found and ready(found) else None

        return await until(read, limit, f"the record of {contact}")

    async def hears_music(self, caller: Caller, limit: float = 20.0) -> None:
        """Wait until a caller waits and has heard all announcements."""
        await until(lambda: self.stack.hears_music(caller.contact), limit, "music is heard")


class Baseline:
    """What a scene begins with and must leave behind.

    Args:
        watched: processes whose number of open files must stay.
    """

    def __init__(self, scene: Scene, watched: tuple[str, ...] = ("controller", "asterisk")) -> None:
        self._scene = scene
        self._log = scene.stack.log("controller")
        self._log_size = self._log.stat().st_size
        self._pids = scene.stack.pids()
        self._open = {name: scene.stack.descriptors(name) for name in watched}

    async def restored(self) -> None:
        """Assert that nothing is left: calls, bridges, odd agents, Redis keys, descriptors."""
        stack, feed = self._scene.stack, self._scene.feed

        async def no_calls() -> bool:
            return not await stack.channels() and not await stack.bridges()

        async def no_contacts() -> bool:
            return not await feed.store(CONTACTS)

        async def all_out() -> bool:
            agents = await feed.store(AGENTS)
            for name, agent in agents.items():
                if agent["state"] != AgentState.SIGNED_OUT:
                    await self._scene.api.want(name, "signed_out")
            return all(agent["state"] == AgentState.SIGNED_OUT for agent in agents.values())

        async def no_open_files() -> bool:
            return all(
                stack.descriptors(name) <= count + SPARE_DESCRIPTORS
                for name, count in self._open.items()
                if stack.pids().get(name) == self._pids[name]
            )

        await until(no_calls, 10, "no channels and no bridges")
        await until(no_contacts, 5, "no contacts in the live store")
        await until(all_out, 10, "every agent signed out")
        await until(no_open_files, 5, f"no more open files than {self._open}")
        assert not await feed.strange_keys()

    def faults(self) -> list[str]:
        """Lines of the controller's log since the beginning that tell of a fault."""
        with self._log.open("rb") as log:
            log.seek(self._log_size)
            text = log.read().decode(errors="replace")
        return [
            line
            for line in text.splitlines()
            if '"level": "error"' in line or '"level":"error"' in line or "Traceback" in line
        ]
