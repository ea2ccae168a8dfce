"""Who is asked how satisfied they are: after a talk that the agent has ended, once, by rule."""

import dataclasses
from typing import Literal

import pytest

from acd.contact import Contact
from acd.rules import Routing, Survey
from telephony.commands import AskSurvey, NextStep, SayGoodbye
from telephony.events import CallerLeftOver, FollowUpDue, MenuFinished
from tests.acd.playbook import company
from tests.acd.test_callbacks import NUMBER, Office

GOODBYE = SayGoodbye(say=("goodbye",), language="zh-CN")
SURVEY = Survey(flow="survey", days=7)


def office(
    of_queue: Survey | Literal[False] | None = None, of_house: Survey | None = SURVEY
) -> Office:
    plain = company()
    queues = {
        name: queue.model_copy(update={"survey": of_queue}) for name, queue in plain.queues.items()
    }
    made = Office()
    rules = dataclasses.replace(plain, queues=queues, routing=Routing(survey=of_house))
    made.take(made.distribution.adopt(rules, made.at))
    made.company = rules
    return made


def talk(book: Office, contact: str = "a") -> NextStep:
    """8001 answers and hangs up; what the caller's dialplan is told."""
    book.ready("8001")
    book.dials(contact)
    book.answer(contact)
    book.pass_(30)
    return book.agent_hangs_up(contact)


def test_the_talk_that_has_ended_is_named() -> None:
    assert talk(office()) == AskSurvey(
        flow="survey", days=7, language="zh-CN", caller=NUMBER, queue="presale", agent="8001",
        offer=1,
    )  # fmt: skip


def test_a_queue_has_its_own_survey_or_none() -> None:
    own = talk(office(Survey(flow="short", days=1)))
    assert isinstance(own, AskSurvey)
    assert (own.flow, own.days) == ("short", 1)
    assert talk(office(of_queue=False)) == GOODBYE
    assert talk(office(of_house=None)) == GOODBYE


def test_nobody_is_asked_twice_in_one_call() -> None:
    book = office()
    book.ready("8001")
    book.dials("a")
    book.answer("a")
    assert isinstance(book.tell(CallerLeftOver(contact="a")), AskSurvey)
    assert book.tell(CallerLeftOver(contact="a")) == GOODBYE
    assert Contact.from_plain(book.of("a").plain()).surveyed
    book.tell(MenuFinished(contact="a", queue="presale", language="zh-CN"))  # pressed 0
    book.ready("8002")
    book.answer("a")
    assert book.agent_hangs_up("a") == GOODBYE


def test_a_share_of_the_talks() -> None:
    asked = 0
    for number in range(60):
        asked += isinstance(talk(office(Survey(flow="survey", share=0.5)), f"c{number}"), AskSurvey)
    assert 15 < asked < 45


def test_who_was_never_answered_is_not_asked() -> None:
    book = office()
    book.dials("a")
    assert not isinstance(book.tell(CallerLeftOver(contact="a")), AskSurvey)


def test_whom_we_have_called_is_not_asked() -> None:
    book = office()
    book.tell(
        FollowUpDue(
            contact="f.1", task="f", caller=NUMBER, queue="presale", language="zh-CN",
            why="rule:x", attributes={"follow_up": "follow_up"},
        )
    )  # fmt: skip
    book.ready("8001")
    book.reached("f.1")
    book.bridged("f.1")
    assert book.agent_hangs_up("f.1") == GOODBYE


@pytest.mark.parametrize("stranger", ["nobody"])
def test_a_caller_whom_nobody_knows_hears_goodbye(stranger: str) -> None:
    assert office().tell(CallerLeftOver(contact=stranger)) == GOODBYE
