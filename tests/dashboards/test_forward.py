"""A controller that stands by: it shows the same, and hands on what changes something."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from acd.service import NotDeciding
from dashboards.server import create_app
from store.accounts import Accounts
from store.database import Database
from store.sessions import Sessions
from tests.dashboards.conftest import Browser, House, sign_in

READY = {"state": "ready"}
STATE = "/api/v1/agents/8001/state"


class Two:
    """A leader, and a browser at the controller that stands by."""

    def __init__(self, leader: TestServer, browser: Browser) -> None:
        self.address = str(leader.make_url("")).rstrip("/")
        self.browser = browser


@pytest.fixture
async def two(
    house: House, server: TestServer, database: Database, dist: Path
) -> AsyncIterator[Two]:
    ports = house.ports(Accounts(database), Sessions(house.redis), dist)
    leader = str(server.make_url("")).rstrip("/")
    app: web.Application = create_app(
        dataclasses.replace(ports, role=lambda: "standby", leader=lambda: house.leader)
    )
    house.leader = leader  # type: ignore[attr-defined]
    standby = TestServer(app)
    await standby.start_server()
    browser: Browser = TestClient(standby, cookie_jar=CookieJar(unsafe=True))
    browser.session.headers["X-Huawu"] = "1"
    yield Two(server, browser)
    await browser.close()


async def test_it_says_what_it_is(two: Two) -> None:
    assert (await (await two.browser.get("/healthz")).json())["role"] == "standby"


async def test_who_signs_in_here_acts_at_the_leader(two: Two, house: House) -> None:
    await sign_in(two.browser, "boss")
    answer = await two.browser.post(STATE, json=READY)
    assert answer.status == 204
    assert house.actions.asked == [("ready", "8001", "supervisor:boss")]
    answer = await two.browser.get("/api/v1/board")
    assert answer.status == 200


async def test_a_refusal_comes_back_as_the_leader_said_it(two: Two) -> None:
    await sign_in(two.browser, "8001")
    answer = await two.browser.post("/api/v1/agents/8002/state", json=READY)
    assert (answer.status, answer.content_type) == (403, "application/problem+json")
    answer = await two.browser.post(STATE, json={"state": "flying"})
    assert answer.status == 400


async def test_strangers_and_other_sites_are_turned_away_here(two: Two, house: House) -> None:
    assert (await two.browser.post(STATE, json=READY)).status == 401
    await sign_in(two.browser, "boss")
    origin = {"Origin": "http://elsewhere.example"}
    assert (await two.browser.post(STATE, json=READY, headers=origin)).status == 403
    assert house.actions.asked == []


async def test_what_only_the_leader_knows_is_read_there(two: Two) -> None:
    await sign_in(two.browser, "boss")
    assert (await two.browser.get("/api/v1/callbacks")).status == 200


@pytest.mark.parametrize("leader", ["", "http://127.0.0.1:1"])
async def test_no_leader_or_a_dead_one_is_said(two: Two, house: House, leader: str) -> None:
    await sign_in(two.browser, "boss")
    house.leader = leader  # type: ignore[attr-defined]
    answer = await two.browser.post(STATE, json=READY)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    problem = await answer.json()
    assert problem["type"] == "urn:huawu:problem:no-leader"
    assert leader in problem["detail"]


async def test_a_leader_that_may_not_decide_just_now_says_so(boss: Browser, house: House) -> None:
    house.actions.refuse = NotDeciding("not just now")  # type: ignore[assignment]
    answer = await boss.post(STATE, json=READY)
    assert answer.status == 503
    assert (await answer.json())["type"] == "urn:huawu:problem:no-leader"
