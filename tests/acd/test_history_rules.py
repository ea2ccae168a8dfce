"""Callers who were here before: the same agent, another queue, a better place."""

import dataclasses

import pytest

from acd.rules import Routing, Rule
from telephony.events import CallerArrived, ContactQueued, MenuFinished
from tests.acd.playbook import Playbook, company

NUMBER = "13800138000"
REPEAT = Rule(
    name="again",
    when={"repeat": "within_24h"},
    same_agent=True,
    wait=20,
    priority=2,
    to="vip",
)
COMPLAINT = Rule(name="open_complaint", when={"complaint": "open"}, to="vip")


@pytest.fixture
def book() -> Playbook:
    plain = company()
    routing = Routing(attributes={"repeat": [], "complaint": []}, rules=[REPEAT, COMPLAINT])
    return Playbook(dataclasses.replace(plain, routing=routing))


def comes(book: Playbook, contact: str, queue: str = "presale", **attributes: str) -> ContactQueued:
    """A call with what is known of the caller; how it was queued."""
    book.tell(CallerArrived(contact=contact, channel=contact, caller=NUMBER, dialled="8000"))
    book.tell(MenuFinished(contact=contact, queue=queue, language="zh-CN", attributes=attributes))
    return [e for e in book.events if isinstance(e, ContactQueued) and e.contact == contact][-1]


def served_by(book: Playbook, agent: str) -> None:
    book.domain.served.note(NUMBER, agent, book.at)


def test_the_same_agent_is_preferred_in_the_queue_that_was_chosen(book: Playbook) -> None:
    served_by(book, "8001")
    book.ready("8001")
    queued = comes(book, "a", repeat="within_24h")
    assert (queued.queue, queued.preferred, queued.preferred_by) == (
        "presale",
        "8001",
        "rule:again",
    )
    assert (queued.priority, queued.why) == (2, "")


def test_without_that_agent_it_goes_a_level_up(book: Playbook) -> None:
    served_by(book, "8001")  # who is not signed in
    queued = comes(book, "a", repeat="within_24h")
    assert (queued.queue, queued.why) == ("vip", "rule:again")


def test_an_agent_of_the_day_before_yesterday_is_no_reason(book: Playbook) -> None:
    served_by(book, "8001")
    book.pass_(86_401)
    book.ready("8001")
    assert comes(book, "a", repeat="within_24h").queue == "vip"


def test_an_open_complaint_leads_to_its_queue_from_any_other(book: Playbook) -> None:
    assert comes(book, "a", complaint="open").queue == "vip"
    assert comes(book, "b").queue == "presale"
    chosen = comes(book, "c", "vip", complaint="open")
    assert (chosen.queue, chosen.why) == ("vip", "rule:open_complaint")
