"""Rows that reporting tools for app_queue understand."""

from acd.queue_log import QueueLog
from acd.rules import Exit, LengthLimit, Ring
from telephony.events import OfferEnd
from tests.acd.playbook import Playbook, company
from tests.acd.test_limits import limited
from tests.acd.test_placing import changed


def rows(book: Playbook) -> list[str]:
    log = QueueLog()
    found = [log.row(event) for event in book.events]
    return [f"{r.contact}|{r.queue}|{r.agent or 'NONE'}|{r.event}|{r.words}" for r in found if r]


def test_a_served_call() -> None:
    book = Playbook()
    book.call("c1")
    book.pass_(12)
    book.ready("8001")
    book.answer("c1")
    book.pass_(61)
    book.agent_hangs_up("c1")
    assert rows(book) == [
        "c1|presale|NONE|ENTERQUEUE||1|1",
        "c1|presale|8001|CONNECT|13|c1|0",
        "c1|presale|8001|COMPLETEAGENT|13|61|1",
    ]


def test_ring_no_answer_and_the_caller_ends_the_talk() -> None:
    book = Playbook()
    book.ready("8001", "8002")
    book.call("c1")
    book.land("c1")
    book.pass_(15)
    book.returned("c1", OfferEnd.TIMED_OUT)
    book.answer("c1")
    book.pass_(5)
    book.caller_hangs_up("c1")
    assert rows(book)[1:] == [
        "c1|presale|8001|RINGNOANSWER|15000",
        "c1|presale|8002|CONNECT|15|c1|0",
        "c1|presale|8002|COMPLETECALLER|15|5|1",
    ]


def test_the_second_in_line_gives_up() -> None:
    book = Playbook()
    book.call("c1")
    book.call("c2")
    book.pass_(30)
    book.caller_hangs_up("c2")
    assert rows(book)[-1] == "c2|presale|NONE|ABANDON|2|2|30"


def test_a_wait_that_was_too_long() -> None:
    book = Playbook(company(max_wait=60))
    book.call("c1")
    book.pass_(61)
    book.tick("c1")
    assert rows(book)[-1] == "c1|presale|NONE|EXITWITHTIMEOUT|1|1|60"


def test_who_overflows_or_is_refused_has_left_the_queue() -> None:
    full = LengthLimit(max=1, exit=Exit(announce="queue_full"))
    rings = [Ring(after=30, overflow="presale")]
    book = Playbook(limited(changed("vip", rings=rings), "presale", length=full))
    book.call("c1", "vip")
    book.pass_(30)
    book.call("c2", "presale")
    assert rows(book)[-4:] == [
        "c1|vip|NONE|EXITWITHTIMEOUT|1|1|30",
        "c1|presale|NONE|ENTERQUEUE||1|1",
        "c2|presale|NONE|ENTERQUEUE||1|2",
        "c2|presale|NONE|EXITEMPTY|2|2|0",
    ]


def test_a_place_counts_who_is_there_and_nothing_is_remembered_of_who_has_gone() -> None:
    book = Playbook()
    for contact in ("c1", "c2", "c3"):
        book.call(contact)
    book.pass_(30)
    book.caller_hangs_up("c1")
    book.ready("8001")
    book.answer("c2")
    book.pass_(5)
    book.caller_hangs_up("c2")
    book.call("c4")
    for contact in ("c3", "c4"):
        book.caller_hangs_up(contact)
    entered = [row.rpartition("|")[2] for row in rows(book) if "|ENTERQUEUE|" in row]
    assert entered == ["1", "2", "3", "2"]
    log = QueueLog()
    for event in book.events:
        log.row(event)
    assert not any(value for value in (log._numbers, log._waiting, log._talking, +log._lengths))
