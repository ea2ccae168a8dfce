"""Which contacts lead to which tasks."""

from typing import Any

import pytest

from aftercall.decisions import drawn, fits, follow_ups, low_score, message, next_open
from aftercall.rules import FollowUpRule, FollowUps, When
from aftercall.story import Story, story_of
from store.tasks import TaskKind
from telephony.events import (
    CallStage,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    FollowUpPlaced,
    MenuLeft,
    MenuStepTaken,
    MessageRecorded,
    QueueEnd,
    QueueEntryEnded,
    ServiceAsked,
    SurveyAnswered,
)

NUMBER = "13800138000"
HOUR = 3600.0


def always(hours: str, at: float) -> bool:
    return True


def talk(contact: str = "c", score: int | None = None) -> Story:
    """A return was asked for, 8001 answered, perhaps a score was given."""
    events = [
        ContactArrived(at=0, contact=contact, channel="ch", caller=NUMBER, dialled="8000"),
        MenuStepTaken(at=1, contact=contact, node="main_menu", key=""),
        ContactQueued(
            at=2, contact=contact, queue="returns", language="en", priority=0, requires={},
            attributes={"intent": "returns"},
        ),
        ContactAnswered(at=9, contact=contact, queue="returns", agent="8001", offer=1, waited=7),
        QueueEntryEnded(at=9, contact=contact, queue="returns", end=QueueEnd.ANSWERED, waited=7),
    ]  # fmt: skip
    if score:
        events.append(
            SurveyAnswered(at=60, contact=contact, node="s", score=score, queue="returns",
                           agent="8001", offer=1)
        )  # fmt: skip
    events.append(ContactEnded(at=70, contact=contact, stage=CallStage.AFTER, cause=16))
    return story_of(contact, events)


def rules(when: dict[str, Any], **values: Any) -> FollowUps:
    rule = {"name": "r", "when": when, "delay": 60, "queue": "order", **values}
    return FollowUps(rules=[FollowUpRule.model_validate(rule)], never=["13900000009"])


def test_a_contact_is_read_off_its_events() -> None:
    story = talk(score=2)
    assert (story.queue, story.agent, story.outcome, story.score) == (
        "returns",
        "8001",
        "answered",
        2,
    )
    assert (story.language, story.ended, story.nodes) == ("en", 70, {"main_menu"})
    assert not story.solved
    assert talk(score=3).solved
    assert talk().solved
    assert not story_of("c", []).solved


def test_what_the_menu_did_is_known() -> None:
    asked = ServiceAsked(at=1, contact="c", node="n", service="apply", result="made", seconds=0.1)
    nothing = ServiceAsked(
        at=2, contact="c", node="n", service="apply", result="", seconds=5, why="no answer"
    )
    left = MenuLeft(at=3, contact="c", node="n", ending="hang_up", solved=True)
    story = story_of("c", [asked, nothing, left])
    assert (story.asked, story.outcome, story.solved) == ({"apply": "made"}, "self_service", True)
    assert fits(When.model_validate({"asked": {"apply": "made"}}), story)


@pytest.mark.parametrize(
    "when, score, good",
    [
        ({"queues": ["returns"]}, None, True),
        ({"queues": ["order"]}, None, False),
        ({"outcomes": ["answered", "abandoned"]}, None, True),
        ({"outcomes": ["abandoned"]}, None, False),
        ({"score_at_most": 3}, 3, True),
        ({"score_at_most": 3}, 4, False),
        ({"score_at_most": 3}, None, False),
        ({"score_at_least": 4}, 4, True),
        ({"score_at_least": 4}, None, False),
        ({"attributes": {"intent": "returns"}}, None, True),
        ({"attributes": {"intent": "order"}}, None, False),
        ({"nodes": ["main_menu", "x"]}, None, True),
        ({"nodes": ["x"]}, None, False),
        ({"asked": {"apply": "made"}}, None, False),
        ({"queues": ["returns"], "score_at_most": 2}, 5, False),
    ],
)
def test_all_that_a_rule_names_must_hold(when, score, good) -> None:
    assert fits(When.model_validate(when), talk(score=score)) is good


def test_the_call_is_due_after_the_delay_within_the_hours() -> None:
    (task,) = follow_ups(talk(), rules({"queues": ["returns"]}), always)
    assert (task.kind, task.queue, task.caller, task.language) == (
        TaskKind.FOLLOW_UP, "order", NUMBER, "en",
    )  # fmt: skip
    assert (task.due, task.rule, task.agent) == (70 + HOUR, "r", "8001")

    def in_the_morning(hours: str, at: float) -> bool:
        return at % 86400 >= 9 * HOUR

    (task,) = follow_ups(talk(), rules({"queues": ["returns"]}), in_the_morning)
    assert task.due == 9 * HOUR
    assert next_open("x", 10.0, lambda hours, at: False) == 10.0


def test_nobody_is_called_who_does_not_want_it_or_cannot_be() -> None:
    story, calls = talk(), rules({"queues": ["returns"]})
    story.caller = ""
    assert not list(follow_ups(story, calls, always))
    story.caller = "+8613900000009"
    assert not list(follow_ups(story, calls, always))
    called = story_of("f", [
        FollowUpPlaced(at=1, contact="f", caller=NUMBER, queue="returns", language="", task="t",
                       author="rule:r"),
        ContactEnded(at=9, contact="f", stage=CallStage.AFTER, cause=16),
    ])  # fmt: skip
    assert not list(follow_ups(called, calls, always))  # a call of ours leads to no other


def test_a_sample_is_a_share_and_stays_the_same() -> None:
    (rule,) = rules({"queues": ["returns"]}, share=0.3).rules
    chosen = [f"c{number}" for number in range(1000) if drawn(rule, f"c{number}")]
    assert 250 < len(chosen) < 350
    assert all(drawn(rule, contact) for contact in chosen)


def test_an_unhappy_caller_is_a_supervisors_task() -> None:
    answer = SurveyAnswered(at=60, contact="c", node="s", score=2, reason="slow", agent="8001",
                            queue="returns", offer=1)  # fmt: skip
    task = low_score(answer, talk(), FollowUps())
    assert task
    assert (task.queue, task.score, task.reason, task.agent) == ("returns", 2, "slow", "8001")
    led = FollowUps.model_validate({"low_score": {"at_most": 1, "queue": "complaints"}})
    assert low_score(answer, talk(), led) is None


def test_a_message_is_a_task_and_silence_asks_for_a_call() -> None:
    left = MessageRecorded(at=5, contact="c", node="v", purpose="voicemail", queue="", file="f",
                           seconds=4)  # fmt: skip
    task = message(left, talk(), 0)
    assert (task.kind, task.queue, task.caller, task.recording) == (
        TaskKind.VOICEMAIL, "returns", NUMBER, 0,
    )  # fmt: skip
    silent = MessageRecorded(at=5, contact="c", node="v", purpose="voicemail", queue="order",
                             file="", seconds=0, caller="13800000001")  # fmt: skip
    task = message(silent, talk(), None)
    assert (task.kind, task.queue, task.caller) == (TaskKind.CALLBACK, "order", "13800000001")
