"""The survey after the talk, by AGI: who is asked, what is told, and that nobody is stuck."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from acd.distribution import Distribution
from acd.rules import Survey
from acd.service import DistributionService
from controller.caller_past import CallerPast, Past
from controller.conversations import Conversations
from ivr.ports import World
from ivr.versions import FlowVersion, load_version
from store.past import PastStore
from telephony.clock import Clock
from telephony.events import AgentAnswered, SurveyAnswered, SurveyOffered
from tests.acd.test_service import Memory
from tests.controller.test_conversations import Channel, Menus, emergency
from tests.example_company import COMPANY, example_company, example_menu
from tests.survey_flow import write_survey


class Told(PastStore):
    """A store that answers as the test says."""

    def __init__(self) -> None:
        self.asked = False

    async def surveyed_since(self, caller: str, now: float, days: int) -> bool:
        return self.asked


class Centre:
    """The example company with a survey in all queues."""

    def __init__(self, folder: Path, version: FlowVersion) -> None:
        company = example_company()
        routing = company.routing.model_copy(update={"survey": Survey(flow="survey")})
        self.memory, self.told = Memory(), Told()
        self.service = DistributionService(
            Distribution(dataclasses.replace(company, routing=routing)),
            clock=Clock(), journal=self.memory, carry_out=lambda _: None,
        )  # fmt: skip
        self.menus = Menus(version)
        clock = Clock()
        self.past = CallerPast(self.told, clock.now)
        self.routes = Conversations(
            menus=self.menus, service=self.service, world=World(now=clock.now),
            may_record=lambda queue: False, recordings=folder,
            front=emergency(self.menus, self.service, [])[1],
            past=self.past,
        ).routes()  # fmt: skip

    async def run(self, path: str, channel: Channel) -> dict[str, str]:
        await self.routes[path](channel)  # type: ignore[arg-type]
        return dict(channel.set)

    async def talk(self) -> None:
        """8003 answers an order; afterwards the caller is left over."""
        for wish in ("sign_in", "ready"):
            await getattr(self.service, wish)("8003", "agent:8003")
        await self.run("menu", Channel(keys="12"))
        self.service.ask(
            AgentAnswered(at=1.0, contact="huawu-1.1", agent="8003", offer=1, channel="agent")
        )

    def recorded(self, kind: type) -> list:
        return [event for event in self.memory.events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> FlowVersion:
    folder = tmp_path_factory.mktemp("company")
    shutil.copytree(COMPANY, folder, dirs_exist_ok=True)
    write_survey(folder)
    return load_version(folder, recorded=False)


@pytest.fixture
def centre(tmp_path: Path, version: FlowVersion) -> Iterator[Centre]:
    made = Centre(tmp_path, version)
    yield made
    made.service.stop()


async def test_the_score_counts_for_the_agent_and_the_queue_of_the_talk(centre: Centre) -> None:
    await centre.talk()
    after = await centre.run("after", Channel())
    assert (after["HUAWU_ABOUT"], after["HUAWU_NEXT"]) == ("survey", "survey")
    told = await centre.run("survey", Channel(keys="5", arguments=("survey",)))
    assert told["HUAWU_NEXT"] == "hangup"
    (offered,) = centre.recorded(SurveyOffered)
    (answered,) = centre.recorded(SurveyAnswered)
    assert (offered.queue, offered.agent, offered.offer) == ("order", "8003", 1)
    assert (answered.score, answered.queue, answered.agent, answered.offer) == (
        5, "order", "8003", 1,
    )  # fmt: skip


async def test_a_low_score_is_asked_why(centre: Centre) -> None:
    await centre.talk()
    await centre.run("after", Channel())
    await centre.run("survey", Channel(keys="21#", arguments=("survey",)))
    (answered,) = centre.recorded(SurveyAnswered)
    assert (answered.score, answered.reason) == (2, "slow")


async def test_who_was_asked_lately_hears_goodbye(centre: Centre) -> None:
    await centre.talk()
    centre.told.asked = True
    after = await centre.run("after", Channel())
    assert after["HUAWU_NEXT"] == "hangup"
    assert "goodbye" in after["HUAWU_SAY"]
    assert not centre.recorded(SurveyOffered)


async def test_a_survey_that_is_no_menu_asks_nobody(centre: Centre) -> None:
    await centre.talk()
    version = example_menu()
    without = dataclasses.replace(version.flows, by_name={"main": version.flows.main})
    centre.menus.current = dataclasses.replace(version, flows=without)
    assert (await centre.run("after", Channel()))["HUAWU_NEXT"] == "hangup"


@pytest.mark.parametrize("flow", ["", "lost"])
async def test_without_a_flow_or_a_contact_nothing_is_said(centre: Centre, flow: str) -> None:
    """The dialplan says goodbye by itself."""
    assert not await centre.run("survey", Channel(arguments=("survey",)))
    await centre.talk()
    assert not await centre.run("survey", Channel(arguments=(flow, "")))


async def test_what_is_known_of_a_caller_goes_into_the_distribution(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(centre.past, "of", lambda number: Past(contacts=2, complains=True))
    await centre.run("menu", Channel(keys="12"))
    contact = centre.service.contact("huawu-1.1")
    assert contact is not None
    assert contact.attributes["repeat"] == "within_24h"
    assert contact.attributes["complaint"] == "open"
    assert contact.queue == "complaints"  # rule open_complaint


async def test_a_stranger_has_no_such_attributes(centre: Centre) -> None:
    await centre.run("menu", Channel(keys="12"))
    contact = centre.service.contact("huawu-1.1")
    assert contact is not None
    assert (contact.queue, contact.attributes.keys() & {"repeat", "complaint"}) == ("order", set())
