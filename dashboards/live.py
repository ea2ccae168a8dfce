"""The live feed: one task folds the event stream into the board and tells every open page.

Each change is encoded once for everybody (and once more for supervisors) and written to all
sockets in one go; a client that does not read is dropped rather than waited for, and resumes by
the number of the last change it saw. Between changes a beat goes out, so that a page that hears
nothing knows that it is stale.
"""

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from aiohttp import WSCloseCode, web
from pydantic import Field

from dashboards import views
from dashboards.board import Board, Changes
from dashboards.emergency_api import switch_view
from dashboards.frames import Numbered, Ring, text_frame
from dashboards.ports import WebPorts
from dashboards.record import masked
from dashboards.routes import Answer, Call, Route, session_of
from store.sessions import Session
from store.stream import parse_id
from telephony.events import EmergencySwitched, RulesChanged

logger = structlog.get_logger("dashboards.live")

PACE = 0.2
"""Seconds in which events, and changes, are gathered: five pictures a second suffice."""
UNWATCHED = 30.0
"""Seconds without an open page after which changes are not drawn: a page that comes gets all."""
BEAT = 4.0
"""Seconds between two messages when nothing changes."""
LOOK_BACK = 12 * 3600.0
"""Seconds before midnight that are read too, for who is signed in or on the line since then."""
RING = 500
MAX_UNREAD = 1 << 20
"""Bytes that a client may leave unread before it is dropped."""
RECHECK = 30.0
"""Seconds between two looks whether an open socket's session is still alive."""
SESSION_OVER = 4401
"""Close code that tells the page to sign in again."""


@dataclass(eq=False, slots=True)
class _Client:
    socket: web.WebSocketResponse
    transport: asyncio.Transport
    supervises: bool
    agent: str

    def send(self, frame: bytes) -> bool:
        """Write a whole frame; False when the client must be dropped.

        aiohttp's own frames (pings, closing) are also written whole and without compression, so
        that the two never mix.
        """
        if self.socket.closed or self.transport.is_closing():
            return False
        if self.transport.get_write_buffer_size() > MAX_UNREAD:
            logger.warning("a live page does not read and is dropped")
            self.transport.abort()
            return False
        self.transport.write(frame)
        return True


class Live:
    """The board, its feed and the pages that watch. Use ``run()`` as a task of the server."""

    def __init__(self, ports: WebPorts) -> None:
        self._ports = ports
        self._zone = ZoneInfo(ports.timezone)
        self._day = (0.0, 0.0)  # begin and end of the day that ``midnight`` was last asked for
        self.board = Board(ports.company, self.midnight, ports.now())
        self.epoch = secrets.token_hex(8)
        self.n = 0
        self.loaded = False
        self.fault = ""
        """Why the board does not move; "" when all is well."""
        self._ring = Ring(RING)
        self._clients: set[_Client] = set()
        self._news = asyncio.Event()
        self._last_sent = 0.0
        self._last_watched = 0.0

    # -- events in ------------------------------------------------------------------------

    async def run(self) -> None:
        """Read the day so far, then follow the stream for ever."""
        telling = asyncio.create_task(self._tell_on(), name="live pages")
        try:
            while True:
                try:
                    await self._read_on()
                except Exception as error:
                    # A fault in one event must not end the wallboard for the day.
                    self.fault = f"{type(error).__name__}: {error}"
                    logger.exception("the live board starts again")
                await asyncio.sleep(1.0)
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling

    async def _read_on(self) -> None:
        now = self._ports.now()
        # Taken first: what reaches SQL between the two reads is then in the second one's answer.
        last = await self._ports.log.last_id()
        board = Board(self._ports.company, self.midnight, self.midnight(now) - LOOK_BACK)
        for stream_id, event in await self._ports.log.between(
            self.midnight(now) - LOOK_BACK, float("inf")
        ):
            last = max(last, stream_id, key=parse_id)
            board.apply(event)
        board.pass_time(now)
        self.board, self.loaded, self.fault = board, True, ""
        self._start_over()
        async for _, event in self._ports.follow(last):
            self.board.apply(event)
            self._news.set()
            if isinstance(event, RulesChanged | EmergencySwitched):
                return  # other queues and agents, or another banner: a new board

    def _start_over(self) -> None:
        """A new board: numbers of the old one mean nothing any more."""
        self.epoch = secrets.token_hex(8)
        self._ring = Ring(RING)
        self.board.take_changes()
        for client in list(self._clients):
            self._send(client, self._whole(client))
            self._send_desk(client)

    def midnight(self, at: float) -> float:
        """Begin of the day of ``at`` (Unix seconds) where the company is."""
        begin, end = self._day
        if not begin <= at < end:  # asked for each event, and a calendar takes its time
            day = datetime.fromtimestamp(at, self._zone)
            day = day.replace(hour=0, minute=0, second=0, microsecond=0)
            begin, end = day.timestamp(), (day + timedelta(days=1)).timestamp()
            self._day = begin, end
        return begin

    # -- pictures out ---------------------------------------------------------------------

    def snapshot(self, *, supervises: bool) -> views.Board:
        """Everything a page shows, as of now."""
        now = self._ports.now()
        return views.Board(
            epoch=self.epoch,
            n=self.n,
            at=now,
            timezone=self._ports.timezone,
            loaded=self.loaded,
            queues=self.board.queues(now),
            agents=self.board.agents(),
            totals=self.board.totals(now),
            trend=self.board.trend(),
            contacts=self.board.contacts() if supervises else None,
            emergency=[switch_view(switch) for switch in self._ports.emergency.state()],
        )

    def desk(self, agent: str) -> views.Desk:
        """One agent's own view. Raises KeyError for an unknown agent."""
        return views.Desk(
            at=self._ports.now(),
            agent=self.board.agent(agent),
            call=self.board.desk_call(agent),
            # Whom one speaks to is known in full; of past callers only what their record shows.
            recent=[
                talk.model_copy(update={"caller": masked(talk.caller)})
                for talk in self.board.recent(agent)
            ],
            breaks=[
                views.BreakChoice(id=rule.id, name=dict(rule.name), minutes=rule.minutes)
                for rule in self._ports.company.routing.breaks
            ],
        )

    def tell(self) -> None:
        """Send what changed since the last call to every page, or a beat when it is time."""
        now = self._ports.now()
        self.board.pass_time(now)
        changes = self.board.take_changes()
        if self._clients:
            self._last_watched = now
        if changes and abs(now - self._last_watched) > UNWATCHED:
            self.n += 1
            self._ring = Ring(RING)
        elif changes:
            self._tell_changes(changes, now)
        elif now - self._last_sent >= BEAT or now < self._last_sent:
            beat = views.Beat(epoch=self.epoch, n=self.n, at=now)
            self._broadcast(text_frame(beat.model_dump_json().encode()))
            self._last_sent = now

    def _tell_changes(self, changes: Changes, now: float) -> None:
        self.n += 1
        self._last_sent = now
        delta = self._delta(changes, now)
        supervisors = delta.model_copy(
            update={
                "contacts": [
                    view
                    for contact in sorted(changes.contacts)
                    if (view := self.board.contact(contact)) is not None
                ],
                "gone": sorted(changes.gone),
            }
        )
        change = Numbered(
            self.n,
            text_frame(delta.model_dump_json(exclude_defaults=False).encode()),
            text_frame(supervisors.model_dump_json().encode()),
        )
        self._ring.push(change)
        self._broadcast(change.for_all, change.for_supervisors)
        for client in list(self._clients):
            if client.agent and (changes.all or client.agent in changes.agents):
                self._send_desk(client)

    def _delta(self, changes: Changes, now: float) -> views.Delta:
        company = self.board.company
        queues = [q for q in company.queues if changes.all or q in changes.queues]
        agents = [a for a in company.agents if changes.all or a in changes.agents]
        return views.Delta(
            epoch=self.epoch,
            n=self.n,
            at=now,
            loaded=self.loaded,
            queues=[self.board.queue(queue, now) for queue in queues],
            agents=[self.board.agent(agent) for agent in agents],
            totals=self.board.totals(now),
            trend=self.board.trend() if changes.all or queues else None,
        )

    async def _tell_on(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), BEAT / 4)
            self._news.clear()
            try:
                self.tell()
            except Exception as error:
                self.fault = f"{type(error).__name__}: {error}"
                logger.exception("pages could not be told")
            await asyncio.sleep(PACE)

    # -- pages ----------------------------------------------------------------------------

    @property
    def watching(self) -> int:
        """How many pages are open."""
        return len(self._clients)

    def join(self, client: _Client, epoch: str, after: int) -> None:
        """Add a page: it gets what it missed, or the whole picture."""
        # What is gathered but not yet told is part of the snapshot, and would come once more as
        # a change; lines are whole, so nothing is counted twice.
        missed = self._ring.after(after, self.n) if epoch == self.epoch else None
        if missed is None:
            self._send(client, self._whole(client))
        for change in missed or ():
            self._send(client, change.for_supervisors if client.supervises else change.for_all)
        self._clients.add(client)
        self._send_desk(client)

    def leave(self, client: _Client) -> None:
        """Forget a page."""
        self._clients.discard(client)

    def _whole(self, client: _Client) -> bytes:
        picture = self.snapshot(supervises=client.supervises)
        return text_frame(picture.model_dump_json().encode())

    def _send_desk(self, client: _Client) -> None:
        if client.agent in self.board.company.agents:
            self._send(client, text_frame(self.desk(client.agent).model_dump_json().encode()))

    def _send(self, client: _Client, frame: bytes) -> None:
        if not client.send(frame):
            self._clients.discard(client)

    def _broadcast(self, for_all: bytes, for_supervisors: bytes | None = None) -> None:
        for client in list(self._clients):
            own = for_supervisors if client.supervises and for_supervisors else for_all
            self._send(client, own)

    async def close(self) -> None:
        """Say goodbye to every page: the server stops."""
        for client in list(self._clients):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(
                    client.socket.close(code=WSCloseCode.GOING_AWAY, message=b"stopping"), 1.0
                )
        self._clients.clear()


LIVE = web.AppKey("live", Live)


class LiveQuery(views.View):
    """What a page saw last."""

    epoch: str = Field(default="", max_length=64)
    after: int = Field(default=0, ge=0, le=2**53)


async def read_board(call: Call) -> Answer:
    """The whole picture as of now: what the WebSocket sends first."""
    return call.request.app[LIVE].snapshot(supervises=call.supervises)


async def watch(call: Call) -> Answer:
    """A WebSocket: a snapshot (or what was missed), then numbered changes and beats."""
    query, live = call.query_as(LiveQuery), call.request.app[LIVE]
    # Small frames from the client only: it has nothing to say but pongs and "close".
    socket = web.WebSocketResponse(heartbeat=20.0, compress=False, max_msg_size=1024)
    await socket.prepare(call.request)
    transport = call.request.transport
    if transport is None:
        return socket
    client = _Client(socket, transport, call.supervises, call.who.agent)
    live.join(client, query.epoch, query.after)
    watcher = asyncio.create_task(_close_with_session(call, socket), name="session of a live page")
    try:
        async for _ in socket:
            pass  # nothing a page says is of interest
    finally:
        live.leave(client)
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
    return socket


async def _close_with_session(call: Call, socket: web.WebSocketResponse) -> None:
    """End the socket when its session has ended: signed out elsewhere, disabled, or too old."""
    while not socket.closed:
        await asyncio.sleep(RECHECK)
        try:
            session: Session | None = await session_of(call.request)
        except Exception:
            logger.warning("a live page's session cannot be checked; it goes on")
            continue
        if session is None:
            await socket.close(code=SESSION_OVER, message=b"signed out")


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/board",
        run=read_board,
        summary="Everything a live page shows",
        answer=views.Board,
    ),
    Route(
        method="GET",
        path="/api/v1/live",
        run=watch,
        summary="WebSocket: snapshot, then numbered deltas, beats and the agent's desk",
        query=LiveQuery,
    ),
)
