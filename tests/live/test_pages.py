# ruff: noqa: F401, F811 (fixtures are imported, and asked for by their names)
"""The built pages in a real browser: they move when the telephone does, and say so when not.

With ``HUAWU_SCREENSHOTS=folder`` the run leaves pictures of the pages there; the README's comes
from it.
"""

import os
import re
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from acd.company import Company
from acd.wishes import ActionRefused
from controller.setup import frontend
from dashboards.live import LIVE
from telephony.events import (
    AgentState,
    AgentWish,
    ConsultAnswered,
    ConsultStarted,
    HoldStarted,
    KeyPressed,
    TalkEnded,
)
from tests.acd.playbook import Playbook
from tests.dashboards.conftest import (
    PASSWORD,
    House,
    app,
    company,
    database_url,
    house,
    password_hash,
    server,
)
from tests.dashboards.live_page import until
from tests.dashboards.story import Day, busy_day
from tests.dashboards.talk import transcript, write_talk

pytestmark = pytest.mark.live

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --disable-quic --autoplay-policy=no-user-gesture-required"
).split()
WALL = {"width": 1920, "height": 1080}
SMALL = {"width": 1366, "height": 768}
PATIENCE = 20_000.0  # milliseconds


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built from the sources as they are."""
    frontend.build(tmp_path_factory.mktemp("build") / "build.log")
    return frontend.WEB / "dist"


@pytest.fixture
def dist(built: Path) -> Path:
    return built


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    """A page far from the company; nothing may be complained about on its console."""
    context = await chromium.new_context(viewport=WALL, timezone_id="America/New_York")
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    opened = await context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    opened.on("console", note)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    await fonts_are_in(opened)
    await context.close()
    # What the browser itself says of a server that a test has stopped, and of a refusal.
    expected = ("ERR_CONNECTION_REFUSED", "409 (Conflict)", "422 (Unprocessable Entity)")
    assert [text for text in complaints if not any(word in text for word in expected)] == []


@pytest.fixture
async def today(house: House, company: Company) -> Day:
    """Hours of calls until now, filed before the server starts, with one talk on record."""
    house.real_time = True
    day = busy_day(company, time.time())
    ended = [event for event in day.events if isinstance(event, TalkEnded)][-2]
    write_talk(house.recordings / "talk", 30.0)
    day.record(ended.at + 2, ended.contact, ended.agent, "talk", 30.0)
    house.transcripts[ended.contact] = transcript()
    await house.store(day.in_order())
    day.events.clear()
    return day


@pytest.fixture
async def address(today: Day, app: web.Application, server: TestServer) -> str:
    """Where the server is; it has read the day."""
    await until(lambda: app[LIVE].loaded)
    return str(server.make_url("/")).rstrip("/")


async def fonts_are_in(page: Page) -> None:
    """Who leaves a page earlier cuts their files off halfway, of which the server complains."""
    await page.evaluate("document.fonts.ready.then(() => 0)")


async def sign_in(page: Page, address: str, name: str) -> None:
    await page.goto(address)
    await page.fill("#name", name)
    await page.fill("#password", PASSWORD)
    await page.click("button[type=submit]")
    await page.wait_for_url(lambda url: url.rstrip("/") != address)
    await fonts_are_in(page)


async def picture(page: Page, name: str) -> None:
    """Keep a screenshot, when somebody asked for them."""
    if folder := os.environ.get("HUAWU_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.wait_for_timeout(900)  # transitions come to rest, fonts are in
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def fits(page: Page) -> bool:
    return bool(
        await page.evaluate(
            "document.documentElement.scrollHeight <= innerHeight"
            " && document.documentElement.scrollWidth <= innerWidth"
        )
    )


async def tell(house: House, day: Day) -> None:
    """Let what was written happen now."""
    events = day.in_order()
    day.events.clear()
    await house.happen(*events)


async def test_the_wallboard_moves_with_a_call_and_fits_both_screens(
    page: Page,
    address: str,
    house: House,
    today: Day,
) -> None:
    await sign_in(page, address, "boss")
    await page.wait_for_url("**/wall")
    general = page.locator('[data-queue="general"]')
    waiting, talking = (general.locator(f'[data-figure="{f}"]') for f in ("waiting", "talking"))
    await expect(waiting).to_have_text("0")
    await expect(page.locator("[data-queue]")).to_have_count(7)
    await expect(page.locator("[data-agent]")).to_have_count(8)
    here = datetime.now(ZoneInfo("Asia/Shanghai"))
    await expect(page.locator("header .day")).to_have_text(f"{here:%Y-%m-%d}")
    await expect(page.locator("header .clock")).to_contain_text(f"{here:%H:}")
    assert await fits(page)
    await picture(page, "wallboard")
    await page.set_viewport_size(SMALL)
    assert await fits(page)
    await picture(page, "wallboard-1366")
    await page.set_viewport_size(WALL)

    answered = int(await general.locator('[data-figure="answered"]').inner_text())
    now = time.time()
    contact = today.arrive(now - 5)
    today.queue(now - 1, contact, "general")
    await tell(house, today)
    await expect(waiting).to_have_text("1")
    await expect(general.locator(".c-longest b")).to_have_text("0:03")  # it ticks by itself
    today.offer(now, contact, "8002")
    today.answer(now + 1, contact, "8002", 2.0)
    await tell(house, today)
    await expect(waiting).to_have_text("0")
    await expect(talking).to_have_text("1")
    await expect(page.locator('[data-agent="8002"]')).to_have_class("agent talking full")
    await expect(general.locator('[data-figure="answered"]')).to_have_text(str(answered + 1))
    today.part(now + 2, contact, "8002", 1.0)
    await tell(house, today)
    await expect(talking).to_have_text("0")
    await expect(page.locator('[data-agent="8002"]')).to_have_class("agent wrap_up full")

    await page.get_by_role("button", name="English").click()
    await expect(general).to_contain_text("General")
    await picture(page, "wallboard-en")


async def test_a_page_that_hears_nothing_says_that_it_is_stale(
    page: Page,
    address: str,
    server: TestServer,
) -> None:
    await page.clock.install()
    await sign_in(page, address, "boss")
    await expect(page.get_by_role("status")).to_have_text("实时")
    await server.close()
    await page.clock.fast_forward(15_000)
    await expect(page.get_by_role("alert")).to_contain_text("数据已停止更新")
    await picture(page, "stale")


async def test_the_desk_shows_the_offer_and_changes_the_state(
    page: Page,
    address: str,
    house: House,
    today: Day,
) -> None:
    await sign_in(page, address, "8005")
    await page.wait_for_url("**/desk")
    await page.set_viewport_size({"width": 1440, "height": 900})
    await expect(page.locator("[data-caller]")).to_have_text("13612340007")
    await expect(page.locator(".call")).to_contain_text("售后退换")
    await picture(page, "desk")

    now = time.time()
    today.miss(now, f"{[c for c, q in today.queues.items() if q == 'returns'][-1]}", "8005")
    await tell(house, today)
    await expect(page.locator(".state .reason")).to_have_text("未接来电")
    await page.keyboard.press("r")
    await until(lambda: house.actions.asked == [("ready", "8005", "agent:8005")])
    today.state(now + 1, "8005", AgentState.READY)
    await tell(house, today)
    await expect(page.get_by_role("heading", name="暂无来电")).to_be_visible()
    await page.get_by_role("button", name="选择示忙原因").click()
    await page.get_by_role("menuitem", name="午餐 · 60 分钟").click()
    await until(lambda: house.actions.asked[-1] == ("not_ready", "8005", "lunch", "agent:8005"))
    house.actions.refuse = ActionRefused("no_phone", "no phone is registered")
    await page.get_by_role("button", name="签退").click()
    await expect(page.get_by_role("alert")).to_contain_text("话机未注册")


async def test_a_supervisor_sees_why_a_caller_waits_and_changes_the_place(
    page: Page, address: str, house: House
) -> None:
    book = Playbook(house.company)
    book.at = time.time() - 60
    house.explained.book = house.promised.book = book
    for agent in ("8003", "8004"):
        book.wish(agent, AgentWish.SIGN_IN)
    book.wish("8003", AgentWish.READY)
    for number in range(1, 5):
        book.call(f"live-{number}", "logistics", caller=f"1390000000{number}")
        book.pass_(10)
    book.tell(KeyPressed(contact="live-3", channel="ch-live-3", key="1"))
    book.caller_hangs_up("live-3")
    await house.store(book.events)
    await sign_in(page, address, "boss")
    await page.goto(f"{address}/contacts")
    callbacks = page.locator("[data-callbacks]")
    await expect(callbacks).to_contain_text("13900000003")
    await picture(page, "callbacks")
    await page.goto(f"{address}/contacts/live-4")
    panel = page.locator("[data-waiting]")
    await expect(panel).to_contain_text("能接的")
    await panel.locator("summary").click()
    await expect(panel).to_contain_text("张敏")
    await panel.locator("[name=priority]").fill("50")
    await panel.locator("[name=preferred]").select_option(index=1)
    await picture(page, "waiting")
    await page.set_viewport_size(SMALL)
    await picture(page, "waiting-1366")
    await panel.get_by_role("button", name="调整").click()
    await until(lambda: any(asked[0] == "change_place" for asked in house.actions.asked))
    asked = next(asked for asked in house.actions.asked if asked[0] == "change_place")
    assert "live-4" in asked
    await page.goto(f"{address}/contacts")
    await callbacks.get_by_role("button", name="取消").click()
    await expect(callbacks).to_have_count(0)


async def test_a_contacts_record_tells_why_and_plays_what_was_said(
    page: Page, address: str
) -> None:
    await sign_in(page, address, "boss")
    await page.set_viewport_size({"width": 1440, "height": 1150})
    await page.goto(f"{address}/contacts")
    await picture(page, "contacts")
    await page.locator("tr.line", has=page.get_by_role("img", name="有文字")).first.click()
    await expect(page.locator(".why .chosen")).to_contain_text("入选")
    await expect(page.locator(".story li")).not_to_have_count(0)
    lines = page.locator(".talk li")
    await expect(lines).to_have_count(7)
    await expect(lines.nth(0)).to_have_class("agent")
    await expect(lines.nth(1)).to_have_class("customer")
    await expect(page.locator(".wave rect")).not_to_have_count(0)
    await picture(page, "record")
    await lines.nth(3).locator("button").click()
    position = "document.querySelector('audio').currentTime"
    await page.wait_for_function(f"() => {position} > 13.7")  # a mere text would be eval'ed
    await expect(lines.nth(3)).to_have_class("customer current")
    await page.get_by_role("button", name="暂停").click()

    await page.get_by_role("button", name="English").click()
    await expect(page.locator(".aside")).to_contain_text("Why this agent")
    await expect(page.locator(".story")).to_contain_text("answered after")


async def test_the_desk_passes_a_caller_on(
    page: Page,
    address: str,
    house: House,
    today: Day,
) -> None:
    contact = [c for c, queue in today.queues.items() if queue == "returns"][-1]
    now = time.time()
    today.answer(now - 3, contact, "8005", 6.0)
    await tell(house, today)
    await sign_in(page, address, "8005")
    await page.wait_for_url("**/desk")
    await expect(page.locator(".call")).to_contain_text("通话中")
    await page.keyboard.press("t")
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("[data-choice]")).to_have_count(7)
    await picture(page, "desk-transfer")
    await dialog.get_by_role("tab", name="号码").click()
    number = dialog.locator("input[data-number]")
    await number.fill("1381")
    await expect(dialog.get_by_role("button", name="直接转接")).to_be_disabled()
    await number.fill("199 0000")
    await expect(dialog.get_by_role("button", name="直接转接")).to_be_enabled()
    await dialog.get_by_role("tab", name="队列").click()
    await dialog.locator('[data-choice="vip"]').get_by_role("button", name="直接转接").click()
    await until(
        lambda: house.actions.asked == [("transfer", contact, "queue", "vip", "agent:8005")]
    )
    await expect(dialog).to_be_hidden()

    spoken = {"contact": contact, "agent": "8005"}
    asked = {**spoken, "offer": 2, "target": "agent", "to": "8001"}
    today.events += [
        HoldStarted(at=now - 2, **spoken, offer=1, by="consult"),
        ConsultStarted(at=now - 2, **asked, queue="returns", author="agent:8005"),
        ConsultAnswered(at=now - 1, **asked),
    ]
    await tell(house, today)
    await expect(page.locator("[data-second]")).to_contain_text("李娜 8001")
    await expect(page.locator("[data-held]")).to_contain_text(re.compile(r"保持中 [01]:\d\d"))
    for size, name in ((WALL, "desk-consult"), (SMALL, "desk-consult-1366")):
        await page.set_viewport_size(size)
        await picture(page, name)
    await page.get_by_role("button", name="三方通话").click()
    await until(lambda: house.actions.asked[-1] == ("conference", contact, "agent:8005"))
    await page.get_by_role("button", name="English").click()
    await page.get_by_role("button", name="Hand over").click()
    await until(lambda: house.actions.asked[-1] == ("complete", contact, "agent:8005"))
    await picture(page, "desk-consult-en")
    house.actions.refuse = ActionRefused("no_consult", "nobody is asked")
    await page.get_by_role("button", name="Back to caller").click()
    await expect(page.get_by_role("alert")).to_contain_text("Nobody is being asked")
