"""A web server on a real Redis and a real SQLite, and what people do with it."""

import functools
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, TCPConnector, web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from redis.asyncio import Redis

from acd.callbacks import Ticket, tickets
from acd.company import Company
from acd.explain import WhyNot, WhyWaiting, why_not, why_waiting
from acd.wishes import ActionRefused
from controller.emergencies import EmergencySwitch
from dashboards.ports import WebPorts
from dashboards.server import create_app
from ivr.emergency import SwitchBook
from ivr.flow import Flows
from store.accounts import Account, Accounts, Role
from store.database import Database
from store.event_log import EventLog
from store.live import append_event
from store.outbox import Letter
from store.sessions import Sessions
from store.stream import Stream
from store.tasks import Task, TaskStore
from store.versions import Version
from telephony.events import (
    CallbackCancelled,
    ConsultStep,
    EmergencySwitched,
    RecordedEvent,
    TransferTarget,
)
from tests.acd.playbook import Playbook
from tests.example_company import example_company, example_menu

PASSWORD = "correct horse battery staple"
NOW = 1_763_780_400.0
"""2025-11-22 11:00:00 in Shanghai."""


@dataclass
class Spoken:
    """A transcript row."""

    offer: int = 1
    leg: str = "customer"
    language: str = "zh-CN"
    engine: str = "faster-whisper"
    model: str = "base"
    text: str = ""
    segments: Sequence[dict[str, object]] = ()
    fault: str = ""


@dataclass
class Actions:
    """Remembers what was asked for; refuses what ``refuse`` says."""

    asked: list[tuple[str, ...]] = field(default_factory=list)
    refuse: ActionRefused | None = None

    async def _note(self, *asked: str) -> None:
        if self.refuse:
            raise self.refuse
        self.asked.append(asked)

    async def sign_in(self, agent: str, author: str) -> None:
        await self._note("sign_in", agent, author)

    async def sign_out(self, agent: str, author: str) -> None:
        await self._note("sign_out", agent, author)

    async def ready(self, agent: str, author: str) -> None:
        await self._note("ready", agent, author)

    async def not_ready(self, agent: str, reason: str, author: str) -> None:
        await self._note("not_ready", agent, reason, author)

    async def finish_wrap_up(self, agent: str, author: str) -> None:
        await self._note("finish_wrap_up", agent, author)

    async def transfer(
        self,
        contact: str,
        target: TransferTarget,
        to: str,
        author: str,
        *,
        attended: bool = False,
    ) -> None:
        how = "consult" if attended else "transfer"
        await self._note(how, contact, target.value, to, author)

    async def consult_step(self, contact: str, step: ConsultStep, author: str) -> None:
        await self._note(step.value, contact, author)

    async def change_place(self, contact: str, author: str, **wanted: object) -> None:
        await self._note("change_place", contact, author, wanted)


class Explained:
    """Explanations from a distribution that a test plays through, if it does."""

    def __init__(self) -> None:
        self.book: Playbook | None = None

    def why_waiting(self, contact: str) -> WhyWaiting | None:
        known = self.book.domain.contacts.get(contact) if self.book else None
        return why_waiting(self.book.domain, known, self.book.at) if self.book and known else None

    def why_not(self, contact: str, agent: str) -> WhyNot | None:
        known = self.book.domain.contacts.get(contact) if self.book else None
        if self.book is None or known is None or not known.waits:
            return None
        return why_not(self.book.domain, known, self.book.domain.agents[agent], self.book.at)


class Promised:
    """Callbacks of a distribution that a test plays through, if it does."""

    def __init__(self) -> None:
        self.book: Playbook | None = None

    def callbacks(self) -> list[Ticket]:
        return tickets(self.book.domain, self.book.at) if self.book else []

    async def cancel_callback(self, contact: str, author: str) -> None:
        if self.book is None:
            raise ActionRefused("no_callback", "")
        self.book.tell(CallbackCancelled(contact=contact, author=author))


class Menu:
    """Versions of a menu, as a list."""

    def __init__(self) -> None:
        self.kept: list[Version] = []
        self.refuse: Exception | None = None

    @property
    def version(self) -> int:
        return len(self.kept)

    @functools.cached_property
    def flows(self) -> Flows:
        return example_menu().flows

    async def versions(self) -> list[Version]:
        return self.kept

    async def reload(self, author: str) -> Version:
        return self._keep(author, "")

    async def roll_back(self, number: int | None, author: str) -> Version:
        return self._keep(author, f"rollback to {number}")

    def _keep(self, author: str, note: str) -> Version:
        if self.refuse:
            raise self.refuse
        number = len(self.kept) + 1
        version = Version(number=number, at=NOW, author=author, note=note, folder=Path(str(number)))
        self.kept.append(version)
        return version


def emergency(folder: Path, record: Callable[[EmergencySwitched], None]) -> EmergencySwitch:
    """The real switch, in front of the example company."""
    menu, queues = example_menu(), example_company().queues
    return EmergencySwitch(
        SwitchBook(folder / "emergency.jsonl"),
        menu=lambda: menu,
        queues=lambda: queues,
        record=record,
        now=lambda: NOW,
    )


@dataclass
class House:
    """What the server stands on, for tests to look into and to change."""

    company: Company
    redis: Redis
    log: EventLog
    actions: Actions
    recordings: Path
    tasks: TaskStore
    explained: Explained = field(default_factory=Explained)
    promised: Promised = field(default_factory=Promised)
    menu: Menu = field(default_factory=Menu)
    letters: list[Letter] = field(default_factory=list)
    switched: list[EmergencySwitched] = field(default_factory=list)
    transcripts: dict[str, list[Spoken]] = field(default_factory=dict)
    now: float = NOW
    real_time: bool = False
    not_alive: list[str] = field(default_factory=list)
    not_ready: list[str] = field(default_factory=list)
    stored: int = 0
    called: list[tuple[str, str]] = field(default_factory=list)

    async def call_for(self, task: Task, author: str) -> str:
        self.called.append((task.id, author))
        return "" if len(self.called) == 1 else "call_under_way"

    async def store(self, events: Sequence[RecordedEvent]) -> None:
        """Put events into the log, as if they had happened before the server started."""
        entries = []
        for event in events:
            self.stored += 1
            entries.append((f"{int(event.at * 1000)}-{self.stored}", event))
        await self.log.append(entries)

    async def happen(self, *events: RecordedEvent) -> None:
        """Put events into the stream, as they happen."""
        for event in events:
            await append_event(self.redis, event)

    def ports(self, accounts: Accounts, sessions: Sessions, dist: Path) -> WebPorts:
        async def transcripts(contact: str) -> list[Spoken]:
            return self.transcripts.get(contact, [])

        async def letters() -> list[Letter]:
            return self.letters

        return WebPorts(
            rules=lambda: self.company,
            log=self.log,
            follow=Stream(self.redis).follow,
            accounts=accounts,
            sessions=sessions,
            actions=self.actions,
            explanations=self.explained,
            callbacks=self.promised,
            transfers=self.actions,
            nodes=lambda: ("main_menu", "person"),
            menu=self.menu,
            emergency=emergency(self.recordings, self.switched.append),
            transcripts=transcripts,
            tasks=self.tasks,
            call_for=self.call_for,
            messages=letters,
            recordings=self.recordings,
            now=lambda: time.time() if self.real_time else self.now,
            reasons_not_alive=lambda: self.not_alive,
            reasons_not_ready=lambda: self.not_ready,
            counts=lambda: {"huawu_stray_events_total": {"LegHungUp": 2.0, "timer": 1.0}},
            counters=lambda: {"huawu_ami_connected": 1.0, "huawu_ami_events_total": 12.0},
            dist=dist,
        )


@pytest.fixture(scope="session")
def password_hash() -> str:
    """A hash as cheap as argon2id can be: its parameters travel with it."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@pytest.fixture(scope="session")
def company() -> Company:
    return example_company()


@pytest.fixture
def database_url(tmp_path: Path, _migrated_sqlite: Path) -> str:
    """SQLite alone: the store's own tests run on both databases."""
    path = tmp_path / "huawu.db"
    path.write_bytes(_migrated_sqlite.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
async def house(redis: Redis, database: Database, company: Company, tmp_path: Path) -> House:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    return House(company, redis, EventLog(database), Actions(), recordings, TaskStore(database))


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Pages as small as can be."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Huawu</title>")
    (folder / "assets" / "index-abc.js").write_text("export {}")
    return folder


@pytest.fixture
async def app(house: House, database: Database, password_hash: str, dist: Path) -> web.Application:
    accounts = Accounts(database)
    await accounts.add(Account(name="boss", role=Role.SUPERVISOR, password_hash=password_hash))
    await accounts.add(Account(name="admin", role=Role.ADMIN, password_hash=password_hash))
    for agent in ("8001", "8002", "8005"):
        await accounts.add(
            Account(name=agent, role=Role.AGENT, password_hash=password_hash, agent=agent)
        )
    return create_app(house.ports(accounts, Sessions(house.redis), dist))


Browser = TestClient[web.Request, web.Application]


@pytest.fixture
async def server(app: web.Application) -> AsyncIterator[TestServer]:
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


@pytest.fixture
async def open_browser(server: TestServer) -> AsyncIterator[Callable[[], Browser]]:
    """Makes browsers with their own cookies."""
    opened: list[Browser] = []

    def make() -> Browser:
        browser: Browser = TestClient(
            server, cookie_jar=CookieJar(unsafe=True), connector=TCPConnector(limit=0)
        )
        browser.session.headers["X-Huawu"] = "1"
        opened.append(browser)
        return browser

    yield make
    for browser in opened:
        session: ClientSession = browser.session
        await session.close()


@pytest.fixture
async def browser(open_browser: Callable[[], Browser]) -> Browser:
    """Nobody is signed in."""
    return open_browser()


async def sign_in(browser: Browser, name: str) -> Browser:
    """Sign in with the password of all test accounts."""
    answer = await browser.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    assert answer.status == 200, await answer.text()
    return browser


@pytest.fixture
async def boss(open_browser: Callable[[], Browser]) -> Browser:
    """A supervisor's browser."""
    return await sign_in(open_browser(), "boss")


@pytest.fixture
async def agent(open_browser: Callable[[], Browser]) -> Browser:
    """The browser of agent 8001."""
    return await sign_in(open_browser(), "8001")


def pretty(value: object) -> str:
    """For assertion messages."""
    return json.dumps(value, ensure_ascii=False, indent=1)
