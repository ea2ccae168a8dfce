"""What is kept for a replay comes back as it was; files that are no days are told so."""

import dataclasses
from pathlib import Path

import pytest

from acd.inputs import from_kept, to_kept
from acd.simulation.comparison import as_text, compare
from acd.simulation.recorded import Recorded
from acd.simulation.replay import (
    UnreadableDayError,
    decisions,
    read_events,
    replay,
    write_events,
)
from telephony.commands import NextStep
from telephony.events import (
    AgentState,
    AgentWish,
    AgentWished,
    ContactAnswered,
    InputKept,
    LegFound,
    MenuStepTaken,
    OfferEnd,
    OfferReturned,
    PhoneChanged,
    PictureTaken,
    PlaceWished,
    Question,
    RecordedEvent,
    TimerFired,
    WireEvent,
    from_plain,
    to_plain,
)
from tests.acd.playbook import Playbook, company
from tests.acd.simulation.golden import DAY, rules

AT = 1_000_000.5
PICTURE = PictureTaken(
    at=AT - 1,
    legs=(
        LegFound(
            contact="a",
            channel="ch-a",
            agent="",
            context="huawu-wait",
            application="MusicOnHold",
            bridge="",
            variables={"HUAWU_QUEUE": "presale"},
        ),
    ),
    phones=frozenset({"8001", "8002", "8003", "8004"}),
)


@pytest.mark.parametrize(
    "event",
    [
        PICTURE,
        AgentWished(agent="8001", wish=AgentWish.NOT_READY, reason="lunch", author="agent:8001"),
        OfferReturned(contact="a", result=OfferEnd.NOT_LANDED),
        PhoneChanged(at=AT, agent="8001", reachable=False),
        PlaceWished(contact="a", author="supervisor:mei", priority="vip"),
        TimerFired(key="landing:a"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_kept_input_comes_back_through_the_log(event: object) -> None:
    kept = to_kept(event, AT)  # type: ignore[arg-type]
    stored = from_plain(to_plain(kept))
    assert isinstance(stored, InputKept)
    assert from_kept(stored) == event


def test_a_kept_input_of_a_later_version_is_told() -> None:
    with pytest.raises(ValueError, match="unknown input 'Dreamt'"):
        from_kept(InputKept(at=AT, input="Dreamt", data={}))


class Recorder(Playbook):
    """A playbook whose steps lie apart in time, as on the wires."""

    def tell(self, event: WireEvent | Question) -> NextStep | None:
        self.at += 1e-4
        return super().tell(event)


def same(book: Playbook, events: list[RecordedEvent] | None = None) -> None:
    found = replay(events or book.events, company())
    assert (found.differences, found.unexplained) == ([], [])
    assert found.decisions


def test_an_ordinary_call_needs_nothing_kept() -> None:
    book = Recorder()
    book.ready("8001")
    book.call("a")
    book.answer("a")
    book.pass_(40)
    book.agent_hangs_up("a")
    book.pass_(30)
    assert not any(isinstance(event, InputKept) for event in book.events)
    same(book)


def test_what_leaves_no_event_is_kept_when_it_matters() -> None:
    book = Recorder()
    book.ready("8001")
    book.call("a")
    book.pass_(3)  # never lands: the contact is doubtful
    book.tick("a")  # heard of again, and offered again at once
    book.answer("a")
    book.wish("8001", AgentWish.NOT_READY, "lunch")  # during the talk
    book.pass_(40)
    book.caller_hangs_up("a")
    book.pass_(30)
    assert book.state("8001") is AgentState.NOT_READY
    kept = [event.input for event in book.events if isinstance(event, InputKept)]
    assert kept == ["TimerFired", "NextStepAsked", "AgentWished", "TimerFired"]
    same(book)


def test_pictures_are_kept_when_they_change_something_and_only_then() -> None:
    book = Recorder()
    book.tell(PICTURE)  # a caller whom nobody remembers
    book.pass_(5)
    before = len(book.events)
    book.tell(PICTURE)
    assert len(book.events) == before
    book.ready("8001")
    book.answer("a")
    same(book)


def test_what_others_record_is_passed_over() -> None:
    book = Recorder()
    book.ready("8001")
    book.call("a")
    book.answer("a")
    step = MenuStepTaken(at=book.at + 1, contact="a", node="main", key="1")
    same(book, [*book.events, step])
    assert sum(1 for _ in decisions([step])) == 0


def test_agents_who_were_at_work_before_the_recording_began() -> None:
    book = Recorder()
    book.ready("8001")
    book.pass_(10)
    begin = len(book.events)
    book.call("a")
    book.answer("a")
    book.pass_(40)
    book.agent_hangs_up("a")
    same(book, book.events[begin:])


def test_a_day_in_a_file(tmp_path: Path) -> None:
    events = read_events(DAY)
    file = tmp_path / "day.jsonl"
    write_events(events, file)
    assert read_events(file) == events
    again = tmp_path / "day.jsonl.gz"
    write_events(events, again)
    assert again.read_bytes() == DAY.read_bytes()


def test_a_file_that_is_no_day_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_text('{"kind": "ContactEnded", "at": 1}\n')
    with pytest.raises(UnreadableDayError, match=r"day\.jsonl:1: ContactEnded"):
        read_events(file)
    with pytest.raises(UnreadableDayError):
        read_events(tmp_path / "nothing.gz")


# --- under other rules -----------------------------------------------------------------------


def test_people_do_in_the_twin_what_they_did_that_day() -> None:
    events, (firm, hours) = read_events(DAY), rules()
    recorded, played = compare(events, {"same": (firm, hours.is_open)}, recorded_under=firm, seed=1)
    before, after = recorded.outcome.queues["all"], played.outcome.queues["all"]
    assert before.answered == sum(isinstance(e, ContactAnswered) for e in events) - 7  # callbacks
    assert after.offered == pytest.approx(before.offered, rel=0.05)
    assert after.answered == pytest.approx(before.answered, rel=0.1)
    assert after.service_level == pytest.approx(before.service_level, abs=0.1)
    assert "contacts with another agent" in as_text([recorded, played], {"order": "order"})


def test_patience_is_the_time_waited_over_the_number_who_gave_up() -> None:
    book = Recorder()
    book.ready("8003")
    for name, wait in (("a", 30), ("b", 70)):
        book.call(name)  # nobody sells
        book.pass_(wait)
        book.caller_hangs_up(name)
    book.call("c", "logistics")
    book.land("c")
    book.pass_(4)
    book.answer("c")
    assert Recorded(book.events).patience() == pytest.approx(52, abs=0.1)


def test_a_day_on_which_the_rules_changed() -> None:
    book = Recorder()
    book.ready("8004", "8003")
    book.call("a", "logistics")
    book.answer("a")  # 8004 knows too little of it
    other = company(wrap_up=30)
    low = other.queues["logistics"].model_copy(update={"skills": {"logistics": 1}})
    other = dataclasses.replace(other, queues={**other.queues, "logistics": low})
    book.call("b", "logistics")  # waits: 8003 talks
    book.at += 1
    book.take(book.distribution.adopt(other, book.at, version=2, author="supervisor:mei"))
    assert book.domain.contacts["b"].agent == "8004"
    book.answer("b")
    book.pass_(20)
    book.agent_hangs_up("a")
    book.pass_(40)
    found = replay(book.events, company(), rules_of={2: other}.get)
    assert (found.differences, found.unexplained) == ([], [])
    assert replay(book.events, company()).unexplained
