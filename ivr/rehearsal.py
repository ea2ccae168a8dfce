"""Scenarios run in memory: no Asterisk, no waiting, a shop of its own for each.

The caller acts at questions: where the menu waits for a key, for words or for a message, the
scenario's next act is what comes. The shop is the built-in one with the example orders, as they
are at `./huawu up`, but for what the scenario says that it answers. Time is made up: it jumps to
the next moment at which something is to happen, and stands still while the shop's database works,
so that a busy machine is no slow shop.
"""

import asyncio
import selectors
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.call import Caller, MenuEvent
from ivr.dialogue import Ending, run_dialogue
from ivr.ports import (
    Answer,
    CallerGone,
    Heard,
    Message,
    QueueLoad,
    Recorded,
    Service,
    Services,
    Unavailable,
    Value,
    World,
)
from ivr.scenarios import HANG_UP, SILENCE, Act, Load, Says, Scenario, Scripted, Seen
from ivr.shop.builtin import BuiltInShop
from ivr.shop.orders_file import load_orders
from ivr.shop.rules import load_shop_rules
from ivr.shop.services import KNOWN
from ivr.versions import FlowVersion
from store.database import migrate, open_database
from store.shop import ShopStore

USUAL_TIME = "2026-11-25 10:00"
"""A Wednesday morning, for scenarios that do not care."""
AT_ONCE = 8
"""Scenarios that run at the same time."""
_CONTACT = "scenario-1"
_DAY = 86_400.0


# ---- the caller ----


class ScriptedCaller:
    """A `Line` on which the caller does the scenario's acts, one at each question."""

    def __init__(self, acts: Sequence[Act]) -> None:
        self._acts = list(acts)
        self._keys = ""
        self.heard: list[str] = []

    def _next(self) -> str | Says:
        """A key, words, or "" for silence. Raises CallerGone."""
        if not self._keys:
            act = self._acts.pop(0) if self._acts else SILENCE
            if act == HANG_UP:
                raise CallerGone
            if isinstance(act, Says) or act == SILENCE:
                return act if isinstance(act, Says) else ""
            self._keys = act
        key, self._keys = self._keys[0], self._keys[1:]
        return key

    async def play(self, prompts: Sequence[str], *, interruptible: bool) -> str:
        """See `Line.play`: everything is heard to its end."""
        self.heard += [Path(path).name.rpartition("-")[0] for path in prompts]
        await asyncio.sleep(0)  # as on a real line, others have their turn meanwhile
        return ""

    async def wait_digit(self, seconds: float) -> str:
        """See `Line.wait_digit`: words are nothing here."""
        answer = self._next()
        return answer if isinstance(answer, str) else ""

    async def hear(
        self, prompts: Sequence[str], *, seconds: float, language: str, comfort: Sequence[str]
    ) -> Heard:
        """See `Line.hear`: what is said is understood at once, without comfort."""
        await self.play(prompts, interruptible=True)
        answer = self._next()
        if isinstance(answer, Says):
            return Heard(words=answer.say, spoke=True)
        return Heard(key=answer)

    async def record(self, name: str, *, seconds: float, silence: float, end_keys: str) -> Recorded:
        """See `Line.record`."""
        answer = self._next()
        if isinstance(answer, Says):
            return Recorded(seconds=len(answer.say) / 4, file=f"messages/{name}.wav")
        return Recorded(seconds=0.0, key=answer)


# ---- the shop ----


def answer_of(service: Service, scripted: Scripted) -> Answer:
    """A scenario's answer with its values as the shop gives them.

    Raises:
        ValueError: the service never answers this, or has no such value.
    """
    if scripted.result not in service.results:
        raise ValueError(
            f"'{service.name}' never answers '{scripted.result}': {', '.join(service.results)}"
        )
    values: dict[str, Value] = {}
    for name, written in scripted.values.items():
        if name not in service.gives:
            raise ValueError(f"'{service.name}' has no value '{name}': {', '.join(service.gives)}")
        values[name] = _typed(written, service.gives[name])
    return Answer(result=scripted.result, values=values)


def _typed(written: str | int | bool | list[str], ways: Sequence[str]) -> Value:
    if isinstance(written, list):
        return tuple(written)
    if isinstance(written, str) and ways:
        try:
            match ways[0]:
                case "money":
                    return Decimal(written)
                case "date":
                    return date.fromisoformat(written)
                case "date_time":
                    return datetime.fromisoformat(written)
        except InvalidOperation as error:
            raise ValueError(f"'{written}' is no amount of money") from error
    return written


@dataclass(slots=True)
class ScriptedShop:
    """The shop behind a scenario: its own answers first."""

    behind: Services
    answers: Mapping[str, str | Scripted] = field(default_factory=dict)

    @property
    def known(self) -> Mapping[str, Service]:
        """The services by name."""
        return self.behind.known

    async def ask(self, service: str, arguments: Mapping[str, str]) -> Answer:
        """See `Services.ask`."""
        match self.answers.get(service):
            case None:
                return await self.behind.ask(service, arguments)
            case "down":
                raise Unavailable("down, in this scenario")
            case Scripted() as scripted:
                await asyncio.sleep(scripted.after)
                return answer_of(KNOWN[service], scripted)
        await asyncio.Event().wait()  # slow: until nobody waits any more
        raise AssertionError


# ---- time ----


@dataclass(frozen=True, slots=True)
class _Timeless:
    """Services that take no time, whatever their database takes."""

    behind: Services

    @property
    def known(self) -> Mapping[str, Service]:
        return self.behind.known

    async def ask(self, service: str, arguments: Mapping[str, str]) -> Answer:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MadeUpTime)
        with loop.standing_still():
            return await self.behind.ask(service, arguments)


class _Selector(selectors.DefaultSelector):
    """Does not wait for a moment, but makes it come; waits for threads as long as they work."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.at_work = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See `selectors.BaseSelector.select`."""
        if timeout is None or timeout <= 0 or self.at_work:
            return super().select(timeout if not self.at_work or timeout == 0 else None)
        if ready := super().select(0):
            return ready
        self.now += timeout
        return []


class MadeUpTime(asyncio.SelectorEventLoop):
    """An event loop in which nobody waits. Time begins at 0."""

    def __init__(self) -> None:
        self._made_up = _Selector()
        super().__init__(self._made_up)

    def time(self) -> float:
        """See `asyncio.AbstractEventLoop.time`."""
        return self._made_up.now

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Inside of the block time waits for what is at work in threads."""
        self._made_up.at_work += 1
        try:
            yield
        finally:
            self._made_up.at_work -= 1


# ---- running ----


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where scenarios are run: a company's menus, and its example orders."""

    version: FlowVersion
    company: Path
    migrated: Path
    """An empty database, copied for each scenario."""
    folder: Path

    async def run(self, scenario: Scenario) -> Seen:
        """Play one scenario through."""
        zone = self.version.hours.zone
        moment = datetime.fromisoformat(scenario.at or USUAL_TIME).replace(tzinfo=zone)
        begins = moment.timestamp() - asyncio.get_running_loop().time()

        def now() -> float:
            return begins + asyncio.get_running_loop().time()

        line = ScriptedCaller(scenario.does)
        seen, messages = Seen(heard=line.heard, all_values=True), list[Message]()

        async def send(message: Message) -> None:
            messages.append(message)

        async with self._shop(zone, now) as shop:
            outcome = await run_dialogue(
                line,
                self.version,
                Caller(contact=_CONTACT, number=scenario.number),
                World(
                    now=now,
                    services=ScriptedShop(shop, scenario.shop),
                    load=lambda queue: _load(scenario.queues.get(queue)),
                    send=send,
                ),
                lambda event: _take(seen, event),
            )
        seen.messages = messages
        seen.language, seen.attributes = outcome.language, outcome.attributes
        seen.values = {name: str(value) for name, value in outcome.values.items()}
        if outcome.ending not in (Ending.CALLER_GONE, Ending.HANG_UP):
            line.heard += [Path(path).name.rpartition("-")[0] for path in outcome.announcement]
        return seen

    @asynccontextmanager
    async def _shop(self, zone: ZoneInfo, now: Callable[[], float]) -> AsyncIterator[Services]:
        """A built-in shop of its own."""
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".db") as file:
            await asyncio.to_thread(shutil.copyfile, self.migrated, file.name)
            database = open_database(f"sqlite:///{file.name}")
            try:
                store = ShopStore(database)
                orders = self.company / "shop" / "orders.yaml"
                records = load_orders(orders, zone=zone, now=now())
                await store.file(
                    records.orders, records.applications, records.promotions, records.customers
                )
                rules = load_shop_rules(self.company / "shop.yaml")
                yield _Timeless(BuiltInShop(store, rules=lambda: rules, zone=zone, now=now))
            finally:
                await database.close()


def _take(seen: Seen, event: MenuEvent) -> None:
    seen.take(event)


def _load(load: Load | None) -> QueueLoad | None:
    return QueueLoad(**load.model_dump()) if load else None


def rehearse(scenarios: Sequence[Scenario], version: FlowVersion, company: Path) -> list[Seen]:
    """Run scenarios in memory, several at a time; what each came to, in their order."""
    with (
        tempfile.TemporaryDirectory(prefix="huawu-scenarios-") as name,
        asyncio.Runner(loop_factory=MadeUpTime) as runner,
    ):
        migrated = Path(name) / "empty.db"
        runner.run(migrate(f"sqlite:///{migrated}"))
        stage = Stage(version=version, company=company, migrated=migrated, folder=Path(name))
        return runner.run(_all(stage, scenarios))


async def _all(stage: Stage, scenarios: Sequence[Scenario]) -> list[Seen]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(scenario: Scenario) -> Seen:
        async with turn:
            return await stage.run(scenario)

    return list(await asyncio.gather(*map(one, scenarios)))
