"""The AGI routes against a scripted channel: what is set on it, and in which order."""

import asyncio
import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from acd.distribution import Distribution
from acd.service import DistributionService
from controller.conversations import Conversations
from controller.emergencies import EmergencySwitch
from controller.in_front import InFront
from ivr.emergency import SwitchBook
from ivr.ports import World
from ivr.versions import FlowVersion
from telephony.agi import CallerHungUp
from telephony.clock import Clock
from telephony.events import (
    AgentAnswered,
    AgentState,
    CallStage,
    PhoneChanged,
    RecordedEvent,
    TransferTarget,
)
from tests.acd.test_service import Memory
from tests.example_company import example_company, example_menu

RECORDINGS = Path(tempfile.mkdtemp())


class Channel:
    """Stands for an ``AgiSession``: presses keys at once, remembers what was set and played."""

    def __init__(self, *, keys: str = "", arguments: tuple[str, ...] = (), **variables: str):
        self.uniqueid = "huawu-1.1"
        self.channel = "PJSIP/trunk-1"
        self.path = "test"
        self.arguments = arguments or ("13800000000", "8000", "")  # as the menu is asked
        self.variables = dict(variables)
        self.set: list[tuple[str, str]] = []
        self.played: list[str] = []
        self.keys = list(keys)
        self.hung_up = False

    async def get_variable(self, name: str) -> str | None:
        return self.variables.get(name)

    async def set_variable(self, name: str, value: str) -> None:
        self.variables[name] = value
        self.set.append((name, value))

    async def finish(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            await self.set_variable(name, value)

    async def stream_file(self, path: str, escape_digits: str = "") -> str:
        self.played.append(Path(path).name.rsplit("-", 1)[0])
        return self.keys.pop(0) if self.keys and escape_digits else ""

    async def wait_for_digit(self, seconds: float) -> str:
        if not self.keys:
            raise CallerHungUp("the script is over")
        return self.keys.pop(0)

    async def hang_up(self) -> None:
        self.hung_up = True


@dataclasses.dataclass
class Menus:
    """Stands for ``FlowVersions``."""

    current: FlowVersion


def emergency(
    menus: Menus, service: DistributionService, told: list[RecordedEvent]
) -> tuple[EmergencySwitch, InFront]:
    """A switch that is off, and what stands in front of callers by it; the PIN is 123456."""
    switch = EmergencySwitch(
        SwitchBook(Path(tempfile.mkdtemp()) / "emergency.jsonl"),
        menu=lambda: menus.current,
        queues=lambda: service.company.queues,
        record=told.append,
    )
    front = InFront(switch, menus=menus, record=told.append, recordings=RECORDINGS, pin="123456")
    return switch, front


class Centre:
    """The example company with its menu, and nothing outside."""

    def __init__(self) -> None:
        self.memory = Memory()
        company = example_company()
        self.service = DistributionService(
            Distribution(company), clock=Clock(), journal=self.memory, carry_out=lambda _: None
        )
        self.menus = Menus(example_menu())
        self.told: list[RecordedEvent] = []
        self.emergency, self.front = emergency(self.menus, self.service, self.told)
        self.routes = Conversations(
            menus=self.menus,
            front=self.front,
            service=self.service,
            world=World(now=Clock().now),
            may_record=lambda queue: queue == "order",
            recordings=RECORDINGS,
        ).routes()

    async def run(self, path: str, channel: Channel) -> Channel:
        await self.routes[path](channel)  # type: ignore[arg-type]
        return channel


@pytest.fixture
def centre() -> Centre:
    return Centre()


async def test_a_menu_ends_with_the_queue_entry_on_the_channel_and_the_word_last(
    centre: Centre,
) -> None:
    channel = await centre.run("menu", Channel(keys="12"))
    kept = channel.variables
    assert (kept["HUAWU_QUEUE"], kept["HUAWU_LANGUAGE"]) == ("order", "zh-CN")
    assert kept["HUAWU_RECORD"] == "1"
    assert float(kept["HUAWU_ENQUEUED"]) > 0
    assert channel.set[-1] == ("HUAWU_NEXT", "wait")
    assert "nobody_signed_in" in kept["HUAWU_SAY"]
    assert centre.service.stage(channel.uniqueid) is CallStage.WAITING


async def test_what_the_menu_learned_goes_with_the_contact_and_stays_on_the_channel(
    centre: Centre,
) -> None:
    channel = await centre.run("menu", Channel(keys="14"))
    learned = {"intent": "returns", "order_state": "delivered"}
    assert centre.memory.contacts[channel.uniqueid]["attributes"] == learned
    kept = channel.variables["HUAWU_ATTRIBUTES"]
    assert kept == "intent=returns&order_state=delivered"
    centre.service.stop()

    again = Centre()
    entry = {"HUAWU_QUEUE": "returns", "HUAWU_LANGUAGE": "zh-CN"}
    forged = f"{kept}&tier=emperor&evil=1"
    await again.run("tick", Channel(HUAWU_ATTRIBUTES=forged, **entry))
    assert again.memory.contacts[channel.uniqueid]["attributes"] == learned
    assert again.memory.contacts[channel.uniqueid]["priority"] == 2  # rule return_in_hand
    again.service.stop()


async def test_a_queue_that_the_rules_have_lost_since_is_where_zero_leads(centre: Centre) -> None:
    rules = centre.service.company
    queues = {name: queue for name, queue in rules.queues.items() if name != "order"}
    centre.service.adopt(dataclasses.replace(rules, queues=queues), version=2, author="mei")
    channel = await centre.run("menu", Channel(keys="12"))
    assert channel.variables["HUAWU_QUEUE"] == "general"
    centre.service.stop()


async def test_a_free_agent_rides_in_the_answer(centre: Centre) -> None:
    await centre.service.sign_in("8003", "agent:8003")
    await centre.service.ready("8003", "agent:8003")
    channel = await centre.run("menu", Channel(keys="12"))
    assert dict(channel.set)["HUAWU_AGENT"] == "8003"
    assert dict(channel.set)["HUAWU_LABEL"] == "订单查询"
    assert channel.set[-1] == ("HUAWU_NEXT", "offer")
    centre.service.stop()


async def test_who_hangs_up_in_the_menu_gets_no_word(centre: Centre) -> None:
    channel = await centre.run("menu", Channel(keys="1"))
    assert channel.set == []
    assert centre.service.stage(channel.uniqueid) is CallStage.MENU


async def test_a_caller_queued_before_the_controller_died_hears_no_menu_again(
    centre: Centre,
) -> None:
    await centre.run("menu", Channel(keys="12"))
    again = await centre.run("menu", Channel())
    assert again.played == []
    assert again.set[-1] == ("HUAWU_NEXT", "wait")


async def test_a_tick_of_an_unknown_caller_is_adopted_from_the_channel(centre: Centre) -> None:
    entry = {"HUAWU_QUEUE": "returns", "HUAWU_ENQUEUED": f"{Clock().now() - 30:.3f}"}
    channel = await centre.run("tick", Channel(HUAWU_LANGUAGE="en", **entry))
    assert channel.set[-1] == ("HUAWU_NEXT", "wait")
    assert centre.memory.contacts[channel.uniqueid]["queued"] == float(entry["HUAWU_ENQUEUED"])


async def test_a_key_asks_for_a_callback_or_leaves_the_caller_waiting(centre: Centre) -> None:
    entry = {"HUAWU_QUEUE": "logistics", "HUAWU_ENQUEUED": f"{Clock().now() - 30:.3f}"}
    await centre.run("key", Channel(arguments=("1",), HUAWU_LANGUAGE="zh-CN", **entry))
    (contact,) = centre.service.distribution.domain.contacts.values()
    assert contact.stage is CallStage.WAITING  # taken up from the channel, without a number
    channel = await centre.run("key", Channel(arguments=("1",)))
    assert "callback_no_number" in dict(channel.set)["HUAWU_SAY"]
    assert channel.set[-1] == ("HUAWU_NEXT", "wait")
    contact.caller = "13800138000"
    channel = await centre.run("key", Channel(arguments=("1",)))
    assert "callback_promised" in dict(channel.set)["HUAWU_SAY"]
    assert channel.set[-1] == ("HUAWU_NEXT", "hangup")
    assert contact.stage is CallStage.CALLBACK
    assert centre.memory.contacts[contact.id]["promised"]
    centre.service.stop()


async def test_a_promise_is_given_when_it_is_written_down_and_not_much_later(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.conversations.PROMISE_LIMIT", 0.05)
    told: list[str] = []

    async def never() -> None:
        told.append("asked")
        await asyncio.Event().wait()

    centre.routes = Conversations(
        menus=centre.menus, front=centre.front, service=centre.service,
        world=World(now=Clock().now),
        may_record=lambda queue: False, recordings=RECORDINGS, written=never,
    ).routes()  # fmt: skip
    await centre.run("tick", Channel(HUAWU_QUEUE="logistics", HUAWU_LANGUAGE="zh-CN"))
    (contact,) = centre.service.distribution.domain.contacts.values()
    contact.caller = "13800138000"
    channel = await centre.run("key", Channel(arguments=("7",)))
    assert (told, channel.set[-1]) == ([], ("HUAWU_NEXT", "wait"))
    channel = await centre.run("key", Channel(arguments=("1",)))
    assert (told, channel.set[-1]) == (["asked"], ("HUAWU_NEXT", "hangup"))
    centre.service.stop()


async def test_an_offers_end_reaches_the_distribution(centre: Centre) -> None:
    await centre.service.sign_in("8003", "agent:8003")
    await centre.service.ready("8003", "agent:8003")
    await centre.run("menu", Channel(keys="12"))
    channel = await centre.run("offer-ended", Channel(arguments=("BUSY", "17", "300")))
    assert channel.set[-1] == ("HUAWU_NEXT", "wait")
    assert centre.service.agent_state("8003") is AgentState.NOT_READY
    centre.service.stop()


async def test_after_the_talk_the_caller_hears_goodbye(centre: Centre) -> None:
    channel = await centre.run("after", Channel())
    assert "goodbye" in dict(channel.set)["HUAWU_SAY"]
    assert channel.set[-1] == ("HUAWU_NEXT", "hangup")


@pytest.mark.parametrize(
    "state, code, prompt, after",
    [
        ("out", "*45", "agent_signed_in", AgentState.NOT_READY),
        ("out", "*46", "agent_not_signed_in", AgentState.SIGNED_OUT),
        ("in", "*46", "agent_ready", AgentState.READY),
        ("ready", "*46", "agent_not_ready", AgentState.NOT_READY),
        ("ready", "*45", "agent_signed_out", AgentState.SIGNED_OUT),
        ("in, no phone", "*46", "agent_not_allowed", AgentState.NOT_READY),
        ("in", "*47", "agent_not_allowed", AgentState.NOT_READY),
    ],
)
async def test_feature_codes(
    centre: Centre, state: str, code: str, prompt: str, after: AgentState
) -> None:
    if state != "out":
        await centre.service.sign_in("8003", "agent:8003")
    if state == "ready":
        await centre.service.ready("8003", "agent:8003")
    if "no phone" in state:
        centre.service.ask(PhoneChanged(at=0, agent="8003", reachable=False))
    channel = await centre.run("feature", Channel(arguments=(code,), HUAWU_AGENT_ID="8003"))
    assert channel.played == [prompt]
    assert centre.service.agent_state("8003") is after


async def test_a_phone_that_is_no_agents_may_do_nothing(centre: Centre) -> None:
    channel = await centre.run("feature", Channel(arguments=("*45",)))
    assert channel.played == ["agent_not_allowed"]


async def test_who_is_passed_on_to_the_menu_begins_at_that_node(centre: Centre) -> None:
    await centre.service.sign_in("8003", "agent:8003")
    await centre.service.ready("8003", "agent:8003")
    channel = await centre.run("menu", Channel(keys="12"))
    contact = channel.uniqueid
    centre.service.ask(
        AgentAnswered(at=1.0, contact=contact, agent="8003", offer=1, channel="PJSIP/agent8003-1")
    )
    await centre.service.transfer(contact, TransferTarget.NODE, "main_menu", "agent:8003")
    assert centre.service.stage(contact) is CallStage.MENU
    node = ("13800000000", "8000", "main_menu")
    again = await centre.run("menu", Channel(keys="4", arguments=node))
    assert again.played[0] == "main-main_menu"
    known = centre.service.contact(contact)
    assert known is not None
    assert (known.queue, known.language) == ("returns", "zh-CN")
    centre.service.stop()


async def test_nobody_outside_puts_the_caller_back_in_the_queue(centre: Centre) -> None:
    await centre.service.sign_in("8003", "agent:8003")
    await centre.service.ready("8003", "agent:8003")
    channel = await centre.run("menu", Channel(keys="12"))
    contact = channel.uniqueid
    centre.service.ask(
        AgentAnswered(at=1.0, contact=contact, agent="8003", offer=1, channel="PJSIP/agent8003-1")
    )
    await centre.service.transfer(contact, TransferTarget.OUTSIDE, "12315", "agent:8003")
    back = await centre.run("outside-ended", Channel(arguments=("NOANSWER",)))
    assert centre.service.stage(contact) is CallStage.WAITING
    assert dict(back.set)["HUAWU_NEXT"] == "wait"
    centre.service.stop()
