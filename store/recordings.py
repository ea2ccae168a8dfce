"""What is filed of recorded talks: the recording, the wish for its text, the text of each leg.

Two programs meet here: the controller files recordings and asks for their text, a transcriber
claims the wish for a limited time (a lease), renews it while it works, and files the text.
"""

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from store.database import Database
from store.schema import recordings, transcription_jobs, transcripts

_jobs = transcription_jobs.c


class Leg(enum.StrEnum):
    """One side of a talk."""

    CUSTOMER = "customer"
    AGENT = "agent"


class JobState(enum.StrEnum):
    """How far the wish for a text is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded talk; keyed by contact and offer.

    A message that the caller left is one, too, with the customer's leg alone: talks count their
    offers from 1 up, messages from 0 down.
    """

    contact: str
    offer: int
    agent: str
    language: str  # of the queue entry, "" when not known
    folder: str  # below the recordings folder
    seconds: float
    talked: float  # by the event log; -1 when it does not say
    fault: str
    started_at: float  # Unix seconds

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The sides that there are."""
        return (Leg.AGENT, Leg.CUSTOMER) if self.offer > 0 else (Leg.CUSTOMER,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The text of one leg; ``segments`` are ``{start, end, text}``, seconds from the start."""

    contact: str
    offer: int
    leg: Leg
    language: str
    engine: str
    model: str
    text: str
    segments: Sequence[Mapping[str, Any]]
    fault: str
    made_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A recording whose text a worker has undertaken to make, for the ``attempts``-th time."""

    recording: Recording
    attempts: int


class RecordingStore:
    """The tables of recordings, transcription jobs and transcripts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def file(self, recording: Recording, *, now: float, transcribe: bool) -> bool:
        """Store a recording and the wish for its text; False when it was already there."""
        job = {
            "contact": recording.contact,
            "offer": recording.offer,
            "state": JobState.PENDING,
            "claimed_by": "",
            "claimed_at": 0.0,
            "attempts": 0,
            "made_at": now,
        }
        statement = self._insert(recordings).values(**asdict(recording))

        def write(connection: Connection) -> bool:
            filed = connection.execute(statement.on_conflict_do_nothing()).rowcount
            if filed and transcribe:
                connection.execute(insert(transcription_jobs).values(**job))
            return bool(filed)

        return await self._database.write(write)

    async def file_message(
        self, contact: str, folder: str, *, language: str, seconds: float, at: float, now: float
    ) -> int:
        """Store a message in ``folder`` and the wish for its text, once; the offer it got."""
        known = [each for each in await self.of_contact(contact) if each.offer <= 0]
        if same := [each.offer for each in known if each.folder == folder]:
            return same[0]
        message = Recording(
            contact=contact,
            offer=min((each.offer - 1 for each in known), default=0),
            agent="",
            language=language,
            folder=folder,
            seconds=seconds,
            talked=-1.0,
            fault="",
            started_at=at,
        )
        await self.file(message, now=now, transcribe=True)
        return message.offer

    async def of_contact(self, contact: str) -> list[Recording]:
        """The contact's recordings, in the order of its offers."""
        query = select(recordings).where(recordings.c.contact == contact)
        rows = await self._database.rows(query.order_by(recordings.c.offer))
        return [_recording(row) for row in rows]

    async def get(self, contact: str, offer: int) -> Recording | None:
        """One recording."""
        return next((r for r in await self.of_contact(contact) if r.offer == offer), None)

    async def transcripts(self, contact: str) -> list[Transcript]:
        """The texts of all talks of a contact; of each the agent's leg, then the customer's."""
        query = select(transcripts).where(transcripts.c.contact == contact)
        rows = await self._database.rows(query.order_by(transcripts.c.offer, transcripts.c.leg))
        fields = [dict(row._mapping) for row in rows]
        return [Transcript(**{**each, "leg": Leg(each["leg"])}) for each in fields]

    async def job_state(self, contact: str, offer: int) -> JobState | None:
        """How far the wish for a text is; None when there is none."""
        query = select(_jobs.state).where(_is_job(contact, offer))
        row = await self._database.first(query)
        return None if row is None else JobState(row[0])

    # -- for workers ---------------------------------------------------------------------------

    async def claim(self, worker: str, *, now: float, lease: float) -> Claim | None:
        """Undertake the oldest wish that nobody works on; None when there is none.

        Whoever has not renewed for ``lease`` seconds is taken for dead.
        """
        free = or_(
            _jobs.state == JobState.PENDING,
            and_(_jobs.state == JobState.RUNNING, _jobs.claimed_at < now - lease),
        )
        oldest = select(transcription_jobs).where(free).order_by(_jobs.made_at).limit(1)
        if await self._database.first(oldest) is None:  # spares SQLite's write lock when idle
            return None

        def undertake(connection: Connection) -> Claim | None:
            # FOR UPDATE is PostgreSQL's; SQLite has locked the whole file by now.
            job = connection.execute(oldest.with_for_update(skip_locked=True)).first()
            if job is None:
                return None
            connection.execute(
                update(transcription_jobs)
                .where(_is_job(job.contact, job.offer))
                .values(
                    state=JobState.RUNNING,
                    claimed_by=worker,
                    claimed_at=now,
                    attempts=job.attempts + 1,
                )
            )
            filed = select(recordings).where(
                recordings.c.contact == job.contact, recordings.c.offer == job.offer
            )
            recording = _recording(connection.execute(filed).one())
            return Claim(recording=recording, attempts=job.attempts + 1)

        return await self._database.write(undertake)

    async def renew(self, worker: str, contact: str, offer: int, *, now: float) -> bool:
        """Say that the worker still lives; False when the job is no longer its own."""
        mine = and_(_is_job(contact, offer), _jobs.claimed_by == worker)
        return await self._change(mine, claimed_at=now)

    async def workers(self) -> list[str]:
        """Who works on something just now, or died while doing so."""
        query = select(_jobs.claimed_by).where(_jobs.state == JobState.RUNNING).distinct()
        return [row[0] for row in await self._database.rows(query)]

    async def release(self, workers: Collection[str]) -> bool:
        """Give back what these workers undertook; True when there was anything."""
        theirs = and_(_jobs.state == JobState.RUNNING, _jobs.claimed_by.in_(workers))
        return await self._change(theirs, state=JobState.PENDING, claimed_by="")

    async def file_transcripts(self, texts: Sequence[Transcript]) -> None:
        """Store the texts of one talk's legs, in place of earlier ones."""
        rows = [asdict(text) for text in texts]
        statement = self._insert(transcripts)
        key = ("contact", "offer", "leg")
        replaced = {
            column.name: statement.excluded[column.name]
            for column in transcripts.columns
            if column.name not in key
        }
        upsert = statement.on_conflict_do_update(index_elements=key, set_=replaced)
        await self._database.write(lambda connection: connection.execute(upsert, rows))

    async def end_job(self, contact: str, offer: int, state: JobState) -> None:
        """The text is there, or never will be."""
        await self._change(_is_job(contact, offer), state=state, claimed_by="")

    async def _change(self, which: ColumnElement[bool], **values: Any) -> bool:
        jobs = update(transcription_jobs).where(which)
        return bool(await self._database.change(jobs.values(**values)))

    def _insert(self, table: Any) -> Any:
        dialect = postgresql if self._database.dialect == "postgresql" else sqlite
        return dialect.insert(table)


def _is_job(contact: str, offer: int) -> ColumnElement[bool]:
    return and_(_jobs.contact == contact, _jobs.offer == offer)


def _recording(row: Row[Any]) -> Recording:
    return Recording(**dict(row._mapping))
