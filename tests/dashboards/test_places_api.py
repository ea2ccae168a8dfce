"""Changing a waiting contact's place through the API: supervisors only, with a clear refusal."""

import pytest

from acd.wishes import ActionRefused
from tests.dashboards.conftest import Browser, House

PLACE = "/api/v1/contacts/c1/place"


@pytest.mark.parametrize(
    "body", [{"priority": 9}, {"priority": "gold"}, {"queue": "vip", "preferred": "8001"},
             {"preferred": ""}],
)  # fmt: skip
async def test_a_supervisor_changes_what_is_named(
    boss: Browser, house: House, body: dict[str, object]
) -> None:
    assert (await boss.post(PLACE, json=body)).status == 204
    assert house.actions.asked == [("change_place", "c1", "supervisor:boss", body)]


async def test_an_agent_may_not(agent: Browser, house: House) -> None:
    assert (await agent.post(PLACE, json={"priority": 9})).status == 403
    assert house.actions.asked == []


@pytest.mark.parametrize(
    "body", [{"priority": 1001}, {"priority": -1}, {"priority": True}, {"priority": 1.5},
             {"queue": "No Queue"}, {"preferred": "x"}, {"place": 1}],
)  # fmt: skip
async def test_what_makes_no_sense_is_never_asked(
    boss: Browser, house: House, body: dict[str, object]
) -> None:
    assert (await boss.post(PLACE, json=body)).status == 400
    assert house.actions.asked == []


@pytest.mark.parametrize(
    "code, status", [("being_offered", 409), ("talking", 409), ("unknown_contact", 404)]
)
async def test_a_refusal_says_why(boss: Browser, house: House, code: str, status: int) -> None:
    house.actions.refuse = ActionRefused(code, "not now")
    answer = await boss.post(PLACE, json={"priority": 9})
    assert answer.status == status
    problem = await answer.json()
    assert problem["type"] == "urn:huawu:problem:refused-" + code.replace("_", "-")
    assert problem["detail"] == "not now"
