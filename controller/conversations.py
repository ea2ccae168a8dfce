"""The short AGI dialogues: what the dialplan asks, and how it is answered.

Every route ends by setting ``HUAWU_NEXT``: the proof that it finished, as AGISTATUS says SUCCESS
even for a killed server. A session that breaks anywhere leaves it empty, and the dialplan has its
own way on. The contact's id is the channel's Uniqueid, which no caller can choose.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import structlog

from acd.service import DistributionService, NotDeciding
from acd.wishes import ActionRefused
from controller.caller_past import CallerPast
from controller.in_front import OFF_CODE, ON_CODE, InFront, Menus
from ivr.dialogue import Caller, CallerGone, Ending, Outcome, run_dialogue
from ivr.ears import Ears
from ivr.emergency import EVERYTHING
from ivr.joining import Joiner
from ivr.line import AgiLine
from ivr.ports import World
from ivr.prompts import prompt_path
from telephony.agi import AgiError, AgiSession
from telephony.attributes import attributes_to_variable
from telephony.commands import (
    AskSurvey,
    GoOutside,
    KeepWaiting,
    LeaveMessage,
    NextStep,
    SayGoodbye,
    TakeOffer,
)
from telephony.events import (
    AgentState,
    AgentWish,
    CallerArrived,
    CallerLeftOver,
    CallStage,
    KeyPressed,
    MenuFinished,
    NextStepAsked,
    OfferReturned,
    OutsideChosen,
    OutsideReturned,
    SurveyOffered,
)
from telephony.translate import ENTRY_VARIABLES, offer_end

log = logging.getLogger(__name__)

Route: TypeAlias = Callable[[AgiSession], Awaitable[None]]

SIGN_IN_CODE = "*45"
READY_CODE = "*46"
AGENT_LANGUAGE = "zh-CN"
NOTHING: Mapping[str, str] = MappingProxyType({})


#: Seconds that a caller waits for a promise to be written down; the dialplan waits two.
PROMISE_LIMIT = 1.0


async def _at_once() -> None:
    """Nothing has to be waited for."""


class Conversations:
    """All routes of the FastAGI server.

    Args:
        menus: the callers' menus.
        service: the distribution.
        world: what a menu asks of the world.
        may_record: whether a talk of this queue is to be recorded now.
        recordings: the recordings folder.
        front: what is put in front of callers in an emergency.
        ears: who hears what callers say.
        past: what is known of callers; None: nothing.
        written: waits until the live store has all that was decided so far.
    """

    def __init__(
        self,
        *,
        menus: Menus,
        service: DistributionService,
        world: World,
        may_record: Callable[[str], bool],
        recordings: Path,
        front: InFront,
        ears: Ears | None = None,
        past: CallerPast | None = None,
        written: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:
        self._menus = menus
        self._service = service
        self._world = world
        self._may_record = may_record
        self._recordings = recordings
        self._front = front
        self._ears = ears
        self._past = past
        self._joiner = Joiner(recordings / "joined")
        self._written = written

    def routes(self) -> Mapping[str, Route]:
        """Path -> route. A caller who hangs up in the middle ends a route quietly."""
        return {
            "menu": _quietly(self._menu),
            "tick": _quietly(self._tick),
            "key": _quietly(self._key),
            "offer-ended": _quietly(self._offer_ended),
            "outside-ended": _quietly(self._outside_ended),
            "after": _quietly(self._after),
            "survey": _quietly(self._survey),
            "feature": _quietly(self._feature),
        }

    # -- callers --------------------------------------------------------------------------

    async def _menu(self, session: AgiSession) -> None:
        contact = session.uniqueid
        caller, dialled, node = (*session.arguments, "", "", "")[:3]
        self._service.ask(
            CallerArrived(contact=contact, channel=session.channel, caller=caller, dialled=dialled)
        )
        if self._service.stage(contact) is not CallStage.MENU:  # queued before a controller died
            await self._tick(session, self._entry(contact))
            return

        who = self._caller(contact, caller)
        # Whom an agent passes on to a node is inside already.
        if node or not await self._met_before(session, who, EVERYTHING):
            await self._talk(session, who, start=node)

    def _caller(self, contact: str, number: str) -> Caller:
        """Who calls, and what is known of them already."""
        if self._past is None:
            return Caller(contact=contact, number=number)
        past = self._past.of(number)
        attributes = self._past.attributes(past)
        return Caller(
            contact=contact,
            number=number,
            known=self._past.facts(past),
            attributes=self._service.company.declared(attributes),
        )

    async def _talk(
        self,
        session: AgiSession,
        caller: Caller,
        *,
        start: str,
        language: str = "",
        met: bool = False,
    ) -> None:
        """Lead a caller through the menu, and do what comes of it.

        Without a ``language`` it is the contact's; ``met`` is true for who has met already what
        stands in front of a queue.
        """
        outcome = await run_dialogue(
            AgiLine(session, self._recordings, self._ears, self._joiner),
            self._menus.current,
            caller,
            self._world,
            self._service.record,
            start=start,
            language=language or self._language(caller.contact),
        )
        match outcome.ending:
            case Ending.QUEUE | Ending.CALLBACK:
                queue, spoken = self._queue_of(outcome), outcome.language
                if met or not await self._met_before(session, caller, queue, spoken):
                    await self._enqueue(session, outcome)
            case Ending.TRANSFER:
                await self._put_through(session, outcome)
            case Ending.HANG_UP:
                await self._reply(session, SayGoodbye())

    async def _met_before(
        self, session: AgiSession, caller: Caller, scope: str, language: str = ""
    ) -> bool:
        """Let the caller meet what is switched on in front of a scope; True when that is all."""
        language = language or self._language(caller.contact)
        met = await self._front.meet(session, scope, language, self._world.now)
        if met.step:
            entry = {"HUAWU_LANGUAGE": language} if language else NOTHING
            await self._reply(session, met.step, entry=entry)
        elif met.start:
            own = scope != EVERYTHING
            await self._talk(session, caller, start=met.start, language=language, met=own)
        return bool(met.step or met.start)

    def _language(self, contact: str) -> str:
        """In which a contact was spoken to before; "" at first."""
        known = self._service.contact(contact)
        return known.language if known else ""

    async def _enqueue(self, session: AgiSession, outcome: Outcome) -> None:
        contact, queue = session.uniqueid, self._queue_of(outcome)
        answer = self._service.ask(
            MenuFinished(
                contact=contact,
                queue=queue,
                language=outcome.language,
                attributes=self._attributes(contact, outcome),
            )
        )
        entry = self._entry(contact)
        callback = self._service.company.queue(queue).callback
        waits = self._service.stage(contact) is CallStage.WAITING
        if outcome.ending is Ending.CALLBACK and callback and waits:
            key = KeyPressed(contact=contact, channel=session.channel, key=callback.key)
            answer = self._service.ask(key)
            await self._kept(contact)
        await self._reply(session, answer, outcome.announcement, entry)

    async def _put_through(self, session: AgiSession, outcome: Outcome) -> None:
        contact = session.uniqueid
        answer = self._service.ask(
            OutsideChosen(
                contact=contact,
                number=outcome.number,
                queue=self._queue_of(outcome),
                language=outcome.language,
                attributes=self._attributes(contact, outcome),
            )
        )
        await self._reply(session, answer, outcome.announcement, self._entry(contact))

    def _attributes(self, contact: str, outcome: Outcome) -> dict[str, str]:
        """What is known of a contact, and what the menu has learnt now."""
        known = self._service.contact(contact)
        return {**(known.attributes if known else {}), **outcome.attributes}

    def _queue_of(self, outcome: Outcome) -> str:
        """The chosen queue; if the rules have lost it since the call began, where 0 leads now."""
        queues = self._service.company.queues
        if outcome.queue in queues:
            return outcome.queue
        person = self._menus.current.flows.person_queue
        log.warning("there is no queue %s any more", outcome.queue)
        return person if person in queues else next(iter(queues))

    def _entry(self, contact_id: str) -> dict[str, str]:
        """The queue entry as it stands on the channel, for the next controller, or for none.

        The queue comes last: where it stands, all of the entry stands.
        """
        contact = self._service.contact(contact_id)
        if contact is None or not contact.queue:
            return {}
        queue = self._service.company.queue(contact.queue)
        return {
            "HUAWU_ENQUEUED": f"{contact.queued:.3f}",
            "HUAWU_PRIORITY": str(contact.priority),
            "HUAWU_LANGUAGE": contact.language,
            "HUAWU_ATTRIBUTES": attributes_to_variable(contact.attributes),
            "HUAWU_MUSIC": queue.music,
            "HUAWU_RECORD": "1" if self._may_record(queue.id) else "",
            "HUAWU_QUEUE": queue.id,
        }

    async def _tick(self, session: AgiSession, entry: Mapping[str, str] = NOTHING) -> None:
        variables = {}
        if self._service.stage(session.uniqueid) in (None, CallStage.MENU):
            for name in ENTRY_VARIABLES:
                variables[name] = await session.get_variable(name) or ""
        answer = self._service.ask(
            NextStepAsked(contact=session.uniqueid, channel=session.channel, variables=variables)
        )
        await self._reply(session, answer, entry=entry)

    async def _key(self, session: AgiSession) -> None:
        """A key was pressed while waiting; who is not known yet is taken up by a tick."""
        contact, key = session.uniqueid, (*session.arguments, "")[0]
        if self._service.stage(contact) in (None, CallStage.MENU):
            await self._tick(session)
            return
        answer = self._service.ask(KeyPressed(contact=contact, channel=session.channel, key=key))
        await self._kept(contact)
        await self._reply(session, answer)

    async def _kept(self, contact: str) -> None:
        """A caller who is promised a callback is about to hang up on our word: wait a moment until
        it outlives this process.
        """
        if self._service.stage(contact) is CallStage.CALLBACK:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROMISE_LIMIT):
                    await self._written()

    async def _offer_ended(self, session: AgiSession) -> None:
        status, cause = (*session.arguments, "", "")[:2]
        answer = self._service.ask(
            OfferReturned(contact=session.uniqueid, result=offer_end(status, cause))
        )
        await self._reply(session, answer)

    async def _outside_ended(self, session: AgiSession) -> None:
        answer = self._service.ask(OutsideReturned(contact=session.uniqueid))
        await self._reply(session, answer, entry=self._entry(session.uniqueid))

    async def _after(self, session: AgiSession) -> None:
        answer = self._service.ask(CallerLeftOver(contact=session.uniqueid))
        if isinstance(answer, AskSurvey) and not await self._may_ask(answer):
            answer = SayGoodbye(say=("goodbye",), language=answer.language)
        await self._reply(session, answer)

    async def _may_ask(self, survey: AskSurvey) -> bool:
        """Is there such a flow, and was the customer left alone for long enough?"""
        if survey.flow not in self._menus.current.flows.by_name:
            log.error("there is no menu %s to ask how satisfied callers are", survey.flow)
            return False
        past = self._past
        return past is None or not await past.asked_within(survey.caller, survey.days)

    async def _survey(self, session: AgiSession) -> None:
        """Ask about the talk that has just ended; who is here a second time has been asked."""
        contact = self._service.contact(session.uniqueid)
        flow = self._menus.current.flows.by_name.get((*session.arguments, "")[0])
        if contact is None or flow is None:
            return  # the dialplan says goodbye
        self._service.record(
            SurveyOffered(
                at=self._world.now(),
                contact=contact.id,
                queue=contact.queue,
                agent=contact.agent,
                offer=contact.talk,
            )
        )
        caller = Caller(
            contact=contact.id,
            number=contact.caller,
            queue=contact.queue,
            agent=contact.agent,
            offer=contact.talk,
        )
        await self._talk(session, caller, start=f"{flow.data.name}/{flow.data.start}")

    async def _reply(
        self,
        session: AgiSession,
        step: NextStep | None,
        first: tuple[str, ...] = (),
        entry: Mapping[str, str] = NOTHING,
    ) -> None:
        """Tell the dialplan what to do; ``first`` are recordings to play before all else.

        ``entry`` is set before it in the same breath: each command is a round trip, during which
        a caller with a free agent would wait.
        """
        match step:
            case TakeOffer():
                variables = {
                    "HUAWU_AGENT": step.agent,
                    "HUAWU_OFFER": str(step.offer),
                    "HUAWU_RING": str(step.ring),
                    "HUAWU_LABEL": step.label,
                    "HUAWU_NEXT": "offer",
                }
            case KeepWaiting() | SayGoodbye():
                language = step.language or AGENT_LANGUAGE
                say = (*first, *(prompt_path(name, language) for name in step.say))
                word = "wait" if isinstance(step, KeepWaiting) else "hangup"
                variables = {"HUAWU_SAY": "&".join(say), "HUAWU_NEXT": word}
            case GoOutside():
                variables = {
                    "HUAWU_TO": step.number,
                    "HUAWU_RING": str(step.ring),
                    "HUAWU_SAY": "&".join(first),
                    "HUAWU_NEXT": "outside",
                }
            case AskSurvey():
                variables = {"HUAWU_ABOUT": step.flow, "HUAWU_NEXT": "survey"}
            case LeaveMessage():
                variables = {"HUAWU_NEXT": "message"}
            case None:
                variables = {}
        if entry or variables:
            await session.finish({**entry, **variables})

    # -- agents ---------------------------------------------------------------------------

    async def _feature(self, session: AgiSession) -> None:
        code = (*session.arguments, "")[0]
        agent = await session.get_variable("HUAWU_AGENT_ID") or ""
        if code in (ON_CODE, OFF_CODE):
            await self._say(session, await self._front.feature(session, code, agent))
            return
        state = self._service.agent_state(agent)
        if state is None or code not in (SIGN_IN_CODE, READY_CODE):
            await self._say(session, "agent_not_allowed")
            return
        signed_in = state is not AgentState.SIGNED_OUT
        if code == SIGN_IN_CODE:
            wish = AgentWish.SIGN_OUT if signed_in else AgentWish.SIGN_IN
            prompt = "agent_signed_out" if signed_in else "agent_signed_in"
        else:
            ready = state in (AgentState.NOT_READY, AgentState.WRAP_UP)
            wish = AgentWish.READY if ready else AgentWish.NOT_READY
            prompt = "agent_ready" if ready else "agent_not_ready"
        if refusal := self._service.refusal(agent, wish):
            signed_out = refusal.code == "not_signed_in"
            await self._say(session, "agent_not_signed_in" if signed_out else "agent_not_allowed")
            return
        await self._grant(session, agent, wish, prompt)

    async def _grant(self, session: AgiSession, agent: str, wish: AgentWish, prompt: str) -> None:
        """Say it, hang up, then do it: a ready agent's phone must be free for the next offer."""
        try:
            await self._say(session, prompt)
            await session.hang_up()
        finally:
            try:
                self._service.wish(agent, wish, "feature_code", f"agent:{agent}")
            except ActionRefused as refusal:  # things changed while the prompt played
                log.warning("feature code of agent %s: %s", agent, refusal)

    async def _say(self, session: AgiSession, prompt: str) -> None:
        await session.stream_file(prompt_path(prompt, AGENT_LANGUAGE))
        await session.set_variable("HUAWU_NEXT", "hangup")


def _quietly(route: Route) -> Route:
    @functools.wraps(route)
    async def run(session: AgiSession) -> None:
        with structlog.contextvars.bound_contextvars(contact=session.uniqueid):
            try:
                await route(session)
            except (AgiError, CallerGone, NotDeciding) as error:
                log.info("%s ended early: %s", session.path, error)

    return run
