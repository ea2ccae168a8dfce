"""What the web is given by the rest of the house: values and narrow interfaces, no settings."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from acd.callbacks import Ticket
from acd.company import Company
from acd.explain import WhyNot, WhyWaiting
from ivr.emergency import Action, Switch
from ivr.flow import Flows
from store.accounts import Accounts
from store.event_log import EventLog
from store.outbox import Letter
from store.sessions import Sessions
from store.tasks import Task, TaskStore
from store.versions import Version
from telephony.events import ConsultStep, RecordedEvent, TransferTarget


class AgentActions(Protocol):
    """What a person may ask for an agent. ``author`` is ``agent:8001`` or ``supervisor:NAME``.

    Each raises ``acd.wishes.ActionRefused`` when the agent's state does not allow it.
    """

    async def sign_in(self, agent: str, author: str) -> None:
        """Sign in, not ready."""

    async def sign_out(self, agent: str, author: str) -> None:
        """Sign out; during a call the wish is kept for after it."""

    async def ready(self, agent: str, author: str) -> None:
        """Take calls; from wrap-up this finishes it."""

    async def not_ready(self, agent: str, reason: str, author: str) -> None:
        """Take no calls; during a call the wish is kept for after it."""

    async def finish_wrap_up(self, agent: str, author: str) -> None:
        """The notes are done."""

    async def extend_wrap_up(self, agent: str, author: str) -> None:
        """More time for notes."""


class Transfers(Protocol):
    """What a person may ask for the caller of a talk.

    Each raises ``acd.wishes.ActionRefused``; ``author`` is ``agent:8001``, who may act on the own
    talk, or ``supervisor:NAME``.
    """

    async def transfer(
        self, contact: str, target: TransferTarget, to: str, author: str, *, attended: bool = False
    ) -> None:
        """Pass a caller on, or ask there first (``attended``)."""

    async def consult_step(self, contact: str, step: ConsultStep, author: str) -> None:
        """Have a consultation go on so."""


class Callbacks(Protocol):
    """Promised callbacks."""

    def callbacks(self) -> Sequence[Ticket]:
        """All of them, the oldest promise first."""

    async def cancel_callback(self, contact: str, author: str) -> None:
        """End one. Raises ``acd.wishes.ActionRefused``."""


class Explanations(Protocol):
    """Questions about the distribution's present state."""

    def why_waiting(self, contact: str) -> WhyWaiting | None:
        """Why nobody has this contact yet; ``None`` when it is not on the line."""

    def why_not(self, contact: str, agent: str) -> WhyNot | None:
        """What keeps an agent from a waiting contact; ``None`` when it does not wait."""


class PlaceActions(Protocol):
    """What a supervisor may ask for a waiting contact; ``author`` is ``supervisor:NAME``."""

    async def change_place(
        self,
        contact: str,
        author: str,
        *,
        priority: int | str | None = None,
        queue: str | None = None,
        preferred: str | None = None,
    ) -> None:
        """Change what is named, all of it or nothing. Raises ``acd.wishes.ActionRefused``."""


class MenuVersions(Protocol):
    """The versions of the menu."""

    @property
    def version(self) -> int:
        """Number of the one for callers who arrive now."""

    @property
    def flows(self) -> Flows:
        """What callers who arrive now are led through."""

    async def versions(self) -> Sequence[Version]:
        """Every version that was in use, the oldest first."""

    async def reload(self, author: str) -> Version:
        """Take the files into use. Raises ``store.source.BadFile``: nothing changed."""

    async def roll_back(self, number: int | None, author: str) -> Version:
        """Go back, by default to the one before. Raises ``NoSuchVersion`` and ``BadFile``."""


class Emergency(Protocol):
    """The switch that puts an announcement or another flow in front of callers."""

    @property
    def presets(self) -> Mapping[str, Action]:
        """What can be switched on by a name."""

    @property
    def flows(self) -> Collection[str]:
        """Names of the flows that callers can be led into instead of the main one."""

    def texts(self, action: Action) -> dict[str, str]:
        """What is announced, by language; empty for a flow."""

    def state(self) -> Sequence[Switch]:
        """All that is switched on."""

    def history(self) -> Sequence[Switch]:
        """Every switch that was made, the oldest first."""

    def wanted(self, *, preset: str = "", say: str = "", flow: str = "", then: str = "") -> Action:
        """The action that is named. Raises ``ivr.emergency.CannotSwitch``."""

    def switch_on(self, scope: str, action: Action, *, author: str, note: str = "") -> Switch:
        """Put it in front of a scope. Raises ``ivr.emergency.CannotSwitch``."""

    def switch_off(self, scope: str, *, author: str, note: str = "") -> Switch:
        """Take it away. Raises ``ivr.emergency.CannotSwitch``."""


class Actions(AgentActions, PlaceActions, Protocol):
    """All that a page may ask of the distribution."""


class TranscriptRow(Protocol):
    """One side of a recorded talk as text; rows of ``store/schema.py: transcripts`` fit."""

    @property
    def offer(self) -> int:
        """The offer whose talk it is."""

    @property
    def leg(self) -> str:
        """``customer`` or ``agent``."""

    @property
    def language(self) -> str:
        """Language it was recognised in."""

    @property
    def engine(self) -> str:
        """Name of the recogniser, "" when none could be used."""

    @property
    def model(self) -> str:
        """Name of its model."""

    @property
    def text(self) -> str:
        """All that was said."""

    @property
    def segments(self) -> Sequence[Mapping[str, object]]:
        """``{start, end, text}`` in seconds from the talk's begin."""

    @property
    def fault(self) -> str:
        """Why there is no text; "" when all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPorts:
    """Everything ``dashboards.server.create_app`` needs."""

    rules: Callable[[], Company]
    """The company's rules as they hold now; they may be replaced while pages are open."""
    log: EventLog
    follow: Callable[[str], AsyncIterator[tuple[str, RecordedEvent]]]
    """News behind a stream id, for ever: ``store.stream.Stream.follow``."""
    accounts: Accounts
    sessions: Sessions
    actions: Actions
    explanations: Explanations
    callbacks: Callbacks
    transfers: Transfers
    menu: MenuVersions
    emergency: Emergency
    transcripts: Callable[[str], Awaitable[Sequence[TranscriptRow]]]
    """Transcripts of a contact: both legs of every talk."""
    tasks: TaskStore
    call_for: Callable[[Task, str], Awaitable[str]]
    """Has a task's customer called; the code of a refusal, "" when the call will be made."""
    messages: Callable[[], Awaitable[Sequence[Letter]]]
    """The newest messages to customers: ``store.outbox.OutboxStore.newest``."""
    recordings: Path
    """Folder below which ``RecordingFinished.folder`` lies."""
    timezone: str = "Asia/Shanghai"
    """IANA name; days begin at midnight there."""
    now: Callable[[], float] = time.time
    reasons_not_alive: Callable[[], Sequence[str]] = tuple
    """Why the process should be restarted; empty when it lives (``/healthz``)."""
    reasons_not_ready: Callable[[], Sequence[str]] = tuple
    """Why no calls should be sent here; empty when ready (``/readyz``)."""
    nodes: Callable[[], Sequence[str]] = tuple
    """Nodes of the menu to which calls may be passed on."""
    counts: Callable[[], Mapping[str, Mapping[str, float]]] = field(default=dict)
    """Counts of other rooms by kind: full metric name -> kind -> how often."""
    counters: Callable[[], Mapping[str, float]] = field(default=dict)
    """Further figures of other rooms for ``/metrics``, by their full metric name."""
    role: Callable[[], str] = lambda: "leader"
    """``leader``, or ``standby`` for one that waits to take over."""
    leader: Callable[[], str] = str
    """Address of the pages of the controller that decides when it is not this one, else ""."""
    dist: Path = Path(__file__).parent / "web" / "dist"
    """The built pages."""
    trusted_proxies: frozenset[str] = frozenset()
    """Addresses whose ``X-Forwarded-*`` headers are believed."""

    @property
    def company(self) -> Company:
        """Queues and agents as of now."""
        return self.rules()
