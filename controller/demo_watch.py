"""What the simulated people see of the system: the stream of events, folded into a few figures."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from redis.asyncio import Redis

from store.live import load
from store.stream import Stream
from telephony.events import (
    AgentState,
    AgentStateChanged,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    MenuStepTaken,
    OfferEnd,
    OfferEnded,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
    TalkEnded,
)


@dataclass(slots=True)
class Seen:
    """What was seen of one contact."""

    stage: str = "menu"
    nodes: list[str] = field(default_factory=list)
    """Menu nodes the caller came to, or stayed at in silence, in order."""
    queue: str = ""
    language: str = ""


class Watch:
    """Follows the events from now on. ``run()`` is a task; waiting people are woken by it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._news = asyncio.Condition()
        self.contacts: dict[str, Seen] = {}
        """By contact id: those on the line that are ours."""
        self.ours: set[str] = set()
        """Caller's numbers of our customers."""
        self._arrived: dict[str, str] = {}
        self.states: dict[str, AgentState] = {}
        self.reachable: set[str] = set()
        self.ends: Counter[str] = Counter()
        self.offers_lost: Counter[str] = Counter()
        self.waits: list[float] = []
        self.talks: list[float] = []

    async def load(self) -> None:
        """Learn what every agent is doing. Raises RedisError."""
        _, agents = await load(self._redis)
        self.states = {name: AgentState(agent["state"]) for name, agent in agents.items()}
        self.reachable = {name for name, agent in agents.items() if agent.get("reachable")}

    async def run(self) -> None:
        """Follow the stream for ever."""
        async for _, event in Stream(self._redis).follow("$"):
            self.apply(event)
            async with self._news:
                self._news.notify_all()

    async def until(self, check: Callable[[], bool], limit: float) -> bool:
        """Wait until something is so; False when it is not within ``limit`` seconds."""
        try:
            async with asyncio.timeout(limit), self._news:
                await self._news.wait_for(check)
        except TimeoutError:
            return False
        return True

    async def contact_of(self, number: str, limit: float) -> str:
        """The contact that a customer's call became; "" when none did."""
        await self.until(lambda: number in self._arrived, limit)
        return self._arrived.pop(number, "")

    def state(self, agent: str) -> AgentState:
        """What an agent is doing."""
        return self.states.get(agent, AgentState.SIGNED_OUT)

    def on_the_line(self, stage: str) -> int:
        """How many of our customers are in a stage: menu, waiting, talking."""
        return sum(seen.stage == stage for seen in self.contacts.values())

    def agents_who(self, agents: Iterable[str], *states: AgentState) -> int:
        """How many of these agents are in one of these states."""
        return sum(self.state(agent) in states for agent in agents)

    def apply(self, event: RecordedEvent) -> None:
        """Take one event in."""
        match event:
            case ContactArrived() if event.caller in self.ours:
                self.contacts[event.contact] = Seen()
                self._arrived[event.caller] = event.contact
            case AgentStateChanged():
                self.states[event.agent] = event.state
            case _:
                seen = self.contacts.get(getattr(event, "contact", ""))
                if seen is not None:
                    self._follow(seen, event)

    def _follow(self, seen: Seen, event: RecordedEvent) -> None:
        match event:
            case MenuStepTaken(key=""):
                seen.nodes.append(event.node)
            case ContactQueued():
                seen.stage, seen.queue, seen.language = "waiting", event.queue, event.language
            case ContactAnswered():
                seen.stage = "talking"
                self.waits.append(event.waited)
            case OfferEnded() if event.result is not OfferEnd.CALLER_GONE:
                self.offers_lost[event.result] += 1
            case TalkEnded():
                seen.stage = "after"
                self.talks.append(event.talked)
            case QueueEntryEnded():
                self.ends[event.end] += 1
            case ContactEnded():
                if seen.stage == "menu":
                    self.ends["menu"] += 1
                self.contacts.pop(event.contact, None)

    @property
    def answered(self) -> int:
        """Calls that an agent answered."""
        return self.ends[QueueEnd.ANSWERED]

    @property
    def gave_up(self) -> int:
        """Customers who hung up while they waited."""
        return self.ends[QueueEnd.ABANDONED] + self.ends[QueueEnd.SHORT_ABANDONED]
