"""What a contact's end, a score and a message lead to, as tasks. Pure, deterministic."""

from collections.abc import Callable, Iterator

from aftercall.rules import FollowUpRule, FollowUps, When
from aftercall.story import Story
from store.tasks import Task, TaskKind, task_id
from telephony.events import MessageRecorded, SurveyAnswered
from telephony.lots import lot

#: Seconds between two looks for the next moment within a rule's hours, and how far one looks.
STEP, HORIZON = 900.0, 14 * 86400.0

IsOpen = Callable[[str, float], bool]
"""Whether hours of this name include a moment (Unix seconds)."""


def follow_ups(story: Story, rules: FollowUps, is_open: IsOpen) -> Iterator[Task]:
    """The calls that the rules want made after this contact.

    Not looked at here: whether the customer had such a call already (``FollowUpRule.days``).
    """
    if story.ours or not story.caller or rules.excludes(story.caller):
        return
    for rule in rules.rules:
        if fits(rule.when, story) and drawn(rule, story.contact):
            yield Task(
                id=task_id(TaskKind.FOLLOW_UP, rule.name, story.contact),
                kind=TaskKind.FOLLOW_UP,
                queue=rule.queue,
                contact=story.contact,
                caller=story.caller,
                language=story.language,
                created=story.ended,
                due=next_open(rule.hours, story.ended + rule.delay * 60, is_open),
                score=story.score,
                agent=story.agent,
                rule=rule.name,
            )


def fits(when: When, story: Story) -> bool:
    """Does all that a rule names hold for this contact?"""
    scored = when.score_at_most is not None or when.score_at_least is not None
    if scored and story.score is None:
        return False
    score = story.score or 0
    return (
        (not when.queues or story.queue in when.queues)
        and (not when.outcomes or story.outcome in when.outcomes)
        and (when.score_at_most is None or score <= when.score_at_most)
        and (when.score_at_least is None or score >= when.score_at_least)
        and when.attributes.items() <= story.attributes.items()
        and when.asked.items() <= story.asked.items()
        and (not when.nodes or not story.nodes.isdisjoint(when.nodes))
    )


def drawn(rule: FollowUpRule, contact: str) -> bool:
    """Is this contact in the rule's sample? The same answer each time it is asked."""
    return lot(f"{rule.name}\0{contact}") < rule.share


def next_open(hours: str, at: float, is_open: IsOpen) -> float:
    """The first quarter of an hour from ``at`` on within the hours; ``at`` when there is none."""
    if is_open(hours, at):
        return at
    moment = at - at % STEP + STEP
    while moment < at + HORIZON:
        if is_open(hours, moment):
            return moment
        moment += STEP
    return at


def low_score(event: SurveyAnswered, story: Story, rules: FollowUps) -> Task | None:
    """A supervisor's task for an unhappy caller; None for one who is not."""
    if event.score > rules.low_score.at_most:
        return None
    return Task(
        id=task_id(TaskKind.LOW_SCORE, event.contact, str(event.offer), event.node),
        kind=TaskKind.LOW_SCORE,
        queue=rules.low_score.queue or event.queue or story.queue,
        contact=event.contact,
        caller=story.caller,
        language=story.language,
        created=event.at,
        due=event.at,
        score=event.score,
        reason=event.reason,
        agent=event.agent,
    )


def message(event: MessageRecorded, story: Story, recording: int | None) -> Task:
    """The task of who left a message, or hung up instead of leaving one."""
    kind = TaskKind.VOICEMAIL if event.file else TaskKind.CALLBACK
    return Task(
        id=task_id(kind, event.contact, event.file or event.node),
        kind=kind,
        queue=event.queue or story.queue,
        contact=event.contact,
        caller=event.caller or story.caller,
        language=event.language or story.language,
        created=event.at,
        due=event.at,
        recording=recording,
        seconds=event.seconds,
    )
