"""The golden day comes out the same, decision by decision; a changed rule does not go unnoticed."""

import dataclasses
from collections import Counter

import pytest

from acd import strategies
from acd.company import Company, load_company
from acd.rules import Exit, Limits, Strategy, WaitLimit
from acd.simulation.replay import Replay, diff_lines, read_events, replay
from telephony.events import InputKept, LimitReached, OfferMade, RecordedEvent
from tests.acd.simulation.golden import DAY, rules

EVENTS = read_events(DAY)
COMPANY, HOURS = rules()


LIVE = DAY.parents[1] / "live_day"
"""Recorded on a real Asterisk by tests/live/test_replay.py (SAVE_RECORDED_DAY), with its rules."""


def feed(company: Company = COMPANY) -> Replay:
    return replay(EVENTS, company, is_open=HOURS.is_open)


def with_queue(queue: str, **changed: object) -> Company:
    queues = {**COMPANY.queues, queue: COMPANY.queues[queue].model_copy(update=changed)}
    return dataclasses.replace(COMPANY, queues=queues)


def kinds(kind: type[RecordedEvent]) -> int:
    return sum(isinstance(event, kind) for event in EVENTS)


def test_unchanged_rules_reproduce_every_decision() -> None:
    found = feed()
    assert diff_lines(found.differences + found.unexplained) == []
    assert found.offers == kinds(OfferMade) > 150
    assert found.decisions > 1000


def test_the_day_uses_the_rules() -> None:
    used = Counter(event.reason["rule"] for event in EVENTS if isinstance(event, OfferMade))
    assert set(used) >= set(Strategy) - {Strategy.LONGEST_IDLE} | {"preferred"}
    assert {event.limit for event in EVENTS if isinstance(event, LimitReached)} >= {
        "closed",
        "wait",
        "nobody_signed_in",
    }
    kept = {event.input for event in EVENTS if isinstance(event, InputKept)}
    assert kept >= {"KeyPressed", "CustomerReached", "AgentWaits", "PlaceWished", "PhoneChanged"}


@pytest.mark.parametrize(
    "queue, changed",
    [
        ("order", {"priority": 0}),
        ("presale", {"strategy": Strategy.LONGEST_IDLE}),
        ("presale", {"rings": []}),
        ("returns", {"sticky": None}),
        ("complaints", {"wrap_up": 55}),
        ("logistics", {"limits": Limits(wait=WaitLimit(max=140, exit=Exit(callback=True)))}),
        ("vip", {"priority": 0}),
    ],
    ids=str,
)
def test_a_changed_rule_is_noticed(queue: str, changed: dict[str, object]) -> None:
    found = feed(with_queue(queue, **changed))
    assert found.differences
    assert any(line.startswith(("-", "+")) for line in diff_lines(found.differences))


def test_changed_code_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        strategies.VALUES, Strategy.FEWEST_CALLS, lambda seat, requirement: -seat.agent.calls
    )
    assert feed().differences


def test_an_offer_that_never_was_is_noticed() -> None:
    first = next(event for event in EVENTS if isinstance(event, OfferMade))
    changed = [
        dataclasses.replace(event, agent="8001" if event.agent != "8001" else "8002")
        if event is first
        else event
        for event in EVENTS
    ]
    found = replay(changed, COMPANY, is_open=HOURS.is_open)
    assert [difference.at for difference in found.differences] == [first.at]


def test_a_stretch_recorded_on_a_real_asterisk_is_reproduced() -> None:
    events = read_events(LIVE / "day.jsonl.gz")
    found = replay(events, load_company(LIVE))
    assert diff_lines(found.differences + found.unexplained) == []
    assert found.offers == sum(isinstance(event, OfferMade) for event in events) >= 5
