"""Agents' states through the API: who may change whose, and how a refusal looks."""

import pytest

from acd.wishes import ActionRefused
from tests.dashboards.conftest import Browser, House


@pytest.mark.parametrize(
    "body, asked",
    [
        ({"state": "signed_in"}, ("sign_in", "8001", "agent:8001")),
        ({"state": "signed_out"}, ("sign_out", "8001", "agent:8001")),
        ({"state": "ready"}, ("ready", "8001", "agent:8001")),
        ({"state": "not_ready", "reason": "meal"}, ("not_ready", "8001", "meal", "agent:8001")),
        ({"state": "wrap_up_finished"}, ("finish_wrap_up", "8001", "agent:8001")),
    ],
)
async def test_an_agent_changes_the_own_state(
    agent: Browser, house: House, body: dict[str, str], asked: tuple[str, ...]
) -> None:
    assert (await agent.post("/api/v1/agents/8001/state", json=body)).status == 204
    assert house.actions.asked == [asked]


async def test_not_that_of_another(agent: Browser, house: House) -> None:
    answer = await agent.post("/api/v1/agents/8002/state", json={"state": "ready"})
    assert answer.status == 403
    assert house.actions.asked == []


async def test_a_supervisor_may_and_is_the_author(boss: Browser, house: House) -> None:
    body = {"state": "not_ready", "reason": "meeting"}
    assert (await boss.post("/api/v1/agents/8002/state", json=body)).status == 204
    assert house.actions.asked == [("not_ready", "8002", "meeting", "supervisor:boss")]


async def test_an_unknown_agent(boss: Browser) -> None:
    assert (await boss.post("/api/v1/agents/9999/state", json={"state": "ready"})).status == 404


async def test_a_refusal_says_why(agent: Browser, house: House) -> None:
    house.actions.refuse = ActionRefused("no_phone", "no phone is registered for agent 8001")
    answer = await agent.post("/api/v1/agents/8001/state", json={"state": "ready"})
    assert answer.status == 409
    problem = await answer.json()
    assert problem["type"] == "urn:huawu:problem:refused-no-phone"
    assert problem["detail"] == "no phone is registered for agent 8001"


async def test_my_desk(agent: Browser, boss: Browser) -> None:
    desk = await (await agent.get("/api/v1/agents/me")).json()
    assert desk["agent"]["id"] == "8001"
    assert desk["agent"]["state"] == "signed_out"
    assert desk["call"] is None
    assert (await boss.get("/api/v1/agents/me")).status == 404
