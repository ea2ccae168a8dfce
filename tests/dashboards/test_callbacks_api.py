"""Promised callbacks through the API: who sees them, who cancels them."""

import pytest

from telephony.events import CallStage
from tests.acd.test_callbacks import NUMBER, Office
from tests.dashboards.conftest import Browser, House


@pytest.fixture
def office(house: House) -> Office:
    """One ticket that was tried once, one that waits; nobody is free."""
    office = Office()
    office.asks("a")
    office.ready("8001")
    office.customer_leg_gone("a", 17)
    office.dials("talks", "13800000009")
    office.answer("talks")
    office.asks("b", "13800000002")
    house.promised.book = office
    return office


async def test_supervisors_see_whom_we_have_promised_a_call(boss: Browser, office: Office) -> None:
    answer = await boss.get("/api/v1/callbacks")
    assert answer.status == 200
    first, second = (await answer.json())["callbacks"]
    assert (first["contact"], first["caller"], first["queue"]) == ("a", NUMBER, "presale")
    assert (first["stage"], first["attempts"], first["agent"]) == ("callback", 1, "")
    assert first["next_try"] == office.of("a").not_before
    assert (second["contact"], second["attempts"], second["next_try"]) == ("b", 0, None)
    assert (first["position"], second["position"]) == (1, 2)  # the place is kept while it rests
    assert second["queued"] == office.of("b").queued < second["promised"]


async def test_a_supervisor_cancels_one(boss: Browser, office: Office) -> None:
    assert (await boss.delete("/api/v1/callbacks/b")).status == 204
    assert set(office.domain.contacts) == {"a", "talks"}
    assert (await boss.delete("/api/v1/callbacks/b")).status == 404


async def test_not_one_that_is_answered(boss: Browser, office: Office) -> None:
    assert (await boss.delete("/api/v1/callbacks/b")).status == 204
    office.caller_hangs_up("talks")
    office.pass_(200)
    office.reached("a")
    answer = await boss.delete("/api/v1/callbacks/a")
    assert answer.status == 409
    assert (await answer.json())["type"] == "urn:huawu:problem:refused-on-the-line"
    assert office.of("a").stage is CallStage.CALLING


async def test_agents_do_neither(agent: Browser, office: Office) -> None:
    assert (await agent.get("/api/v1/callbacks")).status == 403
    assert (await agent.delete("/api/v1/callbacks/a")).status == 403
    assert "a" in office.domain.contacts
