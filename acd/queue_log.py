"""The queue log: what the distribution did, in the rows that app_queue would have written.

Existing reporting tools read Asterisk's ``queue_log`` (``epoch|callid|queue|agent|EVENT|data…``, as
its documentation of app_queue lists them), so a contact that we distribute leaves the same trace
there as one that ``Queue()`` had served: ENTERQUEUE, RINGNOANSWER, CONNECT, COMPLETEAGENT or
COMPLETECALLER, BLINDTRANSFER, ATTENDEDTRANSFER, ABANDON, EXITWITHTIMEOUT, EXITWITHKEY, EXITEMPTY.
Seconds are whole, except RINGNOANSWER's milliseconds. Membership and pauses are logged by app_queue
itself when the mirror changes them, and talks that the fallback queue connected are its own rows.
"""

from collections import Counter
from dataclasses import dataclass

from telephony.commands import WriteQueueLog
from telephony.events import (
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    ContactTransferred,
    OfferEnd,
    OfferEnded,
    Party,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
    TalkEnded,
)

#: The dialplan's context to which a blind transfer goes, by its target.
_CONTEXTS = {
    "agent": "huawu-wait",
    "queue": "huawu-wait",
    "node": "huawu-menu",
    "outside": "huawu-outside",
}
_ENDS = {
    QueueEnd.ABANDONED: "ABANDON",
    QueueEnd.SHORT_ABANDONED: "ABANDON",
    QueueEnd.TIMED_OUT: "EXITWITHTIMEOUT",
    QueueEnd.CALLBACK: "EXITWITHKEY",
    QueueEnd.OVERFLOWED: "EXITWITHTIMEOUT",  # goes on elsewhere, as after app_queue's timeout
    QueueEnd.REFUSED: "EXITEMPTY",
}


@dataclass(slots=True)
class _Entry:
    queue: str
    position: int  # when it came
    waited: int = 0
    adopted: bool = False


class QueueLog:
    """Folds recorded events, in their order, into rows. Pure."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}  # contact -> caller's number
        self._waiting: dict[str, _Entry] = {}
        self._lengths: Counter[str] = Counter()  # of the queues
        self._talking: dict[str, dict[str, _Entry]] = {}  # contact -> agent -> entry
        self._passed_on: dict[tuple[str, str], ContactTransferred] = {}

    def row(self, event: RecordedEvent) -> WriteQueueLog | None:
        """The row that this event leaves behind, if any."""
        match event:
            case ContactArrived():
                self._numbers[event.contact] = event.caller
            case ContactQueued():
                return self._enter(event)
            case OfferEnded(result=OfferEnd.TIMED_OUT):
                return _row(event, "RINGNOANSWER", str(round(event.rang * 1000)), event.agent)
            case ContactAnswered():
                return self._connect(event)
            case ContactTransferred():
                self._passed_on[event.contact, event.agent] = event
            case TalkEnded():
                return self._complete(event)
            case QueueEntryEnded():
                return self._leave(event)
            case ContactEnded():
                self._numbers.pop(event.contact, None)
                self._talking.pop(event.contact, None)
        return None

    def _enter(self, event: ContactQueued) -> WriteQueueLog:
        if earlier := self._waiting.get(event.contact):
            self._lengths[earlier.queue] -= 1
        self._lengths[event.queue] += 1
        position = self._lengths[event.queue]
        self._waiting[event.contact] = _Entry(event.queue, position)
        return _row(event, "ENTERQUEUE", f"|{self._numbers.get(event.contact, '')}|{position}")

    def _connect(self, event: ContactAnswered) -> WriteQueueLog | None:
        entry = self._waiting.get(event.contact) or _Entry(event.queue, 1)
        entry.waited, entry.adopted = round(event.waited), event.adopted
        self._talking.setdefault(event.contact, {})[event.agent] = entry
        if entry.adopted:
            return None
        return _row(event, "CONNECT", f"{entry.waited}|{event.contact}|0", event.agent)

    def _complete(self, event: TalkEnded) -> WriteQueueLog | None:
        entry = self._talking.get(event.contact, {}).pop(event.agent, None)
        passed_on = self._passed_on.pop((event.contact, event.agent), None)
        if entry is None or entry.adopted:
            return None
        if passed_on:
            return self._transfer(event, passed_on, entry)
        name = "COMPLETECALLER" if event.by is Party.CALLER else "COMPLETEAGENT"
        words = f"{entry.waited}|{round(event.talked + event.held)}|{entry.position}"
        return _row(event, name, words, event.agent)

    def _transfer(
        self, event: TalkEnded, passed_on: ContactTransferred, entry: _Entry
    ) -> WriteQueueLog:
        """As app_queue has it: a transferred call has no COMPLETE row."""
        seconds = f"{entry.waited}|{round(event.talked + event.held)}|{entry.position}"
        if passed_on.how == "attended":
            return _row(event, "ATTENDEDTRANSFER", f"APP|ConfBridge|{seconds}", event.agent)
        words = f"{passed_on.to}|{_CONTEXTS[passed_on.target]}|{seconds}"
        return _row(event, "BLINDTRANSFER", words, event.agent)

    def _leave(self, event: QueueEntryEnded) -> WriteQueueLog | None:
        entry = self._waiting.pop(event.contact, None)
        if entry is None:
            return None
        self._lengths[entry.queue] -= 1
        name = _ENDS.get(event.end)
        if name is None:
            return None
        position = min(entry.position, self._lengths[entry.queue] + 1)
        words = f"{position}|{entry.position}|{round(event.waited)}"
        if name == "EXITWITHKEY":  # no key when a limit led to the callback
            words = f"{event.note.removeprefix('key:') if event.note[:4] == 'key:' else ''}|{words}"
        return _row(event, name, words)


def _row(
    event: ContactQueued | OfferEnded | ContactAnswered | TalkEnded | QueueEntryEnded,
    name: str,
    words: str,
    agent: str = "",
) -> WriteQueueLog:
    return WriteQueueLog(
        contact=event.contact, queue=event.queue, agent=agent, event=name, words=words
    )
