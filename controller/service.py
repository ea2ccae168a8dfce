"""The controller's process: everything is put together here, started in order and ended in order.

Start: what the live store remembers is loaded, the web answers (not ready yet), the manager link
comes up, a picture of Asterisk is compared with what is remembered, and only then are callers'
questions answered. A controller that dies leaves every call to Asterisk; the next one begins here.
"""

import asyncio
import contextlib
import functools
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Sequence

import structlog
import uvloop
from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import RedisError

from acd.company import load_company
from acd.distribution import Distribution
from acd.service import DistributionService
from controller.conversations import Conversations
from controller.credentials import load_credentials
from controller.logs import log_to_stdout
from controller.problems import ProblemError
from controller.settings import Settings, load_settings
from controller.telephone import Telephone
from dashboards.ports import WebPorts
from dashboards.server import create_app
from ivr.versions import FlowVersions
from recordings.service import RecordingsService
from store.accounts import Accounts
from store.database import Database, open_database
from store.drain import Drain
from store.event_log import EventLog
from store.live import Journal, append_event, append_only_on, connect, follow, load
from store.sessions import Sessions
from telephony.agi import FastAgiServer
from telephony.clock import Clock
from telephony.commands import Command
from telephony.events import WireEvent

logger = structlog.get_logger("controller")

#: Seconds between two signs of life to the supervisor (or systemd); it allows 10.
SIGN_OF_LIFE = 2.0
#: A journal that has not reached Redis for so many seconds makes this controller not ready.
JOURNAL_LAG_LIMIT = 10.0


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    log_to_stdout()
    allow_many_connections()
    settings = load_settings()
    uvloop.run(Controller(settings).run())


def allow_many_connections() -> None:
    """Raise the limit of open files as far as the system lets us: a call is a connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Controller:
    """One controller: its parts, and why it may not be ready."""

    def __init__(self, settings: Settings) -> None:
        credentials = load_credentials(settings.secrets_file)
        if credentials is None:
            raise ProblemError(f"{settings.secrets_file} is missing: `./huawu up` makes it")
        self._settings = settings
        self._clock = Clock()
        self._company = load_company(settings.company)
        self._menus = FlowVersions(settings.company)
        self._timezone = self._menus.current.hours.zone.key  # the company's own, of hours.yaml
        self._redis: Redis = connect(settings.effective_redis_url)
        # Pages that come back all at once wait for connections of their own, not for ours.
        self._web_redis: Redis = connect(settings.effective_redis_url)
        self._database: Database = open_database(settings.effective_database_url)
        self._log = EventLog(self._database)
        self._drain = Drain(self._redis, self._log)
        self._journal = Journal(self._redis)
        self._append_only = False
        self._service = DistributionService(
            Distribution(self._company, self._is_open),
            clock=self._clock,
            journal=self._journal,
            carry_out=self._carry_out,
        )
        self._telephone = Telephone(
            host="127.0.0.1",
            port=settings.ami_port,
            secret=credentials.ami_password,
            clock=self._clock,
            queues=self._company.queues,
            hear=self._hear,
            up=self._serve_callers,
            may_record=self._may_record,
        )
        self._recordings = RecordingsService(
            folder=settings.recordings_dir,
            database=self._database,
            log=self._log,
            append=functools.partial(append_event, self._redis),
            is_recorded=lambda queue: self._company.queue(queue).record,
            timezone=self._timezone,
            now=self._clock.now,
        )
        self._agi = FastAgiServer(
            Conversations(
                company=self._company,
                menus=self._menus,
                service=self._service,
                clock=self._clock,
                may_record=self._may_record,
            ).routes(),
            host="127.0.0.1",
            port=settings.agi_port,
        )
        self._reconciled = asyncio.Event()

    async def run(self) -> None:
        """Everything, until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload_menu)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._database.close)
            stack.push_async_callback(self._redis.aclose)
            stack.push_async_callback(self._web_redis.aclose)
            await self._load()
            await stack.enter_async_context(self._journal)
            stack.callback(self._service.stop)
            await stack.enter_async_context(self._web())
            tasks = [
                asyncio.create_task(part())
                for part in (
                    self._drain.run,
                    self._telephone.run,
                    self._answer_callers,
                    self._follow_recordings,
                    self._keep_looking_at_redis,
                    self._sign_of_life,
                )
            ]
            stopping = asyncio.create_task(stop.wait())
            done, _ = await asyncio.wait([*tasks, stopping], return_when="FIRST_COMPLETED")
            await self._agi.stop()
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
            for task in done - {stopping}:
                task.result()  # a part that ended by itself ends the process, with its reason

    async def _load(self) -> None:
        """Begin from what the live store remembers, and let SQL catch up with the stream."""
        contacts, agents = await load(self._redis)
        self._append_only = await append_only_on(self._redis)
        await self._drain.catch_up()
        self._service.restore(contacts, agents)
        logger.info("loaded", contacts=len(contacts), agents=len(agents))

    def _hear(self, event: WireEvent) -> None:
        self._service.ask(event)

    def _carry_out(self, command: Command) -> None:
        self._telephone.carry_out(command)

    def _reload_menu(self) -> None:
        """New callers get the menu of the files; with a mistake in them nothing changes."""
        problems = self._menus.reload()
        logger.info("menu read", version=self._menus.current.number, problems=len(problems))

    def _serve_callers(self) -> None:
        self._service.mirror_everybody()
        self._reconciled.set()

    async def _answer_callers(self) -> None:
        await self._reconciled.wait()
        await self._agi.start()
        _notify("READY=1")
        logger.info("ready")
        await asyncio.Event().wait()

    async def _follow_recordings(self) -> None:
        after = await self._log.last_id()
        await self._recordings.sweep()
        async for _, event in follow(self._redis, after):
            await self._recordings.handle(event)

    async def _keep_looking_at_redis(self) -> None:
        while True:
            await asyncio.sleep(SIGN_OF_LIFE)
            with contextlib.suppress(RedisError, OSError):
                self._append_only = await append_only_on(self._redis)

    async def _sign_of_life(self) -> None:
        while True:
            _notify("WATCHDOG=1")
            await asyncio.sleep(SIGN_OF_LIFE)

    def _is_open(self, hours: str, now: float) -> bool:
        """By the hours of the menu in use; hours that are not there never close a queue."""
        known = self._menus.current.hours
        return hours not in known.weeks or known.is_open(hours, now)

    def _may_record(self, queue: str) -> bool:
        return self._recordings.may_record(self._company.queue(queue).record)

    # -- the web ----------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _web(self) -> AsyncIterator[None]:
        runner = web.AppRunner(create_app(self._ports()), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, self._settings.bind, self._settings.web_port)
        await site.start()
        try:
            yield
        finally:
            await runner.cleanup()

    def _ports(self) -> WebPorts:
        return WebPorts(
            company=self._company,
            log=self._log,
            follow=functools.partial(follow, self._redis),
            accounts=Accounts(self._database),
            sessions=Sessions(self._web_redis),
            actions=self._service,
            transcripts=self._recordings.transcripts,
            recordings=self._settings.recordings_dir,
            timezone=self._timezone,
            now=self._clock.now,
            reasons_not_ready=self._reasons_not_ready,
            counters=self._counters,
        )

    def _reasons_not_ready(self) -> Sequence[str]:
        reasons = {
            "the link to Asterisk is down, or its calls are not yet compared with ours": (
                self._telephone.is_reconciled
            ),
            "callers are not answered yet": self._reconciled.is_set(),
            "Redis does not keep an append-only file": self._append_only,
            f"Redis takes no writes: {self._journal.fault}": (
                self._journal.lag() < JOURNAL_LAG_LIMIT
            ),
        }
        return [reason for reason, good in reasons.items() if not good]

    def _counters(self) -> dict[str, float]:
        ami, agi = self._telephone.link.counters, self._agi.counters
        return {
            "huawu_ami_connected": float(self._telephone.link.is_up),
            "huawu_ami_events_total": ami.events,
            "huawu_ami_reconnects_total": ami.losses,
            "huawu_agi_sessions_total": agi.sessions,
            "huawu_stray_events_total": self._service.distribution.domain.strays.total(),
            "huawu_journal_lag_seconds": self._journal.lag(),
        }


def _notify(state: str) -> None:
    """Tell the supervisor, or systemd, in the protocol of sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with wire, contextlib.suppress(OSError):  # no supervisor is no reason to stop
        wire.sendto(state.encode(), path)
