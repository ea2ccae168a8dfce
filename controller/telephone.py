"""The controller's hand on Asterisk: carries out commands, takes pictures, hears events.

Nothing is sent twice. A command that fails is logged and a picture is asked for: what became of
the call is seen, not guessed. Commands for a channel that is gone end here, as a refusal.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from controller import moves
from controller.moves import TalkMove
from controller.originate import agent_first, customer_call
from ivr.prompts import prompt_path
from telephony.ami import AmiError, AmiLink, AmiMessage, AmiRefused
from telephony.clock import Clock
from telephony.commands import (
    CallAgentFirst,
    CallCustomer,
    Command,
    EndCall,
    EnterRoom,
    FollowIntoRoom,
    KeepEntry,
    MirrorAgent,
    MoveCaller,
    OfferContact,
    PassOutside,
    PassToMenu,
    ReturnToWaiting,
    SayGoodbye,
    StartConsult,
    TakePicture,
    WriteQueueLog,
)
from telephony.events import PhoneChanged, PictureTaken, WireEvent
from telephony.translate import ENTRY_VARIABLES, WANTED, picture, wire_event

log = logging.getLogger(__name__)

#: Seconds between two pictures when nothing asks for one.
PICTURE_EVERY = 30.0
#: Seconds between two looks whether the dialplan still asks us.
POINT_EVERY = 5.0
#: Seconds that Asterisk may take to say who leads (the lease waits for it).
WITNESS = 0.4
#: Seconds that a channel may take until it can be moved; it takes some milliseconds.
SETTLED = 0.5
#: Looks at it within that time.
LOOKS = 20
#: Actions that change nothing; the others are for the holder of the lease alone.
READING = frozenset(
    {"Challenge", "Login", "Ping", "Getvar", "ShowDialPlan", "Status", "DeviceStateList"}
)
#: Contexts that a redirect may go to; without them Asterisk would drop the caller.
CONTEXTS = (
    "huawu-menu",
    "huawu-wait",
    "huawu-offer",
    "huawu-after",
    "huawu-bye",
    "huawu-callback",
    "huawu-agent-first",
    "huawu-message",
    *moves.CONTEXTS,
)


class MissingContextsError(Exception):
    """Asterisk runs with a dialplan that is not ours."""


class Telephone:
    """The manager link and what is done over it.

    Args:
        host, port, secret: of the manager user ``huawu``.
        clock: the process's clock.
        queues: ids of all queues; app_queue knows them as ``huawu-ID``.
        hear: called with each typed event, in order.
        up: called once this controller leads, a login is complete and a picture has been heard:
            serve now.
        may_act: whether this controller may change anything in Asterisk at this moment.
        newer: called when Asterisk was told of a newer holder of the lease than this controller.
        may_record: whether a talk of this queue is to be recorded now.
        is_told: whether a channel's dialplan is just being given the answer that it has asked for.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        secret: str,
        clock: Clock,
        queues: Iterable[str],
        hear: Callable[[WireEvent], None],
        up: Callable[[], None],
        may_record: Callable[[str], bool] = lambda queue: False,
        is_told: Callable[[str], bool] = lambda channel: False,
        may_act: Callable[[], bool] = lambda: True,
        newer: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._hear = hear
        self._up = up
        self._may_record = may_record
        self._is_told = is_told
        self._queues = frozenset(queues)
        self._tasks: set[asyncio.Task[None]] = set()
        self._picture_wanted = asyncio.Event()
        self._mirror_wanted: dict[str, MirrorAgent] = {}
        self._mirrored: dict[str, MirrorAgent] = {}
        self._mirror_news = asyncio.Event()
        self._newer = newer
        self._leading: tuple[int, str] | None = None  # fencing number, address of our FastAGI
        self._took_over = False
        self.is_reconciled = False
        self.link = AmiLink(
            host=host,
            port=port,
            username="huawu",
            secret=secret,
            on_event=self._on_event,
            on_up=self._on_up,
            on_down=self._on_down,
            wanted=WANTED,
            permitted=lambda name: name in READING or may_act(),
        )

    async def run(self) -> None:
        """Keep the link up, and picture and mirror fresh, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.link.run())
            group.create_task(self._keep_picture())
            group.create_task(self._keep_mirror())
            group.create_task(self._keep_pointing())

    # -- in -------------------------------------------------------------------------------

    def _on_event(self, message: AmiMessage) -> None:
        event = wire_event(message, self._clock.now())
        if isinstance(event, PhoneChanged) and not event.reachable:
            # A phone that registers anew first loses its old contact: look before believing.
            self._picture_wanted.set()
        elif event is not None:
            self._hear(event)

    async def _on_up(self) -> None:
        missing = [name for name in CONTEXTS if not await self._has_context(name)]
        if missing:
            raise MissingContextsError(
                f"Asterisk's dialplan lacks {', '.join(missing)}: start it with our configuration"
            )
        if self._leading is not None:
            await self._begin_to_serve()

    async def lead(self, number: int, agi: str) -> None:
        """Point the dialplan at us, compare what is remembered with the calls, and serve.

        Without a link that is done when there is one.

        Args:
            number: our fencing number.
            agi: address of our FastAGI server, ``agi://HOST:PORT``.
        """
        self._leading = (number, agi)
        if self.link.is_up:
            try:
                await self._begin_to_serve()
            except AmiError as error:
                self.link.drop(f"taking over failed: {error}")

    async def _begin_to_serve(self) -> None:
        await self._point_here()
        self._mirrored.clear()
        taken = await self._take_picture()
        self._hear(taken)
        self.is_reconciled = True
        self._up()
        if not self._took_over:
            self._took_over = True
            # Their sessions are with a controller that hangs, and would keep them in silence.
            for leg in taken.legs:
                if leg.context == "huawu-menu" and leg.application == "AGI" and not leg.agent:
                    self._begin(self._begin_menu(leg.channel))

    # -- who leads ------------------------------------------------------------------------

    async def leader_told(self) -> int:
        """The fencing number of the newest holder that Asterisk was told of; 0 if not known."""
        told = await self._global("HUAWU_LEADER")
        return int(told) if told.isdigit() else 0

    async def _point_here(self) -> None:
        """Tell Asterisk who leads, and have the dialplan ask us. Raises AmiError."""
        assert self._leading is not None
        number, agi = self._leading
        told = await self.leader_told()
        if told > number:
            self._newer()
            return
        if told != number:
            await self._set_global("HUAWU_LEADER", str(number))
        if await self._global("AGI") != agi:
            await self._set_global("AGI", agi)

    async def _keep_pointing(self) -> None:
        """A reload of the dialplan sets its globals back, and one can be cut off from Redis."""
        while True:
            await asyncio.sleep(POINT_EVERY)
            if self.is_reconciled:
                with contextlib.suppress(AmiError):
                    await self._point_here()

    async def _global(self, name: str) -> str:
        try:
            answer = await self.link.action("Getvar", [("Variable", name)], deadline=WITNESS)
        except AmiError:
            return ""
        return answer.get("Value")

    async def _set_global(self, name: str, value: str) -> None:
        await self.link.action("Setvar", [("Variable", name), ("Value", value)])

    async def _begin_menu(self, channel: str) -> None:
        await asyncio.sleep(0.1)  # we must listen first
        with contextlib.suppress(AmiError):
            await self._redirect(channel, "huawu-menu", "s")

    def _on_down(self) -> None:
        self.is_reconciled = False

    async def _has_context(self, context: str) -> bool:
        try:
            return bool(await self.link.list("ShowDialPlan", [("Context", context)]))
        except AmiRefused:
            return False

    async def _take_picture(self) -> PictureTaken:
        asked_at = self._clock.now()
        channels = await self.link.list("Status", [("Variables", ",".join(ENTRY_VARIABLES))])
        # Not PJSIPShowContacts: its write class `system` also reads passwords and starts programs.
        devices = await self.link.list("DeviceStateList")
        return picture(asked_at, channels, devices)

    async def _keep_picture(self) -> None:
        while True:
            try:
                async with asyncio.timeout(PICTURE_EVERY):
                    await self._picture_wanted.wait()
                await asyncio.sleep(0.2)  # a phone's new contact follows its old one at once
            except TimeoutError:
                pass
            self._picture_wanted.clear()
            if self.is_reconciled:
                try:
                    self._hear(await self._take_picture())
                except AmiError as error:
                    log.warning("no picture of Asterisk: %s", error)

    # -- out ------------------------------------------------------------------------------

    def know_queues(self, queues: Iterable[str]) -> None:
        """There are other queues; those that have gone are still left by who leaves."""
        self._queues |= frozenset(queues)

    def carry_out(self, command: Command) -> None:
        """Begin to carry out a command; returns at once."""
        match command:
            case TakePicture():
                self._picture_wanted.set()
            case MirrorAgent():
                self._mirror_wanted[command.agent] = command
                self._mirror_news.set()
            case OfferContact() | ReturnToWaiting() | MoveCaller():
                self._begin(self._move(command))
            case KeepEntry():
                self._keep_entry(command)
            case CallCustomer():
                record = self._may_record(command.queue)
                self._begin(self._originate(command, customer_call(command, record=record)))
            case CallAgentFirst():
                record = self._may_record(command.queue)
                self._begin(self._originate(command, agent_first(command, record=record)))
            case EndCall():
                self._begin(self._end_call(command))
            case StartConsult() | EnterRoom() | FollowIntoRoom() | PassToMenu() | PassOutside():
                self._begin(self._move_talk(command))
            case WriteQueueLog():
                self._write_queue_log(command)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _move(self, command: OfferContact | ReturnToWaiting | MoveCaller) -> None:
        try:
            await self._until_told(command.channel)
            match command:
                case OfferContact():
                    self._post_variable(command.channel, "HUAWU_LABEL", command.label)
                    target = f"{command.agent}*{command.offer}*{command.ring}"
                    await self._redirect(command.channel, "huawu-offer", target)
                case ReturnToWaiting():
                    await self._redirect(command.channel, "huawu-wait", "w")
                case MoveCaller(step=SayGoodbye() as step):
                    say = "&".join(prompt_path(name, step.language) for name in step.say)
                    await self._set_variable(command.channel, "HUAWU_SAY", say)
                    await self._redirect(command.channel, "huawu-bye", "s")
                case MoveCaller():
                    await self._redirect(command.channel, "huawu-message", "s")
        except AmiError as error:
            log.warning("%s not carried out: %s", command, error)
            self._picture_wanted.set()

    async def _until_told(self, channel: str) -> None:
        """Wait for the end of an answer: the queue entry in it says, too, whether to record."""
        for _ in range(LOOKS):
            if not self._is_told(channel):
                return
            await asyncio.sleep(SETTLED / LOOKS)

    async def _move_talk(self, command: TalkMove) -> None:
        try:
            if leg := moves.bridged_first(command):
                await self._until_bridged(leg)
            for name, fields in moves.actions_of(command):
                await self.link.action(name, fields)
        except AmiError as error:
            log.warning("%s not carried out: %s", type(command).__name__, error)
            self._picture_wanted.set()

    async def _until_bridged(self, leg: str) -> None:
        """Wait for it, but no longer than it may take; who has talked for long is there at once."""
        of_leg = [("Channel", leg), ("Variable", "BRIDGEPEER")]
        for _ in range(LOOKS):
            if (await self.link.action("Getvar", of_leg)).get("Value"):
                return
            await asyncio.sleep(SETTLED / LOOKS)

    async def _originate(
        self, command: CallCustomer | CallAgentFirst, fields: Sequence[tuple[str, str]]
    ) -> None:
        """Begin a call; what becomes of it is heard from its channel, or seen in a picture."""
        try:
            await self.link.action("Originate", fields)
        except AmiError as error:
            log.warning("contact %s is not called: %s", command.contact, error)
            self._picture_wanted.set()

    async def _end_call(self, command: EndCall) -> None:
        try:
            await self.link.action("Hangup", [("Channel", command.channel)])
        except AmiError as error:
            log.info("nothing to hang up for contact %s: %s", command.contact, error)

    def _keep_entry(self, entry: KeepEntry) -> None:
        """Sent at once, so that an offer made in the same decision finds them on the channel."""
        variables = {
            "HUAWU_ENQUEUED": f"{entry.queued:.3f}",
            "HUAWU_PRIORITY": str(entry.priority),
            "HUAWU_LANGUAGE": entry.language,
            "HUAWU_MUSIC": entry.music,
            "HUAWU_RECORD": "1" if self._may_record(entry.queue) else "",
            "HUAWU_QUEUE": entry.queue,
        }
        try:
            for pair in variables.items():
                self._post_variable(entry.channel, *pair)
        except AmiError as error:
            log.warning("a queue entry is not on its channel: %s", error)

    async def _set_variable(self, channel: str, name: str, value: str) -> None:
        await self.link.action(
            "Setvar", [("Channel", channel), ("Variable", name), ("Value", value)]
        )

    def _post_variable(self, channel: str, name: str, value: str) -> None:
        """Set a variable before whatever is sent next, without waiting for the answer."""
        self.link.post("Setvar", [("Channel", channel), ("Variable", name), ("Value", value)])

    async def _redirect(self, channel: str, context: str, extension: str) -> None:
        where = [("Context", context), ("Exten", extension), ("Priority", "1")]
        await self.link.action("Redirect", [("Channel", channel), *where])

    def _write_queue_log(self, row: WriteQueueLog) -> None:
        fields = [
            ("Queue", f"huawu-{row.queue}"),
            ("Event", row.event),
            ("Uniqueid", row.contact),
            ("Interface", f"PJSIP/agent{row.agent}" if row.agent else "NONE"),
            ("Message", row.words),
        ]
        try:
            self.link.post("QueueLog", fields)
        except AmiError as error:
            log.warning("queue_log lacks a row %s: %s", row.event, error)

    # -- the mirror in app_queue ------------------------------------------------------------

    async def _keep_mirror(self) -> None:
        while True:
            await self._mirror_news.wait()
            self._mirror_news.clear()
            while self._mirror_wanted and self.link.is_up:
                _, wanted = self._mirror_wanted.popitem()
                try:
                    await self._mirror(wanted)
                except AmiError as error:  # told again in full when the link is back
                    log.warning("app_queue does not know of agent %s: %s", wanted.agent, error)

    async def _mirror(self, wanted: MirrorAgent) -> None:
        known = self._mirrored.get(wanted.agent)
        interface = ("Interface", f"PJSIP/agent{wanted.agent}")
        leave = (known.queues if known else self._queues) - wanted.queues
        join = wanted.queues - (known.queues if known else frozenset())
        for queue in sorted(leave):
            await self._tolerant("QueueRemove", [("Queue", f"huawu-{queue}"), interface])
        for queue in sorted(join):
            await self._tolerant("QueueAdd", [("Queue", f"huawu-{queue}"), interface])
        if wanted.queues and (known is None or join or known.paused != wanted.paused):
            paused = ("Paused", "1" if wanted.paused else "0")
            await self._tolerant("QueuePause", [interface, paused, ("Reason", wanted.reason)])
        self._mirrored[wanted.agent] = wanted

    async def _tolerant(self, action: str, fields: Sequence[tuple[str, str]]) -> None:
        """An agent who is already there, or not there, is what was wanted."""
        try:
            await self.link.action(action, fields)
        except AmiRefused as refusal:
            log.debug("%s: %s", action, refusal)
