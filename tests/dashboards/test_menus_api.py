"""The menu's versions through the API: supervisors only, and a broken menu is told in detail."""

from pathlib import Path

import pytest

from store.source import BadFile, Problem
from store.versions import NoSuchVersion
from tests.dashboards.conftest import Browser, House

RELOAD, ROLLBACK = "/api/v1/menus/reload", "/api/v1/menus/rollback"


async def test_versions_are_taken_into_use_put_back_and_listed(boss: Browser, house: House) -> None:
    answer = await boss.post(RELOAD)
    assert answer.status == 200
    first = await answer.json()
    assert (first["number"], first["author"], first["in_use"]) == (1, "boss", True)
    assert (await boss.post(RELOAD)).status == 200
    assert (await boss.post(ROLLBACK, json={"number": 1})).status == 200
    listed = (await (await boss.get("/api/v1/menus/versions")).json())["versions"]
    assert [(v["number"], v["note"], v["in_use"]) for v in listed] == [
        (3, "rollback to 1", True), (2, "", False), (1, "", False),
    ]  # fmt: skip
    assert (await boss.post(ROLLBACK, json={})).status == 200
    assert house.menu.kept[-1].note == "rollback to None"


async def test_a_broken_menu_is_refused_with_file_line_and_mend(
    boss: Browser, house: House
) -> None:
    house.menu.refuse = BadFile(
        [Problem(file=Path("/x/menus/main.yaml"), line=7, text="no node 'whom'", mend="name one")]
    )
    for path in (RELOAD, ROLLBACK):
        answer = await boss.post(path, json={})
        assert answer.status == 422
        problem = await answer.json()
        assert problem["type"] == "urn:huawu:problem:broken-menu"
        assert problem["faults"] == [
            {"file": "main.yaml", "line": 7, "message": "no node 'whom'", "mend": "name one"}
        ]


async def test_there_must_be_such_a_version(boss: Browser, house: House) -> None:
    house.menu.refuse = NoSuchVersion("7")
    assert (await boss.post(ROLLBACK, json={"number": 7})).status == 404


@pytest.mark.parametrize("body", [{"number": 0}, {"number": "x"}, {"version": 1}])
async def test_what_makes_no_sense_is_never_asked(
    boss: Browser, house: House, body: dict[str, object]
) -> None:
    assert (await boss.post(ROLLBACK, json=body)).status == 400
    assert house.menu.kept == []


async def test_an_agent_may_not(agent: Browser, house: House) -> None:
    assert (await agent.get("/api/v1/menus/versions")).status == 403
    for path in (RELOAD, ROLLBACK):
        assert (await agent.post(path, json={})).status == 403
    assert house.menu.kept == []
