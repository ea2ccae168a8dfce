"""The emergency switch through the API, and on every page that is open."""

import pytest

from tests.dashboards.conftest import NOW, Browser, House
from tests.dashboards.live_page import open_page

EMERGENCY = "/api/v1/emergency"


async def test_it_is_switched_on_and_off_with_author_and_time(boss: Browser, house: House) -> None:
    answer = await boss.put(EMERGENCY, json={"preset": "system_trouble", "note": "fire"})
    assert answer.status == 200, await answer.text()
    assert await answer.json() == {
        "at": NOW, "author": "supervisor:boss", "scope": "everything", "on": True,
        "say": "emergency_system", "then": "hang_up", "flow": "", "note": "fire",
    }  # fmt: skip
    body = {"scope": "order", "say": "emergency_delays", "then": "voicemail"}
    answer = await boss.put(EMERGENCY, json=body)
    assert answer.status == 200, await answer.text()
    state = await (await boss.get(EMERGENCY)).json()
    assert [switch["scope"] for switch in state["on"]] == ["everything", "order"]
    texts = {preset["name"]: preset["text"] for preset in state["presets"]}
    assert texts.keys() >= {"system_trouble", "delays", "busy"}
    assert texts["busy"].keys() == {"zh-CN", "en"}
    assert "main" not in state["flows"]
    assert (await boss.delete(EMERGENCY)).status == 204
    assert (await boss.delete(EMERGENCY)).status == 404
    assert (await boss.delete(f"{EMERGENCY}?scope=order")).status == 204
    state = await (await boss.get(EMERGENCY)).json()
    assert state["on"] == []
    assert [(s["scope"], s["on"]) for s in state["history"]] == [
        ("order", False), ("everything", False), ("order", True), ("everything", True),
    ]  # fmt: skip
    assert [event.on for event in house.switched] == [True, True, False, False]


@pytest.mark.parametrize(
    "body, said",
    [
        ({"preset": "fire"}, "there is no preset fire"),
        ({"say": "nothing"}, "only what was recorded can be heard"),
        ({"flow": "nowhere"}, "there is no flow nowhere"),
        ({"preset": "busy", "scope": "nowhere"}, "there is no queue nowhere"),
        ({}, "one thing is put in front"),
        ({"preset": "busy", "say": "emergency_busy"}, "one thing is put in front"),
    ],
)
async def test_what_callers_could_not_hear_is_refused(
    boss: Browser, house: House, body: dict[str, str], said: str
) -> None:
    answer = await boss.put(EMERGENCY, json=body)
    assert answer.status == 422
    problem = await answer.json()
    assert problem["type"] == "urn:huawu:problem:cannot-switch"
    assert said in problem["detail"]
    assert house.switched == []


@pytest.mark.parametrize("body", [{"scope": "a b"}, {"then": "shout"}, {"text": "hello"}])
async def test_what_makes_no_sense_is_never_asked(boss: Browser, body: dict[str, str]) -> None:
    assert (await boss.put(EMERGENCY, json=body)).status == 400


async def test_agents_may_neither_see_nor_switch(agent: Browser) -> None:
    assert (await agent.get(EMERGENCY)).status == 403
    assert (await agent.put(EMERGENCY, json={"preset": "busy"})).status == 403
    assert (await agent.delete(EMERGENCY)).status == 403


async def test_an_open_page_is_told_at_once(boss: Browser, agent: Browser, house: House) -> None:
    for browser in (boss, agent):
        page = await open_page(browser)
        await page.hear_until(lambda page: page.n >= 0)
        assert page.messages[0]["emergency"] == []
        assert (await boss.put(EMERGENCY, json={"preset": "busy"})).status == 200
        await house.happen(house.switched[-1])
        await page.hear_until(lambda page: bool(page.messages[-1].get("emergency")))
        assert page.messages[-1]["emergency"][0]["say"] == "emergency_busy"
        assert (await boss.delete(EMERGENCY)).status == 204
        await page.socket.close()
