"""Follows the event log and makes of it what is left to do; has due calls made.

Runs in the controller that decides. It reads the log in SQL behind its own mark, so that nothing
is lost when a process dies: what was not marked is read again, and reading twice makes nothing
twice. Calls are asked for under an id that their task gives, which exists once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import structlog

from aftercall import decisions
from aftercall.rules import FollowUps
from aftercall.spool import collect, long_over
from aftercall.story import KINDS as STORY_KINDS
from aftercall.story import Story, story_of
from store.event_log import EventLog
from store.past import DAY, PastContact, PastStore
from store.recordings import RecordingStore
from store.tasks import Task, TaskKind, TaskState, TaskStore
from telephony.events import (
    CallbackEnd,
    CallbackEnded,
    ContactEnded,
    FollowUpDue,
    MessageRecorded,
    RecordedEvent,
    SurveyAnswered,
)
from telephony.numbers import plain_number

logger = structlog.get_logger("aftercall")

NAME = "aftercall"
"""Of the mark in the log."""
POLL = 1.0  # seconds between two looks
LONGEST_PAUSE = 30.0  # seconds, after failures
COLLECT_EVERY, CALL_EVERY, SEARCH_EVERY = 5.0, 3.0, 3600.0  # seconds
PORTION = 200
POSTPONED = 600.0  # seconds until a customer who is to be called anyway is called again
KINDS = tuple(
    kind.__name__ for kind in (MessageRecorded, SurveyAnswered, ContactEnded, CallbackEnded)
)

TOLD = tuple(kind.__name__ for kind in STORY_KINDS)
"""What is read of a contact for its story."""

Place = Callable[[FollowUpDue], Awaitable[str]]
"""Asks the distribution for a call. Returns the code of a refusal, "" when it will be made."""


class AfterCall:
    """See the module.

    Args:
        rules: the company's, as they hold now.
        is_open: whether hours of this name include a moment.
        known_queue: the queue itself, or the one that stands in for a queue that is gone.
        place: asks for a call; raises while nothing can be decided.
        remember: hears of contacts that were added to the past.
        is_live: whether the distribution knows a contact of this id.
        append: puts an event into the stream; may raise while the stream is away.
        spool: where Asterisk's own script keeps messages.
        recordings: the recordings folder.
        stored: the id up to which the log has all events; "" while nobody knows.
        now: the clock of all events.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        stored: Callable[[], str],
        tasks: TaskStore,
        past: PastStore,
        filed: RecordingStore,
        rules: Callable[[], FollowUps],
        is_open: decisions.IsOpen,
        known_queue: Callable[[str], str],
        place: Place,
        remember: Callable[[Sequence[PastContact]], None],
        is_live: Callable[[str], bool],
        append: Callable[[RecordedEvent], Awaitable[None]],
        spool: Path,
        recordings: Path,
        now: Callable[[], float],
    ) -> None:
        self._log, self._stored = log, stored
        self._tasks, self._past, self._filed = tasks, past, filed
        self._rules, self._is_open, self._known_queue = rules, is_open, known_queue
        self._place, self._is_live, self._append = place, is_live, append
        self._remember = remember
        self._spool, self._recordings, self._now = spool, recordings, now
        self._asked_for: set[str] = set()  # calls that this process has had placed
        self._done: dict[str, float] = {}  # what is not done in each round, and when it last was
        self._mark: str | None = None  # as it stands in the database, when it is known
        self.fault = ""
        """Why nothing is done just now; "" when all is well."""

    async def run(self) -> None:
        """Work until cancelled; waits out a database or a stream that is away."""
        pause = POLL
        while True:
            try:
                await self._now_and_then(self.collect, COLLECT_EVERY)
                await self.follow()
                await self._now_and_then(self.find_forgotten, SEARCH_EVERY)
                await self._now_and_then(self.call, CALL_EVERY)
                self.fault, pause = "", POLL
            except Exception as error:  # the stores' own errors are not this room's words
                if not self.fault:
                    logger.exception("what calls leave to do is not looked at")
                self.fault = type(error).__name__
                pause = min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _now_and_then(self, work: Callable[[], Awaitable[None]], every: float) -> None:
        """Do this if it was not done in the last so many seconds; what fails, in each round."""
        moment = asyncio.get_running_loop().time()
        if moment - self._done.get(work.__name__, -every) >= every:
            await work()
            self._done[work.__name__] = moment

    async def collect(self) -> None:
        """Bring in messages that were left without a controller."""
        if collected := await collect(self._spool, self._recordings, self._append):
            logger.info("messages collected", messages=collected)

    async def find_forgotten(self) -> None:
        """Tell of messages whose controller died before it could: a look at all that are filed,
        which may be thousands.
        """
        for spoken in await asyncio.to_thread(lambda: list(long_over(self._recordings))):
            filed = await self._filed.of_contact(spoken.contact)
            if spoken.folder in {each.folder for each in filed}:
                continue
            logger.warning("a forgotten message is found", contact=spoken.contact)
            await self._append(
                MessageRecorded(
                    at=self._now(),
                    contact=spoken.contact,
                    node="",
                    purpose=spoken.purpose,
                    queue="",
                    file=f"{spoken.folder}/customer.wav",
                    seconds=spoken.seconds,
                )
            )

    # -- events in -----------------------------------------------------------------------------

    async def follow(self) -> None:
        """Take in everything that the log has behind the mark."""
        if not (newest := self._stored()):
            return
        if self._mark is None:
            self._mark = await self._past.read_until(NAME)
        if self._mark is None:  # what was before this room is not made up for
            await self._past.take_in(NAME, newest)
            self._mark = newest
        while self._mark != newest:
            entries = await self._log.of_kinds_after(self._mark, KINDS, PORTION)
            happened = [event for _, event in entries]
            past = await self._ended([end for end in happened if isinstance(end, ContactEnded)])
            for event in happened:
                await self.take(event)
            mark = entries[-1][0] if len(entries) == PORTION else newest
            await self._past.take_in(NAME, mark, past)
            self._remember(past)
            self._mark = mark

    async def take(self, event: RecordedEvent) -> None:
        """Make of one event what follows from it; again, nothing more. Ends are taken together."""
        match event:
            case MessageRecorded():
                await self._message(event)
            case SurveyAnswered():
                await self._score(event)
            case CallbackEnded():
                await self._call_ended(event)
            case _:
                pass

    async def _story(self, contact: str) -> Story:
        (story,) = await self._stories([contact])
        return story

    async def _stories(self, contacts: Sequence[str]) -> list[Story]:
        histories = await self._log.of_contacts(contacts, TOLD)
        return [
            story_of(contact, [event for _, event in entries])
            for contact, entries in histories.items()
        ]

    async def _message(self, event: MessageRecorded) -> None:
        story = await self._story(event.contact)
        recording = None
        if event.file:
            recording = await self._filed.file_message(
                event.contact,
                str(PurePath(event.file).parent),
                language=event.language or story.language,
                seconds=event.seconds,
                at=event.at - event.seconds,
                now=self._now(),
            )
        if event.purpose == "voicemail":
            await self._keep(decisions.message(event, story, recording))
        elif recording is not None:
            await self._tasks.attach(
                event.contact, TaskKind.LOW_SCORE, recording=recording, seconds=event.seconds
            )

    async def _score(self, event: SurveyAnswered) -> None:
        story = await self._story(event.contact)
        if (task := decisions.low_score(event, story, self._rules())) is None:
            return
        await self._keep(task)
        # A comment that was recorded before the score was told of belongs to it, too.
        for message in await self._filed.of_contact(event.contact):
            if message.offer <= 0 and ".comment." in message.folder:
                await self._tasks.attach(
                    event.contact,
                    TaskKind.LOW_SCORE,
                    recording=message.offer,
                    seconds=message.seconds,
                )

    async def _ended(self, ends: Sequence[ContactEnded]) -> Sequence[PastContact]:
        """See who is to be called again. Returns what is remembered of who called.

        Ends of a portion go together: each look and each write costs as much as a phone call does
        in the whole distribution.
        """
        if not ends:
            return ()
        stories = await self._stories([end.contact for end in ends])
        rules = self._rules()
        for story in stories:
            await self._follow_up(story, rules)
        return [known for known in map(_past, stories) if known]

    async def _follow_up(self, story: Story, rules: FollowUps) -> None:
        for task in decisions.follow_ups(story, rules, self._is_open):
            rule = rules.rule(task.rule)
            since = task.created - (rule.days if rule else 0) * DAY
            caller = plain_number(story.caller)
            if not await self._tasks.made_for(caller, TaskKind.FOLLOW_UP, since):
                await self._keep(task)

    async def _keep(self, task: Task) -> None:
        known = self._known_queue(task.queue)
        task = replace(task, queue=known, caller=plain_number(task.caller))
        if await self._tasks.add(task):
            logger.info("task made", task=task.id, kind=task.kind, contact=task.contact)

    # -- calls out -----------------------------------------------------------------------------

    async def call(self) -> None:
        """Have the calls made that are due, and those that were asked for and got lost."""
        for task in await self._tasks.under_way():
            lost = task.call not in self._asked_for and not self._is_live(task.call)
            if lost and not await self._log.of_contact(task.call):
                await self._ask(task, task.call, task.author)
        rules = self._rules()
        now = self._now()
        for task in await self._tasks.due(now):
            rule = rules.rule(task.rule)
            opens = decisions.next_open(rule.hours, now, self._is_open) if rule else now
            if rules.excludes(task.caller) or rule is None:
                await self._tasks.change(
                    task.id,
                    TaskState.DONE,
                    come_from=[TaskState.OPEN],
                    author="rule:never" if rule else "rule:gone",
                    now=now,
                )
            elif opens > now:
                await self._tasks.put_off(task.id, opens)
            else:
                await self.begin(task, f"rule:{rule.name}")

    async def begin(self, task: Task, author: str) -> str:
        """Have the customer of a task called; a refusal's code, "" when the call will be made.

        ``author`` is the rule, or who pressed the button and is waited for.
        """
        call = await self._tasks.begin_call(task, author=author, now=self._now())
        if not call:
            return "call_under_way"
        return await self._ask(task, call, author)

    async def _ask(self, task: Task, call: str, author: str) -> str:
        self._asked_for.add(call)
        kind, _, who = author.partition(":")
        try:
            refusal = await self._place(
                FollowUpDue(
                    contact=call,
                    task=task.id,
                    caller=task.caller,
                    queue=self._known_queue(task.queue),
                    language=task.language,
                    why=author,
                    place=task.due if kind == "rule" else self._now(),
                    preferred=who if kind == "agent" else "",
                    attributes={"follow_up": task.kind.value},
                )
            )
        except BaseException:
            self._asked_for.discard(call)  # nothing was decided: asked again in the next round
            raise
        if refusal == "callback_pending" and task.kind is TaskKind.FOLLOW_UP:
            await self._tasks.put_off(task.id, self._now() + POSTPONED)
        elif refusal:
            await self._end(call, task.kind, refusal)
        return refusal

    async def _call_ended(self, event: CallbackEnded) -> None:
        if task := await self._tasks.of_call(event.contact):
            await self._end(event.contact, task.kind, event.result.value)

    async def _end(self, call: str, kind: TaskKind, outcome: str) -> None:
        """A rule's call is done with whatever came of it; a person's task waits for its person."""
        reached = outcome in (CallbackEnd.ANSWERED, CallbackEnd.RESUMED)
        state = TaskState.DONE if kind is TaskKind.FOLLOW_UP else TaskState.OPEN
        if reached and kind is not TaskKind.FOLLOW_UP:
            state = TaskState.IN_PROGRESS
        await self._tasks.end_call(call, outcome, state=state, now=self._now())


def _past(story: Story) -> PastContact | None:
    """What is remembered of a caller; nothing of a withheld number, and of whom we called."""
    caller = plain_number(story.caller)
    if not caller or story.ours:
        return None
    return PastContact(
        contact=story.contact,
        caller=caller,
        ended=story.ended,
        queue=story.queue,
        agent=story.agent,
        solved=story.solved,
        surveyed=story.surveyed,
    )
