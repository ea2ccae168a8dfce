"""Puts the room of what calls leave to do together with the distribution and the menus."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path

import structlog

from acd.service import DistributionService
from acd.wishes import ActionRefused
from aftercall.rules import FILE, FollowUps, load_follow_ups
from aftercall.service import AfterCall
from controller.settings import Settings
from ivr.versions import FlowVersions
from store.database import Database
from store.event_log import EventLog
from store.past import PastContact, PastStore
from store.recordings import RecordingStore
from store.source import BadFile
from store.tasks import TaskStore
from telephony.events import FollowUpDue, RecordedEvent

logger = structlog.get_logger("controller")

#: Below Asterisk's spool folder; as in extensions.conf.
MESSAGES = "huawu-messages"


class FollowUpFile:
    """The rules of ``follow_ups.yaml`` as the file holds them now; a broken one changes nothing.

    Args:
        company: the folder of the file.
        queues, hours: the names that it may use, as of now.
    """

    def __init__(
        self,
        company: Path,
        queues: Callable[[], Collection[str]],
        hours: Callable[[], Collection[str]],
    ) -> None:
        self._company, self._queues, self._hours = company, queues, hours
        self._read: float | None = -1.0  # when the file that was read last was written
        self._rules = FollowUps()

    def __call__(self) -> FollowUps:
        """The rules that hold."""
        try:
            written = (self._company / FILE).stat().st_mtime
        except OSError:
            written = None
        if written != self._read:
            self._read = written
            try:
                self._rules = load_follow_ups(
                    self._company, queues=self._queues(), hours=self._hours()
                )
            except BadFile as error:
                logger.error("the rules of follow-up calls stay as they were", why=str(error))
        return self._rules


def after_calls(
    *,
    settings: Settings,
    database: Database,
    log: EventLog,
    stored: Callable[[], str],
    service: DistributionService,
    menus: FlowVersions,
    is_open: Callable[[str, float], bool],
    append: Callable[[RecordedEvent], Awaitable[None]],
    remember: Callable[[Sequence[PastContact]], None],
    now: Callable[[], float],
) -> AfterCall:
    """The room, ready to run in the controller that decides."""

    async def place(due: FollowUpDue) -> str:
        try:
            await service.follow_up(due)
        except ActionRefused as refusal:
            return refusal.code
        return ""

    def known_queue(queue: str) -> str:
        """The queue; if there is none (any more), the one where 0 leads in the menu."""
        queues = service.company.queues
        if queue in queues:
            return queue
        person = menus.current.flows.person_queue
        return person if person in queues else next(iter(queues))

    return AfterCall(
        log=log,
        stored=stored,
        tasks=TaskStore(database),
        past=PastStore(database),
        filed=RecordingStore(database),
        rules=FollowUpFile(
            settings.company,
            lambda: service.company.queues,
            lambda: menus.current.hours.named,
        ),
        is_open=is_open,
        known_queue=known_queue,
        place=place,
        remember=remember,
        is_live=lambda contact: service.contact(contact) is not None,
        append=append,
        spool=settings.asterisk_dir / "spool" / MESSAGES,
        recordings=settings.recordings_dir,
        now=now,
    )
