"""The shell: what the pure step wants reaches the journal, the timers and the telephone."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from acd.distribution import Distribution
from acd.service import DistributionService
from acd.wishes import ActionRefused
from telephony.clock import Clock
from telephony.commands import Command, KeepWaiting, MirrorAgent, OfferContact
from telephony.events import (
    AgentAnswered,
    AgentState,
    AgentWish,
    CallerArrived,
    CallStage,
    LegHungUp,
    MenuFinished,
    Party,
    RecordedEvent,
    TalkEnded,
)
from tests.acd.playbook import company
from tests.telephony.until import until


class Memory:
    """A journal that keeps everything in lists and dicts."""

    def __init__(self) -> None:
        self.contacts: dict[str, Mapping[str, Any]] = {}
        self.agents: dict[str, Mapping[str, Any]] = {}
        self.events: list[RecordedEvent] = []

    def record(self, contacts: Any, agents: Any, events: Any) -> None:
        self.contacts |= {name: kept.plain() for name, kept in contacts.items() if kept}
        for name in [name for name, kept in contacts.items() if kept is None]:
            self.contacts.pop(name, None)
        self.agents |= {name: agent.plain() for name, agent in agents.items()}
        self.events += events


class Desk:
    """A service with everything it talks to."""

    def __init__(self, memory: Memory | None = None, wrap_up: int = 20) -> None:
        self.memory = memory or Memory()
        self.commands: list[Command] = []
        self.service = DistributionService(
            Distribution(company(wrap_up=wrap_up)),
            clock=Clock(),
            journal=self.memory,
            carry_out=self.commands.append,
        )

    def call(self, contact: str) -> object:
        channel = f"ch-{contact}"
        self.service.ask(
            CallerArrived(contact=contact, channel=channel, caller="1", dialled="8000")
        )
        return self.service.ask(MenuFinished(contact=contact, queue="presale", language="zh-CN"))

    async def ready(self, agent: str = "8001") -> None:
        await self.service.sign_in(agent, "agent:8001")
        await self.service.ready(agent, "agent:8001")


async def test_commands_go_out_and_states_and_events_are_kept() -> None:
    desk = Desk()
    assert isinstance(desk.call("c1"), KeepWaiting)
    await desk.ready()
    assert any(isinstance(command, OfferContact) for command in desk.commands)
    assert desk.memory.contacts["c1"]["stage"] == "offered"
    assert desk.memory.agents["8001"]["state"] == "offered"
    assert type(desk.memory.events[-1]).__name__ == "OfferMade"
    desk.service.stop()


async def test_a_contact_that_is_gone_is_deleted_from_the_live_store() -> None:
    desk = Desk()
    desk.call("c1")
    desk.service.ask(LegHungUp(at=0, contact="c1", channel="ch-c1", agent="", cause=16))
    assert desk.memory.contacts == {}
    assert desk.service.stage("c1") is None


async def test_a_timer_fires_by_itself() -> None:
    desk = Desk(wrap_up=1)
    await desk.ready()
    desk.call("c1")
    desk.service.ask(AgentAnswered(at=0, contact="c1", agent="8001", offer=1, channel="a"))
    desk.service.ask(LegHungUp(at=0, contact="c1", channel="ch-c1", agent="", cause=16))
    assert desk.service.agent_state("8001") is AgentState.WRAP_UP
    await until(lambda: desk.service.agent_state("8001") is AgentState.READY)
    desk.service.stop()


async def test_a_new_process_begins_where_the_old_one_ended() -> None:
    desk = Desk()
    desk.call("c1")
    await desk.service.sign_in("8001", "agent:8001")
    again = Desk(desk.memory)
    again.service.restore(dict(desk.memory.contacts), dict(desk.memory.agents))
    assert again.service.stage("c1") is CallStage.WAITING
    assert again.service.agent_state("8001") is AgentState.NOT_READY
    again.service.mirror_everybody()
    assert {c.agent for c in again.commands if isinstance(c, MirrorAgent)} == {
        "8001", "8002", "8003", "8004",
    }  # fmt: skip


async def test_an_unreadable_entry_is_left_out_and_the_rest_kept() -> None:
    desk = Desk()
    desk.call("c1")
    again = Desk()
    again.service.restore({"bad": {"id": "bad"}, **desk.memory.contacts}, {"8001": {"x": 1}})
    assert again.service.stage("c1") is CallStage.WAITING
    assert again.service.stage("bad") is None


async def test_a_refused_wish_tells_its_code_and_can_be_asked_for_beforehand() -> None:
    desk = Desk()
    refusal = desk.service.refusal("8001", AgentWish.READY)
    assert refusal is not None
    assert refusal.code == "not_signed_in"
    assert desk.service.refusal("8001", AgentWish.SIGN_IN) is None
    with pytest.raises(ActionRefused):
        await desk.service.not_ready("8001", "lunch", "agent:8001")
    assert desk.memory.events == []


async def test_a_cancelled_timer_does_not_fire() -> None:
    desk = Desk(wrap_up=1)
    await desk.ready()
    desk.call("c1")
    desk.service.ask(AgentAnswered(at=0, contact="c1", agent="8001", offer=1, channel="a"))
    desk.service.ask(LegHungUp(at=0, contact="c1", channel="ch-c1", agent="", cause=16))
    await desk.service.finish_wrap_up("8001", "agent:8001")
    await desk.service.not_ready("8001", "lunch", "agent:8001")
    loop = asyncio.get_running_loop()
    assert not [t for t in desk.service._timers.values() if t.when() > loop.time()]


async def test_what_the_log_remembers_is_used() -> None:
    desk = Desk()
    now = desk.service._clock.now()
    talk = TalkEnded(
        at=now, contact="x", queue="presale", agent="8001", offer=1, by=Party.CALLER, talked=9.0
    )  # fmt: skip
    desk.service.remember([("138", "8002", now - 86400)], [talk] * 50)
    domain = desk.service.distribution.domain
    assert domain.served.last_agent("138", 7, now) == "8002"
    assert domain.pace.talks("presale").mean < 20


async def test_a_place_is_changed_or_refused() -> None:
    desk = Desk()
    desk.call("c1")
    await desk.service.change_place("c1", "supervisor:mei", priority=7)
    assert desk.memory.contacts["c1"]["priority"] == 7
    with pytest.raises(ActionRefused) as refused:
        await desk.service.change_place("c1", "supervisor:mei", queue="nowhere")
    assert refused.value.code == "unknown_queue"
