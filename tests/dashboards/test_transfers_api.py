"""Passing callers on through the API: who may, what is asked for, what is refused."""

import pytest

from acd.wishes import ActionRefused
from tests.dashboards.conftest import Browser, House

CONTACT = "huawu-1.1"


@pytest.mark.parametrize(
    "path, body, asked",
    [
        ("transfer", {"target": "queue", "to": "vip"}, ("transfer", "queue", "vip")),
        ("consult", {"target": "agent", "to": "8002"}, ("consult", "agent", "8002")),
        ("consult/complete", {}, ("complete",)),
        ("consult/cancel", {}, ("cancel",)),
        ("conference", {}, ("conference",)),
    ],
)
async def test_agents_act_as_themselves_and_supervisors_as_supervisors(
    house: House,
    agent: Browser,
    boss: Browser,
    path: str,
    body: dict[str, str],
    asked: tuple[str, ...],
) -> None:
    for client, author in ((agent, "agent:8001"), (boss, "supervisor:boss")):
        answer = await client.post(f"/api/v1/contacts/{CONTACT}/{path}", json=body)
        assert answer.status == 204
        assert house.actions.asked[-1] == (asked[0], CONTACT, *asked[1:], author)


@pytest.mark.parametrize(
    "code, status, problem",
    [
        ("agent_not_free", 409, "refused-agent-not-free"),
        ("not_yours", 403, "forbidden"),
    ],
)
async def test_a_refusal_says_why(
    house: House, agent: Browser, code: str, status: int, problem: str
) -> None:
    house.actions.refuse = ActionRefused(code, "no")
    body = {"target": "agent", "to": "8002"}
    answer = await agent.post(f"/api/v1/contacts/{CONTACT}/consult", json=body)
    assert answer.status == status
    assert (await answer.json())["type"].endswith(problem)


async def test_a_target_that_is_none_is_refused_with_its_field(agent: Browser) -> None:
    for body in ({"target": "moon", "to": "1"}, {"target": "agent", "to": "1;2"}, {}):
        answer = await agent.post(f"/api/v1/contacts/{CONTACT}/transfer", json=body)
        assert answer.status == 400


async def test_what_calls_can_be_passed_on_to(agent: Browser) -> None:
    answer = await agent.get("/api/v1/transfer-targets")
    assert await answer.json() == {"nodes": ["main_menu", "person"], "outside": ["12315", "199*"]}
