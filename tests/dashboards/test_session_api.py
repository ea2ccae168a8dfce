"""Signing in and out."""

from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from store.accounts import Accounts
from store.database import Database
from tests.dashboards.conftest import PASSWORD, Browser, House, sign_in


async def test_sign_in_says_who_one_is_and_sets_a_closed_cookie(browser: Browser) -> None:
    answer = await browser.post("/api/v1/session", json={"name": "8001", "password": PASSWORD})
    assert answer.status == 200
    assert await answer.json() == {
        "name": "8001",
        "role": "agent",
        "agent": "8001",
        "display": {"zh-CN": "李娜", "en": "Li Na"},
    }
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("huawu_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie, "a browser on plain HTTP would drop it"
    assert (await (await browser.get("/api/v1/session")).json())["name"] == "8001"


async def test_nobody_is_no_error(browser: Browser) -> None:
    assert (await browser.get("/api/v1/session")).status == 204


async def test_sign_out_ends_the_session_on_the_server(boss: Browser, redis: Redis) -> None:
    assert await redis.keys("huawu:session:*")
    assert (await boss.delete("/api/v1/session")).status == 204
    assert not await redis.keys("huawu:session:*")
    assert (await boss.get("/api/v1/board")).status == 401


async def test_a_new_sign_in_gets_a_new_token(boss: Browser, redis: Redis) -> None:
    before = await redis.keys("huawu:session:*")
    await sign_in(boss, "boss")
    after = await redis.keys("huawu:session:*")
    assert len(after) == 1
    assert after != before


@pytest.mark.parametrize("name, password", [("boss", "wrong"), ("nobody", PASSWORD), ("boss", " ")])
async def test_a_wrong_guess_tells_nothing(browser: Browser, name: str, password: str) -> None:
    answer = await browser.post("/api/v1/session", json={"name": name, "password": password})
    assert answer.status == 401
    assert (await answer.json())["detail"] == "the account or the password is wrong"
    assert "Set-Cookie" not in answer.headers


async def test_a_disabled_account_cannot_sign_in(browser: Browser, database: Database) -> None:
    await Accounts(database).set_disabled("boss", True)
    answer = await browser.post("/api/v1/session", json={"name": "boss", "password": PASSWORD})
    assert answer.status == 401


async def test_guessing_is_slowed_down(open_browser: Callable[[], Browser], house: House) -> None:
    guesser = open_browser()
    for _ in range(5):
        answer = await guesser.post("/api/v1/session", json={"name": "boss", "password": "no"})
        assert answer.status == 401
    answer = await guesser.post("/api/v1/session", json={"name": "boss", "password": PASSWORD})
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) >= 5
    house.now += 6
    await sign_in(guesser, "boss")


async def test_forwarding_headers_of_strangers_are_ignored(browser: Browser) -> None:
    """Or a guesser would have a new address for every try, and a cookie marked as secure."""
    statuses = []
    for number in range(6):
        answer = await browser.post(
            "/api/v1/session",
            json={"name": "boss", "password": "no"},
            headers={"X-Forwarded-For": f"10.0.0.{number}", "X-Forwarded-Proto": "https"},
        )
        statuses.append(answer.status)
    assert statuses == [401] * 5 + [429]
