"""Figures against days whose sums can be done by hand."""

import pytest

from acd.figures import Figures
from telephony.events import (
    AgentState,
    AgentStateChanged,
    ContactQueued,
    OfferEnd,
    QueueEnd,
    QueueEntryEnded,
)
from tests.acd.playbook import Playbook


def queued(contact: str, at: float) -> ContactQueued:
    return ContactQueued(at=at, contact=contact, queue="q", language="", priority=0, requires={})


def ended(contact: str, at: float, end: QueueEnd, waited: float) -> QueueEntryEnded:
    return QueueEntryEnded(at=at, contact=contact, queue="q", end=end, waited=waited)


def test_service_level_asa_and_abandonment() -> None:
    figures = Figures({"q": 20})
    day = [
        (QueueEnd.ANSWERED, 10), (QueueEnd.ANSWERED, 20), (QueueEnd.ANSWERED, 60),
        (QueueEnd.ABANDONED, 30), (QueueEnd.SHORT_ABANDONED, 2), (QueueEnd.CALLBACK, 50),
        (QueueEnd.REFUSED, 0), (QueueEnd.TIMED_OUT, 100),
    ]  # fmt: skip
    for number, (end, waited) in enumerate(day):
        figures.apply(queued(str(number), 1000))
        figures.apply(ended(str(number), 1000 + waited, end, waited))
    figures.apply(queued("still", 1100))
    seen = figures.queue("q", 1130)
    assert (seen.offered, seen.waiting, seen.longest_wait) == (9, 1, 30)
    assert seen.service_level == pytest.approx(2 / 5)  # 3 answered, 1 abandoned, 1 timed out
    assert seen.asa == pytest.approx(30)
    assert seen.abandonment_rate == pytest.approx(1 / 8)
    assert figures.contacts_behind("q", QueueEnd.ABANDONED) == ["3"]
    assert figures.imbalance == 0


def test_nothing_yet_is_none_not_zero() -> None:
    seen = Figures({"q": 20}).queue("q", 0)
    assert (seen.service_level, seen.asa, seen.aht, seen.abandonment_rate) == (None,) * 4


def test_aht_is_talk_and_wrap_up_and_occupancy_leaves_breaks_out() -> None:
    book = Playbook()
    book.ready("8001")  # ready one second before the call
    book.call("c1")
    book.answer("c1")
    book.pass_(60)
    book.agent_hangs_up("c1")
    book.pass_(20)  # wrap-up
    book.pass_(19)  # ready, idle
    seen = book.figures.queue("presale", book.at)
    agent = book.figures.agent("8001", book.at)
    assert seen.aht == agent.aht == pytest.approx(80)
    assert agent.occupancy == pytest.approx(80 / 100)
    assert (agent.handled, agent.state) == (1, AgentState.READY)


def test_live_counts_follow_a_call() -> None:
    book = Playbook()
    book.call("c1")
    book.pass_(4)
    assert book.figures.waiting_contacts("presale") == [("c1", book.at - 4)]
    book.ready("8001")
    assert book.figures.queue("presale", book.at).ringing == 1
    book.answer("c1")
    seen = book.figures.queue("presale", book.at)
    assert (seen.waiting, seen.ringing, seen.talking) == (0, 0, 1)
    assert book.figures.agent("8001", book.at).contact == "c1"
    book.agent_hangs_up("c1")
    assert book.figures.queue("presale", book.at).talking == 0


def test_rona_is_counted_per_offer() -> None:
    book = Playbook()
    book.ready("8001", "8002")
    book.call("c1")
    book.returned("c1", OfferEnd.TIMED_OUT)
    book.returned("c1", OfferEnd.TIMED_OUT)
    assert book.figures.queue("presale", book.at).rona == 2
    assert book.figures.agent("8002", book.at).rona == 1


def test_a_new_day_keeps_who_waits_and_forgets_counts() -> None:
    figures = Figures({"q": 20})
    figures.extend([queued("a", 10), ended("a", 12, QueueEnd.ANSWERED, 2), queued("b", 20)])
    figures.start_day(86400)
    seen = figures.queue("q", 86410)
    assert (seen.offered, seen.waiting, seen.ends[QueueEnd.ANSWERED]) == (1, 1, 0)
    assert figures.imbalance == 0


def test_an_event_told_twice_shows_as_imbalance_and_changes_no_count() -> None:
    figures = Figures({"q": 20})
    figures.extend([queued("a", 10), queued("a", 10), ended("a", 12, QueueEnd.ANSWERED, 2)])
    figures.apply(ended("a", 12, QueueEnd.ANSWERED, 2))
    seen = figures.queue("q", 20)
    assert (seen.offered, seen.ends[QueueEnd.ANSWERED]) == (1, 1)
    assert figures.imbalance == 2


def test_an_agents_state_counts_from_the_day_break() -> None:
    figures = Figures({})
    figures.apply(
        AgentStateChanged(
            at=10, agent="8001", state=AgentState.READY, previous=AgentState.NOT_READY,
            reason="", author="agent:8001",
        )
    )  # fmt: skip
    figures.start_day(100)
    assert figures.agent("8001", 150).since == 100
