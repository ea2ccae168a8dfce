"""Finishes recordings: when a talk ends, its two growing files become one filed recording.

A room inside the controller, told of events in the order of the log. Files are joined in threads,
a few talks at a time, so that neither the event loop nor the next event waits for the disk.
Nothing depends on this program living: what it did not finish still lies in ``live/`` and is
swept up at the next start.
"""

import asyncio
import shutil
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from recordings import audio, policy
from store.database import Database
from store.event_log import EventLog
from store.recordings import Leg, Recording, RecordingStore, Transcript
from telephony.events import (
    ContactAnswered,
    ContactQueued,
    Party,
    RecordedEvent,
    RecordingFinished,
    TalkEnded,
)

logger = structlog.get_logger("recordings")

_AT_ONCE = 3  # talks finished at the same time
_CLOSING = 3.0  # seconds given to MixMonitor for closing its files after a talk
_SETTLED = 0.6  # a file that did not grow for so long is taken for closed
# A file that neither grew nor was claimed by an event for so long belongs to no living call:
# Asterisk ends a silent call after 300 s (rtp_timeout_hold).
_ORPHANED = 360.0
_SWEEP_EVERY = 300.0
_LANGUAGES_KEPT = 5_000
_APPEND_TRIES = 0.5, 10.0  # seconds: first and longest pause while the stream takes no event


class RecordingsService:
    """Follows the ends of talks; see the module.

    Args:
        folder: the recordings folder; the dialplan writes into ``live/`` below it.
        log: where languages and ends of talks are looked up after a restart.
        append: puts an event into the stream; may raise while the stream is away.
        is_recorded: whether a queue's talks ought to have a file at all.
        timezone: that of the centre; decides the day of a folder.
        now: the clock of all events.
    """

    def __init__(
        self,
        *,
        folder: Path,
        database: Database,
        log: EventLog,
        append: Callable[[RecordedEvent], Awaitable[None]],
        is_recorded: Callable[[str], bool] = lambda _queue: True,
        timezone: str = "Asia/Shanghai",
        now: Callable[[], float] = time.time,
        free_space_floor: int = policy.FREE_SPACE_FLOOR,
        orphaned_after: float = _ORPHANED,
    ) -> None:
        self._folder = folder
        self._live = folder / "live"
        self._live.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = RecordingStore(database)
        self._log = log
        self._append = append
        self._is_recorded = is_recorded
        self._timezone = timezone
        self._now = now
        self._floor = free_space_floor
        self._orphaned_after = orphaned_after
        self._languages: OrderedDict[str, str] = OrderedDict()
        self._adopted: set[tuple[str, int]] = set()
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: set[tuple[str, int]] = set()
        self._swept_at = 0.0
        self.faults = 0
        """Recordings that somebody must look at, since the start."""

    # -- asked by others -----------------------------------------------------------------------

    def may_record(self, wanted: bool) -> bool:
        """Whether a talk that begins now is to be recorded; says so in the log when it cannot."""
        if not wanted:
            return False
        free = shutil.disk_usage(self._live).free
        allowed = policy.may_record(wanted=wanted, free_bytes=free, floor=self._floor)
        if not allowed:
            logger.error("no recording: the disk is nearly full", free_bytes=free)
        return allowed

    async def transcripts(self, contact: str) -> list[Transcript]:
        """Transcripts of a contact: both legs of every talk."""
        return await self._store.transcripts(contact)

    # -- events in -----------------------------------------------------------------------------

    #: Names of the events that ``handle`` looks at.
    KINDS = (ContactQueued.__name__, ContactAnswered.__name__, TalkEnded.__name__)

    async def handle(self, event: RecordedEvent) -> None:
        """Take note of one event of the log; returns at once, the work goes on behind."""
        if isinstance(event, ContactQueued):
            self._languages[event.contact] = event.language
            while len(self._languages) > _LANGUAGES_KEPT:
                self._languages.popitem(last=False)
        elif isinstance(event, ContactAnswered) and event.adopted:
            self._adopted.add((event.contact, event.offer))
        elif isinstance(event, TalkEnded):
            self._start(event.contact, event.offer, self._finish_talk(event))
        if time.monotonic() - self._swept_at > _SWEEP_EVERY:
            self._swept_at = time.monotonic()
            self._spawn(self.sweep())

    async def idle(self) -> None:
        """Wait until everything begun is finished; for an orderly end and for tests."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def sweep(self) -> None:
        """Finish what lies in ``live/`` from talks whose end nobody handled.

        Files of talks that still go on are left alone: they grow, or the log knows no end yet.
        """
        self._swept_at = time.monotonic()
        found = {policy.parse_live_name(path.name) for path in self._live.glob("*.wav")}
        for talk in sorted(talk for talk in found if talk is not None):
            if talk not in self._busy:
                await self._sweep_talk(*talk)

    async def _sweep_talk(self, contact: str, offer: int) -> None:
        history = [event for _, event in await self._log.of_contact(contact)]
        ends = [e for e in history if isinstance(e, TalkEnded) and e.offer == offer]
        if ends:
            for answered in (e for e in history if isinstance(e, ContactAnswered) and e.adopted):
                self._adopted.add((contact, answered.offer))
            self._start(contact, offer, self._finish_talk(ends[-1]))
            return
        files = self._exist(contact, offer)
        newest = max((path.stat().st_mtime for path in files), default=0.0)
        # The files' times are the wall clock's.
        if files and time.time() - newest > self._orphaned_after:
            answers = [e for e in history if isinstance(e, ContactAnswered) and e.offer == offer]
            agent = answers[-1].agent if answers else ""
            started_at = answers[-1].at if answers else newest
            self._start(contact, offer, self._finish(contact, offer, agent, started_at, None))

    # -- the work ------------------------------------------------------------------------------

    def _start(self, contact: str, offer: int, work: Coroutine[Any, Any, None]) -> None:
        talk = (contact, offer)
        if talk in self._busy:
            work.close()
            return
        self._busy.add(talk)
        self._spawn(work).add_done_callback(lambda _: self._busy.discard(talk))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:  # one talk's trouble must not end the room; its files stay in live/
            self.faults += 1
            logger.exception("a recording could not be finished")

    async def _finish_talk(self, event: TalkEnded) -> None:
        if not self._is_recorded(event.queue) and not self._exist(event.contact, event.offer):
            self._adopted.discard((event.contact, event.offer))
            return
        started_at = event.at - event.talked - event.held
        # What happened while no controller watched was noticed later than it happened.
        unseen = (event.contact, event.offer) in self._adopted or event.by is Party.SYSTEM
        self._adopted.discard((event.contact, event.offer))
        talked = None if unseen else event.talked
        await self._finish(
            event.contact, event.offer, event.agent, started_at, talked, held=event.held
        )

    async def _finish(
        self,
        contact: str,
        offer: int,
        agent: str,
        started_at: float,
        talked: float | None,
        *,
        held: float = 0.0,
    ) -> None:
        async with self._at_once:
            recording = await self._store.get(contact, offer)
            if recording is None:
                recording = await self._join(contact, offer, agent, started_at, talked, held=held)
            await self._tell(recording)
            for path in self._files(contact, offer):
                path.unlink(missing_ok=True)

    async def _join(
        self,
        contact: str,
        offer: int,
        agent: str,
        started_at: float,
        talked: float | None,
        *,
        held: float,
    ) -> Recording:
        files = self._files(contact, offer)
        await _closed(files)
        folder = policy.folder_of(contact, offer, started_at, self._timezone)
        joined = await asyncio.to_thread(
            audio.join, agent=files[0], customer=files[1], folder=self._folder / folder
        )
        verdict = policy.judge(
            agent=joined.agent, customer=joined.customer, talked=talked, held=held
        )
        if verdict.alarm:
            self.faults += 1
            logger.error("a recording is faulty", contact=contact, offer=offer, why=verdict.fault)
        recording = Recording(
            contact=contact,
            offer=offer,
            agent=agent,
            language=await self._language(contact),
            folder=folder,
            seconds=joined.seconds,
            talked=-1.0 if talked is None else talked,
            fault=verdict.fault,
            started_at=started_at,
        )
        heard = joined.seconds > 0
        await self._store.file(recording, now=self._now(), transcribe=heard)
        logger.info("recording filed", contact=contact, offer=offer, seconds=joined.seconds)
        return recording

    async def _language(self, contact: str) -> str:
        known = self._languages.get(contact)
        if known is not None:
            return known
        history = await self._log.of_contact(contact)
        queued = [event for _, event in history if isinstance(event, ContactQueued)]
        return queued[-1].language if queued else ""

    async def _tell(self, recording: Recording) -> None:
        """Emit ``RecordingFinished``, unless the log has it already (a restart in between)."""
        for _, event in await self._log.of_contact(recording.contact):
            if isinstance(event, RecordingFinished) and event.offer == recording.offer:
                return
        finished = RecordingFinished(
            at=self._now(),
            contact=recording.contact,
            offer=recording.offer,
            agent=recording.agent,
            folder=recording.folder,
            seconds=recording.seconds,
            talked=recording.talked,
            fault=recording.fault,
        )
        pause, longest = _APPEND_TRIES
        while True:
            try:
                await self._append(finished)
                return
            except Exception as error:  # Redis is away: its own errors are not this room's words
                logger.warning("the stream takes no event", error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, longest)

    def _exist(self, contact: str, offer: int) -> list[Path]:
        return [path for path in self._files(contact, offer) if path.exists()]

    def _files(self, contact: str, offer: int) -> tuple[Path, Path]:
        if not policy.is_safe(contact):
            raise ValueError(f"unsafe contact id {contact!a}")
        return (
            self._live / policy.live_name(contact, offer, Leg.AGENT),
            self._live / policy.live_name(contact, offer, Leg.CUSTOMER),
        )


async def _closed(files: tuple[Path, ...]) -> None:
    """Wait until the writer has closed the files, has stopped growing them, or took too long."""
    end = time.monotonic() + _CLOSING
    sizes: dict[Path, int] = {}
    changed_at = time.monotonic()
    while (now := time.monotonic()) < end:
        seen = {path: path.stat().st_size for path in files if path.exists()}
        if seen != sizes:
            sizes, changed_at = seen, now
        elif now - changed_at > _SETTLED or all(_is_closed(path) for path in files):
            return
        await asyncio.sleep(0.05)


def _is_closed(path: Path) -> bool:
    try:
        return audio.measure(path).closed
    except (audio.NoAudioError, OSError):
        return False
