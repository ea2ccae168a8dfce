"""What desks and boards show while a caller is passed on, fed by the distribution's own events."""

from collections.abc import Callable

import pytest

from dashboards.board import Board
from dashboards.record import Teller, make_record, masked, whole
from dashboards.texts import LANGUAGES
from telephony.events import OUTSIDE, AgentState, CallStage
from tests.acd.transfer_book import TransferBook


@pytest.fixture
def book() -> TransferBook:
    """A caller talks with 8001; 8002 is free."""
    book = TransferBook()
    book.talk()
    book.ready("8002")
    return book


def board(book: TransferBook) -> Board:
    drawn = Board(book.company, lambda at: 0.0, book.at)
    for event in book.events:
        drawn.apply(event)
    return drawn


def test_both_desks_show_who_asks_whom(book: TransferBook) -> None:
    book.ask()
    shown = board(book)
    own, other = shown.desk_call("8001"), shown.desk_call("8002")
    assert own
    assert own.second
    assert (own.second.to, own.second.state, own.asked_by) == ("8002", "ringing", "")
    assert own.second.name == {"zh-CN": "8002", "en": "8002"}
    assert own.held_since == book.at
    assert other
    assert (other.asked_by, other.contact) == ("8001", "c1")
    book.pass_(4)
    book.colleague_answers()
    second = board(book).desk_call("8001").second  # type: ignore[union-attr]
    assert second
    assert (second.state, second.since) == ("talking", book.at)


def test_after_the_hand_over_the_call_is_the_colleagues(book: TransferBook) -> None:
    book.ask()
    book.colleague_answers()
    book.pass_(6)
    book.step("complete")
    book.joins("8002", 2)
    shown = board(book)
    call = shown.desk_call("8002")
    assert call
    assert (call.asked_by, call.second, call.held_since, call.held) == ("", None, None, 0.0)
    assert shown.agent("8001").state is AgentState.WRAP_UP
    assert shown.desk_call("8001")  # still to be noted
    contact = shown.contact("c1")
    assert contact
    assert (contact.agent, contact.stage) == ("8002", CallStage.TALKING)
    book.caller_hangs_up("c1")
    assert board(book).desk_call("8001")
    assert board(book).desk_call("8002")


@pytest.mark.parametrize("leaves, stays", [("8001", "8002"), ("8002", "8001")])
def test_a_conference_goes_on_with_who_stays(book: TransferBook, leaves: str, stays: str) -> None:
    book.conference()
    call = board(book).desk_call("8001")
    assert call
    assert call.second
    assert call.second.state == "conference"
    assert call.held_since is None
    book.leg_gone(leaves)
    contact = board(book).contact("c1")
    assert contact
    assert (contact.agent, contact.stage) == (stays, CallStage.TALKING)


@pytest.mark.parametrize(
    "target, to, stage",
    [
        ("node", "main_menu", CallStage.MENU),
        ("outside", "95588", CallStage.OUTSIDE),
        ("queue", "vip", CallStage.WAITING),
    ],
)
def test_where_a_caller_is_after_being_passed_on(
    book: TransferBook, target: str, to: str, stage: CallStage
) -> None:
    book.pass_on(target, to)
    contact = board(book).contact("c1")
    assert contact
    assert contact.stage is stage


def outside(book: TransferBook) -> None:
    book.ask("95588", "outside")
    book.colleague_answers()
    book.step("complete")
    book.joins(OUTSIDE, 2)
    book.caller_hangs_up("c1")


def on_hold(book: TransferBook) -> None:
    book.hold(on=True)
    book.pass_(3)
    book.hold(on=False)
    book.agent_hangs_up("c1")


def passed_on(book: TransferBook) -> None:
    book.pass_on("queue", "logistics", by="agent:8001")
    book.answer("c1")
    book.agent_hangs_up("c1")


def all_together(book: TransferBook) -> None:
    book.conference()


@pytest.mark.parametrize("story", [outside, on_hold, passed_on, all_together])
def test_every_step_has_a_sentence_in_each_language(
    book: TransferBook, story: Callable[[TransferBook], None]
) -> None:
    story(book)
    teller = Teller(book.company, whole)
    for event in book.events:
        told = teller.event(event)
        for language in LANGUAGES:
            assert told.text[language] != told.kind
            assert "{" not in told.text[language]


def test_a_number_outside_is_masked_like_any(book: TransferBook) -> None:
    book.pass_on("outside", "40012345678")
    record = make_record("c1", book.events, [], book.company, masked)
    (passed,) = [event for event in record.events if event.kind == "ContactTransferred"]
    assert passed.data["to"] == "400****5678"
    assert "40012345678" not in passed.text["en"]


def test_the_summary_tells_hold_and_every_agent(book: TransferBook) -> None:
    book.ask()
    book.colleague_answers()
    book.pass_(6)
    book.step("complete")
    book.joins("8002", 2)
    events = [e for e in book.events if getattr(e, "contact", "") == "c1"]
    summary = make_record("c1", events, [], book.company, whole).summary
    assert summary.held == 6
    assert summary.agents == ["8001", "8002"]
    assert summary.outcome == CallStage.TALKING
