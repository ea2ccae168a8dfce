"""The lives of simulated customers and agents: real phones, real calls, drawn behaviour."""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from random import Random

from controller.conversations import READY_CODE, SIGN_IN_CODE
from controller.demo_script import IS_CONTENT, Person, Phrases, draw_keys, wrong_key
from controller.demo_watch import Watch
from ivr.flow import Flow, Flows
from ivr.nodes import Collect, Language, Menu, Survey, Voicemail
from telephony.events import AgentState
from telephony.softphone import CallEndedError, Phone, PhoneCall, PhoneError

SERVICE_NUMBER = "8000"
_MENU_LIMIT_S = 300.0
_TALK_LIMIT_S = 90.0
_GOODBYE_S = 20.0
"""How long a customer listens to what comes after the talk."""
_HELLO_S = 4.0
"""How long an agent's greeting takes; customers let them finish."""
_LAST_DIGITS = 4
"""More digits than the end of a telephone number are an order's number."""
_NEVER_ANSWERS, _DECLINES = 0.04, 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What all simulated people share."""

    watch: Watch
    flows: Flows
    phrases: Phrases
    lots: Random


async def live_as_customer(world: World, person: Person, trunk: Phone) -> None:
    """Call, walk through the menu, wait as long as patience lasts, talk.

    Raises PhoneError when the call cannot be made. A cancelled customer hangs up.
    """
    call = await trunk.dial(SERVICE_NUMBER, number=person.number)
    try:
        await call.answered(15)
        contact = await world.watch.contact_of(person.number, 10)
        if contact and await _walk_the_menu(world, person, call, contact):
            await _wait_and_talk(world, person, call, contact)
    except CallEndedError as ended:
        if not call.is_answered:
            raise PhoneError(f"the call was refused: {ended}") from ended
    finally:
        await _hang_up(call)


async def _walk_the_menu(world: World, person: Person, call: PhoneCall, contact: str) -> bool:
    """Press keys until a queue is reached; False when the customer leaves or is lost."""
    watch, caller = world.watch, _AtTheMenu(world, person)
    done = 0

    def something_new() -> bool:
        seen = watch.contacts.get(contact)
        return seen is None or seen.stage != "menu" or len(seen.nodes) > done

    async with asyncio.timeout(_MENU_LIMIT_S):
        while await watch.until(something_new, _MENU_LIMIT_S):
            seen = watch.contacts.get(contact)
            if seen is None or seen.stage != "menu":
                return seen is not None
            place = seen.nodes[done]
            done += 1
            if not caller.is_asked(place):
                continue
            await asyncio.sleep(world.lots.uniform(0.8, 4.0))  # listens, thinks
            if caller.leaves(place):
                return False
            if key := caller.wrong_key(place):
                await call.press(key)
                await asyncio.sleep(5)
                done -= 1  # after a wrong key the same question comes again
            elif keys := caller.keys(place):
                await call.press(keys)
    return False


class _AtTheMenu:
    """What a customer makes of the menu's questions, by the names of the nodes."""

    def __init__(self, world: World, person: Person) -> None:
        self._flows, self._lots, self._person = world.flows, world.lots, person
        self._wrong = person.presses_wrong
        self._content = False
        self._typed = ""

    def is_asked(self, place: str) -> bool:
        """Is there something to answer? What is told may be all that was wanted."""
        found = self._flows.find(place)
        if found is None:
            return False
        node = found[0].nodes[found[1]]
        self._content = self._content or node.solves
        return isinstance(node, Language | Menu | Collect | Survey | Voicemail)

    def leaves(self, place: str) -> bool:
        """Does the customer hang up now?"""
        if not self._is_menu(place):
            return False
        return self._person.leaves_menu or (self._content and self._lots.random() < IS_CONTENT)

    def wrong_key(self, place: str) -> str:
        """A wrong key, once, of those who press one; else ""."""
        if not self._wrong or not self._is_menu(place):
            return ""
        self._wrong = False
        flow, node = self._flow_and_node(place)
        return wrong_key(flow, node)

    def keys(self, place: str) -> str:
        """The answer."""
        flow, node = self._flow_and_node(place)
        keys = draw_keys(self._lots, flow, node, self._person, self._typed)
        self._typed = keys if len(keys) > _LAST_DIGITS else self._typed
        return keys

    def _is_menu(self, place: str) -> bool:
        flow, node = self._flow_and_node(place)
        return isinstance(flow.nodes[node], Menu)

    def _flow_and_node(self, place: str) -> tuple[Flow, str]:
        found = self._flows.find(place)
        assert found is not None  # is_asked has seen it
        return found


async def _wait_and_talk(world: World, person: Person, call: PhoneCall, contact: str) -> None:
    watch, lots = world.watch, world.lots

    def no_longer_waits() -> bool:
        seen = watch.contacts.get(contact)
        return seen is None or seen.stage != "waiting"

    await watch.until(no_longer_waits, person.patience)
    seen = watch.contacts.get(contact)
    if seen is None or seen.stage != "talking":
        return  # gave up
    await asyncio.sleep(_HELLO_S)
    if question := world.phrases.customer(lots, seen.queue, seen.language):
        await call.say(question)
    if person.hangs_up_first:
        await asyncio.sleep(lots.uniform(6, 14))
        if thanks := world.phrases.named("customer_thanks"):
            await call.say(thanks)
        return
    await _stay_until_asked(world, person, call, contact)
    with contextlib.suppress(TimeoutError):
        await call.ended(_GOODBYE_S)


async def _stay_until_asked(world: World, person: Person, call: PhoneCall, contact: str) -> None:
    """Wait for the agent to hang up; whoever is asked then how satisfied they are may answer."""
    watch = world.watch
    told = len(watch.contacts[contact].nodes) if contact in watch.contacts else 0

    def is_asked_or_gone() -> bool:
        seen = watch.contacts.get(contact)
        return seen is None or len(seen.nodes) > told

    await watch.until(is_asked_or_gone, _TALK_LIMIT_S)
    seen = watch.contacts.get(contact)
    caller = _AtTheMenu(world, person)
    if seen and person.rates and seen.nodes[told:] and caller.is_asked(seen.nodes[told]):
        await asyncio.sleep(world.lots.uniform(2.0, 6.0))  # listens, thinks
        await call.press(caller.keys(seen.nodes[told]))


class SimulatedAgent:
    """An agent with a phone, who does everything by it: feature codes, answering, talking."""

    def __init__(self, world: World, agent: str, phone: Phone) -> None:
        self._world = world
        self.id = agent
        self._phone = phone
        self._call: PhoneCall | None = None

    @property
    def _state(self) -> AgentState:
        return self._world.watch.state(self.id)

    async def live(self) -> None:
        """Sign in and work until cancelled."""
        lots = self._world.lots
        while True:
            match self._state:
                case AgentState.SIGNED_OUT:
                    await self._press(SIGN_IN_CODE)
                case AgentState.NOT_READY:
                    await self._rest(lots.uniform(1, 4))
                    if self._state is AgentState.NOT_READY:
                        await self._press(READY_CODE)
                case AgentState.WRAP_UP:
                    await self._rest(lots.uniform(5, 15))
                    if self._state is AgentState.WRAP_UP:
                        await self._press(READY_CODE)
                case _:
                    await self._wait_for_a_call()

    async def sign_out(self, limit: float) -> bool:
        """End the call at hand and sign out; False when that is not granted in time."""
        await self._drop()
        with contextlib.suppress(TimeoutError, PhoneError):
            async with asyncio.timeout(limit):
                while self._state is not AgentState.SIGNED_OUT:
                    if self._state in (AgentState.OFFERED, AgentState.TALKING):
                        await self._drop_what_rings()
                    else:
                        await self._press(SIGN_IN_CODE)
        return self._state is AgentState.SIGNED_OUT

    async def _press(self, code: str) -> None:
        """Dial a feature code, listen to the answer, and wait until the state has changed."""
        before = self._state
        with contextlib.suppress(TimeoutError, PhoneError):
            self._call = await self._phone.dial(code)
            await self._call.ended(15)
        await self._drop()
        if not await self._world.watch.until(lambda: self._state is not before, 3):
            await asyncio.sleep(1)

    async def _rest(self, seconds: float) -> None:
        """Wait, unless the state changes before."""
        before = self._state
        await self._world.watch.until(lambda: self._state is not before, seconds)

    async def _wait_for_a_call(self) -> None:
        lots = self._world.lots
        try:
            call = await self._phone.ringing(1.0)
        except TimeoutError:
            return
        if call.end is not None:
            return
        self._call = call
        mood = lots.random()
        with contextlib.suppress(TimeoutError, PhoneError):  # the customer hung up
            if mood < _NEVER_ANSWERS:
                await call.ended(60)
            elif mood < _NEVER_ANSWERS + _DECLINES:
                await call.decline()
            else:
                await asyncio.sleep(lots.uniform(1.0, 4.0))
                await call.answer()
                await self._talk(call)
        await self._drop()

    async def _talk(self, call: PhoneCall) -> None:
        lots, phrases = self._world.lots, self._world.phrases
        seen = self._world.watch.contacts.get(call.headers.get("X-Huawu-Contact", ""))
        language = seen.language if seen else "zh-CN"
        suffix = "_en" if language == "en" else ""
        queue = call.headers.get("X-Huawu-Queue", "")
        await _say(call, phrases.named(f"agent_hello{suffix}"))
        await asyncio.sleep(lots.uniform(3.5, 5.5))  # the customer's question
        await _say(call, phrases.named(f"agent_checking{suffix}"))
        await asyncio.sleep(lots.uniform(1, 6))
        await _say(call, phrases.agent(lots, queue, language))
        await asyncio.sleep(lots.uniform(1, 4))
        if not suffix:
            await _say(call, phrases.named("agent_bye"))

    async def _drop(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            await _hang_up(call)

    async def _drop_what_rings(self) -> None:
        with contextlib.suppress(TimeoutError):
            await (await self._phone.ringing(0.5)).hang_up(486)


async def _say(call: PhoneCall, phrase: Path | None) -> None:
    if phrase is not None:
        await call.say(phrase)


async def _hang_up(call: PhoneCall) -> None:
    with contextlib.suppress(PhoneError, TimeoutError):
        await call.hang_up()
