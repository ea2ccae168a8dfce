"""The controller's process: everything is put together here, started in order and ended in order.

Start: the web answers, the manager link comes up, and the controller stands by until it gets the
lease (``controller/leadership.py``). Then what the live store remembers is loaded, a picture of
Asterisk is compared with it, and only then are callers' questions answered. A controller that dies
leaves every call to Asterisk; the next one begins here. One that loses the lease ends at once, and
is started again as one that stands by.
"""

import asyncio
import contextlib
import dataclasses
import functools
import gc
import os
import resource
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog
import uvloop
from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from acd.company import Company, load_company
from acd.distribution import Distribution
from acd.service import DistributionService
from controller.after_calls import after_calls
from controller.caller_past import CallerPast
from controller.conversations import Conversations
from controller.credentials import load_credentials
from controller.ears import AsteriskEars
from controller.emergencies import EmergencySwitch
from controller.in_front import InFront
from controller.leadership import Leadership
from controller.logs import log_to_stdout
from controller.menus import LiveMenu, menu_files
from controller.problems import ProblemError
from controller.rules import check_rules, rule_versions
from controller.self_service import SelfService
from controller.settings import Settings, load_settings
from controller.telephone import Telephone
from dashboards.live import PACE
from dashboards.ports import WebPorts
from dashboards.server import create_app
from ivr.emergency import SwitchBook
from ivr.human import RECORDINGS, HumanRecordings
from ivr.ports import QueueLoad, World
from ivr.prompts import speak_for
from ivr.versions import FlowVersions
from recordings.listening import HearingLink
from recordings.service import RecordingsService
from store.accounts import Accounts
from store.database import Database, open_database
from store.drain import Drain
from store.event_log import EventLog
from store.lease import ANSWER, LeaseLost
from store.live import (
    Changes,
    Journal,
    append_event,
    append_only_on,
    connect,
    load,
)
from store.past import PastStore
from store.sessions import Sessions
from store.source import BadFile
from store.stream import Tail
from store.tasks import TaskStore
from store.versions import Version
from telephony.agi import FastAgiServer
from telephony.clock import Clock
from telephony.commands import Command, TakePicture

logger = structlog.get_logger("controller")

#: Seconds between two signs of life to the supervisor (or systemd); it allows 10.
SIGN_OF_LIFE = 2.0
#: Talks of so many seconds before say how long talks take; a quarter of a day is read at a time.
TALKS, PORTION = 2 * 3600.0, 6 * 3600.0
#: A journal that has not reached Redis for so many seconds makes this controller not ready.
JOURNAL_LAG_LIMIT = 10.0
#: Seconds that one who takes over waits for SQL to catch up; it goes on behind.
CATCH_UP = 1.0


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
        self._versions = rule_versions(settings.rules_dir)
        self._rules, company = self._first_rules()
        speak_for(HumanRecordings(settings.company / RECORDINGS).find)
        self._menus = FlowVersions(menu_files(settings))
        self._timezone = self._menus.current.hours.zone.key  # the company's own, of hours.yaml
        self._redis: Redis = connect(settings.effective_redis_url)
        # Pages that come back all at once wait for connections of their own, not for ours.
        self._web_redis: Redis = connect(settings.effective_redis_url)
        self._database: Database = open_database(settings.effective_database_url)
        self._self_service = SelfService(
            settings.company,
            self._database,
            shop=settings.shop,
            mail=settings.mail,
            sms=settings.sms,
            now=self._clock.now,
        )
        self._log = EventLog(self._database)
        self._tail = Tail(self._redis)
        self._journal = Journal(
            self._redis,
            fenced=True,
            refused=lambda: self._leadership.lease.look_now(),  # noqa: PLW0108 (made below)
            wrote=self._tail.wrote,
        )
        self._drain = Drain(self._redis, self._log, stream=self._tail, taken=self._journal.stored)
        self._append_only = False
        self._leadership = Leadership(
            connect(settings.effective_redis_url, answer=ANSWER, retries=0),
            address=settings.web_url,
            journal=self._journal,
            witness=lambda: self._telephone.leader_told(),  # noqa: PLW0108 (made below)
            able=lambda: self._telephone.link.is_up,
            state=self._state,
            listen=lambda event: self._service.ask(event),  # noqa: PLW0108 (made below)
            look=lambda: self._telephone.carry_out(TakePicture(why="events lost")),
        )
        self._service = DistributionService(
            Distribution(company, self._is_open),
            clock=self._clock,
            journal=self._journal,
            carry_out=self._carry_out,
            may_decide=self._leadership.may_decide,
        )
        self._service.distribution.domain.is_node = self._is_node
        self._telephone = Telephone(
            host="127.0.0.1",
            port=settings.ami_port,
            secret=credentials.ami_password,
            clock=self._clock,
            queues=company.queues,
            hear=self._leadership.hear,
            up=self._serve_callers,
            may_record=self._may_record,
            is_told=lambda channel: channel in self._agi.finishing,  # made below
            may_act=self._leadership.may_act,
            newer=self._leadership.lease.look_now,
        )
        self._emergency = EmergencySwitch(
            SwitchBook(settings.emergency_file),
            menu=lambda: self._menus.current,
            queues=lambda: self._service.company.queues,
            record=self._service.record,
            now=self._clock.now,
        )
        self._recordings = RecordingsService(
            folder=settings.recordings_dir,
            database=self._database,
            log=self._log,
            append=functools.partial(append_event, self._redis),
            is_recorded=self._is_recorded,
            timezone=self._timezone,
            now=self._clock.now,
        )
        self._caller_past = CallerPast(PastStore(self._database), self._clock.now)
        self._after_calls = after_calls(
            settings=settings,
            database=self._database,
            log=self._log,
            stored=lambda: self._drain.cursor,
            service=self._service,
            menus=self._menus,
            is_open=self._is_open,
            append=functools.partial(append_event, self._redis),
            remember=self._caller_past.remember,
            now=self._clock.now,
        )
        self._hearing = HearingLink(settings.hearing_socket, self._expectations)
        self._agi = FastAgiServer(
            Conversations(
                menus=self._menus,
                service=self._service,
                world=self._world(),
                may_record=self._may_record,
                recordings=settings.recordings_dir,
                front=InFront(
                    self._emergency,
                    menus=self._menus,
                    record=self._service.record,
                    recordings=settings.recordings_dir,
                    pin=credentials.emergency_pin,
                ),
                ears=AsteriskEars(self._hearing, self._telephone.link),
                past=self._caller_past,
                written=self._journal.flushed,
            ).routes(),
            host="127.0.0.1",
            port=settings.own_agi_port,
        )
        self._reconciled = asyncio.Event()
        self._won_at = 0.0  # monotonic seconds

    async def run(self) -> None:
        """Everything, until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._database.close)
            stack.push_async_callback(self._self_service.close)
            stack.push_async_callback(self._redis.aclose)
            stack.push_async_callback(self._web_redis.aclose)
            stack.push_async_callback(self._leadership.close)
            await stack.enter_async_context(self._journal)
            stack.callback(self._service.stop)
            await stack.enter_async_context(self._web())
            tasks = [
                asyncio.create_task(part())
                for part in (
                    self._leadership.lease.run,
                    self._tail.run,
                    self._telephone.run,
                    self._hearing.run,
                    self._lead,
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
                try:
                    task.result()  # a part that ended by itself ends the process, with its reason
                except LeaseLost as lost:
                    self._journal.abandon()
                    logger.error("ends, to stand by", why=str(lost))

    async def _lead(self) -> None:
        """Wait for the lease; then take everything over, and decide until the end."""
        number = await self._leadership.won()
        self._won_at = time.monotonic()
        await self._load()
        agi = f"agi://127.0.0.1:{self._settings.own_agi_port}"
        async with asyncio.TaskGroup() as group:
            group.create_task(self._telephone.lead(number, agi))
            group.create_task(self._answer_callers())
            group.create_task(self._drain.run())
            group.create_task(self._follow_recordings())
            group.create_task(self._look_after_calls())
            group.create_task(self._caller_past.run())
            group.create_task(self._self_service.outbox.run())
            group.create_task(self._remember())

    async def _load(self) -> None:
        """Begin from what the live store remembers, and let SQL catch up with the stream."""
        while True:
            try:
                contacts, agents = await load(self._redis)
                break
            except (RedisError, OSError) as error:
                logger.error("the live state cannot be loaded", error=type(error).__name__)
                await asyncio.sleep(0.2)
        with contextlib.suppress(TimeoutError, RedisError, SQLAlchemyError, OSError):
            async with asyncio.timeout(CATCH_UP):
                await self._drain.catch_up()
        self._service.restore(contacts, agents)
        self._take_up_rules()
        self._take_up_menu()
        # What is here now stays: the collector need not walk through it again and again, which
        # held callers up for tens of milliseconds.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        logger.info("loaded", contacts=len(contacts), agents=len(agents))

    async def _remember(self) -> None:
        """Who served whom, and how long talks take: out of the log in portions, the newest first,
        while callers are served already.
        """
        now = self._clock.now()
        queues = self._service.company.queues.values()
        days = max((queue.sticky.days for queue in queues if queue.sticky), default=1)
        try:
            talks = await self._log.of_kind("TalkEnded", now - TALKS, now)
            self._service.remember((), [event for _, event in talks])
            for portion in range(days * 4):
                end = now - portion * PORTION
                self._service.remember(await self._log.answers(end - PORTION, end))
        except (SQLAlchemyError, OSError) as error:
            logger.error("the past is not remembered", error=type(error).__name__)

    def _state(self) -> tuple[Changes, Changes]:
        """All that is remembered."""
        domain = self._service.distribution.domain
        return domain.contacts, domain.agents

    def _carry_out(self, command: Command) -> None:
        self._telephone.carry_out(command)

    def _reload(self) -> None:
        """New callers get the menu that was accepted last, and the rules that were accepted last
        hold for everybody.
        """
        if self._leadership.lease.leads:  # else they are taken up with the lease
            self._take_up_rules()
        self._self_service.reload()
        self._take_up_menu()

    def _take_up_menu(self) -> None:
        if self._menus.take_up():
            self._hearing.tell_expectations()
            logger.info("menu taken up", version=self._menus.current.number)

    def _first_rules(self) -> tuple[Version, Company]:
        """The rules to begin with: those that were in use, so that what changed in the files
        since is taken up as at any other time. Files that are broken change nothing.
        """
        before = self._versions.newest
        problems = check_rules(self._settings.company)
        if not problems:
            version = self._versions.keep(self._settings.company, author="start")
        elif before is None:
            raise BadFile(problems)
        else:
            version = before
            why = "; ".join(str(problem) for problem in problems)
            logger.warning("the rules stay as they were", version=before.number, why=why)
        try:
            first = before or version
            return first, load_company(first.folder)
        except BadFile:  # written by another version of the program
            return version, load_company(version.folder)

    def _take_up_rules(self) -> None:
        """Go by the newest version that was accepted."""
        newest = self._versions.newest
        if newest is None or newest.number == self._rules.number:
            return
        try:
            company = load_company(newest.folder)
        except BadFile as error:
            logger.error("the rules stay as they are", version=newest.number, why=str(error))
            return
        self._rules = newest
        self._telephone.know_queues(company.queues)
        self._service.adopt(company, version=newest.number, author=newest.author)
        logger.info("rules taken up", version=newest.number, author=newest.author)

    def _expectations(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """What callers may be expected to say; nothing where a company has no intents."""
        intents = self._menus.current.intents
        return intents.expectations() if intents else {}

    def _serve_callers(self) -> None:
        self._service.mirror_everybody()
        self._reconciled.set()

    async def _answer_callers(self) -> None:
        await self._reconciled.wait()
        await self._agi.start()
        logger.info("ready", seconds=round(time.monotonic() - self._won_at, 3))
        await asyncio.Event().wait()

    async def _follow_recordings(self) -> None:
        after = await self._log.last_id()
        await self._recordings.sweep()
        async for _, event in self._tail.follow(after, RecordingsService.KINDS, linger=0.5):
            await self._recordings.handle(event)

    async def _look_after_calls(self) -> None:
        """Once SQL knows all that happened before: which calls were made, for instance."""
        await self._reconciled.wait()
        await self._drain.catch_up_with(await self._tail.last_id())
        await self._after_calls.run()

    async def _keep_looking_at_redis(self) -> None:
        while True:
            with contextlib.suppress(RedisError, OSError):
                self._append_only = await append_only_on(self._redis)
            await asyncio.sleep(SIGN_OF_LIFE)

    async def _sign_of_life(self) -> None:
        _notify("READY=1")
        while True:
            _notify("WATCHDOG=1")
            await asyncio.sleep(SIGN_OF_LIFE)

    def _world(self) -> World:
        """What a menu asks of the world."""
        return World(
            now=self._clock.now,
            services=self._self_service.services,
            load=self._queue_load,
            send=self._self_service.outbox.send,
        )

    def _queue_load(self, queue: str) -> QueueLoad | None:
        load = self._service.load(queue)
        return QueueLoad(**dataclasses.asdict(load)) if load else None

    def _is_node(self, node: str) -> bool:
        """Does the menu have this node?"""
        return self._menus.current.flows.find(node) is not None

    def _is_open(self, hours: str, now: float) -> bool:
        """By the hours of the menu in use; hours that are not there never close a queue."""
        known = self._menus.current.hours
        return hours not in known.named or known.is_open(hours, now)

    def _may_record(self, queue: str) -> bool:
        return self._recordings.may_record(self._is_recorded(queue))

    def _is_recorded(self, queue: str) -> bool:
        known = self._service.company.queues.get(queue)
        return known is not None and known.record

    # -- the web ----------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _web(self) -> AsyncIterator[None]:
        runner = web.AppRunner(create_app(self._ports()), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, self._settings.bind, self._settings.own_web_port)
        await site.start()
        try:
            yield
        finally:
            await runner.cleanup()

    def _ports(self) -> WebPorts:
        return WebPorts(
            rules=lambda: self._service.company,
            log=self._log,
            follow=functools.partial(self._tail.follow, linger=PACE),
            accounts=Accounts(self._database),
            sessions=Sessions(self._web_redis),
            actions=self._service,
            explanations=self._service,
            callbacks=self._service,
            transfers=self._service,
            nodes=lambda: self._menus.current.flows.places,
            emergency=self._emergency,
            menu=LiveMenu(self._settings, self._menus),
            transcripts=self._recordings.transcripts,
            tasks=TaskStore(self._database),
            call_for=self._after_calls.begin,
            messages=self._self_service.letters,
            recordings=self._settings.recordings_dir,
            timezone=self._timezone,
            now=self._clock.now,
            reasons_not_ready=self._reasons_not_ready,
            counts=self._counts,
            counters=self._counters,
            role=lambda: self._leadership.role,
            leader=lambda: self._leadership.lease.holder,
        )

    def _reasons_not_ready(self) -> Sequence[str]:
        lease = self._leadership.lease
        reasons = (
            self._reasons_not_leading()
            if lease.leads
            else {
                "the link to Asterisk is down": self._telephone.link.is_up,
                f"Redis cannot be asked who leads: {lease.fault}": not lease.fault,
                "no controller leads yet": bool(lease.holder),
                "Redis does not keep an append-only file": self._append_only,
            }
        )
        return [reason for reason, good in reasons.items() if not good]

    def _reasons_not_leading(self) -> dict[str, bool]:
        return {
            "the link to Asterisk is down, or its calls are not yet compared with ours": (
                self._telephone.is_reconciled
            ),
            "callers are not answered yet": self._reconciled.is_set(),
            "Redis does not keep an append-only file": self._append_only,
            f"Redis takes no writes: {self._journal.fault}": (
                self._journal.lag() < JOURNAL_LAG_LIMIT
            ),
            f"Redis was gone for so long that {self._journal.dropped} events are lost": (
                not self._journal.dropped
            ),
        }

    def _counts(self) -> dict[str, Mapping[str, float]]:
        domain = self._service.distribution.domain
        return {
            "huawu_stray_events_total": domain.strays,
            "huawu_refused_actions_total": domain.refusals,
        }

    def _counters(self) -> dict[str, float]:
        ami, agi = self._telephone.link.counters, self._agi.counters
        lease = self._leadership.lease
        return {
            "huawu_ami_connected": float(self._telephone.link.is_up),
            "huawu_ami_events_total": ami.events,
            "huawu_ami_reconnects_total": ami.losses,
            "huawu_agi_sessions_total": agi.sessions,
            "huawu_journal_lag_seconds": self._journal.lag(),
            "huawu_journal_dropped_total": self._journal.dropped,
            "huawu_after_calls_faulty": float(bool(self._after_calls.fault)),
            "huawu_caller_past_unknown_total": self._caller_past.slow,
            "huawu_leader": float(lease.leads),
            "huawu_lease_number": lease.number,
            "huawu_lease_faults_total": lease.losses,
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
