"""Walk one caller through the flows: plain sequential code, one caller at a time.

The dialogue knows neither Asterisk nor the clock: a `Line` plays and listens, a `World` tells the
time and answers questions, `tell` hears of every step. What comes out is an `Outcome`, also when
the caller hangs up in the middle, which is an ordinary end.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ivr import asking
from ivr.asking import Next, Way
from ivr.call import Call, Caller, MenuEvent, default_language
from ivr.conditions import holds
from ivr.customers import TIER
from ivr.flow import Flow
from ivr.nodes import (
    Branch,
    Callback,
    Collect,
    Customer,
    Goto,
    HangUp,
    Hours,
    Language,
    Lookup,
    Menu,
    Node,
    Queue,
    Return,
    Say,
    Send,
    SubFlow,
    Survey,
    Transfer,
    Voicemail,
)
from ivr.ports import CallerGone, Line, Value, World
from ivr.versions import FlowVersion
from telephony.events import MenuLeft

__all__ = ["Caller", "CallerGone", "Ending", "Outcome", "Reason", "run_dialogue"]

log = logging.getLogger(__name__)

MAX_STEPS = 200
"""Nodes a caller may come to. Who goes round for ever needs a person."""
MAX_DEPTH = 10
"""Flows within flows."""


class Ending(StrEnum):
    """How a dialogue ended."""

    QUEUE = "queue"
    """The caller is to wait in a queue."""
    CALLBACK = "callback"
    """The caller takes a place in a queue and is called back."""
    TRANSFER = "transfer"
    """The caller is to be put through to a number outside."""
    HANG_UP = "hang_up"
    """The flow says that the call is over."""
    CALLER_GONE = "caller_gone"
    """The caller hung up, or the line was lost."""


class Reason(StrEnum):
    """Why a caller came to the queue."""

    CHOICE = "choice"
    """The flow led there."""
    PERSON_KEY = "person_key"
    """The caller pressed 0."""
    NO_SUCCESS = "no_success"
    """Wrong keys or silence too often, or round and round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to happen with the caller now."""

    ending: Ending
    node: str
    """Where the caller was last."""
    language: str
    queue: str = ""
    """Where the caller waits; for a TRANSFER when nobody answers outside."""
    number: str = ""
    """Outside, when `ending` is TRANSFER."""
    reason: Reason = Reason.CHOICE
    announcement: tuple[str, ...] = ()
    """Recordings (paths without extension) to play once the caller has the place in the queue,
    so that no prompt delays a match."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What the distribution may ask for: `tier` of a known customer, and what nodes `set`."""
    values: Mapping[str, Value] = field(default_factory=dict)
    """What was collected and looked up."""


async def run_dialogue(
    line: Line,
    version: FlowVersion,
    caller: Caller,
    world: World,
    tell: Callable[[MenuEvent], None],
    *,
    start: str = "",
    language: str = "",
) -> Outcome:
    """Walk a caller through a version's flows, to their end or the caller's.

    A caller who comes back begins at ``start`` (a node, or ``flow/node``), in the ``language`` of
    before; a place or a language that this version does not have is as if there was none.
    """
    flow, node = version.flows.find(start) or (version.flows.main, version.flows.main.data.start)
    call = Call(
        line=line,
        version=version,
        caller=caller,
        world=world,
        tell=tell,
        flow=flow,
        node=node,
        language=language if language in flow.data.languages else default_language(flow),
        customer=version.customers.find(caller.number),
        values=dict(caller.known),
        attributes=dict(caller.attributes),
    )
    walk = _Walk(call)
    try:
        outcome = await walk.run()
    except CallerGone:
        outcome = walk.outcome(Ending.CALLER_GONE)
    tell(
        MenuLeft(
            at=world.now(),
            contact=caller.contact,
            node=outcome.node,
            ending=outcome.ending,
            solved=call.solved and outcome.ending in (Ending.HANG_UP, Ending.CALLER_GONE),
            version=version.number,
            queue=outcome.queue,
        )
    )
    return outcome


@dataclass(frozen=True, slots=True)
class _Menu:
    """A place that * goes back to."""

    flow: Flow
    node: str
    attributes: dict[str, str]
    callers: tuple[tuple[Flow, str | None], ...]


class _Walk:
    """One caller's way from node to node."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.reason = Reason.CHOICE
        self.menus: list[_Menu] = []
        # Flows that called the present one, each with the node to return to.
        self.callers: list[tuple[Flow, str | None]] = []

    async def run(self) -> Outcome:
        for _ in range(MAX_STEPS):
            self._arrive()
            step = await self._step(self.call.flow.nodes[self.call.node])
            if isinstance(step, Outcome):
                return step
            self._go(step)
        log.warning("a caller went round in the menu %d times", MAX_STEPS)
        self._go(Way.FAILED)
        self._arrive()
        return self._queue(self.call.flow.nodes[self.call.node])

    def outcome(self, ending: Ending, **more: str) -> Outcome:
        """The outcome at the present node."""
        call = self.call
        announcement = () if ending is Ending.CALLER_GONE else tuple(call.recordings(call.node))
        return Outcome(
            ending=ending,
            node=call.place,
            language=call.language,
            reason=self.reason,
            announcement=announcement,
            attributes=dict(call.attributes),
            values=dict(call.values),
            **more,
        )

    def _arrive(self) -> None:
        node = self.call.flow.nodes[self.call.node]
        self.call.step("", arrived=True)
        self.call.attributes.update(node.set)
        self.call.solved = self.call.solved or node.solves

    def _go(self, way: Next) -> None:
        if way is Way.BACK:
            self._back()
        elif isinstance(way, Way):
            self._to_person(Reason.PERSON_KEY if way is Way.PERSON else Reason.NO_SUCCESS)
        else:
            self.call.node = way

    # ---- nodes ----

    async def _step(self, node: Node) -> Next | Outcome:  # noqa: PLR0911, PLR0912 - one a kind
        """Do what a node says; returns where it leads, or the end."""
        call = self.call
        match node:
            case Say():
                key = await call.say(interruptible=node.interruptible)
                call.typed_ahead = key or call.typed_ahead
                return node.next
            case Goto():
                return node.next
            case Hours():
                return node.open if call.value(f"hours.{node.hours}") == "open" else node.closed
            case Customer():
                return self._customer(node)
            case Branch():
                return self._branch(node)
            case Language():
                return self._remembered(await asking.language(call, node))
            case Menu():
                return self._remembered(await asking.menu(call, node))
            case Collect():
                return self._remembered(await asking.collect(call, node))
            case Survey():
                return await asking.survey(call, node)
            case Lookup():
                return await asking.lookup(call, node)
            case Send():
                return await asking.send(call, node)
            case Voicemail():
                return await asking.voicemail(call, node)
            case SubFlow():
                return self._into(node)
            case Return():
                return self._out_of()
            case HangUp():
                await call.say(interruptible=False)
                return self.outcome(Ending.HANG_UP)
            case Queue():
                return self._queue(node)
            case Callback():
                return self.outcome(Ending.CALLBACK, queue=node.queue)
            case Transfer():
                return self.outcome(Ending.TRANSFER, queue=node.queue, number=node.number)

    def _customer(self, node: Customer) -> str:
        level = self.call.customer.level if self.call.customer else ""
        if level:
            self.call.attributes[TIER] = level
        return node.cases.get(level, node.otherwise)

    def _branch(self, node: Branch) -> str:
        for case in node.cases:
            if holds(case.when, {subject: self.call.value(subject) for subject in case.when}):
                return case.next
        return node.otherwise

    def _queue(self, node: Node) -> Outcome:
        assert isinstance(node, Queue)
        return self.outcome(Ending.QUEUE, queue=node.queue)

    # ---- flows within flows ----

    def _into(self, node: SubFlow) -> Next:
        """Into another flow, whose languages include those of this one."""
        if len(self.callers) == MAX_DEPTH:
            log.warning("%s: flows call each other round and round", self.call.place)
            return Way.FAILED
        self.callers.append((self.call.flow, node.next))
        self.call.flow = self.call.version.flows.by_name[node.flow]
        return self.call.flow.data.start

    def _out_of(self) -> Next:
        """Back to the flow that called this one; who was put right here goes to a person."""
        if not self.callers:
            return Way.FAILED
        flow, node = self.callers.pop()
        if node is None:
            return Way.FAILED
        self.call.flow = flow
        return node

    # ---- ways that hold everywhere ----

    def _to_person(self, reason: Reason) -> None:
        self.reason = reason
        name, node = self.call.flow.person
        self.call.flow, self.call.node = self.call.version.flows.by_name[name], node

    def _remembered(self, way: Next) -> Next:
        """Keep the present node for *, once the caller has gone on from it."""
        if not isinstance(way, Way):
            call = self.call
            attributes = {**call.attributes}
            self.menus.append(_Menu(call.flow, call.node, attributes, tuple(self.callers)))
        return way

    def _back(self) -> None:
        """To the question before this one; what was set since then holds no more."""
        if not self.menus:
            return
        menu = self.menus.pop()
        self.call.flow, self.call.node = menu.flow, menu.node
        self.call.attributes = menu.attributes
        self.callers = list(menu.callers)
