"""The drawn menu and its callers through the API."""

from telephony.events import MenuLeft, MenuStepTaken, RecordedEvent
from tests.dashboards.conftest import NOW, Browser, House

TRAFFIC, GRAPH = "/api/v1/menus/traffic", "/api/v1/menus/graph.svg"
DAY = 86_400.0


def call(
    contact: str, at: float, *nodes: str, ending: str, solved: bool = False
) -> list[RecordedEvent]:
    steps: list[RecordedEvent] = [
        MenuStepTaken(at=at, contact=contact, node=node, key="", arrived=True) for node in nodes
    ]
    steps.append(MenuStepTaken(at=at, contact=contact, node=nodes[-1], key="9"))
    left = MenuLeft(at=at + 1, contact=contact, node=nodes[-1], ending=ending, solved=solved)
    return [*steps, left]


async def test_a_day_of_callers(boss: Browser, house: House) -> None:
    await house.store(
        [
            *call("y", NOW - DAY, "greeting", ending="caller_gone"),
            *call("a", NOW - 60, "greeting", "language", ending="caller_gone"),
            *call("b", NOW - 30, "greeting", "language", "person", ending="queue"),
        ]
    )
    found = await (await boss.get(TRAFFIC)).json()
    assert found["flows"][0] == {
        "flow": "main", "came": 2, "solved": 0, "person": 1, "dropped": 1, "ended": 0,
        "containment": 0.0,
    }  # fmt: skip
    assert [flow["flow"] for flow in found["flows"]] == list(house.menu.flows.names)
    nodes = {node["node"]: node for node in found["nodes"]}
    assert nodes["language"] == {
        "node": "language", "arrivals": 2, "callers": 2, "dropped": 1, "drop_out": 0.5,
        "keys": {"9": 1},
    }  # fmt: skip
    assert {"source": "greeting", "target": "language", "count": 2} in found["ways"]
    assert found["end"] - found["start"] == DAY
    before = await (await boss.get(TRAFFIC, params={"day": "2025-11-21"})).json()
    assert (before["flows"][0]["came"], before["flows"][0]["dropped"]) == (1, 1)


async def test_the_picture(boss: Browser, house: House) -> None:
    await house.store(call("a", NOW - 60, "greeting", "language", ending="caller_gone"))
    answer = await boss.get(GRAPH)
    assert answer.content_type == "image/svg+xml"
    plain = await answer.text()
    assert "main_menu" in plain
    assert "✕" not in plain
    counted = await (await boss.get(GRAPH, params={"day": "today", "language": "en"})).text()
    assert "✕ 1 · 100%" in counted
    assert "calls 1" in counted


async def test_what_there_is_not(boss: Browser) -> None:
    assert (await boss.get(GRAPH, params={"flow": "none"})).status == 404
    for path, query in ((GRAPH, {"day": "now"}), (TRAFFIC, {"day": "2026-02-30"}),
                        (GRAPH, {"language": "fr"}), (TRAFFIC, {"day": ""})):  # fmt: skip
        assert (await boss.get(path, params=query)).status == 400


async def test_an_agent_may_not(agent: Browser) -> None:
    assert (await agent.get(TRAFFIC)).status == 403
    assert (await agent.get(GRAPH)).status == 403
