"""A ``queue_log`` as recorded events, as if this house had distributed those calls. Pure.

The log knows less than we record: no menu, no wrap-up, no skills. What it says is taken, nothing
is invented: an agent's ring began as long before the answer as the row says, notes after a call
take no time, and a contact without an end in the log has none here. What the log tells in one row
and we in two steps (arrived, then queued; signed in, then ready) is a moment apart.
"""

import gzip
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acd.talks import SHORT_ABANDON
from store.source import Problem
from telephony.events import (
    AgentState,
    AgentStateChanged,
    CallStage,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    OfferEnd,
    OfferEnded,
    OfferMade,
    Party,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
    TalkEnded,
)

#: Seconds between two steps that are one row of the log.
MOMENT = 0.001
#: Rows that say nothing about a call or an agent's state.
_PASSED_OVER = frozenset(
    {"QUEUESTART", "CONFIGRELOAD", "DID", "INFO", "SYSCOMPAT", "RINGCANCELED", "ABANDONED",
     "ADDPENALTY", "MEMBERPENALTY", "PENALTY", "TRANSFERRED"}
)  # fmt: skip
_CALLS_LEFT = {
    "ABANDON": (QueueEnd.ABANDONED, 2),
    "EXITWITHTIMEOUT": (QueueEnd.TIMED_OUT, 2),
    "EXITEMPTY": (QueueEnd.REFUSED, 2),
    "EXITWITHKEY": (QueueEnd.OVERFLOWED, 3),
}
"""Event -> how the queue entry ended, and which field has the seconds waited."""
_TALKED = {
    "COMPLETEAGENT": (Party.AGENT, 1),
    "COMPLETECALLER": (Party.CALLER, 1),
    "TRANSFER": (Party.AGENT, 3),
    "BLINDTRANSFER": (Party.AGENT, 3),
    "ATTENDEDTRANSFER": (Party.AGENT, 3),
}
"""Event -> who ended the talk, and which field has its seconds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a queue_log."""

    at: float
    call: str
    queue: str
    agent: str
    event: str
    data: tuple[str, ...]
    file: Path
    line: int

    def seconds(self, index: int) -> float:
        """A field as seconds. Raises ValueError."""
        text = self.data[index] if index < len(self.data) else ""
        if not re.fullmatch(r"\d+(\.\d+)?", text):
            raise ValueError(f"'{text}' is no number of seconds")
        return float(text)


def read_rows(files: Iterable[Path], problems: list[Problem]) -> list[Row]:
    """The rows of all files in the order of their time; the same row of two files comes once.

    Rotated and gzipped files may come in any order. What is no row goes to ``problems``.
    """
    rows: list[Row] = []
    seen: set[str] = set()
    for file in files:
        here: set[str] = set()
        for number, text in enumerate(_text(file, problems).splitlines(), start=1):
            if not text.strip() or text in seen:
                continue
            here.add(text)
            words = text.strip().split("|")
            if len(words) < 5 or not re.fullmatch(r"\d{9,11}(\.\d+)?", words[0]):
                problems.append(
                    Problem(
                        file=file,
                        line=number,
                        text="is no row of a queue_log: time|call|queue|agent|EVENT|…",
                        mend="it is left out",
                        warning=True,
                    )
                )
                continue
            at, call, queue, agent, event, *data = words
            rows.append(Row(float(at), call, queue, agent, event, tuple(data), file, number))
        seen |= here
    return sorted(rows, key=lambda row: row.at)


def _text(file: Path, problems: list[Problem]) -> str:
    try:
        raw = file.read_bytes()
        return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode(errors="replace")
    except (OSError, EOFError) as error:
        text, mend = f"cannot be read: {error}", "correct its name, or leave it out"
        problems.append(Problem(file=file, line=1, text=text, mend=mend))
        return ""


@dataclass(slots=True)
class _Entry:
    queue: str
    entered: float
    offers: int = 0
    agent: str = ""  # talking with


@dataclass(slots=True)
class History:
    """Folds rows into events.

    Args:
        queue_of: a queue's id by the name in the log; None for one that is not imported.
        agent_of: an agent's extension by the log's word for them; "" when there is none.
        static: extensions of the members that stand in queues.conf: signed in all the time.
    """

    queue_of: Callable[[str], str | None]
    agent_of: Callable[[str], str]
    static: Collection[str] = ()
    problems: list[Problem] = field(default_factory=list)
    events: list[RecordedEvent] = field(default_factory=list)
    _calls: dict[str, _Entry] = field(default_factory=dict)
    _states: dict[str, AgentState] = field(default_factory=dict)
    _member_of: dict[str, set[str]] = field(default_factory=dict)

    def take(self, rows: Sequence[Row]) -> None:
        """All rows, in the order of their time."""
        for agent in self.static if rows else ():
            self._come(rows[0].at - MOMENT, agent)
        for row in rows:
            try:
                self._take(row)
            except ValueError as error:
                self.problems.append(
                    Problem(
                        file=row.file,
                        line=row.line,
                        text=f"{row.event}: {error}",
                        mend="it is left out",
                        warning=True,
                    )
                )
        self.events.sort(key=lambda event: event.at)  # rings began before their rows

    @property
    def unfinished(self) -> int:
        """Contacts that still wait or talk where the log ends."""
        return len(self._calls)

    def _take(self, row: Row) -> None:
        if row.event in _PASSED_OVER:
            return
        if row.event in ("ADDMEMBER", "AGENTLOGIN", "AGENTCALLBACKLOGIN"):
            self._signed_in(row)
        elif row.event in ("REMOVEMEMBER", "AGENTLOGOFF", "AGENTCALLBACKLOGOFF"):
            self._signed_out(row)
        elif row.event in ("PAUSE", "PAUSEALL"):
            self._change(row.at, self._agent(row), AgentState.NOT_READY, row.data[0] or "break"
                         if row.data else "break")  # fmt: skip
        elif row.event in ("UNPAUSE", "UNPAUSEALL"):
            self._change(row.at, self._agent(row), AgentState.READY, "")
        elif row.event == "ENTERQUEUE":
            self._enter(row)
        elif row.event == "RINGNOANSWER":
            self._missed(row)
        elif row.event == "CONNECT":
            self._answered(row)
        elif row.event in _CALLS_LEFT:
            self._left(row)
        elif row.event in _TALKED:
            self._talked(row)
        else:
            raise ValueError("is no event of app_queue that is known here")

    # -- calls ---------------------------------------------------------------------------------

    def _enter(self, row: Row) -> None:
        queue = self._queue(row)
        if (before := self._calls.pop(row.call, None)) is None:
            caller = re.sub(r"\D", "", row.data[1]) if len(row.data) > 1 else ""
            self.events.append(
                ContactArrived(
                    at=row.at - MOMENT, contact=row.call, channel="", caller=caller, dialled=""
                )
            )
        elif not before.agent:  # went on to another queue without a word
            self._end_entry(row.call, before, row.at, QueueEnd.OVERFLOWED)
        self._calls[row.call] = _Entry(queue, row.at)
        self.events.append(
            ContactQueued(
                at=row.at, contact=row.call, queue=queue, language="", priority=0, requires={}
            )
        )

    def _offer(self, row: Row, entry: _Entry, agent: str, rang: float) -> None:
        entry.offers += 1
        self._come(max(entry.entered, row.at - rang) - 2 * MOMENT, agent)
        self.events.append(
            OfferMade(
                at=max(entry.entered, row.at - rang),
                contact=row.call,
                queue=entry.queue,
                agent=agent,
                offer=entry.offers,
                reason={"rule": "app_queue"},
            )
        )

    def _missed(self, row: Row) -> None:
        entry, agent = self._entry(row), self._agent(row)
        rang = row.seconds(0) / 1000
        if rang <= 0:
            return  # the phone was never rung
        self._offer(row, entry, agent, rang)
        self.events.append(
            OfferEnded(
                at=row.at,
                contact=row.call,
                queue=entry.queue,
                agent=agent,
                offer=entry.offers,
                result=OfferEnd.TIMED_OUT,
                rang=rang,
            )
        )

    def _answered(self, row: Row) -> None:
        entry, agent = self._entry(row), self._agent(row)
        waited, rang = row.seconds(0), row.seconds(2) if len(row.data) > 2 else 0.0
        self._offer(row, entry, agent, rang)
        entry.agent = agent
        self.events.append(
            ContactAnswered(
                at=row.at,
                contact=row.call,
                queue=entry.queue,
                agent=agent,
                offer=entry.offers,
                waited=waited,
            )
        )
        self._end_entry(row.call, entry, row.at, QueueEnd.ANSWERED, waited)
        self._change(row.at, agent, AgentState.TALKING, entry.queue, row.call)

    def _talked(self, row: Row) -> None:
        entry = self._entry(row)
        if not entry.agent:
            raise ValueError(f"the call {row.call} was never answered")
        by, index = _TALKED[row.event]
        self.events.append(
            TalkEnded(
                at=row.at,
                contact=row.call,
                queue=entry.queue,
                agent=entry.agent,
                offer=entry.offers,
                by=by,
                talked=row.seconds(index),
            )
        )
        self._change(row.at, entry.agent, AgentState.WRAP_UP, entry.queue, row.call)
        self._change(row.at, entry.agent, AgentState.READY, "wrap_up_over")
        self._end(row, CallStage.AFTER)

    def _left(self, row: Row) -> None:
        entry = self._entry(row)
        end, index = _CALLS_LEFT[row.event]
        waited = row.seconds(index)
        if end is QueueEnd.ABANDONED and waited < SHORT_ABANDON:
            end = QueueEnd.SHORT_ABANDONED
        self._end_entry(row.call, entry, row.at, end, waited)
        hung_up = row.event == "ABANDON"
        self._end(row, CallStage.WAITING if hung_up else CallStage.AFTER)

    def _end_entry(
        self, call: str, entry: _Entry, at: float, end: QueueEnd, waited: float | None = None
    ) -> None:
        self.events.append(
            QueueEntryEnded(
                at=at,
                contact=call,
                queue=entry.queue,
                end=end,
                waited=at - entry.entered if waited is None else waited,
            )
        )

    def _end(self, row: Row, stage: CallStage) -> None:
        del self._calls[row.call]
        self.events.append(ContactEnded(at=row.at, contact=row.call, stage=stage, cause=0))

    # -- agents --------------------------------------------------------------------------------

    def _signed_in(self, row: Row) -> None:
        agent = self._agent(row)
        self._member_of.setdefault(agent, set()).add(row.queue)
        self._come(row.at, agent)

    def _signed_out(self, row: Row) -> None:
        agent = self._agent(row)
        queues = self._member_of.setdefault(agent, set())
        queues.discard(row.queue)
        if not queues or row.queue == "NONE":
            self._change(row.at, agent, AgentState.SIGNED_OUT, "signed_out")

    def _come(self, at: float, agent: str) -> None:
        """The agent signs in and is ready, unless that is so already."""
        if self._states.get(agent, AgentState.SIGNED_OUT) is AgentState.SIGNED_OUT:
            self._change(at, agent, AgentState.NOT_READY, "signed_in")
            self._change(at + MOMENT, agent, AgentState.READY, "")

    def _change(
        self, at: float, agent: str, state: AgentState, reason: str, contact: str = ""
    ) -> None:
        previous = self._states.get(agent, AgentState.SIGNED_OUT)
        if state is previous:
            return
        own = state in (AgentState.NOT_READY, AgentState.READY, AgentState.SIGNED_OUT)
        self._states[agent] = state
        self.events.append(
            AgentStateChanged(
                at=at,
                agent=agent,
                state=state,
                previous=previous,
                reason=reason,
                author=f"agent:{agent}" if own and reason != "wrap_up_over" else "rule:app_queue",
                contact=contact,
            )
        )

    # -- names ---------------------------------------------------------------------------------

    def _entry(self, row: Row) -> _Entry:
        if row.call not in self._calls:
            raise ValueError(f"the call {row.call} never entered a queue in this log")
        return self._calls[row.call]

    def _queue(self, row: Row) -> str:
        queue = self.queue_of(row.queue)
        if queue is None:
            raise ValueError(f"there is no queue {row.queue} in queues.conf")
        return queue

    def _agent(self, row: Row) -> str:
        agent = self.agent_of(row.agent)
        if not agent:
            raise ValueError(f"no extension can be read off {row.agent}")
        return agent


def members_seen(rows: Iterable[Row], agent_of: Callable[[str], str]) -> Mapping[str, set[str]]:
    """Queue's name -> extensions of who was a member or answered there, by the log."""
    found: dict[str, set[str]] = {}
    for row in rows:
        if row.event in ("ADDMEMBER", "CONNECT") and (agent := agent_of(row.agent)):
            found.setdefault(row.queue, set()).add(agent)
    return found


def log_files(path: Path) -> Iterator[Path]:
    """The log itself and its rotated copies beside it: ``queue_log``, ``.1``, ``.2.gz``, dates."""
    beside = sorted(path.parent.glob(f"{path.name}[.-]*")) if path.parent.is_dir() else []
    yield from (file for file in beside if re.fullmatch(r"[.-]\d[\d.-]*(\.gz)?",
                file.name.removeprefix(path.name)))  # fmt: skip
    yield path
