"""Scenarios over real calls: SIP, DTMF and audio through an Asterisk of their own.

Each caller follows the contact's own events: at a question, once its text has begun, the
scenario's next act is done with the phone. What comes of the call is read from the events; that
texts were really played is measured in time and in what the phone heard.
"""

import array
import asyncio
import contextlib
import itertools
import math
import tempfile
import wave
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path

from redis.asyncio import Redis

from controller.credentials import TRUNK, load_credentials
from controller.lifecycle import SERVICE_NUMBER
from controller.private import free_ports, private_system
from controller.scenario_shop import example_orders, served
from controller.settings import Settings
from ivr.flow import Flow
from ivr.line import seconds_of
from ivr.nodes import Collect, Language, Menu, Say, Survey, Voicemail
from ivr.prompts import UnknownPrompt
from ivr.rehearsal import ScriptedShop
from ivr.scenario_files import Placed
from ivr.scenarios import HANG_UP, SILENCE, Says, Scenario, Seen, seen_of
from ivr.texts import Fixed, is_plain
from ivr.versions import FlowVersion
from store.live import connect
from store.stream import Stream
from telephony.events import (
    ContactArrived,
    DigitsCollected,
    MenuLeft,
    MenuStepTaken,
    RecordedEvent,
    SurveyAnswered,
)
from telephony.softphone import CallEndedError, Phone, PhoneCall, PhoneError, PhoneRack

AT_ONCE = 6
"""Calls at the same time."""
_ANSWER_S, _ARRIVAL_S = 30.0, 15.0
_CALL_S = 240.0
"""The longest call."""
_ASKS = MenuStepTaken | DigitsCollected | SurveyAnswered
"""Events after which something may be asked."""
_TONE_S = 2.0
"""After a text a recording has begun."""
_BEGUN_S = 0.7
"""How long after the last event a question's text has begun."""
_PLAYED = 0.85
"""Share of a text's length that must have been played, and heard: silences within it do not
count."""
_LOUD = 10 ** (-45 / 20) * 32768
"""RMS of 20 ms in which somebody speaks."""


async def call_all(
    scenarios: Sequence[Placed],
    usual: Settings,
    version: FlowVersion,
    company: Path,
    tell: Callable[[Placed, Seen], None],
) -> None:
    """Start a system, make a call for each scenario, end the system.

    ``tell`` hears of each what it came to, once it is over. Raises ProblemError when the system
    does not start.
    """
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    async with (
        private_system(usual, company, **{"shop.url": url}) as settings,
        example_orders(settings) as orders,
        served(shop := ScriptedShop(orders), port),
        contextlib.aclosing(connect(settings.effective_redis_url)) as redis,
        Log(redis).following() as log,
        _folder() as folder,
        PhoneRack() as rack,
    ):
        calls = Calls(log, await _trunk(rack, settings), version, folder)

        async def one(placed: Placed) -> None:
            tell(placed, await calls.make(placed.scenario, placed.spoken))

        await asyncio.gather(*(one(each) for each in scenarios if not each.scenario.shop))
        # The shop does not know who asks: these have it to themselves.
        for placed in (each for each in scenarios if each.scenario.shop):
            shop.answers = placed.scenario.shop
            await one(placed)


@contextlib.asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    """For what the phones hear; they need it until they are gone."""
    with tempfile.TemporaryDirectory(prefix="huawu-heard-") as folder:
        yield Path(folder)


async def _trunk(rack: PhoneRack, settings: Settings) -> Phone:
    credentials = load_credentials(settings.secrets_file)
    assert credentials is not None  # made when the system was
    secret = credentials.sip[TRUNK]
    return await rack.phone(TRUNK, secret, server="127.0.0.1", port=settings.sip_port)


class Log:
    """The events of every contact from now on."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._news = asyncio.Condition()
        self._arrived: dict[str, str] = {}
        self.of: defaultdict[str, list[RecordedEvent]] = defaultdict(list)
        """By contact."""

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator["Log"]:
        """It is up to date inside of the block."""
        task = asyncio.create_task(self._follow())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self) -> None:
        async for _, event in Stream(self._redis).follow("$"):
            if contact := getattr(event, "contact", ""):
                self.of[contact].append(event)
            if isinstance(event, ContactArrived):
                self._arrived[event.caller] = event.contact
            async with self._news:
                self._news.notify_all()

    async def until(self, check: Callable[[], bool], limit: float) -> None:
        """Wait until something is so. Raises TimeoutError."""
        async with asyncio.timeout(limit), self._news:
            await self._news.wait_for(check)

    async def contact_of(self, number: str) -> str:
        """The contact that a call from this number has just become. Raises TimeoutError."""
        await self.until(lambda: number in self._arrived, _ARRIVAL_S)
        return self._arrived.pop(number)


class Calls:
    """Makes the calls; what is heard is written to a folder."""

    def __init__(self, log: Log, phone: Phone, version: FlowVersion, folder: Path) -> None:
        self.log, self.phone, self.version, self.folder = log, phone, version, folder
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._numbers: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def make(self, scenario: Scenario, spoken: Mapping[str, Path]) -> Seen:
        """Make one call; two of the same number come one after the other.

        ``spoken`` are recordings of what callers say.
        """
        async with self._numbers[scenario.number], self._turn:
            heard = self.folder / f"{id(scenario)}.wav"
            contact = ""
            faults: list[str] = []
            try:
                call = await self.phone.dial(SERVICE_NUMBER, number=scenario.number, heard=heard)
                try:
                    await call.answered(_ANSWER_S)
                    contact = await self.log.contact_of(scenario.number)
                    async with asyncio.timeout(_CALL_S):
                        await self._through(scenario, spoken, call, contact)
                finally:
                    await call.hang_up()
            except CallEndedError as error:
                faults += [] if contact else [f"call: {error}"]
            except (PhoneError, TimeoutError) as error:
                faults.append(f"call: {error or 'stuck'}")
            seen = seen_of(self.log.of[contact])
            seen.faults = [*faults, *self._unheard(self.log.of[contact], heard)]
            return seen

    async def _through(
        self, scenario: Scenario, spoken: Mapping[str, Path], call: PhoneCall, contact: str
    ) -> None:
        """Do the acts, each at a question, and wait for the end of the menu."""
        events, done = self.log.of[contact], 0
        for act in scenario.does:
            if not await self._question(events, done):
                return
            done = len(events)
            if act == HANG_UP:
                await call.hang_up()
                break
            if isinstance(act, Says):
                await self._say(spoken[act.say], call, events)
            elif act != SILENCE:
                await call.press(act)
        await self.log.until(lambda: _is_over(events), _CALL_S)

    async def _say(self, words: Path, call: PhoneCall, events: list[RecordedEvent]) -> None:
        """Say it once to a menu, which listens all the time; into a recording, which begins some
        time after its text, again and again until it must have begun and heard all of it.
        """
        flow, node = self._place(events[-1]) or (None, "")
        if flow and isinstance(flow.nodes[node], Voicemail | Survey):
            begins = longest(flow, node) + _TONE_S
            await call.play(words, loop=True)
            await asyncio.sleep(begins + 2 * seconds_of(words))
            await call.hush()
        else:
            await call.say(words)

    async def _question(self, events: list[RecordedEvent], done: int) -> bool:
        """Wait until something is asked that was not before; False when the menu is over."""

        def asks() -> bool:
            return _is_over(events) or (len(events) > done and self._asks(events[-1]))

        while True:
            await self.log.until(asks, _CALL_S)
            if _is_over(events):
                return False
            count = len(events)
            with contextlib.suppress(TimeoutError):
                await self.log.until(lambda: len(events) > count, _BEGUN_S)  # noqa: B023
            if len(events) == count:
                return True

    def _asks(self, event: RecordedEvent) -> bool:
        found = self._place(event)
        node = found[0].nodes[found[1]] if found else None
        return isinstance(node, Language | Menu | Collect | Survey | Voicemail)

    def _place(self, event: RecordedEvent) -> tuple[Flow, str] | None:
        return self.version.flows.find(event.node) if isinstance(event, _ASKS) else None

    # ---- what was heard ----

    def _unheard(self, events: Sequence[RecordedEvent], heard: Path) -> list[str]:
        """What must have been played whole, and was not."""
        wrong, whole = [], 0.0
        steps = [event for event in events if isinstance(event, MenuStepTaken | MenuLeft)]
        for step, after in itertools.pairwise(steps):
            found = self.version.flows.find(step.node)
            if not found or not isinstance(found[0].nodes[found[1]], Say) or _gone(after):
                continue
            seconds = shortest(*found)
            whole += seconds
            if after.at - step.at < seconds * _PLAYED:
                wrong.append(
                    f"heard: {step.node} lasted {after.at - step.at:.1f} s, not {seconds:.1f} s"
                )
        sound = spoken_seconds(heard)
        if sound < whole * _PLAYED / 2:
            wrong.append(f"heard: {sound:.1f} s of speech where {whole:.1f} s were played")
        return wrong


def _is_over(events: Sequence[RecordedEvent]) -> bool:
    return any(isinstance(event, MenuLeft) for event in events)


def _gone(event: RecordedEvent) -> bool:
    return isinstance(event, MenuLeft) and event.ending == "caller_gone"


def shortest(flow: Flow, node: str) -> float:
    """Seconds that a node's fixed texts take at least, in whichever language is shortest."""
    return min((took for field, took in _lengths(flow, node) if field == "text"), default=0.0)


def longest(flow: Flow, node: str) -> float:
    """Seconds that the longest of a node's texts takes, in whichever language is longest."""
    return max((took for _, took in _lengths(flow, node)), default=0.0)


def _lengths(flow: Flow, node: str) -> Iterator[tuple[str, float]]:
    """Seconds of the fixed parts of a node's texts, one for each field and language."""
    for (name, field, language), pieces in flow.texts.items():
        if name == node:
            fixed = [piece.number for piece in pieces if isinstance(piece, Fixed)]
            yield field, sum(_seconds(flow, node, field, language, each) for each in fixed)


def _seconds(flow: Flow, node: str, field: str, language: str, number: int) -> float:
    plain = is_plain(flow.texts[node, field, language])
    try:
        path = flow.shelf.path(flow.prompt_name(node, field, 0 if plain else number), language)
    except UnknownPrompt:
        return 0.0
    return seconds_of(Path(f"{path}.wav"))


def spoken_seconds(file: Path) -> float:
    """Seconds of a recording (8 kHz, 16-bit mono) in which something is to be heard."""
    try:
        with wave.open(str(file), "rb") as sound:
            samples = array.array("h", sound.readframes(sound.getnframes()))
            size = sound.getframerate() // 50
    except (FileNotFoundError, EOFError):  # a call that ended before there was a sound
        return 0.0
    loud = 0
    for start in range(0, len(samples) - size, size):
        frame = samples[start : start + size]
        loud += math.sqrt(math.fsum(value * value for value in frame) / size) > _LOUD
    return loud / 50
