"""Contacts: the list, one whole record, and its recordings."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

import structlog
from aiohttp import web
from pydantic import Field

from dashboards.problems import not_found
from dashboards.record import agents_of, make_record, messages_of, summarise
from dashboards.routes import Answer, Call, Route
from dashboards.views import (
    ContactPage,
    ContactRecord,
    ContactSummary,
    SegmentView,
    TranscriptView,
    View,
)
from telephony.events import RecordedEvent, RecordingFinished

audit = structlog.get_logger("audit")

LEGS = ("customer", "agent", "stereo")

_CONTACT = re.compile(r"[A-Za-z0-9._-]{1,128}")
_PLAY = 600.0
"""Seconds within which further requests of one session for one file are the same play."""
_PLAYS_KEPT = 2_000


class ContactQuery(View):
    """Which part of the contact list."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str = Field(default="", pattern=r"^(\d{1,12}(\.\d{1,9})?)?$")


class Plays:
    """Which plays were already written to the audit log: a player asks for a file in many parts."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}

    def is_new(self, session: str, file: str, now: float) -> bool:
        """Whether this is a play of its own; it is remembered."""
        key = (session, file)
        last = self._seen.pop(key, None)
        self._seen[key] = now
        if len(self._seen) > _PLAYS_KEPT:
            del self._seen[next(iter(self._seen))]
        return last is None or now - last > _PLAY


PLAYS = web.AppKey("plays", Plays)


async def list_contacts(call: Call) -> Answer:
    """Newest first; agents see those that were offered to them."""
    query = call.query_as(ContactQuery)
    before = float(query.cursor) if query.cursor else None
    log = call.ports.log
    if call.supervises:
        contacts = await log.latest_contacts(query.limit, before)
        summaries = await _summaries(call, contacts)
        last = summaries[-1].at if summaries else 0.0
    else:
        found = await log.latest_contacts_of(call.who.agent, query.limit, before)
        summaries = await _summaries(call, [contact for contact, _ in found])
        last = found[-1][1] if found else 0.0
    full = len(summaries) == query.limit
    return ContactPage(contacts=summaries, next=repr(float(last)) if full else "")


async def _summaries(call: Call, contacts: Sequence[str]) -> list[ContactSummary]:
    histories = await call.ports.log.of_contacts(contacts) if contacts else {}
    return [
        summarise(contact, [event for _, event in entries], call.show)
        for contact, entries in histories.items()
    ]


async def read_contact(call: Call) -> Answer:
    """Everything that is known of one contact."""
    contact = call.part("contact")
    events = await _history(call, contact)
    return make_record(
        contact, events, await _transcripts(call, contact), call.ports.company, call.show
    )


async def _history(call: Call, contact: str) -> list[RecordedEvent]:
    """The contact's events. Raises Refusal when there are none, or not for this reader."""
    entries = await call.ports.log.of_contact(contact) if _CONTACT.fullmatch(contact) else []
    events = [event for _, event in entries]
    if not events or not (call.supervises or call.who.agent in agents_of(events)):
        raise not_found("contact")
    return events


async def _transcripts(call: Call, contact: str) -> list[TranscriptView]:
    return [
        TranscriptView(
            offer=row.offer,
            leg="customer" if row.leg == "customer" else "agent",
            language=row.language,
            engine=row.engine,
            model=row.model,
            fault=row.fault,
            text=row.text,
            segments=[SegmentView.model_validate(_segment(part)) for part in row.segments],
        )
        for row in await call.ports.transcripts(contact)
    ]


def _segment(part: object) -> dict[str, object]:
    """A segment as stored, whether as a mapping or as an object of the recordings room."""
    values = (
        part if isinstance(part, dict) else {k: getattr(part, k) for k in ("start", "end", "text")}
    )
    return {key: values[key] for key in ("start", "end", "text")}


async def play_recording(call: Call) -> Answer:
    """One file of a talk's recording or a message; answers ``Range``. Each opening is audited."""
    contact, offer, leg = call.part("contact"), call.part("offer"), call.part("leg")
    folder = _folders(await _history(call, contact)).get(offer)
    if folder is None or leg not in LEGS:
        raise not_found("recording")
    file = file_of(call.ports.recordings, folder, leg)
    if file is None:
        raise not_found("recording")
    if call.request.app[PLAYS].is_new(call.who.csrf, str(file), call.ports.now()):
        audit.info(
            "recording opened", account=call.who.account, contact=contact, offer=offer, leg=leg
        )
    response = web.FileResponse(file, chunk_size=64 * 1024)
    response.content_type = "audio/wav"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Disposition"] = f'inline; filename="{contact}-{offer}-{leg}.wav"'
    return response


def _folders(events: Sequence[RecordedEvent]) -> dict[str, str]:
    """Number of a talk or a message -> its folder, below the recordings folder."""
    talks = {str(e.offer): e.folder for e in events if isinstance(e, RecordingFinished)}
    spoken = {str(offer): str(PurePath(e.file).parent) for offer, e in messages_of(events)}
    return talks | spoken


def file_of(root: Path, folder: str, leg: str) -> Path | None:
    """The file of one leg, or None: missing, or (by a link or ``..``) not below ``root``."""
    base = root.resolve()
    file = (base / folder / f"{leg}.wav").resolve()
    return file if file.is_relative_to(base) and file.is_file() else None


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/contacts",
        run=list_contacts,
        summary="Contacts, newest first",
        query=ContactQuery,
        answer=ContactPage,
    ),
    Route(
        method="GET",
        path="/api/v1/contacts/{contact}",
        run=read_contact,
        summary="One contact: events in order, routing reason, recordings, transcripts",
        answer=ContactRecord,
    ),
    Route(
        method="GET",
        path="/api/v1/recordings/{contact}/{offer}/{leg}.wav",
        run=play_recording,
        summary="Audio of one leg (customer, agent) or of both (stereo); answers Range",
        media_type="audio/wav",
    ),
)
