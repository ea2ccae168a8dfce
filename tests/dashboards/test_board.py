"""The board's fold: every figure on a page is the figure of the event log."""

import random

import pytest

from acd.company import Company
from acd.figures import Figures
from dashboards.board import BIN, Board
from telephony.events import AgentState, CallStage, QueueEnd
from tests.acd.test_callbacks import Office
from tests.dashboards.conftest import NOW
from tests.dashboards.story import Day, busy_day


def midnight(at: float) -> float:
    return at - (at + 8 * 3600) % 86_400  # Shanghai has no summer time


def board_of(company: Company, day: Day) -> Board:
    board = Board(company, midnight, day.in_order()[0].at)
    for event in day.in_order():
        board.apply(event)
    return board


@pytest.fixture
def day(company: Company) -> Day:
    return Day(company)


def test_a_call_is_shown_waiting_then_ringing_then_talking_then_gone(
    company: Company, day: Day
) -> None:
    board = Board(company, midnight, NOW)
    seen = []

    def show(upto: float) -> None:
        for event in day.in_order():
            if event.at <= upto:
                board.apply(event)
        day.events.clear()
        line = board.queue("order", upto)
        view = board.contact(contact)
        seen.append((line.waiting, line.ringing, line.talking, view.stage if view else None))

    day.sign_in(NOW, "8002")
    contact = day.arrive(NOW + 2)
    show(NOW + 3)
    day.queue(NOW + 10, contact, "order")
    show(NOW + 10)
    day.offer(NOW + 11, contact, "8002")
    show(NOW + 11)
    day.answer(NOW + 14, contact, "8002", 4.0)
    show(NOW + 14)
    day.part(NOW + 60, contact, "8002", 46.0)
    show(NOW + 61)
    assert seen == [
        (0, 0, 0, CallStage.MENU),
        (1, 0, 0, CallStage.WAITING),
        (1, 1, 0, CallStage.OFFERED),
        (0, 0, 1, CallStage.TALKING),
        (0, 0, 0, None),
    ]
    line = board.queue("order", NOW + 61)
    assert (line.offered, line.answered, line.service_level, line.asa) == (1, 1, 1.0, 4.0)


def test_the_lines_are_the_figures_of_the_same_events(company: Company) -> None:
    day = busy_day(company, NOW, hours=2)
    board = board_of(company, day)
    figures = Figures({queue.id: queue.threshold for queue in company.queues.values()})
    figures.extend(day.in_order())
    assert figures.imbalance == 0
    for queue in company.queues:
        line, wanted = board.queue(queue, NOW), figures.queue(queue, NOW)
        assert (line.waiting, line.ringing, line.talking, line.offered) == (
            wanted.waiting,
            wanted.ringing,
            wanted.talking,
            wanted.offered,
        )
        assert {end: getattr(line, end) for end in QueueEnd} == wanted.ends
        assert line.offered == line.waiting + sum(getattr(line, end) for end in QueueEnd)
        assert line.service_level == pytest.approx(wanted.service_level, abs=1e-4)
        if line.oldest:
            assert NOW - line.oldest == pytest.approx(wanted.longest_wait)


def test_totals_are_the_sum_of_all_lines(company: Company) -> None:
    board = board_of(company, busy_day(company, NOW, hours=2))
    lines, totals = board.queues(NOW), board.totals(NOW)
    assert totals.answered == sum(line.answered for line in lines) > 0
    assert totals.waiting == sum(line.waiting for line in lines) == 5
    waits = sum((line.asa or 0) * line.answered for line in lines)
    assert totals.asa == pytest.approx(waits / totals.answered, abs=0.1)
    assert sum(totals.agents.values()) == len(company.agents)
    best = max(line.service_level for line in lines if line.service_level is not None)
    worst = min(line.service_level for line in lines if line.service_level is not None)
    assert totals.service_level is not None
    assert worst <= totals.service_level <= best


def test_only_lines_that_changed_are_named(company: Company, day: Day) -> None:
    day.sign_in(NOW, "8001")
    contact = day.arrive(NOW + 2)
    day.queue(NOW + 10, contact, "order")
    board = board_of(company, day)
    board.take_changes()
    assert not board.take_changes()
    day.events.clear()
    day.offer(NOW + 11, contact, "8001")
    for event in day.in_order():
        board.apply(event)
    changes = board.take_changes()
    assert changes.agents == {"8001"}
    assert changes.contacts == {contact}
    assert changes.queues == company.queues_of("8001")


def test_every_change_of_a_view_is_named(company: Company) -> None:
    """Whatever happens, a line that looks different is among the changes: nothing goes stale."""
    day = busy_day(company, NOW, hours=1)
    board = Board(company, midnight, day.in_order()[0].at)
    dice = random.Random(3)
    queues = {line.id: line for line in board.queues(NOW)}
    agents = {line.id: line for line in board.agents()}
    contacts: dict[str, object] = {}
    for event in day.in_order():
        board.apply(event)
        if dice.random() < 0.5:
            continue
        changes = board.take_changes()
        for line in board.queues(NOW):
            assert line == queues[line.id] or changes.all or line.id in changes.queues, event
            queues[line.id] = line
        for agent in board.agents():
            assert agent == agents[agent.id] or changes.all or agent.id in changes.agents, event
            agents[agent.id] = agent
        now_there = {view.id: view for view in board.contacts()}
        assert set(contacts) - set(now_there) <= changes.gone
        for key, view in now_there.items():
            assert view == contacts.get(key) or key in changes.contacts, event
        contacts = dict(now_there)


def test_midnight_begins_new_counts_and_keeps_who_waits_and_who_is_there(
    company: Company, day: Day
) -> None:
    before = midnight(NOW) + 86_400 - 60
    day.sign_in(before, "8003")
    done = day.arrive(before)
    day.queue(before + 5, done, "order")
    day.give_up(before + 40, done, 35.0)
    waiting = day.arrive(before + 41)
    day.queue(before + 50, waiting, "order")
    board = board_of(company, day)
    board.pass_time(before + 70)
    line = board.queue("order", before + 70)
    assert (line.abandoned, line.offered, line.waiting) == (0, 1, 1)
    assert board.agent("8003").state is AgentState.READY
    assert board.take_changes().all


def test_the_trend_has_the_last_hour_in_slices(company: Company, day: Day) -> None:
    start = NOW - NOW % BIN
    for minute in (1, 2, 7):
        contact = day.arrive(start + minute * 60)
        day.queue(start + minute * 60 + 5, contact, "returns")
        day.give_up(start + minute * 60 + 25, contact, 20.0)
    board = board_of(company, day)
    assert [slot.abandoned for slot in board.trend()[-2:]] == [2, 1]
    board.pass_time(start + 3 * 3600)
    assert sum(slot.queued for slot in board.trend()) == 0
    assert len(board.trend()) == 12


def test_the_desk_shows_the_call_until_the_notes_are_done(company: Company, day: Day) -> None:
    day.sign_in(NOW, "8003")
    contact = day.arrive(NOW + 5, "13912345678")
    day.queue(NOW + 10, contact, "order")
    day.offer(NOW + 12, contact, "8003")
    day.answer(NOW + 15, contact, "8003", 5.0)
    day.part(NOW + 45, contact, "8003", 30.0)
    board = board_of(company, day)
    call = board.desk_call("8003")
    assert call is not None
    assert (call.caller, call.queue) == ("13912345678", "order")
    assert board.contact(contact) is None, "the caller is no longer on the line"
    assert [talk.talked for talk in board.recent("8003")] == [30.0]
    day.events.clear()
    day.state(NOW + 60, "8003", AgentState.READY)
    board.apply(day.events[0])
    assert board.desk_call("8003") is None
    assert not board._contacts, "nothing is kept of an ended contact"


def test_a_callback_is_shown_as_such_until_the_customer_is_on_the_line(company: Company) -> None:
    office = Office()
    board = Board(office.company, midnight, office.at)
    seen: list[tuple[str, int]] = []

    def show() -> None:
        for event in office.events:
            board.apply(event)
        office.events.clear()
        view = board.contact("a")
        line = board.queue("presale", office.at)
        stage = view.stage.value if view else "gone"
        if not seen or seen[-1] != (stage, line.to_call_back):
            seen.append((stage, line.to_call_back))

    office.asks("a")
    show()
    office.ready("8001")
    show()
    office.customer_leg_gone("a", 17)
    show()
    office.pass_(61)
    show()
    office.reached("a")
    show()
    office.answer("a")
    show()
    office.agent_hangs_up("a")
    show()
    assert seen == [
        ("callback", 1), ("calling", 1), ("callback", 1), ("calling", 1), ("talking", 0),
        ("gone", 0),
    ]  # fmt: skip
